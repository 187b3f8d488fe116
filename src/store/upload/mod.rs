//! Where uploads land: a folder into which files appear whole, or not at all.
//!
//! 1. A [`Draft`] takes the bytes. Where the file system can have files without a name
//!    (`O_TMPFILE`), it is one: whatever ends the process ends the draft. Elsewhere it lies in
//!    [`RESERVED`](crate::content::path::RESERVED), from where the next start removes it.
//! 2. [`UploadFolder::publish`] syncs the drafts of one request, gives them their names in one
//!    step each, and syncs the folders. If one cannot have its name, none has.
//!
//! | module | what it knows |
//! | --- | --- |
//! | `root` | the folder itself: held open, found again, and why nothing can be written there |
//! | `folder` | its subfolders; what is counted |
//! | `workshop` | the reserved folder, and who is in it |
//! | `nascent` | a file that nobody sees yet, and how it gets a name |
//! | `writer`, `block` | bytes gathered to blocks, written and hashed while the next are gathered |
//! | `publish` | all or none |
//! | `parts`, `record` | files that come over several requests and starts |
//! | `names` | `a (1).txt`, `a (2).txt` … |
//! | `sweep` | what an earlier run left, and what has expired |

mod block;
mod draft;
mod folder;
mod names;
mod nascent;
mod parts;
mod publish;
mod record;
mod root;
mod sweep;
#[cfg(test)]
mod tests;
mod workshop;
mod writer;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use crate::content::upload_name::UploadName;
use crate::store::{Changes, Inspection};

pub use draft::Draft;
use folder::Folder;
pub use parts::{Finished, NewPart, Part, PartError, Resumed};
pub use record::PartId;
pub use writer::memory;

/// The folder that uploads land in. Copies are of the same folder.
#[derive(Clone)]
pub struct UploadFolder(Arc<Folder>);

/// What an [`UploadFolder`] needs to know.
#[derive(Clone, Debug)]
pub struct UploadOptions {
    /// The folder, by its real path: no link on the way is followed. Made with its parents if it is not
    /// there.
    pub folder: PathBuf,
    /// How long an unfinished resumable upload is kept after its last byte.
    pub expiry: Duration,
    /// Files that may be under way at once, in all requests.
    pub max_drafts: usize,
    /// Told when files have appeared.
    pub changes: Changes,
}

/// What happens to a file whose name is taken; in the order of power over what is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Conflict {
    /// It is refused.
    Reject,
    /// It gets another name: `a (1).txt`.
    Rename,
    /// It takes the place of the old one.
    Replace,
}

/// Where a file shall appear.
#[derive(Clone, Debug)]
pub struct Place {
    /// The names of the folders below the upload folder, outermost first. Those that are missing
    /// are made.
    pub folder: Vec<Box<[u8]>>,
    /// Its name.
    pub name: UploadName,
    /// What happens when the name is taken.
    pub conflict: Conflict,
}

/// A file that has appeared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The names of the folders below the upload folder, outermost first.
    pub folder: Vec<Box<[u8]>>,
    /// Its name, which may be another one than was asked for.
    pub name: Box<[u8]>,
    /// Bytes.
    pub size: u64,
    /// SHA-256 of its content.
    pub sha256: [u8; 32],
    /// Whether it took the place of another file.
    pub replaced: bool,
}

/// Why a file was not stored.
#[derive(Debug)]
pub enum UploadError {
    /// The name is taken, and conflicts are refused; or a file is where a folder is needed.
    Taken,
    /// The name is that of a folder.
    IsFolder,
    /// The disk or the quota is full.
    NoSpace,
    /// As many resumable uploads are unfinished as may be.
    TooManyParts,
    /// This process may not write there.
    Denied,
    /// The file system, or this server, cannot have such a name.
    BadName,
    /// The folder failed: no descriptors left, an I/O error.
    Unavailable(io::Error),
}

impl UploadFolder {
    /// Makes the folder if need be, and removes what an earlier run left. May wait for a disk.
    pub fn open(options: UploadOptions) -> io::Result<Self> {
        let folder = Folder::open(options)?;
        sweep::sweep(&folder, SystemTime::now(), true)?;
        Ok(Self(Arc::new(folder)))
    }

    /// Keeps unfinished resumable uploads for so long after their last byte, from now on.
    pub fn keep_unfinished(&self, expiry: Duration) {
        self.0.keep_unfinished(expiry);
    }

    /// How many files have appeared since the start, and bytes in them.
    pub fn counts(&self) -> (u64, u64) {
        self.0.counts()
    }

    /// Looks whether the folder can be written to, as far as is known, and how much room it has. May wait
    /// for a disk.
    pub fn inspect(&self) -> Inspection {
        let fault = self.0.fault().map(io::Error::other);
        let found = Inspection::of(self.0.path());
        Inspection { fault: fault.or(found.fault), ..found }
    }

    /// Why uploads are refused, if they are.
    pub fn fault(&self) -> Option<String> {
        self.0.fault()
    }

