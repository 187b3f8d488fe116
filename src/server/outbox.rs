//! What is to be sent: heads, bytes, pieces of files, streams; in as few writes as possible.

mod files;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

use super::deadline::{Pace, in_time};
use super::file_read;
use super::pieces;
use super::transport::Transport;
use crate::http1::encode;
use crate::message::{Body, Chunks, FileSpan, Part};
use crate::stats::Tally;

/// Bodies up to this many bytes are copied behind their head: one plain write, and answers to
/// pipelined requests lie next to each other.
const COPY_LIMIT: usize = 4 * 1024;

/// Bytes that may wait before they are sent although more requests are at hand.
const FULL: usize = 128 * 1024;

/// Slices of one write.
const SLICES: usize = 16;

/// Of a file in the page cache, so many bytes are sent like what is in memory.
const QUICK_FILE: u64 = 128 * 1024;

/// Bytes of a file read at a time where they are not sent from the page cache.
const PIECE: usize = 64 * 1024;

/// Bytes of memory that an outbox takes: what is gathered, and three pieces of files.
pub(super) const MEMORY: u64 = (FULL + 3 * PIECE) as u64;

/// An emptied buffer larger than this is given back.
const KEEP: usize = 64 * 1024;

/// Answers on their way out.
#[derive(Default)]
pub(super) struct Outbox {
    /// Heads and small bodies, in the order of the queue's `Encoded` items.
    encoded: Vec<u8>,
    /// Bytes of `encoded` already sent.
    sent: usize,
    queue: VecDeque<Item>,
    /// Bytes in the queue's `Bytes` and `Piece` items.
    shared: usize,
    /// The buffer of a piece that was sent, for the next one.
    spare: Vec<u8>,
    sent_in_all: Arc<AtomicU64>,
    meter: Option<Meter>,
}

/// Counts the content of one answer while it is sent.
pub(super) struct Meter {
    tally: Arc<Tally>,
    /// Bytes that come before it.
    head: u64,
}

impl Meter {
    /// For an answer with a head of that many bytes.
    pub(super) fn new(tally: &Arc<Tally>, head: u64) -> Self {
        Self { tally: Arc::clone(tally), head }
    }

    fn add(&mut self, count: u64) {
        let head = count.min(self.head);
        self.head -= head;
        self.tally.sending(count - head);
    }
}

enum Item {
    /// That many bytes of `encoded`.
    Encoded(usize),
    Bytes(Bytes),
    /// Of a file.
    Piece {
        bytes: Vec<u8>,
        sent: usize,
    },
    File {
        span: FileSpan,
        /// Whether its bytes are copied: pages that `sendfile` queued would show later writes.
        copied: bool,
    },
    /// Always the last item: what it yields goes in front of it.
    Stream {
        chunks: Chunks,
        chunked: bool,
        /// Bytes still owed, when the length was announced.
        owed: Option<u64>,
    },
}

impl Outbox {
    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Whether it is time to send although more answers could be added.
    pub(super) fn is_full(&self) -> bool {
        self.encoded.len() - self.sent + self.shared >= FULL
    }

    /// Adds bytes that `write` appends; returns how many.
    #[inline]
    pub(super) fn encode(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> usize {
        let before = self.encoded.len();
        write(&mut self.encoded);
        let added = self.encoded.len() - before;
        match self.queue.back_mut() {
            // An item of no bytes would look like a socket that takes none.
            _ if added == 0 => {}
            Some(Item::Encoded(count)) => *count += added,
            _ => self.queue.push_back(Item::Encoded(added)),
        }
        added
    }

    /// Adds content.
    #[inline]
    pub(super) fn push(&mut self, body: Body, chunked: bool) {
        match body {
            Body::Empty => {}
            Body::Bytes(bytes) => self.push_bytes(bytes),
            Body::File(span) => self.push_file(span),
            Body::Parts(parts) => {
                for part in parts {
                    match part {
                        Part::Bytes(bytes) => self.push_bytes(bytes),
                        Part::File(span) => self.push_file(span),
                    }
                }
            }
            Body::Stream { length, chunks } => {
                self.queue.push_back(Item::Stream { chunks, chunked, owed: length });
            }
        }
    }

    #[inline]
    fn push_bytes(&mut self, bytes: Bytes) {
        if bytes.len() <= COPY_LIMIT {
            self.encode(|out| out.extend_from_slice(&bytes));
        } else {
            self.shared += bytes.len();
            self.queue.push_back(Item::Bytes(bytes));
        }
    }

    /// Sends everything. An error ends the connection; what was left is forgotten.
    pub(super) async fn flush(
        &mut self,
        io: &mut Transport,
        pace: &mut Pace<'_>,
    ) -> io::Result<()> {
        let result = loop {
            if let Some(at) = self.file_to_read(io) {
                if let Err(error) = self.read_file(at).await {
                    break Err(error);
                }
                continue;
            }
            let step = match self.queue.front_mut() {
                None => {
                    let flush =
                        in_time(pace, io, |io, context| io.poll_flush(context).map_ok(|()| 0));
                    break flush.await.map(drop);
                }
                Some(Item::Encoded(_) | Item::Bytes(_) | Item::Piece { .. }) => {
                    self.send_memory(io, pace).await
                }
                Some(Item::File { .. }) => self.send_file(io, pace).await,
                Some(Item::Stream { .. }) => self.pull_stream().await,
            };
            if step.is_err() {
                break step;
            }
        };
        self.clear();
        result
    }

    /// The count of bytes that the socket took so far, heads included; it goes on counting.
    pub(super) fn sent_in_all(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.sent_in_all)
    }

