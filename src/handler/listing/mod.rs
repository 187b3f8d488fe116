//! Folders without an index file: what is in them, for people, programs and terminals.
//!
//! 1. `query`: what is asked for.
//! 2. `looks`: one look into a folder serves everybody who asks within 45 ms.
//! 3. `selection`: which entries, in which order; `readme`: the text below them.
//! 4. `html`, `json`, `text`: the forms, each a `shape` that is written piece by piece.
//! 5. `page`: in memory with validators; or, of a folder with many entries, begun before all of
//!    them are known and written while it is sent.

mod html;
mod json;
mod looks;
mod page;
mod query;
mod readme;
mod selection;
mod shape;
#[cfg(test)]
mod tests;
mod text;

use std::sync::Arc;
use std::time::Instant;

use http::{HeaderValue, StatusCode, header};

use self::html::Html;
use self::json::Json;
pub use self::looks::memory;
use self::looks::{Key, Look, Looks, Trouble};
use self::page::{Coming, Content, MAX_WHOLE};
use self::query::Query;
use self::readme::Readme;
use self::selection::Selection;
use self::shape::{Shape, Writer};
use self::text::Text;
use super::generated::{Codings, Facts, Generated};
use super::markdown::Renderings;
use super::upload_panel::UploadPanel;
use super::{Handler, Reply, failure};
use crate::content::accept::Form;
use crate::content::path::SitePath;
use crate::message::{Chunks, Request, Response};
use crate::store::{Changes, Store};

/// What a listing offers besides the entries.
#[derive(Clone, Debug, Default)]
pub struct ListingOptions {
    /// Whether folders can be had as archives.
    pub archives: bool,
    /// What can be uploaded, if anything.
    pub uploads: Option<UploadPanel>,
    /// What this server itself changes.
    pub changes: Changes,
    /// Whether listings are compressed.
    pub codings: Codings,
}

/// Lists the folders of a store.
pub struct Listing(Arc<Inner>);

struct Inner {
    store: Arc<dyn Store>,
    renderings: Arc<Renderings>,
    options: ListingOptions,
    looks: Looks,
}

/// One listing that was asked for.
struct Wanted {
    inner: Arc<Inner>,
    look: Arc<Look>,
    path: SitePath<'static>,
    key: Key,
}

impl Listing {
    /// Lists what `store` holds; texts below the entries are rendered by `renderings`.
    pub fn new(
        store: Arc<dyn Store>,
        renderings: Arc<Renderings>,
        options: ListingOptions,
    ) -> Self {
        let looks = Looks::new(options.changes.clone());
        Self(Arc::new(Inner { store, renderings, options, looks }))
    }
}

impl Handler for Listing {
    fn handle<'a>(&'a self, request: Request<'a>) -> Reply<'a> {
        let path = match SitePath::parse(request.target.path) {
            Ok(path) => path,
            Err(error) => return Reply::Ready(Response::new(error.status())),
        };
        // With archives on, another handler has answered.
        if request.target.parameter(b"archive").is_some() && !self.0.options.archives {
            let why = "Folders are not offered as archives here (enable_archives).";
            return Reply::Ready(Response::new(StatusCode::FORBIDDEN).with_detail(why));
        }
        let look = self.0.looks.get(path.as_bytes(), request.received);
        let key = Key { query: Query::read(&request), origin: self.0.origin(&request, &path) };
        if let Some(Content::Whole(page)) = look.page(&key).get() {
            return page.answer(&request).into();
        }
        let wanted = Wanted { inner: Arc::clone(&self.0), look, path: path.into_owned(), key };
        Reply::later(async move { Ok(answer(request, wanted).await) })
    }

    fn tidy(&self, now: Instant) {
        self.0.looks.tidy(now);
    }
}

impl Inner {
    /// Where the folder is asked for, when its page says so.
    fn origin(&self, request: &Request<'_>, path: &SitePath<'_>) -> Box<str> {
        let panel = self.options.uploads.as_ref();
        match panel.filter(|panel| panel.is_for(path.as_bytes())) {
            Some(_) => UploadPanel::origin(request).into(),
            None => Box::default(),
        }
    }
}

