//! Where an answer over HTTP/1.1 begins and ends (RFC 9112 section 6.3), in whatever pieces it comes.

use std::fmt;
use std::mem::MaybeUninit;

use httparse::{Header, ParserConfig, Status};

use crate::http1::{ChunkError, ChunkedDecoder, Decoded, Limits};

/// Fields that a head may have.
const FIELDS: usize = 128;

/// Bytes that a head may have.
pub(super) const HEAD_BYTES: usize = 64 * 1024;

/// Bytes of a head that are remembered.
const REMEMBERED: usize = 4 * 1024;

/// Reads answers, one after the other.
pub(super) struct Responses {
    state: State,
    last: Last,
    /// Bytes of content since somebody asked.
    content: u64,
}

/// The head that came last. The next one is mostly the same to the byte, and then means the same.
#[derive(Default)]
struct Last {
    bytes: Vec<u8>,
    head: Head,
}

/// What a head says of what follows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Head {
    status: u16,
    body: Body,
    /// As the version and `Connection` say.
    closes: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Body {
    #[default]
    None,
    Length(u64),
    Chunked,
    UntilClose,
}

enum State {
    Head,
    Length { left: u64, head: Head },
    Chunked { decoder: ChunkedDecoder, head: Head },
    UntilClose { head: Head },
}

/// An answer that is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// No other comes on this connection.
    pub(super) closes: bool,
}

/// What is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Malformed {
    Head(httparse::Error),
    TooLarge,
    Length,
    Coding,
    Chunk(ChunkError),
    Switched,
}

impl Responses {
    pub(super) fn new() -> Self {
        Self { state: State::Head, last: Last::default(), content: 0 }
    }

    /// Goes on with what follows the bytes used up so far: how many of these are used up, and the
    /// answer that ends there. Without an answer, the rest and more of it is needed. Answers to
    /// `HEAD` have no content, whatever they say.
    pub(super) fn read(
        &mut self,
        input: &[u8],
        to_head: bool,
    ) -> Result<(usize, Option<Answer>), Malformed> {
        let mut at = 0;
        loop {
            let rest = input.get(at..).unwrap_or_default();
            match &mut self.state {
                State::Head => {
                    let Some((length, head)) = self.last.read(rest)? else { return Ok((at, None)) };
                    at += length;
                    match head.body {
                        _ if (100..200).contains(&head.status) => {}
                        Body::None => return Ok((at, Some(self.done(head)))),
                        _ if to_head => return Ok((at, Some(self.done(head)))),
                        body => self.state = State::of(body, head),
                    }
                }
                State::Length { left, head } => {
                    let taken =
                        usize::try_from(*left).map_or(rest.len(), |left| left.min(rest.len()));
                    *left -= taken as u64;
                    self.content += taken as u64;
                    at += taken;
                    if *left > 0 {
                        return Ok((at, None));
                    }
                    let head = *head;
                    return Ok((at, Some(self.done(head))));
                }
                State::Chunked { decoder, head } => {
                    match decoder.decode(rest).map_err(Malformed::Chunk)? {
                        Decoded::Data(data) => {
                            self.content += data.len() as u64;
                            at += data.end;
                        }
                        Decoded::More => return Ok((input.len(), None)),
                        Decoded::Done(used) => {
                            let head = *head;
                            return Ok((at + used, Some(self.done(head))));
                        }
                    }
                }
                State::UntilClose { .. } => {
                    self.content += rest.len() as u64;
                    return Ok((input.len(), None));
                }
            }
        }
    }

    /// The connection has ended: the answer that this completes.
    pub(super) fn end(&mut self) -> Option<Answer> {
        match self.state {
            State::UntilClose { head } => Some(Answer { closes: true, ..self.done(head) }),
            _ => None,
        }
    }

    /// Bytes of content since the last time that this was asked, also of an answer that is not
    /// complete.
    pub(super) fn take_content(&mut self) -> u64 {
        std::mem::take(&mut self.content)
    }

