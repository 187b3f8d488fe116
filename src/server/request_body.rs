//! The content of an HTTP/1.1 request, read from the connection when somebody asks for it.

#[cfg(test)]
mod tests;

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::task::{Context, Poll, ready};

use bytes::{BufMut, Bytes, BytesMut};

use super::deadline::Pace;
use super::inbox::Inbox;
use super::intake::Intake;
use super::transport::Transport;
use crate::http1::encode::CONTINUE;
use crate::http1::{BodyLength, ChunkedDecoder, Decoded, Limits};
use crate::message::{BodyError, Incoming};

/// Bytes read at a time; content is longer than heads.
const ROOM: usize = 64 * 1024;

/// Bytes of memory that reading content takes: what is read to, and the piece that is passed on.
pub(super) const MEMORY: u64 = 2 * ROOM as u64;

/// How far the content of a request has been read; outlives the [`BodyReader`]s that read it.
pub(super) struct Progress {
    state: State,
    /// What is left to send of `100 (Continue)`, for which the client waits.
    interim: &'static [u8],
    pub(super) intake: Intake,
}

enum State {
    Length(u64),
    Chunked(ChunkedDecoder),
    Finished,
    Failed,
}

impl Progress {
    pub(super) fn new(
        length: BodyLength,
        client_waits: bool,
        limits: Limits,
        intake: Intake,
    ) -> Self {
        let state = match length {
            BodyLength::None | BodyLength::Length(0) => State::Finished,
            BodyLength::Length(length) => State::Length(length),
            BodyLength::Chunked => State::Chunked(ChunkedDecoder::new(limits)),
        };
        let interim = if client_waits { CONTINUE } else { &[] };
        Self { state, interim, intake }
    }

    /// Bytes in all, when the client said.
    pub(super) fn length(&self) -> Option<u64> {
        match self.state {
            State::Finished => Some(self.intake.bytes()),
            State::Length(left) => Some(self.intake.bytes() + left),
            State::Chunked(_) | State::Failed => None,
        }
    }

    /// Whether the next request follows at once.
    pub(super) fn is_finished(&self) -> bool {
        matches!(self.state, State::Finished)
    }

    /// Whether what is unread is worth reading so that the connection can go on: the client is
    /// sending it, and it is not known to be longer than `limit` bytes.
    pub(super) fn can_drain(&self, limit: u64) -> bool {
        match self.state {
            State::Finished => true,
            State::Failed => false,
            State::Length(left) => self.interim.is_empty() && left <= limit,
            State::Chunked(_) => self.interim.is_empty(),
        }
    }
}

/// Lends the connection to whoever reads the content.
pub(super) struct BodyReader<'a> {
    io: &'a mut Transport,
    inbox: &'a mut Inbox,
    pace: Pace<'a>,
    progress: &'a mut Progress,
    /// Where content of a known length is read to: it needs no copy. Used again when the piece
    /// before has been dropped.
    piece: BytesMut,
}

/// What one read is for.
enum ReadTo {
    /// The inbox: what comes must be decoded.
    Inbox,
    /// The piece: at most so many bytes of content.
    Piece(usize),
}

impl<'a> BodyReader<'a> {
    pub(super) fn new(
        io: &'a mut Transport,
        inbox: &'a mut Inbox,
        pace: Pace<'a>,
        progress: &'a mut Progress,
    ) -> Self {
        Self { io, inbox, pace, progress, piece: BytesMut::new() }
    }

    /// Reads and drops up to `limit` bytes. True when the end was reached.
    pub(super) async fn drain(&mut self, limit: u64) -> bool {
        let end = self.progress.intake.bytes().saturating_add(limit);
        while self.progress.intake.bytes() <= end {
            match poll_fn(|context| self.poll_chunk(context)).await {
                None => return true,
                Some(Ok(_)) => {}
                Some(Err(_)) => return false,
            }
        }
        false
    }

    fn poll_interim(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.progress.interim.is_empty() {
            let slices = [IoSlice::new(self.progress.interim)];
            let count = ready!(self.io.poll_write(context, &slices, false))?;
            self.progress.interim = &self.progress.interim[count..];
        }
        Poll::Ready(Ok(()))
    }

