//! A folder on the disk.
//!
//! 1. What the kernel has in memory is answered at once: `RESOLVE_CACHED` and `RWF_NOWAIT` say
//!    `EAGAIN` instead of waiting for a disk.
//! 2. Otherwise *one* hop to the blocking pool does the whole of it, so a slow disk stalls no
//!    other connection.
//!
//! The root is held open; a folder that takes its place is noticed when somebody has it looked at.

mod siblings;
#[cfg(test)]
mod tests;

use std::io;
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Instant, SystemTime};

use http::HeaderValue;
use rustix::io::Errno;
use tokio::sync::oneshot;

use crate::content::charset::SAMPLE_LENGTH;
use crate::content::coding::{Accepted, Coding};
use crate::content::etag::EntityTag;
use crate::content::media_type;
use crate::content::path::SitePath;

use super::cached::{Loaded, Origin, Seen, Siblings};
use super::descriptions::Descriptions;
use super::listing::{self, Audience};
use super::object::{Content, Facts, Object, Representation};
use super::opened::Opened;
use super::resolve::{Patience, Root};
use super::version::{Kind, Node, Version};
use super::watch::{Watch, WatchState};
use super::{Answer, BoxFuture, Folder, Found, Inspection, Scan, Store, StoreError, Symlinks};
use siblings::{in_coding, sibling_path};

/// What a [`Disk`] needs to know.
#[derive(Clone, Debug, Default)]
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
    descriptions: Descriptions,
    watch: Watch,
}

