//! What follows a head: how long the body is, whether the connection goes on (RFC 9112 sections 6, 9).
//!
//! Every line of the four fields that matter is read as it is parsed, so none can be overlooked. Of
//! whatever could be read in two ways, by us and by a proxy before us, nothing is repaired.

use http::Version;

use super::{HeadError, chars};

/// How the message goes on after its head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Framing {
    /// The body. It is legal with every method.
    pub body: BodyLength,
    /// Whether the client wants another answer on this connection.
    pub keep_alive: bool,
    /// Whether the client waits for `100 (Continue)` before it sends the body; never without one.
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

/// What the lines read so far say.
#[derive(Clone, Copy, Debug)]
pub(super) struct FramingFields {
    version: Version,
    body: BodyLength,
    close: bool,
    keep_alive: bool,
    expects_continue: bool,
}

impl FramingFields {
    pub(super) fn new(version: Version) -> Self {
        Self {
            version,
            body: BodyLength::None,
            close: false,
            keep_alive: false,
            expects_continue: false,
        }
    }

    /// Reads a field line, if it is one that matters.
    #[inline]
    pub(super) fn read(&mut self, name: &[u8], value: &[u8]) -> Result<(), HeadError> {
        match name.len() {
            6 if name.eq_ignore_ascii_case(b"expect") => self.expect(value),
            10 if name.eq_ignore_ascii_case(b"connection") => {
                self.connection(value);
                Ok(())
            }
            14 if name.eq_ignore_ascii_case(b"content-length") => self.content_length(value),
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => self.transfer_encoding(value),
            _ => Ok(()),
        }
    }

    /// What all lines together say.
    pub(super) fn framing(self) -> Framing {
        let has_content = !matches!(self.body, BodyLength::None | BodyLength::Length(0));
        Framing {
            body: self.body,
            keep_alive: !self.close && (self.keep_alive || !self.is_old()),
            expect_continue: self.expects_continue && has_content,
        }
    }

    fn is_old(&self) -> bool {
        self.version == Version::HTTP_10
    }

    /// `Content-Length = 1*DIGIT` (RFC 9110 section 8.6), in one line.
    fn content_length(&mut self, value: &[u8]) -> Result<(), HeadError> {
        match self.body {
            BodyLength::None => {}
            BodyLength::Length(_) => return Err(HeadError::LengthRepeated),
            BodyLength::Chunked => return Err(HeadError::LengthAndCoding),
        }
        if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
            return Err(HeadError::LengthSyntax);
        }
        let length = value.iter().try_fold(0_u64, |number, digit| {
            let digit = u64::from(digit - b'0');
            number.checked_mul(10)?.checked_add(digit)
        });
        self.body = BodyLength::Length(length.ok_or(HeadError::LengthOverflow)?);
        Ok(())
    }

    /// Only `Transfer-Encoding: chunked` is taken: one coding, in one line.
    ///
    /// ```abnf
    /// Transfer-Encoding  = #transfer-coding
    /// transfer-coding    = token *( OWS ";" OWS transfer-parameter )
    /// ```
    /// RFC 9112 section 6.1. Empty list elements are refused, though lists may have them: no client
    /// sends them but to confuse servers about where the body ends.
    fn transfer_encoding(&mut self, value: &[u8]) -> Result<(), HeadError> {
        if self.is_old() {
            return Err(HeadError::CodingInOldVersion);
        }
        let mut chunked = match self.body {
            BodyLength::None => false,
            BodyLength::Chunked => true,
            BodyLength::Length(_) => return Err(HeadError::LengthAndCoding),
        };
        let mut unknown = false;
        for coding in elements(value) {
            if chunked {
                return Err(HeadError::ChunkedNotLast);
            }
            let end = memchr::memchr(b';', coding).unwrap_or(coding.len());
            let name = chars::trim(&coding[..end]);
            if name.is_empty() || !name.iter().all(|&byte| chars::is_token(byte)) {
                return Err(HeadError::CodingSyntax);
            }
            chunked = name.eq_ignore_ascii_case(b"chunked");
            if chunked && end < coding.len() {
                return Err(HeadError::CodingSyntax);
            }
            unknown |= !chunked;
        }
        if unknown {
            return Err(HeadError::UnknownCoding);
        }
        self.body = BodyLength::Chunked;
        Ok(())
    }

    /// RFC 9112 section 9.3: `close` outweighs `keep-alive`.
    fn connection(&mut self, value: &[u8]) {
        for option in elements(value) {
            self.close |= option.eq_ignore_ascii_case(b"close");
            self.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
        }
    }

    /// `Expect = #expectation`; only `100-continue` is defined (RFC 9110 section 10.1.1).
    fn expect(&mut self, value: &[u8]) -> Result<(), HeadError> {
        if self.is_old() {
            return Ok(());
        }
        for expectation in elements(value) {
            if expectation.eq_ignore_ascii_case(b"100-continue") {
                self.expects_continue = true;
            } else if !expectation.is_empty() {
                return Err(HeadError::UnknownExpectation);
            }
        }
        Ok(())
    }
}

/// The elements of a list, the empty ones too (RFC 9110 section 5.6.1).
fn elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&byte| byte == b',').map(chars::trim)
}

#[cfg(test)]
mod tests {
    use super::HeadError as E;
    use super::*;
    use crate::http1::{HeadParser, Limits};

    fn framing_of(version: &str, fields: &str) -> Result<Framing, HeadError> {
        let head = format!("POST / HTTP/{version}\r\nHost: a\r\n{fields}\r\n");
        let parsed = HeadParser::new(Limits::default()).parse(head.as_bytes())?;
        Ok(parsed.unwrap().framing)
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
