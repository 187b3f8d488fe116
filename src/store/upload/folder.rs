//! The upload folder and the folders below it.
//!
//! Every name is opened in a folder that is held open, one name at a time, and links are never
//! followed (`O_NOFOLLOW`); no name is `..`. So nothing leads out of the folder, whatever is
//! renamed meanwhile.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::fs::{AtFlags, Mode, OFlags, fstatvfs, mkdirat, openat};
use rustix::io::Errno;

use super::nascent::Naming;
use super::parts::{MAX_PARTS, Seats};
use super::record::{self, PartId};
use super::root::Root;
use super::sweep::Sweeps;
use super::workshop::{Door, Workshop};
use super::{UploadError, UploadOptions};
use crate::content::path::is_reserved;
use crate::store::Changes;
use crate::store::walk::STAND_IN;

/// The upload folder.
pub(super) struct Folder {
    root: Root,
    options: UploadOptions,
    /// Seconds for which unfinished uploads are kept.
    expiry: AtomicU64,
    naming: Naming,
    /// Files being written: they share the memory there is for blocks.
    writing: AtomicUsize,
    /// Files that nobody sees yet.
    drafts: AtomicUsize,
    /// Unfinished resumable uploads, as the last sweep found them and this process has begun and
    /// ended them since.
    parts: AtomicUsize,
    next_name: AtomicU64,
    seats: Seats,
    /// Held while files get their names, or lose them again.
    naming_turn: Mutex<()>,
    door: Door,
    sweeps: Sweeps,
    stored_files: AtomicU64,
    stored_bytes: AtomicU64,
}

/// To hold a folder open.
pub(super) const HOLD: OFlags = STAND_IN;

/// To sync a folder or to lock it, it must be open for reading.
pub(super) const READ: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Permissions of a folder, less the umask.
pub(super) const FOLDER_MODE: Mode = Mode::RWXU.union(Mode::RWXG).union(Mode::RWXO);

impl Folder {
    pub(super) fn open(options: UploadOptions) -> io::Result<Self> {
        let root = Root::open(&options.folder)?;
        let naming = Naming::best_in(&root.held());
        Ok(Self {
            root,
            expiry: AtomicU64::new(options.expiry.as_secs()),
            options,
            naming,
            writing: AtomicUsize::new(0),
            drafts: AtomicUsize::new(0),
            parts: AtomicUsize::new(0),
            next_name: AtomicU64::new(random()?),
            seats: Seats::default(),
            naming_turn: Mutex::new(()),
            door: Door::default(),
            sweeps: Sweeps::default(),
            stored_files: AtomicU64::new(0),
            stored_bytes: AtomicU64::new(0),
        })
    }

    /// Notes that files have appeared.
    pub(super) fn count(&self, files: usize, bytes: u64) {
        self.stored_files.fetch_add(files as u64, Ordering::Relaxed);
        self.stored_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// How many files have appeared since the start, and bytes in them.
    pub(super) fn counts(&self) -> (u64, u64) {
        (self.stored_files.load(Ordering::Relaxed), self.stored_bytes.load(Ordering::Relaxed))
    }

    pub(super) fn path(&self) -> &Path {
        self.root.path()
    }

    pub(super) fn changes(&self) -> &Changes {
        &self.options.changes
    }

    pub(super) fn expiry(&self) -> Duration {
        Duration::from_secs(self.expiry.load(Ordering::Relaxed))
    }

    pub(super) fn keep_unfinished(&self, expiry: Duration) {
        self.expiry.store(expiry.as_secs(), Ordering::Relaxed);
    }

    /// Publications of this process do not meet: what one undoes, no other has touched meanwhile.
    pub(super) fn naming_turn(&self) -> MutexGuard<'_, ()> {
        self.naming_turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn seats(&self) -> &Seats {
        &self.seats
    }

    pub(super) fn sweeps(&self) -> &Sweeps {
        &self.sweeps
    }

    pub(super) fn door(&self) -> &Door {
        &self.door
    }

    /// Fails while what is held open is not the folder any more.
    pub(super) fn is_there(&self) -> Result<(), Errno> {
        self.root.is_there()
    }

    pub(super) fn root(&self) -> Arc<OwnedFd> {
        self.root.held()
    }

    /// Opens the folder anew when another one than before is at its path.
    pub(super) fn follow_root(&self) -> io::Result<()> {
        self.root.follow(&self.unique_name("probe"))
    }

    /// Why uploads are refused, if they are.
    pub(super) fn fault(&self) -> Option<String> {
        self.root.fault()
    }

    /// Finds out why something could not be written, and says so unless it was said before.
    pub(super) fn note_denied(&self) {
        self.root.note_denied(&self.unique_name("probe"));
    }

    pub(super) fn naming(&self) -> Naming {
        self.naming
    }

    #[cfg(test)]
    pub(super) fn set_naming(&mut self, naming: Naming) {
        self.naming = naming;
    }

    /// Fails when there is no room for so many bytes more.
    pub(super) fn has_room(&self, bytes: u64) -> Result<(), UploadError> {
        let room = fstatvfs(self.root())?;
        // Some file systems do not say how large they are.
        if room.f_blocks > 0 && room.f_bavail.saturating_mul(room.f_frsize) < bytes {
            return Err(UploadError::NoSpace);
        }
        Ok(())
    }

    /// Opens a folder below, by its names; notes the ones that it had to make.
    pub(super) fn enter(
        &self,
        names: &[Box<[u8]>],
        mut made: impl FnMut(&Rc<OwnedFd>, &[u8]),
    ) -> Result<Rc<OwnedFd>, UploadError> {
        let mut here = Rc::new(openat(self.root(), c".", STAND_IN, Mode::empty())?);
        for name in names {
            if !is_folder_name(name) {
                return Err(UploadError::BadName);
            }
            let next = match step(&here, name) {
                Err(Errno::NOENT) => {
                    match mkdirat(&here, &**name, FOLDER_MODE) {
                        Ok(()) => made(&here, name),
                        Err(Errno::EXIST) => {}
                        Err(error) => return Err(error.into()),
                    }
                    step(&here, name)?
                }
                other => other?,
            };
            here = Rc::new(next);
        }
        Ok(here)
    }

    /// Opens a folder below, by its names. `None` when there is none.
    pub(super) fn find(&self, names: &[Box<[u8]>]) -> Result<Option<OwnedFd>, UploadError> {
        let mut here = openat(self.root(), c".", STAND_IN, Mode::empty())?;
        for name in names {
            if !is_folder_name(name) {
                return Err(UploadError::BadName);
            }
            here = match step(&here, name) {
                Err(Errno::NOENT) => return Ok(None),
                other => other?,
            };
        }
        Ok(Some(here))
    }

    /// A name for something in the reserved folder that no other process comes upon.
    pub(super) fn unique_name(&self, kind: &str) -> String {
        format!("{:016x}.{kind}", self.next_name.fetch_add(1, Ordering::Relaxed))
    }

    /// A place for a file; each takes a descriptor until its request is over.
    pub(super) fn begin_draft(self: &Arc<Self>) -> Result<DraftSeat, UploadError> {
        self.root.is_there()?;
        let seat = DraftSeat(Arc::clone(self));
        if self.drafts.fetch_add(1, Ordering::Relaxed) >= self.options.max_drafts {
            return Err(Errno::MFILE.into());
        }
        Ok(seat)
    }

    /// A place for one more resumable upload. Only while the workshop is held, so that no sweep
    /// counts at the same time.
    pub(super) fn begin_part(&self) -> Option<PartPlace<'_>> {
        let place = PartPlace(self);
        let before = self.parts.fetch_add(1, Ordering::Relaxed);
        (before < MAX_PARTS).then_some(place)
    }

