//! One look into a folder for many who ask, and what was made of it.
//!
//! A look that was begun less than [`FRESH`] ago serves everybody who asks for the same folder: the
//! entries are read once, each form of the page is written once. After that the next request begins
//! a new one, so that a change is always seen after that time.

use std::collections::HashMap;
use std::io;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore};

use super::page::Content;
use super::query::Query;
use crate::content::path::SitePath;
use crate::handler::generated::Room;
use crate::message::BoxFuture;
use crate::store::{Changes, Entries, Scan, Store, StoreError};

/// How long a look serves others. A change must be seen after 50 ms, and the clock of requests may
/// be a few milliseconds behind.
const FRESH: Duration = Duration::from_millis(45);

/// Folders with more entries than this are answered before all of them are known.
const PATIENCE: usize = 4096;

/// Folders with more entries than that whose entries are in memory at once.
const MAX_LARGE: usize = 8;

/// KiB of all pages that are made, kept or sent, and of what is selected for them.
const MAX_PAGES: usize = 64 * 1024;

/// Folders that are looked into at once for more than one request each.
const MAX_SHARED: usize = 1024;

/// Bytes that an entry takes at most: its name, and what is known of it, twice.
const ENTRY: usize = 352;

/// Bytes of memory that listings take at most where a folder has up to so many entries.
pub fn memory(entries: u64) -> u64 {
    let small = MAX_SHARED as u64 * entries.min(PATIENCE as u64);
    let large = MAX_LARGE as u64 * entries;
    (small + large).saturating_mul(ENTRY as u64) + MAX_PAGES as u64 * 1024
}

/// Why there is no listing.
#[derive(Clone, Debug)]
pub(super) enum Trouble {
    Store(StoreError),
    /// Too much is being listed already.
    Busy,
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// The looks of the last milliseconds.
pub(super) struct Looks {
    /// A standard lock: held for the time of a table operation, never while anything is awaited.
    by_path: Mutex<HashMap<Box<[u8]>, Arc<Look>>>,
    changes: Changes,
    large: Arc<Semaphore>,
    pages: Arc<Semaphore>,
}

/// What one page is: a query, and who asked for it where (empty where that does not matter).
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) query: Query,
    pub(super) origin: Box<str>,
}

/// One look into a folder.
pub(super) struct Look {
    pub(super) begun: Instant,
    folder: OnceCell<Result<Folder, Trouble>>,
    pages: Mutex<HashMap<Key, Arc<OnceCell<Content>>>>,
}

/// A folder, all of it known or not.
struct Folder {
    entries: OnceCell<Result<Arc<Known>, StoreError>>,
    /// What brings the entries. It stays here when somebody who waits for it goes away.
    rest: tokio::sync::Mutex<Option<BoxFuture<'static, Result<Known, StoreError>>>>,
}

/// The entries of a folder.
pub(super) struct Known {
    entries: Entries,
    /// Of a large folder: its leave to be in memory, until nobody has it any more.
    permit: Option<OwnedSemaphorePermit>,
}

impl Known {
    /// Bytes of memory they take, unless [`MAX_LARGE`] bounds them.
    pub(super) fn uncounted(&self) -> usize {
        if self.permit.is_some() { 0 } else { self.len().saturating_mul(ENTRY) }
    }
}

impl Deref for Known {
    type Target = Entries;

    fn deref(&self) -> &Entries {
        &self.entries
    }
}

impl Looks {
    pub(super) fn new(changes: Changes) -> Self {
        Self {
            by_path: Mutex::default(),
            changes,
            large: Arc::new(Semaphore::new(MAX_LARGE)),
            pages: Arc::new(Semaphore::new(MAX_PAGES)),
        }
    }

    /// The look to serve a request that arrived at `now`.
    pub(super) fn get(&self, path: &[u8], now: Instant) -> Arc<Look> {
        let mut by_path = self.lock();
        if let Some(look) = by_path.get(path)
            && look.is_fresh(now)
            && !self.changes.any_since(look.begun)
        {
            return Arc::clone(look);
        }
        let look = Arc::new(Look::begin(now));
        if by_path.len() >= MAX_SHARED {
            by_path.retain(|_, look| look.is_fresh(now));
        }
        if by_path.len() < MAX_SHARED {
            by_path.insert(path.into(), Arc::clone(&look));
        }
        look
    }

    /// Lets go of what is too old to serve anybody.
    pub(super) fn tidy(&self, now: Instant) {
        self.lock().retain(|_, look| look.is_fresh(now));
    }

    /// Leave to take that many bytes for a page.
    pub(super) fn room(&self, bytes: usize) -> Result<Room, Trouble> {
        self.leave(|| Room::of(&self.pages, bytes))
    }

    fn leave<T>(&self, attempt: impl Fn() -> Option<T>) -> Result<T, Trouble> {
        attempt()
            .or_else(|| {
                // What nobody sends any more gives way.
                self.lock().clear();
                attempt()
            })
            .ok_or(Trouble::Busy)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Box<[u8]>, Arc<Look>>> {
        self.by_path.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Look {
    fn begin(now: Instant) -> Self {
        Self { begun: now, folder: OnceCell::new(), pages: Mutex::default() }
    }

    fn is_fresh(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.begun) < FRESH
    }

    /// Looks until the folder is known or turns out to be large. True when all is known.
    pub(super) async fn start(
        &self,
        looks: &Looks,
        store: &dyn Store,
        path: &SitePath<'_>,
    ) -> Result<bool, Trouble> {
        let folder = self.folder.get_or_init(|| Folder::look(looks, store, path)).await;
        folder.as_ref().map(|folder| folder.entries.initialized()).map_err(Clone::clone)
    }

    /// The entries, waited for if need be. After [`Self::start`].
    pub(super) async fn entries(&self) -> Result<Arc<Known>, Trouble> {
        match self.folder.get() {
            Some(Ok(folder)) => Ok(folder.entries().await?),
            Some(Err(trouble)) => Err(trouble.clone()),
            None => Err(ended().into()),
        }
    }

    /// The place for what is made of it.
    pub(super) fn page(&self, key: &Key) -> Arc<OnceCell<Content>> {
        let mut pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(pages.entry(key.clone()).or_default())
    }
}

impl Folder {
    async fn look(looks: &Looks, store: &dyn Store, path: &SitePath<'_>) -> Result<Self, Trouble> {
        let (entries, rest) = match store.scan(path, PATIENCE).await? {
            Scan::Whole(entries) => {
                let known = Known { entries, permit: None };
                (OnceCell::new_with(Some(Ok(Arc::new(known)))), None)
            }
            Scan::Growing(rest) => {
                let permit = looks.leave(|| Arc::clone(&looks.large).try_acquire_owned().ok())?;
                let rest: BoxFuture<'static, _> =
                    Box::pin(
                        async move { Ok(Known { entries: rest.await?, permit: Some(permit) }) },
                    );
                (OnceCell::new(), Some(rest))
            }
        };
        Ok(Self { entries, rest: tokio::sync::Mutex::new(rest) })
    }

    async fn entries(&self) -> Result<Arc<Known>, StoreError> {
        if let Some(known) = self.entries.get() {
            return known.clone();
        }
        let mut rest = self.rest.lock().await;
        if let Some(coming) = rest.as_mut() {
            let come = coming.await.map(Arc::new);
            *rest = None;
            // It is empty: only who holds the lock fills it.
            let _ = self.entries.set(come);
        }
        self.entries.get().cloned().unwrap_or_else(|| Err(ended()))
    }
}

fn ended() -> StoreError {
    StoreError::Unavailable(io::Error::other("the look into the folder has ended"))
}
