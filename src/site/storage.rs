//! Where files are served from: the disk, behind a cache if one is wanted.

use std::path::PathBuf;
use std::sync::Arc;

use http::HeaderValue;

use super::BuildError;
use crate::config::{Config, FollowSymlinks};
use crate::descriptors;
use crate::store::{CacheOptions, Cached, Changes, Disk, DiskOptions, Store, Symlinks};

/// Where the files of a site are.
#[derive(Clone)]
pub(super) struct Storage {
    options: Options,
    pub(super) disk: Disk,
    pub(super) store: Arc<dyn Store>,
    /// Told when this server itself has changed something.
    pub(super) changes: Changes,
}

#[derive(Clone, PartialEq)]
struct Options {
    disk: DiskOptions,
    cache: Option<CacheOptions>,
}

impl Storage {
    /// Opens the document root. `sandboxed` is the folder that uploads land in. What there was
    /// `before` is kept, with all that is in its cache, if nothing about it is to change.
    pub(super) fn open(
        config: &Config,
        sandboxed: Option<PathBuf>,
        changes: &Changes,
        before: Option<&Self>,
    ) -> Result<Self, BuildError> {
        let disk = disk_options(config, sandboxed);
        let options = Options { disk, cache: cache_options(config) };
        if let Some(before) = before.filter(|before| before.options == options) {
            return Ok(before.clone());
        }
        let disk = open(options.disk.clone())?;
        let store: Arc<dyn Store> = match &options.cache {
            None => Arc::new(disk.clone()),
            Some(cache) => {
                let cached = Cached::new(disk.clone(), *cache);
                Arc::new(cached.heeding(changes.clone()))
            }
        };
        Ok(Self { options, disk, store, changes: changes.clone() })
    }

    /// Whether both are the same, with one cache.
    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.store, &other.store)
    }
}

/// Opens the document root, to find out whether it can be served.
pub(super) fn open_root(config: &Config) -> Result<Disk, BuildError> {
    open(disk_options(config, None))
}

fn open(options: DiskOptions) -> Result<Disk, BuildError> {
    let root = options.root.clone();
    Disk::open(options).map_err(|error| BuildError::Root { root, error })
}

fn disk_options(config: &Config, sandboxed: Option<PathBuf>) -> DiskOptions {
    DiskOptions {
        root: config.document_root.clone(),
        index_files: config.index_files.clone(),
        show_hidden: config.show_hidden_files,
        symlinks: match config.follow_symlinks {
            FollowSymlinks::Never => Symlinks::Never,
            FollowSymlinks::Inside => Symlinks::Inside,
            FollowSymlinks::Always => Symlinks::Always,
        },
        cache_control: Some(cache_control(config)),
        sandboxed,
        codings: config.enable_compression,
        max_entries: Some(config.max_listing_entries),
    }
}

fn cache_options(config: &Config) -> Option<CacheOptions> {
    config.enable_cache.then(|| CacheOptions {
        max_bytes: usize::try_from(config.cache_max_size).unwrap_or(usize::MAX),
        max_file_bytes: config.cache_max_file_size,
        max_age: config.cache_max_age,
        max_open_files: descriptors::shares(config.max_threads).open_files,
    })
}

fn cache_control(config: &Config) -> HeaderValue {
    if config.enable_browser_caching {
        let seconds = config.browser_cache_time.as_secs();
        let value = format!("public, max-age={seconds}");
        HeaderValue::try_from(value).unwrap_or(HeaderValue::from_static("no-cache"))
    } else {
        HeaderValue::from_static("no-cache")
    }
}
