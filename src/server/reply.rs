//! An answer on its way into the outbox: how it goes out over HTTP/1.

use http::{Method, Version};

use super::clock;
use super::outbox::Outbox;
use crate::content::plan::plan;
use crate::http1::encode::{self, ContentLength, ResponseHead};
use crate::message::Response;
use crate::site::Site;

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
