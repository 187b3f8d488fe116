//! What resumable uploads are answered with.

use std::time::SystemTime;

use http::{HeaderName, HeaderValue, StatusCode, header};

use super::{TUS_RESUMABLE, Tus, UPLOAD_METADATA, UPLOAD_OFFSET};
use crate::content::path::SitePath;
use crate::content::{date, tus};
use crate::handler::landing::{self, Refused};
use crate::message::Response;
use crate::store::upload::{PartId, Stored};

const REPR_DIGEST: HeaderName = HeaderName::from_static("repr-digest");
const TUS_CHECKSUM_ALGORITHM: HeaderName = HeaderName::from_static("tus-checksum-algorithm");
const TUS_EXTENSION: HeaderName = HeaderName::from_static("tus-extension");
const TUS_MAX_SIZE: HeaderName = HeaderName::from_static("tus-max-size");
const TUS_VERSION: HeaderName = HeaderName::from_static("tus-version");
const UPLOAD_EXPIRES: HeaderName = HeaderName::from_static("upload-expires");

/// What the protocol can do here: the answer to OPTIONS.
pub(super) fn capabilities(max_size: u64) -> Response {
    let response = Response::new(StatusCode::NO_CONTENT)
        .with(header::ALLOW, HeaderValue::from_static("OPTIONS, POST, HEAD, PATCH, DELETE"))
        .with(TUS_VERSION, HeaderValue::from_static(tus::VERSION))
        .with(TUS_EXTENSION, HeaderValue::from_static(tus::EXTENSIONS))
        .with(TUS_MAX_SIZE, max_size.into())
        .with(TUS_CHECKSUM_ALGORITHM, HeaderValue::from_static(tus::CHECKSUM_ALGORITHMS));
    with_version(response)
}

pub(super) fn with_version(response: Response) -> Response {
    response.with(TUS_RESUMABLE, HeaderValue::from_static(tus::VERSION))
}

pub(super) fn with_expiry(response: Response, expires: SystemTime) -> Response {
    match date::format(expires) {
        Some(expires) => response.with(UPLOAD_EXPIRES, expires),
        None => response,
    }
}

pub(super) fn with_metadata(response: Response, metadata: &str) -> Response {
    match HeaderValue::from_str(metadata) {
        Ok(value) if !metadata.is_empty() => response.with(UPLOAD_METADATA, value),
        _ => response,
    }
}

/// Says what was stored, and where it is served.
pub(super) fn with_stored(
    response: Response,
    stored: &Stored,
    place: Option<&SitePath<'_>>,
) -> Response {
    let response = response.with(REPR_DIGEST, tus::repr_digest(&stored.sha256));
    let link = landing::link(stored, place).map(HeaderValue::try_from);
    match link {
        Some(Ok(link)) => response.with(header::CONTENT_LOCATION, link),
        _ => response,
    }
}

/// The address of an upload.
pub(super) fn location(id: PartId) -> HeaderValue {
    // Digits and letters only: it always is one.
    HeaderValue::try_from(format!("{}/{id}", Tus::PATH))
        .unwrap_or(HeaderValue::from_static(Tus::PATH))
}

pub(super) fn no_content(offset: u64) -> Response {
    Response::new(StatusCode::NO_CONTENT).with(UPLOAD_OFFSET, offset.into())
}

pub(super) fn not_found() -> Refused {
    Refused::new(StatusCode::NOT_FOUND, "there is no such upload, or not any more: begin a new one")
}

pub(super) fn method_not_allowed(allow: &'static str) -> Refused {
    Refused(Box::new(Response::method_not_allowed(allow)))
}

pub(super) fn unknown_version() -> Refused {
    let mut refused =
        Refused::new(StatusCode::PRECONDITION_FAILED, "Tus-Resumable must be there and say 1.0.0");
    refused.0.fields.push(TUS_VERSION, HeaderValue::from_static(tus::VERSION));
    refused
}

pub(super) fn too_large(max_size: u64) -> Refused {
    let sentence = format!("the file is too large: {max_size} bytes are accepted at most");
    let mut refused = Refused::new(StatusCode::PAYLOAD_TOO_LARGE, sentence);
    refused.0.fields.push(TUS_MAX_SIZE, max_size.into());
    refused
}

pub(super) fn beyond_length() -> Refused {
    Refused::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "the content goes beyond the Upload-Length announced",
    )
}

pub(super) fn wrong_type() -> Refused {
    Refused::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "the Content-Type of a piece is application/offset+octet-stream",
    )
}

pub(super) fn wrong_offset(offset: u64) -> Refused {
    let sentence = format!("the upload is at byte {offset}: go on from there");
    let mut refused = Refused::new(StatusCode::CONFLICT, sentence);
    refused.0.fields.push(UPLOAD_OFFSET, offset.into());
    refused
}

pub(super) fn locked() -> Refused {
    Refused::new(StatusCode::LOCKED, "another request is at this upload: ask later how far it is")
}

/// For the log: whoever sent the piece is no longer there to read it.
pub(super) fn cut() -> Refused {
    Refused::bad_request("the piece ended early: ask how far the upload is, and go on from there")
}

pub(super) fn checksum_mismatch() -> Refused {
    let status = StatusCode::from_u16(tus::CHECKSUM_MISMATCH).unwrap_or(StatusCode::BAD_REQUEST);
    Refused::new(status, "the checksum does not match: the piece was discarded, send it again")
}
