//! Files: found in the store, then answered by the rules for codings, conditions and ranges.

use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use http::{HeaderValue, Method, StatusCode, header};

use super::coded::Streams;
use super::{Handler, Reply, failure};
use crate::content::coding::{Accepted, Coding};
use crate::content::conditions::{self, Validators, Verdict};
use crate::content::path::SitePath;
use crate::content::range::{self, Selection};
use crate::content::vary::BY_CODING;
use crate::content::{byteranges, disposition};
use crate::message::{Answer, Block, Body, Part, Request, Response};
use crate::store::{Content, Found, Object, Representation, Store, StoreError};

/// Serves the files of a store (GET and HEAD).
pub struct Files {
    store: Arc<dyn Store>,
    /// What compresses; `None` when nothing is served in a coding.
    streams: Option<Streams>,
}

impl Files {
    /// Serves what `store` holds; in other codings too, if `codings`.
    pub fn new(store: Arc<dyn Store>, codings: bool) -> Self {
        Self { store, streams: codings.then(Streams::default) }
    }

    /// The codings in which the content may be sent. Ranges are of content without a coding
    /// (RFC 9110 section 14.2 has them apply to the coded content, of which there may be none
    /// tomorrow that is the same).
    #[inline]
    fn accepted(&self, request: &Request<'_>) -> Accepted {
        if self.streams.is_none() {
            return Accepted::IDENTITY;
        }
        let accepted = Accepted::of(request.fields);
        if accepted.first().is_some()
            && accepted.identity()
            && request.method == Method::GET
            && request.fields.get(&header::RANGE).is_some()
        {
            return Accepted::IDENTITY;
        }
        accepted
    }

    #[inline]
    fn find<'a>(
        &'a self,
        path: &'a SitePath<'a>,
        accepted: Accepted,
        now: Instant,
    ) -> Answer<'a, Result<Found, StoreError>> {
        match accepted.first() {
            None => self.store.find(path, now),
            Some(_) => self.store.find_coded(path, accepted, now),
        }
    }

    /// The answer, from what was found. A folder goes to the next handler.
    #[expect(clippy::result_large_err, reason = "the request is handed on, it is no error")]
    fn answer<'a>(
        &self,
        request: Request<'a>,
        accepted: Accepted,
        path: &SitePath<'_>,
        found: Result<Found, StoreError>,
    ) -> Result<Response, Request<'a>> {
        match found {
            Ok(Found::File(object)) => {
                let mut response = self.file(&request, accepted, path, &object);
                response.cache = object.cache;
                Ok(response)
            }
            Ok(Found::Folder(_)) if path.is_folder() => Err(request),
            Ok(Found::Folder(_)) => Ok(to_folder(path, request.target.query)),
            Err(error) => Ok(failure(&error, path)),
        }
    }

    fn file(
        &self,
        request: &Request<'_>,
        accepted: Accepted,
        path: &SitePath<'_>,
        object: &Object,
    ) -> Response {
        let file = &object.meta;
        if file.coding.is_some() || accepted == Accepted::IDENTITY {
            return representation(request, path, file, |selection| content(object, selection));
        }
        if let (Some(streams), Some(coding)) = (&self.streams, to_stream(object, accepted)) {
            let coded = Arc::new(Streams::describe(object, coding));
            let is_head = request.method == Method::HEAD;
            let mut is_full = false;
            let response = representation(request, path, &coded, |_| {
                let mut response = with_block(StatusCode::OK, &coded.full);
                match streams.stream(object, coding, is_head) {
                    Some(body) => response.body = body,
                    None => is_full = true,
                }
                response
            });
            if !is_full {
                return response;
            }
            if !accepted.identity() {
                return Response::new(StatusCode::SERVICE_UNAVAILABLE)
                    .with_detail("Several files are being compressed already. Try again soon.")
                    .with(BY_CODING.0, BY_CODING.1)
                    .with(header::RETRY_AFTER, HeaderValue::from_static("10"));
            }
        }
        if !accepted.identity() {
            return Response::new(StatusCode::NOT_ACCEPTABLE)
                .with_detail("There is this file as it is, and in no coding that is accepted.")
                .with(BY_CODING.0, BY_CODING.1);
        }
        representation(request, path, file, |selection| content(object, selection))
    }
}

/// The coding to compress an uncoded file in while it is sent: when it is not in memory, or nobody
/// kept it compressed for somebody who takes it in no other way.
fn to_stream(object: &Object, accepted: Accepted) -> Option<Coding> {
    let is_kept = matches!(object.content, Content::Bytes(_));
    let is_meant = object.meta.pays_compressed() && (!is_kept || !accepted.identity());
    accepted.fastest().filter(|_| is_meant)
}

