//! The one thread that writes the access log.

use std::io::{self, ErrorKind, Stdout, Write};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Mutex, PoisonError, TryLockError};
use std::thread;
use std::time::{Duration, Instant};

use super::rotation::RotatingFile;

/// Batches are this long or a little longer under load.
pub(super) const BATCH: usize = 16 * 1024;
/// Buffers that grew beyond this (very long targets) are not kept.
const LARGEST_SPARE: usize = 4 * BATCH;
/// How many emptied buffers are kept for use again.
const SPARES: usize = 32;
/// How often lost lines are told of at most.
const NOTICE_INTERVAL: Duration = Duration::from_secs(10);
/// The pause before a non-blocking output that is full is tried again.
const RETRY: Duration = Duration::from_millis(5);

/// Where the lines go.
pub(super) trait Sink: Write + Send {
    /// Opens the file again under its name.
    fn reopen(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sink for Stdout {}

impl Sink for RotatingFile {
    fn reopen(&mut self) -> io::Result<()> {
        Self::reopen(self).map_err(|error| {
            io::Error::new(error.kind(), format!("{}: {error}", self.path().display()))
        })
    }
}

/// What the writer is told.
pub(super) enum Message {
    /// Whole lines to write.
    Batch(Vec<u8>),
    /// Open the file again.
    Reopen,
    /// Write what has come until now, then end.
    Close,
}

/// What the workers and the writer share. Touched once per batch, not once per line.
#[derive(Debug)]
pub(super) struct Shared {
    /// Bytes handed over and not yet written.
    queued: AtomicUsize,
    /// More than these are not queued.
    max_queued: usize,
    /// Lines that found the queue full.
    dropped: AtomicU64,
    /// Lines that could not be written.
    unwritten: AtomicU64,
    spares: Mutex<Vec<Vec<u8>>>,
}

impl Shared {
    pub(super) fn new(max_queued: usize) -> Self {
        Self {
            queued: AtomicUsize::new(0),
            max_queued,
            dropped: AtomicU64::new(0),
            unwritten: AtomicU64::new(0),
            spares: Mutex::new(Vec::new()),
        }
    }

    /// Makes room for a batch; false when the queue is full. An empty queue takes any batch.
    pub(super) fn reserve(&self, bytes: usize) -> bool {
        let before = self.queued.fetch_add(bytes, Ordering::Relaxed);
        let fits = before == 0 || before.saturating_add(bytes) <= self.max_queued;
        if !fits {
            self.release(bytes);
        }
        fits
    }

    pub(super) fn release(&self, bytes: usize) {
        self.queued.fetch_sub(bytes, Ordering::Relaxed);
    }

    pub(super) fn drop_lines(&self, lines: u64) {
        self.dropped.fetch_add(lines, Ordering::Relaxed);
    }

    /// Lines dropped until now.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Lines lost until now, in whatever way.
    pub(super) fn lost(&self) -> u64 {
        self.dropped() + self.unwritten.load(Ordering::Relaxed)
    }

    /// An empty buffer, used before if there is one at hand. Never waits.
    pub(super) fn buffer(&self) -> Vec<u8> {
        let spare = match self.spares.try_lock() {
            Ok(mut spares) => spares.pop(),
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner().pop(),
            Err(TryLockError::WouldBlock) => None,
        };
        spare.unwrap_or_else(|| Vec::with_capacity(BATCH + BATCH / 4))
    }

    fn recycle(&self, mut buffer: Vec<u8>) {
        if buffer.capacity() > LARGEST_SPARE {
            return;
        }
        buffer.clear();
        let mut spares = self.spares.lock().unwrap_or_else(PoisonError::into_inner);
        if spares.len() < SPARES {
            spares.push(buffer);
        }
    }
}

/// Writes batches in the order they come, and tells of what is lost.
pub(super) struct Writer<'a> {
    sink: Box<dyn Sink>,
    inbox: Receiver<Message>,
    shared: &'a Shared,
    drops: Notices,
    /// Since writing failed: the lines that it cost.
    failing: Option<u64>,
    /// Whether the last line in the sink is not whole.
    torn: bool,
}

impl<'a> Writer<'a> {
    pub(super) fn new(sink: Box<dyn Sink>, inbox: Receiver<Message>, shared: &'a Shared) -> Self {
        Self { sink, inbox, shared, drops: Notices::default(), failing: None, torn: false }
    }

