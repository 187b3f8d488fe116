//! Files on their way out: from the page cache to the socket, or through memory.

use std::io;
use std::time::{Duration, SystemTime};

use super::{Item, Outbox, PIECE};
use crate::message::FileSpan;
use crate::server::deadline::{Pace, in_time};
use crate::server::transport::Transport;
use crate::server::{clock, file_read, pieces};

/// Bytes of a file sent in one go, before the other connections of the worker get their turn. Four
/// fast downloads of one file take a third less time so than in turns of 1 MiB.
const FILE_TURN: u64 = 256 * 1024;

/// Bytes of a file that are looked for in the page cache at once.
const FILE_LOOK: u64 = 1024 * 1024;

/// What is left of a file is copied when it is at most so many bytes: one write more costs less
/// than a system call of its own.
const SMALL_FILE: u64 = 16 * 1024;

/// A file written to this lately may well be written to again while it is sent.
const FRESH: Duration = Duration::from_secs(2);

impl Outbox {
    pub(super) fn push_file(&mut self, span: FileSpan) {
        if span.length > 0 {
            let copied = span.modified.is_some_and(|at| is_fresh(at, clock::wall()));
            self.queue.push_back(Item::File { span, copied });
        }
    }

    /// Sends a step of the file at the front from the page cache, the last one only after a look at
    /// the file: one that changed while it was sent ends in a cut connection, not in a mixture that
    /// looks complete.
    pub(super) async fn send_file(
        &mut self,
        io: &mut Transport,
        pace: &mut Pace<'_>,
    ) -> io::Result<()> {
        let Some(Item::File { span, .. }) = self.queue.front_mut() else {
            return Ok(());
        };
        if span.start >= span.warm_until {
            let count = span.length.min(FILE_LOOK);
            if !file_read::is_warm(&span.file, span.start, count) {
                file_read::warm(span.file.clone(), span.start, count).await?;
            }
            span.warm_until = span.start + count;
        }
        let count = span.length.min(span.warm_until - span.start).min(FILE_TURN);
        if count == span.length {
            file_read::check_unchanged(span)?;
        }
        let step = usize::try_from(count).unwrap_or(usize::MAX);
        let FileSpan { file, start, .. } = &*span;
        let sent = in_time(pace, io, |io, context| io.poll_send_file(context, file, *start, step))
            .await? as u64;
        if sent == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        span.start += sent;
        span.length -= sent;
        let is_finished = span.length == 0;
        if is_finished {
            self.queue.pop_front();
        }
        self.count(sent);
        if !is_finished {
            clock::has_aged();
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// Where in the queue a file is of which a piece is to be read before anything else is sent.
    pub(super) fn file_to_read(&self, io: &Transport) -> Option<usize> {
        let is_file = |item: &Item| matches!(item, Item::File { .. });
        let at = self.queue.iter().position(is_file)?;
        let Item::File { span, copied } = &self.queue[at] else { return None };
        let is_read = *copied || span.length <= SMALL_FILE || !io.sends_files();
        let is_wanted = at == 0 || self.shared + self.encoded.len() - self.sent < PIECE;
        (is_read && is_wanted).then_some(at)
    }

    /// Turns the next piece of the file at that place of the queue into bytes before it.
    pub(super) async fn read_file(&mut self, at: usize) -> io::Result<()> {
        let Some(Item::File { span, .. }) = self.queue.get_mut(at) else { return Ok(()) };
        let spare = std::mem::take(&mut self.spare);
        let Some(bytes) = pieces::file_piece(span, PIECE, spare).await? else { return Ok(()) };
        let is_finished = span.length == 0;
        self.shared += bytes.len();
        let piece = Item::Piece { bytes, sent: 0 };
        if is_finished {
            self.queue[at] = piece;
        } else {
            self.queue.insert(at, piece);
        }
        Ok(())
    }
}

/// Whether a file was written to just now. The clock was read a moment ago, so that may be a little ahead of it. A
/// time far ahead was set by whoever made the file: a write would have put the present in its place.
fn is_fresh(modified: SystemTime, now: SystemTime) -> bool {
    let apart = now.duration_since(modified).unwrap_or_else(|ahead| ahead.duration());
    apart < FRESH
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_fresh_when_it_was_written_about_now() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_hours(1);
        let long = Duration::from_mins(1);
        for (modified, is_new) in [
            (now, true),
            (now - FRESH / 2, true),
            (now - long, false),
            // The clock was read before it was written, or is corrected.
            (now + FRESH / 2, true),
            // Unpacked from an archive of somebody whose clock was wrong.
            (now + long, false),
        ] {
            assert_eq!(is_fresh(modified, now), is_new, "{modified:?}");
        }
    }
}
