//! What a request asked, kept for the log after the request was handed on.

use std::time::Instant;

use http::{Method, StatusCode, Version, header};

use super::clock;
use crate::http1::Head;
use crate::log::{Entry, Recorder};
use crate::message::{Fields, Peer, Request, RequestBody, Target};

/// The parts of a request that outlive it.
pub(super) struct Asked<'a> {
    pub(super) method: Method,
    pub(super) version: Version,
    pub(super) target: Target<'a>,
    pub(super) fields: Fields<'a>,
    pub(super) received: Instant,
}

impl<'a> Asked<'a> {
    pub(super) fn new(head: &Head, bytes: &'a [u8], fields: Fields<'a>, received: Instant) -> Self {
        Self {
            method: head.method.clone(),
            version: head.version,
            target: head.target(bytes),
            fields,
            received,
        }
    }

    pub(super) fn request(&self, peer: Peer, body: RequestBody<'a>) -> Request<'a> {
        Request {
            method: self.method.clone(),
            target: self.target,
            version: self.version,
            fields: self.fields,
            received: self.received,
            peer,
            body,
        }
    }

    /// Notes the answer in the access log. It was sent, or is gathered to be sent with others.
    pub(super) fn record(
        &self,
        recorder: &mut Recorder,
        peer: &Peer,
        subject: Option<&str>,
        status: StatusCode,
        bytes_out: u64,
        bytes_in: u64,
    ) {
        let now = clock::now();
        let duration = now.saturating_duration_since(self.received);
        recorder.record(&Entry {
            client: peer.address.ip().to_canonical(),
            time: clock::wall() - duration,
            method: Some(self.method.as_str()),
            target: self.target.raw,
            protocol: protocol(self.version),
            status: status.as_u16(),
            bytes_out,
            bytes_in,
            referer: self.fields.get(&header::REFERER),
            user_agent: self.fields.get(&header::USER_AGENT),
            host: self.target.authority.or_else(|| self.fields.get(&header::HOST)),
            duration: Some(duration),
            request_id: None,
            cache: None,
            subject,
        });
    }
}

/// Notes the answer to what could not be understood.
pub(super) fn record_refusal(recorder: &mut Recorder, peer: &Peer, status: StatusCode, sent: u64) {
    clock::now();
    recorder.record(&Entry {
        client: peer.address.ip().to_canonical(),
        time: clock::wall(),
        method: None,
        target: b"",
        protocol: protocol(Version::HTTP_11),
        status: status.as_u16(),
        bytes_out: sent,
        bytes_in: 0,
        referer: None,
        user_agent: None,
        host: None,
        duration: None,
        request_id: None,
        cache: None,
        subject: None,
    });
}

fn protocol(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_2 => "HTTP/2.0",
        _ => "HTTP/1.1",
    }
}