    /// Works until it is told to close, or until nobody is left to tell it anything.
    pub(super) fn run(mut self) {
        loop {
            let message = match self.pause() {
                None => self.inbox.recv().map_err(RecvTimeoutError::from),
                Some(pause) => self.inbox.recv_timeout(pause),
            };
            match message {
                Ok(Message::Batch(text)) => self.take(text),
                Ok(Message::Reopen) => self.reopen(),
                Ok(Message::Close) | Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {}
            }
            let dropped = self.shared.dropped();
            if let Some(new) = self.drops.due(dropped, Instant::now()) {
                tracing::warn!(
                    "{new} lines of the access log were dropped: its output is too slow"
                );
            }
        }
        self.finish();
    }

    /// How long to wait for a message before telling of drops that were held back.
    fn pause(&self) -> Option<Duration> {
        self.drops.pause(self.shared.dropped(), Instant::now())
    }

    fn take(&mut self, text: Vec<u8>) {
        let mut rest = text.as_slice();
        match self.write(&mut rest) {
            Ok(()) => {
                if let Some(lost) = self.failing.take() {
                    tracing::info!("the access log can be written again; {lost} lines are lost");
                }
            }
            Err(error) => {
                if self.failing.is_none() {
                    tracing::error!(
                        "cannot write the access log: {error}; its lines are lost until that is \
                         mended, the server goes on"
                    );
                }
                let lost = line_feeds(rest);
                *self.failing.get_or_insert(0) += lost;
                self.shared.unwritten.fetch_add(lost, Ordering::Relaxed);
            }
        }
        self.shared.release(text.len());
        self.shared.recycle(text);
    }

    /// Writes whole lines, leaving those that could not be written. After a line that was cut off,
    /// the next begins on a line of its own.
    fn write(&mut self, lines: &mut &[u8]) -> io::Result<()> {
        if self.torn {
            self.write_bytes(&mut &b"\n"[..])?;
        }
        self.write_bytes(lines)?;
        self.sink.flush()
    }

    fn write_bytes(&mut self, bytes: &mut &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.sink.write(bytes) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => {
                    let (done, rest) = bytes.split_at(count.min(bytes.len()));
                    self.torn = !done.ends_with(b"\n");
                    *bytes = rest;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // Somebody who shares the terminal made it non-blocking.
                Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(RETRY),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn reopen(&mut self) {
        if let Err(error) = self.sink.reopen() {
            tracing::error!(
                "cannot open the access log again: {error}; what was open before is written to \
                 as before"
            );
        }
    }

    fn finish(mut self) {
        while let Ok(message) = self.inbox.try_recv() {
            if let Message::Batch(text) = message {
                self.take(text);
            }
        }
        let dropped = self.shared.dropped();
        if dropped > 0 {
            tracing::warn!("{dropped} lines of the access log were dropped in all");
        }
        if let Some(lost) = self.failing {
            tracing::warn!("the last {lost} lines of the access log could not be written");
        }
    }
}

fn line_feeds(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}

/// Tells of a growing number now and then.
#[derive(Debug, Default)]
struct Notices {
    told: u64,
    last: Option<Instant>,
}

impl Notices {
    /// What has been added since it was last told of, when that is to be told now.
    fn due(&mut self, total: u64, now: Instant) -> Option<u64> {
        let new = total - self.told;
        if self.pause(total, now)? > Duration::ZERO {
            return None;
        }
        self.told = total;
        self.last = Some(now);
        Some(new)
    }

    /// How long until something is to be told; `None` when there is nothing.
    fn pause(&self, total: u64, now: Instant) -> Option<Duration> {
        if total == self.told {
            return None;
        }
        let since = self.last.map(|last| now.saturating_duration_since(last));
        Some(since.map_or(Duration::ZERO, |since| NOTICE_INTERVAL.saturating_sub(since)))
    }
}

#[cfg(test)]
mod tests;
