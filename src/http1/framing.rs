//! What follows a head: how long the body is, whether the connection goes on (RFC 9112 sections 6, 9).

use http::{HeaderName, Version, header};

use super::{Head, HeadError, chars};
use crate::message::Fields;

/// How the message goes on after its head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Framing {
    /// The body.
    pub body: BodyLength,
    /// Whether the client wants another answer on this connection.
    pub keep_alive: bool,
    /// Whether the client waits for `100 (Continue)` before it sends the body.
    pub expect_continue: bool,
}

/// How the end of a request body is known (RFC 9112 section 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyLength {
    /// There is none.
    None,
    /// This many bytes.
    Length(u64),
    /// The chunked coding tells.
    Chunked,
}

impl Framing {
    /// Reads all lines of the four fields that matter. A body is legal with every method.
    pub fn of(head: &Head, fields: &Fields<'_>) -> Result<Self, HeadError> {
        let old = head.version == Version::HTTP_10;
        let mut framing = Self {
            body: BodyLength::None,
            keep_alive: !old,
            expect_continue: false,
        };
        // The names are constants, so each question is one test of a bit.
        let seen = |name: &[u8]| head.seen.may_contain(name);
        if seen(b"content-length") || seen(b"transfer-encoding") {
            framing.body = body_length(fields, old)?;
        }
        if seen(b"connection") {
            framing.keep_alive = keep_alive(fields, old);
        }
        if seen(b"expect") && !old {
            framing.expect_continue = expects_continue(fields)? && framing.has_content();
        }
        Ok(framing)
    }

    fn has_content(&self) -> bool {
        !matches!(self.body, BodyLength::None | BodyLength::Length(0))
    }
}

/// RFC 9112 section 6.3, steps 3 to 7; where it leaves a choice between repair and refusal, we refuse.
fn body_length(fields: &Fields<'_>, old: bool) -> Result<BodyLength, HeadError> {
    let chunked = transfer_coding(fields, old)?;
    let length = content_length(fields)?;
    match (chunked, length) {
        (true, Some(_)) => Err(HeadError::LengthAndCoding),
        (true, None) => Ok(BodyLength::Chunked),
        (false, Some(length)) => Ok(BodyLength::Length(length)),
        (false, None) => Ok(BodyLength::None),
    }
}

/// `Content-Length = 1*DIGIT` (RFC 9110 section 8.6), in one line.
fn content_length(fields: &Fields<'_>) -> Result<Option<u64>, HeadError> {
    let mut lines = fields.lines(&header::CONTENT_LENGTH);
    let Some(value) = lines.next() else {
        return Ok(None);
    };
    if lines.next().is_some() {
        return Err(HeadError::LengthRepeated);
    }
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return Err(HeadError::LengthSyntax);
    }
    value
        .iter()
        .try_fold(0_u64, |number, digit| {
            number
                .checked_mul(10)?
                .checked_add(u64::from(digit - b'0'))
        })
        .map(Some)
        .ok_or(HeadError::LengthOverflow)
}

/// Whether the body is chunked. Only `Transfer-Encoding: chunked` is: one coding, in one line.
///
/// ```abnf
/// Transfer-Encoding  = #transfer-coding
/// transfer-coding    = token *( OWS ";" OWS transfer-parameter )
/// ```
/// RFC 9112 section 6.1. Empty list elements are refused, though lists may have them: no client
/// sends them but to confuse a server about where the body ends.
fn transfer_coding(fields: &Fields<'_>, old: bool) -> Result<bool, HeadError> {
    let mut chunked = false;
    let mut unknown = false;
    for element in elements(fields, &header::TRANSFER_ENCODING) {
        if old {
            return Err(HeadError::CodingInOldVersion);
        }
        if chunked {
            return Err(HeadError::ChunkedNotLast);
        }
        let (name, parameters) = match memchr::memchr(b';', element) {
            Some(at) => (chars::trim(&element[..at]), true),
            None => (element, false),
        };
        if name.is_empty() || !name.iter().all(|&byte| chars::is_token(byte)) {
            return Err(HeadError::CodingSyntax);
        }
        chunked = name.eq_ignore_ascii_case(b"chunked");
        if chunked && parameters {
            return Err(HeadError::CodingSyntax);
        }
        unknown |= !chunked;
    }
    if unknown {
        return Err(HeadError::UnknownCoding);
    }
    Ok(chunked)
}

