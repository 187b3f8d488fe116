//! What was asked for lately, ready in memory.
//!
//! 1. A hit that was checked less than [`FRESH`] ago, or is watched, costs a hash, a short lock and two
//!    reference counts; no system call, no allocation.
//! 2. An older one is compared with what the path names now, by metadata alone; nearly always that
//!    needs no waiting either.
//! 3. Everything else (a miss, a change, a check that would wait for a disk) is one load, however
//!    many ask for it meanwhile.
//!
//! 'Not found' is remembered like everything else, and checked like everything else.

mod coded;
mod compressor;
mod freshness;
mod making;
mod origin;
mod report;
mod shard;
#[cfg(test)]
mod tests;
mod variants;

use std::hash::BuildHasher;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use foldhash::quality::RandomState;
use rustix::io::Errno;

use crate::content::coding::Accepted;
use crate::content::path::SitePath;

pub use self::compressor::CompressionReport;
use self::compressor::Compressor;
pub(super) use self::freshness::FRESH;
use self::freshness::{Freshness, Moment};
use self::making::Made;
pub use self::origin::{Loaded, Origin, Seen};
pub use self::report::{CacheReport, HotFile};
use self::shard::{Kept, Outcome, Shard};
use self::variants::Codings;
pub use self::variants::Siblings;
use super::changes::Changes;
use super::flight::Flights;
use super::shelf::{Limits, Shelf};
use super::watch::WatchState;
use super::{Answer, BoxFuture, Found, Inspection, Scan, Store, StoreError};
use crate::message::CacheUse;

/// How long the descriptor of a large file that nobody asks for is kept: a deleted file takes its
/// space on the disk for as long as it is open.
const IDLE: Duration = Duration::from_secs(30);

/// Tables, each with its lock, when the budget is large enough to be divided.
const MAX_SHARDS: usize = 16;

/// Files of the largest size that a table must have room for.
const FILES_PER_SHARD: usize = 4;

/// What a [`Cached`] needs to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheOptions {
    /// Bytes of memory for everything that is kept.
    pub max_bytes: usize,
    /// Large files kept open at once.
    pub max_open_files: usize,
    /// Files longer than this, in bytes, are kept open instead of being kept in memory.
    pub max_file_bytes: u64,
    /// How long anything is kept at most.
    pub max_age: Duration,
}

/// A store with a cache before it.
pub struct Cached<S> {
    origin: S,
    max_bytes: usize,
    max_file_bytes: u64,
    max_age: Duration,
    /// Standard locks: held for the time of a lookup, never while anything is awaited. Several, so
    /// that two workers seldom want the same one; a hit moves its entry to the front of a list, so
    /// readers cannot share one.
    shards: Box<[Mutex<Shard>]>,
    hasher: RandomState,
    flights: Flights<Result<Found, StoreError>>,
    making: Flights<Made>,
    compressor: Compressor,
    changes: Changes,
}

/// Where a request finds itself.
enum Standing {
    /// Answered.
    Fresh(Outcome),
    /// Answered, if the path still names what was seen. It may be time to ask for a watch.
    Stale {
        seen: Seen,
        asks: bool,
        outcome: Outcome,
    },
    Unknown,
}

/// What a look says of what is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// It is as it was.
    Same,
    /// It is not, or nobody knows.
    Other,
    /// There is no descriptor to look with. What is in memory is given as it is, because nothing
    /// else can be had.
    Blind,
}

impl Verdict {
    fn of<T: PartialEq>(looked: &Result<T, StoreError>, known: &T) -> Self {
        match looked {
            Ok(current) if current == known => Self::Same,
            Err(StoreError::Unavailable(error)) if is_out_of_descriptors(error) => Self::Blind,
            _ => Self::Other,
        }
    }
}

