//! The content of a request. Files are read while it is sent, and again if it is sent on.

use std::collections::VecDeque;
use std::error::Error;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::mpsc;

/// Bytes that are read of a file at a time.
const BLOCK: usize = 256 << 10;
/// Blocks that are read ahead.
const AHEAD: usize = 2;

/// A piece of content.
#[derive(Clone, Debug)]
pub enum Piece {
    /// In memory.
    Bytes(Bytes),
    /// As many bytes as a file has.
    File {
        /// Where it is.
        path: PathBuf,
        /// As many bytes are sent, and it is an error if it has fewer by then.
        length: u64,
    },
}

impl Piece {
    /// A file, with the length that it has now.
    ///
    /// # Errors
    /// Those of looking at it; [`io::ErrorKind::InvalidInput`] when it is no regular file.
    pub fn file(path: &Path) -> io::Result<Self> {
        let meta = path.metadata()?;
        if !meta.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"));
        }
        Ok(Self::File { path: path.to_owned(), length: meta.len() })
    }

    fn length(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File { length, .. } => *length,
        }
    }
}

/// What a request carries: pieces, one after the other.
#[derive(Clone, Debug, Default)]
pub struct Content(Arc<[Piece]>);

impl Content {
    /// All of these.
    pub fn new(pieces: impl IntoIterator<Item = Piece>) -> Self {
        Self(pieces.into_iter().collect())
    }

    /// Whether there is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Bytes in all.
    pub fn length(&self) -> u64 {
        self.0.iter().map(Piece::length).sum()
    }

    /// Begins to send it. What has been sent is added to `moved`.
    pub(super) fn open(&self, moved: Arc<AtomicU64>) -> Sending {
        Sending { pieces: self.0.iter().cloned().collect(), file: None, left: self.length(), moved }
    }
}

/// Content on its way.
#[derive(Debug)]
pub(super) struct Sending {
    pieces: VecDeque<Piece>,
    /// The blocks of the file that is being read.
    file: Option<mpsc::Receiver<Result<Bytes, ContentError>>>,
    left: u64,
    moved: Arc<AtomicU64>,
}

impl Sending {
    fn next(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, ContentError>>> {
        loop {
            if let Some(file) = &mut self.file {
                match ready!(file.poll_recv(context)) {
                    Some(block) => return Poll::Ready(Some(block)),
                    None => self.file = None,
                }
            }
            match self.pieces.pop_front() {
                None => return Poll::Ready(None),
                Some(Piece::Bytes(bytes)) if bytes.is_empty() => {}
                Some(Piece::Bytes(bytes)) => return Poll::Ready(Some(Ok(bytes))),
                Some(Piece::File { path, length }) => {
                    let (blocks, file) = mpsc::channel(AHEAD);
                    self.file = Some(file);
                    tokio::task::spawn_blocking(move || read(&path, length, &blocks));
                }
            }
        }
    }
}

impl Body for Sending {
    type Data = Bytes;
    type Error = ContentError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ContentError>>> {
        let next = ready!(self.next(context));
        if let Some(Ok(bytes)) = &next {
            let sent = bytes.len() as u64;
            self.left = self.left.saturating_sub(sent);
            self.moved.fetch_add(sent, Ordering::Relaxed);
        }
        Poll::Ready(next.map(|next| next.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

/// Reads a file for as long as somebody takes its blocks.
fn read(path: &Path, length: u64, blocks: &mpsc::Sender<Result<Bytes, ContentError>>) {
    let failed = |source| ContentError { path: path.to_owned(), source };
    let mut left = length;
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) => return drop(blocks.blocking_send(Err(failed(error)))),
    };
    while left > 0 {
        let size = usize::try_from(left).unwrap_or(BLOCK).min(BLOCK);
        let mut block = vec![0; size];
        if let Err(error) = file.read_exact(&mut block) {
            return drop(blocks.blocking_send(Err(failed(error))));
        }
        left -= size as u64;
        if blocks.blocking_send(Ok(block.into())).is_err() {
            return;
        }
    }
}

/// What was to be sent cannot be read.
#[derive(Debug)]
pub(super) struct ContentError {
    pub(super) path: PathBuf,
    pub(super) source: io::Error,
}

impl fmt::Display for ContentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        if self.source.kind() == io::ErrorKind::UnexpectedEof {
            return write!(f, "'{path}' became shorter while it was sent");
        }
        write!(f, "'{path}' cannot be read: {}", self.source)
    }
}

impl Error for ContentError {}
