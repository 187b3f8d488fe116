//! `Content-Disposition` (RFC 6266): the name under which a client saves what it gets.

use encoding_rs::{Encoding, WINDOWS_1252};
use http::HeaderValue;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, utf8_percent_encode};

use super::field_value;

/// What stays as it is in `filename*`: `attr-char` of RFC 8187 section 3.2.1.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// Tells a client to save the content under that name: `attachment; filename="..."`, and, when
/// plain ASCII cannot say the name, `filename*=UTF-8''...` after it for clients that read it.
///
/// Any bytes will do: what is not UTF-8 becomes U+FFFD, control characters and slashes become `_`,
/// and no name at all becomes `download`. In `filename` also `"`, `\` and `%` become `_`, which
/// clients read differently (RFC 6266 appendix D).
pub fn attachment(name: &[u8]) -> HeaderValue {
    let name: String = String::from_utf8_lossy(name)
        .chars()
        .map(|char| if char.is_control() || char == '/' { '_' } else { char })
        .collect();
    let name = if name.is_empty() { "download" } else { &name };
    let ascii: String = name.chars().map(|char| if is_plain(char) { char } else { '_' }).collect();
    if ascii == name {
        return field_value(format!("attachment; filename=\"{ascii}\""));
    }
    let encoded = utf8_percent_encode(name, ENCODED);
    field_value(format!("attachment; filename=\"{ascii}\"; filename*=UTF-8''{encoded}"))
}

/// Whether every client reads the character alike inside a quoted string.
fn is_plain(char: char) -> bool {
    matches!(char, ' '..='~') && !matches!(char, '"' | '\\' | '%')
}

/// The file name that a field's value gives, as it is there: paths and dots in it are for the caller
/// to judge. `filename*` (RFC 8187) comes before `filename`, which is UTF-8 where it can be, else
/// Latin-1.
pub fn file_name(value: &[u8]) -> Option<String> {
    let mut plain = None;
    for (name, value) in parameters(value) {
        if name.eq_ignore_ascii_case(b"filename*") {
            if let Some(name) = extended(&value) {
                return Some(name);
            }
        } else if name.eq_ignore_ascii_case(b"filename") && plain.is_none() {
            plain = Some(value);
        }
    }
    plain.map(|bytes| match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => WINDOWS_1252.decode_without_bom_handling(error.as_bytes()).0.into_owned(),
    })
}

/// Whether a field's value asks for the content to be saved: anything but `inline`, and but a value
/// that names no type at all (RFC 6266 section 4.2).
pub fn is_attachment(value: &[u8]) -> bool {
    let kind = value.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    !kind.is_empty() && !kind.contains(&b'=') && !kind.eq_ignore_ascii_case(b"inline")
}

/// The parameters after the type; of quoted ones what is in the quotes.
fn parameters(value: &[u8]) -> Vec<(&[u8], Vec<u8>)> {
    let mut found = Vec::new();
    let mut rest = value;
    // What comes before the first semicolon is the type, unless it was left out.
    while !rest.is_empty() {
        let end = rest.iter().position(|byte| matches!(byte, b';' | b'=')).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        let Some(after) = after.strip_prefix(b"=") else {
            rest = after.get(1..).unwrap_or_default();
            continue;
        };
        let after = after.trim_ascii_start();
        let (value, after) = if let Some(quoted) = after.strip_prefix(b"\"") {
            unquoted(quoted)
        } else {
            let end = after.iter().position(|byte| *byte == b';').unwrap_or(after.len());
            let (value, after) = after.split_at(end);
            (value.trim_ascii().to_vec(), after)
        };
        found.push((name.trim_ascii(), value));
        let next = after.iter().position(|byte| *byte == b';').map_or(after.len(), |at| at + 1);
        rest = &after[next..];
    }
    found
}

/// A quoted string without its quotes, and what follows. A backslash that quotes neither a quote nor
/// itself is one of a path on Windows.
fn unquoted(quoted: &[u8]) -> (Vec<u8>, &[u8]) {
    let mut value = Vec::new();
    let mut at = 0;
    while let Some(byte) = quoted.get(at) {
        match (byte, quoted.get(at + 1)) {
            (b'"', _) => return (value, &quoted[at + 1..]),
            (b'\\', Some(next @ (b'"' | b'\\'))) => {
                value.push(*next);
                at += 1;
            }
            _ => value.push(*byte),
        }
        at += 1;
    }
    (value, &[])
}

