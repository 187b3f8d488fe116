//! How much memory a server with a configuration takes at most.

use std::fmt;
use std::thread;

use crate::config::Config;
use crate::content::compress;
use crate::content::shown::Size;
use crate::{handler, server, store};

/// A use of memory, and bytes at most.
struct Share {
    what: String,
    bytes: u64,
}

/// The upper bound: what each part holds at most, added up as if all were full at once. Beside it there is
/// the program itself, about 10 MiB, and what the allocator keeps.
pub(super) struct Bound {
    shares: Vec<Share>,
}

impl Bound {
    pub(super) fn of(config: &Config) -> Self {
        let mut shares = Vec::new();
        let mut share = |what: String, bytes: u64| {
            if bytes > 0 {
                shares.push(Share { what, bytes });
            }
        };
        let connections = server::max_connections(config) as u64;
        let each = server::connection_memory(config);
        let what = format!("{connections} connections of {} (max_connections)", Size(each));
        share(what, connections.saturating_mul(each));
        if config.enable_cache {
            share("the cache (cache_max_size)".to_owned(), config.cache_max_size);
        }
        if config.directory_listing {
            let entries = config.max_listing_entries as u64;
            let what = format!("listings, of folders of {entries} entries (max_listing_entries)");
            share(what, handler::listing_memory(entries));
        }
        if config.enable_compression {
            let threads = thread::available_parallelism().map_or(1, usize::from) as u64;
            let kept = threads * (compress::MEMORY + 3 * config.cache_max_file_size);
            share("compressing for the cache".to_owned(), kept);
            // Files, and pages that the server makes.
            let streams = 2 * handler::COMPRESSED_AT_ONCE as u64 * compress::STREAM_MEMORY;
            share("compressing while it is sent".to_owned(), streams);
        }
        if config.enable_file_uploads {
            let drafts = server::max_connections(config) as u64 / 4 + 1;
            let what = format!("{drafts} uploads at once");
            share(what, store::upload::memory(drafts) + handler::RESULTS_MEMORY as u64);
        }
        Self { shares }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sum = self.shares.iter().fold(0, |sum: u64, share| sum.saturating_add(share.bytes));
        writeln!(formatter, "Memory at most, if all of it is used at once: {}", Size(sum))?;
        for Share { what, bytes } in &self.shares {
            writeln!(formatter, "{:>12}  {what}", Size(*bytes).to_string())?;
        }
        Ok(())
    }
}