/// RFC 9112 section 9.3.
fn keep_alive(fields: &Fields<'_>, old: bool) -> bool {
    let mut asked = !old;
    for option in elements(fields, &header::CONNECTION) {
        if option.eq_ignore_ascii_case(b"close") {
            return false;
        }
        asked |= option.eq_ignore_ascii_case(b"keep-alive");
    }
    asked
}

/// `Expect = #expectation`; the only one defined is `100-continue` (RFC 9110 section 10.1.1).
fn expects_continue(fields: &Fields<'_>) -> Result<bool, HeadError> {
    let mut expected = false;
    for expectation in elements(fields, &header::EXPECT) {
        if expectation.eq_ignore_ascii_case(b"100-continue") {
            expected = true;
        } else if !expectation.is_empty() {
            return Err(HeadError::UnknownExpectation);
        }
    }
    Ok(expected)
}

/// The elements of a list over all lines of a name, the empty ones too (RFC 9110 section 5.6.1).
fn elements<'a>(
    fields: &Fields<'a>,
    name: &'a HeaderName,
) -> impl Iterator<Item = &'a [u8]> + use<'a> {
    fields
        .lines(name)
        .flat_map(|line| line.split(|&byte| byte == b','))
        .map(chars::trim)
}

#[cfg(test)]
mod tests {
    use super::HeadError as E;
    use super::*;
    use crate::http1::{HeadParser, Limits};

    fn framing_of(version: &str, fields: &str) -> Result<Framing, HeadError> {
        let head = format!("POST / HTTP/{version}\r\nHost: a\r\n{fields}\r\n");
        let mut parser = HeadParser::new();
        let parsed = parser.parse(head.as_bytes(), &Limits::default());
        let parsed = parsed.unwrap().unwrap();
        Framing::of(&parsed, &parser.fields(head.as_bytes()))
    }

    fn body(fields: &str) -> Result<BodyLength, HeadError> {
        framing_of("1.1", fields).map(|framing| framing.body)
    }

    #[test]
    fn the_body_ends_where_its_fields_say() {
        for (fields, expected) in [
            ("", BodyLength::None),
            ("Content-Length: 0\r\n", BodyLength::Length(0)),
            ("content-length:\t42 \r\n", BodyLength::Length(42)),
            ("Content-Length: 007\r\n", BodyLength::Length(7)),
            ("Content-Length: 18446744073709551615\r\n", BodyLength::Length(u64::MAX)),
            ("Transfer-Encoding: chunked\r\n", BodyLength::Chunked),
            ("TRANSFER-ENCODING: ChunKed\r\n", BodyLength::Chunked),
            ("Upgrade: h2c\r\n", BodyLength::None),
        ] {
            assert_eq!(body(fields), Ok(expected), "{fields}");
        }
    }

    #[test]
    fn what_could_be_read_two_ways_is_refused() {
        for (fields, error) in [
            ("Content-Length:\r\n", E::LengthSyntax),
            ("Content-Length: +1\r\n", E::LengthSyntax),
            ("Content-Length: -1\r\n", E::LengthSyntax),
            ("Content-Length: 1 2\r\n", E::LengthSyntax),
            ("Content-Length: 1, 1\r\n", E::LengthSyntax),
            ("Content-Length: 0x10\r\n", E::LengthSyntax),
            ("Content-Length: 1.0\r\n", E::LengthSyntax),
            ("Content-Length: \u{661}\r\n", E::LengthSyntax),
            ("Content-Length: 18446744073709551616\r\n", E::LengthOverflow),
            ("Content-Length: 99999999999999999999999\r\n", E::LengthOverflow),
            ("Content-Length: 1\r\nContent-Length: 1\r\n", E::LengthRepeated),
            ("Content-Length: 1\r\nX: y\r\ncontent-length: 2\r\n", E::LengthRepeated),
            ("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", E::LengthAndCoding),
            ("Transfer-Encoding: chunked\r\nContent-Length: 0\r\n", E::LengthAndCoding),
            ("Transfer-Encoding: gzip\r\n", E::UnknownCoding),
            ("Transfer-Encoding: identity\r\n", E::UnknownCoding),
            ("Transfer-Encoding: xchunked\r\n", E::UnknownCoding),
            ("Transfer-Encoding: gzip, chunked\r\n", E::UnknownCoding),
            ("Transfer-Encoding: gzip;q=1, chunked\r\n", E::UnknownCoding),
            ("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", E::UnknownCoding),
            ("Transfer-Encoding: chunked, gzip\r\n", E::ChunkedNotLast),
            ("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", E::ChunkedNotLast),
            ("Transfer-Encoding: chunked, chunked\r\n", E::ChunkedNotLast),
            ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", E::ChunkedNotLast),
            ("Transfer-Encoding: chunked,\r\n", E::ChunkedNotLast),
            ("Transfer-Encoding: , chunked\r\n", E::CodingSyntax),
            ("Transfer-Encoding:\r\n", E::CodingSyntax),
            ("Transfer-Encoding: chunked;a=b\r\n", E::CodingSyntax),
            ("Transfer-Encoding: chun ked\r\n", E::CodingSyntax),
            ("Transfer-Encoding: \"chunked\"\r\n", E::CodingSyntax),
            ("Transfer-Encoding: chunked\u{a0}\r\n", E::CodingSyntax),
        ] {
            assert_eq!(body(fields), Err(error), "{fields}");
        }
        for fields in ["Transfer-Encoding: chunked\r\n", "Transfer-Encoding: x\r\n"] {
            assert_eq!(framing_of("1.0", fields), Err(E::CodingInOldVersion));
        }
    }