impl Handler for Files {
    fn handle<'a>(&'a self, request: Request<'a>) -> Reply<'a> {
        let path = match SitePath::parse(request.target.path) {
            Ok(path) => path,
            Err(error) => return Reply::Ready(Response::new(error.status())),
        };
        let now = request.received;
        let accepted = self.accepted(&request);
        if let Answer::Ready(found) = self.find(&path, accepted, now) {
            return self.answer(request, accepted, &path, found).into();
        }
        // Asked again, so that the future can own the path: a second try costs nothing beside the
        // wait that follows.
        Reply::later(async move {
            let found = self.find(&path, accepted, now).wait().await;
            self.answer(request, accepted, &path, found)
        })
    }
}

/// What the rules make of a request for a file that is there; `content` answers with it.
#[inline]
fn representation(
    request: &Request<'_>,
    path: &SitePath<'_>,
    file: &Representation,
    content: impl FnOnce(Selection) -> Response,
) -> Response {
    let validators = Validators { etag: &file.etag, modified: file.modified };
    match conditions::check(&request.method, request.fields, &validators) {
        Verdict::Proceed => {}
        Verdict::NotModified => return with_block(StatusCode::NOT_MODIFIED, &file.validators),
        Verdict::PreconditionFailed => return Response::new(StatusCode::PRECONDITION_FAILED),
    }
    let selection = match file.coding {
        None => selection(request, &validators, file.length),
        Some(_) => Selection::Whole,
    };
    let mut response = content(selection);
    if response.status.is_success() && request.target.parameter(b"download").is_some() {
        let name = disposition::attachment(path.name());
        response.fields.push(header::CONTENT_DISPOSITION, name);
    }
    response
}

/// What is asked for of the content.
#[inline]
fn content(object: &Object, selection: Selection) -> Response {
    let file = &object.meta;
    match selection {
        Selection::Whole => {
            let mut response = with_block(StatusCode::OK, &file.full);
            response.body = object.body(0..file.length);
            response
        }
        Selection::One(range) => {
            let content_range = range::content_range(&range, file.length);
            let mut response = with_block(StatusCode::PARTIAL_CONTENT, &file.full)
                .with(header::CONTENT_RANGE, content_range);
            response.body = object.body(range);
            response
        }
        Selection::Many(ranges) => multipart(object, ranges),
        Selection::Unsatisfiable => Response::new(StatusCode::RANGE_NOT_SATISFIABLE)
            .with(header::CONTENT_RANGE, range::unsatisfied(file.length)),
    }
}

/// What of the file is asked for: `Range` counts for GET only, and only while `If-Range` holds
/// (RFC 9110 sections 14.2 and 13.1.5).
fn selection(request: &Request<'_>, validators: &Validators<'_>, length: u64) -> Selection {
    match request.fields.get(&header::RANGE) {
        Some(value)
            if request.method == Method::GET
                && conditions::if_range_holds(request.fields, validators) =>
        {
            range::select(value, length)
        }
        _ => Selection::Whole,
    }
}

/// Several parts, each with its own head (RFC 9110 section 14.6).
fn multipart(object: &Object, ranges: Vec<Range<u64>>) -> Response {
    let file = &object.meta;
    let framing = byteranges::byte_ranges(&file.etag, &file.content_type, &ranges, file.length);
    let mut parts = Vec::with_capacity(ranges.len() * 2 + 1);
    for (head, range) in framing.heads.into_iter().zip(ranges) {
        parts.push(Part::Bytes(head));
        parts.push(object.part(range));
    }
    parts.push(Part::Bytes(framing.end));

    let mut response =
        Response::new(StatusCode::PARTIAL_CONTENT).with(header::CONTENT_TYPE, framing.content_type);
    let others = file.full.list().iter().filter(|(name, _)| name != header::CONTENT_TYPE);
    response.fields.own.extend(others.cloned());
    response.body = Body::Parts(parts);
    response
}

/// To the folder's own address. The path has one slash at its start, whatever was asked, so this
/// never leads to another host.
fn to_folder(path: &SitePath<'_>, query: Option<&[u8]>) -> Response {
    let mut location = path.encoded().into_bytes();
    location.push(b'/');
    if let Some(query) = query {
        location.push(b'?');
        location.extend_from_slice(query);
    }
    match HeaderValue::from_maybe_shared(bytes::Bytes::from(location)) {
        Ok(location) => Response::permanent_redirect(location),
        Err(_) => Response::new(StatusCode::BAD_REQUEST),
    }
}

fn with_block(status: StatusCode, block: &Arc<Block>) -> Response {
    let mut response = Response::new(status);
    response.fields.shared = Some(Arc::clone(block));
    response
}
