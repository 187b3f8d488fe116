//! One request: asked of the site, and answered.

use std::sync::Arc;
use std::time::Instant;

use tokio::time::timeout;
use tracing::Instrument;

use super::send::{Sender, Terms};
use super::{Client, Next};
use crate::http1::Head;
use crate::message::{Answer, BoxFuture, RequestBody, Response};
use crate::server::deadline::Pace;
use crate::server::exchange::Asked;
use crate::server::inbox::Inbox;
use crate::server::intake::Intake;
use crate::server::outbox::Outbox;
use crate::server::request_body::{BodyReader, Progress};
use crate::server::worker::Desk;

/// Content that no handler wanted is read up to this many bytes, to keep the connection.
const DRAIN: u64 = 64 * 1024;

impl Client {
    /// What answers are sent with.
    pub(super) fn sender<'a>(&'a mut self, outbox: &'a mut Outbox) -> Sender<'a> {
        let Self { io, service, exchanges, deadline, requests, .. } = self;
        Sender { io, service, exchanges, deadline, outbox, requests: *requests }
    }

    /// Answers the request whose head was just parsed, and which has no content.
    pub(super) fn answer<'a>(&'a mut self, head: Head, desk: &'a mut Desk) -> Answer<'a, Next> {
        let Desk { inbox, parser, outbox } = desk;
        let sender = self.sender(outbox);
        let Sender { service, exchanges, .. } = sender;
        let unread = inbox.unread();
        let bytes = &unread[..head.length];
        let client_goes_on = head.framing.keep_alive;
        let ends = !client_goes_on && unread.len() == head.length;
        let asked = Asked::new(&exchanges.worker, head, bytes, parser.fields(bytes));
        let request = asked.request(exchanges.peer, RequestBody::None);
        match asked.span.in_scope(|| service.site.respond(request)) {
            Answer::Ready(response) => {
                let keep_alive = client_goes_on && sender.may_go_on();
                let terms = Terms { keep_alive, ends, taken: asked.bare(), boarding: None };
                sender.send(asked, response, terms)
            }
            Answer::Later(response) => {
                Answer::later(answer_later(sender, asked, response, client_goes_on, ends))
            }
        }
    }

    /// The same for a request with content, which the handler may read.
    pub(super) async fn answer_with_body(&mut self, head: Head, desk: &mut Desk) -> Next {
        let Desk { inbox, parser, outbox } = desk;
        let framing = head.framing;
        let bytes: Box<[u8]> = inbox.unread()[..head.length].into();
        inbox.consume(head.length);
        if self.sender(outbox).flush().await.is_err() {
            return Next::Cut;
        }
        let worker = self.exchanges.worker.clone();
        let asked = Asked::new(&worker, head, &bytes, parser.fields(&bytes));
        let intake = Intake::new(&worker.tally);
        let service = Arc::clone(&self.service);
        let limits = service.settings.head_limits;
        let mut progress = Progress::new(framing.body, framing.expect_continue, limits, intake);
        let boarding = self.exchanges.board(&service.site, &asked, progress.length());
        progress.intake.show(boarding.as_ref());
        let (peer, received) = (self.exchanges.peer, asked.received);
        let mut reader = self.body_reader(inbox, &mut progress, received);
        let request = asked.request(peer, RequestBody::Incoming(&mut reader));
        let response = async { service.site.respond(request).wait().await }
            .instrument(asked.span.clone())
            .await;
        let taken = progress.intake.answered(&asked, response.status);

        let drains = progress.can_drain(DRAIN);
        let sender = self.sender(outbox);
        let keep_alive = framing.keep_alive && sender.may_go_on() && drains;
        let terms = Terms { keep_alive, ends: false, taken, boarding };
        let next = sender.send(asked, response, terms).wait().await;
        // What must not look whole is not ended in peace.
        if progress.is_finished() || next == Next::Cut {
            return next;
        }
        if self.sender(outbox).flush().await.is_err() {
            return Next::Cut;
        }
        if next != Next::Request {
            return Next::Linger;
        }
        let mut reader = self.body_reader(inbox, &mut progress, received);
        let drained = timeout(service.settings.request_timeout, reader.drain(DRAIN)).await;
        if drained == Ok(true) { Next::Request } else { Next::Linger }
    }

    fn body_reader<'a>(
        &'a mut self,
        inbox: &'a mut Inbox,
        progress: &'a mut Progress,
        received: Instant,
    ) -> BodyReader<'a> {
        let allowance = self.service.settings.upload_allowance(received);
        let pace = Pace { deadline: &mut self.deadline, allowance };
        BodyReader::new(&mut self.io, inbox, pace, progress)
    }
}

/// Answers a request that takes more than a moment. What was gathered before need not wait for it.
async fn answer_later<'a>(
    mut sender: Sender<'a>,
    asked: Asked<'a>,
    response: BoxFuture<'a, Response>,
    client_goes_on: bool,
    ends: bool,
) -> Next {
    let boarding = sender.exchanges.board(&sender.service.site, &asked, Some(0));
    if sender.flush().await.is_err() {
        return Next::Cut;
    }
    let response = response.instrument(asked.span.clone()).await;
    let keep_alive = client_goes_on && sender.may_go_on();
    let terms = Terms { keep_alive, ends, taken: asked.bare(), boarding };
    sender.send(asked, response, terms).wait().await
}
