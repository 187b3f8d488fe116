//! What can be wrong with a head, and what to answer.

use std::fmt;

use http::StatusCode;

use super::chars;

/// Why a request head is refused: one variant per rule. The connection cannot go on after it,
/// since where the next request begins is not known for certain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HeadError {
    /// A CR that no LF follows (RFC 9112 section 2.2).
    BareCr,
    /// An LF that no CR precedes (RFC 9112 section 2.2 permits to accept it; we do not).
    BareLf,
    /// A control byte: NUL, DEL, the first byte of a TLS handshake (RFC 9110 section 5.5).
    ControlByte,
    /// A second empty line before the request line (RFC 9112 section 2.2).
    EmptyLine,
    /// A request line that is not method, one space, target, one space, version (RFC 9112 section 3).
    RequestLine,
    /// A method that this server does not know (RFC 9110 section 9.1).
    UnknownMethod,
    /// The preface of an HTTP/2 connection (RFC 9113 section 3.4) where HTTP/1.1 is expected.
    Http2Preface,
    /// A byte that no request target holds, `#` in the first place (RFC 9112 section 3.2).
    TargetByte,
    /// A target in none of the four forms, or in one that is not for its method (RFC 9112 section 3.2).
    TargetForm,
    /// The host or port in an absolute or authority form is not valid (RFC 9112 sections 3.2.2, 3.2.3).
    TargetAuthority,
    /// More bytes in the target than the limit.
    TargetTooLong,
    /// What follows the target is not `HTTP/`, digit, dot, digit (RFC 9112 section 2.3).
    VersionSyntax,
    /// A major version other than 1 (RFC 9110 section 2.5).
    VersionUnsupported,
    /// White space at the start of a field line: a folded line, or one before the first
    /// (RFC 9112 sections 2.2, 5.2).
    FoldedLine,
    /// White space between a field name and its colon (RFC 9112 section 5.1).
    SpaceBeforeColon,
    /// A field line that begins with its colon (RFC 9110 section 5.1).
    EmptyName,
    /// A byte in a field name that no token holds (RFC 9110 section 5.1).
    NameByte,
    /// A field line without a colon (RFC 9112 section 5).
    MissingColon,
    /// More field lines than the limit (RFC 6585 section 5).
    TooManyFields,
    /// More bytes in the head than the limit (RFC 6585 section 5).
    TooLong,
    /// No `Host` in HTTP/1.1 (RFC 9112 section 3.2).
    HostMissing,
    /// More than one `Host` (RFC 9112 section 3.2).
    HostRepeated,
    /// A `Host` that is not a host with an optional port, or an empty one where it alone would say
    /// whom the request is for (RFC 9112 sections 3.2, 3.3).
    HostInvalid,
    /// A `Content-Length` that is not one decimal number (RFC 9112 section 6.3).
    LengthSyntax,
    /// More than one `Content-Length`, alike or not (RFC 9112 section 6.3).
    LengthRepeated,
    /// A `Content-Length` of 2^64 or more (RFC 9110 section 8.6).
    LengthOverflow,
    /// Both `Content-Length` and `Transfer-Encoding` (RFC 9112 section 6.3).
    LengthAndCoding,
    /// `Transfer-Encoding` in HTTP/1.0 (RFC 9112 section 6.1).
    CodingInOldVersion,
    /// A `Transfer-Encoding` that is not a list of codings, or `chunked` with parameters
    /// (RFC 9112 sections 6.1, 7).
    CodingSyntax,
    /// A transfer coding that this server does not know (RFC 9112 section 6.1).
    UnknownCoding,
    /// `chunked` more than once, or not last (RFC 9112 section 6.1).
    ChunkedNotLast,
    /// An expectation other than `100-continue` (RFC 9110 section 10.1.1).
    UnknownExpectation,
}

impl HeadError {
    /// All of them, each in the place of its number.
    const ALL: [Self; 32] = [
        Self::BareCr,
        Self::BareLf,
        Self::ControlByte,
        Self::EmptyLine,
        Self::RequestLine,
        Self::UnknownMethod,
        Self::Http2Preface,
        Self::TargetByte,
        Self::TargetForm,
        Self::TargetAuthority,
        Self::TargetTooLong,
        Self::VersionSyntax,
        Self::VersionUnsupported,
        Self::FoldedLine,
        Self::SpaceBeforeColon,
        Self::EmptyName,
        Self::NameByte,
        Self::MissingColon,
        Self::TooManyFields,
        Self::TooLong,
        Self::HostMissing,
        Self::HostRepeated,
        Self::HostInvalid,
        Self::LengthSyntax,
        Self::LengthRepeated,
        Self::LengthOverflow,
        Self::LengthAndCoding,
        Self::CodingInOldVersion,
        Self::CodingSyntax,
        Self::UnknownCoding,
        Self::ChunkedNotLast,
        Self::UnknownExpectation,
    ];

    /// Their names, for those who count them; `error as usize` is the place of each.
    pub const NAMES: &[&str] = &{
        let mut names = [""; Self::ALL.len()];
        let mut at = 0;
        while at < names.len() {
            names[at] = Self::ALL[at].name();
            at += 1;
        }
        names
    };

