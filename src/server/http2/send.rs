//! The content of an answer as DATA frames: a piece whenever the client has room for it.

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use h2::SendStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::gather::Acknowledged;
use crate::message::Body;
use crate::server::deadline::{Allowance, Deadline};
use crate::server::pieces::Pieces;
use crate::stats::Tally;

/// Content up to this many bytes is given to the connection whole: it is in memory anyway.
pub(super) const WHOLE: usize = 32 * 1024;

/// Bytes of a piece at most.
const PIECE: usize = 64 * 1024;

/// Bytes of answers to one client that may wait to be sent, whatever windows it opens.
pub(super) const WAITING: usize = 512 * 1024;

/// The room that all answers of a connection have to wait in.
#[derive(Clone)]
pub(super) struct WaitingRoom {
    bytes: Arc<Semaphore>,
    acknowledged: Acknowledged,
}

/// A piece that takes up room until it is sent or forgotten.
struct Waiting {
    bytes: Bytes,
    _place: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Waiting {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Sends content, counting into `sent`, and into `meter` if there is one.
pub(super) async fn send(
    stream: &mut SendStream<Bytes>,
    body: Body,
    waiting_room: &WaitingRoom,
    mut allowance: Allowance,
    sent: &AtomicU64,
    meter: Option<&Tally>,
) -> io::Result<()> {
    let mut pieces = Pieces::new(body);
    let mut deadline = None;
    loop {
        let room = room(stream, waiting_room, &mut allowance, &mut deadline).await?;
        let place = waiting_room.enter(room, &mut allowance, &mut deadline).await?;
        let Some(bytes) = pieces.next(room).await? else {
            return stream.send_data(Bytes::new(), true).map_err(io::Error::other);
        };
        let (is_last, length) = (pieces.is_empty(), bytes.len() as u64);
        allowance.moved(length);
        sent.fetch_add(length, Ordering::Relaxed);
        if let Some(tally) = meter {
            tally.sending(length);
        }
        let piece = Bytes::from_owner(Waiting { bytes, _place: place });
        stream.send_data(piece, is_last).map_err(io::Error::other)?;
        if is_last {
            return Ok(());
        }
    }
}

impl WaitingRoom {
    /// The room of a connection, whose client has acknowledged so much.
    pub(super) fn new(acknowledged: Acknowledged) -> Self {
        Self { bytes: Arc::new(Semaphore::new(WAITING)), acknowledged }
    }

    /// Waits until there is room for so many bytes.
    async fn enter(
        &self,
        bytes: usize,
        allowance: &mut Allowance,
        deadline: &mut Option<Deadline>,
    ) -> io::Result<OwnedSemaphorePermit> {
        let count = u32::try_from(bytes.min(WAITING)).unwrap_or(u32::MAX);
        let mut place = pin!(Arc::clone(&self.bytes).acquire_many_owned(count));
        poll_fn(|context| match place.as_mut().poll(context) {
            Poll::Ready(place) => Poll::Ready(place.map_err(io::Error::other)),
            Poll::Pending => self.poll_patience(context, allowance, deadline),
        })
        .await
    }

    /// An error when the client has been waited for too long. What it reads of other answers counts, too:
    /// they are in each other's way.
    fn poll_patience<T>(
        &self,
        context: &mut Context<'_>,
        allowance: &mut Allowance,
        deadline: &mut Option<Deadline>,
    ) -> Poll<io::Result<T>> {
        let deadline = deadline.get_or_insert_with(|| Deadline::after(Duration::ZERO));
        let waited = allowance.poll_wait(context, deadline, &*self.acknowledged);
        waited.map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

/// Waits until the client takes something; how much of it.
async fn room(
    stream: &mut SendStream<Bytes>,
    waiting_room: &WaitingRoom,
    allowance: &mut Allowance,
    deadline: &mut Option<Deadline>,
) -> io::Result<usize> {
    stream.reserve_capacity(PIECE);
    poll_fn(|context| {
        loop {
            let room = stream.capacity().min(PIECE);
            if room > 0 {
                return Poll::Ready(Ok(room));
            }
            match stream.poll_capacity(context) {
                Poll::Ready(Some(Ok(_))) => {}
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(io::Error::other(error))),
                Poll::Ready(None) => return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
                Poll::Pending => break,
            }
        }
        waiting_room.poll_patience(context, allowance, deadline)
    })
    .await
}
