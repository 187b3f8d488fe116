//! Content goes to where it is written by a thread of its own, in batches: disks and readers of
//! pipes may be slow.

use std::io;
use std::mem::take;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};

/// Batches that wait to be written.
const AHEAD: usize = 4;

/// Where content goes.
pub(super) trait Sink: io::Write + Send {
    /// All has come, and nothing follows.
    fn finish(self: Box<Self>) -> io::Result<()>;
}

enum Message {
    Batch(Vec<Bytes>),
    End,
}

pub(super) struct Writer {
    messages: mpsc::Sender<Message>,
    batch: Vec<Bytes>,
    size: usize,
    /// Bytes of a batch, at least.
    enough: usize,
    thread: JoinHandle<io::Result<()>>,
}

impl Writer {
    /// Bytes that are written to a file at once.
    pub(super) const BLOCK: usize = 256 << 10;

    /// Writes when `enough` bytes have come together.
    pub(super) fn start(mut sink: Box<dyn Sink>, enough: usize) -> Self {
        let (messages, mut waiting) = mpsc::channel(AHEAD);
        let thread = spawn_blocking(move || {
            while let Some(message) = waiting.blocking_recv() {
                match message {
                    Message::Batch(batch) => {
                        for bytes in batch {
                            sink.write_all(&bytes)?;
                        }
                        sink.flush()?;
                    }
                    Message::End => return sink.finish(),
                }
            }
            Ok(())
        });
        Self { messages, batch: Vec::new(), size: 0, enough, thread }
    }

    /// Whether it is written, or will be; if not, [`Self::finish`] says why.
    pub(super) async fn write(&mut self, bytes: Bytes) -> bool {
        self.size += bytes.len();
        self.batch.push(bytes);
        self.size < self.enough || self.send().await
    }

    async fn send(&mut self) -> bool {
        self.size = 0;
        self.messages.send(Message::Batch(take(&mut self.batch))).await.is_ok()
    }

    /// Waits until everything is written; `is_whole` says whether it is all there is.
    pub(super) async fn finish(mut self, is_whole: bool) -> io::Result<()> {
        if !self.batch.is_empty() {
            self.send().await;
        }
        if is_whole {
            let _ = self.messages.send(Message::End).await;
        }
        drop(self.messages);
        self.thread.await.map_err(io::Error::other)?
    }
}
