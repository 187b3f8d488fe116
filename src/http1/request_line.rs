//! The grammar of a request line, but for its target (RFC 9112 sections 2.3, 3).

use http::{Method, Version};

use super::{HeadError, chars};

/// A method longer than this is unknown before it ends.
const LONGEST_METHOD: usize = 32;
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n";

/// The method that `rest` begins with, and its length with the space after it.
#[inline]
pub(super) fn known_method(rest: &[u8]) -> Option<(Method, usize)> {
    Some(match rest {
        [b'G', b'E', b'T', b' ', ..] => (Method::GET, 4),
        [b'H', b'E', b'A', b'D', b' ', ..] => (Method::HEAD, 5),
        [b'P', b'O', b'S', b'T', b' ', ..] => (Method::POST, 5),
        [b'P', b'U', b'T', b' ', ..] => (Method::PUT, 4),
        [b'P', b'A', b'T', b'C', b'H', b' ', ..] => (Method::PATCH, 6),
        [b'T', b'R', b'A', b'C', b'E', b' ', ..] => (Method::TRACE, 6),
        [b'D', b'E', b'L', b'E', b'T', b'E', b' ', ..] => (Method::DELETE, 7),
        [b'O', b'P', b'T', b'I', b'O', b'N', b'S', b' ', ..] => (Method::OPTIONS, 8),
        [b'C', b'O', b'N', b'N', b'E', b'C', b'T', b' ', ..] => (Method::CONNECT, 8),
        _ => return None,
    })
}

/// What is wrong with a request line that begins with no known method; `None`: nothing yet.
#[cold]
pub(super) fn not_known(rest: &[u8], after_empty_line: bool) -> Option<HeadError> {
    if !after_empty_line {
        if rest.starts_with(HTTP2_PREFACE) {
            return Some(HeadError::Http2Preface);
        }
        if HTTP2_PREFACE.starts_with(rest) {
            return None;
        }
    }
    let rest = &rest[..rest.len().min(LONGEST_METHOD + 1)];
    let ended = rest.iter().position(|&byte| !chars::is_token(byte));
    match ended.map(|at| &rest[at..]) {
        None | Some([]) => (rest.len() > LONGEST_METHOD).then_some(HeadError::UnknownMethod),
        Some([b' ', ..]) if ended > Some(0) => Some(HeadError::UnknownMethod),
        Some([b'\r']) if ended == Some(0) => None,
        Some([b'\r', b'\n', ..]) if ended == Some(0) => Some(HeadError::EmptyLine),
        Some([b'\r', ..]) if ended == Some(0) => Some(HeadError::BareCr),
        Some([b'\r', ..]) => Some(HeadError::RequestLine),
        Some(&[byte, ..]) => Some(HeadError::of_byte(byte, HeadError::RequestLine)),
    }
}

/// The version of a line that does not end in `HTTP/1.1`; `None`: more bytes are needed.
#[cold]
pub(super) fn other_version(rest: &[u8]) -> Result<Option<Version>, HeadError> {
    const PATTERN: &[u8; 8] = b"HTTP/d.d";
    for (&byte, &expected) in rest.iter().zip(PATTERN) {
        let fits = byte == expected || (expected == b'd' && byte.is_ascii_digit());
        if !fits || byte == b'd' {
            return Err(HeadError::of_byte(byte, HeadError::VersionSyntax));
        }
    }
    let Some((&[.., major, _, minor], after)) = rest.split_first_chunk::<8>() else {
        return Ok(None);
    };
    if major != b'1' {
        return Err(HeadError::VersionUnsupported);
    }
    match after {
        [] | [b'\r'] => Ok(None),
        [b'\r', b'\n', ..] if minor == b'0' => Ok(Some(Version::HTTP_10)),
        [b'\r', b'\n', ..] => Ok(Some(Version::HTTP_11)),
        [b'\r', ..] => Err(HeadError::BareCr),
        [byte, ..] if byte.is_ascii_digit() => Err(HeadError::VersionSyntax),
        [byte, ..] => Err(HeadError::of_byte(*byte, HeadError::RequestLine)),
    }
}