    /// One read, or the time-out; 0 is the end.
    fn poll_fill(&mut self, context: &mut Context<'_>, into: &ReadTo) -> Poll<io::Result<usize>> {
        if let Poll::Ready(result) = self.poll_interim(context) {
            result?;
            if let Poll::Ready(count) = self.poll_read(context, into) {
                self.pace.allowance.moved(*count.as_ref().unwrap_or(&0) as u64);
                return Poll::Ready(count);
            }
        }
        self.pace.allowance.wait(self.pace.deadline);
        self.pace.deadline.poll(context).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }

    fn poll_read(&mut self, context: &mut Context<'_>, into: &ReadTo) -> Poll<io::Result<usize>> {
        match into {
            ReadTo::Inbox => {
                let count = ready!(self.io.poll_read(context, self.inbox.room(ROOM)))?;
                self.inbox.filled(count);
                Poll::Ready(Ok(count))
            }
            ReadTo::Piece(most) => {
                self.piece.reserve(ROOM.min(*most));
                self.io.poll_read_buf(context, &mut (&mut self.piece).limit(*most))
            }
        }
    }

    /// Whether what comes next is nothing but content, and how much of it.
    fn next_read(&self) -> ReadTo {
        match self.progress.state {
            State::Length(left) if self.inbox.is_empty() => {
                ReadTo::Piece(usize::try_from(left).unwrap_or(usize::MAX).min(ROOM))
            }
            _ => ReadTo::Inbox,
        }
    }

    /// Content from what was read already; `None` when more must be read.
    fn decode(&mut self) -> Result<Option<Bytes>, BodyError> {
        let unread = self.inbox.unread();
        match &mut self.progress.state {
            State::Length(left) => {
                let piece = if !self.piece.is_empty() {
                    self.piece.split().freeze()
                } else if unread.is_empty() {
                    return Ok(None);
                } else {
                    let count = usize::try_from(*left).unwrap_or(usize::MAX).min(unread.len());
                    let piece = Bytes::copy_from_slice(&unread[..count]);
                    self.inbox.consume(count);
                    piece
                };
                *left -= piece.len() as u64;
                if *left == 0 {
                    self.progress.state = State::Finished;
                }
                Ok(Some(piece))
            }
            State::Chunked(decoder) => {
                let (consumed, piece) = match decoder.decode(unread) {
                    Ok(Decoded::Data(range)) => {
                        (range.end, Some(Bytes::copy_from_slice(&unread[range])))
                    }
                    Ok(Decoded::More) => (unread.len(), None),
                    Ok(Decoded::Done(consumed)) => {
                        self.progress.state = State::Finished;
                        (consumed, None)
                    }
                    Err(_) => {
                        self.progress.state = State::Failed;
                        return Err(BodyError::Malformed);
                    }
                };
                self.inbox.consume(consumed);
                Ok(piece)
            }
            State::Finished | State::Failed => Ok(None),
        }
    }
}

impl Incoming for BodyReader<'_> {
    fn length(&self) -> Option<u64> {
        self.progress.length()
    }

    fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        loop {
            match self.progress.state {
                State::Finished => return Poll::Ready(None),
                State::Failed => return Poll::Ready(Some(Err(BodyError::Closed))),
                State::Length(_) | State::Chunked(_) => {}
            }
            match self.decode() {
                Ok(Some(piece)) => {
                    self.progress.intake.take(piece.len() as u64);
                    return Poll::Ready(Some(Ok(piece)));
                }
                Ok(None) => {}
                Err(error) => return Poll::Ready(Some(Err(error))),
            }
            if self.progress.is_finished() {
                continue;
            }
            let into = self.next_read();
            let error = match ready!(self.poll_fill(context, &into)) {
                Ok(0) => BodyError::Closed,
                Ok(_) => continue,
                Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                    self.progress.intake.timed_out(&self.pace.allowance)
                }
                Err(_) => BodyError::Closed,
            };
            self.progress.state = State::Failed;
            return Poll::Ready(Some(Err(error)));
        }
    }
}
