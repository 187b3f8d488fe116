//! The path of a request, decoded and made normal; and the way back, for links and `Location`.
//!
//! RFC 3986 sections 2.1 (percent-encoding), 5.2.4 (dot segments) and 6.2.2 (normal form).
//! Whether a path leaves the root through a symbolic link is for the store to see: here it is
//! only made sure that its text does not.

#[cfg(test)]
mod tests;

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
