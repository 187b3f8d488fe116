//! A file as found: its content and everything that is said about it, of one moment.

use std::fs::File;
use std::mem::{size_of, size_of_val};
use std::ops::Range;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, header};

use crate::content::coding::{self, Coding};
use crate::content::date;
use crate::content::etag::EntityTag;
use crate::content::page_security::SANDBOX;
use crate::content::vary::BY_CODING;
use crate::message::{Block, Body, CacheUse, FileSpan, Part};

/// A file: content and metadata that belong together. Cloning copies two references.
#[derive(Clone, Debug)]
pub struct Object {
    /// What is said about it.
    pub meta: Arc<Representation>,
    /// The bytes themselves.
    pub content: Content,
    /// What a cache did for it, if one was asked.
    pub cache: Option<CacheUse>,
}

/// Where the bytes of an [`Object`] are.
#[derive(Clone, Debug)]
pub enum Content {
    /// In memory.
    Bytes(Bytes),
    /// In a file that is held open. It may be written to or cut short while it is sent.
    File(Arc<File>),
}

impl Object {
    /// A file of which no cache knows.
    pub fn new(meta: Arc<Representation>, content: Content) -> Self {
        Self { meta, content, cache: None }
    }

    /// Bytes of memory behind it.
    pub(super) fn weight(&self) -> usize {
        let content = match &self.content {
            Content::Bytes(bytes) => bytes.len(),
            Content::File(_) => 0,
        };
        self.meta.weight() + content
    }

    /// The bytes of `range` as the content of a response. What of the range lies past the end is
    /// left out.
    pub fn body(&self, range: Range<u64>) -> Body {
        match self.part(range) {
            Part::Bytes(bytes) => bytes.into(),
            Part::File(span) if span.length == 0 => Body::Empty,
            Part::File(span) => Body::File(span),
        }
    }

    /// The bytes of `range` as one piece of several. What of the range lies past the end is left
    /// out.
    pub fn part(&self, range: Range<u64>) -> Part {
        let end = range.end.min(self.meta.length);
        let start = range.start.min(end);
        match &self.content {
            Content::Bytes(bytes) => {
                let at = |offset| usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
                Part::Bytes(bytes.slice(at(start)..at(end)))
            }
            Content::File(file) => Part::File(FileSpan {
                file: Arc::clone(file),
                modified: self.meta.written,
                start,
                length: end - start,
                warm_until: start,
            }),
        }
    }
}

/// What is said about a file, made once and sent with every answer about it.
#[derive(Debug)]
pub struct Representation {
    /// Bytes.
    pub length: u64,
    /// When the file was last modified; `None` when unknown.
    pub modified: Option<SystemTime>,
    /// When the file that holds the content was: of a precompressed sibling its own time.
    pub written: Option<SystemTime>,
    /// The coding that the content is in.
    pub coding: Option<Coding>,
    /// Whether its type is one that compression makes smaller. Never of what is in a coding.
    pub is_compressible: bool,
    /// Whether it came from anybody, so that browsers are told to let it do nothing.
    pub is_sandboxed: bool,
    /// Names this version; strong.
    pub etag: EntityTag,
    /// The media type, of text with its charset.
    pub content_type: HeaderValue,
    /// The last part of its path as the store knows it (of a folder's index, that of the index
    /// file): any bytes but NUL and `/`.
    pub name: Box<[u8]>,
    /// The fields of a 200 or 206: `Content-Type`, `ETag`, `Last-Modified`, `Cache-Control` when
    /// there is one, `Vary` when a coding decides; `Content-Encoding`, or without one
    /// `Accept-Ranges`.
    pub full: Arc<Block>,
    /// Those that a 304 repeats (RFC 9110 section 15.4.5): `ETag`, `Last-Modified`,
    /// `Cache-Control`, `Vary`.
    pub validators: Arc<Block>,
}

/// What a [`Representation`] is made from.
pub(super) struct Facts<'f> {
    pub(super) name: &'f [u8],
    pub(super) length: u64,
    pub(super) modified: Option<SystemTime>,
    pub(super) etag: EntityTag,
    pub(super) content_type: HeaderValue,
    pub(super) cache_control: Option<&'f HeaderValue>,
    pub(super) is_sandboxed: bool,
    /// Whether content of its type is compressed for those who take that.
    pub(super) is_compressible: bool,
    /// Whether others may get it from a precompressed sibling.
    pub(super) has_siblings: bool,
}

