//! A folder on the disk.
//!
//! 1. What the kernel has in memory is answered at once: `RESOLVE_CACHED` and `RWF_NOWAIT` say
//!    `EAGAIN` instead of waiting for a disk.
//! 2. Otherwise *one* hop to the blocking pool does the whole of it, so a slow disk stalls no
//!    other connection.
//!
//! The root is held open; a folder that takes its place is noticed when somebody has it looked at.

mod lookup;
mod siblings;
#[cfg(test)]
mod tests;

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

use http::HeaderValue;
use rustix::io::Errno;
use tokio::sync::oneshot;

use crate::content::coding::{Accepted, Coding};
use crate::content::path::SitePath;

use super::cached::{Loaded, Origin, Seen};
use super::descriptions::Descriptions;
use super::listing::{self, Audience};
use super::object::{Object, Representation};
use super::resolve::{Patience, Root};
use super::version::Version;
use super::watch::{Watch, WatchState};
use super::{Answer, BoxFuture, Found, Inspection, Scan, Store, StoreError, Symlinks};
use lookup::join;
use siblings::{in_coding, sibling_path};

/// What a [`Disk`] needs to know.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DiskOptions {
    /// The folder to serve.
    pub root: PathBuf,
    /// Names tried in order when a folder is asked for.
    pub index_files: Vec<String>,
    /// Whether names that begin with a dot are found and listed.
    pub show_hidden: bool,
    /// Which symbolic links are followed.
    pub symlinks: Symlinks,
    /// The `Cache-Control` of every file.
    pub cache_control: Option<HeaderValue>,
    /// A folder whose files anybody may have put there, by whatever path they are reached: pages
    /// among them can do nothing.
    pub sandboxed: Option<PathBuf>,
    /// Whether files are handed out in other codings too: compressed, or as they lie compressed
    /// beside themselves (`app.js.br`).
    pub codings: bool,
    /// Entries of a folder that are looked at, at most; `None` for all.
    pub max_entries: Option<usize>,
}

/// A folder on the disk.
#[derive(Clone)]
pub struct Disk(Arc<Inner>);

struct Inner {
    /// Read for the time of a copy; written to when another folder has taken its place.
    root: RwLock<Arc<Root>>,
    root_path: PathBuf,
    index_files: Vec<String>,
    show_hidden: bool,
    cache_control: Option<HeaderValue>,
    sandboxed: Option<PathBuf>,
    codings: bool,
    max_entries: usize,
    descriptions: Descriptions,
    watch: Watch,
}

/// A path as the disk needs it.
#[derive(Clone, Copy)]
struct Wanted<'p> {
    relative: &'p [u8],
    is_folder: bool,
}

impl Disk {
    /// Opens the folder.
    pub fn open(options: DiskOptions) -> io::Result<Self> {
        let root = Root::open(&options.root, options.symlinks)?;
        Ok(Self::with_root(root, options))
    }

    /// Opens the folder as a system without `openat2` has to.
    #[cfg(test)]
    pub(super) fn open_walking(options: DiskOptions) -> io::Result<Self> {
        let root = Root::walking(&options.root, options.symlinks)?;
        Ok(Self::with_root(root, options))
    }

    fn with_root(root: Root, options: DiskOptions) -> Self {
        Self(Arc::new(Inner {
            root: RwLock::new(Arc::new(root)),
            root_path: options.root,
            index_files: options.index_files,
            show_hidden: options.show_hidden,
            cache_control: options.cache_control,
            sandboxed: options.sandboxed,
            codings: options.codings,
            max_entries: options.max_entries.unwrap_or(usize::MAX),
            descriptions: Descriptions::default(),
            watch: Watch::default(),
        }))
    }

    /// Whether the path is kept from everybody, and so needs no look at the disk.
    fn hides(&self, path: &SitePath<'_>) -> bool {
        (path.is_hidden() && !self.0.show_hidden) || path.is_reserved()
    }

