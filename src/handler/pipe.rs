//! From a thread that may block to a connection, a piece at a time.

use std::io::{self, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

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
    let is_whole = Arc::new(AtomicBool::new(false));
    let writer = PipeWriter { sender, piece: BytesMut::new(), is_whole: Arc::clone(&is_whole) };
    (writer, PipeReader { receiver, is_whole })
}

/// Where the thread writes to. It waits while the pipe is full; whoever reads having left is an
/// error. Dropped before [`run`](Self::run) has come to its end, as by a panic, it leaves the reader
/// an error.
pub(super) struct PipeWriter {
    sender: Sender<io::Result<Bytes>>,
    piece: BytesMut,
    /// Whether all that there is to read was written.
    is_whole: Arc<AtomicBool>,
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
        match write(&mut self).and_then(|()| self.flush()) {
            Ok(()) => self.is_whole.store(true, Ordering::Release),
            Err(error) if !self.sender.is_closed() => {
                tracing::warn!(%error, "{what} was cut short");
                // Gone after all: then nobody needs to know.
                let _ = self.sender.blocking_send(Err(error));
            }
            Err(_) => {}
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
pub(super) struct PipeReader {
    receiver: Receiver<io::Result<Bytes>>,
    is_whole: Arc<AtomicBool>,
}

impl Stream for PipeReader {
    type Item = io::Result<Bytes>;

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Bytes>>> {
        let piece = ready!(self.receiver.poll_recv(context));
        let is_end = piece.is_none() && self.is_whole.load(Ordering::Acquire);
        Poll::Ready(if is_end { None } else { piece.or_else(|| Some(Err(cut()))) })
    }
}

fn cut() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "what was being sent has no end")
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    async fn read(reader: &mut PipeReader) -> Option<io::Result<Bytes>> {
        poll_fn(|context| Pin::new(&mut *reader).poll_next(context)).await
    }

    #[tokio::test]
    async fn what_is_written_whole_ends_well() {
        let (writer, mut reader) = pipe();
        tokio::task::spawn_blocking(|| writer.run("a test", |out| out.write_all(b"whole")));
        assert_eq!(read(&mut reader).await.unwrap().unwrap(), "whole");
        assert!(read(&mut reader).await.is_none());
    }

    #[tokio::test]
    async fn a_writer_that_is_gone_before_its_end_is_an_error() {
        let (writer, mut reader) = pipe();
        let thread = tokio::task::spawn_blocking(|| {
            writer.run("a test", |out| {
                out.write_all(b"half")?;
                out.flush()?;
                panic!("on purpose")
            });
        });
        assert_eq!(read(&mut reader).await.unwrap().unwrap(), "half");
        assert!(read(&mut reader).await.unwrap().is_err());
        assert!(thread.await.unwrap_err().is_panic());

        let (writer, mut reader) = pipe();
        drop(writer);
        assert!(read(&mut reader).await.unwrap().is_err());
    }
}
