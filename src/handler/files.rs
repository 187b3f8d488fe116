//! Files: found in the store, then answered by the rules for conditions and ranges.

use std::ops::Range;
use std::sync::Arc;

use http::{HeaderValue, Method, StatusCode, header};

use super::{Handler, Reply, failure};
use crate::content::conditions::{self, Validators, Verdict};
use crate::content::path::SitePath;
use crate::content::range::{self, Selection};
use crate::content::{byteranges, disposition};
use crate::message::{Answer, Block, Body, Part, Request, Response};
use crate::store::{Found, Object, Store, StoreError};

/// Serves the files of a store (GET and HEAD).
pub struct Files {
    store: Arc<dyn Store>,
}

impl Files {
    /// Serves what `store` holds.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }
}

impl Handler for Files {
    fn handle<'a>(&'a self, request: Request<'a>) -> Reply<'a> {
        let path = match SitePath::parse(request.target.path) {
            Ok(path) => path,
            Err(error) => return Reply::Ready(Response::new(error.status())),
        };
        let now = request.received;
        if let Answer::Ready(found) = self.store.find(&path, now) {
            return answer(request, &path, found).into();
        }
        // Asked again, so that the future can own the path: a second try costs nothing beside the
        // wait that follows.
        Reply::later(async move {
            let found = self.store.find(&path, now).wait().await;
            answer(request, &path, found)
        })
    }
}

/// The answer, from what was found. A folder goes to the next handler.
#[expect(clippy::result_large_err, reason = "the request is handed on, it is no error")]
fn answer<'a>(
    request: Request<'a>,
    path: &SitePath<'_>,
    found: Result<Found, StoreError>,
) -> Result<Response, Request<'a>> {
    match found {
        Ok(Found::File(object)) => Ok(file(&request, path, &object)),
        Ok(Found::Folder(_)) if path.is_folder() => Err(request),
        Ok(Found::Folder(_)) => Ok(to_folder(path, request.target.query)),
        Err(error) => Ok(failure(&error, path)),
    }
}

fn file(request: &Request<'_>, path: &SitePath<'_>, object: &Object) -> Response {
    let mut response = representation(request, path, object);
    response.cache = object.cache;
    response
}

fn representation(request: &Request<'_>, path: &SitePath<'_>, object: &Object) -> Response {
    let file = &object.meta;
    let validators = Validators { etag: &file.etag, modified: file.modified };
    match conditions::check(&request.method, request.fields, &validators) {
        Verdict::Proceed => {}
        Verdict::NotModified => return with_block(StatusCode::NOT_MODIFIED, &file.validators),
        Verdict::PreconditionFailed => return Response::new(StatusCode::PRECONDITION_FAILED),
    }
    let mut response = match selection(request, &validators, file.length) {
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
        Selection::Unsatisfiable => {
            return Response::new(StatusCode::RANGE_NOT_SATISFIABLE)
                .with(header::CONTENT_RANGE, range::unsatisfied(file.length));
        }
    };
    if request.target.parameter(b"download").is_some() {
        let name = disposition::attachment(path.name());
        response.fields.push(header::CONTENT_DISPOSITION, name);
    }
    response
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
