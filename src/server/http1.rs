//! One HTTP/1.1 connection: read, parse, answer, write (RFC 9112).
//!
//! 1. Wait until something can be read; an idle connection holds no buffer.
//! 2. Read once, parse as many requests as arrived, and gather their answers.
//! 3. Write the answers in one go; back to 1.
//!
//! Two kinds of answers do not wait in the outbox: those whose content is not in memory, and
//! those to requests with content, for which the connection is lent to the handler.

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Poll, ready};

use bytes::Bytes;
use http::{Method, StatusCode, Version};
use tokio::time::timeout;
use tracing::Instrument;

use super::deadline::{Deadline, Pace};
use super::exchange::{Asked, Exchanges, Note, Outcome, Taken, Took, record_refusal};
use super::http2::{self, PREFACE};
use super::inbox::Inbox;
use super::intake::Intake;
use super::linger::linger;
use super::outbox::{Meter, Outbox, is_bulk};
use super::reply::{enqueue, flush};
use super::request_body::{BodyReader, Progress};
use super::rewound::Rewound;
use super::transport::Transport;
use super::worker::Desk;
use crate::http1::{BodyLength, Framing, Head, HeadError, HeadParser};
use crate::message::{Answer, RequestBody, Response, Traffic};
use crate::stats::{Boarding, ConnectionState, Timeout};

/// Content that no handler wanted is read up to this many bytes, to keep the connection.
const DRAIN: u64 = 64 * 1024;

/// An answer of this many bytes is with the client by the time it could send something that it
/// should not.
const SMALL: u64 = 16 * 1024;

/// A connection and what it has come to.
pub(super) struct Connection {
    io: Transport,
    exchanges: Exchanges,
    deadline: Deadline,
    requests: u64,
}

