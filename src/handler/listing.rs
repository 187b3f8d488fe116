//! Folders without an index file: a page that links to what is in them.

use std::cmp::Ordering;
use std::sync::Arc;

use askama::Template;
use http::{StatusCode, header};

use super::{Handler, Reply};
use crate::content::conditions::{self, Validators, Verdict};
use crate::content::date;
use crate::content::etag::EntityTag;
use crate::content::path::{self, SitePath};
use crate::message::{Request, Response};
use crate::store::{Entry, Kind, Store, StoreError};

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
                Err(error) => error.into(),
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
    changed: String,
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
    let status = match conditions::check(&request.method, request.fields, &validators) {
        Verdict::Proceed => StatusCode::OK,
        Verdict::NotModified => StatusCode::NOT_MODIFIED,
        Verdict::PreconditionFailed => return Response::new(StatusCode::PRECONDITION_FAILED),
    };
    let response = Response::new(status)
        .with(header::ETAG, etag.to_value())
        .with(header::CACHE_CONTROL, http::HeaderValue::from_static("no-cache"));
    if status == StatusCode::OK {
        response.with_body("text/html; charset=utf-8", html)
    } else {
        response
    }
}
