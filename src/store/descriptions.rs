//! What is known of files that were served before: finding the charset of a text means reading it.

use std::hash::{BuildHasher, RandomState};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lru::LruCache;

use super::object::Representation;
use super::opened::Opened;
use super::version::Version;

/// How many are remembered: about 1 MiB.
const COUNT: NonZeroUsize = NonZeroUsize::new(1024).unwrap();

/// Descriptions of versions of files, those used lately.
pub(super) struct Descriptions {
    /// By a hash of version and name; both are compared.
    table: Mutex<LruCache<u64, (Version, Arc<Representation>)>>,
    hasher: RandomState,
}

impl Default for Descriptions {
    fn default() -> Self {
        Self { table: Mutex::new(LruCache::new(COUNT)), hasher: RandomState::new() }
    }
}

impl Descriptions {
    /// What is said about this version under this name, if it is also said that it has
    /// precompressed siblings or may be compressed, or is not, as `varies` has it.
    pub(super) fn recall(&self, opened: &Opened, varies: bool) -> Option<Arc<Representation>> {
        let mut table = self.lock();
        let (version, meta) = table.get(&self.key(opened))?;
        let is_same = *version == opened.version
            && *meta.name == *opened.name()
            && (meta.varies() == varies || meta.pays_compressed());
        is_same.then(|| Arc::clone(meta))
    }

    /// Keeps what is said about it.
    pub(super) fn remember(&self, opened: &Opened, meta: &Arc<Representation>) {
        let description = (opened.version, Arc::clone(meta));
        self.lock().put(self.key(opened), description);
    }

    fn key(&self, opened: &Opened) -> u64 {
        self.hasher.hash_one((&opened.version, opened.name()))
    }

    fn lock(&self) -> MutexGuard<'_, LruCache<u64, (Version, Arc<Representation>)>> {
        // A panic while it was held leaves a table that is still one.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
