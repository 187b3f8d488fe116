//! An answer on its way into the outbox, and out of it: how it goes out over HTTP/1.

use std::io;

use http::{Method, Version};

use super::clock;
use super::deadline::{Deadline, Pace};
use super::exchange::Exchanges;
use super::outbox::Outbox;
use super::service::Service;
use super::transport::Transport;
use super::worker::Worker;
use crate::content::plan::plan;
use crate::http1::encode::{self, ContentLength, ResponseHead};
use crate::message::Response;
use crate::site::Site;
use crate::stats::Timeout;

/// What was put into the outbox.
pub(super) struct Queued {
    /// Bytes of the head.
    pub(super) head: u64,
    /// Bytes of the content that follows, if they are known.
    pub(super) content: Option<u64>,
    pub(super) closes: bool,
}

/// Puts an answer into the outbox.
pub(super) fn enqueue(
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

/// Sends what is in the outbox; an error ends the connection.
pub(super) async fn flush(
    io: &mut Transport,
    deadline: &mut Deadline,
    service: &Service,
    exchanges: &Exchanges,
    outbox: &mut Outbox,
) -> io::Result<()> {
    let worker = &exchanges.worker;
    let mut pace = Pace { deadline, allowance: service.settings.allowance() };
    if exchanges.is_monitoring() {
        // Boxed: hardly any connection needs room for this.
        return Box::pin(flush_briefly(io, &mut pace, worker, outbox)).await;
    }
    let flushed = outbox.flush(io, &mut pace).await;
    if let Err(error) = &flushed {
        worker.tally.aborted();
        if error.kind() == io::ErrorKind::TimedOut {
            worker.tally.timed_out(Timeout::Response);
        }
    }
    flushed
}

/// The same for somebody who only watches, and is not waited for when the server stops.
async fn flush_briefly(
    io: &mut Transport,
    pace: &mut Pace<'_>,
    worker: &Worker,
    outbox: &mut Outbox,
) -> io::Result<()> {
    tokio::select! {
        flushed = outbox.flush(io, pace) => flushed,
        () = worker.stopped_for_a_moment() => Err(io::ErrorKind::TimedOut.into()),
    }
}