/// How often a file that changes while it is read is read again.
const READ_ATTEMPTS: u32 = 3;

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
            let audience = Audience { waiting: Arc::downgrade(&waits), patience, much };
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
        sibling: Option<Coding>,
        now: Instant,
    ) -> Option<WatchState> {
        if self.hides(path) {
            return None;
        }
        let wanted = Wanted { relative: path.relative(), is_folder: path.is_folder() };
        self.0.watch_over(wanted, seen, sibling, now)
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

    /// Watches everything that says what the path names, and in a coding what lies beside it.
    fn watch_over(
        &self,
        wanted: Wanted<'_>,
        seen: Seen,
        sibling: Option<Coding>,
        now: Instant,
    ) -> Option<WatchState> {
        let root = self.root();
        let path = match seen {
            Seen::Folder(_) => return self.watch.over(&root, wanted.relative, true, now),
            Seen::File { index, .. } => self.path_of(wanted, index),
            Seen::Nothing => wanted.relative.to_vec(),
        };
        let state = self.watch.over(&root, &path, false, now)?;
        match sibling {
            None => Some(state),
            Some(coding) => {
                let beside = self.watch.over(&root, &sibling_path(&path, coding), false, now);
                beside.filter(|beside| *beside == state)
            }
        }
    }

    /// What the path names, by metadata alone.
    fn look(&self, wanted: Wanted<'_>, patience: Patience) -> Result<Seen, Errno> {
        if wanted.is_folder {
            for (number, name) in self.index_files.iter().enumerate() {
                let node = self.root().probe(&join(wanted.relative, name), patience);
                match absent_is_none(node)? {
                    Some(node) if node.kind == Kind::File => {
                        return Ok(Seen::File { version: node.version, index: Some(number) });
                    }
                    _ => {}
                }
            }
        }
        let node = absent_is_none(self.root().probe(wanted.relative, patience))?;
        Ok(match node {
            Some(Node { kind, version }) => match kind {
                Kind::Folder => Seen::Folder(version),
                Kind::File if !wanted.is_folder => Seen::File { version, index: None },
                Kind::File | Kind::Other => Seen::Nothing,
            },
            None => Seen::Nothing,
        })
    }

    fn find(&self, wanted: Wanted<'_>, patience: Patience) -> Result<Found, Errno> {
        match self.look(wanted, patience)? {
            Seen::Nothing => Err(Errno::NOENT),
            Seen::Folder(version) => Ok(folder(version)),
            Seen::File { index, .. } => {
                let opened = self.open(wanted, index, patience)?;
                // Whether there are siblings is not worth a look for each of them.
                Ok(Found::File(self.describe(opened, self.codings, patience)?))
            }
        }
    }

    /// The same, or a precompressed sibling that is accepted.
    fn find_coded(
        &self,
        wanted: Wanted<'_>,
        accepted: Accepted,
        patience: Patience,
    ) -> Result<Found, Errno> {
        let Seen::File { index, .. } = self.look(wanted, patience)? else {
            return self.find(wanted, patience);
        };
        let opened = self.open(wanted, index, patience)?;
        let (path, version) = (opened.path.clone(), opened.version);
        let plain = self.describe(opened, self.codings, patience)?;
        if !self.codings || plain.meta.is_sandboxed {
            return Ok(Found::File(plain));
        }
        for coding in accepted.codings() {
            if let Some(sibling) = self.open_sibling(&path, version, coding, patience)?
                && let Some(coded) = in_coding(&plain.meta, sibling, coding, None)?
            {
                return Ok(Found::File(coded));
            }
        }
        Ok(Found::File(plain))
    }

    /// What the path names, the content in memory when it is at most `limit` bytes.
    fn load(&self, wanted: Wanted<'_>, limit: u64) -> Result<Loaded, Errno> {
        for _ in 0..READ_ATTEMPTS {
            let begun = SystemTime::now();
            let index = match self.look(wanted, Patience::Any)? {
                Seen::Nothing => return Err(Errno::NOENT),
                Seen::Folder(version) => {
                    return Ok(Loaded {
                        found: folder(version),
                        seen: recognisable(Seen::Folder(version), [version], begun),
                        siblings: None,
                    });
                }
                Seen::File { index, .. } => index,
            };
            let opened = self.open(wanted, index, Patience::Any)?;
            let version = opened.version;
            let siblings = self.siblings(&opened);
            let has_siblings = siblings.iter().any(Option::is_some);
            let object = if version.size <= limit {
                match self.read(&opened, has_siblings)? {
                    Some(object) => object,
                    None => continue,
                }
            } else {
                self.describe(opened, has_siblings, Patience::Any)?
            };
            let of = Seen::File { version, index };
            let versions = siblings.into_iter().flatten().chain([version]);
            return Ok(Loaded {
                found: Found::File(object),
                seen: recognisable(of, versions, begun),
                siblings: has_siblings.then(|| Box::new(Siblings { of, versions: siblings })),
            });
        }
        // It never holds still: the reader gets it as it comes.
        Ok(Loaded { found: self.find(wanted, Patience::Any)?, seen: None, siblings: None })
    }

    /// The path of the file itself: of a folder that of its index file.
    fn path_of(&self, wanted: Wanted<'_>, index: Option<usize>) -> Vec<u8> {
        match index.and_then(|number| self.index_files.get(number)) {
            Some(name) => join(wanted.relative, name),
            None => wanted.relative.to_vec(),
        }
    }

    fn open(
        &self,
        wanted: Wanted<'_>,
        index: Option<usize>,
        patience: Patience,
    ) -> Result<Opened, Errno> {
        let path = self.path_of(wanted, index);
        let (file, node) = self.root().open_file(&path, patience)?;
        if node.kind != Kind::File {
            return Err(Errno::NOENT);
        }
        Ok(Opened { file: file.into(), version: node.version, path })
    }

    /// Makes an object of an open file, its content left where it is.
    fn describe(
        &self,
        opened: Opened,
        has_siblings: bool,
        patience: Patience,
    ) -> Result<Object, Errno> {
        let meta = if let Some(known) = self.descriptions.recall(&opened, has_siblings) {
            known
        } else {
            let sample = opened.sample(patience)?;
            let etag = opened.version.etag();
            let meta = Arc::new(self.represent(&opened, etag, &sample, has_siblings));
            self.descriptions.remember(&opened, &meta);
            meta
        };
        Ok(Object::new(meta, Content::File(Arc::new(opened.file))))
    }

    /// Makes an object of an open file, its content read into memory; `None` when the file changed
    /// meanwhile.
    fn read(&self, opened: &Opened, has_siblings: bool) -> Result<Option<Object>, Errno> {
        let Some(bytes) = opened.read_whole()? else {
            return Ok(None);
        };
        let etag = EntityTag::of_content(&bytes);
        let sample = &bytes[..bytes.len().min(SAMPLE_LENGTH)];
        let meta = Arc::new(self.represent(opened, etag, sample, has_siblings));
        Ok(Some(Object::new(meta, Content::Bytes(bytes))))
    }

    /// Whether a file really lies in the folder that takes uploads.
    fn is_sandboxed(&self, opened: &Opened) -> bool {
        let Some(folder) = &self.sandboxed else { return false };
        real_path(&opened.file).is_some_and(|path| path.starts_with(folder))
    }

    fn represent(
        &self,
        opened: &Opened,
        etag: EntityTag,
        sample: &[u8],
        has_siblings: bool,
    ) -> Representation {
        let content_type = media_type::content_type(opened.name(), sample);
        let is_compressible =
            self.codings && content_type.to_str().is_ok_and(media_type::is_compressible);
        Representation::new(Facts {
            name: opened.name(),
            length: opened.version.size,
            modified: opened.version.modified(),
            etag,
            content_type,
            is_compressible,
            has_siblings,
            cache_control: self.cache_control.as_ref(),
            is_sandboxed: self.is_sandboxed(opened),
        })
    }
}

/// Where an open file is; `None` where the system does not tell.
fn real_path(file: &impl AsRawFd) -> Option<PathBuf> {
    std::fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd())).ok()
}

fn join(folder: &[u8], name: &str) -> Vec<u8> {
    let mut path = Vec::with_capacity(folder.len() + 1 + name.len());
    path.extend_from_slice(folder);
    if !folder.is_empty() {
        path.push(b'/');
    }
    path.extend_from_slice(name.as_bytes());
    path
}

fn folder(version: Version) -> Found {
    Found::Folder(Folder { modified: version.modified() })
}

/// What is seen of these versions, if seeing it again means that nothing changed since loading was
/// begun.
fn recognisable(
    seen: Seen,
    versions: impl IntoIterator<Item = Version>,
    begun: SystemTime,
) -> Option<Seen> {
    versions.into_iter().all(|version| version.is_settled(begun)).then_some(seen)
}

/// Takes 'not there' and 'not to be served' as an answer.
fn absent_is_none(node: Result<Node, Errno>) -> Result<Option<Node>, Errno> {
    match node {
        Ok(node) => Ok(Some(node)),
        Err(error) => match StoreError::from(error) {
            StoreError::NotFound => Ok(None),
            StoreError::Denied | StoreError::Unavailable(_) => Err(error),
        },
    }
}
