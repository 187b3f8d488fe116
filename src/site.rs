//! A configuration built into handlers and policies: the only reader of toggles.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Instant, SystemTime};
use std::{fmt, io};

use http::{HeaderValue, StatusCode, header};

use crate::config::{Config, FollowSymlinks, UploadConflict, Word};
use crate::content::accept::{self, Form};
use crate::content::path::{self, SitePath};
use crate::descriptors;
use crate::handler::{
    Files, Handler, Listing, ListingOptions, Markdown, Methods, Renderings, Reply, Tus, TusOptions,
    Unlisted, UploadPanel,
};
use crate::message::{Answer, Body, Fields, Request, Response};
use crate::policy::error_pages::{self, ErrorPages};
use crate::policy::{Policy, security_fields};
use crate::store::upload::{Conflict, UploadFolder, UploadOptions};
use crate::store::{CacheOptions, Cached, Disk, DiskOptions, Found, Store, Symlinks};

/// What is served, and how.
pub struct Site {
    handlers: Box<[Box<dyn Handler>]>,
    store: Arc<dyn Store>,
    uploads: Option<UploadFolder>,
    error_pages: ErrorPages,
    policy: Policy,
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
    /// Builds what the configuration asks for. A handler comes before those it takes requests
    /// from.
    pub fn build(config: &Config) -> Result<Self, BuildError> {
        let store = store(config)?;
        let uploads = uploads(config)?;
        let renderings = Arc::new(Renderings::new(Arc::clone(&store)));
        let folders: Box<dyn Handler> = if config.directory_listing {
            let options = ListingOptions {
                archives: config.enable_archives,
                uploads: uploads.as_ref().and_then(|uploads| uploads.panel(config)),
            };
            Box::new(Listing::new(Arc::clone(&store), Arc::clone(&renderings), options))
        } else {
            Box::new(Unlisted)
        };
        let mut handlers: Vec<Box<dyn Handler>> = Vec::new();
        if let Some(uploads) = &uploads {
            handlers.push(Box::new(tus(config, uploads)));
        }
        handlers.push(Box::new(Methods));
        handlers.push(Box::new(Markdown::new(renderings)));
        handlers.push(Box::new(Files::new(Arc::clone(&store))));
        handlers.push(folders);
        let mut fixed: Vec<_> = server_field(config).into_iter().collect();
        if config.enable_security_headers {
            fixed.extend(security_fields(&config.security_headers));
        }
        Ok(Self {
            handlers: handlers.into(),
            store,
            uploads: uploads.map(|uploads| uploads.folder),
            error_pages: ErrorPages::new(),
            policy: Policy::new(fixed),
        })
    }

    /// What every answer carries besides its own fields.
    #[inline]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Answers a request.
    pub fn respond<'a>(&'a self, request: Request<'a>) -> Answer<'a, Response> {
        let fields = request.fields;
        let now = request.received;
        match self.ask(request, 0) {
            Answer::Ready(response) if !lacks_page(&response) => Answer::Ready(response),
            Answer::Ready(response) => self.with_page(response, fields, now),
            Answer::Later(response) => Answer::later(async move {
                let response = response.await;
                if lacks_page(&response) {
                    self.with_page(response, fields, now).wait().await
                } else {
                    response
                }
            }),
        }
    }

    /// Lets go of what has not been asked for in a while. To be called every ten seconds or so.
    pub fn tidy(&self, now: Instant) {
        self.store.tidy(now);
        self.handlers.iter().for_each(|handler| handler.tidy(now));
    }

    /// Looks whether another folder has taken the place of the one served, and removes uploads
    /// that nobody went on with. May wait for a disk; to be called once a second or so.
    pub fn notice_changes(&self) {
        self.store.notice_changes();
        if let Some(uploads) = &self.uploads {
            uploads.tidy(SystemTime::now());
        }
    }

    /// Answers what is not a request that could be understood.
    pub fn refusal(&self, status: StatusCode, reason: &str) -> Response {
        error_pages::describe(Response::new(status), Form::Text, reason)
    }

