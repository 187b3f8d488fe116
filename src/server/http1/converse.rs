//! What goes on between a client and the server while there is something to read.
//!
//! Read once, parse as many requests as arrived, gather their answers, and write them in one go.
//! Two kinds of answers do not wait to be gathered: those whose content is not in memory, and
//! those to requests with content, for which the connection is lent to the handler.

use std::future::poll_fn;
use std::io;
use std::task::Poll;

use bytes::Bytes;
use http::{Method, StatusCode, Version};

use super::{Client, Next};
use crate::http1::{BodyLength, HeadError};
use crate::message::{Answer, Traffic};
use crate::server::exchange::record_refusal;
use crate::server::http2::PREFACE;
use crate::server::inbox::Inbox;
use crate::server::outbox::Outbox;
use crate::server::reply::enqueue;
use crate::server::worker::Desk;
use crate::stats::{ConnectionState, Timeout};

/// Reads and answers until the connection is idle or at its end.
pub(super) async fn converse(
    mut client: Box<Client>,
    mut desk: Box<Desk>,
) -> (Box<Client>, Box<Desk>, Next) {
    let next = client.answer_all(&mut desk).await;
    (client, desk, next)
}

impl Client {
    async fn answer_all(&mut self, desk: &mut Desk) -> Next {
        let mut timed = false;
        loop {
            match self.read(&mut desk.inbox).await {
                Ok(None) => return Next::Same,
                Ok(Some(0)) => return Next::End,
                Ok(Some(_)) if self.requests == 0 && self.speaks_http2(&desk.inbox) => {
                    let unread = desk.inbox.unread();
                    if unread.len() >= PREFACE.len() {
                        let read = Bytes::copy_from_slice(unread);
                        desk.inbox.consume(read.len());
                        return Next::Http2(read);
                    }
                    continue;
                }
                Ok(Some(_)) => {}
                Err(error) if error.kind() == io::ErrorKind::TimedOut && timed => {
                    self.exchanges.worker.tally.timed_out(Timeout::RequestHead);
                    return Box::pin(self.refuse(Fault::TooSlow, desk)).await;
                }
                Err(_) => return Next::Cut,
            }
            loop {
                if !self.exchanges.renew(&mut self.service) {
                    let flushed = self.flush(&mut desk.outbox).await;
                    return if flushed.is_ok() { Next::Linger } else { Next::Cut };
                }
                let head = match desk.parser.parse(desk.inbox.unread()) {
                    Ok(Some(head)) => head,
                    Ok(None) => break,
                    Err(error) => {
                        let fault = Fault::Malformed(error);
                        return Box::pin(self.refuse(fault, desk)).await;
                    }
                };
                if timed {
                    timed = false;
                    self.exchanges.set(ConnectionState::Answering);
                }
                self.requests += 1;
                let next = match head.framing.body {
                    BodyLength::None => {
                        let length = head.length;
                        let next = match self.answer(head, desk) {
                            Answer::Ready(next) => next,
                            Answer::Later(next) => next.await,
                        };
                        desk.inbox.consume(length);
                        next
                    }
                    _ => Box::pin(self.answer_with_body(head, desk)).await,
                };
                if next != Next::Request {
                    if next == Next::Done {
                        self.io.expect_end();
                    }
                    let flushed = self.flush(&mut desk.outbox).await;
                    return if flushed.is_ok() { next } else { Next::Cut };
                }
            }
            if self.flush(&mut desk.outbox).await.is_err() {
                return Next::Cut;
            }
            if desk.inbox.is_empty() {
                return Next::Request;
            }
            if !timed {
                timed = true;
                self.exchanges.set(ConnectionState::Reading);
                // The time for the first head runs since the connection was made.
                if self.requests > 0 {
                    self.deadline.set_after(self.service.settings.header_timeout);
                }
            }
        }
    }

    /// Whether what was read is how HTTP/2 begins, as far as it has come. Over TLS it is agreed on
    /// in the handshake.
    fn speaks_http2(&self, inbox: &Inbox) -> bool {
        let unread = inbox.unread();
        let count = unread.len().min(PREFACE.len());
        self.service.settings.http2
            && !self.exchanges.peer.secure
            && unread[..count] == PREFACE[..count]
    }

    /// Reads once, unless the deadline comes first. 0 is the end of what the client sends; `None`:
    /// there is nothing to read, and nothing that a buffer would have to be kept for.
    async fn read(&mut self, inbox: &mut Inbox) -> io::Result<Option<usize>> {
        let Self { io, deadline, service, .. } = self;
        let is_idle = inbox.is_empty();
        let room = inbox.room(service.settings.head_limits.head_bytes.into());
        let count = poll_fn(|context| match io.poll_read(context, room) {
            Poll::Ready(result) => Poll::Ready(result.map(Some)),
            Poll::Pending if is_idle => Poll::Ready(Ok(None)),
            Poll::Pending => deadline.poll(context).map(|()| Err(io::ErrorKind::TimedOut.into())),
        })
        .await?;
        inbox.filled(count.unwrap_or(0));
        Ok(count)
    }

    /// Sends what was gathered.
    async fn flush(&mut self, outbox: &mut Outbox) -> io::Result<()> {
        let mut sender = self.sender(outbox);
        match sender.flush_at_once().await {
            Some(flushed) => flushed,
            // Boxed: hardly any connection needs room for this.
            None => Box::pin(sender.flush()).await,
        }
    }

    /// Answers what cannot be understood, and ends the connection.
    async fn refuse(&mut self, fault: Fault, desk: &mut Desk) -> Next {
        let (status, reason, error) = match fault {
            Fault::TooSlow => {
                let reason = "the request head took too long to arrive";
                (StatusCode::REQUEST_TIMEOUT, reason.into(), None)
            }
            Fault::Malformed(error) => (error.status(), error.to_string(), Some(error)),
        };
        // An answer to HEAD has no content, whatever else is wrong (RFC 9110 section 9.3.2).
        let unread = desk.inbox.unread();
        let is_head = unread.strip_prefix(b"\r\n").unwrap_or(unread).starts_with(b"HEAD ");
        let method = if is_head { Method::HEAD } else { Method::GET };
        tracing::debug!(%status, reason, "refused");
        let site = &self.service.site;
        let response = site.refusal(status, &reason);
        let queued = enqueue(site, response, &method, Version::HTTP_11, false, &mut desk.outbox);
        self.exchanges.asked(Traffic::Visitors);
        let sent = queued.content.unwrap_or(0);
        record_refusal(&self.exchanges, error, status, queued.head, sent);
        if self.flush(&mut desk.outbox).await.is_err() { Next::Cut } else { Next::Linger }
    }
}

/// Why no request came about.
enum Fault {
    /// Its head took too long to arrive.
    TooSlow,
    Malformed(HeadError),
}
