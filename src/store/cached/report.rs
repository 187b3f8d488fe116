//! What a cache holds.

use std::sync::PoisonError;

use super::{Cached, CompressionReport, Kept, Origin, Outcome};
use crate::store::Found;
use crate::store::shelf::Shelf;

/// What a cache holds, and what went through it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CacheReport {
    /// Things kept: files, and answers such as that there is none.
    pub entries: usize,
    /// Bytes of memory that they take.
    pub bytes: usize,
    /// As many as they may take.
    pub max_bytes: usize,
    /// Files kept open.
    pub open_files: usize,
    /// Things that had to go for others since the start.
    pub evictions: u64,
    /// What was compressed.
    pub compressions: CompressionReport,
    /// Of the files used last, those that were found here most often, the hottest first.
    pub hottest: Vec<HotFile>,
}

/// A file in a cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HotFile {
    /// Its path on the site.
    pub path: Box<[u8]>,
    /// How often it was found.
    pub hits: u64,
    /// Its length in bytes.
    pub length: u64,
}

/// Of each table, only those used last are looked at for the hottest: nothing is hot that is not
/// among them, and nobody waits long for a table.
const MOST_RECENT: usize = 64;

/// Files that a report names.
const NAMED: usize = 10;

impl<S: Origin> Cached<S> {
    /// What is held now.
    pub(super) fn report(&self) -> CacheReport {
        let mut report = CacheReport {
            max_bytes: self.max_bytes,
            compressions: self.compressor.report(),
            ..CacheReport::default()
        };
        for shard in &self.shards {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            for shelf in [&shard.contents, &shard.open_files, &shard.bare] {
                report.entries += shelf.len();
                report.bytes += shelf.weight();
                report.evictions += shelf.evictions();
            }
            report.open_files += shard.open_files.count();
            report.hottest.extend(files(&shard.contents));
            report.hottest.extend(files(&shard.open_files));
        }
        let hottest = &mut report.hottest;
        hottest.sort_unstable_by(|a, b| b.hits.cmp(&a.hits).then_with(|| a.path.cmp(&b.path)));
        hottest.truncate(NAMED);
        report
    }
}

fn files(shelf: &Shelf<Kept>) -> impl Iterator<Item = HotFile> {
    shelf.most_recent().take(MOST_RECENT).filter_map(|(path, kept)| match &kept.outcome {
        Outcome::Found(Found::File(object)) => {
            Some(HotFile { path: path.into(), hits: kept.hits, length: object.meta.length })
        }
        _ => None,
    })
}