/// `UTF-8'en'%e2%82%ac`
fn extended(value: &[u8]) -> Option<String> {
    let mut pieces = value.splitn(3, |byte| *byte == b'\'');
    let (charset, _language, text) = (pieces.next()?, pieces.next()?, pieces.next()?);
    let encoding = Encoding::for_label_no_replacement(charset)?;
    let bytes: Vec<u8> = percent_decode(text).collect();
    let decoded = encoding.decode_without_bom_handling_and_without_replacement(&bytes)?;
    Some(decoded.into_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_written_for_old_and_new_clients() {
        let rows: &[(&[u8], &str)] = &[
            (b"a b.txt", "attachment; filename=\"a b.txt\""),
            (b"it's (1), [x]; y=z.txt", "attachment; filename=\"it's (1), [x]; y=z.txt\""),
            // RFC 6266 5, its last example, in our spelling.
            (
                "\u{20ac} rates.txt".as_bytes(),
                "attachment; filename=\"_ rates.txt\"; filename*=UTF-8''%E2%82%AC%20rates.txt",
            ),
            (b"50%.txt", "attachment; filename=\"50_.txt\"; filename*=UTF-8''50%25.txt"),
            (
                b"a\"b\\c*'(",
                "attachment; filename=\"a_b_c*'(\"; filename*=UTF-8''a%22b%5Cc%2A%27%28",
            ),
            (b"a\r\nX: y", "attachment; filename=\"a__X: y\""),
            (b"a/b", "attachment; filename=\"a_b\""),
            (b"\xff.bin", "attachment; filename=\"_.bin\"; filename*=UTF-8''%EF%BF%BD.bin"),
            (b"", "attachment; filename=\"download\""),
        ];
        for (name, expected) in rows {
            assert_eq!(attachment(name), expected);
        }
    }

    #[test]
    fn names_are_read_as_servers_write_them() {
        let rows: &[(&[u8], Option<&str>)] = &[
            (b"attachment; filename=\"a b.txt\"", Some("a b.txt")),
            (b"attachment; filename=a.txt", Some("a.txt")),
            (b"attachment;filename=a b.txt ;x=y", Some("a b.txt")),
            (b"ATTACHMENT; FileName = \"a;b=c.txt\"; size=3", Some("a;b=c.txt")),
            (b"filename=a.txt", Some("a.txt")),
            (b"attachment; filename=\"a\\\"b\\\\c\"", Some("a\"b\\c")),
            (b"attachment; filename=\"C:\\dir\\a.txt\"", Some("C:\\dir\\a.txt")),
            (
                b"attachment; filename=\"_ rates\"; filename*=UTF-8''%e2%82%ac%20rates",
                Some("\u{20ac} rates"),
            ),
            (b"attachment; filename*=utf-8'en'%e2%82%ac; filename=b", Some("\u{20ac}")),
            (b"attachment; filename*=ISO-8859-1''%e9; filename=b", Some("\u{e9}")),
            // What cannot be read is passed over.
            (b"attachment; filename*=UTF-8''%e2%82; filename=b", Some("b")),
            (b"attachment; filename*=nonsense''a; filename=b", Some("b")),
            (b"attachment; filename*=a", None),
            (b"attachment; filename=\"\xe2\x82\xac\"", Some("\u{20ac}")),
            (b"attachment; filename=\"\xe9\"", Some("\u{e9}")),
            (b"attachment; filename=\"a", Some("a")),
            (b"attachment; filename=", Some("")),
            (b"attachment; name=a", None),
            (b"", None),
            (b";;=;", None),
        ];
        for (value, expected) in rows {
            let shown = String::from_utf8_lossy(value);
            assert_eq!(file_name(value).as_deref(), *expected, "{shown}");
        }
    }

    #[test]
    fn what_is_inline_is_no_attachment() {
        for (value, expected) in [
            ("attachment; filename=a", true),
            ("Attachment", true),
            ("form-data", true),
            ("inline; filename=a", false),
            ("INLINE", false),
            ("filename=a", false),
            ("", false),
        ] {
            assert_eq!(is_attachment(value.as_bytes()), expected, "{value}");
        }
    }

    proptest! {
        #[test]
        fn any_value_is_read(value in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = file_name(&value);
            let mut quoted = b"attachment; filename=\"".to_vec();
            quoted.extend(value);
            prop_assert!(file_name(&quoted).is_some());
        }

        #[test]
        fn our_own_names_are_read_back(name in "[^\\p{Cc}/]{1,30}") {
            let value = attachment(name.as_bytes());
            prop_assert_eq!(file_name(value.as_bytes()), Some(name));
        }

        #[test]
        fn any_name_is_a_value_of_two_parameters_at_most(
            name in prop::collection::vec(any::<u8>(), 0..60)
        ) {
            let value = attachment(&name);
            let value = value.to_str().unwrap();
            let rest = value.strip_prefix("attachment; filename=\"").unwrap();
            let (_, after) = rest.split_once('"').unwrap();
            prop_assert!(!after.contains('"'));
            prop_assert!(after.is_empty() || after.starts_with("; filename*=UTF-8''"));
        }
    }
}