    /// One of them has appeared or is gone.
    pub(super) fn end_part(&self) {
        // A sweep of another process may have been before.
        let less = |count: usize| Some(count.saturating_sub(1));
        let _ = self.parts.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    }

    /// So many there are.
    pub(super) fn set_parts(&self, count: usize) {
        self.parts.store(count, Ordering::Relaxed);
    }

    /// Removes an unfinished one, which frees its place.
    pub(super) fn remove_part(&self, workshop: &Workshop, id: PartId) -> Result<(), Errno> {
        record::remove(&workshop.folder, id)?;
        self.end_part();
        Ok(())
    }

    /// Counts a file being written for as long as the guard lives.
    pub(super) fn begin_writing(self: &Arc<Self>) -> Writing {
        self.writing.fetch_add(1, Ordering::Relaxed);
        Writing(Arc::clone(self))
    }
}

/// The place of one file that nobody sees yet.
pub(super) struct DraftSeat(Arc<Folder>);

impl Drop for DraftSeat {
    fn drop(&mut self) {
        self.0.drafts.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The place of a resumable upload, given back unless it is kept.
#[must_use]
pub(super) struct PartPlace<'a>(&'a Folder);

impl PartPlace<'_> {
    pub(super) fn keep(self) {
        std::mem::forget(self);
    }
}

impl Drop for PartPlace<'_> {
    fn drop(&mut self) {
        self.0.end_part();
    }
}

/// One file being written.
pub(super) struct Writing(Arc<Folder>);

impl Writing {
    /// Files being written at the moment, at least 1.
    pub(super) fn count(&self) -> usize {
        self.0.writing.load(Ordering::Relaxed).max(1)
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        self.0.writing.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Syncs a folder, so that the names in it outlast a loss of power.
pub(super) fn sync(folder: &OwnedFd) -> Result<(), Errno> {
    match openat(folder, c".", READ, Mode::empty()) {
        Ok(readable) => rustix::fs::fsync(readable),
        // A folder that may be written but not read cannot be synced.
        Err(Errno::ACCESS) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Whether there is a folder of that name.
pub(super) fn is_folder(folder: &OwnedFd, name: &[u8]) -> bool {
    let stat = rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW);
    stat.is_ok_and(|stat| {
        rustix::fs::FileType::from_raw_mode(stat.st_mode) == rustix::fs::FileType::Directory
    })
}

fn step(here: &OwnedFd, name: &[u8]) -> Result<OwnedFd, Errno> {
    openat(here, name, STAND_IN | OFlags::NOFOLLOW, Mode::empty())
}

fn is_folder_name(name: &[u8]) -> bool {
    !matches!(name, b"" | b"." | b"..")
        && !is_reserved(name)
        && !name.iter().any(|byte| matches!(byte, 0 | b'/'))
}

fn random() -> io::Result<u64> {
    getrandom::u64().map_err(|error| io::Error::other(error.to_string()))
}
