//! What a request asked, kept for the log after the request was handed on.

use std::time::Instant;

use http::{Method, StatusCode, Version, header};

use crate::http1::Head;
use crate::log::{Entry, Recorder};
use crate::message::{Fields, Peer, Request, RequestBody, Target};

/// The parts of a request that outlive it.
pub(super) struct Asked<'a> {
    pub(super) method: Method,
    pub(super) version: Version,
    target: Target<'a>,
    fields: Fields<'a>,
    received: Instant,
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
}
