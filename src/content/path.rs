//! The path of a request, decoded and made normal; and the way back, for links and `Location`.
//!
//! RFC 3986 sections 2.1 (percent-encoding), 5.2.4 (dot segments) and 6.2.2 (normal form).
//! Whether a path leaves the root through a symbolic link is for the store to see: here it is
//! only made sure that its text does not.

use std::borrow::Cow;
use std::fmt;

use http::StatusCode;
use memchr::{memchr, memrchr};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, percent_encode};

/// A path below the document root.
///
/// What always holds:
/// - it begins with `/`;
/// - it is percent-decoded, exactly once; its bytes may be anything but NUL, valid UTF-8 or not;
/// - no segment is empty, `.` or `..`, except that a final `/` stays and means 'a folder';
/// - no segment holds a `/` that was sent percent-encoded.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SitePath<'a> {
    bytes: Cow<'a, [u8]>,
    hidden: bool,
    reserved: bool,
}

/// The folder inside the upload folder where unfinished uploads lie. Nothing of that name is ever
/// served or listed.
pub const RESERVED: &str = ".salver-uploads";

/// Why a request path names nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathError {
    /// It does not begin with `/`, or a `%` has no two hexadecimal digits after it: 400.
    Malformed,
    /// It holds NUL or an encoded `/`, which no file name can: 404.
    NotFound,
    /// It climbs above the root: 404.
    OutsideRoot,
}

impl PathError {
    /// The status to answer with.
    pub fn status(self) -> StatusCode {
        match self {
            Self::Malformed => StatusCode::BAD_REQUEST,
            Self::NotFound | Self::OutsideRoot => StatusCode::NOT_FOUND,
        }
    }
}

impl fmt::Display for PathError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Malformed => {
                "the path must begin with '/' and every '%' be followed by two hexadecimal digits"
            }
            Self::NotFound => "no file name holds NUL or '/'",
            Self::OutsideRoot => "the path leads above the document root",
        })
    }
}

impl std::error::Error for PathError {}

impl<'a> SitePath<'a> {
    /// Reads a path as it was sent, without its query. Borrows when it is already as it should be.
    ///
    /// Escapes are decoded before dot segments are removed, so `%2e%2e` is `..`. Repeated slashes
    /// are one slash, also in front of `..`: `/a//../b` is `/b`, as nginx reads it.
    #[inline]
    pub fn parse(raw: &'a [u8]) -> Result<Self, PathError> {
        if raw.first() != Some(&b'/') {
            return Err(PathError::Malformed);
        }
        if !needs_care(raw) {
            return Ok(Self { bytes: Cow::Borrowed(raw), hidden: false, reserved: false });
        }
        let normal = without_dot_segments(&decoded(raw)?)?;
        let hidden = has_hidden_segment(&normal);
        let reserved = hidden && has_reserved_segment(&normal);
        let bytes = if normal == raw { Cow::Borrowed(raw) } else { Cow::Owned(normal) };
        Ok(Self { bytes, hidden, reserved })
    }

    /// The whole path, from its first `/`.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The path below the root: no `/` at either end, empty for the root itself.
    #[inline]
    pub fn relative(&self) -> &[u8] {
        let below = self.bytes.strip_prefix(b"/").unwrap_or(&self.bytes);
        below.strip_suffix(b"/").unwrap_or(below)
    }

    /// Whether it ends with `/`, so that only a folder can be meant.
    #[inline]
    pub fn is_folder(&self) -> bool {
        self.bytes.last() == Some(&b'/')
    }

    /// The last segment; empty for the root.
    pub fn name(&self) -> &[u8] {
        let relative = self.relative();
        memrchr(b'/', relative).map_or(relative, |at| &relative[at + 1..])
    }

    /// Whether a segment begins with a dot. A first segment `.well-known` (RFC 8615) does not
    /// count; what begins with a dot below it does.
    #[inline]
    pub fn is_hidden(&self) -> bool {
        self.hidden
    }

