//! The content of a request, as far as it may be long.

use std::fmt;
use std::future::poll_fn;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::StatusCode;

use crate::handler::landing::Refused;
use crate::message::{BodyError, RequestBody};

/// The content of a request, of at most so many bytes.
#[derive(Debug)]
pub(super) struct Content<'a> {
    body: RequestBody<'a>,
    limit: u64,
    received: u64,
}

/// Why content cannot be read to its end.
#[derive(Debug)]
pub(super) enum ContentError {
    /// It did not arrive whole.
    Body(BodyError),
    /// It has more than so many bytes.
    TooLong(u64),
}

impl<'a> Content<'a> {
    /// At most `limit` bytes of a body. When its length is known and more, that is said before
    /// anything is read.
    pub(super) fn new(body: RequestBody<'a>, limit: u64) -> Result<Self, ContentError> {
        if body.length().is_some_and(|length| length > limit) {
            return Err(ContentError::TooLong(limit));
        }
        Ok(Self { body, limit, received: 0 })
    }

    /// Bytes still to come, when the client said.
    pub(super) fn left(&self) -> Option<u64> {
        self.body.length().map(|length| length.saturating_sub(self.received))
    }

    /// The next piece; `None` at the end.
    pub(super) fn poll_piece(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, ContentError>>> {
        let RequestBody::Incoming(source) = &mut self.body else { return Poll::Ready(None) };
        let piece = match ready!(source.poll_chunk(context)) {
            None => return Poll::Ready(None),
            Some(Err(error)) => return Poll::Ready(Some(Err(ContentError::Body(error)))),
            Some(Ok(piece)) => piece,
        };
        self.received += piece.len() as u64;
        if self.received > self.limit {
            return Poll::Ready(Some(Err(ContentError::TooLong(self.limit))));
        }
        Poll::Ready(Some(Ok(piece)))
    }

    /// The next piece; `None` at the end.
    pub(super) async fn piece(&mut self) -> Option<Result<Bytes, ContentError>> {
        poll_fn(|context| self.poll_piece(context)).await
    }

    /// Reads what is left and drops it: only then is it sure that the content came whole.
    pub(super) async fn finish(&mut self) -> Result<(), ContentError> {
        while let Some(piece) = self.piece().await {
            piece?;
        }
        Ok(())
    }

    /// All of it, if it has at most `limit` bytes.
    pub(super) async fn whole(&mut self, limit: usize) -> Result<Vec<u8>, ContentError> {
        let too_long = || ContentError::TooLong(limit as u64);
        if self.body.length().is_some_and(|length| length > limit as u64) {
            return Err(too_long());
        }
        let mut all = Vec::new();
        while let Some(piece) = self.piece().await {
            let piece = piece?;
            if all.len() + piece.len() > limit {
                return Err(too_long());
            }
            all.extend_from_slice(&piece);
        }
        Ok(all)
    }
}

impl fmt::Display for ContentError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Body(error) => error.fmt(formatter),
            Self::TooLong(limit) => {
                write!(formatter, "that is too much at once: {limit} bytes are accepted at most")
            }
        }
    }
}

impl std::error::Error for ContentError {}

impl From<ContentError> for Refused {
    fn from(error: ContentError) -> Self {
        let status = match &error {
            ContentError::TooLong(_) => StatusCode::PAYLOAD_TOO_LARGE,
            ContentError::Body(BodyError::TimedOut | BodyError::TookTooLong) => {
                StatusCode::REQUEST_TIMEOUT
            }
            // Of a closed connection nobody reads the answer; it is for the log.
            ContentError::Body(BodyError::Malformed | BodyError::Closed) => StatusCode::BAD_REQUEST,
        };
        Self::new(status, error.to_string())
    }
}
