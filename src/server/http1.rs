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
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, StatusCode, Version};
use tokio::time::timeout;
use tracing::Instrument;

use super::clock;
use super::deadline::{Deadline, Pace};
use super::exchange::{Asked, Asker, Outcome, Took, record_refusal};
use super::http2::{self, Exchanges, PREFACE};
use super::inbox::Inbox;
use super::linger::linger;
use super::outbox::{Outbox, is_bulk};
use super::request_body::{BodyReader, Progress};
use super::rewound::Rewound;
use super::transport::Transport;
use super::worker::{Desk, Worker};
use crate::content::plan::plan;
use crate::http1::encode::{self, ContentLength, ResponseHead};
use crate::http1::{BodyLength, Framing, Head, HeadError, HeadParser};
use crate::message::{Answer, Peer, RequestBody, Response, Traffic};
use crate::site::Site;
use crate::stats::{Boarding, ConnectionState, Timeout, Visit};

/// Content that no handler wanted is read up to this many bytes, to keep the connection.
const DRAIN: u64 = 64 * 1024;

/// An answer of this many bytes is with the client by the time it could send something that it
/// should not.
const SMALL: u64 = 16 * 1024;

/// A connection and what it has come to.
pub(super) struct Connection {
    io: Transport,
    peer: Peer,
    /// Whom the client's certificate names.
    subject: Option<Arc<str>>,
    site: Arc<Site>,
    worker: Arc<Worker>,
    visit: Visit,
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
        let Exchanges { worker, site, peer, subject, visit } = exchanges;
        let deadline = Deadline::after(worker.settings.header_timeout);
        Self { io, peer, subject, site, worker, visit, deadline, requests: 0 }
    }

    /// Serves the connection to its end.
    pub(super) async fn serve(mut self) {
        let worker = Arc::clone(&self.worker);
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
                worker.tally.timed_out(Timeout::KeepAlive);
                Poll::Ready(false)
            });
            if !readable.await {
                return self.io.end();
            }
            self.visit.set(ConnectionState::Answering);
            let mut desk = worker.desk();
            let next = self.converse(&mut desk).await;
            worker.keep(desk);
            match next {
                Next::Same if self.requests == 0 => self.visit.set(ConnectionState::Starting),
                Next::Same => self.visit.set(ConnectionState::Idle),
                Next::Request if worker.is_stopping() => return self.io.end(),
                Next::Request => {
                    self.visit.set(ConnectionState::Idle);
                    self.deadline.set_after(worker.settings.keep_alive_timeout);
                }
                Next::Done if self.io.is_drained() => return self.io.end(),
                Next::End => return self.io.end(),
                Next::Cut => return,
                Next::Done | Next::Linger => {
                    self.visit.set(ConnectionState::Closing);
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
                    self.worker.tally.timed_out(Timeout::RequestHead);
                    return self.refuse(Fault::TooSlow, inbox, outbox).await;
                }
                Err(_) => return Next::Cut,
            }
            loop {
                match parser.parse(inbox.unread()) {
                    Ok(Some(head)) => {
                        if timed {
                            timed = false;
                            self.visit.set(ConnectionState::Answering);
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
                self.visit.set(ConnectionState::Reading);
                // The time for the first head runs since the connection was made.
                if self.requests > 0 {
                    self.deadline.set_after(self.worker.settings.header_timeout);
                }
            }
        }
    }

    /// Whether what was read is how HTTP/2 begins, as far as it has come. Over TLS it is agreed on
    /// in the handshake.
    fn speaks_http2(&self, inbox: &Inbox) -> bool {
        let unread = inbox.unread();
        let count = unread.len().min(PREFACE.len());
        self.worker.settings.http2 && !self.peer.secure && unread[..count] == PREFACE[..count]
    }

    async fn go_on_in_http2(self, read: Bytes) {
        let Self { io, peer, subject, site, worker, visit, .. } = self;
        let exchanges = Exchanges { worker, site, peer, subject, visit };
        http2::serve(Rewound::new(read, io), exchanges).await;
    }

    /// Reads once, unless the deadline comes first. 0 is the end of what the client sends; `None`:
    /// there is nothing to read, and nothing that a buffer would have to be kept for.
    async fn read(&mut self, inbox: &mut Inbox) -> io::Result<Option<usize>> {
        let Self { io, deadline, worker, .. } = self;
        let is_idle = inbox.is_empty();
        let room = inbox.room(worker.settings.head_limits.head_bytes.into());
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
            let asked = Asked::new(&self.worker, head, &bytes, parser.fields(&bytes));
            return Box::pin(self.answer_with_body(&asked, head.framing, inbox, outbox)).await;
        }
        let asked = Asked::new(&self.worker, head, bytes, fields);
        let site = Arc::clone(&self.site);
        let mut boarding = None;
        let request = asked.request(self.peer, RequestBody::None);
        let response = match asked.span.in_scope(|| site.respond(request)) {
            Answer::Ready(response) => response,
            Answer::Later(response) => {
                boarding = self.board(&asked, Some(0));
                if self.flush(outbox).await.is_err() {
                    return Next::Cut;
                }
                response.instrument(asked.span.clone()).await
            }
        };
        let keep_alive = head.framing.keep_alive && self.may_go_on();
        let is_small = response.body.length().is_some_and(|length| length <= SMALL);
        let next = self.send(&asked, response, keep_alive, 0, boarding, outbox).await;
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
        let worker = Arc::clone(&self.worker);
        let mut progress =
            Progress::new(framing.body, framing.expect_continue, worker.settings.head_limits);
        let (peer, site) = (self.peer, Arc::clone(&self.site));
        let boarding = self.board(asked, progress.length());
        if let Some(boarding) = &boarding {
            progress.follow(Arc::clone(boarding.flight()));
        }
        let mut reader = self.body_reader(inbox, &mut progress);
        let request = asked.request(peer, RequestBody::Incoming(&mut reader));
        let response =
            async { site.respond(request).wait().await }.instrument(asked.span.clone()).await;
        if progress.timed_out() {
            worker.tally.timed_out(Timeout::RequestContent);
        }
        if response.status.as_u16() >= 400 {
            worker.tally.refused_content(response.status);
        }

        let drains = progress.can_drain(DRAIN);
        let keep_alive = framing.keep_alive && self.may_go_on() && drains;
        let received = progress.received();
        let next = self.send(asked, response, keep_alive, received, boarding, outbox).await;
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
        worker.tally.drained(progress.received() - received);
        if drained == Ok(true) { Next::Request } else { Next::Linger }
    }

    fn body_reader<'a>(
        &'a mut self,
        inbox: &'a mut Inbox,
        progress: &'a mut Progress,
    ) -> BodyReader<'a> {
        let patience = self.worker.settings.request_timeout;
        let pace = Pace { deadline: &mut self.deadline, patience };
        BodyReader::new(&mut self.io, inbox, pace, progress)
    }

    /// Whether another request may follow on this connection, as far as the server minds.
    fn may_go_on(&self) -> bool {
        let limit = self.worker.settings.keep_alive_requests;
        (limit == 0 || self.requests < limit) && !self.worker.is_stopping()
    }

    /// Gathers an answer in the outbox, or sends it at once when its content is not in memory;
    /// then counts it and notes it in the access log. `boarding` is there when the request has
    /// taken more than a moment already.
    async fn send(
        &mut self,
        asked: &Asked<'_>,
        response: Response,
        keep_alive: bool,
        received: u64,
        boarding: Option<Boarding>,
        outbox: &mut Outbox,
    ) -> Next {
        let mut outcome = Outcome::of(&response, received);
        let bulk = is_bulk(&response.body);
        self.visit.asked(outcome.traffic);
        if (bulk || outbox.is_full()) && self.flush(outbox).await.is_err() {
            return Next::Cut;
        }
        let queued =
            enqueue(&self.site, response, &asked.method, asked.version, keep_alive, outbox);
        let mut next = if queued.closes { Next::Linger } else { Next::Request };
        outcome.head = queued.head;
        if !bulk {
            outcome.sent = queued.content.unwrap_or(0);
            let took = if boarding.is_some() { Took::Long(asked.age()) } else { Took::Moment };
            asked.record(self.asker(), &outcome, took);
            return next;
        }
        let count = outbox.sent_in_all();
        let before = count.load(Ordering::Relaxed) + queued.head;
        let boarding = boarding.or_else(|| self.board(asked, Some(0)));
        if let Some(boarding) = &boarding {
            boarding.flight().send(Arc::clone(&count), before, queued.content);
        }
        let worker = Arc::clone(&self.worker);
        let (peer, subject) = (self.peer, self.subject.clone());
        let first_byte = asked.age();
        let note = Note { worker, peer, subject, asked, outcome, first_byte, count, before };
        if let Err(error) = self.flush(outbox).await {
            tracing::debug!(%error, peer = %self.peer.address, "an answer was cut short");
            next = Next::Cut;
        }
        drop(note);
        next
    }

    /// Shows a request among those in flight, unless it is one that asks for them.
    fn board(&self, asked: &Asked<'_>, expected: Option<u64>) -> Option<Boarding> {
        let is_shown = !self.site.is_monitoring(asked.target.path);
        is_shown.then(|| asked.board(&self.worker, &self.peer, expected))
    }

    /// On what connection something is asked.
    fn asker(&self) -> Asker<'_> {
        let subject = self.subject.as_deref();
        Asker { worker: &self.worker, peer: &self.peer, subject }
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
        tracing::debug!(peer = %self.peer.address, %status, reason, "refused");
        let response = self.site.refusal(status, &reason);
        let queued = enqueue(&self.site, response, &method, Version::HTTP_11, false, outbox);
        self.visit.asked(Traffic::Visitors);
        let sent = queued.content.unwrap_or(0);
        record_refusal(self.asker(), error, status, queued.head, sent);
        if self.flush(outbox).await.is_err() { Next::Cut } else { Next::Linger }
    }

    async fn flush(&mut self, outbox: &mut Outbox) -> io::Result<()> {
        let patience = self.worker.settings.request_timeout;
        let mut pace = Pace { deadline: &mut self.deadline, patience };
        let flushed = outbox.flush(&mut self.io, &mut pace).await;
        if let Err(error) = &flushed {
            self.worker.tally.aborted();
            if error.kind() == io::ErrorKind::TimedOut {
                self.worker.tally.timed_out(Timeout::Response);
            }
        }
        flushed
    }
}

