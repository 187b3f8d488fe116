//! The chunked coding of a request body (RFC 9112 section 7.1), read strictly.
//!
//! ```abnf
//! chunked-body = *chunk last-chunk trailer-section CRLF
//! chunk        = chunk-size [ chunk-ext ] CRLF chunk-data CRLF
//! chunk-size   = 1*HEXDIG
//! last-chunk   = 1*("0") [ chunk-ext ] CRLF
//! chunk-ext    = *( BWS ";" BWS chunk-ext-name [ BWS "=" BWS chunk-ext-val ] )
//! chunk-ext-name = token
//! chunk-ext-val  = token / quoted-string
//! ```
//! Extensions and trailers must have this form to the letter, white space where the grammar has it
//! and nowhere else; then they are dropped. Line ends are CRLF and nothing else.

use std::fmt;
use std::ops::Range;

use http::StatusCode;

use super::{Limits, chars};

/// Digits of a chunk size, leading zeros included: no more fit into 64 bits.
const SIZE_DIGITS: u8 = 16;
/// Bytes of extensions in the line of one chunk.
const LINE_EXTENSIONS: u16 = 4 * 1024;
/// Bytes of extensions in one body.
const BODY_EXTENSIONS: u16 = 16 * 1024;

/// Takes one chunked body apart, in whatever pieces it arrives.
///
/// It keeps no bytes: all it is given is used up, except what follows the end of the body.
#[derive(Clone, Debug)]
pub struct ChunkedDecoder {
    state: State,
    /// Extension bytes that this chunk's line may still have.
    line_extensions: u16,
    /// Extension bytes that the body may still have.
    body_extensions: u16,
    /// Bytes that trailers may still have.
    trailer_bytes: u16,
    /// Lines that trailers may still have.
    trailer_fields: u16,
}

/// What [`ChunkedDecoder::decode`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decoded {
    /// These bytes of the input are content; those before them are used up. Go on with what
    /// follows them.
    Data(Range<usize>),
    /// All of the input is used up, without content; more is needed.
    More,
    /// The body has ended; it used up this many bytes of the input.
    Done(usize),
}

/// ```text
///          ┌────────── DataLf ◄── DataCr ◄── Data ◄──┐ size > 0
///          ▼                                         │
///   ──► Size ──► Extension ──► SizeLf ───────────────┤
///          └───────────────────► ▲                   │ size = 0
///                                                    ▼
///                 TrailerLf ◄── TrailerValue ◄── TrailerName ◄── TrailerStart ──► EndLf ──► Done
///                     └───────────────────────────────────────────►
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Size { digits: u8, size: u64 },
    Extension { place: Place, size: u64 },
    SizeLf { size: u64 },
    Data { left: u64 },
    DataCr,
    DataLf,
    TrailerStart,
    TrailerName,
    TrailerValue,
    TrailerLf,
    EndLf,
    Done,
}

/// Where in a chunk extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    BeforeSemicolon,
    BeforeName,
    Name,
    AfterName,
    BeforeValue,
    Value,
    Quoted,
    Escaped,
    AfterQuoted,
}

impl ChunkedDecoder {
    /// A decoder at the start of a body. Trailers may be as large as a head.
    pub fn new(limits: Limits) -> Self {
        Self {
            state: SIZE,
            line_extensions: LINE_EXTENSIONS,
            body_extensions: BODY_EXTENSIONS,
            trailer_bytes: limits.head_bytes,
            trailer_fields: limits.fields,
        }
    }

    /// Whether the whole body, trailers included, was decoded.
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Goes on with the bytes that follow those used up so far. After an error the decoder, like
    /// the connection, is of no more use.
    pub fn decode(&mut self, input: &[u8]) -> Result<Decoded, ChunkError> {
        let mut at = 0;
        while self.state != State::Done {
            let Some(&byte) = input.get(at) else {
                return Ok(Decoded::More);
            };
            if let State::Data { left } = self.state {
                let ready = input.len() - at;
                let taken = usize::try_from(left).map_or(ready, |left| left.min(ready));
                self.state = match left - taken as u64 {
                    0 => State::DataCr,
                    left => State::Data { left },
                };
                return Ok(Decoded::Data(at..at + taken));
            }
            self.state = self.after(byte)?;
            at += 1;
        }
        Ok(Decoded::Done(at))
    }

    /// The state after a byte that is not data.
    fn after(&mut self, byte: u8) -> Result<State, ChunkError> {
        match self.state {
            State::Size { digits, size } => self.in_size(digits, size, byte),
            State::Extension { place, size } => self.in_extension(place, size, byte),
            State::SizeLf { size } => {
                self.line_extensions = LINE_EXTENSIONS;
                let next = match size {
                    0 => State::TrailerStart,
                    left => State::Data { left },
                };
                expect(byte, b'\n', next, ChunkError::LineEnd)
            }
            State::DataCr => expect(byte, b'\r', State::DataLf, ChunkError::DataEnd),
            State::DataLf => expect(byte, b'\n', SIZE, ChunkError::DataEnd),
            State::EndLf => expect(byte, b'\n', State::Done, ChunkError::LineEnd),
            State::Data { .. } | State::Done => Ok(self.state),
            _ => self.in_trailer(byte),
        }
    }