    const fn name(self) -> &'static str {
        match self {
            Self::BareCr => "bare_cr",
            Self::BareLf => "bare_lf",
            Self::ControlByte => "control_byte",
            Self::EmptyLine => "empty_line",
            Self::RequestLine => "request_line",
            Self::UnknownMethod => "unknown_method",
            Self::Http2Preface => "http2_preface",
            Self::TargetByte => "target_byte",
            Self::TargetForm => "target_form",
            Self::TargetAuthority => "target_authority",
            Self::TargetTooLong => "target_too_long",
            Self::VersionSyntax => "version_syntax",
            Self::VersionUnsupported => "version_unsupported",
            Self::FoldedLine => "folded_line",
            Self::SpaceBeforeColon => "space_before_colon",
            Self::EmptyName => "empty_name",
            Self::NameByte => "name_byte",
            Self::MissingColon => "missing_colon",
            Self::TooManyFields => "too_many_fields",
            Self::TooLong => "too_long",
            Self::HostMissing => "host_missing",
            Self::HostRepeated => "host_repeated",
            Self::HostInvalid => "host_invalid",
            Self::LengthSyntax => "length_syntax",
            Self::LengthRepeated => "length_repeated",
            Self::LengthOverflow => "length_overflow",
            Self::LengthAndCoding => "length_and_coding",
            Self::CodingInOldVersion => "coding_in_old_version",
            Self::CodingSyntax => "coding_syntax",
            Self::UnknownCoding => "unknown_coding",
            Self::ChunkedNotLast => "chunked_not_last",
            Self::UnknownExpectation => "unknown_expectation",
        }
    }

    /// The status to answer with before the connection closes.
    pub fn status(self) -> StatusCode {
        match self {
            Self::TargetTooLong => StatusCode::URI_TOO_LONG,
            Self::UnknownExpectation => StatusCode::EXPECTATION_FAILED,
            Self::TooManyFields | Self::TooLong => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::UnknownMethod | Self::UnknownCoding => StatusCode::NOT_IMPLEMENTED,
            Self::VersionUnsupported | Self::Http2Preface => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    /// What is wrong with a byte where it does not belong.
    pub(super) fn of_byte(byte: u8, otherwise: Self) -> Self {
        match byte {
            b'\n' => Self::BareLf,
            b'\t' => otherwise,
            _ if chars::is_control(byte) && byte != b'\r' => Self::ControlByte,
            _ => otherwise,
        }
    }

    fn text(self) -> &'static str {
        match self {
            Self::BareCr => "a carriage return stands without its line feed",
            Self::BareLf => "a line ends in a line feed without its carriage return",
            Self::ControlByte => "the request holds a control byte; is this HTTP?",
            Self::EmptyLine => "more than one empty line precedes the request",
            Self::RequestLine => {
                "the request line is not 'METHOD target HTTP/1.1' with one space between each"
            }
            Self::UnknownMethod => "the server does not know this method",
            Self::Http2Preface => "HTTP/2 was spoken where HTTP/1.1 is expected",
            Self::TargetByte => "the request target holds a byte that must be percent-encoded",
            Self::TargetForm => {
                "the request target is neither a path nor a form that this method takes"
            }
            Self::TargetAuthority => "the request target names no valid host and port",
            Self::TargetTooLong => "the request target is too long",
            Self::VersionSyntax => {
                "the request line does not end in a protocol version such as HTTP/1.1"
            }
            Self::VersionUnsupported => "the major version of the protocol is not 1",
            Self::FoldedLine => "a header line begins with white space",
            Self::SpaceBeforeColon => "white space stands between a header name and its colon",
            Self::EmptyName => "a header line has no name",
            Self::NameByte => "a header name holds a byte that names do not have",
            Self::MissingColon => "a header line has no colon",
            Self::TooManyFields => "the request has too many header lines",
            Self::TooLong => "the request head is too long",
            Self::HostMissing => "the request has no Host",
            Self::HostRepeated => "the request has more than one Host",
            Self::HostInvalid => "Host is not a host name or address with an optional port",
            Self::LengthSyntax => "Content-Length is not one decimal number",
            Self::LengthRepeated => "the request has more than one Content-Length",
            Self::LengthOverflow => "Content-Length is larger than any body can be",
            Self::LengthAndCoding => "the request has both Content-Length and Transfer-Encoding",
            Self::CodingInOldVersion => "Transfer-Encoding does not exist in HTTP/1.0",
            Self::CodingSyntax => "Transfer-Encoding is not a list of codings",
            Self::UnknownCoding => "the server knows no transfer coding but chunked",
            Self::ChunkedNotLast => "chunked is not the last transfer coding, once",
            Self::UnknownExpectation => "the server meets no expectation but 100-continue",
        }
    }
}

impl fmt::Display for HeadError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.text())
    }
}

impl std::error::Error for HeadError {}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_error_is_in_the_place_of_its_number() {
        for (at, error) in HeadError::ALL.into_iter().enumerate() {
            assert_eq!(error as usize, at, "{error:?}");
        }
        assert_eq!(HeadError::NAMES[HeadError::BareLf as usize], "bare_lf");
    }

    #[test]
    fn each_error_has_a_name_and_a_sentence_of_its_own() {
        let names: HashSet<_> = HeadError::ALL.into_iter().map(HeadError::name).collect();
        let sentences: HashSet<_> = HeadError::ALL.iter().map(HeadError::to_string).collect();
        assert_eq!(names.len(), HeadError::ALL.len());
        assert_eq!(sentences.len(), HeadError::ALL.len());
        // Names are values of a label in the metrics.
        let is_plain = |name: &str| name.bytes().all(|b| b == b'_' || b.is_ascii_alphanumeric());
        assert!(names.into_iter().all(is_plain));
    }
}