/// Why no request came about.
enum Fault {
    /// Its head took too long to arrive.
    TooSlow,
    Malformed(HeadError),
}

/// Counts an answer and notes it in the access log when it is dropped: a server that ends drops
/// what is still being sent, and that is to be noted too.
struct Note<'a> {
    worker: Arc<Worker>,
    peer: Peer,
    subject: Option<Arc<str>>,
    asked: &'a Asked<'a>,
    outcome: Outcome,
    first_byte: Duration,
    /// Bytes sent on the connection, and how many of them came before the content.
    count: Arc<AtomicU64>,
    before: u64,
}

impl Drop for Note<'_> {
    fn drop(&mut self) {
        self.outcome.sent = self.count.load(Ordering::Relaxed).saturating_sub(self.before);
        let Self { worker, peer, subject, asked, outcome, first_byte, .. } = self;
        let asker = Asker { worker, peer, subject: subject.as_deref() };
        asked.record(asker, outcome, Took::Long(*first_byte));
    }
}

/// What was put into the outbox.
struct Queued {
    /// Bytes of the head.
    head: u64,
    /// Bytes of the content that follows, if they are known.
    content: Option<u64>,
    closes: bool,
}

fn enqueue(
    site: &Site,
    response: Response,
    method: &Method,
    version: Version,
    keep_alive: bool,
    outbox: &mut Outbox,
) -> Queued {
    let Response { status, fields, body, .. } = response;
    let plan = plan(method, status, body.length(), version, keep_alive);
    let connection = match (plan.close, version) {
        (true, _) => Some("close"),
        (false, Version::HTTP_10) => Some("keep-alive"),
        (false, _) => None,
    };
    let length = match plan.length {
        Some(length) => ContentLength::Known(length),
        None if plan.chunked => ContentLength::Chunked,
        None => ContentLength::Unsaid,
    };
    let head = outbox.encode(|out| {
        let head = ResponseHead {
            status,
            date: &clock::date(),
            length,
            connection,
            fixed: &site.policy().fixed(&fields),
            fields: &fields,
        };
        encode::write_head(out, &head);
    });
    let mut content = Some(0);
    if plan.send_body {
        content = body.length();
        outbox.push(body, plan.chunked);
    }
    Queued { head: head as u64, content, closes: plan.close }
}
