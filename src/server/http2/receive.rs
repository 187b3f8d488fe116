//! The content of an HTTP/2 request.

use std::future::{pending, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use h2::RecvStream;
use tokio::time::timeout;

use super::WINDOW;
use super::worth::Carried;
use crate::message::{BodyError, Incoming};
use crate::server::deadline::{Allowance, Deadline};
use crate::server::intake::Intake;

/// How long a client may go on sending what nobody reads.
const LINGER: Duration = Duration::from_secs(1);

/// Reads DATA frames, and lets the client send on as they are taken.
pub(super) struct Receiver {
    stream: RecvStream,
    announced: Option<u64>,
    pub(super) intake: Intake,
    carried: Carried,
    allowance: Allowance,
    /// Only once there was something to wait for.
    deadline: Option<Deadline>,
}

impl Receiver {
    pub(super) fn new(
        stream: RecvStream,
        announced: Option<u64>,
        allowance: Allowance,
        intake: Intake,
        carried: Carried,
    ) -> Self {
        Self { stream, announced, intake, carried, allowance, deadline: None }
    }

    /// Reads what nobody wants while the answer is sent: unread, it would take up the window of the connection and
    /// stand in the way of its other uploads. Then waits a moment for the client to stop, before the stream is
    /// reset: there are clients that take a reset for the answer although that came before it.
    pub(super) async fn discard_while(self, answer: impl Future<Output = ()>) {
        // Boxed: hardly any request has content that is not wanted.
        let mut discard = Box::pin(self.discard());
        let mut answer = pin!(answer);
        tokio::select! {
            biased;
            () = &mut answer => drop(timeout(LINGER, discard).await),
            () = &mut discard => answer.await,
        }
    }

    /// Reads to the end, but no more than a client may have sent before it could know better. Of what still comes
    /// `h2` gives the connection's window back, and not the stream's, which so bounds it.
    async fn discard(mut self) {
        let mut most = WINDOW as usize;
        while most > 0 {
            match poll_fn(|context| self.stream.poll_data(context)).await {
                Some(Ok(piece)) => {
                    let _ = self.stream.flow_control().release_capacity(piece.len());
                    self.carried.content(piece.len() as u64);
                    self.intake.take(piece.len() as u64);
                    most = most.saturating_sub(piece.len());
                }
                _ => return,
            }
        }
        let is_over = self.stream.is_end_stream();
        drop(self);
        if !is_over {
            pending::<()>().await;
        }
    }

    fn poll_patience(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let deadline = self.deadline.get_or_insert_with(|| Deadline::after(Duration::ZERO));
        self.allowance.wait(deadline);
        deadline.poll(context)
    }
}

impl Incoming for Receiver {
    fn length(&self) -> Option<u64> {
        self.announced
    }

    fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        loop {
            return Poll::Ready(match self.stream.poll_data(context) {
                Poll::Ready(None) => None,
                Poll::Ready(Some(Ok(piece))) => {
                    self.allowance.moved(piece.len() as u64);
                    // Fails only when the stream is gone, which the next read will tell.
                    let _ = self.stream.flow_control().release_capacity(piece.len());
                    if piece.is_empty() {
                        continue;
                    }
                    self.carried.content(piece.len() as u64);
                    self.intake.take(piece.len() as u64);
                    Some(Ok(piece))
                }
                Poll::Ready(Some(Err(error))) => {
                    let is_fault = error.is_library();
                    let kind = if is_fault { BodyError::Malformed } else { BodyError::Closed };
                    Some(Err(kind))
                }
                Poll::Pending => {
                    ready!(self.poll_patience(context));
                    Some(Err(self.intake.timed_out(&self.allowance)))
                }
            });
        }
    }
}