impl<S: Origin> Cached<S> {
    /// Puts a cache before `origin`.
    pub fn new(origin: S, options: CacheOptions) -> Self {
        let small = (options.max_bytes / 16).min(1 << 20);
        let large = options.max_bytes - 2 * small;
        let longest = usize::try_from(options.max_file_bytes).unwrap_or(usize::MAX);
        let room = large / longest.saturating_mul(FILES_PER_SHARD).max(1);
        let count = 1 << room.clamp(1, MAX_SHARDS).ilog2();
        let limits = |weight: usize, values| Limits { weight: weight / count, count: values };
        let shard = |_| {
            Mutex::new(Shard {
                contents: Shelf::new(limits(large, usize::MAX)),
                open_files: Shelf::new(limits(small, (options.max_open_files / count).max(1))),
                bare: Shelf::new(limits(small, usize::MAX)),
            })
        };
        Self {
            origin,
            max_bytes: options.max_bytes,
            // What would not fit into a table is not read for it.
            max_file_bytes: options.max_file_bytes.min((large / count) as u64 / 2),
            max_age: options.max_age,
            shards: (0..count).map(shard).collect(),
            hasher: RandomState::default(),
            flights: Flights::default(),
            making: Flights::default(),
            compressor: Compressor::new(),
            changes: Changes::default(),
        }
    }

    /// Gives nothing again unchecked that was seen before the last of `changes`.
    #[must_use]
    pub fn heeding(mut self, changes: Changes) -> Self {
        self.changes = changes;
        self
    }

    #[inline]
    fn key(&self, path: &[u8]) -> u64 {
        self.hasher.hash_one(path)
    }

    fn shard(&self, key: u64) -> MutexGuard<'_, Shard> {
        // The table inside takes its own bits from both ends of the key.
        let number = (key >> 32) as usize % self.shards.len();
        // A panic while it was held leaves a table that is still one.
        self.shards[number].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Before any lock is taken: this may read what happened.
    #[inline]
    fn moment(&self, now: Instant) -> Moment<'_> {
        Moment { now, watch: self.origin.watch_state(now), changes: &self.changes }
    }

    #[inline]
    fn standing(&self, key: u64, path: &[u8], moment: &Moment<'_>) -> Standing {
        let mut shard = self.shard(key);
        match shard.peek(key, path) {
            Some(kept) if moment.now.saturating_duration_since(kept.loaded) < self.max_age => {
                let outcome = kept.outcome.clone();
                kept.hits += 1;
                if kept.freshness.holds(moment) {
                    return Standing::Fresh(outcome);
                }
                let Some(seen) = kept.seen else { return Standing::Unknown };
                Standing::Stale { seen, asks: kept.freshness.asks(moment), outcome }
            }
            _ => Standing::Unknown,
        }
    }

    /// Notes that at `now` the path still named what was seen, and is watched since before. What is in
    /// use is so moved to the front once in a while, not with each use.
    fn confirm(&self, key: u64, path: &[u8], seen: Seen, now: Instant, watch: Option<WatchState>) {
        let mut shard = self.shard(key);
        if let Some(kept) = shard.get(key, path)
            && kept.seen == Some(seen)
        {
            kept.freshness.confirm(now, watch);
        }
    }

    /// The answer, by whatever I/O it takes; what it gives is kept.
    async fn bring(
        &self,
        key: u64,
        path: &SitePath<'_>,
        now: Instant,
    ) -> Result<Found, StoreError> {
        match self.standing(key, path.as_bytes(), &self.moment(now)) {
            // Another load landed just before this one began.
            Standing::Fresh(outcome) => return outcome.found(CacheUse::Hit),
            Standing::Stale { seen, outcome, .. } => {
                match Verdict::of(&self.origin.look(path).wait().await, &seen) {
                    Verdict::Same => {
                        self.confirm(key, path.as_bytes(), seen, now, None);
                        return outcome.found(CacheUse::Revalidated);
                    }
                    Verdict::Blind => return outcome.found(CacheUse::Hit),
                    Verdict::Other => {}
                }
            }
            Standing::Unknown => {}
        }
        let loaded = self.origin.load(path, self.max_file_bytes).await;
        self.keep(key, path.as_bytes(), &loaded, now);
        loaded.and_then(|loaded| Outcome::Found(loaded.found).found(CacheUse::Miss))
    }

    /// Gives all descriptors back when there are none left: the process needs them more than the
    /// cache.
    fn yield_descriptors(&self, error: &StoreError) {
        if !matches!(error, StoreError::Unavailable(error) if is_out_of_descriptors(error)) {
            return;
        }
        for shard in &self.shards {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            shard.open_files.retain(|_| false);
        }
    }

    fn keep(&self, key: u64, path: &[u8], loaded: &Result<Loaded, StoreError>, now: Instant) {
        let (outcome, seen, siblings) = match loaded {
            Ok(Loaded { found, seen, siblings }) => {
                (Outcome::Found(found.clone()), *seen, siblings.as_deref())
            }
            Err(StoreError::NotFound) => (Outcome::NotFound, Some(Seen::Nothing), None),
            // Metadata does not show whether a file may be read.
            Err(StoreError::Denied) => (Outcome::Denied, None, None),
            Err(error @ StoreError::Unavailable(_)) => return self.yield_descriptors(error),
        };
        let codings = Codings::of(siblings);
        let freshness = Freshness::new(now);
        let kept = Kept { outcome, seen, loaded: now, freshness, hits: 0, codings };
        let gone = self.shard(key).put(key, path, kept);
        // The lock is given back before anything is freed.
        drop(gone);
    }
}

