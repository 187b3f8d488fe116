//! A configuration built into handlers and policies: the only reader of toggles.

mod memory;
mod report;
mod rules;
mod storage;
mod uploads;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Instant, SystemTime};
use std::{fmt, io};

use http::{StatusCode, header};

pub use self::memory::{Share, memory};
use self::rules::{cors, policy};
use self::storage::Storage;
use self::uploads::Uploads;
use crate::config::Config;
use crate::content::accept::{self, Form};
use crate::content::vary::vary;
use crate::handler::{
    self, Archives, Codings, CrossSite, Files, Handler, Health, Listing, ListingOptions, Markdown,
    Methods, Preflight, Renderings, Reply, Status, ToHttps, Unlisted,
};
use crate::message::{Answer, Body, Fields, Request, Response};
use crate::policy::Policy;
use crate::policy::error_pages::{self, ErrorPages};
use crate::stats::{Disks, Observed, Stats, Uploaded};
use crate::store::{Found, Object, Representation};

/// What is served, and how.
pub struct Site {
    handlers: Box<[Box<dyn Handler>]>,
    /// `None`: nothing of the document root is served.
    storage: Option<Storage>,
    uploads: Option<Uploads>,
    error_pages: ErrorPages,
    policy: Policy,
    is_monitored: bool,
}

