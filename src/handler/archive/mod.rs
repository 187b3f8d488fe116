//! Folders as one file: `?archive=tar`, `tar.gz`, `tar.zst` or `zip`.
//!
//! 1. One thread that may block walks the folder and writes the archive (`walk`, `format`).
//! 2. What it writes goes through a channel of a few pieces (`pipe`): when the client is slow, the
//!    thread waits; when it leaves, the thread ends, also while nothing is ready to be sent.
//!
//! Memory is that of a few pieces, whatever the folder holds (a zip keeps the names for its end).
//! What changes while it is read ends the connection: an archive that arrives whole is right.

mod format;
#[cfg(test)]
mod tests;
mod walk;

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Method, StatusCode, header};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use self::format::Format;
use self::walk::Walk;
use super::{Handler, Reply, failure, pipe};
use crate::content::disposition;
use crate::content::path::SitePath;
use crate::message::{Body, Chunks, Request, Response};
use crate::store::{Scan, Store};

/// Archives made at the same time.
const AT_ONCE: u32 = 4;

/// Requests that may wait until one of these is done, and how long.
const WAITING: usize = 64;
const PATIENCE: Duration = Duration::from_secs(5);

/// The name of an archive of the document root, whose own name is nobody's business.
const ROOT_NAME: &[u8] = b"files";

/// Sends folders as archives. To be asked only for folders that are listed.
pub struct Archives {
    store: Arc<dyn Store>,
    permits: Arc<Semaphore>,
    waiting: Semaphore,
}

impl Archives {
    /// Packs what `store` holds; best one without a cache, through which everything would go.
    pub fn new(store: Arc<dyn Store>) -> Self {
        let permits = Arc::new(Semaphore::new(AT_ONCE as usize));
        Self { store, permits, waiting: Semaphore::new(WAITING) }
    }

    /// Leave to make an archive; `None` when too many wait for it already, or it does not come.
    async fn permit(&self) -> Option<OwnedSemaphorePermit> {
        if let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() {
            return Some(permit);
        }
        let _waiting = self.waiting.try_acquire().ok()?;
        timeout(PATIENCE, Arc::clone(&self.permits).acquire_owned()).await.ok()?.ok()
    }

    async fn answer(&self, method: &Method, path: SitePath<'_>, format: Format) -> Response {
        // Whether it is there, and may be read, is to be known before the head is sent.
        if let Err(error) = self.store.scan(&path, 0).await.map(drop::<Scan>) {
            return failure(&error, &path);
        }
        let name: Vec<u8> = folder_name(&path).into();
        let file_name = [name.as_slice(), b".", format.extension().as_bytes()].concat();
        let (writer, chunks) = pipe::pipe();
        if *method != Method::HEAD {
            let Some(permit) = self.permit().await else { return busy() };
            let walk =
                Walk::new(Arc::clone(&self.store), path.into_owned(), name, writer.attention());
            tokio::task::spawn_blocking(move || {
                let _permit = permit;
                writer.run("an archive", |out| format.write(out, walk));
            });
        }
        let mut response = Response::new(StatusCode::OK)
            .with(header::CONTENT_TYPE, HeaderValue::from_static(format.media_type()))
            .with(header::CONTENT_DISPOSITION, disposition::attachment(&file_name))
            .with(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        response.body = Body::Stream { length: None, chunks: Chunks::new(chunks) };
        response
    }
}

impl Handler for Archives {
    fn concerns(&self, request: &Request<'_>) -> bool {
        request.target.parameter(b"archive").is_some()
    }

    fn handle<'a>(&'a self, request: Request<'a>) -> Reply<'a> {
        let Some(wanted) = request.target.parameter(b"archive") else {
            return Reply::Pass(request);
        };
        let path = match SitePath::parse(request.target.path) {
            Ok(path) => path,
            Err(error) => return Reply::Ready(Response::new(error.status())),
        };
        let Some(format) = Format::named(wanted) else {
            return Reply::Ready(
                Response::new(StatusCode::BAD_REQUEST)
                    .with_detail("archive is one of tar, tar.gz, tar.zst, zip."),
            );
        };
        let method = request.method;
        Reply::later(async move { Ok(self.answer(&method, path, format).await) })
    }
}

fn busy() -> Response {
    Response::new(StatusCode::SERVICE_UNAVAILABLE)
        .with_detail("Several archives are being made already. Try again soon.")
        .with(header::RETRY_AFTER, HeaderValue::from_static("10"))
}

fn folder_name<'p>(path: &'p SitePath<'_>) -> &'p [u8] {
    let path = path.as_bytes();
    let path = path.strip_suffix(b"/").unwrap_or(path);
    match path.rsplit(|&byte| byte == b'/').next() {
        None | Some([]) => ROOT_NAME,
        Some(name) => name,
    }
}
