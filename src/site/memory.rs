//! How much memory a site takes at most.

use std::thread;

use crate::config::Config;
use crate::content::compress;
use crate::{descriptors, handler, store};

/// A use of memory.
pub struct Share {
    /// What it is for.
    pub what: String,
    /// Bytes at most.
    pub bytes: u64,
    /// The configuration key that limits it, where one does.
    pub key: Option<&'static str>,
}

/// What a site with a configuration takes at most, whatever it is asked; all of it.
pub fn memory(config: &Config) -> Vec<Share> {
    let mut shares = Vec::new();
    let mut share =
        |what: &str, bytes, key| shares.push(Share { what: what.to_owned(), bytes, key });
    if config.enable_cache {
        share("the cache (cache_max_size)", config.cache_max_size, Some("cache_max_size"));
    }
    if config.directory_listing {
        let entries = config.max_listing_entries as u64;
        let what = format!("listings, of folders of {entries} entries (max_listing_entries)");
        share(&what, handler::listing_memory(entries), Some("max_listing_entries"));
    }
    share("Markdown as pages", handler::MARKDOWN_MEMORY, None);
    if config.enable_compression {
        let threads = thread::available_parallelism().map_or(1, usize::from) as u64;
        let kept = threads * (compress::MEMORY + 3 * config.cache_max_file_size);
        share("compressing for the cache", kept, Some("cache_max_file_size"));
        let streams = handler::COMPRESSED_AT_ONCE as u64 * compress::STREAM_MEMORY;
        share("compressing while it is sent", streams, None);
    }
    if config.enable_file_uploads {
        let drafts = max_drafts(config) as u64;
        let bytes = store::upload::memory(drafts) + handler::RESULTS_MEMORY as u64;
        share(&format!("{drafts} uploads at once"), bytes, None);
    }
    shares
}

/// Uploads that may be under way at once.
pub(super) fn max_drafts(config: &Config) -> usize {
    descriptors::shares(config.max_threads).connections / 4 + 1
}
