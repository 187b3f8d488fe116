//! The head of a request: request line and field lines into offsets (RFC 9112 sections 2 to 5).
//!
//! A [`HeadParser`] walks over the head once, however many reads it takes to arrive: each step
//! looks at bytes it has not seen, and keeps where it stopped. Nothing is copied; what is found is
//! kept as offsets into the connection's buffer. What is wrong is said at the byte that shows it,
//! without waiting for the rest.
//!
//! 1. `start`: at most one empty line is skipped
//! 2. `method`: one of nine names
//! 3. `target`: `path` and `query`, or one of the three rare forms
//! 4. `version`
//! 5. `field_lines`, to the empty line
//! 6. `finish`: what can be said only now
//!
//! Line ends are CRLF and nothing else. `Host` and the fields that frame the body are checked line
//! by line, the latter by [`super::framing`].

mod field_lines;
#[cfg(test)]
mod tests;

use http::{Method, Version};

use super::framing::FramingFields;
use super::request_line::{known_method, not_known, other_version};
use super::target::{Span, TargetSpan};
use super::{Framing, HeadError, scan};
use crate::message::{FieldSpan, Fields, SeenNames, Target};

/// How large a head may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes in all, from the first to the blank line's last.
    pub head_bytes: u16,
    /// Bytes of the request target.
    pub target_bytes: u16,
    /// Number of field lines.
    pub fields: u16,
}

impl Default for Limits {
    /// 16 KiB, half of it for the target, and 100 fields.
    fn default() -> Self {
        Self { head_bytes: 16 * 1024, target_bytes: 8 * 1024, fields: 100 }
    }
}

/// A whole request head, as offsets into the bytes that it was parsed from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// One of the methods of RFC 9110 section 9 and PATCH.
    pub method: Method,
    /// `HTTP_10`, or `HTTP_11` for every other minor version.
    pub version: Version,
    /// Bytes that the head takes, with its blank line and an empty line before it.
    pub length: usize,
    /// What follows it.
    pub framing: Framing,
    target: TargetSpan,
    host: Option<Span>,
}

impl Head {
    /// The request target. `buf` are the bytes that were parsed, or more of them.
    #[inline]
    pub fn target<'a>(&self, buf: &'a [u8]) -> Target<'a> {
        self.target.view(buf)
    }

    /// Whom the request is for: the authority in the target, else the `Host` field (RFC 9112
    /// section 3.3). `None` in HTTP/1.0 and when `Host` is empty beside an asterisk form.
    pub fn host<'a>(&self, buf: &'a [u8]) -> Option<&'a [u8]> {
        let named = self.target.authority().or(self.host)?.of(buf);
        (!named.is_empty()).then_some(named)
    }
}

/// Parses one head after the other; belongs to a connection and keeps its memory for the next head.
#[derive(Debug)]
pub struct HeadParser {
    limits: Limits,
    step: Step,
    /// First byte not looked at.
    at: usize,
    /// First byte of the element that `at` is in.
    start: usize,
    /// Where the first `?` of the target is, or the colon of the field line: once seen.
    mark: Option<usize>,
    method: Method,
    target: TargetSpan,
    version: Version,
    host: Option<Span>,
    framing: FramingFields,
    seen: SeenNames,
    spans: Vec<FieldSpan>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Start,
    Method,
    Target,
    Path,
    Query,
    /// A target in one of the rare forms.
    OtherTarget,
    Version,
    Fields,
    Done,
}

/// The next step; `None`: more bytes are needed for this one.
type Next = Result<Option<Step>, HeadError>;

/// Field lines that memory is kept for from the first head on.
const USUAL_FIELDS: usize = 16;

