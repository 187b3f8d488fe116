//! What is answered: a page in memory where it is small enough, else one that is written while it
//! is sent.

use std::io;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::SystemTime;

use bytes::{Buf, Bytes};
use futures_core::Stream;
use http::{HeaderValue, header};
use tokio::sync::OwnedSemaphorePermit;

use super::looks::Trouble;
use super::selection::Selection;
use super::shape::{Shape, Writer};
use crate::content::accept::Form;
use crate::content::date;
use crate::content::etag::EntityTag;
use crate::message::{Block, BoxFuture};

/// The largest page that is kept in memory, in bytes.
pub(super) const MAX_WHOLE: usize = 4 << 20;

/// A listing, made as far as it can be.
#[derive(Clone)]
pub(super) enum Content {
    Whole(Arc<Whole>),
    /// Too long to be kept.
    Long(Arc<Selection>),
}

/// A page in memory, with everything that is said about it.
pub(super) struct Whole {
    pub(super) bytes: Bytes,
    pub(super) etag: EntityTag,
    pub(super) modified: Option<SystemTime>,
    /// The fields of a 200.
    pub(super) full: Arc<Block>,
    /// Those that a 304 repeats.
    pub(super) validators: Arc<Block>,
}

impl Whole {
    pub(super) fn new(
        text: Vec<u8>,
        permit: OwnedSemaphorePermit,
        form: Form,
        modified: Option<SystemTime>,
    ) -> Self {
        let etag = EntityTag::of_content(&text);
        let mut validators = vec![(header::ETAG, etag.value().clone())];
        let date = modified.and_then(date::format);
        validators.extend(date.map(|date| (header::LAST_MODIFIED, date)));
        validators.extend(common());
        let full = [media_type(form)].into_iter().chain(validators.iter().cloned()).collect();
        Self {
            bytes: Bytes::from_owner(Held { text, _permit: permit }),
            etag,
            modified,
            full: Arc::new(full),
            validators: Arc::new(validators.into_iter().collect()),
        }
    }
}

/// The fields of every listing.
pub(super) fn common() -> [(http::HeaderName, HeaderValue); 2] {
    [
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (header::VARY, HeaderValue::from_static("Accept")),
    ]
}

pub(super) fn media_type(form: Form) -> (http::HeaderName, HeaderValue) {
    let value = match form {
        Form::Html => "text/html; charset=utf-8",
        Form::Json => "application/json",
        Form::Text => "text/plain; charset=utf-8",
    };
    (header::CONTENT_TYPE, HeaderValue::from_static(value))
}

/// Memory that counts until the last one who sends it has done so.
struct Held {
    text: Vec<u8>,
    _permit: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.text
    }
}

/// A listing that is sent while it comes into being.
pub(super) struct Coming {
    stage: Stage,
    /// Bytes already sent of what comes.
    sent: usize,
}

enum Stage {
    Start(Bytes, BoxFuture<'static, Made>),
    Waiting(BoxFuture<'static, Made>),
    Writing(Writer),
    Nothing,
}

/// A listing, and what writes it.
type Made = Result<(Content, Box<dyn Shape>), Trouble>;

impl Coming {
    /// Sends `start`, then the rest of the listing that `made` gives, which begins with it.
    pub(super) fn new(start: Vec<u8>, made: impl Future<Output = Made> + Send + 'static) -> Self {
        Self { sent: start.len(), stage: Stage::Start(start.into(), Box::pin(made)) }
    }
}

impl Stream for Coming {
    type Item = io::Result<Bytes>;

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Bytes>>> {
        loop {
            match mem::replace(&mut self.stage, Stage::Nothing) {
                Stage::Start(start, made) => {
                    self.stage = Stage::Waiting(made);
                    if !start.is_empty() {
                        return Poll::Ready(Some(Ok(start)));
                    }
                }
                Stage::Waiting(mut made) => {
                    let Poll::Ready(made) = made.as_mut().poll(context) else {
                        self.stage = Stage::Waiting(made);
                        return Poll::Pending;
                    };
                    match made {
                        Ok((Content::Whole(whole), _)) => {
                            let mut rest = whole.bytes.clone();
                            rest.advance(self.sent.min(rest.len()));
                            return Poll::Ready(Some(Ok(rest)));
                        }
                        Ok((Content::Long(selection), shape)) => {
                            self.stage = Stage::Writing(Writer::new(shape, selection));
                        }
                        Err(_) => {
                            let cut = io::Error::other("the folder could not be listed whole");
                            return Poll::Ready(Some(Err(cut)));
                        }
                    }
                }
                Stage::Writing(mut writer) => {
                    let mut piece = Vec::new();
                    let more = writer.write(&mut piece);
                    if more {
                        self.stage = Stage::Writing(writer);
                    }
                    if !piece.is_empty() {
                        return Poll::Ready(Some(Ok(piece.into())));
                    }
                    if !more {
                        return Poll::Ready(None);
                    }
                }
                Stage::Nothing => return Poll::Ready(None),
            }
        }
    }
}
