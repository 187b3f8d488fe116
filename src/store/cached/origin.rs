//! What a cache needs of the store behind it.

use std::sync::Arc;
use std::time::Instant;

use super::Siblings;
use crate::content::coding::Coding;
use crate::content::path::SitePath;
use crate::store::object::{Object, Representation};
use crate::store::version::Version;
use crate::store::watch::WatchState;
use crate::store::{Answer, BoxFuture, Found, Store, StoreError};

/// A store that a cache can stand before.
pub trait Origin: Store {
    /// What a path names now, by metadata alone.
    fn look<'a>(&'a self, path: &'a SitePath<'a>) -> Answer<'a, Result<Seen, StoreError>>;

    /// What a path names; a file of at most `limit` bytes with its content in memory, all of it of
    /// one version.
    fn load<'a>(
        &'a self,
        path: &'a SitePath<'a>,
        limit: u64,
    ) -> BoxFuture<'a, Result<Loaded, StoreError>>;

    /// The state of all that is watched, at `now` or shortly before; `None` while nothing is.
    fn watch_state(&self, _now: Instant) -> Option<WatchState> {
        None
    }

    /// Watches whatever says what the path names, of which `seen` is what was seen, and with `beside`
    /// what lies beside it in codings. What is looked at after this remains so for as long as the state does;
    /// `None` when that cannot be promised. Never waits.
    fn watch(
        &self,
        _path: &SitePath<'_>,
        _seen: Seen,
        _beside: bool,
        _now: Instant,
    ) -> Option<WatchState> {
        None
    }

    /// What lies beside a file, compressed before in that coding and not older, by metadata alone.
    /// `of` is what was seen of the file.
    fn look_sibling<'a>(
        &'a self,
        _path: &'a SitePath<'a>,
        _of: Seen,
        _coding: Coding,
    ) -> Answer<'a, Result<Option<Version>, StoreError>> {
        Answer::Ready(Ok(None))
    }

    /// The file described by `plain` in that coding, with the content of the sibling: in memory, if
    /// that is at most `limit` bytes, or without a limit left where it is. `None` when there is none.
    fn load_sibling<'a>(
        &'a self,
        _path: &'a SitePath<'a>,
        _of: Seen,
        _plain: Arc<Representation>,
        _coding: Coding,
        _limit: Option<u64>,
    ) -> BoxFuture<'a, Result<Option<(Object, Version)>, StoreError>> {
        Box::pin(async { Ok(None) })
    }
}

/// What an [`Origin`] loaded.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What the path names.
    pub found: Found,
    /// What [`Origin::look`] says for as long as that has not changed; `None` when a change might
    /// go unnoticed.
    pub seen: Option<Seen>,
    /// Of a file, what lies beside it compressed.
    pub siblings: Option<Box<Siblings>>,
}

/// What a path names, as far as metadata can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// Nothing that is served.
    Nothing,
    /// A folder without an index file.
    Folder(Version),
    /// A file.
    File {
        /// Which state of it.
        version: Version,
        /// Of a folder, which of the index files it is.
        index: Option<usize>,
    },
}