    #[test]
    fn the_connection_goes_on_as_version_and_options_say() {
        for (version, fields, expected) in [
            ("1.1", "", true),
            ("1.0", "", false),
            ("1.5", "", true),
            ("1.1", "Connection: close\r\n", false),
            ("1.1", "Connection: CLOSE\r\n", false),
            ("1.1", "Connection: keep-alive\r\n", true),
            ("1.1", "Connection: Upgrade , ,Close\r\n", false),
            ("1.1", "Connection: x\r\nConnection: close\r\n", false),
            ("1.1", "Connection: keep-alive, close\r\n", false),
            ("1.1", "Connection: closed\r\n", true),
            ("1.1", "Connection: \"close\"\r\n", true),
            ("1.1", "Connection:\r\n", true),
            ("1.0", "Connection: Keep-Alive\r\n", true),
            ("1.0", "Connection: x, keep-alive\r\n", true),
            ("1.0", "Connection: x\r\nConnection: keep-alive\r\n", true),
            ("1.0", "Connection: keep-alive\r\nConnection: close\r\n", false),
            ("1.0", "Connection: x\r\n", false),
            ("1.0", "Keep-Alive: 5\r\n", false),
        ] {
            let framing = framing_of(version, fields).unwrap();
            assert_eq!(framing.keep_alive, expected, "{version} {fields}");
        }
    }

    #[test]
    fn a_client_waits_for_100_only_with_a_body_to_send() {
        for (version, fields, expected) in [
            ("1.1", "Expect: 100-continue\r\nContent-Length: 1\r\n", Ok(true)),
            ("1.1", "Expect: 100-Continue\r\nTransfer-Encoding: chunked\r\n", Ok(true)),
            ("1.1", "Expect: 100-continue, 100-continue\r\nContent-Length: 1\r\n", Ok(true)),
            ("1.1", "Expect: ,100-continue\r\nContent-Length: 1\r\n", Ok(true)),
            ("1.1", "Expect: 100-continue\r\n", Ok(false)),
            ("1.1", "Expect: 100-continue\r\nContent-Length: 0\r\n", Ok(false)),
            ("1.1", "Expect:\r\nContent-Length: 1\r\n", Ok(false)),
            ("1.0", "Expect: 100-continue\r\nContent-Length: 1\r\n", Ok(false)),
            ("1.0", "Expect: tea\r\n", Ok(false)),
            ("1.1", "Expect: tea\r\n", Err(E::UnknownExpectation)),
            ("1.1", "Expect: 100-continue, tea\r\n", Err(E::UnknownExpectation)),
            ("1.1", "Expect: 100-continue\r\nExpect: x=y\r\n", Err(E::UnknownExpectation)),
            ("1.1", "Expect: 100\r\n", Err(E::UnknownExpectation)),
        ] {
            let found = framing_of(version, fields).map(|framing| framing.expect_continue);
            assert_eq!(found, expected, "{version} {fields}");
        }
    }
}
