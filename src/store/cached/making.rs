//! Making a file in another coding: taking its sibling, or compressing it.

use std::sync::Arc;

use super::compressor::Compressed;
use super::variants::Variant;
use super::{Cached, Origin, Seen};
use crate::content::coding::Coding;
use crate::content::etag::EntityTag;
use crate::content::path::SitePath;
use crate::store::object::{Content, Object};
use crate::store::version::Version;

/// A variant to be made.
pub(super) struct Recipe {
    pub(super) plain: Object,
    pub(super) coding: Coding,
    /// The file whose sibling it is; `None` to compress its content.
    pub(super) sibling_of: Option<(Seen, Version)>,
}

/// What came of making a variant.
#[derive(Clone)]
pub(super) enum Made {
    Here(Object),
    Absent,
    /// What it was to be made from is no longer there.
    Changed,
    /// Too many are at it.
    Busy,
}

impl<S: Origin> Cached<S> {
    /// Makes a variant, once for all who wait for it, and keeps it.
    pub(super) async fn make(&self, key: u64, path: &SitePath<'_>, recipe: &Recipe) -> Made {
        let Recipe { plain, coding, .. } = recipe;
        let name = [path.as_bytes(), b"\0", coding.name().as_bytes()].concat();
        // Alive while somebody makes something of it, so no other state of the file has this one.
        let state = Arc::as_ptr(&plain.meta).addr() as u64;
        let making = self.making.join(&name, state, || async {
            // It may have been kept just before this began.
            if let Some(made) = self.made(key, path.as_bytes(), recipe) {
                return made;
            }
            let made = match recipe.sibling_of {
                Some((of, version)) => self.take_sibling(path, recipe, of, version).await,
                None => self.compress(plain, *coding).await,
            };
            let variant = match &made {
                Made::Here(object) => Variant::Here(object.clone()),
                Made::Absent => Variant::Absent,
                Made::Changed | Made::Busy => return made,
            };
            let gone = self.shard(key).add(key, path.as_bytes(), recipe, variant);
            // The lock is given back before anything is freed.
            drop(gone);
            made
        });
        making.await
    }

    /// The variant, if somebody has made it.
    fn made(&self, key: u64, path: &[u8], recipe: &Recipe) -> Option<Made> {
        let mut shard = self.shard(key);
        let kept = shard.get_same(key, path, &recipe.plain.meta)?;
        if kept.sibling(recipe.coding) != recipe.sibling_of {
            return None;
        }
        match &kept.codings.as_ref()?.variants[recipe.coding as usize] {
            Variant::Unknown => None,
            Variant::Absent => Some(Made::Absent),
            Variant::Here(object) => Some(Made::Here(object.clone())),
        }
    }

    async fn take_sibling(
        &self,
        path: &SitePath<'_>,
        recipe: &Recipe,
        of: Seen,
        version: Version,
    ) -> Made {
        let Recipe { plain, coding, .. } = recipe;
        // What is sent from the disk itself is so in every coding.
        let limit = match plain.content {
            Content::Bytes(_) => Some(self.max_file_bytes),
            Content::File(_) => None,
        };
        let meta = Arc::clone(&plain.meta);
        match self.origin.load_sibling(path, of, meta, *coding, limit).await {
            Ok(Some((object, current))) if current == version => Made::Here(object),
            Ok(Some(_)) => Made::Changed,
            Ok(None) => Made::Absent,
            Err(error) => {
                self.yield_descriptors(&error);
                Made::Busy
            }
        }
    }

    async fn compress(&self, plain: &Object, coding: Coding) -> Made {
        let Content::Bytes(bytes) = &plain.content else { return Made::Absent };
        match self.compressor.compress(coding, bytes.clone()).await {
            Compressed::Bytes(bytes) => {
                let etag = EntityTag::of_content(&bytes);
                let (length, written) = (bytes.len() as u64, plain.meta.modified);
                let meta = plain.meta.in_coding(coding, length, &etag, written);
                Made::Here(Object::new(Arc::new(meta), Content::Bytes(bytes)))
            }
            Compressed::Useless => Made::Absent,
            Compressed::Busy => Made::Busy,
        }
    }
}