    /// Whether a segment is [`RESERVED`]: then nobody may see what is there, hidden names shown or
    /// not.
    #[inline]
    pub fn is_reserved(&self) -> bool {
        self.reserved
    }

    /// What follows the last dot of the name; see [`extension`].
    pub fn extension(&self) -> Option<&[u8]> {
        extension(self.name())
    }

    /// The path for a link or `Location`; see [`encode`].
    pub fn encoded(&self) -> String {
        encode(&self.bytes)
    }

    /// The path of an entry of a folder: `folder` ends with `/`, `name` is a file name.
    pub fn of_entry(folder: &[u8], name: &[u8]) -> SitePath<'static> {
        let bytes = [folder, name].concat();
        let hidden = has_hidden_segment(&bytes);
        let reserved = is_reserved(name);
        SitePath { bytes: Cow::Owned(bytes), hidden, reserved }
    }

    /// The same path, borrowing nothing.
    pub fn into_owned(self) -> SitePath<'static> {
        SitePath {
            bytes: Cow::Owned(self.bytes.into_owned()),
            hidden: self.hidden,
            reserved: self.reserved,
        }
    }
}

/// What follows the last dot of a file name. None when nothing follows it or nothing is before it:
/// `.profile` is a hidden name, not an extension.
pub fn extension(name: &[u8]) -> Option<&[u8]> {
    let dot = memrchr(b'.', name).filter(|&at| at > 0)?;
    Some(&name[dot + 1..]).filter(|extension| !extension.is_empty())
}

/// What stays as it is in a link: the unreserved characters of RFC 3986 section 2.3, `/`, and
/// delimiters that have no meaning in a path, in HTML or in a field value. A `:` does not stay:
/// the name `a:b` alone would be read as a URL of scheme `a`.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/')
    .remove(b'@')
    .remove(b'!')
    .remove(b',')
    .remove(b'=')
    .remove(b'(')
    .remove(b')');

/// Percent-encodes a path or a file name for use in `href="..."` and in `Location`.
///
/// The result is ASCII without white space, quotes, `<>&%#?\` or `:` other than in escapes, and
/// does not begin with `//`, which would name another host (RFC 3986 section 4.2).
/// [`SitePath::parse`] gives the bytes back, provided they are a normal path.
pub fn encode(path: &[u8]) -> String {
    escapes(path).to_string()
}

/// The pieces of what [`encode`] gives.
pub(super) fn escapes(path: &[u8]) -> PercentEncode<'_> {
    let doubled = path.iter().take_while(|&&byte| byte == b'/').count();
    percent_encode(&path[doubled.saturating_sub(1)..], ENCODED)
}

/// Whether a path that begins with `/` holds an escape, NUL, or a slash followed by a slash or a
/// dot. One pass without a branch, because nearly every path holds none of them.
#[expect(
    clippy::needless_bitwise_bool,
    reason = "lazy operators keep the compiler from looking at many bytes at once"
)]
#[inline]
fn needs_care(path: &[u8]) -> bool {
    let pairs = path.iter().zip(path.iter().skip(1));
    pairs.fold(false, |found, (&before, &byte)| {
        found
            | (byte == b'%')
            | (byte == 0)
            | ((before == b'/') & ((byte == b'/') | (byte == b'.')))
    })
}

fn decoded(raw: &[u8]) -> Result<Vec<u8>, PathError> {
    let mut out = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = memchr(b'%', rest) {
        let [_, high, low, after @ ..] = &rest[at..] else {
            return Err(PathError::Malformed);
        };
        let byte = hex_digit(*high)? << 4 | hex_digit(*low)?;
        if byte == b'/' {
            return Err(PathError::NotFound);
        }
        out.extend_from_slice(&rest[..at]);
        out.push(byte);
        rest = after;
    }
    out.extend_from_slice(rest);
    match memchr(0, &out) {
        Some(_) => Err(PathError::NotFound),
        None => Ok(out),
    }
}

