//! What is answered: a page in memory where it is small enough, else one that is written while it
//! is sent.

use std::io;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use futures_core::Stream;
use http::{HeaderName, HeaderValue, header};

use super::looks::Trouble;
use super::selection::Selection;
use super::shape::{Shape, Writer};
use crate::content::accept::Form;
use crate::content::page_security::{NO_DEVICES, PERMISSIONS_POLICY};
use crate::handler::generated::Generated;
use crate::handler::own_page::content_security_policy;
use crate::message::BoxFuture;

/// The largest page that is kept in memory, in bytes.
pub(super) const MAX_WHOLE: usize = 4 << 20;

/// A listing, made as far as it can be.
#[derive(Clone)]
pub(super) enum Content {
    Whole(Arc<Generated>),
    /// Too long to be kept.
    Long(Arc<Selection>),
}

/// What is said of every listing in that form.
pub(super) fn fields(form: Form) -> Vec<(HeaderName, HeaderValue)> {
    let mut fields = vec![(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"))];
    if form == Form::Html {
        fields.push((header::CONTENT_SECURITY_POLICY, content_security_policy()));
        fields.push((PERMISSIONS_POLICY, NO_DEVICES));
    }
    fields
}

pub(super) fn media_type(form: Form) -> &'static str {
    match form {
        Form::Html => "text/html; charset=utf-8",
        Form::Json => "application/json",
        Form::Text => "text/plain; charset=utf-8",
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
                            let mut rest = whole.bytes().clone();
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
