//! What is kept, in tables by the kind of answer.

use std::time::Instant;

use super::freshness::Freshness;
use super::origin::Seen;
use super::variants::Codings;
use crate::message::CacheUse;
use crate::store::object::{Content, Object};
use crate::store::shelf::Shelf;
use crate::store::{Found, StoreError};

/// Each kind of answer has a table of its own, so that somebody who asks for a million names that
/// do not exist pushes no file out.
pub(super) struct Shard {
    pub(super) contents: Shelf<Kept>,
    pub(super) open_files: Shelf<Kept>,
    pub(super) bare: Shelf<Kept>,
}

pub(super) struct Kept {
    pub(super) outcome: Outcome,
    pub(super) seen: Option<Seen>,
    pub(super) loaded: Instant,
    pub(super) freshness: Freshness,
    /// How often it was found here.
    pub(super) hits: u64,
    /// It in other codings, once somebody asked for that.
    pub(super) codings: Option<Box<Codings>>,
}

/// What is remembered of a path: an answer of the store, without those that are worth a new
/// attempt.
#[derive(Clone)]
pub(super) enum Outcome {
    Found(Found),
    NotFound,
    Denied,
}

impl Shard {
    /// Leaves the entry where it is among the others.
    #[inline]
    pub(super) fn peek(&mut self, key: u64, path: &[u8]) -> Option<&mut Kept> {
        let Self { contents, open_files, bare } = self;
        contents
            .peek(key, path)
            .or_else(|| bare.peek(key, path))
            .or_else(|| open_files.peek(key, path))
    }

    #[inline]
    pub(super) fn get(&mut self, key: u64, path: &[u8]) -> Option<&mut Kept> {
        let Self { contents, open_files, bare } = self;
        contents
            .get(key, path)
            .or_else(|| bare.get(key, path))
            .or_else(|| open_files.get(key, path))
    }

    /// Keeps an answer in the table of its kind only, and gives back what had to go.
    pub(super) fn put(&mut self, key: u64, path: &[u8], kept: Kept) -> Vec<Kept> {
        let codings = if kept.codings.is_some() { Codings::WEIGHT } else { 0 };
        let weight = kept.outcome.weight() + codings;
        let former =
            [self.contents.remove(key), self.open_files.remove(key), self.bare.remove(key)];
        let mut gone = self.shelf_for(&kept.outcome).put(key, path, kept, weight);
        gone.extend(former.into_iter().flatten());
        gone
    }

    fn shelf_for(&mut self, outcome: &Outcome) -> &mut Shelf<Kept> {
        match outcome {
            Outcome::Found(Found::File(object)) => match object.content {
                Content::Bytes(_) => &mut self.contents,
                Content::File(_) => &mut self.open_files,
            },
            Outcome::Found(Found::Folder(_)) | Outcome::NotFound | Outcome::Denied => {
                &mut self.bare
            }
        }
    }
}

impl Outcome {
    /// The answer of the store, with what the cache did for it.
    #[inline]
    pub(super) fn found(self, cache: CacheUse) -> Result<Found, StoreError> {
        match self {
            Self::Found(Found::File(object)) => {
                Ok(Found::File(Object { cache: Some(cache), ..object }))
            }
            Self::Found(folder) => Ok(folder),
            Self::NotFound => Err(StoreError::NotFound),
            Self::Denied => Err(StoreError::Denied),
        }
    }

    /// Bytes of memory behind it.
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::Found(Found::File(object)) => object.weight(),
            Self::Found(Found::Folder(_)) | Self::NotFound | Self::Denied => 0,
        }
    }
}