fn hex_digit(byte: u8) -> Result<u8, PathError> {
    match byte {
        b'0'..=b'9' => Ok(byte - b'0'),
        b'a'..=b'f' => Ok(byte - b'a' + 10),
        b'A'..=b'F' => Ok(byte - b'A' + 10),
        _ => Err(PathError::Malformed),
    }
}

/// RFC 3986 section 5.2.4, with empty segments left out and a `..` too many an error.
fn without_dot_segments(path: &[u8]) -> Result<Vec<u8>, PathError> {
    let mut out = Vec::with_capacity(path.len());
    let mut ends_in_folder = true;
    for segment in path.split(|&byte| byte == b'/') {
        ends_in_folder = matches!(segment, b"" | b"." | b"..");
        match segment {
            b"" | b"." => {}
            b".." => {
                let parent = memrchr(b'/', &out).ok_or(PathError::OutsideRoot)?;
                out.truncate(parent);
            }
            name => {
                out.push(b'/');
                out.extend_from_slice(name);
            }
        }
    }
    if ends_in_folder {
        out.push(b'/');
    }
    Ok(out)
}

fn has_hidden_segment(path: &[u8]) -> bool {
    let mut segments = path.split(|&byte| byte == b'/').skip(1);
    let is_dotted = |segment: &[u8]| segment.first() == Some(&b'.');
    let first_is_hidden =
        segments.next().is_some_and(|first| is_dotted(first) && first != b".well-known");
    first_is_hidden || segments.any(is_dotted)
}

/// Whether a name is [`RESERVED`], also as file systems see it to which case is nothing.
pub fn is_reserved(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(RESERVED.as_bytes())
}

fn has_reserved_segment(path: &[u8]) -> bool {
    path.split(|&byte| byte == b'/').any(is_reserved)
}

#[cfg(test)]
mod tests {
    use std::path::{Component, Path};

    use proptest::prelude::*;

    use super::*;

    fn parsed(raw: &str) -> Result<Vec<u8>, PathError> {
        SitePath::parse(raw.as_bytes()).map(|path| path.as_bytes().to_vec())
    }

    #[test]
    fn paths_become_normal() {
        let rows: &[(&str, &[u8])] = &[
            ("/", b"/"),
            ("/a", b"/a"),
            ("/a/", b"/a/"),
            ("/a/b.txt", b"/a/b.txt"),
            // RFC 3986 2.1: "%41" is "A"; upper and lower case digits are the same.
            ("/%41%c3%a9%C3%A9", b"/A\xc3\xa9\xc3\xa9"),
            ("/%ff", b"/\xff"),
            ("/a%20b+c", b"/a b+c"),
            // Once: what the first decoding gives is not decoded again.
            ("/%2541", b"/%41"),
            ("/%252e%252e/x", b"/%2e%2e/x"),
            ("/%3f%23", b"/?#"),
            ("/%5c..%5c", b"/\\..\\"),
            // RFC 3986 5.2.4, its own example among them.
            ("/a/b/c/./../../g", b"/a/g"),
            ("/a/.", b"/a/"),
            ("/a/./", b"/a/"),
            ("/a/..", b"/"),
            ("/a/b/..", b"/a/"),
            ("/a/b/../", b"/a/"),
            ("/.", b"/"),
            ("/a/%2e%2E/b", b"/b"),
            ("/a/.%2e", b"/"),
            // Not dot segments.
            ("/...", b"/..."),
            ("/..a/a../.b", b"/..a/a../.b"),
            // Empty segments.
            ("//", b"/"),
            ("//evil.example/x", b"/evil.example/x"),
            ("/a///b//", b"/a/b/"),
            ("/a//../b", b"/b"),
        ];
        for (raw, expected) in rows {
            assert_eq!(parsed(raw).as_deref(), Ok(*expected), "{raw}");
        }
    }

