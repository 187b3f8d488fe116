//! Where representations live.
//!
//! A [`Store`] says what a path names and hands out the content with its fields, of the same
//! moment. It knows nothing of requests: preconditions, ranges and statuses are its callers'.
//!
//! | module | what it knows |
//! | --- | --- |
//! | `object` | an [`Object`]: content and everything that is said about it, kept together |
//! | `version` | what tells one state of a file from the next |
//! | `resolve`, `walk` | from a path to an open file, never outside the root |
//! | `disk`, `opened` | [`Disk`]: a folder; answers at once what the kernel has in memory |
//! | `descriptions` | what was found out about files on the disk, so that it need not be again |
//! | `listing` | the entries of a folder on the disk |
//! | `entries` | many entries of a folder, close together |
//! | `inspection` | whether a folder is there, and how much room there is |
//! | `cached` | [`Cached`]: what was asked for lately, ready in memory |
//! | `shelf`, `flight` | its parts: a bounded LRU table; one load for many who wait for it |
//! | `changes` | when this server itself last changed what it serves |
//! | `watch` | what others change, as far as the kernel tells |
//! | [`upload`] | where uploads land |

mod cached;
mod changes;
#[cfg(test)]
mod conformance;
mod descriptions;
mod disk;
mod entries;
mod flight;
mod inspection;
mod listing;
mod object;
mod opened;
mod resolve;
mod shelf;
pub mod upload;
mod version;
mod walk;
mod watch;

use std::fmt;
use std::io;
use std::time::{Instant, SystemTime};

use rustix::io::Errno;

use crate::content::coding::Accepted;
use crate::content::path::SitePath;
pub use crate::message::{Answer, BoxFuture};

pub use cached::{
    CacheOptions, CacheReport, Cached, CompressionReport, HotFile, Loaded, Origin, Seen, Siblings,
};
pub use changes::Changes;
pub use disk::{Disk, DiskOptions};
pub use entries::{Entries, EntryRef};
pub use inspection::Inspection;
pub use object::{Content, Object, Representation};
pub use version::Version;
pub use watch::WatchState;

/// Where the files of a site live.
pub trait Store: Send + Sync {
    /// What a path names.
    ///
    /// A path with a final slash names a folder: its first index file that is a regular file is
    /// the answer, else the folder itself. A folder asked for without the final slash is
    /// [`Found::Folder`] (the caller redirects); a file asked for with one is not found.
    ///
    /// `now` is the caller's clock, which may be a few milliseconds coarse.
    fn find<'a>(
        &'a self,
        path: &'a SitePath<'a>,
        now: Instant,
    ) -> Answer<'a, Result<Found, StoreError>>;

    /// The same, for somebody who takes content in other codings too. A file is answered with
    ///
    /// 1. the first of the codings in which it lies beside itself, compressed before and not older;
    /// 2. else, if it is worth it and can be kept, what compressing it gives;
    /// 3. else itself, whether that is accepted or not.
    fn find_coded<'a>(
        &'a self,
        path: &'a SitePath<'a>,
        _accepted: Accepted,
        now: Instant,
    ) -> Answer<'a, Result<Found, StoreError>> {
        self.find(path, now)
    }

    /// The entries of a folder that would be served, sorted as [`Entries::sort`] does. A path that
    /// names no folder is [`StoreError::NotFound`].
    ///
    /// Once `patience` entries have been seen and there are more, the answer is
    /// [`Scan::Growing`]. Whoever drops that ends the scan.
    fn scan<'a>(
        &'a self,
        folder: &'a SitePath<'a>,
        patience: usize,
    ) -> BoxFuture<'a, Result<Scan, StoreError>>;

    /// All the entries of a folder, each on its own; see [`Store::scan`]. An error where there are more
    /// than are listed.
    fn list<'a>(
        &'a self,
        folder: &'a SitePath<'a>,
    ) -> BoxFuture<'a, Result<Vec<Entry>, StoreError>> {
        Box::pin(async move {
            let entries = match self.scan(folder, usize::MAX).await? {
                Scan::Whole(entries) => entries,
                Scan::Growing(rest) => rest.await?,
            };
            if entries.is_cut {
                let shown = entries.len();
                let error = format!("it has more than {shown} entries (max_listing_entries)");
                return Err(StoreError::Unavailable(io::Error::other(error)));
            }
            Ok(entries.iter().map(|entry| entry.to_entry()).collect())
        })
    }

    /// Lets go of what has not been used for a while. To be called now and then: every ten seconds
    /// is often enough.
    fn tidy(&self, _now: Instant) {}

    /// Lets go of everything that is kept in memory.
    fn clear(&self) {}

    /// Looks whether what is served has been replaced as a whole, and follows. May wait for a disk;
    /// once a second is often enough.
    fn notice_changes(&self) {}

    /// Looks whether the store can be read, and how much room it has. May wait for a disk.
    fn inspect(&self) -> Inspection;

    /// What is kept in memory; `None` for a store that keeps nothing.
    fn cache_report(&self) -> Option<CacheReport> {
        None
    }
}

