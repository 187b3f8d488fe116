//! The content of an answer as DATA frames: a piece whenever the client has room for it.

use std::future::poll_fn;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use h2::SendStream;

use crate::message::Body;
use crate::server::deadline::Deadline;
use crate::server::pieces::Pieces;
use crate::stats::Tally;

/// Content up to this many bytes is given to the connection whole: it is in memory anyway.
pub(super) const WHOLE: usize = 32 * 1024;

/// Bytes of a piece at most.
const PIECE: usize = 64 * 1024;

/// Sends content, counting into `sent`, and into `meter` if there is one.
pub(super) async fn send(
    stream: &mut SendStream<Bytes>,
    body: Body,
    patience: Duration,
    sent: &AtomicU64,
    meter: Option<&Tally>,
) -> io::Result<()> {
    let mut pieces = Pieces::new(body);
    let mut deadline = None;
    loop {
        let room = room(stream, patience, &mut deadline).await?;
        let Some(piece) = pieces.next(room).await? else {
            return stream.send_data(Bytes::new(), true).map_err(io::Error::other);
        };
        let is_last = pieces.is_empty();
        sent.fetch_add(piece.len() as u64, Ordering::Relaxed);
        if let Some(tally) = meter {
            tally.sending(piece.len() as u64);
        }
        stream.send_data(piece, is_last).map_err(io::Error::other)?;
        if is_last {
            return Ok(());
        }
    }
}

/// Waits until the client takes something; how much of it.
async fn room(
    stream: &mut SendStream<Bytes>,
    patience: Duration,
    deadline: &mut Option<Deadline>,
) -> io::Result<usize> {
    stream.reserve_capacity(PIECE);
    let mut is_waiting = false;
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
        let deadline = deadline.get_or_insert_with(|| Deadline::after(patience));
        if !is_waiting {
            is_waiting = true;
            deadline.set_after(patience);
        }
        ready!(deadline.poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    })
    .await
}
