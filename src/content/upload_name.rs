//! The name that an uploaded file gets, from the one its sender gave it.
//!
//! Browsers send the bare name, some programs a whole path of the sender's machine, and an attacker
//! whatever he likes. What comes out can be joined to a folder without another look.

use std::fmt;

/// Bytes that a name has at most: what Linux file systems take.
const LONGEST: usize = 255;

/// Bytes that what follows the last dot may have to be kept when a name is cut.
const LONGEST_EXTENSION: usize = 32;

/// A file name that is safe to make, on any system that the folder may be shared with.
///
/// What always holds:
/// - it is one component: 1 to 255 bytes of UTF-8 without `/`, `\`, `:` and control characters;
/// - it is not hidden (no leading dot), so neither `.` nor `..`;
/// - it ends with neither dot nor space, and names no device of Windows.
///
/// Parsing it again gives it back unchanged.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UploadName(Box<str>);

/// Why no file is given that name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameError {
    /// Nothing is left: it was empty, ended with a slash, or held only dots and spaces.
    Empty,
    /// It is not UTF-8.
    NotUtf8,
    /// It holds NUL, a line end or another control character.
    Control,
    /// It begins with a dot.
    Hidden,
    /// It holds a colon: a drive or a stream on Windows.
    Colon,
    /// Windows knows a device of that name.
    Reserved,
    /// No file can have exactly that name.
    Inexact,
}

impl fmt::Display for NameError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Empty => "the file name is empty",
            Self::NotUtf8 => "the file name is not UTF-8",
            Self::Control => "the file name holds a control character",
            Self::Hidden => "the file name begins with a dot, which would hide the file",
            Self::Colon => "the file name holds a colon",
            Self::Reserved => "the file name is that of a device on Windows",
            Self::Inexact => {
                "the file name has more than 255 bytes, a backslash, or a dot or space at its end"
            }
        })
    }
}

impl std::error::Error for NameError {}

impl UploadName {
    /// Makes a name of what the sender called the file: the last component of a path with `/` or
    /// `\`, without dots and spaces at its end, cut to 255 bytes with its extension kept.
    pub fn parse(sent: &[u8]) -> Result<Self, NameError> {
        let last = sent.rsplit(|&byte| matches!(byte, b'/' | b'\\')).next().unwrap_or_default();
        let name = std::str::from_utf8(last).map_err(|_| NameError::NotUtf8)?;
        if name.chars().any(char::is_control) {
            return Err(NameError::Control);
        }
        let name = without_tail(name);
        if name.is_empty() {
            return Err(NameError::Empty);
        }
        if name.starts_with('.') {
            return Err(NameError::Hidden);
        }
        if name.contains(':') {
            return Err(NameError::Colon);
        }
        // What is cut off may be all that told it from a device.
        let name = shortened(name);
        if name.is_empty() {
            return Err(NameError::Empty);
        }
        if is_device(&name) {
            return Err(NameError::Reserved);
        }
        Ok(Self(name))
    }