    /// Asks the handlers from `first` on.
    fn ask<'a>(&'a self, mut request: Request<'a>, first: usize) -> Answer<'a, Response> {
        for (at, handler) in self.handlers.iter().enumerate().skip(first) {
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
        // The site's own page cannot say what exactly went wrong.
        let own = match response.detail {
            Some(_) => None,
            None => self.error_pages.own(response.status, form),
        };
        let Some(path) = own else {
            return Answer::Ready(self.error_pages.fill(response, form));
        };
        match self.store.find(path, now) {
            Answer::Ready(found) => Answer::Ready(self.dress(response, form, found.ok())),
            Answer::Later(found) => {
                Answer::later(async move { self.dress(response, form, found.await.ok()) })
            }
        }
    }

    fn dress(&self, mut response: Response, form: Form, found: Option<Found>) -> Response {
        let page = match found {
            Some(Found::File(page)) if page.meta.length > 0 => page,
            _ => return self.error_pages.fill(response, form),
        };
        // The type only: a validator of the page is not one of the address that was asked for.
        let media_type = page.meta.content_type.clone();
        response.fields.push(header::CONTENT_TYPE, media_type);
        response.body = page.body(0..page.meta.length);
        response
    }
}

/// Whether a response is an error that nobody has described yet.
fn lacks_page(response: &Response) -> bool {
    let status = response.status;
    (status.is_client_error() || status.is_server_error()) && matches!(response.body, Body::Empty)
}

fn server_field(config: &Config) -> Option<(http::HeaderName, HeaderValue)> {
    if config.server_name.is_empty() {
        return None;
    }
    let product = if config.server_version.is_empty() {
        config.server_name.clone()
    } else {
        format!("{}/{}", config.server_name, config.server_version)
    };
    HeaderValue::try_from(product).ok().map(|product| (header::SERVER, product))
}

/// Where uploads land.
struct Uploads {
    folder: UploadFolder,
    /// Where that is on the site; `None` when it is not served.
    place: Option<SitePath<'static>>,
    conflict: Conflict,
}

impl Uploads {
    /// What listings of the upload folder offer, if it is served.
    fn panel(&self, config: &Config) -> Option<UploadPanel> {
        Some(UploadPanel {
            place: self.place.clone()?,
            max_size: config.max_upload_size,
            conflict: config.upload_conflict.word(),
            resumable: Some(Tus::PATH),
        })
    }
}

/// The upload folder, if uploads are taken.
fn uploads(config: &Config) -> Result<Option<Uploads>, BuildError> {
    if !config.enable_file_uploads {
        return Ok(None);
    }
    let conflict = match config.upload_conflict {
        UploadConflict::Reject => Conflict::Reject,
        UploadConflict::Rename => Conflict::Rename,
        UploadConflict::Replace => Conflict::Replace,
    };
    let path = config.upload_dir.clone().unwrap_or_else(|| config.document_root.join("uploads"));
    let options = UploadOptions { folder: path.clone(), conflict, expiry: config.upload_expiry };
    let opened = UploadFolder::open(options).and_then(|folder| {
        let (root, there) = (config.document_root.canonicalize()?, path.canonicalize()?);
        let place = there.strip_prefix(&root).ok().and_then(site_path);
        let place = place.filter(|path| config.show_hidden_files || !path.is_hidden());
        Ok(Some(Uploads { folder, place, conflict }))
    });
    opened.map_err(|error| BuildError::Uploads { folder: path, error })
}

/// The site path of a folder in the document root.
fn site_path(below: &Path) -> Option<SitePath<'static>> {
    let mut path = format!("/{}", path::encode(below.as_os_str().as_bytes()));
    if !path.ends_with('/') {
        path.push('/');
    }
    SitePath::parse(path.as_bytes()).ok().map(SitePath::into_owned)
}

fn tus(config: &Config, uploads: &Uploads) -> Tus {
    let options = TusOptions {
        max_size: config.max_upload_size,
        place: uploads.place.clone(),
        max_conflict: uploads.conflict,
    };
    Tus::new(uploads.folder.clone(), options)
}

/// The disk, behind a cache if one is wanted.
fn store(config: &Config) -> Result<Arc<dyn Store>, BuildError> {
    let options = DiskOptions {
        root: config.document_root.clone(),
        index_files: config.index_files.clone(),
        show_hidden: config.show_hidden_files,
        symlinks: match config.follow_symlinks {
            FollowSymlinks::Never => Symlinks::Never,
            FollowSymlinks::Inside => Symlinks::Inside,
            FollowSymlinks::Always => Symlinks::Always,
        },
        cache_control: Some(cache_control(config)),
    };
    let root = config.document_root.clone();
    let disk = Disk::open(options).map_err(|error| BuildError::Root { root, error })?;
    if !config.enable_cache {
        return Ok(Arc::new(disk));
    }
    Ok(Arc::new(Cached::new(
        disk,
        CacheOptions {
            max_bytes: usize::try_from(config.cache_max_size).unwrap_or(usize::MAX),
            max_file_bytes: config.cache_max_file_size,
            max_age: config.cache_max_age,
            max_open_files: descriptors::shares().open_files,
        },
    )))
}

fn cache_control(config: &Config) -> HeaderValue {
    if config.enable_browser_caching {
        let seconds = config.browser_cache_time.as_secs();
        let value = format!("public, max-age={seconds}");
        HeaderValue::try_from(value).unwrap_or(HeaderValue::from_static("no-cache"))
    } else {
        HeaderValue::from_static("no-cache")
    }
}