    /// Finds out and says why this was denied, if it was. May wait for a disk.
    async fn explain<T>(&self, result: Result<T, UploadError>) -> Result<T, UploadError> {
        if let Err(UploadError::Denied) = result {
            let folder = Arc::clone(&self.0);
            // What failed has failed, whatever comes of this.
            let _: Result<(), UploadError> = blocking(move || {
                folder.note_denied();
                Ok(())
            })
            .await;
        }
        result
    }

    /// Begins a file that nobody sees. `expected` is the number of bytes announced, if any: when
    /// there is no room for them, that is said now.
    pub async fn draft(&self, expected: Option<u64>) -> Result<Draft, UploadError> {
        self.explain(Draft::begin(&self.0, expected).await).await
    }

    /// Makes the drafts of one request appear: all of them, or (on an error) none. When it
    /// returns, they outlast a loss of power.
    pub async fn publish(&self, drafts: Vec<(Draft, Place)>) -> Result<Vec<Stored>, UploadError> {
        let mut finished = Vec::with_capacity(drafts.len());
        for (draft, place) in drafts {
            finished.push((draft.finish().await?, place));
        }
        let folder = Arc::clone(&self.0);
        self.explain(blocking(move || publish::all_or_none(&folder, finished)).await).await
    }

    /// Begins an upload that may come in parts.
    pub async fn begin_part(&self, new: NewPart) -> Result<Part, UploadError> {
        self.explain(parts::create(&self.0, new).await).await
    }

    /// Goes on with one. A request that is at it is made to give way.
    pub async fn resume(&self, id: PartId) -> Result<Resumed, PartError> {
        parts::resume(&self.0, id).await
    }

    /// Removes what there is of one that nobody will be told of.
    pub async fn withdraw(&self, id: PartId) -> Result<(), PartError> {
        parts::withdraw(&self.0, id).await
    }

    /// Forgets a finished one: nobody is told of it any more. Its file stays.
    pub async fn forget(&self, id: PartId) -> Result<(), UploadError> {
        let folder = Arc::clone(&self.0);
        blocking(move || Ok(record::remove(&folder.workshop()?.folder, id)?)).await
    }

    /// Follows when another folder has taken the place of this one. Once a minute, however often
    /// it is called, it removes resumable uploads that nobody went on with for too long, and what
    /// other processes left; sooner again where that could not be done. May wait for a disk, or for
    /// some seconds.
    pub fn tidy(&self, now: SystemTime) {
        let mut done = self.0.follow_root();
        if done.is_ok()
            && let Some(patient) = self.0.sweeps().begin(now)
        {
            let swept = sweep::sweep(&self.0, now, patient);
            self.0.sweeps().ended(now, matches!(swept, Ok(true)));
            done = swept.map(drop);
        }
        if let Err(error) = done {
            let folder = self.0.path().display();
            tracing::debug!(%error, %folder, "the upload folder cannot be looked after");
        }
    }
}

impl fmt::Debug for UploadFolder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("UploadFolder").field(&self.0.path()).finish()
    }
}

/// Does `work` on a thread that may wait for a disk.
async fn blocking<T, E>(work: impl FnOnce() -> Result<T, E> + Send + 'static) -> Result<T, E>
where
    T: Send + 'static,
    E: From<io::Error> + Send + 'static,
{
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(failed) => Err(io::Error::other(failed).into()),
    }
}

impl From<Errno> for UploadError {
    fn from(error: Errno) -> Self {
        match error {
            Errno::EXIST | Errno::NOTDIR | Errno::LOOP => Self::Taken,
            Errno::ISDIR => Self::IsFolder,
            Errno::NOSPC | Errno::DQUOT | Errno::FBIG => Self::NoSpace,
            Errno::ACCESS | Errno::PERM | Errno::ROFS => Self::Denied,
            Errno::NAMETOOLONG | Errno::ILSEQ | Errno::INVAL => Self::BadName,
            Errno::XDEV => Self::Unavailable(io::Error::other(
                "a folder below the upload folder is on another file system, into which no file \
                 can be moved in one step",
            )),
            other => Self::Unavailable(other.into()),
        }
    }
}

impl From<io::Error> for UploadError {
    fn from(error: io::Error) -> Self {
        match Errno::from_io_error(&error) {
            Some(code) => code.into(),
            None => Self::Unavailable(error),
        }
    }
}

impl fmt::Display for UploadError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Taken => "there is a file of that name",
            Self::IsFolder => "there is a folder of that name",
            Self::NoSpace => "there is no room left for the file",
            Self::TooManyParts => {
                return write!(
                    formatter,
                    "{} uploads are unfinished, and no more may be: go on with one of them or \
                     delete it, or wait until some expire (upload_expiry)",
                    parts::MAX_PARTS
                );
            }
            Self::Denied => "the server may not write to the upload folder",
            Self::BadName => "the file system cannot have a file of that name",
            Self::Unavailable(error) => {
                return write!(formatter, "the file cannot be stored now: {error}");
            }
        })
    }
}

impl std::error::Error for UploadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unavailable(error) => Some(error),
            _ => None,
        }
    }
}