    #[test]
    fn paths_that_name_nothing_are_refused() {
        let rows = [
            ("", PathError::Malformed),
            ("*", PathError::Malformed),
            ("a/b", PathError::Malformed),
            ("/%", PathError::Malformed),
            ("/%4", PathError::Malformed),
            ("/%g1", PathError::Malformed),
            ("/%1g", PathError::Malformed),
            ("/%%41", PathError::Malformed),
            ("/% 1", PathError::Malformed),
            ("/%+1", PathError::Malformed),
            ("/a%2fb", PathError::NotFound),
            ("/..%2F", PathError::NotFound),
            ("/a%00", PathError::NotFound),
            ("/a\0b", PathError::NotFound),
            ("/..", PathError::OutsideRoot),
            ("/../etc/passwd", PathError::OutsideRoot),
            ("/a/../..", PathError::OutsideRoot),
            ("/a//../../b", PathError::OutsideRoot),
            ("/%2e%2e/%2e%2e/etc", PathError::OutsideRoot),
            ("/.%2E/", PathError::OutsideRoot),
        ];
        for (raw, error) in rows {
            assert_eq!(parsed(raw), Err(error), "{raw:?}");
        }
        assert_eq!(PathError::Malformed.status(), StatusCode::BAD_REQUEST);
        assert_eq!(PathError::NotFound.status(), StatusCode::NOT_FOUND);
        assert_eq!(PathError::OutsideRoot.status(), StatusCode::NOT_FOUND);
    }

    #[test]
    fn a_path_that_is_as_it_should_be_is_borrowed() {
        for raw in ["/", "/a/b.txt", "/.git/x", "/.well-known/y/", "/\u{e9}"] {
            let path = SitePath::parse(raw.as_bytes()).unwrap();
            assert!(matches!(path.bytes, Cow::Borrowed(_)), "{raw}");
        }
        let path = SitePath::parse(b"/%41").unwrap();
        assert!(matches!(path.bytes, Cow::Owned(_)));
    }

    #[test]
    fn the_pieces_of_a_path() {
        // path, relative, name, extension, folder, hidden
        type Row = (&'static str, &'static str, &'static str, Option<&'static str>, bool, bool);
        let rows: &[Row] = &[
            ("/", "", "", None, true, false),
            ("/a", "a", "a", None, false, false),
            ("/a/b.tar.gz", "a/b.tar.gz", "b.tar.gz", Some("gz"), false, false),
            ("/a.d/b/", "a.d/b", "b", None, true, false),
            ("/a.d/", "a.d", "a.d", Some("d"), true, false),
            ("/x.", "x.", "x.", None, false, false),
            ("/.profile", ".profile", ".profile", None, false, true),
            ("/.git/config", ".git/config", "config", None, false, true),
            ("/a/%2egit/", "a/.git", ".git", None, true, true),
            ("/...", "...", "...", None, false, true),
            ("/.well-known", ".well-known", ".well-known", None, false, false),
            ("/.well-known/a.b", ".well-known/a.b", "a.b", Some("b"), false, false),
            ("/.well-known/.x", ".well-known/.x", ".x", None, false, true),
            ("/a/.well-known/x", "a/.well-known/x", "x", None, false, true),
            ("/.well-knowns", ".well-knowns", ".well-knowns", None, false, true),
        ];
        for &(raw, relative, name, extension, folder, hidden) in rows {
            let path = SitePath::parse(raw.as_bytes()).unwrap();
            assert_eq!(path.relative(), relative.as_bytes(), "{raw}");
            assert_eq!(path.name(), name.as_bytes(), "{raw}");
            assert_eq!(path.extension(), extension.map(str::as_bytes), "{raw}");
            assert_eq!(path.is_folder(), folder, "{raw}");
            assert_eq!(path.is_hidden(), hidden, "{raw}");
            assert_eq!(path.clone().into_owned(), path);
        }
    }