    fn done(&mut self, head: Head) -> Answer {
        self.state = State::Head;
        Answer { status: head.status, closes: head.closes }
    }
}

impl State {
    fn of(body: Body, head: Head) -> Self {
        match body {
            Body::None => Self::Head,
            Body::Length(left) => Self::Length { left, head },
            Body::Chunked => {
                Self::Chunked { decoder: ChunkedDecoder::new(Limits::default()), head }
            }
            Body::UntilClose => Self::UntilClose { head },
        }
    }
}

impl Last {
    /// The head at the beginning of the input and its length, if all of it is there.
    fn read(&mut self, input: &[u8]) -> Result<Option<(usize, Head)>, Malformed> {
        if !self.bytes.is_empty() && input.starts_with(&self.bytes) {
            return Ok(Some((self.bytes.len(), self.head)));
        }
        let Some((length, head)) = parse(input)? else {
            return if input.len() < HEAD_BYTES { Ok(None) } else { Err(Malformed::TooLarge) };
        };
        self.bytes.clear();
        if let Some(bytes) = input.get(..length).filter(|bytes| bytes.len() <= REMEMBERED) {
            self.bytes.extend_from_slice(bytes);
        }
        self.head = head;
        Ok(Some((length, head)))
    }
}

fn parse(input: &[u8]) -> Result<Option<(usize, Head)>, Malformed> {
    let mut fields = [const { MaybeUninit::uninit() }; FIELDS];
    let mut response = httparse::Response::new(&mut []);
    let config = ParserConfig::default();
    let parsed = config.parse_response_with_uninit_headers(&mut response, input, &mut fields);
    match parsed.map_err(Malformed::Head)? {
        Status::Partial => Ok(None),
        Status::Complete(length) => {
            let version = response.version.unwrap_or_default();
            let head = framing(response.code.unwrap_or_default(), version, response.headers)?;
            Ok(Some((length, head)))
        }
    }
}

fn framing(status: u16, version: u8, fields: &[Header<'_>]) -> Result<Head, Malformed> {
    let mut length = None;
    let mut coding: Option<&[u8]> = None;
    let mut closes = version == 0;
    for field in fields {
        if field.name.eq_ignore_ascii_case("content-length") {
            let value = digits(field.value).ok_or(Malformed::Length)?;
            if length.replace(value).is_some_and(|other| other != value) {
                return Err(Malformed::Length);
            }
        } else if field.name.eq_ignore_ascii_case("transfer-encoding") {
            coding = items(field.value).last();
        } else if field.name.eq_ignore_ascii_case("connection") {
            for item in items(field.value) {
                if item.eq_ignore_ascii_case(b"close") {
                    closes = true;
                } else if item.eq_ignore_ascii_case(b"keep-alive") && version == 0 {
                    closes = false;
                }
            }
        }
    }
    let body = match (status, coding, length) {
        (101, ..) => return Err(Malformed::Switched),
        (100..200 | 204 | 304, ..) => Body::None,
        (_, Some(coding), None) if coding.eq_ignore_ascii_case(b"chunked") => Body::Chunked,
        // Two say where it ends, or none does.
        (_, Some(_), _) => return Err(Malformed::Coding),
        (_, None, Some(length)) => Body::Length(length),
        (_, None, None) => Body::UntilClose,
    };
    Ok(Head { status, body, closes })
}

fn items(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).filter(|item| !item.is_empty())
}

fn digits(value: &[u8]) -> Option<u64> {
    let text = str::from_utf8(value.trim_ascii()).ok()?;
    text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Head(error) => write!(f, "no HTTP/1.1: {error}"),
            Self::TooLarge => write!(f, "a head of more than {HEAD_BYTES} bytes"),
            Self::Length => write!(f, "a Content-Length that is none"),
            Self::Coding => write!(f, "a Transfer-Encoding that leaves the end open"),
            Self::Chunk(error) => write!(f, "{error}"),
            Self::Switched => write!(f, "another protocol, which nobody asked for"),
        }
    }
}

#[cfg(test)]
mod tests;
