//! What requests are answered with: one file per feature, all of one shape.

mod archive;
mod coded;
mod cross_site;
mod files;
mod generated;
mod landing;
mod listing;
mod markdown;
mod methods;
mod own_page;
mod pipe;
mod preflight;
mod status;
mod to_https;
mod tus;
mod unchanging;
mod unlisted;
mod upload;
mod upload_panel;

pub use archive::Archives;
pub use cross_site::CrossSite;
pub use files::Files;
pub use generated::Codings;
pub use listing::{Listing, ListingOptions, memory as listing_memory};
pub use markdown::{MEMORY as MARKDOWN_MEMORY, Markdown, Renderings};
pub use methods::Methods;
pub use preflight::Preflight;
pub use status::{Health, PAGE as STATUS_PAGE, Status, is_monitoring};
pub use to_https::ToHttps;
pub use tus::{Tus, TusOptions};
pub use unlisted::Unlisted;
pub use upload::{FormLog, RESULTS_MEMORY, Upload, UploadMemory, UploadOptions};
pub use upload_panel::UploadPanel;

use std::time::Instant;

use http::StatusCode;

use crate::content::path::SitePath;
use crate::message::{Answer, BoxFuture, Request, Response};
use crate::store::StoreError;

/// Files, and pages that the server makes, that are compressed while they are sent, at the same time.
pub const COMPRESSED_AT_ONCE: usize = coded::AT_ONCE + generated::STREAMS;

/// Answers the requests it knows and passes the others on.
pub trait Handler: Send + Sync {
    /// Whether a request may be one that it knows, told from the request line alone. Nearly every
    /// request is for a file: the handlers before that one shall cost it little.
    fn concerns(&self, _request: &Request<'_>) -> bool {
        true
    }

    /// Looks at a request that [`concerns`](Self::concerns) it. What turns out to be somebody else's
    /// is given back unchanged.
    fn handle<'a>(&'a self, request: Request<'a>) -> Reply<'a>;

    /// Lets go of what has not been asked for in a while. To be called every ten seconds or so.
    fn tidy(&self, _now: Instant) {}
}

/// What a handler makes of a request.
pub enum Reply<'a> {
    /// Not mine.
    Pass(Request<'a>),
    /// Answered without waiting.
    Ready(Response),
    /// Needs I/O; may still turn out to be somebody else's.
    Later(BoxFuture<'a, Result<Response, Request<'a>>>),
}

impl<'a> Reply<'a> {
    /// A reply that needs I/O.
    pub fn later(future: impl Future<Output = Result<Response, Request<'a>>> + Send + 'a) -> Self {
        Self::Later(Box::pin(future))
    }
}

impl<'a> From<Answer<'a, Response>> for Reply<'a> {
    fn from(answer: Answer<'a, Response>) -> Self {
        match answer {
            Answer::Ready(response) => Self::Ready(response),
            Answer::Later(response) => Self::later(async move { Ok(response.await) }),
        }
    }
}

impl<'a> From<Result<Response, Request<'a>>> for Reply<'a> {
    fn from(result: Result<Response, Request<'a>>) -> Self {
        match result {
            Ok(response) => Self::Ready(response),
            Err(request) => Self::Pass(request),
        }
    }
}

/// The answer when a store has none. What the system said goes to the log, not to the client.
fn failure(error: &StoreError, path: &SitePath<'_>) -> Response {
    match error {
        StoreError::NotFound => Response::not_found(),
        StoreError::Denied => Response::new(StatusCode::FORBIDDEN),
        StoreError::Unavailable(error) => {
            let path = String::from_utf8_lossy(path.as_bytes());
            tracing::error!(%error, ?path, "a file cannot be read");
            Response::new(StatusCode::SERVICE_UNAVAILABLE)
                .with(http::header::RETRY_AFTER, http::HeaderValue::from_static("5"))
        }
    }
}