/// A folder that cannot be served.
#[derive(Debug)]
pub enum BuildError {
    /// The document root cannot be served.
    Root {
        /// Its path.
        root: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The upload folder cannot be made or opened.
    Uploads {
        /// Its path.
        folder: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The log of forms cannot be written.
    FormLog {
        /// Its path.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

impl std::error::Error for BuildError {}

impl fmt::Display for BuildError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (root, error) = match self {
            Self::Root { root, error } => (root.display(), error),
            Self::Uploads { folder, error } => {
                return write!(
                    formatter,
                    "cannot take uploads into {}: {error}; give this user the right to make and \
                     write to it, or name another folder (upload_dir)",
                    folder.display()
                );
            }
            Self::FormLog { path, error } => {
                return write!(
                    formatter,
                    "cannot append forms to {}: {error}; name another file (form_log), one that this \
                     user may write to and that is not served",
                    path.display()
                );
            }
        };
        match error.kind() {
            io::ErrorKind::NotFound => write!(
                formatter,
                "the folder to serve, {root}, does not exist: make it, or name another one \
                 (salver DIRECTORY, or document_root)"
            ),
            io::ErrorKind::NotADirectory => write!(
                formatter,
                "{root} is not a folder: name the folder that holds what is to be served"
            ),
            io::ErrorKind::PermissionDenied => write!(
                formatter,
                "not allowed to read the folder {root}: give this user the right to, or name \
                 another folder"
            ),
            _ => write!(formatter, "cannot serve the folder {root}: {error}"),
        }
    }
}

impl Site {
    /// Where the status is shown, if it is on.
    pub const STATUS_PAGE: &str = handler::STATUS_PAGE;

    /// Builds what the configuration asks for. A handler comes before those it takes requests
    /// from. Of the site `before` it keeps what has not changed: what is in memory, and who is at an
    /// upload.
    pub fn build(
        config: &Config,
        stats: &Arc<Stats>,
        before: Option<&Self>,
    ) -> Result<Self, BuildError> {
        let stored_before = before.and_then(|before| before.storage.as_ref());
        let uploads_before = before.and_then(|before| before.uploads.as_ref());
        if config.enable_file_uploads {
            // What is not there shall not be made for the uploads in it.
            drop(storage::open_root(config)?);
        }
        let changes = stored_before.map(|before| before.changes.clone()).unwrap_or_default();
        let uploads = Uploads::open(config, &changes, uploads_before)?;
        let sandboxed = uploads.as_ref().and_then(|uploads| uploads.real_path.clone());
        let storage = Storage::open(config, sandboxed, &changes, stored_before)?;
        let store = Arc::clone(&storage.store);
        let codings = Codings::new(config.enable_compression);
        let renderings = Arc::new(Renderings::new(Arc::clone(&store)));
        let folders: Box<dyn Handler> = if config.directory_listing {
            let options = ListingOptions {
                archives: config.enable_archives,
                uploads: uploads.as_ref().map(|uploads| uploads.panel(config)),
                changes,
                codings: codings.clone(),
            };
            Box::new(Listing::new(Arc::clone(&store), Arc::clone(&renderings), options))
        } else {
            Box::new(Unlisted)
        };
        let cors = config.enable_cors.then(|| Arc::new(cors(config)));
        let mut handlers: Vec<Box<dyn Handler>> = vec![Box::new(Health::new(Arc::clone(stats)))];
        if config.enable_server_status {
            let allowed = config.status_allow.clone();
            handlers.push(Box::new(Status::new(Arc::clone(stats), allowed, codings.clone())));
        }
        if let Some(cors) = &cors {
            handlers.push(Box::new(Preflight::new(Arc::clone(cors))));
        }
        if let Some(uploads) = &uploads {
            handlers.push(Box::new(CrossSite::new(cors.clone())));
            handlers.push(Box::new(uploads.resumable(config)));
            let store = Arc::clone(&store);
            handlers.push(Box::new(uploads.at_once(config, store, codings.clone())));
        }
        handlers.push(Box::new(Methods));
        handlers.push(Box::new(Markdown::new(renderings, codings)));
        handlers.push(Box::new(Files::new(Arc::clone(&store), config.enable_compression)));
        if config.enable_archives {
            handlers.push(Box::new(Archives::new(Arc::new(storage.disk.clone()))));
        }
        handlers.push(folders);
        let sandboxed = uploads.as_ref().and_then(|uploads| uploads.place.clone());
        let policy = policy(config, cors, sandboxed);
        Ok(Self {
            handlers: handlers.into(),
            storage: Some(storage),
            uploads,
            error_pages: ErrorPages::new(config.enable_compression),
            policy,
            is_monitored: config.enable_server_status,
        })
    }

    /// Builds what sends plain requests on to `port`, where this site is served over TLS.
    pub fn to_https(config: &Config, port: u16) -> Self {
        let plain = Config { enable_ssl: false, ..config.clone() };
        Self {
            handlers: Box::new([Box::new(ToHttps::new(port))]),
            storage: None,
            uploads: None,
            error_pages: ErrorPages::new(config.enable_compression),
            policy: policy(&plain, None, None),
            is_monitored: false,
        }
    }

    /// What every answer carries besides its own fields.
    #[inline]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Answers a request.
    pub fn respond<'a>(&'a self, request: Request<'a>) -> Answer<'a, Response> {
        let (path, fields, now) = (request.target.path, request.fields, request.received);
        let finish = move |mut response: Response| {
            self.policy.apply(&mut response, path, fields);
            response
        };
        let response = match self.ask(request, 0) {
            Answer::Ready(response) if !lacks_page(&response) => {
                return Answer::Ready(finish(response));
            }
            Answer::Ready(response) => self.with_page(response, fields, now),
            Answer::Later(response) => Answer::Later(response),
        };
        match response {
            Answer::Ready(response) => Answer::Ready(finish(response)),
            Answer::Later(response) => Answer::later(async move {
                let response = response.await;
                if lacks_page(&response) {
                    finish(self.with_page(response, fields, now).wait().await)
                } else {
                    finish(response)
                }
            }),
        }
    }

    /// Whether a path is of something that looks at the server, if there is any.
    pub fn is_monitoring(&self, path: &[u8]) -> bool {
        self.is_monitored && handler::is_monitoring(path)
    }

    /// What is in memory, and what was uploaded: of the parts of [`Observed`] those that the site
    /// knows.
    pub fn observe(&self) -> Observed {
        let uploads = self.uploads.as_ref().map(|uploads| uploads.folder.counts());
        let cache = self.storage.as_ref().and_then(|storage| storage.store.cache_report());
        Observed {
            cache: cache.map(report::cache),
            uploaded: uploads.map(|(files, bytes)| Uploaded { files, bytes }),
            ..Observed::default()
        }
    }

    /// Looks at the disks. May wait for one.
    pub fn inspect(&self) -> Disks {
        let uploads = self.uploads.as_ref().map(|uploads| uploads.folder.inspect());
        let root = self.storage.as_ref().map(|storage| storage.store.inspect());
        report::disks(root.as_ref(), uploads.as_ref())
    }

    /// Lets go of what has not been asked for in a while. To be called every ten seconds or so.
    pub fn tidy(&self, now: Instant) {
        if let Some(storage) = &self.storage {
            storage.store.tidy(now);
        }
        self.handlers.iter().for_each(|handler| handler.tidy(now));
    }

    /// Looks whether another folder has taken the place of the one served, and removes uploads
    /// that nobody went on with. May wait for a disk; to be called once a second or so.
    pub fn notice_changes(&self) {
        if let Some(storage) = &self.storage {
            storage.store.notice_changes();
        }
        if let Some(uploads) = &self.uploads {
            uploads.tidy(SystemTime::now());
        }
    }

    /// Another site has taken the place of this one: what it keeps in memory for requests to come is
    /// let go of, unless the `next` one has it. Its last requests are answered as ever.
    pub fn retire(&self, next: &Self) {
        if let Some(storage) = &self.storage
            && !next.storage.as_ref().is_some_and(|next| next.is(storage))
        {
            storage.store.clear();
        }
    }

    /// Answers what is not a request that could be understood.
    pub fn refusal(&self, status: StatusCode, reason: &str) -> Response {
        error_pages::describe(Response::new(status), Form::Text, reason)
    }

    /// Asks the handlers from `first` on.
    fn ask<'a>(&'a self, mut request: Request<'a>, first: usize) -> Answer<'a, Response> {
        for (at, handler) in self.handlers.iter().enumerate().skip(first) {
            if !handler.concerns(&request) {
                continue;
            }
            request = match handler.handle(request) {
                Reply::Pass(request) => request,
                Reply::Ready(response) => return Answer::Ready(response),
                Reply::Later(reply) => {
                    return Answer::later(async move {
                        match reply.await {
                            Ok(response) => response,
                            Err(request) => self.ask(request, at + 1).wait().await,
                        }
                    });
                }
            };
        }
        Answer::Ready(Response::not_found())
    }

    /// Gives an error its page: the site's own, or the built-in one.
    fn with_page<'a>(
        &'a self,
        response: Response,
        fields: Fields<'a>,
        now: Instant,
    ) -> Answer<'a, Response> {
        let form = accept::preferred(fields);
        let accepted = self.error_pages.accepted(fields);
        // The site's own page cannot say what exactly went wrong.
        let own = match response.detail {
            Some(_) => None,
            None => self.error_pages.own(response.status, form),
        };
        let (Some(path), Some(Storage { store, .. })) = (own, &self.storage) else {
            return Answer::Ready(self.error_pages.fill(response, form, accepted));
        };
        let found = match accepted.first() {
            None => store.find(path, now),
            Some(_) => store.find_coded(path, accepted, now),
        };
        let dress = move |response, found: Option<Found>| match found {
            Some(Found::File(page)) if page.meta.length > 0 => dressed(response, &page),
            _ => self.error_pages.fill(response, form, accepted),
        };
        match found {
            Answer::Ready(found) => Answer::Ready(dress(response, found.ok())),
            Answer::Later(found) => Answer::later(async move { dress(response, found.await.ok()) }),
        }
    }
}

/// An error with the page that the site has for it.
fn dressed(mut response: Response, page: &Object) -> Response {
    // Type and coding only: a validator of the page is not one of the address that was asked for.
    let Representation { content_type, coding, validators, length, .. } = &*page.meta;
    response.fields.push(header::CONTENT_TYPE, content_type.clone());
    if let Some(coding) = coding {
        response.fields.push(header::CONTENT_ENCODING, coding.value());
    }
    // Who prefers JSON gets no page of the site's.
    response.fields.own.extend(vary(true, validators.get(&header::VARY).is_some()));
    response.body = page.body(0..*length);
    response
}

/// Whether a response is an error that nobody has described yet.
fn lacks_page(response: &Response) -> bool {
    let status = response.status;
    (status.is_client_error() || status.is_server_error()) && matches!(response.body, Body::Empty)
}
