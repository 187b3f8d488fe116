//! Content as bytes in memory, a piece at a time: for transports that cannot send files, and for
//! what is no file.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;

use bytes::Bytes;

use super::file_read;
use crate::message::{Body, Chunks, FileSpan, Part};

/// What is left of a body.
pub(super) struct Pieces {
    queue: VecDeque<Item>,
}

enum Item {
    Bytes(Bytes),
    File(FileSpan),
    Stream {
        chunks: Chunks,
        /// Bytes still owed, when the length was announced.
        owed: Option<u64>,
    },
}

impl Pieces {
    pub(super) fn new(body: Body) -> Self {
        let queue = match body {
            Body::Empty => VecDeque::new(),
            Body::Bytes(bytes) => VecDeque::from([Item::Bytes(bytes)]),
            Body::File(span) => VecDeque::from([Item::File(span)]),
            Body::Parts(parts) => parts.into_iter().map(Item::from).collect(),
            Body::Stream { length, chunks } => {
                VecDeque::from([Item::Stream { chunks, owed: length }])
            }
        };
        Self { queue }
    }

    /// Whether nothing is left, as far as that is known without looking.
    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// The next piece, of 1 to `most` bytes; `None` at the end. A file that changed meanwhile, or
    /// a stream of another length than was announced, is an error.
    pub(super) async fn next(&mut self, most: usize) -> io::Result<Option<Bytes>> {
        loop {
            let Some(item) = self.queue.front_mut() else { return Ok(None) };
            let piece = match item {
                Item::Bytes(bytes) => {
                    let piece = bytes.split_to(most.min(bytes.len()));
                    (!piece.is_empty()).then_some(piece)
                }
                Item::File(span) => file_piece(span, most, Vec::new()).await?.map(Bytes::from),
                Item::Stream { chunks, owed } => match stream_piece(chunks, owed).await? {
                    Some(mut piece) if piece.len() > most => {
                        let now = piece.split_to(most);
                        self.queue.push_front(Item::Bytes(piece));
                        return Ok(Some(now));
                    }
                    piece => piece,
                },
            };
            if self.queue.front().is_some_and(Item::is_finished) || piece.is_none() {
                self.queue.pop_front();
            }
            if piece.is_some() {
                return Ok(piece);
            }
        }
    }
}

impl From<Part> for Item {
    fn from(part: Part) -> Self {
        match part {
            Part::Bytes(bytes) => Self::Bytes(bytes),
            Part::File(span) => Self::File(span),
        }
    }
}

impl Item {
    fn is_finished(&self) -> bool {
        match self {
            Self::Bytes(bytes) => bytes.is_empty(),
            Self::File(span) => span.length == 0,
            Self::Stream { .. } => false,
        }
    }
}

/// The next piece of a file, in `buffer`; `None` at its end.
pub(super) async fn file_piece(
    span: &mut FileSpan,
    most: usize,
    mut buffer: Vec<u8>,
) -> io::Result<Option<Vec<u8>>> {
    let count = span.length.min(most as u64);
    if count == 0 {
        return Ok(None);
    }
    // Keeps what there is: it need not be zeroed to be read over.
    buffer.resize(usize::try_from(count).unwrap_or(usize::MAX), 0);
    let buffer = file_read::fill(buffer, span).await?;
    span.start += count;
    span.length -= count;
    if span.length == 0 {
        file_read::check_unchanged(span)?;
    }
    Ok(Some(buffer))
}

/// The next piece of a stream, never an empty one; `None` at its end, which comes when `owed`, the
/// bytes announced, have come.
pub(super) async fn stream_piece(
    chunks: &mut Chunks,
    owed: &mut Option<u64>,
) -> io::Result<Option<Bytes>> {
    loop {
        let Some(piece) = poll_fn(|context| chunks.poll_next(context)).await else {
            return match owed {
                Some(1..) => Err(io::ErrorKind::UnexpectedEof.into()),
                _ => Ok(None),
            };
        };
        let piece = piece?;
        if let Some(owed) = owed {
            *owed = owed
                .checked_sub(piece.len() as u64)
                .ok_or_else(|| io::Error::other("a body was longer than announced"))?;
        }
        if !piece.is_empty() {
            return Ok(Some(piece));
        }
    }
}