/// What follows an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Next {
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
    pub(super) fn new(io: Transport, exchanges: Exchanges) -> Self {
        let deadline = Deadline::after(exchanges.worker.settings.header_timeout);
        Self { io, exchanges, deadline, requests: 0 }
    }

    /// Serves the connection to its end.
    pub(super) async fn serve(mut self) {
        let worker = Arc::clone(&self.exchanges.worker);
        let mut stopped = pin!(worker.stopped());
        loop {
            let readable = poll_fn(|context| {
                if let Poll::Ready(result) = self.io.poll_readable(context) {
                    return Poll::Ready(result.is_ok());
                }
                // One that has asked nothing yet was accepted to be answered.
                if self.requests > 0 && stopped.as_mut().poll(context).is_ready() {
                    return Poll::Ready(false);
                }
                ready!(self.deadline.poll(context));
                // One that has asked nothing is waited for as for a head that has begun.
                if self.requests == 0 {
                    worker.tally.timed_out(Timeout::RequestHead);
                } else if !self.exchanges.visit.is_monitoring() {
                    worker.tally.timed_out(Timeout::KeepAlive);
                }
                Poll::Ready(false)
            });
            if !readable.await {
                return self.io.end();
            }
            self.exchanges.visit.set(ConnectionState::Answering);
            let mut desk = worker.desk();
            let next = self.converse(&mut desk).await;
            worker.keep(desk);
            match next {
                Next::Same if self.requests == 0 => {
                    self.exchanges.visit.set(ConnectionState::Starting);
                }
                Next::Same => self.exchanges.visit.set(ConnectionState::Idle),
                Next::Request if worker.is_stopping() => return self.io.end(),
                Next::Request => {
                    self.exchanges.visit.set(ConnectionState::Idle);
                    self.deadline.set_after(worker.settings.keep_alive_timeout);
                }
                Next::Done if self.io.is_drained() => return self.io.end(),
                Next::End => return self.io.end(),
                Next::Cut => return,
                Next::Done | Next::Linger => {
                    self.exchanges.visit.set(ConnectionState::Closing);
                    return Box::pin(linger(&mut self.io)).await;
                }
                Next::Http2(read) => return Box::pin(self.go_on_in_http2(read)).await,
            }
        }
    }

    /// Reads and answers until the connection is idle or at its end.
    async fn converse(&mut self, desk: &mut Desk) -> Next {
        let Desk { inbox, parser, outbox } = desk;
        let mut timed = false;
        loop {
            match self.read(inbox).await {
                Ok(None) => return Next::Same,
                Ok(Some(0)) => return Next::End,
                Ok(Some(_)) if self.requests == 0 && self.speaks_http2(inbox) => {
                    if inbox.unread().len() >= PREFACE.len() {
                        let read = Bytes::copy_from_slice(inbox.unread());
                        inbox.consume(read.len());
                        return Next::Http2(read);
                    }
                    continue;
                }
                Ok(Some(_)) => {}
                Err(error) if error.kind() == io::ErrorKind::TimedOut && timed => {
                    self.exchanges.worker.tally.timed_out(Timeout::RequestHead);
                    return self.refuse(Fault::TooSlow, inbox, outbox).await;
                }
                Err(_) => return Next::Cut,
            }
            loop {
                match parser.parse(inbox.unread()) {
                    Ok(Some(head)) => {
                        if timed {
                            timed = false;
                            self.exchanges.visit.set(ConnectionState::Answering);
                        }
                        let next = self.answer(&head, inbox, parser, outbox).await;
                        if next != Next::Request {
                            if next == Next::Done {
                                self.io.expect_end();
                            }
                            let flushed = self.flush(outbox).await;
                            return if flushed.is_ok() { next } else { Next::Cut };
                        }
                    }
                    Ok(None) => break,
                    Err(error) => {
                        return self.refuse(Fault::Malformed(error), inbox, outbox).await;
                    }
                }
            }
            if self.flush(outbox).await.is_err() {
                return Next::Cut;
            }
            if inbox.is_empty() {
                return Next::Request;
            }
            if !timed {
                timed = true;
                self.exchanges.visit.set(ConnectionState::Reading);
                // The time for the first head runs since the connection was made.
                if self.requests > 0 {
                    self.deadline.set_after(self.exchanges.worker.settings.header_timeout);
                }
            }
        }
    }

    /// Whether what was read is how HTTP/2 begins, as far as it has come. Over TLS it is agreed on
    /// in the handshake.
    fn speaks_http2(&self, inbox: &Inbox) -> bool {
        let unread = inbox.unread();
        let count = unread.len().min(PREFACE.len());
        self.exchanges.worker.settings.http2
            && !self.exchanges.peer.secure
            && unread[..count] == PREFACE[..count]
    }

    async fn go_on_in_http2(self, read: Bytes) {
        http2::serve(Rewound::new(read, self.io), self.exchanges).await;
    }

    /// Reads once, unless the deadline comes first. 0 is the end of what the client sends; `None`:
    /// there is nothing to read, and nothing that a buffer would have to be kept for.
    async fn read(&mut self, inbox: &mut Inbox) -> io::Result<Option<usize>> {
        let Self { io, deadline, exchanges, .. } = self;
        let is_idle = inbox.is_empty();
        let room = inbox.room(exchanges.worker.settings.head_limits.head_bytes.into());
        let count = poll_fn(|context| match io.poll_read(context, room) {
            Poll::Ready(result) => Poll::Ready(result.map(Some)),
            Poll::Pending if is_idle => Poll::Ready(Ok(None)),
            Poll::Pending => deadline.poll(context).map(|()| Err(io::ErrorKind::TimedOut.into())),
        })
        .await?;
        inbox.filled(count.unwrap_or(0));
        Ok(count)
    }

    /// Answers the request whose head was just parsed, and consumes it.
    async fn answer(
        &mut self,
        head: &Head,
        inbox: &mut Inbox,
        parser: &HeadParser,
        outbox: &mut Outbox,
    ) -> Next {
        let bytes = &inbox.unread()[..head.length];
        let fields = parser.fields(bytes);
        self.requests += 1;
        if head.framing.body != BodyLength::None {
            let bytes: Box<[u8]> = bytes.into();
            inbox.consume(head.length);
            let asked = Asked::new(&self.exchanges.worker, head, &bytes, parser.fields(&bytes));
            return Box::pin(self.answer_with_body(&asked, head.framing, inbox, outbox)).await;
        }
        let asked = Asked::new(&self.exchanges.worker, head, bytes, fields);
        let site = Arc::clone(&self.exchanges.site);
        let mut boarding = None;
        let request = asked.request(self.exchanges.peer, RequestBody::None);
        let response = match asked.span.in_scope(|| site.respond(request)) {
            Answer::Ready(response) => response,
            Answer::Later(response) => {
                boarding = self.exchanges.board(&asked, Some(0));
                if self.flush(outbox).await.is_err() {
                    return Next::Cut;
                }
                response.instrument(asked.span.clone()).await
            }
        };
        let keep_alive = head.framing.keep_alive && self.may_go_on();
        let is_small = response.body.length().is_some_and(|length| length <= SMALL);
        let next = self.send(&asked, response, keep_alive, asked.bare(), boarding, outbox).await;
        inbox.consume(head.length);
        match next {
            Next::Linger if is_small && !head.framing.keep_alive && inbox.is_empty() => Next::Done,
            next => next,
        }
    }

    /// The same for a request with content, which the handler may read.
    async fn answer_with_body(
        &mut self,
        asked: &Asked<'_>,
        framing: Framing,
        inbox: &mut Inbox,
        outbox: &mut Outbox,
    ) -> Next {
        if self.flush(outbox).await.is_err() {
            return Next::Cut;
        }
        let worker = Arc::clone(&self.exchanges.worker);
        let intake = Intake::new(&worker.tally);
        let limits = worker.settings.head_limits;
        let mut progress = Progress::new(framing.body, framing.expect_continue, limits, intake);
        let (peer, site) = (self.exchanges.peer, Arc::clone(&self.exchanges.site));
        let boarding = self.exchanges.board(asked, progress.length());
        progress.intake.show(boarding.as_ref());
        let mut reader = self.body_reader(inbox, &mut progress);
        let request = asked.request(peer, RequestBody::Incoming(&mut reader));
        let response =
            async { site.respond(request).wait().await }.instrument(asked.span.clone()).await;
        let taken = progress.intake.answered(asked, response.status);

        let drains = progress.can_drain(DRAIN);
        let keep_alive = framing.keep_alive && self.may_go_on() && drains;
        let next = self.send(asked, response, keep_alive, taken, boarding, outbox).await;
        if progress.is_finished() {
            return next;
        }
        if self.flush(outbox).await.is_err() {
            return Next::Cut;
        }
        if next != Next::Request {
            return Next::Linger;
        }
        let mut reader = self.body_reader(inbox, &mut progress);
        let drained = timeout(worker.settings.request_timeout, reader.drain(DRAIN)).await;
        if drained == Ok(true) { Next::Request } else { Next::Linger }
    }

    fn body_reader<'a>(
        &'a mut self,
        inbox: &'a mut Inbox,
        progress: &'a mut Progress,
    ) -> BodyReader<'a> {
        let patience = self.exchanges.worker.settings.request_timeout;
        let pace = Pace { deadline: &mut self.deadline, patience };
        BodyReader::new(&mut self.io, inbox, pace, progress)
    }

    /// Whether another request may follow on this connection, as far as the server minds.
    fn may_go_on(&self) -> bool {
        let limit = self.exchanges.worker.settings.keep_alive_requests;
        (limit == 0 || self.requests < limit) && !self.exchanges.worker.is_stopping()
    }

    /// Gathers an answer in the outbox, or sends it at once when its content is not in memory;
    /// then counts it and notes it in the access log. `boarding` is there when the request has
    /// taken more than a moment already.
    async fn send(
        &mut self,
        asked: &Asked<'_>,
        response: Response,
        keep_alive: bool,
        taken: Taken,
        boarding: Option<Boarding>,
        outbox: &mut Outbox,
    ) -> Next {
        let mut outcome = Outcome::of(&response, taken);
        let bulk = is_bulk(&response.body);
        self.exchanges.visit.asked(outcome.traffic);
        if (bulk || outbox.is_full()) && self.flush(outbox).await.is_err() {
            return Next::Cut;
        }
        let queued = enqueue(
            &self.exchanges.site,
            response,
            &asked.method,
            asked.version,
            keep_alive,
            outbox,
        );
        let mut next = if queued.closes { Next::Linger } else { Next::Request };
        outcome.head = queued.head;
        if !bulk {
            outcome.sent = queued.content.unwrap_or(0);
            let took = if boarding.is_some() { Took::Long(outcome.wait()) } else { Took::Moment };
            asked.record(&self.exchanges, &outcome, took);
            return next;
        }
        let sent = outbox.sent_in_all();
        let before = sent.load(Ordering::Relaxed) + queued.head;
        let boarding = boarding.or_else(|| self.exchanges.board(asked, Some(0)));
        if let Some(boarding) = &boarding {
            boarding.flight().send(Arc::clone(&sent), before, queued.content);
        }
        let Self { io, deadline, exchanges, .. } = self;
        let first_byte = outcome.wait();
        outcome.is_metered = outcome.traffic == Traffic::Visitors;
        let meter = outcome.is_metered.then(|| Meter::new(&exchanges.worker.tally, queued.head));
        outbox.measure(meter);
        let note = Note { exchanges, asked, outcome, first_byte, sent, before };
        if let Err(error) = flush(io, deadline, exchanges, outbox).await {
            asked.span.in_scope(|| tracing::debug!(%error, "an answer was cut short"));
            next = Next::Cut;
        }
        drop(note);
        next
    }

    /// Answers what cannot be understood, and ends the connection.
    async fn refuse(&mut self, fault: Fault, inbox: &Inbox, outbox: &mut Outbox) -> Next {
        let (status, reason, error) = match fault {
            Fault::TooSlow => {
                let reason = "the request head took too long to arrive";
                (StatusCode::REQUEST_TIMEOUT, reason.into(), None)
            }
            Fault::Malformed(error) => (error.status(), error.to_string(), Some(error)),
        };
        // An answer to HEAD has no content, whatever else is wrong (RFC 9110 section 9.3.2).
        let is_head = inbox.unread().starts_with(b"HEAD ");
        let method = if is_head { Method::HEAD } else { Method::GET };
        tracing::debug!(%status, reason, "refused");
        let response = self.exchanges.site.refusal(status, &reason);
        let queued =
            enqueue(&self.exchanges.site, response, &method, Version::HTTP_11, false, outbox);
        self.exchanges.visit.asked(Traffic::Visitors);
        let sent = queued.content.unwrap_or(0);
        record_refusal(&self.exchanges, error, status, queued.head, sent);
        if self.flush(outbox).await.is_err() { Next::Cut } else { Next::Linger }
    }

    async fn flush(&mut self, outbox: &mut Outbox) -> io::Result<()> {
        flush(&mut self.io, &mut self.deadline, &self.exchanges, outbox).await
    }
}

/// Why no request came about.
enum Fault {
    /// Its head took too long to arrive.
    TooSlow,
    Malformed(HeadError),
}