    /// Does `work` on a thread that may block.
    async fn block_on<T: Send + 'static>(
        &self,
        path: &SitePath<'_>,
        work: impl FnOnce(&Inner, Wanted<'_>) -> Result<T, Errno> + Send + 'static,
    ) -> Result<T, StoreError> {
        let inner = Arc::clone(&self.0);
        let relative = path.relative().to_vec();
        let is_folder = path.is_folder();
        let done = tokio::task::spawn_blocking(move || {
            let wanted = Wanted { relative: &relative, is_folder };
            work(&inner, wanted)
        });
        match done.await {
            Ok(result) => result.map_err(StoreError::from),
            Err(failed) => Err(StoreError::Unavailable(io::Error::other(failed))),
        }
    }

    /// Does `work` here if that needs no waiting, else where waiting is allowed.
    fn try_now<'a, T: Send + 'static>(
        &'a self,
        path: &'a SitePath<'a>,
        work: impl Fn(&Inner, Wanted<'_>, Patience) -> Result<T, Errno> + Copy + Send + 'static,
    ) -> Answer<'a, Result<T, StoreError>> {
        let wanted = Wanted { relative: path.relative(), is_folder: path.is_folder() };
        match work(&self.0, wanted, Patience::None) {
            Err(Errno::AGAIN) => Answer::later(
                self.block_on(path, move |inner, wanted| work(inner, wanted, Patience::Any)),
            ),
            result => Answer::Ready(result.map_err(StoreError::from)),
        }
    }
}

impl Store for Disk {
    fn find<'a>(
        &'a self,
        path: &'a SitePath<'a>,
        _now: Instant,
    ) -> Answer<'a, Result<Found, StoreError>> {
        if self.hides(path) {
            return Answer::Ready(Err(StoreError::NotFound));
        }
        self.try_now(path, Inner::find)
    }

    fn find_coded<'a>(
        &'a self,
        path: &'a SitePath<'a>,
        accepted: Accepted,
        _now: Instant,
    ) -> Answer<'a, Result<Found, StoreError>> {
        if self.hides(path) {
            return Answer::Ready(Err(StoreError::NotFound));
        }
        self.try_now(path, move |inner, wanted, patience| {
            inner.find_coded(wanted, accepted, patience)
        })
    }

    fn scan<'a>(
        &'a self,
        folder: &'a SitePath<'a>,
        patience: usize,
    ) -> BoxFuture<'a, Result<Scan, StoreError>> {
        Box::pin(async move {
            if self.hides(folder) {
                return Err(StoreError::NotFound);
            }
            let waits = Arc::new(());
            let (much, is_much) = oneshot::channel();
            let most = self.0.max_entries;
            let audience = Audience { waiting: Arc::downgrade(&waits), patience, much, most };
            let inner = Arc::clone(&self.0);
            let path = folder.relative().to_vec();
            let scan = tokio::task::spawn_blocking(move || {
                listing::scan(&inner.root(), &path, inner.show_hidden, audience)
            });
            let whole = async move {
                let done = scan.await;
                drop(waits);
                match done {
                    Ok(result) => result.map_err(StoreError::from),
                    Err(failed) => Err(StoreError::Unavailable(io::Error::other(failed))),
                }
            };
            // The end of a short scan drops the sender.
            match is_much.await {
                Ok(()) => Ok(Scan::Growing(Box::pin(whole))),
                Err(_) => whole.await.map(Scan::Whole),
            }
        })
    }

    fn tidy(&self, now: Instant) {
        // What happens while nobody asks is not to fill the list.
        let _ = self.0.watch.state(now);
    }

    fn notice_changes(&self) {
        self.0.follow_root();
    }

    fn inspect(&self) -> Inspection {
        Inspection::of(&self.0.root_path)
    }
}

