//! Markdown files as pages: `GET file.md?render`.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use askama::Template;
use encoding_rs::Encoding;
use http::{HeaderValue, Method, StatusCode, header};
use lru::LruCache;
use tokio::sync::Semaphore;

use super::{Handler, Reply, own_page};
use crate::content::charset::charset;
use crate::content::conditions::{self, Validators, Verdict};
use crate::content::etag::EntityTag;
use crate::content::markdown;
use crate::content::page_security::{NO_DEVICES, PERMISSIONS_POLICY};
use crate::content::path::SitePath;
use crate::content::shown::Name;
use crate::message::{Request, Response};
use crate::store::{Content, Found, Object, Store};

/// Bytes of a text that is rendered at most.
const MAX_TEXT: u64 = 1 << 20;

/// Bytes of rendered texts that are kept.
const MAX_KEPT: usize = 8 << 20;

const HTML: &str = "text/html; charset=utf-8";

const STYLE: &str = include_str!("../pages/markdown.css");

static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    own_page::policy(&[
        ("default-src", "'none'"),
        ("style-src", &own_page::source(STYLE)),
        ("img-src", "'self' data:"),
        ("media-src", "'self'"),
        ("base-uri", "'none'"),
        ("form-action", "'none'"),
        ("frame-ancestors", "'self'"),
    ])
});

/// Texts rendered lately.
pub struct Renderings {
    store: Arc<dyn Store>,
    kept: Mutex<Kept>,
    /// One at a time: who waited finds it done.
    turns: Semaphore,
}

struct Kept {
    by_version: LruCache<Box<[u8]>, Arc<str>>,
    bytes: usize,
}

/// How a text is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Markup {
    /// As it is to be read.
    Plain,
    Markdown,
}

impl Renderings {
    /// Renders files of `store`.
    pub fn new(store: Arc<dyn Store>) -> Self {
        let kept = Kept { by_version: LruCache::unbounded(), bytes: 0 };
        Self { store, kept: Mutex::new(kept), turns: Semaphore::new(1) }
    }

    /// The file at `path` as HTML that may stand in a page; `None` when there is none, when it is
    /// longer than 1 MiB or when it cannot be read.
    pub(super) async fn html(
        &self,
        path: &SitePath<'_>,
        markup: Markup,
        now: Instant,
    ) -> Option<Arc<str>> {
        let Ok(Found::File(object)) = self.store.find(path, now).wait().await else {
            return None;
        };
        if object.meta.length > MAX_TEXT {
            return None;
        }
        let key = [path.as_bytes(), object.meta.etag.as_bytes()].concat();
        if let Some(known) = self.lock().by_version.get(key.as_slice()) {
            return Some(Arc::clone(known));
        }
        let _turn = self.turns.acquire().await.ok()?;
        if let Some(known) = self.lock().by_version.get(key.as_slice()) {
            return Some(Arc::clone(known));
        }
        let rendered = tokio::task::spawn_blocking(move || render(&object, markup));
        let rendered: Arc<str> = rendered.await.ok()??.into();
        self.lock().keep(key, Arc::clone(&rendered));
        Some(rendered)
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn keep(&mut self, key: Vec<u8>, rendered: Arc<str>) {
        self.bytes += rendered.len() + key.len();
        if let Some((key, old)) = self.by_version.push(key.into(), rendered) {
            self.bytes -= old.len() + key.len();
        }
        while self.bytes > MAX_KEPT {
            let Some((key, old)) = self.by_version.pop_lru() else { return };
            self.bytes -= old.len() + key.len();
        }
    }
}

/// Reads and renders a text. May wait for a disk.
fn render(object: &Object, markup: Markup) -> Option<String> {
    let bytes = match &object.content {
        Content::Bytes(bytes) => bytes.to_vec(),
        Content::File(file) => read(file, object.meta.length)?,
    };
    let encoding = Encoding::for_label(charset(&bytes).as_bytes())?;
    let (text, _, _) = encoding.decode(&bytes);
    let html = match markup {
        Markup::Markdown => markdown::to_html(&text),
        Markup::Plain => None,
    };
    html.or_else(|| Plain { text: &text }.render().ok())
}

fn read(file: &File, length: u64) -> Option<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(length).ok()?];
    file.read_exact_at(&mut bytes, 0).ok()?;
    Some(bytes)
}

#[derive(Template)]
#[template(source = "<pre>{{ text }}</pre>", ext = "html")]
struct Plain<'a> {
    text: &'a str,
}

/// Answers `?render` on Markdown files.
pub struct Markdown {
    renderings: Arc<Renderings>,
}

impl Markdown {
    /// Shows what `renderings` renders.
    pub fn new(renderings: Arc<Renderings>) -> Self {
        Self { renderings }
    }
}

#[derive(Template)]
#[template(path = "markdown.html")]
struct Page<'a> {
    name: Name<'a>,
    style: &'static str,
    html: &'a str,
}

impl Handler for Markdown {
    fn concerns(&self, request: &Request<'_>) -> bool {
        matches!(request.method, Method::GET | Method::HEAD)
            && request.target.parameter(b"render").is_some()
    }

    fn handle<'a>(&'a self, request: Request<'a>) -> Reply<'a> {
        let path = match SitePath::parse(request.target.path) {
            Ok(path) if is_markdown(&path) => path,
            _ => return Reply::Pass(request),
        };
        Reply::later(async move {
            let html = self.renderings.html(&path, Markup::Markdown, request.received).await;
            // Whatever is wrong with the file, who serves files says it best.
            let Some(html) = html else { return Err(request) };
            let page = Page { name: Name(path.name()), style: STYLE, html: &html };
            Ok(match page.render() {
                Ok(page) => answer(&request, page),
                Err(_) => Response::new(StatusCode::INTERNAL_SERVER_ERROR),
            })
        })
    }
}

fn is_markdown(path: &SitePath<'_>) -> bool {
    let known = [&b"md"[..], b"markdown", b"mdown"];
    !path.is_folder()
        && path
            .extension()
            .is_some_and(|found| known.iter().any(|known| known.eq_ignore_ascii_case(found)))
}

fn answer(request: &Request<'_>, page: String) -> Response {
    let etag = EntityTag::of_content(page.as_bytes());
    let validators = Validators { etag: &etag, modified: None };
    let response = match conditions::check(&request.method, request.fields, &validators) {
        Verdict::Proceed => Response::new(StatusCode::OK).with_body(HTML, page),
        Verdict::NotModified => Response::new(StatusCode::NOT_MODIFIED),
        Verdict::PreconditionFailed => return Response::new(StatusCode::PRECONDITION_FAILED),
    };
    response
        .with(header::ETAG, etag.value().clone())
        .with(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"))
        .with(header::CONTENT_SECURITY_POLICY, POLICY.clone())
        .with(PERMISSIONS_POLICY, NO_DEVICES)
}