impl Representation {
    pub(super) fn new(facts: Facts<'_>) -> Self {
        // A date to come is not one that a server may give (RFC 9110 section 8.8.2.1).
        let past = facts.modified.filter(|modified| *modified <= SystemTime::now());
        let modified = past.and_then(date::format);
        let mut validators = vec![(header::ETAG, facts.etag.value().clone())];
        validators.extend(modified.map(|date| (header::LAST_MODIFIED, date)));
        let cache_control = facts.cache_control.cloned();
        validators.extend(cache_control.map(|value| (header::CACHE_CONTROL, value)));
        let pays = facts.is_compressible && facts.length >= coding::MIN_LENGTH;
        validators.extend((pays || facts.has_siblings).then_some(BY_CODING));

        let own = [
            (header::CONTENT_TYPE, facts.content_type.clone()),
            (header::ACCEPT_RANGES, HeaderValue::from_static("bytes")),
        ];
        let sandbox = facts.is_sandboxed.then_some((header::CONTENT_SECURITY_POLICY, SANDBOX));
        let block = |fields: Vec<(HeaderName, HeaderValue)>| {
            let block: Block = fields.into_iter().chain(sandbox.clone()).collect();
            Arc::new(if facts.is_sandboxed { block.overriding() } else { block })
        };
        let full = own.into_iter().chain(validators.iter().cloned()).collect();
        Self {
            length: facts.length,
            modified: facts.modified,
            written: facts.modified,
            coding: None,
            is_compressible: facts.is_compressible,
            is_sandboxed: facts.is_sandboxed,
            etag: facts.etag,
            content_type: facts.content_type,
            name: facts.name.into(),
            full: block(full),
            validators: block(validators),
        }
    }

    /// The same file in a coding: content of `length` bytes that was written at `written`, with the
    /// tag of the content before the coding is named in it. Has the fields of `self` but the ranges,
    /// which nobody could put together with those of another coding.
    pub(crate) fn in_coding(
        &self,
        coding: Coding,
        length: u64,
        etag: &EntityTag,
        written: Option<SystemTime>,
    ) -> Self {
        let etag = etag.in_coding(coding);
        let replaced = [header::ETAG, header::VARY, header::ACCEPT_RANGES];
        let block = |plain: &Block, encoding: Option<(HeaderName, HeaderValue)>| {
            let (tag, others) = ((header::ETAG, etag.value().clone()), plain.list().iter());
            let others = others.filter(|(name, _)| !replaced.contains(name)).cloned();
            let block: Block = others.chain([tag, BY_CODING]).chain(encoding).collect();
            Arc::new(if self.is_sandboxed { block.overriding() } else { block })
        };
        Self {
            length,
            modified: self.modified,
            written,
            coding: Some(coding),
            is_compressible: false,
            is_sandboxed: self.is_sandboxed,
            content_type: self.content_type.clone(),
            name: self.name.clone(),
            full: block(&self.full, Some((header::CONTENT_ENCODING, coding.value()))),
            validators: block(&self.validators, None),
            etag,
        }
    }

    /// Whether compressing it is worth the while.
    #[inline]
    pub fn pays_compressed(&self) -> bool {
        self.is_compressible && self.length >= coding::MIN_LENGTH
    }

    /// Whether its fields say that others may get it in another coding.
    pub(super) fn varies(&self) -> bool {
        self.validators.get(&header::VARY).is_some()
    }

    /// Bytes of memory it takes, itself and what it points to.
    pub(super) fn weight(&self) -> usize {
        size_of::<Self>() + self.name.len() + weight(&self.full) + weight(&self.validators)
    }
}

/// A block holds each value twice: as bytes to send, and in a list that shares its values' bytes
/// with the other block of the file (counted twice all the same: an allocation has its overhead).
fn weight(block: &Block) -> usize {
    let values: usize = block.list().iter().map(|(_, value)| value.len()).sum();
    let list = size_of_val(block.list());
    size_of::<Block>() + block.wire().len() + list + values
}