    /// Has what is sent until the outbox is empty counted, from its first byte on.
    pub(super) fn measure(&mut self, meter: Option<Meter>) {
        self.meter = meter;
    }

    fn count(&mut self, sent: u64) {
        self.sent_in_all.fetch_add(sent, Ordering::Relaxed);
        if let Some(meter) = &mut self.meter {
            meter.add(sent);
        }
    }

    fn clear(&mut self) {
        self.meter = None;
        self.queue.clear();
        self.encoded.clear();
        self.sent = 0;
        self.shared = 0;
        self.spare = Vec::new();
        if self.encoded.capacity() > KEEP {
            self.encoded = Vec::new();
        }
    }

    async fn send_memory(&mut self, io: &mut Transport, pace: &mut Pace<'_>) -> io::Result<()> {
        let count = if self.queue.len() == 1 && matches!(self.queue[0], Item::Encoded(_)) {
            // Nearly always.
            let all = [IoSlice::new(&self.encoded[self.sent..])];
            in_time(pace, io, |io, context| io.poll_write(context, &all, false)).await?
        } else {
            let (slices, used, more) = self.in_memory();
            let slices = &slices[..used];
            in_time(pace, io, |io, context| io.poll_write(context, slices, more)).await?
        };
        if count == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.count(count as u64);
        self.advance(count);
        Ok(())
    }

    /// What is in memory at the front of the queue, in how many slices, and whether more follows at once.
    fn in_memory(&self) -> ([IoSlice<'_>; SLICES], usize, bool) {
        let mut unsent = &self.encoded[self.sent..];
        let mut slices = [IoSlice::new(&[]); SLICES];
        let mut used = 0;
        let mut more = false;
        for item in &self.queue {
            if used == SLICES {
                // Nobody knows when a stream goes on.
                more = !matches!(item, Item::Stream { .. });
                break;
            }
            let slice = match item {
                Item::Encoded(count) => {
                    let (now, later) = unsent.split_at(*count);
                    unsent = later;
                    now
                }
                Item::Bytes(bytes) => bytes,
                Item::Piece { bytes, sent } => &bytes[*sent..],
                Item::File { .. } => {
                    more = true;
                    break;
                }
                Item::Stream { .. } => break,
            };
            slices[used] = IoSlice::new(slice);
            used += 1;
        }
        (slices, used, more)
    }

    /// Forgets the first `count` bytes of the queue, all of them in memory.
    fn advance(&mut self, mut count: usize) {
        while count > 0 {
            match self.queue.front_mut() {
                Some(Item::Encoded(left)) => {
                    let step = count.min(*left);
                    self.sent += step;
                    *left -= step;
                    count -= step;
                    if *left > 0 {
                        return;
                    }
                }
                Some(Item::Bytes(bytes)) => {
                    let step = count.min(bytes.len());
                    bytes::Buf::advance(bytes, step);
                    self.shared -= step;
                    count -= step;
                    if !bytes.is_empty() {
                        return;
                    }
                }
                Some(Item::Piece { bytes, sent }) => {
                    let step = count.min(bytes.len() - *sent);
                    *sent += step;
                    self.shared -= step;
                    count -= step;
                    if *sent < bytes.len() {
                        return;
                    }
                    self.spare = std::mem::take(bytes);
                }
                _ => return,
            }
            self.queue.pop_front();
        }
    }

    /// Puts the next piece of the stream in front of it, or ends it.
    async fn pull_stream(&mut self) -> io::Result<()> {
        let Some(Item::Stream { mut chunks, chunked, mut owed }) = self.queue.pop_front() else {
            return Ok(());
        };
        let Some(piece) = pieces::stream_piece(&mut chunks, &mut owed).await? else {
            if chunked {
                self.encode(|out| out.extend_from_slice(encode::LAST_CHUNK));
            }
            return Ok(());
        };
        let length = piece.len();
        if chunked {
            self.encode(|out| encode::write_chunk_head(out, length));
        }
        self.push_bytes(piece);
        if chunked {
            self.encode(|out| out.extend_from_slice(encode::CHUNK_END));
        }
        self.queue.push_back(Item::Stream { chunks, chunked, owed });
        Ok(())
    }
}

/// Whether sending this content takes more than a moment: nothing is put behind such an answer before
/// it was sent. Looks whether a file is in the page cache.
pub(super) fn is_bulk(body: &mut Body) -> bool {
    match body {
        Body::Empty | Body::Bytes(_) => false,
        Body::File(span) => {
            let is_quick = span.length <= QUICK_FILE
                && file_read::is_warm(&span.file, span.start, span.length);
            if is_quick {
                span.warm_until = span.start + span.length;
            }
            !is_quick
        }
        Body::Stream { .. } => true,
        Body::Parts(parts) => parts.iter().any(|part| matches!(part, Part::File(_))),
    }
}
