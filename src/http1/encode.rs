//! Response heads and chunks as bytes (RFC 9112 sections 4, 7.1): nothing but copies of bytes that
//! are ready, and numbers.

use http::StatusCode;

use crate::message::ResponseFields;

/// What asks the client to send the body it announced (RFC 9110 section 15.2.1).
pub const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// What ends a chunk's data.
pub const CHUNK_END: &[u8] = b"\r\n";

/// What ends a chunked body, without trailers.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// A response head before it is bytes.
#[derive(Clone, Copy, Debug)]
pub struct ResponseHead<'a> {
    /// The status.
    pub status: StatusCode,
    /// The time as `Date` has it: `Sun, 06 Nov 1994 08:49:37 GMT`.
    pub date: &'a [u8; 29],
    /// How the end of the body is known.
    pub length: ContentLength,
    /// The value of `Connection`, where there is something to say.
    pub connection: Option<&'static str>,
    /// Field lines that every response has, each ended by CRLF.
    pub fixed: &'a [u8],
    /// The fields of this response.
    pub fields: &'a ResponseFields,
}

/// What a response head says about the length of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentLength {
    /// `Content-Length` with this many bytes: what is sent, or would be sent were it not for HEAD.
    Known(u64),
    /// `Transfer-Encoding: chunked`
    Chunked,
    /// Nothing: there is no body (204, 304), or it ends with the connection.
    Unsaid,
}

/// Appends a whole response head, blank line included.
pub fn write_head(out: &mut Vec<u8>, head: &ResponseHead<'_>) {
    write_status_line(out, head.status);
    out.extend_from_slice(b"Date: ");
    out.extend_from_slice(head.date);
    match head.length {
        ContentLength::Known(length) => {
            out.extend_from_slice(b"\r\nContent-Length: ");
            write_decimal(out, length);
            out.extend_from_slice(b"\r\n");
        }
        ContentLength::Chunked => {
            out.extend_from_slice(b"\r\nTransfer-Encoding: chunked\r\n");
        }
        ContentLength::Unsaid => out.extend_from_slice(b"\r\n"),
    }
    if let Some(connection) = head.connection {
        out.extend_from_slice(b"Connection: ");
        out.extend_from_slice(connection.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(head.fixed);
    head.fields.write(out);
    out.extend_from_slice(b"\r\n");
}

/// Appends a status line. One of a status that nobody registered has no reason phrase, which is
/// legal and means nothing in any case.
#[inline]
pub fn write_status_line(out: &mut Vec<u8>, status: StatusCode) {
    if let Some(line) = status_line(status) {
        out.extend_from_slice(line);
    } else {
        out.extend_from_slice(b"HTTP/1.1 ");
        out.extend_from_slice(status.as_str().as_bytes());
        out.extend_from_slice(b" \r\n");
    }
}

/// The head of a chunk of `length` bytes; [`CHUNK_END`] follows its data. `length` is not 0, which
/// would be the last chunk's.
pub fn write_chunk_head(out: &mut Vec<u8>, length: usize) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    debug_assert!(length > 0);
    let mut text = [0; usize::BITS as usize / 4 + 2];
    let mut rest = length;
    let mut start = text.len() - 2;
    text[start..].copy_from_slice(b"\r\n");
    while rest > 0 {
        start -= 1;
        text[start] = DIGITS[rest % 16];
        rest /= 16;
    }
    out.extend_from_slice(&text[start..]);
}

/// Appends a number in decimal.
#[inline]
pub fn write_decimal(out: &mut Vec<u8>, mut number: u64) {
    const LONGEST: usize = "18446744073709551615".len();
    let mut text = [0; LONGEST];
    let mut start = LONGEST;
    loop {
        start -= 1;
        text[start] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&text[start..]);
}

macro_rules! status_lines {
    ($($code:literal $reason:literal)*) => {
        /// The complete status line of a registered status, CRLF included; `None` for another.
        ///
        /// The registry is IANA's "Hypertext Transfer Protocol (HTTP) Status Code Registry", with
        /// the reason phrases it gives.
        #[inline]
        pub fn status_line(status: StatusCode) -> Option<&'static [u8]> {
            Some(match status.as_u16() {
                $($code => concat!("HTTP/1.1 ", $code, " ", $reason, "\r\n").as_bytes(),)*
                _ => return None,
            })
        }

        #[cfg(test)]
        const REGISTERED: &[(u16, &str)] = &[$(($code, $reason)),*];
    };
}

