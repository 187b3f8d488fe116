//! Markdown files as pages: `GET file.md?render`.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use askama::Template;
use encoding_rs::Encoding;
use http::{HeaderValue, Method, header};
use lru::LruCache;
use tokio::sync::Semaphore;

use super::generated::{Codings, Facts, Generated};
use super::{Handler, Reply, own_page};
use crate::content::charset::charset;
use crate::content::markdown;
use crate::content::page_security::{NO_DEVICES, PERMISSIONS_POLICY};
use crate::content::path::SitePath;
use crate::content::shown::Name;
use crate::message::Request;
use crate::store::{Content, Found, Object, Store};

/// Bytes of a text that is rendered at most.
const MAX_TEXT: u64 = 1 << 20;

/// Bytes of rendered texts and their pages that are kept.
const MAX_KEPT: usize = 16 << 20;

/// Bytes that all of it takes at most: what is kept, and the one text that is being rendered.
pub const MEMORY: u64 = MAX_KEPT as u64 + MAX_TEXT + markdown::MEMORY;

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
    kept: Arc<Mutex<Kept>>,
    /// One at a time: who waited finds it done.
    turns: Arc<Semaphore>,
}

struct Kept {
    by_version: LruCache<Box<[u8]>, Arc<Rendering>>,
    bytes: usize,
}

/// A text as HTML.
pub(super) struct Rendering {
    /// What may stand in a page.
    pub(super) html: Box<str>,
    /// The page of the text alone, once somebody has asked for it.
    page: OnceLock<Arc<Generated>>,
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
        Self { store, kept: Arc::new(Mutex::new(kept)), turns: Arc::new(Semaphore::new(1)) }
    }

    /// The file at `path` as HTML that may stand in a page; `None` when there is none, when it is
    /// longer than 1 MiB or when it cannot be read.
    pub(super) async fn html(
        &self,
        path: &SitePath<'_>,
        markup: Markup,
        now: Instant,
    ) -> Option<Arc<Rendering>> {
        let Ok(Found::File(object)) = self.store.find(path, now).wait().await else {
            return None;
        };
        if object.meta.length > MAX_TEXT {
            return None;
        }
        let key = [path.as_bytes(), object.meta.etag.as_bytes()].concat();
        if let Some(known) = lock(&self.kept).by_version.get(key.as_slice()) {
            return Some(Arc::clone(known));
        }
        let turn = Arc::clone(&self.turns).acquire_owned().await.ok()?;
        if let Some(known) = lock(&self.kept).by_version.get(key.as_slice()) {
            return Some(Arc::clone(known));
        }
        let kept = Arc::clone(&self.kept);
        // Who asked may be gone before it is done: it is kept all the same, and until then nobody
        // else's turn.
        let rendering = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            let html = render(&object, markup)?.into();
            let rendering = Arc::new(Rendering { html, page: OnceLock::new() });
            lock(&kept).keep(key, Arc::clone(&rendering));
            Some(rendering)
        });
        rendering.await.ok()?
    }
}

fn lock(kept: &Mutex<Kept>) -> MutexGuard<'_, Kept> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Kept {
    fn keep(&mut self, key: Vec<u8>, rendering: Arc<Rendering>) {
        self.bytes += rendering.weight() + key.len();
        if let Some((key, old)) = self.by_version.push(key.into(), rendering) {
            self.bytes -= old.weight() + key.len();
        }
        while self.bytes > MAX_KEPT {
            let Some((key, old)) = self.by_version.pop_lru() else { return };
            self.bytes -= old.weight() + key.len();
        }
    }
}

impl Rendering {
    /// Bytes of memory that it takes at most: the text, the page around it, and that in all codings.
    fn weight(&self) -> usize {
        3 * (self.html.len() + STYLE.len())
    }

    fn page(&self, path: &SitePath<'_>, codings: &Codings) -> Arc<Generated> {
        let page = self.page.get_or_init(|| {
            let page = Page { name: Name(path.name()), style: STYLE, html: &self.html };
            let facts = Facts {
                is_tagged: true,
                fields: vec![
                    (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
                    (header::CONTENT_SECURITY_POLICY, POLICY.clone()),
                    (PERMISSIONS_POLICY, NO_DEVICES),
                ],
                // Neither memory nor our values fail to be written.
                ..Facts::of_now(HTML, page.render().unwrap_or_default())
            };
            Generated::new(codings, facts)
        });
        Arc::clone(page)
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
    codings: Codings,
}

impl Markdown {
    /// Shows what `renderings` renders, compressed as `codings` allow.
    pub fn new(renderings: Arc<Renderings>, codings: Codings) -> Self {
        Self { renderings, codings }
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
        request.target.parameter(b"render").is_some()
            && matches!(request.method, Method::GET | Method::HEAD)
    }

    fn handle<'a>(&'a self, request: Request<'a>) -> Reply<'a> {
        let path = match SitePath::parse(request.target.path) {
            Ok(path) if is_markdown(&path) => path,
            _ => return Reply::Pass(request),
        };
        Reply::later(async move {
            let text = self.renderings.html(&path, Markup::Markdown, request.received).await;
            // Whatever is wrong with the file, who serves files says it best.
            let Some(text) = text else { return Err(request) };
            Ok(text.page(&path, &self.codings).answer(&request).wait().await)
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
