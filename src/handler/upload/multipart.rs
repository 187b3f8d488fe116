//! The parts of a `multipart/form-data` body, one after the other, in bounded memory.
//!
//! `multer` finds the boundaries. It takes whatever its source has ready before it looks at any of
//! it, and keeps all of it until it sees the end of a part's head. So the source is behind a gate
//! that lets one piece through at a time, and counts what went through since `multer` last made
//! something of it.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;
use http::header;

use super::content::{Content, ContentError};
use crate::content::form_data::{Disposition, FieldError};

/// Parts that a form may have.
pub(super) const MAX_PARTS: usize = 1000;

/// Bytes that the head of a part may have; also what may stand before the first part.
pub(super) const MAX_HEAD: usize = 16 * 1024;

/// Reads the parts of a body.
pub(super) struct Multipart<'r> {
    inner: multer::Multipart<'r>,
    gate: Arc<Gate>,
    parts: usize,
}

/// One part: its name, and the content that is yet to be read.
pub(super) struct Part<'r> {
    /// What it is called.
    pub(super) disposition: Disposition,
    field: multer::Field<'r>,
    gate: Arc<Gate>,
}

/// Why a form cannot be read.
#[derive(Debug)]
pub(super) enum MultipartError {
    /// The body did not come.
    Content(ContentError),
    /// It ends before its last boundary, or a boundary is followed by something else than a line
    /// end.
    Incomplete,
    /// The head of a part, or what stands before the first, is longer than [`MAX_HEAD`].
    LongHead,
    /// The head of a part is not well-formed.
    BadHead,
    /// A part does not say properly what it is called.
    Name(FieldError),
    /// There are more than [`MAX_PARTS`] parts.
    TooMany,
}

impl fmt::Display for MultipartError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Content(error) => error.fmt(formatter),
            Self::Incomplete => formatter
                .write_str("the form is not well-formed, or it ends before its last boundary"),
            Self::LongHead => {
                write!(formatter, "the head of a part has more than {MAX_HEAD} bytes")
            }
            Self::BadHead => formatter.write_str("the head of a part is not well-formed"),
            Self::Name(error) => {
                write!(formatter, "the Content-Disposition of a part cannot be used: {error}")
            }
            Self::TooMany => write!(formatter, "the form has more than {MAX_PARTS} parts"),
        }
    }
}

impl std::error::Error for MultipartError {}

impl<'r> Multipart<'r> {
    /// Reads `content`, whose parts `boundary` divides.
    pub(super) fn new(content: &'r mut Content<'_>, boundary: String) -> Self {
        let gate = Arc::new(Gate::default());
        let source = Source { content, gate: Arc::clone(&gate) };
        Self { inner: multer::Multipart::new(source, boundary), gate, parts: 0 }
    }

    /// The next part; `None` after the last boundary. The part before it must have been read to
    /// its end, and be gone.
    pub(super) async fn next(&mut self) -> Result<Option<Part<'r>>, MultipartError> {
        let Self { inner, gate, .. } = self;
        let field = poll_fn(|context| gate.drive(|| inner.poll_next_field(context))).await??;
        let Some(field) = field else { return Ok(None) };
        self.parts += 1;
        if self.parts > MAX_PARTS {
            return Err(MultipartError::TooMany);
        }
        // A name, a colon, a space, a value and a line end.
        let head: usize =
            field.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
        if head > MAX_HEAD {
            return Err(MultipartError::LongHead);
        }
        let disposition = field.headers().get(header::CONTENT_DISPOSITION);
        let disposition = disposition
            .map_or(Err(FieldError::NotFormData), |value| Disposition::parse(value.as_bytes()));
        let disposition = disposition.map_err(MultipartError::Name)?;
        Ok(Some(Part { disposition, field, gate: Arc::clone(&self.gate) }))
    }
}

impl Part<'_> {
    /// The next piece of the content, never an empty one; `None` at the end.
    pub(super) async fn piece(&mut self) -> Result<Option<Bytes>, MultipartError> {
        let Self { field, gate, .. } = self;
        loop {
            let piece =
                poll_fn(|context| gate.drive(|| Pin::new(&mut *field).poll_next(context))).await?;
            match piece.transpose()? {
                Some(piece) if piece.is_empty() => {}
                piece => return Ok(piece),
            }
        }
    }
}

impl fmt::Debug for Multipart<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Multipart").field("parts", &self.parts).finish_non_exhaustive()
    }
}

impl fmt::Debug for Part<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Part").field(&self.disposition).finish()
    }
}

/// Where `multer` reads: the content, behind the gate.
struct Source<'r, 'a> {
    content: &'r mut Content<'a>,
    gate: Arc<Gate>,
}

impl Stream for Source<'_, '_> {
    type Item = Result<Bytes, ContentError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if !self.gate.is_open.load(Ordering::Relaxed) {
            // Nobody is woken: `Gate::drive` sees why this waits, and asks again.
            return Poll::Pending;
        }
        let piece = ready!(self.content.poll_piece(context));
        self.gate.is_open.store(false, Ordering::Relaxed);
        if let Some(Ok(piece)) = &piece {
            self.gate.unused.fetch_add(piece.len(), Ordering::Relaxed);
        }
        Poll::Ready(piece)
    }
}

/// Lets one piece through each time it is opened. Only ever touched by one task; the atomics are
/// for the compiler, who cannot know.
#[derive(Default)]
struct Gate {
    is_open: AtomicBool,
    /// Bytes let through since `multer` last made something of them.
    unused: AtomicUsize,
}

impl Gate {
    /// Asks `multer` until it has something, or the content has nothing more at the moment.
    fn drive<T>(&self, mut ask: impl FnMut() -> Poll<T>) -> Poll<Result<T, MultipartError>> {
        loop {
            self.is_open.store(true, Ordering::Relaxed);
            if let Poll::Ready(found) = ask() {
                self.unused.store(0, Ordering::Relaxed);
                return Poll::Ready(Ok(found));
            }
            if self.is_open.load(Ordering::Relaxed) {
                return Poll::Pending;
            }
            if self.unused.load(Ordering::Relaxed) > MAX_HEAD {
                return Poll::Ready(Err(MultipartError::LongHead));
            }
        }
    }
}

impl From<multer::Error> for MultipartError {
    fn from(error: multer::Error) -> Self {
        match error {
            multer::Error::StreamReadFailed(error) => match error.downcast() {
                Ok(error) => Self::Content(*error),
                Err(_) => Self::Incomplete,
            },
            multer::Error::ReadHeaderFailed(_)
            | multer::Error::DecodeHeaderName { .. }
            | multer::Error::DecodeHeaderValue { .. }
            | multer::Error::IncompleteHeaders => Self::BadHead,
            _ => Self::Incomplete,
        }
    }
}