async fn answer(request: Request<'_>, wanted: Wanted) -> Response {
    let Wanted { inner, look, path, key } = &wanted;
    let form = key.query.form;
    let is_known = match look.start(&inner.looks, inner.store.as_ref(), path).await {
        Ok(is_known) => is_known,
        Err(trouble) => return refusal(&trouble, path),
    };
    if is_known {
        match wanted.content().await {
            Ok(Content::Whole(page)) => return page.answer(&request).wait().await,
            Ok(Content::Long(_)) => {}
            Err(trouble) => return refusal(&trouble, path),
        }
    }
    let codings = inner.options.codings.clone();
    let mut start = Vec::new();
    wanted.shape().start(&mut start);
    let coming = Coming::new(start, async move {
        let content = wanted.content().await?;
        Ok((content, wanted.shape()))
    });
    let chunks = Chunks::new(coming);
    let mut response = codings.stream(&request, page::media_type(form), true, chunks);
    response.fields.own.extend(page::fields(form));
    response
}

impl Wanted {
    /// The listing, made by whoever asks for it first.
    async fn content(&self) -> Result<Content, Trouble> {
        let cell = self.look.page(&self.key);
        cell.get_or_try_init(|| self.make()).await.cloned()
    }

    async fn make(&self) -> Result<Content, Trouble> {
        let mut selection = self.select().await?;
        let texts = selection.readme.as_ref().map_or(0, |readme| readme.html().len());
        let estimate = selection.estimate() + texts;
        if estimate > MAX_WHOLE {
            selection.count(self.inner.looks.room(selection.uncounted())?);
            return Ok(Content::Long(Arc::new(selection)));
        }
        // Until it is known how much it is.
        let most = self.inner.looks.room(estimate)?;
        let form = self.key.query.form;
        let modified = selection.modified();
        let shape = self.shape();
        let mut text = Vec::with_capacity(estimate);
        shape.start(&mut text);
        let mut writer = Writer::new(shape, Arc::new(selection));
        while writer.write(&mut text) {
            // Other connections of this worker want to be served as well.
            tokio::task::yield_now().await;
        }
        text.shrink_to_fit();
        drop((writer, most));
        let facts = Facts {
            media_type: page::media_type(form),
            room: Some(self.inner.looks.room(text.len())?),
            text,
            is_tagged: true,
            modified,
            by_accept: true,
            fields: page::fields(form),
        };
        Ok(Content::Whole(Generated::new(&self.inner.options.codings, facts)))
    }

    async fn select(&self) -> Result<Selection, Trouble> {
        let entries = self.look.entries().await?;
        let query = self.key.query.clone();
        let readme = match query.form {
            Form::Html => {
                let Inner { renderings, .. } = self.inner.as_ref();
                Readme::find(renderings, self.path.as_bytes(), &entries, self.look.begun).await
            }
            Form::Json | Form::Text => None,
        };
        let room = self.inner.looks.room(Selection::memory(entries.len()))?;
        let mut selection = if entries.len() > MAX_AT_ONCE {
            let select = move || Selection::new(entries, &query, room);
            tokio::task::spawn_blocking(select).await.map_err(|_| Trouble::Busy)?
        } else {
            Selection::new(entries, &query, room)
        };
        selection.readme = readme;
        Ok(selection)
    }

    fn shape(&self) -> Box<dyn Shape> {
        let Key { query, origin } = &self.key;
        match query.form {
            Form::Html => {
                let path = self.path.clone();
                Box::new(Html::new(&self.inner.options, path, query.clone(), origin))
            }
            Form::Json => Box::new(Json { path: self.path.as_bytes().into() }),
            Form::Text => Box::new(Text),
        }
    }
}

/// Entries that are filtered and sorted without leaving the thread of the connection.
const MAX_AT_ONCE: usize = 4096;

fn refusal(trouble: &Trouble, path: &SitePath<'_>) -> Response {
    match trouble {
        Trouble::Store(error) => failure(error, path),
        Trouble::Busy => Response::new(StatusCode::SERVICE_UNAVAILABLE)
            .with(header::RETRY_AFTER, HeaderValue::from_static("1")),
    }
}
