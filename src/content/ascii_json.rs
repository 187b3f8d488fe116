//! JSON that is harmless wherever it is shown.

use std::io;

use serde::Serialize;
use serde_json::Serializer;

/// JSON in ASCII only: DEL, the C1 controls and characters that change the direction or the line
/// reach a terminal as harmless `\u` escapes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ascii;

impl serde_json::ser::Formatter for Ascii {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = rest.bytes().position(|byte| byte >= 0x7f) {
            let (before, from) = rest.split_at(at);
            writer.write_all(before.as_bytes())?;
            let mut chars = from.chars();
            if let Some(odd) = chars.next() {
                for unit in odd.encode_utf16(&mut [0; 2]) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            }
            rest = chars.as_str();
        }
        writer.write_all(rest.as_bytes())
    }
}

/// A value as such JSON.
pub fn to_vec(value: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let mut out = Vec::new();
    value.serialize(&mut Serializer::with_formatter(&mut out, Ascii))?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_might_obey_is_escaped() {
        let text = "a\u{9b}31m\u{202e}\u{7f}\u{1f600}\n\"";
        let json = to_vec(&text).unwrap();
        assert_eq!(json, br#""a\u009b31m\u202e\u007f\ud83d\ude00\n\"""#);
        assert_eq!(serde_json::from_slice::<String>(&json).unwrap(), text);
    }
}
