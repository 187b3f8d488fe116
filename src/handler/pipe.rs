//! From a thread that may block to a connection, a piece at a time.

use std::io::{self, Write};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{BufMut, Bytes, BytesMut};
use futures_core::Stream;
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// Bytes in a piece.
pub(super) const PIECE: usize = 64 * 1024;

/// Pieces that may wait to be sent.
pub(super) const WAITING: usize = 2;

/// Both ends.
pub(super) fn pipe() -> (PipeWriter, PipeReader) {
    let (sender, receiver) = channel(WAITING);
    (PipeWriter { sender, piece: BytesMut::new() }, PipeReader(receiver))
}

/// Where the thread writes to. It waits while the pipe is full; whoever reads having left is an
/// error.
pub(super) struct PipeWriter {
    sender: Sender<io::Result<Bytes>>,
    piece: BytesMut,
}

impl PipeWriter {
    /// Whether somebody still reads, for those who take long to have something to write.
    pub(super) fn attention(&self) -> Attention {
        Attention(self.sender.clone())
    }

    /// Lets `write` fill the pipe. If it fails, the reader learns it: what it has is not the whole
    /// of `what`.
    pub(super) fn run(
        mut self,
        what: &'static str,
        write: impl FnOnce(&mut Self) -> io::Result<()>,
    ) {
        let result = write(&mut self).and_then(|()| self.flush());
        if let Err(error) = result
            && !self.sender.is_closed()
        {
            tracing::warn!(%error, "{what} was cut short");
            // Gone after all: then nobody needs to know.
            let _ = self.sender.blocking_send(Err(error));
        }
    }
}

impl Write for PipeWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.piece.len() == PIECE {
            self.flush()?;
        }
        self.piece.reserve(PIECE - self.piece.len());
        let count = bytes.len().min(PIECE - self.piece.len());
        self.piece.put_slice(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.piece.is_empty() {
            return Ok(());
        }
        let piece = self.piece.split().freeze();
        self.sender.blocking_send(Ok(piece)).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

/// That of whoever reads.
#[derive(Clone)]
pub(super) struct Attention(Sender<io::Result<Bytes>>);

impl Attention {
    /// An error when nobody reads any more.
    pub(super) fn check(&self) -> io::Result<()> {
        if self.0.is_closed() { Err(io::ErrorKind::BrokenPipe.into()) } else { Ok(()) }
    }
}

/// What the connection reads.
pub(super) struct PipeReader(Receiver<io::Result<Bytes>>);

impl Stream for PipeReader {
    type Item = io::Result<Bytes>;

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Bytes>>> {
        self.0.poll_recv(context)
    }
}