impl Origin for Disk {
    fn look<'a>(&'a self, path: &'a SitePath<'a>) -> Answer<'a, Result<Seen, StoreError>> {
        if self.hides(path) {
            return Answer::Ready(Ok(Seen::Nothing));
        }
        self.try_now(path, Inner::look)
    }

    #[inline]
    fn watch_state(&self, now: Instant) -> Option<WatchState> {
        self.0.watch.state(now)
    }

    fn watch(
        &self,
        path: &SitePath<'_>,
        seen: Seen,
        beside: bool,
        now: Instant,
    ) -> Option<WatchState> {
        if self.hides(path) {
            return None;
        }
        let wanted = Wanted { relative: path.relative(), is_folder: path.is_folder() };
        self.0.watch_over(wanted, seen, beside, now)
    }

    fn look_sibling<'a>(
        &'a self,
        path: &'a SitePath<'a>,
        of: Seen,
        coding: Coding,
    ) -> Answer<'a, Result<Option<Version>, StoreError>> {
        self.try_now(path, move |inner, wanted, patience| {
            let Seen::File { version, index } = of else { return Ok(None) };
            inner.look_sibling(&inner.path_of(wanted, index), version, coding, patience)
        })
    }

    fn load_sibling<'a>(
        &'a self,
        path: &'a SitePath<'a>,
        of: Seen,
        plain: Arc<Representation>,
        coding: Coding,
        limit: Option<u64>,
    ) -> BoxFuture<'a, Result<Option<(Object, Version)>, StoreError>> {
        Box::pin(self.block_on(path, move |inner, wanted| {
            let Seen::File { version, index } = of else { return Ok(None) };
            let path = inner.path_of(wanted, index);
            let opened = inner.open_sibling(&path, version, coding, Patience::Any)?;
            let Some(opened) = opened else { return Ok(None) };
            let version = opened.version;
            let object = in_coding(&plain, opened, coding, limit)?;
            Ok(object.map(|object| (object, version)))
        }))
    }

    fn load<'a>(
        &'a self,
        path: &'a SitePath<'a>,
        limit: u64,
    ) -> BoxFuture<'a, Result<Loaded, StoreError>> {
        Box::pin(async move {
            if self.hides(path) {
                return Err(StoreError::NotFound);
            }
            self.block_on(path, move |inner, wanted| inner.load(wanted, limit)).await
        })
    }
}

impl Inner {
    fn root(&self) -> Arc<Root> {
        Arc::clone(&self.root.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Opens the root anew when its path leads to another folder than before.
    fn follow_root(&self) {
        let old = self.root();
        if old.is_at(&self.root_path) {
            return;
        }
        // Between the removal of one folder and the making of the next there is none.
        if let Ok(new) = Root::open(&self.root_path, old.symlinks()) {
            *self.root.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(new);
            self.watch.forget();
            tracing::info!(root = %self.root_path.display(), "another folder is there: serving it");
        }
    }

    /// Watches everything that says what the path names, and what lies beside it in codings.
    fn watch_over(
        &self,
        wanted: Wanted<'_>,
        seen: Seen,
        beside: bool,
        now: Instant,
    ) -> Option<WatchState> {
        let root = self.root();
        let state = match seen {
            Seen::Folder(_) => self.watch.over(&root, wanted.relative, true, now),
            Seen::Nothing | Seen::File { .. } => {
                self.watch.over(&root, wanted.relative, false, now)
            }
        }?;
        // Each of the index files that come before the one that is there may be a link to nothing.
        let indices = match seen {
            Seen::File { index: Some(index), .. } => index + 1,
            Seen::Folder(_) if wanted.is_folder => self.index_files.len(),
            Seen::File { index: None, .. } | Seen::Folder(_) | Seen::Nothing => 0,
        };
        let indices = self.index_files.iter().take(indices);
        let indices = indices.map(|name| join(wanted.relative, name));
        let path = match seen {
            Seen::File { index, .. } if beside => Some(self.path_of(wanted, index)),
            _ => None,
        };
        let siblings = path
            .iter()
            .flat_map(|path| Coding::ALL.into_iter().map(move |coding| sibling_path(path, coding)));
        let is_watched = |path: Vec<u8>| self.watch.over(&root, &path, false, now) == Some(state);
        if !indices.chain(siblings).all(is_watched) {
            return None;
        }
        if !Arc::ptr_eq(&root, &self.root()) {
            // What was watched just now is of a root that is no longer served.
            self.watch.forget();
            return None;
        }
        Some(state)
    }
}
