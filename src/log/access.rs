//! The access log as the workers see it.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::error::LogError;
use super::line::{AccessLogFormat, Entry, Formatter};
use super::rotation::{RotatingFile, Rotation};
use super::writer::{BATCH, Message, Shared, Sink, Writer};

/// Bytes that may wait to be written; lines beyond them are dropped.
const MAX_QUEUED: usize = 4 * 1024 * 1024;
/// How long a log that is simply dropped waits for its output.
const PATIENCE: Duration = Duration::from_secs(1);

/// Where an access log goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// Standard output.
    Stdout,
    /// A file, rotated.
    File {
        /// The file that the newest lines are in.
        path: PathBuf,
        /// When it begins anew.
        rotation: Rotation,
        /// How many files to keep, the newest included; 0 keeps all.
        max_files: usize,
    },
}

/// The access log: one thread that writes what the workers' [`Recorder`]s hand over.
///
/// Output that is too slow, broken or full costs lines (counted and told of), never a request.
#[derive(Debug)]
pub struct AccessLog {
    format: AccessLogFormat,
    shared: Arc<Shared>,
    messages: Sender<Message>,
    /// The thread, and a channel that it closes as its last act.
    thread: Option<(JoinHandle<()>, Receiver<()>)>,
}

impl AccessLog {
    /// Opens the destination and starts the thread that writes to it.
    ///
    /// # Errors
    /// [`LogError::File`] when the file cannot be written, [`LogError::Thread`] when no thread can
    /// be started.
    pub fn open(format: AccessLogFormat, destination: &Destination) -> Result<Self, LogError> {
        let sink: Box<dyn Sink> = match destination {
            Destination::Stdout => Box::new(io::stdout()),
            Destination::File { path, rotation, max_files } => {
                let opened = RotatingFile::open(path, *rotation, *max_files);
                Box::new(opened.map_err(|source| LogError::File {
                    key: "access_log",
                    path: path.clone(),
                    source,
                })?)
            }
        };
        Self::start(format, sink, MAX_QUEUED)
    }

    fn start(
        format: AccessLogFormat,
        sink: Box<dyn Sink>,
        max_queued: usize,
    ) -> Result<Self, LogError> {
        let shared = Arc::new(Shared::new(max_queued));
        let (messages, inbox) = mpsc::channel();
        let (finished, at_end) = mpsc::channel();
        let for_writer = Arc::clone(&shared);
        let work = move || {
            Writer::new(sink, inbox, &for_writer).run();
            drop(finished);
        };
        let thread = thread::Builder::new()
            .name("access-log".to_owned())
            .spawn(work)
            .map_err(LogError::Thread)?;
        Ok(Self { format, shared, messages, thread: Some((thread, at_end)) })
    }

    /// A recorder for one worker.
    pub fn recorder(&self) -> Recorder {
        Recorder {
            formatter: Formatter::new(self.format),
            buffer: self.shared.buffer(),
            lines: 0,
            shared: Arc::clone(&self.shared),
            messages: self.messages.clone(),
        }
    }

    /// Has the file opened again under its name, after what was handed over until now. For tools
    /// that move log files away.
    pub fn reopen(&self) {
        // A writer that has ended has nothing to open.
        let _ = self.messages.send(Message::Reopen);
    }

    /// Lines dropped until now because the output was too slow.
    pub fn dropped(&self) -> u64 {
        self.shared.dropped()
    }

    /// The same, for those who ask again and again.
    pub fn dropped_lines(&self) -> DroppedLines {
        DroppedLines(Arc::clone(&self.shared))
    }

    /// Writes what the recorders handed over and ends. Waits for a blocked output no longer than
    /// `patience`; what it has not taken by then is lost, and that is said.
    ///
    /// The recorders are to be flushed or dropped before.
    pub fn close(mut self, patience: Duration) {
        self.end(patience);
    }

    fn end(&mut self, patience: Duration) {
        let Some((thread, at_end)) = self.thread.take() else {
            return;
        };
        // Fails only when the writer has ended already.
        let _ = self.messages.send(Message::Close);
        match at_end.recv_timeout(patience) {
            Err(mpsc::RecvTimeoutError::Timeout) => tracing::warn!(
                "the output of the access log is blocked; its last lines are lost, {} were \
                 dropped before",
                self.dropped()
            ),
            // The thread returns now, or panicked, which the panic hook has told of.
            Ok(()) | Err(mpsc::RecvTimeoutError::Disconnected) => drop(thread.join()),
        }
    }
}

impl Drop for AccessLog {
    fn drop(&mut self) {
        self.end(PATIENCE);
    }
}

/// How many lines an access log lost.
#[derive(Clone, Debug)]
pub struct DroppedLines(Arc<Shared>);

impl DroppedLines {
    /// Until now: those that its output was too slow for, and those that it refused.
    pub fn count(&self) -> u64 {
        self.0.lost()
    }
}

/// One worker's way into the access log. What it holds is handed over when it is dropped.
#[derive(Debug)]
pub struct Recorder {
    formatter: Formatter,
    buffer: Vec<u8>,
    lines: u64,
    shared: Arc<Shared>,
    messages: Sender<Message>,
}

impl Recorder {
    /// Records an answered request. Never waits and never fails.
    pub fn record(&mut self, entry: &Entry<'_>) {
        self.formatter.write(entry, &mut self.buffer);
        self.lines += 1;
        if self.buffer.len() >= BATCH && !self.hand_over() {
            self.shared.drop_lines(self.lines);
            self.lines = 0;
            self.buffer.clear();
        }
    }

    /// Whether lines tell how long requests took.
    #[inline]
    pub fn tells_durations(&self) -> bool {
        self.formatter.tells_durations()
    }

    /// Hands the lines over to be written; to be called when the worker has nothing else to do.
    /// When the queue is full the lines stay here for the next time.
    pub fn flush(&mut self) {
        if self.lines > 0 {
            self.hand_over();
        }
    }

    /// Whether there was room for the buffer.
    fn hand_over(&mut self) -> bool {
        let size = self.buffer.len();
        if !self.shared.reserve(size) {
            return false;
        }
        let text = std::mem::replace(&mut self.buffer, self.shared.buffer());
        let lines = std::mem::take(&mut self.lines);
        if self.messages.send(Message::Batch(text)).is_err() {
            self.shared.release(size);
            self.shared.drop_lines(lines);
        }
        true
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.flush();
        self.shared.drop_lines(self.lines);
    }
}

#[cfg(test)]
mod tests;
