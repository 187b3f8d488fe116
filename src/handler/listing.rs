//! Folders without an index file: a page that links to what is in them.

use std::cmp::Ordering;
use std::sync::Arc;

use askama::Template;
use http::{HeaderValue, StatusCode, header};

use super::{Handler, Reply, failure};
use crate::content::conditions::{self, Validators, Verdict};
use crate::content::date;
use crate::content::etag::EntityTag;
use crate::content::path::{self, SitePath};
use crate::message::{Request, Response};
use crate::store::{Entry, EntryKind, Store};

const HTML: &str = "text/html; charset=utf-8";

/// Lists the folders of a store.
pub struct Listing {
    store: Arc<dyn Store>,
}

impl Listing {
    /// Lists what `store` holds.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }
}

impl Handler for Listing {
    fn handle<'a>(&'a self, request: Request<'a>) -> Reply<'a> {
        Reply::later(async move {
            let path = match SitePath::parse(request.target.path) {
                Ok(path) => path,
                Err(error) => return Ok(Response::new(error.status())),
            };
            Ok(match self.store.list(&path).await {
                Ok(entries) => page(&request, &path, entries),
                Err(error) => failure(&error, &path),
            })
        })
    }
}

#[derive(Template)]
#[template(path = "listing.html")]
struct Page {
    path: String,
    has_parent: bool,
    rows: Vec<Row>,
}

struct Row {
    link: String,
    name: String,
    size: String,
    changed: Option<HeaderValue>,
}

fn page(request: &Request<'_>, path: &SitePath<'_>, mut entries: Vec<Entry>) -> Response {
    entries.sort_unstable_by(order);
    let page = Page {
        path: String::from_utf8_lossy(path.as_bytes()).into_owned(),
        has_parent: path.as_bytes() != b"/",
        rows: entries.iter().map(row).collect(),
    };
    let Ok(html) = page.render() else {
        return Response::new(StatusCode::INTERNAL_SERVER_ERROR);
    };
    let etag = EntityTag::of_content(html.as_bytes());
    let validators = Validators { etag: &etag, modified: None };
    let response = match conditions::check(&request.method, request.fields, &validators) {
        Verdict::Proceed => Response::new(StatusCode::OK).with_body(HTML, html),
        Verdict::NotModified => Response::new(StatusCode::NOT_MODIFIED),
        Verdict::PreconditionFailed => return Response::new(StatusCode::PRECONDITION_FAILED),
    };
    response
        .with(header::ETAG, etag.value().clone())
        .with(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"))
}

/// Folders first, then by name.
fn order(one: &Entry, other: &Entry) -> Ordering {
    let is_file = |entry: &Entry| entry.kind == EntryKind::File;
    is_file(one).cmp(&is_file(other)).then_with(|| one.name.cmp(&other.name))
}

fn row(entry: &Entry) -> Row {
    let (slash, size) = match entry.kind {
        EntryKind::Folder => ("/", String::new()),
        EntryKind::File => ("", entry.size.to_string()),
    };
    let name = String::from_utf8_lossy(&entry.name);
    Row {
        // `./` keeps a name with a colon from looking like a scheme.
        link: format!("./{}{slash}", path::encode(&entry.name)),
        name: format!("{name}{slash}"),
        size,
        changed: entry.modified.and_then(date::format),
    }
}
