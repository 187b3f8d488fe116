//! The parts of a `multipart/form-data` body, one after the other, in bounded memory.
//!
//! `multer` finds the boundaries. It takes whatever its source has ready before it looks at any of
//! it, and keeps all of it until it sees the end of a part's head. So the source is behind a gate
//! that lets one portion through at a time, and counts what of it belongs to a head.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;
use http::header;

use super::content::{Content, ContentError};
use super::portions::{Portions, Reading};
use crate::content::form_data::{Disposition, FieldError};

/// Parts that a form may have.
pub(super) const MAX_PARTS: usize = 1000;

/// Bytes that the head of a part may have; of the first one, with what stands before it.
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
        let source = Source { content, portions: Portions::default(), gate: Arc::clone(&gate) };
        Self { inner: multer::Multipart::new(source, boundary), gate, parts: 0 }
    }

    /// The next part; `None` after the last boundary. The part before it must have been read to
    /// its end, and be gone.
    pub(super) async fn next(&mut self) -> Result<Option<Part<'r>>, MultipartError> {
        let Self { inner, gate, .. } = self;
        let field = poll_fn(|context| gate.drive(Reading::Head, || inner.poll_next_field(context)));
        let field = field.await??;
        let Some(field) = field else { return Ok(None) };
        self.parts += 1;
        if self.parts > MAX_PARTS {
            return Err(MultipartError::TooMany);
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
            let piece = poll_fn(|context| {
                gate.drive(Reading::Content, || Pin::new(&mut *field).poll_next(context))
            });
            match piece.await?.transpose()? {
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
    portions: Portions,
    gate: Arc<Gate>,
}

impl Stream for Source<'_, '_> {
    type Item = Result<Bytes, ContentError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Self { content, portions, gate } = &mut *self;
        if !gate.is_open.load(Relaxed) {
            // Nobody is woken: `Gate::drive` sees why this waits, and asks again.
            return Poll::Pending;
        }
        if portions.is_empty() {
            match ready!(content.poll_piece(context)) {
                Some(Ok(piece)) => portions.fill(piece),
                other => {
                    gate.is_open.store(false, Relaxed);
                    return Poll::Ready(other);
                }
            }
        }
        let reads_head = gate.reads_head.load(Relaxed);
        let reading = if reads_head { Reading::Head } else { Reading::Content };
        let (portion, head) = portions.take(reading);
        gate.is_open.store(false, Relaxed);
        gate.head.fetch_add(head, Relaxed);
        Poll::Ready(Some(Ok(portion)))
    }
}

/// Lets one portion through each time it is opened. Only ever touched by one task; the atomics are
/// for the compiler, who cannot know.
#[derive(Default)]
struct Gate {
    is_open: AtomicBool,
    reads_head: AtomicBool,
    /// Bytes let through of the head that is being read.
    head: AtomicUsize,
}

impl Gate {
    /// Asks `multer` until it has something, or the content has nothing more at the moment.
    fn drive<T>(
        &self,
        reading: Reading,
        mut ask: impl FnMut() -> Poll<T>,
    ) -> Poll<Result<T, MultipartError>> {
        self.reads_head.store(reading == Reading::Head, Relaxed);
        loop {
            self.is_open.store(true, Relaxed);
            let asked = ask();
            if self.head.load(Relaxed) > MAX_HEAD {
                return Poll::Ready(Err(MultipartError::LongHead));
            }
            if let Poll::Ready(found) = asked {
                self.head.store(0, Relaxed);
                return Poll::Ready(Ok(found));
            }
            if self.is_open.load(Relaxed) {
                return Poll::Pending;
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