/// What a path names.
#[derive(Clone, Debug)]
pub enum Found {
    /// A file, or the index file of a folder.
    File(Object),
    /// A folder.
    Folder(Folder),
}

/// A folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Folder {
    /// When an entry was last added, removed or renamed; `None` when unknown.
    pub modified: Option<SystemTime>,
}

/// What a look into a folder gives.
pub enum Scan {
    /// All there is.
    Whole(Entries),
    /// There is much; all of it when that has been looked at.
    Growing(BoxFuture<'static, Result<Entries, StoreError>>),
}

/// One entry of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name: any bytes but NUL and `/`, not necessarily UTF-8.
    pub name: Box<[u8]>,
    /// What it is; of a symbolic link, what it leads to.
    pub kind: EntryKind,
    /// Whether a symbolic link leads there.
    pub is_link: bool,
    /// Bytes; 0 for a folder.
    pub size: u64,
    /// When it was last modified; `None` when unknown.
    pub modified: Option<SystemTime>,
}

/// What an [`Entry`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
}

/// Which symbolic links are followed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Symlinks {
    /// None.
    Never,
    /// Those that lead to something under the root.
    #[default]
    Inside,
    /// All.
    Always,
}

/// Why a store has no answer. Nothing in here is meant for a client to read.
#[derive(Debug)]
pub enum StoreError {
    /// The path names nothing that is served.
    NotFound,
    /// It names something that this process may not read.
    Denied,
    /// The store itself failed: no descriptors left, an I/O error.
    Unavailable(io::Error),
}

impl Clone for StoreError {
    fn clone(&self) -> Self {
        match self {
            Self::NotFound => Self::NotFound,
            Self::Denied => Self::Denied,
            Self::Unavailable(error) => Self::Unavailable(match error.raw_os_error() {
                Some(code) => io::Error::from_raw_os_error(code),
                None => io::Error::new(error.kind(), error.to_string()),
            }),
        }
    }
}

impl From<Errno> for StoreError {
    fn from(error: Errno) -> Self {
        match error {
            // ENXIO and EOPNOTSUPP are what opening a socket gives, EILSEQ a name that the file
            // system cannot have; EINVAL comes from a name with a NUL in it.
            Errno::NOENT
            | Errno::NOTDIR
            | Errno::LOOP
            | Errno::XDEV
            | Errno::NAMETOOLONG
            | Errno::NXIO
            | Errno::OPNOTSUPP
            | Errno::ILSEQ
            | Errno::INVAL => Self::NotFound,
            Errno::ACCESS | Errno::PERM => Self::Denied,
            other => Self::Unavailable(other.into()),
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => formatter.write_str("there is no such file"),
            Self::Denied => formatter.write_str("the server may not read the file"),
            Self::Unavailable(error) => write!(formatter, "the file cannot be read now: {error}"),
        }
    }
}

impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::NotFound | Self::Denied => None,
            Self::Unavailable(error) => Some(error),
        }
    }
}