    fn in_size(&mut self, digits: u8, size: u64, byte: u8) -> Result<State, ChunkError> {
        if let Some(digit) = char::from(byte).to_digit(16) {
            if digits == SIZE_DIGITS {
                return Err(ChunkError::SizeTooLarge);
            }
            return Ok(State::Size { digits: digits + 1, size: size << 4 | u64::from(digit) });
        }
        match byte {
            _ if digits == 0 => Err(ChunkError::SizeSyntax),
            b'\r' => Ok(State::SizeLf { size }),
            b'\n' => Err(ChunkError::LineEnd),
            b';' | b' ' | b'\t' => self.in_extension(Place::AfterQuoted, size, byte),
            _ => Err(ChunkError::SizeSyntax),
        }
    }

    fn in_extension(&mut self, place: Place, size: u64, byte: u8) -> Result<State, ChunkError> {
        let next = match (place.after(byte), byte) {
            (Some(place), _) => State::Extension { place, size },
            (None, b'\r') if place.may_end() => return Ok(State::SizeLf { size }),
            (None, b'\r' | b'\n') => return Err(ChunkError::LineEnd),
            (None, _) => return Err(ChunkError::Extension),
        };
        let left = |left: u16| left.checked_sub(1).ok_or(ChunkError::ExtensionsTooLong);
        self.line_extensions = left(self.line_extensions)?;
        self.body_extensions = left(self.body_extensions)?;
        Ok(next)
    }

    fn in_trailer(&mut self, byte: u8) -> Result<State, ChunkError> {
        let next = match (self.state, byte) {
            (State::TrailerStart, b'\r') => return Ok(State::EndLf),
            (State::TrailerStart, _) if chars::is_token(byte) => {
                let left = self.trailer_fields.checked_sub(1);
                self.trailer_fields = left.ok_or(ChunkError::TrailersTooLong)?;
                State::TrailerName
            }
            (State::TrailerName, b':') => State::TrailerValue,
            (State::TrailerName, _) if chars::is_token(byte) => State::TrailerName,
            (State::TrailerValue, b'\r') => State::TrailerLf,
            (State::TrailerValue, _) if chars::is_field_value(byte) => State::TrailerValue,
            (State::TrailerLf, b'\n') => State::TrailerStart,
            (State::TrailerLf, _) | (_, b'\n') => return Err(ChunkError::LineEnd),
            _ => return Err(ChunkError::Trailer),
        };
        let left = self.trailer_bytes.checked_sub(1);
        self.trailer_bytes = left.ok_or(ChunkError::TrailersTooLong)?;
        Ok(next)
    }
}

const SIZE: State = State::Size { digits: 0, size: 0 };

fn expect(byte: u8, wanted: u8, next: State, error: ChunkError) -> Result<State, ChunkError> {
    if byte == wanted { Ok(next) } else { Err(error) }
}

impl Place {
    /// Where `byte` leads inside the extensions; `None` when it is not one of them.
    fn after(self, byte: u8) -> Option<Self> {
        let space = chars::is_space(byte);
        let token = chars::is_token(byte);
        Some(match (self, byte) {
            (Self::Quoted, b'"') => Self::AfterQuoted,
            (Self::Quoted, b'\\') => Self::Escaped,
            (Self::Quoted | Self::Escaped, _) if chars::is_field_value(byte) => Self::Quoted,

            (Self::BeforeName, _) if space => Self::BeforeName,
            (Self::BeforeName | Self::Name, _) if token => Self::Name,
            (Self::Name | Self::AfterName, _) if space => Self::AfterName,
            (Self::Name | Self::AfterName, b'=') => Self::BeforeValue,

            (Self::BeforeValue, _) if space => Self::BeforeValue,
            (Self::BeforeValue, b'"') => Self::Quoted,
            (Self::BeforeValue | Self::Value, _) if token => Self::Value,

            (
                Self::BeforeSemicolon
                | Self::Name
                | Self::AfterName
                | Self::Value
                | Self::AfterQuoted,
                b';',
            ) => Self::BeforeName,
            (Self::BeforeSemicolon | Self::Value | Self::AfterQuoted, _) if space => {
                Self::BeforeSemicolon
            }
            _ => return None,
        })
    }

    /// Whether the line may end here.
    fn may_end(self) -> bool {
        matches!(self, Self::Name | Self::Value | Self::AfterQuoted)
    }
}

/// Why a chunked body is refused. Where it ends is not known, so the connection cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChunkError {
    /// A chunk size that is not hexadecimal digits alone.
    SizeSyntax,
    /// A chunk size of more than 16 digits.
    SizeTooLarge,
    /// A line that does not end in CRLF.
    LineEnd,
    /// The data of a chunk is not followed by CRLF: the size was wrong.
    DataEnd,
    /// An extension that the grammar does not have.
    Extension,
    /// More than 4 KiB of extensions in a line, or 16 KiB in the body.
    ExtensionsTooLong,
    /// A trailer line that is not a field line.
    Trailer,
    /// More trailers than a head may have fields or bytes.
    TrailersTooLong,
}

impl ChunkError {
    /// The status to answer with, while nothing has been answered.
    pub fn status(self) -> StatusCode {
        match self {
            Self::TrailersTooLong => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            _ => StatusCode::BAD_REQUEST,
        }
    }
}

impl fmt::Display for ChunkError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::SizeSyntax => "a chunk size is not a hexadecimal number",
            Self::SizeTooLarge => "a chunk size has more than 16 digits",
            Self::LineEnd => "a line of the chunked body does not end in CRLF",
            Self::DataEnd => "a chunk is longer than its size says",
            Self::Extension => "a chunk extension is not well-formed",
            Self::ExtensionsTooLong => "the chunk extensions are too long",
            Self::Trailer => "a trailer line is not well-formed",
            Self::TrailersTooLong => "the trailers are too long",
        })
    }
}

impl std::error::Error for ChunkError {}

#[cfg(test)]
mod tests;
