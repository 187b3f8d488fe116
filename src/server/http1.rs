//! One HTTP/1.1 connection (RFC 9112), as a task.
//!
//! 1. Wait until something can be read: a [`Client`], without any buffer.
//! 2. Take a [`Desk`] and converse until there is nothing to read; back to 1.
//! 3. End.
//!
//! The memory of a conversation is kept for the next one of any connection, as desks are.
//!
//! | module | what it does |
//! | --- | --- |
//! | `converse` | read, parse, answer, write |
//! | `answer` | one request |
//! | `send` | its answer, on the way out |

mod answer;
mod converse;
mod send;

use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio_util::sync::ReusableBoxFuture;

use self::converse::converse;
use super::deadline::Deadline;
use super::exchange::Exchanges;
use super::http2;
use super::linger::linger;
use super::rewound::Rewound;
use super::service::Service;
use super::transport::Transport;
use super::worker::Desk;
use crate::message::BoxFuture;
use crate::stats::{ConnectionState, Timeout};

/// A connection, served to its end. Small while it waits.
pub(super) struct Connection(Stage);

enum Stage {
    /// For something to read.
    Waiting(Box<Client>),
    Conversing(Conversation),
    Ending(BoxFuture<'static, ()>),
    Over,
}

/// A connection between requests, and what it has come to. Boxed: it changes hands a lot.
pub(super) struct Client {
    io: Transport,
    service: Arc<Service>,
    exchanges: Exchanges,
    deadline: Deadline,
    requests: u64,
    /// Whether it has been told to wait for something to read.
    is_waiting: bool,
}

/// What goes on while there is something to read.
pub(super) type Conversation = ReusableBoxFuture<'static, (Box<Client>, Box<Desk>, Next)>;

/// What follows an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// The request that was awaited; it has not begun to arrive.
    Same,
    /// Another request.
    Request,
    /// Nothing, as the client said: it sends no more.
    Done,
    /// Nothing, although the client may still be sending.
    Linger,
    /// Nothing: the client has ended the connection, or is idle for too long.
    End,
    /// Nothing: the connection is broken, or an answer is and must not look whole.
    Cut,
    /// HTTP/2, as the client knows already.
    Http2(Bytes),
}

impl Connection {
    pub(super) fn new(io: Transport, service: Arc<Service>, exchanges: Exchanges) -> Self {
        let deadline = Deadline::after(service.settings.header_timeout);
        let client = Client { io, service, exchanges, deadline, requests: 0, is_waiting: false };
        Self(Stage::Waiting(Box::new(client)))
    }
}

impl Future for Connection {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let stage = &mut self.get_mut().0;
        loop {
            match stage {
                Stage::Waiting(client) => {
                    let goes_on = ready!(client.poll_readable(context));
                    if let Stage::Waiting(mut client) = mem::replace(stage, Stage::Over) {
                        *stage = if goes_on { client.converse() } else { client.end() };
                    }
                }
                Stage::Conversing(conversation) => {
                    let (client, desk, next) = ready!(conversation.poll(context));
                    if let Stage::Conversing(conversation) = mem::replace(stage, Stage::Over) {
                        client.exchanges.worker.keep(desk, conversation);
                    }
                    *stage = client.go_on(next);
                }
                Stage::Ending(end) => {
                    ready!(end.as_mut().poll(context));
                    *stage = Stage::Over;
                }
                Stage::Over => return Poll::Ready(()),
            }
        }
    }
}

impl Client {
    /// Ready when there may be something to read, or with false when it is waited for no longer.
    fn poll_readable(&mut self, context: &mut Context<'_>) -> Poll<bool> {
        // Woken: most likely by what can be read now, and trying to is a way to find out.
        if mem::take(&mut self.is_waiting) {
            return Poll::Ready(true);
        }
        if let Poll::Ready(result) = self.io.poll_readable(context) {
            return Poll::Ready(result.is_ok());
        }
        let worker = &self.exchanges.worker;
        // One that has asked nothing yet was accepted to be answered.
        if self.requests > 0 && worker.is_stopping() {
            return Poll::Ready(false);
        }
        if self.deadline.poll(context).is_pending() {
            self.is_waiting = self.deadline.is_waited_for();
            return Poll::Pending;
        }
        // One that has asked nothing is waited for as for a head that has begun.
        if self.requests == 0 {
            worker.tally.timed_out(Timeout::RequestHead);
        } else if !self.exchanges.is_monitoring() {
            worker.tally.timed_out(Timeout::KeepAlive);
        }
        Poll::Ready(false)
    }

    fn converse(mut self: Box<Self>) -> Stage {
        if !self.exchanges.renew(&mut self.service) {
            return self.end();
        }
        self.exchanges.set(ConnectionState::Answering);
        let (desk, kept) = self.exchanges.worker.desk(self.service.settings.head_limits);
        let conversation = converse(self, desk);
        Stage::Conversing(match kept {
            Some(mut kept) => {
                kept.set(conversation);
                kept
            }
            None => ReusableBoxFuture::new(conversation),
        })
    }

    fn go_on(mut self: Box<Self>, next: Next) -> Stage {
        match next {
            Next::Same if self.requests == 0 => {
                self.exchanges.set(ConnectionState::Starting);
                Stage::Waiting(self)
            }
            Next::Request if self.exchanges.worker.is_stopping() => self.end(),
            Next::Same | Next::Request => {
                self.exchanges.set(ConnectionState::Idle);
                if next == Next::Request {
                    self.deadline.set_after(self.service.settings.keep_alive_timeout);
                }
                Stage::Waiting(self)
            }
            Next::Done if self.io.is_drained() => self.end(),
            Next::End => self.end(),
            Next::Cut => Stage::Over,
            Next::Done | Next::Linger => {
                self.exchanges.set(ConnectionState::Closing);
                Stage::Ending(Box::pin(async move { linger(&mut self.io).await }))
            }
            Next::Http2(read) => Stage::Ending(Box::pin(async move {
                http2::serve(Rewound::new(read, self.io), self.service, self.exchanges).await;
            })),
        }
    }

    fn end(&mut self) -> Stage {
        self.io.end();
        Stage::Over
    }
}

#[cfg(all(test, target_pointer_width = "64"))]
mod tests {
    use super::*;

    fn size_of_answer<A, B, F>(_: fn(A, B) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn what_waits_is_small_and_what_converses_is_not_large() {
        // With what the event loop adds, the smallest task that there is: 128 bytes.
        assert!(size_of::<Connection>() <= 24);
        assert!(size_of::<Client>() <= 152);
        // It is moved once per conversation.
        assert!(size_of_answer(converse) <= 256);
    }
}