status_lines! {
    100 "Continue"
    101 "Switching Protocols"
    102 "Processing"
    103 "Early Hints"
    200 "OK"
    201 "Created"
    202 "Accepted"
    203 "Non-Authoritative Information"
    204 "No Content"
    205 "Reset Content"
    206 "Partial Content"
    207 "Multi-Status"
    208 "Already Reported"
    226 "IM Used"
    300 "Multiple Choices"
    301 "Moved Permanently"
    302 "Found"
    303 "See Other"
    304 "Not Modified"
    305 "Use Proxy"
    307 "Temporary Redirect"
    308 "Permanent Redirect"
    400 "Bad Request"
    401 "Unauthorized"
    402 "Payment Required"
    403 "Forbidden"
    404 "Not Found"
    405 "Method Not Allowed"
    406 "Not Acceptable"
    407 "Proxy Authentication Required"
    408 "Request Timeout"
    409 "Conflict"
    410 "Gone"
    411 "Length Required"
    412 "Precondition Failed"
    413 "Content Too Large"
    414 "URI Too Long"
    415 "Unsupported Media Type"
    416 "Range Not Satisfiable"
    417 "Expectation Failed"
    421 "Misdirected Request"
    422 "Unprocessable Content"
    423 "Locked"
    424 "Failed Dependency"
    425 "Too Early"
    426 "Upgrade Required"
    428 "Precondition Required"
    429 "Too Many Requests"
    431 "Request Header Fields Too Large"
    451 "Unavailable For Legal Reasons"
    500 "Internal Server Error"
    501 "Not Implemented"
    502 "Bad Gateway"
    503 "Service Unavailable"
    504 "Gateway Timeout"
    505 "HTTP Version Not Supported"
    506 "Variant Also Negotiates"
    507 "Insufficient Storage"
    508 "Loop Detected"
    511 "Network Authentication Required"
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, header};

    use super::*;

    const DATE: &[u8; 29] = b"Sun, 06 Nov 1994 08:49:37 GMT";

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_head_has_its_parts_in_order() {
        let mut fields = ResponseFields::default();
        fields.push(header::ETAG, HeaderValue::from_static("\"1\""));
        fields.push(header::VARY, HeaderValue::from_static("accept"));
        let head = ResponseHead {
            status: StatusCode::OK,
            date: DATE,
            length: ContentLength::Known(1024),
            connection: Some("close"),
            fixed: b"Server: x\r\n",
            fields: &fields,
        };
        assert_eq!(
            written(|out| write_head(out, &head)),
            "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: 1024\r\n\
             Connection: close\r\nServer: x\r\nETag: \"1\"\r\nVary: accept\r\n\r\n"
        );
    }

    #[test]
    fn a_head_says_no_more_than_it_is_told() {
        let mut head = ResponseHead {
            status: StatusCode::NOT_MODIFIED,
            date: DATE,
            length: ContentLength::Unsaid,
            connection: None,
            fixed: b"",
            fields: &ResponseFields::default(),
        };
        assert_eq!(
            written(|out| write_head(out, &head)),
            "HTTP/1.1 304 Not Modified\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n"
        );
        head.length = ContentLength::Chunked;
        assert!(
            written(|out| write_head(out, &head))
                .ends_with("GMT\r\nTransfer-Encoding: chunked\r\n\r\n")
        );
    }

    #[test]
    fn every_registered_status_has_its_line() {
        for &(code, reason) in REGISTERED {
            let status = StatusCode::from_u16(code).unwrap();
            let expected = format!("HTTP/1.1 {code} {reason}\r\n");
            assert_eq!(status_line(status).unwrap(), expected.as_bytes());
            assert_eq!(written(|out| write_status_line(out, status)), expected);
        }
        assert!(REGISTERED.is_sorted_by(|(a, _), (b, _)| a < b));
        let named_elsewhere = (100..1000)
            .filter_map(|code| StatusCode::from_u16(code).ok())
            .filter(|status| status.canonical_reason().is_some())
            .filter(|status| status_line(*status).is_none())
            .map(|status| status.as_u16());
        // 418 is reserved and 510 obsolete in the registry.
        assert_eq!(named_elsewhere.collect::<Vec<_>>(), [418, 510]);
    }

    #[test]
    fn another_status_has_a_line_without_a_phrase() {
        let status = StatusCode::from_u16(299).unwrap();
        assert_eq!(written(|out| write_status_line(out, status)), "HTTP/1.1 299 \r\n");
    }

    #[test]
    fn numbers_are_written_as_format_writes_them() {
        let edges = (0..64).flat_map(|bit| [1_u64 << bit, (1 << bit) - 1, !0 >> bit]);
        let powers = (0..20).flat_map(|power| [10_u64.pow(power), 10_u64.pow(power) - 1]);
        for number in edges.chain(powers) {
            assert_eq!(written(|out| write_decimal(out, number)), number.to_string());
            let length = usize::try_from(number).unwrap();
            if length > 0 {
                let head = written(|out| write_chunk_head(out, length));
                assert_eq!(head, format!("{length:x}\r\n"));
            }
        }
    }
}