impl HeadParser {
    /// A parser that has seen nothing; it takes no memory before the first head.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            step: Step::Start,
            at: 0,
            start: 0,
            mark: None,
            method: Method::GET,
            target: TargetSpan::origin(0, None, 0),
            version: Version::HTTP_11,
            host: None,
            framing: FramingFields::new(Version::HTTP_11),
            seen: SeenNames::default(),
            spans: Vec::new(),
        }
    }

    /// Goes by other limits from the next head on.
    pub fn limit(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// Parses as much of a head as there is; `None`: more bytes are needed.
    ///
    /// `buf` begins at the first byte of the head, on the calls for more of the same head too, and
    /// may hold more than the head. After a head the next call begins another; after an error the
    /// parser is of no more use.
    pub fn parse(&mut self, buf: &[u8]) -> Result<Option<Head>, HeadError> {
        let most = usize::from(self.limits.head_bytes);
        let window = &buf[..buf.len().min(most)];
        loop {
            let next = match self.step {
                Step::Start | Step::Done => Ok(self.start(window)),
                Step::Method => self.method(window),
                Step::Target => self.target(window),
                Step::Path => self.path(window),
                Step::Query | Step::OtherTarget => self.query(window),
                Step::Version => self.version(window),
                Step::Fields => self.field_lines(window),
            };
            match next? {
                Some(Step::Done) => {
                    self.step = Step::Done;
                    return self.finish().map(Some);
                }
                Some(step) => self.step = step,
                None if window.len() == most => return Err(self.too_long()),
                None => return Ok(None),
            }
        }
    }

    /// The field lines of the head that was parsed last, from the same `buf`.
    #[inline]
    pub fn fields<'a>(&'a self, buf: &'a [u8]) -> Fields<'a> {
        Fields::Wire { head: buf, spans: &self.spans, seen: self.seen }
    }

    fn start(&mut self, buf: &[u8]) -> Option<Step> {
        self.spans.clear();
        self.seen = SeenNames::default();
        self.host = None;
        self.mark = None;
        self.at = match buf {
            [] | [b'\r'] => return None,
            [b'\r', b'\n', ..] => 2,
            _ => 0,
        };
        Some(Step::Method)
    }

    fn method(&mut self, buf: &[u8]) -> Next {
        let rest = &buf[self.at..];
        let Some((method, length)) = known_method(rest) else {
            return not_known(rest, self.at > 0).map_or(Ok(None), Err);
        };
        self.method = method;
        self.at += length;
        self.start = self.at;
        Ok(Some(Step::Target))
    }

    fn target(&mut self, buf: &[u8]) -> Next {
        Ok(match buf.get(self.at) {
            None => None,
            Some(b' ') => return Err(HeadError::RequestLine),
            Some(b'/') if self.method != Method::CONNECT => Some(Step::Path),
            Some(_) => Some(Step::OtherTarget),
        })
    }

    fn path(&mut self, buf: &[u8]) -> Next {
        let Some(byte) = self.scan_target(buf, scan::path_stop)? else {
            return Ok(None);
        };
        if byte == b'?' {
            self.mark = Some(self.at);
            self.at += 1;
            return Ok(Some(Step::Query));
        }
        self.end_of_target(buf, byte)
    }

    fn query(&mut self, buf: &[u8]) -> Next {
        match self.scan_target(buf, scan::target_stop)? {
            Some(byte) => self.end_of_target(buf, byte),
            None => Ok(None),
        }
    }

    /// Goes on to the byte that `stop` finds, and gives it, within what the target may take.
    #[inline]
    fn scan_target(
        &mut self,
        buf: &[u8],
        stop: impl Fn(&[u8], usize) -> usize,
    ) -> Result<Option<u8>, HeadError> {
        let most = self.start + usize::from(self.limits.target_bytes);
        let window = &buf[..buf.len().min(most + 1)];
        self.at = stop(window, self.at);
        if self.at > most {
            return Err(HeadError::TargetTooLong);
        }
        Ok(window.get(self.at).copied())
    }

    #[inline]
    fn end_of_target(&mut self, buf: &[u8], byte: u8) -> Next {
        if byte != b' ' {
            return Err(match byte {
                b'\r' => HeadError::RequestLine,
                _ => HeadError::of_byte(byte, HeadError::TargetByte),
            });
        }
        self.target = if self.step == Step::OtherTarget {
            TargetSpan::other(&self.method, buf, self.start, self.at)?
        } else {
            TargetSpan::origin(self.start, self.mark, self.at)
        };
        self.at += 1;
        Ok(Some(Step::Version))
    }

    fn version(&mut self, buf: &[u8]) -> Next {
        let rest = &buf[self.at..];
        self.version = if rest.starts_with(b"HTTP/1.1\r\n") {
            Version::HTTP_11
        } else if let Some(version) = other_version(rest)? {
            version
        } else {
            return Ok(None);
        };
        self.at += b"HTTP/1.1\r\n".len();
        self.start = self.at;
        self.mark = None;
        self.framing = FramingFields::new(self.version);
        self.spans.reserve(USUAL_FIELDS);
        Ok(Some(Step::Fields))
    }

    fn finish(&mut self) -> Result<Head, HeadError> {
        if self.host.is_none() && self.version == Version::HTTP_11 {
            return Err(HeadError::HostMissing);
        }
        Ok(Head {
            method: std::mem::take(&mut self.method),
            version: self.version,
            length: self.at,
            framing: self.framing.framing(),
            target: self.target,
            host: self.host,
        })
    }

    fn too_long(&self) -> HeadError {
        match self.step {
            Step::Path | Step::Query | Step::OtherTarget => HeadError::TargetTooLong,
            _ => HeadError::TooLong,
        }
    }
}
