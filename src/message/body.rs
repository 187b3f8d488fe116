//! Content: of a response, in the forms a transport can send best; of a request, read on demand.

use std::fmt;
use std::fs::File;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::SystemTime;

use bytes::Bytes;
use futures_core::Stream;

/// The content of a response.
#[derive(Debug, Default)]
pub enum Body {
    /// None.
    #[default]
    Empty,
    /// Bytes in memory: they leave with the head in one write.
    Bytes(Bytes),
    /// A piece of a file: it leaves by `sendfile` where the transport can.
    File(FileSpan),
    /// Several pieces, one after the other.
    Parts(Vec<Part>),
    /// Made while it is sent; nothing is made before the transport asks.
    Stream {
        /// Bytes in all, when known.
        length: Option<u64>,
        /// The pieces.
        chunks: Chunks,
    },
}

impl Body {
    /// Bytes in all; `None` when only its end will tell.
    pub fn length(&self) -> Option<u64> {
        match self {
            Self::Empty => Some(0),
            Self::Bytes(bytes) => Some(bytes.len() as u64),
            Self::File(span) => Some(span.length),
            Self::Parts(parts) => Some(parts.iter().map(Part::length).sum()),
            Self::Stream { length, .. } => *length,
        }
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        if bytes.is_empty() { Self::Empty } else { Self::Bytes(bytes) }
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Bytes::from(text).into()
    }
}

/// A piece of an open file.
#[derive(Clone, Debug)]
pub struct FileSpan {
    /// The file; its own position is neither used nor moved.
    pub file: Arc<File>,
    /// When the file was last written at the time it was opened. A transport that finds another
    /// time before its last bytes cuts the connection: they would belong to another version.
    pub modified: Option<SystemTime>,
    /// First byte.
    pub start: u64,
    /// Number of bytes.
    pub length: u64,
    /// Up to where it was just found in the page cache, so that reading waits for no disk.
    pub warm_until: u64,
}

/// One piece of [`Body::Parts`].
#[derive(Clone, Debug)]
pub enum Part {
    /// Bytes in memory.
    Bytes(Bytes),
    /// A piece of a file.
    File(FileSpan),
}

impl Part {
    /// Bytes in this piece.
    pub fn length(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File(span) => span.length,
        }
    }
}

/// Pieces of content, made one at a time.
pub struct Chunks(Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>);

impl Chunks {
    /// Takes any stream of pieces. An error ends the connection: the head has been sent.
    pub fn new(stream: impl Stream<Item = io::Result<Bytes>> + Send + 'static) -> Self {
        Self(Box::pin(stream))
    }

    /// The next piece; `None` at the end.
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        self.0.as_mut().poll_next(context)
    }
}

impl fmt::Debug for Chunks {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Chunks")
    }
}

/// The content of a request. Nothing is read from the network, and no `100 (Continue)` is sent,
/// before somebody asks for the first piece.
#[derive(Default)]
pub enum RequestBody<'a> {
    /// The request has none.
    #[default]
    None,
    /// It arrives through this.
    Incoming(&'a mut (dyn Incoming + Send)),
}

/// Where the content of a request comes from: one implementation per protocol.
pub trait Incoming {
    /// Bytes in all, when the client said.
    fn length(&self) -> Option<u64>;

    /// The next piece; `None` at the end.
    fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>>;
}

impl RequestBody<'_> {
    /// Bytes in all, when the client said; 0 without content.
    pub fn length(&self) -> Option<u64> {
        match self {
            Self::None => Some(0),
            Self::Incoming(source) => source.length(),
        }
    }

    /// The next piece; `None` at the end.
    pub async fn chunk(&mut self) -> Option<Result<Bytes, BodyError>> {
        match self {
            Self::None => None,
            Self::Incoming(source) => poll_fn(|context| source.poll_chunk(context)).await,
        }
    }
}

impl fmt::Debug for RequestBody<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("RequestBody").field("length", &self.length()).finish()
    }
}

/// Why the content of a request could not be read to its end.
#[derive(Debug)]
pub enum BodyError {
    /// The client closed, or the connection broke.
    Closed,
    /// Nothing arrived for `request_timeout`.
    TimedOut,
    /// It was not whole within `upload_timeout`.
    TookTooLong,
    /// The framing is wrong.
    Malformed,
}

impl fmt::Display for BodyError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Closed => "the connection ended before the request body did",
            Self::TimedOut => "the request body stopped arriving",
            Self::TookTooLong => {
                "the request body took longer than the server allows in all, however steadily it came"
            }
            Self::Malformed => "the request body is not well-formed",
        })
    }
}

impl std::error::Error for BodyError {}