impl<S: Origin> Store for Cached<S> {
    #[inline]
    fn find<'a>(
        &'a self,
        path: &'a SitePath<'a>,
        now: Instant,
    ) -> Answer<'a, Result<Found, StoreError>> {
        let bytes = path.as_bytes();
        let key = self.key(bytes);
        match self.standing(key, bytes, &self.moment(now)) {
            Standing::Fresh(outcome) => return Answer::Ready(outcome.found(CacheUse::Hit)),
            Standing::Stale { seen, asks, outcome } => {
                let watch = if asks { self.origin.watch(path, seen, false, now) } else { None };
                if let Answer::Ready(looked) = self.origin.look(path) {
                    match Verdict::of(&looked, &seen) {
                        Verdict::Same => {
                            self.confirm(key, bytes, seen, now, watch);
                            return Answer::Ready(outcome.found(CacheUse::Revalidated));
                        }
                        Verdict::Blind => return Answer::Ready(outcome.found(CacheUse::Hit)),
                        Verdict::Other => {}
                    }
                }
            }
            Standing::Unknown => {}
        }
        let change = self.changes.latest();
        Answer::later(self.flights.join(bytes, change, move || self.bring(key, path, now)))
    }

    #[inline]
    fn find_coded<'a>(
        &'a self,
        path: &'a SitePath<'a>,
        accepted: Accepted,
        now: Instant,
    ) -> Answer<'a, Result<Found, StoreError>> {
        self.find_in(path, accepted, now)
    }

    fn scan<'a>(
        &'a self,
        folder: &'a SitePath<'a>,
        patience: usize,
    ) -> BoxFuture<'a, Result<Scan, StoreError>> {
        self.origin.scan(folder, patience)
    }

    fn tidy(&self, now: Instant) {
        let is_young = |kept: &Kept| now.saturating_duration_since(kept.loaded) < self.max_age;
        let is_used = |kept: &Kept| now.saturating_duration_since(kept.freshness.checked) < IDLE;
        for shard in &self.shards {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            shard.contents.retain(is_young);
            shard.open_files.retain(|kept| is_young(kept) && is_used(kept));
            shard.bare.retain(is_young);
        }
        self.origin.tidy(now);
    }

    fn clear(&self) {
        for shard in &self.shards {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            let Shard { contents, open_files, bare } = &mut *shard;
            for shelf in [contents, open_files, bare] {
                shelf.retain(|_| false);
            }
        }
    }

    fn notice_changes(&self) {
        self.origin.notice_changes();
    }

    fn inspect(&self) -> Inspection {
        self.origin.inspect()
    }

    fn cache_report(&self) -> Option<CacheReport> {
        Some(self.report())
    }
}

fn is_out_of_descriptors(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::MFILE | Errno::NFILE))
}
