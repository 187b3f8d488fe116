//! An answer on its way out: gathered with others, or sent at once when it is large.

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;

use http::Version;

use super::Next;
use crate::message::{Answer, Response, Traffic};
use crate::server::deadline::Deadline;
use crate::server::exchange::{Asked, Exchanges, Note, Outcome, Taken, Took};
use crate::server::outbox::{Meter, Outbox, is_bulk};
use crate::server::reply;
use crate::server::service::Service;
use crate::server::transport::Transport;
use crate::stats::Boarding;

/// An answer of this many bytes is with the client by the time it could send something that it
/// should not.
const SMALL: u64 = 16 * 1024;

/// What the answers of a connection are sent with.
pub(super) struct Sender<'a> {
    pub(super) io: &'a mut Transport,
    pub(super) deadline: &'a mut Deadline,
    pub(super) service: &'a Service,
    pub(super) exchanges: &'a Exchanges,
    pub(super) outbox: &'a mut Outbox,
    /// How many requests the connection has made.
    pub(super) requests: u64,
}

/// What is known of an answer besides what it says.
pub(super) struct Terms {
    /// Whether another request may follow.
    pub(super) keep_alive: bool,
    /// Whether the client has said that it sends nothing more.
    pub(super) ends: bool,
    /// What came with the request.
    pub(super) taken: Taken,
    /// There when the request has taken more than a moment already.
    pub(super) boarding: Option<Boarding>,
}

impl<'a> Sender<'a> {
    /// Whether another request may follow on this connection, as far as the server minds.
    pub(super) fn may_go_on(&self) -> bool {
        let limit = self.service.settings.keep_alive_requests;
        (limit == 0 || self.requests < limit) && !self.exchanges.worker.is_stopping()
    }

    /// Gathers an answer in the outbox, or sends it at once when its content is not in memory;
    /// then counts it and notes it in the access log.
    pub(super) fn send(
        self,
        asked: Asked<'a>,
        mut response: Response,
        terms: Terms,
    ) -> Answer<'a, Next> {
        self.exchanges.asked(response.traffic);
        if is_bulk(&mut response.body) {
            Answer::later(self.send_bulk(asked, response, terms))
        } else if self.outbox.is_full() {
            Answer::later(self.gather_after_flush(asked, response, terms))
        } else {
            Answer::Ready(self.gather(&asked, response, &terms))
        }
    }

    fn gather(mut self, asked: &Asked<'_>, response: Response, terms: &Terms) -> Next {
        let Queued { mut outcome, content, next } = self.queue(asked, response, terms);
        outcome.sent = content.unwrap_or(0);
        let took = match terms.boarding {
            Some(_) => Took::Long(outcome.wait()),
            None => Took::Moment,
        };
        asked.record(self.exchanges, &outcome, took);
        next
    }

    async fn gather_after_flush(
        mut self,
        asked: Asked<'a>,
        response: Response,
        terms: Terms,
    ) -> Next {
        if self.flush().await.is_err() {
            return Next::Cut;
        }
        self.gather(&asked, response, &terms)
    }

    async fn send_bulk(mut self, asked: Asked<'a>, response: Response, terms: Terms) -> Next {
        if self.flush().await.is_err() {
            return Next::Cut;
        }
        let Queued { mut outcome, content, mut next } = self.queue(&asked, response, &terms);
        let Self { io, deadline, service, exchanges, outbox, .. } = self;
        let sent = outbox.sent_in_all();
        let before = sent.load(Ordering::Relaxed) + outcome.head;
        let boarding = terms.boarding.or_else(|| exchanges.board(&service.site, &asked, Some(0)));
        if let Some(boarding) = &boarding {
            boarding.flight().send(Arc::clone(&sent), before, content);
        }
        let first_byte = outcome.wait();
        outcome.is_metered = outcome.traffic == Traffic::Visitors;
        let meter = outcome.is_metered.then(|| Meter::new(&exchanges.worker.tally, outcome.head));
        outbox.measure(meter);
        let note = Note { exchanges, asked: &asked, outcome, first_byte, sent, before };
        // Where the end of the connection is that of the content, breaking off must look otherwise.
        let is_ended_by_closing = content.is_none() && asked.version < Version::HTTP_11;
        if is_ended_by_closing {
            io.reset_when_dropped(true);
        }
        if let Err(error) = reply::flush(io, deadline, service, exchanges, outbox).await {
            asked.span.in_scope(|| tracing::debug!(%error, "an answer was cut short"));
            next = Next::Cut;
        } else if is_ended_by_closing {
            io.reset_when_dropped(false);
        }
        drop(note);
        next
    }

    fn queue(&mut self, asked: &Asked<'_>, response: Response, terms: &Terms) -> Queued {
        let mut outcome = Outcome::of(&response, terms.taken);
        let is_small = response.body.length().is_some_and(|length| length <= SMALL);
        let reply::Queued { head, content, closes } = reply::enqueue(
            &self.service.site,
            response,
            &asked.method,
            asked.version,
            terms.keep_alive,
            self.outbox,
        );
        outcome.head = head;
        let next = match closes {
            false => Next::Request,
            true if terms.ends && is_small => Next::Done,
            true => Next::Linger,
        };
        Queued { outcome, content, next }
    }

    /// Sends what was gathered; an error ends the connection.
    pub(super) async fn flush(&mut self) -> io::Result<()> {
        reply::flush(self.io, self.deadline, self.service, self.exchanges, self.outbox).await
    }

    /// The same of what is in memory, as far as the client takes it without being waited for;
    /// `None`: it does not take all.
    pub(super) async fn flush_at_once(&mut self) -> Option<io::Result<()>> {
        poll_fn(|context| match pin!(self.flush()).poll(context) {
            Poll::Ready(flushed) => Poll::Ready(Some(flushed)),
            // What was not sent is still in the outbox.
            Poll::Pending => Poll::Ready(None),
        })
        .await
    }
}

/// An answer in the outbox.
struct Queued {
    outcome: Outcome,
    /// Bytes of its content, if they are known.
    content: Option<u64>,
    next: Next,
}