    #[test]
    fn the_folder_of_unfinished_uploads_is_reserved_wherever_it_is() {
        let rows = [
            ("/.salver-uploads", true),
            ("/.salver-uploads/", true),
            ("/%2esalver-uploads/x", true),
            ("/a/./.SALVER-uploads/x", true),
            ("/.well-known/.salver-uploads", true),
            ("/.salver-uploads2", false),
            ("/salver-uploads", false),
            ("/a.salver-uploads", false),
            ("/.salver-uploads/../x", false),
        ];
        for (raw, reserved) in rows {
            let path = SitePath::parse(raw.as_bytes()).unwrap();
            assert_eq!(path.is_reserved(), reserved, "{raw}");
            assert_eq!(path.into_owned().is_reserved(), reserved, "{raw}");
        }
    }

    #[test]
    fn links_hold_nothing_that_html_a_field_or_a_url_reads() {
        let rows: &[(&[u8], &str)] = &[
            (b"/a b/\"x\"", "/a%20b/%22x%22"),
            (b"/<a>&'`", "/%3Ca%3E%26%27%60"),
            (b"/100%#?", "/100%25%23%3F"),
            (b"/\xc3\xa9\xff\x7f\r\n", "/%C3%A9%FF%7F%0D%0A"),
            (b"/a-b_c.d~e@1,2=3!(4)", "/a-b_c.d~e@1,2=3!(4)"),
            (b"a:b", "a%3Ab"),
            // RFC 3986 4.2: "//" would begin a network-path reference; browsers read "/\" alike.
            (b"//evil.example", "/evil.example"),
            (b"///", "/"),
            (b"/\\evil.example", "/%5Cevil.example"),
            (b"", ""),
        ];
        for (path, expected) in rows {
            assert_eq!(encode(path), *expected);
        }
    }

    /// Bytes of the kind that matter in paths, more often than others.
    fn path_bytes() -> impl Strategy<Value = Vec<u8>> {
        let pieces = prop_oneof![
            4 => prop::sample::select(vec!["/", ".", "..", "%2e", "%2E", "%", "%2f", "//", "/../"])
                .prop_map(|piece| piece.as_bytes().to_vec()),
            2 => "[a-c]{1,3}".prop_map(String::into_bytes),
            1 => prop::collection::vec(any::<u8>(), 0..4),
        ];
        prop::collection::vec(pieces, 0..12).prop_map(|pieces| {
            let mut path = b"/".to_vec();
            path.extend(pieces.concat());
            path
        })
    }

    proptest! {
        #[test]
        fn any_bytes_give_a_path_that_stays_below_the_root(raw in path_bytes()) {
            let Ok(path) = SitePath::parse(&raw) else { return Ok(()) };
            prop_assert_eq!(path.as_bytes()[0], b'/');
            prop_assert!(!path.as_bytes().contains(&0));
            let relative = path.relative();
            if !relative.is_empty() {
                for segment in relative.split(|&byte| byte == b'/') {
                    prop_assert!(!matches!(segment, b"" | b"." | b".."));
                }
            }
            let text = String::from_utf8_lossy(relative).into_owned();
            for component in Path::new(&text).components() {
                prop_assert!(matches!(component, Component::Normal(_)), "{:?}", component);
            }
        }

        #[test]
        fn a_link_leads_back_to_its_path(raw in path_bytes()) {
            let Ok(path) = SitePath::parse(&raw) else { return Ok(()) };
            let link = path.encoded();
            prop_assert!(!link.starts_with("//"));
            prop_assert!(link.bytes().all(|byte| byte.is_ascii_graphic()));
            let back = SitePath::parse(link.as_bytes());
            prop_assert_eq!(back.as_ref(), Ok(&path));
        }

        #[test]
        fn a_link_to_any_file_name_leads_to_it(name in prop::collection::vec(1u8..=255, 1..40)) {
            prop_assume!(!name.contains(&b'/') && name != b"." && name != b"..");
            let link = format!("/folder/{}", encode(&name));
            let path = SitePath::parse(link.as_bytes()).unwrap();
            prop_assert_eq!(path.name(), &name[..]);
        }
    }
}