    /// Takes a name as it is or not at all, for a sender who will ask for the file by it.
    pub fn exact(sent: &[u8]) -> Result<Self, NameError> {
        let name = Self::parse(sent)?;
        if name.as_bytes() == sent { Ok(name) } else { Err(NameError::Inexact) }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name as the file system takes it.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Display for UploadName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Windows drops dots and spaces at the end of a name without a word.
fn without_tail(name: &str) -> &str {
    name.trim_end_matches(['.', ' '])
}

/// Whether Windows takes the name for a device, whatever its extension.
fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or(name).trim_end_matches(' ');
    let named = ["con", "prn", "aux", "nul", "conin$", "conout$"];
    if named.iter().any(|device| stem.eq_ignore_ascii_case(device)) {
        return true;
    }
    let mut characters = stem.chars();
    let port: String = characters.by_ref().take(3).collect();
    let is_port = port.eq_ignore_ascii_case("com") || port.eq_ignore_ascii_case("lpt");
    let number = characters.next();
    is_port
        && matches!(number, Some('0'..='9' | '\u{b9}' | '\u{b2}' | '\u{b3}'))
        && characters.next().is_none()
}

fn shortened(name: &str) -> Box<str> {
    if name.len() <= LONGEST {
        return name.into();
    }
    let extension = match name.rfind('.') {
        Some(dot) if name.len() - dot <= LONGEST_EXTENSION + 1 => &name[dot..],
        _ => "",
    };
    let mut end = LONGEST - extension.len();
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    let stem = &name[..end];
    if extension.is_empty() {
        without_tail(stem).into()
    } else {
        (stem.to_owned() + extension).into()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(sent: impl AsRef<[u8]>) -> Result<String, NameError> {
        UploadName::parse(sent.as_ref()).map(|name| name.as_str().to_owned())
    }

    #[test]
    fn what_is_cut_off_does_not_hide_a_device() {
        let name = format!("NUL{}x", " ".repeat(300));
        assert_eq!(parsed(name), Err(NameError::Reserved));
        assert_eq!(parsed(format!("{}x", " ".repeat(300))), Err(NameError::Empty));
    }

    #[test]
    fn names_that_are_kept() {
        let rows: &[(&str, &str)] = &[
            ("a.txt", "a.txt"),
            ("a", "a"),
            (" a", " a"),
            ("a b (1).tar.gz", "a b (1).tar.gz"),
            ("\u{e9}t\u{e9} \u{1f600}.png", "\u{e9}t\u{e9} \u{1f600}.png"),
            ("\u{5d0}\u{5d1}.txt", "\u{5d0}\u{5d1}.txt"),
            ("<script>alert(1)<", "<script>alert(1)<"),
            ("100%#?&\"'`;", "100%#?&\"'`;"),
            ("%2e%2e%2fpasswd", "%2e%2e%2fpasswd"),
            ("~root", "~root"),
            ("-rf", "-rf"),
            // The last component, whichever slash the sender's machine has.
            ("/etc/passwd", "passwd"),
            ("../../etc/passwd", "passwd"),
            ("..\\..\\windows\\system.ini", "system.ini"),
            ("C:\\x", "x"),
            ("C:\\docs/a\\b.txt", "b.txt"),
            ("\\\\host\\share\\x.doc", "x.doc"),
            ("//x", "x"),
            // What a path holds before its last component does not matter.
            (".git/config", "config"),
            ("a:b/c", "c"),
            ("NUL/a", "a"),
            ("a\0b/c", "c"),
            // The end that Windows would drop.
            ("a.txt.", "a.txt"),
            ("a.txt ", "a.txt"),
            ("a. . .", "a"),
            // Like devices, and none.
            ("console", "console"),
            ("nu", "nu"),
            ("xnul", "xnul"),
            ("com", "com"),
            ("com10", "com10"),
            ("com1x.txt", "com1x.txt"),
            ("a.nul", "a.nul"),
            ("lpt\u{b4}", "lpt\u{b4}"),
        ];
        for (sent, expected) in rows {
            assert_eq!(parsed(sent).as_deref(), Ok(*expected), "{sent:?}");
        }
        assert_eq!(parsed(b"\xff/a").as_deref(), Ok("a"));
    }

    #[test]
    fn names_that_are_refused() {
        let rows: &[(&str, NameError)] = &[
            ("", NameError::Empty),
            (".", NameError::Empty),
            ("..", NameError::Empty),
            ("...", NameError::Empty),
            (" . ", NameError::Empty),
            ("/", NameError::Empty),
            ("a/", NameError::Empty),
            ("a\\", NameError::Empty),
            ("a/..", NameError::Empty),
            ("a\0.txt", NameError::Control),
            ("a\n", NameError::Control),
            ("a\r\nb", NameError::Control),
            ("\u{7f}", NameError::Control),
            ("a\u{85}b", NameError::Control),
            ("\u{1b}[2J", NameError::Control),
            (".profile", NameError::Hidden),
            (".salver-uploads", NameError::Hidden),
            ("a/.htaccess", NameError::Hidden),
            ("..a", NameError::Hidden),
            ("C:", NameError::Colon),
            ("C:x", NameError::Colon),
            ("a.txt:stream", NameError::Colon),
            ("a.txt::$DATA", NameError::Colon),
            ("NUL", NameError::Reserved),
            ("nul", NameError::Reserved),
            ("nul.txt", NameError::Reserved),
            ("Nul.tar.gz", NameError::Reserved),
            ("nul .txt", NameError::Reserved),
            ("NUL. ", NameError::Reserved),
            ("con", NameError::Reserved),
            ("PRN", NameError::Reserved),
            ("aux.h", NameError::Reserved),
            ("com0", NameError::Reserved),
            ("COM1", NameError::Reserved),
            ("lpt9.x", NameError::Reserved),
            ("com\u{b9}", NameError::Reserved),
            ("CONIN$", NameError::Reserved),
            ("conout$.x", NameError::Reserved),
            ("C:\\nul", NameError::Reserved),
        ];
        for (sent, error) in rows {
            assert_eq!(parsed(sent), Err(*error), "{sent:?}");
        }
        for sent in [&b"\xff"[..], b"a\xc3", b"x/\xed\xa0\x80.txt"] {
            assert_eq!(parsed(sent), Err(NameError::NotUtf8), "{sent:?}");
        }
    }

    #[test]
    fn long_names_are_cut_and_keep_their_extension() {
        let rows = [
            ("a".repeat(255), "a".repeat(255)),
            ("a".repeat(10_000), "a".repeat(255)),
            ("a".repeat(10_000) + ".txt", "a".repeat(251) + ".txt"),
            ("a".repeat(300) + ".tar.gz", "a".repeat(252) + ".gz"),
            // Of 255 bytes 254 make whole characters.
            ("\u{e9}".repeat(200), "\u{e9}".repeat(127)),
            ("\u{e9}".repeat(200) + ".x", "\u{e9}".repeat(126) + ".x"),
            ("\u{1f600}".repeat(99), "\u{1f600}".repeat(63)),
            // 32 bytes after the dot are an extension, more are not.
            ("a".repeat(300) + "." + &"e".repeat(32), "a".repeat(222) + "." + &"e".repeat(32)),
            ("a".repeat(254) + "." + &"e".repeat(33), "a".repeat(254)),
            // A cut leaves no end that would be dropped.
            ("a".repeat(250) + &" .".repeat(9) + &"b".repeat(40), "a".repeat(250)),
        ];
        for (sent, expected) in rows {
            assert_eq!(parsed(&sent), Ok(expected), "{sent}");
        }
    }

    #[test]
    fn an_exact_name_is_left_as_it_is_or_refused() {
        let longest = "a".repeat(255);
        for sent in ["a.txt", "a b", &longest] {
            assert_eq!(UploadName::exact(sent.as_bytes()).unwrap().as_str(), sent);
        }
        for sent in ["a.", "a ", "x\\a", &format!("{longest}a")] {
            assert_eq!(UploadName::exact(sent.as_bytes()), Err(NameError::Inexact), "{sent}");
        }
        assert_eq!(UploadName::exact(b"nul"), Err(NameError::Reserved));
    }

    /// Names made of what matters in names, more often than of anything else.
    fn sent_names() -> impl Strategy<Value = Vec<u8>> {
        let pieces = prop_oneof![
            4 => prop::sample::select(vec![
                "/", "\\", ".", "..", " ", ":", "nul", "COM1", "\0", "\n", "\u{e9}", "\u{1f600}",
            ])
            .prop_map(|piece| piece.as_bytes().to_vec()),
            3 => "[a-c]{1,3}".prop_map(String::into_bytes),
            1 => "[ .a\u{e9}]{200,300}".prop_map(String::into_bytes),
            1 => prop::collection::vec(any::<u8>(), 0..4),
        ];
        prop::collection::vec(pieces, 0..8).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn whatever_is_sent_gives_a_safe_name_or_none(sent in sent_names()) {
            let Ok(name) = UploadName::parse(&sent) else { return Ok(()) };
            let text = name.as_str();
            prop_assert!((1..=255).contains(&text.len()));
            prop_assert!(!text.contains(['/', '\\', ':']) && !text.contains(char::is_control));
            prop_assert!(!text.starts_with('.') && !text.ends_with(['.', ' ']));
            prop_assert_eq!(std::path::Path::new(text).components().count(), 1);
            let again = UploadName::parse(name.as_bytes());
            prop_assert_eq!(again.as_ref(), Ok(&name));
        }
    }
}
