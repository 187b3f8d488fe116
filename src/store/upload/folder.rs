//! The upload folder, held open, and the folders below it.
//!
//! Every name is opened in a folder that is held open, one name at a time, and links are never
//! followed (`O_NOFOLLOW`); no name is `..`. So nothing leads out of the folder, whatever is
//! renamed meanwhile.
//!
//! The folder itself is known by its real path. When another one has taken its place, it is found there
//! without following a link anywhere on the way: whoever may write above it could lead uploads elsewhere.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Component, Path};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use rustix::fs::{
    Access, AtFlags, FlockOperation, Mode, OFlags, accessat, flock, fstat, fstatvfs, mkdirat,
    openat, statat, unlinkat,
};
use rustix::io::Errno;

use super::nascent::Naming;
use super::parts::{MAX_PARTS, Seats};
use super::record::{self, PartId};
use super::{UploadError, UploadOptions};
use crate::content::path::{RESERVED, is_reserved};
use crate::store::Changes;
use crate::store::walk::STAND_IN;

/// The upload folder.
pub(super) struct Folder {
    /// Read for the time of a copy; written to when another folder has taken its place.
    root: RwLock<Arc<OwnedFd>>,
    options: UploadOptions,
    /// Why nothing can be uploaded, while that is so.
    fault: Mutex<Option<Fault>>,
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
    next_sweep: Mutex<SystemTime>,
    stored_files: AtomicU64,
    stored_bytes: AtomicU64,
}

/// How often leftovers are looked for.
const SWEEP_EVERY: Duration = Duration::from_mins(1);

/// To hold a folder open.
pub(super) const HOLD: OFlags = STAND_IN;

/// To sync a folder or to lock it, it must be open for reading.
const READ: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Permissions of a folder, less the umask.
const FOLDER_MODE: Mode = Mode::RWXU.union(Mode::RWXG).union(Mode::RWXO);

/// Why nothing can be uploaded.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Fault {
    /// In a sentence, with what to do.
    why: String,
    /// Whether what is held open is not the folder any more: nothing shall be written there.
    is_away: bool,
}

/// The reserved folder, held open and locked against (or for) a sweep.
pub(super) struct Workshop {
    pub(super) folder: OwnedFd,
}

impl Folder {
    pub(super) fn open(options: UploadOptions) -> io::Result<Self> {
        let root = open_root(&options.folder)?;
        let naming = Naming::best_in(&root);
        Ok(Self {
            root: RwLock::new(Arc::new(root)),
            expiry: AtomicU64::new(options.expiry.as_secs()),
            options,
            fault: Mutex::new(None),
            naming,
            writing: AtomicUsize::new(0),
            drafts: AtomicUsize::new(0),
            parts: AtomicUsize::new(0),
            next_name: AtomicU64::new(random()?),
            seats: Seats::default(),
            naming_turn: Mutex::new(()),
            next_sweep: Mutex::new(SystemTime::UNIX_EPOCH),
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
        &self.options.folder
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

    pub(super) fn is_time_to_sweep(&self, now: SystemTime) -> bool {
        let mut next = self.next_sweep.lock().unwrap_or_else(PoisonError::into_inner);
        let due = now >= *next;
        if due {
            *next = now + SWEEP_EVERY;
        }
        due
    }

    pub(super) fn root(&self) -> Arc<OwnedFd> {
        Arc::clone(&self.root.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Opens the folder anew, made if need be, when another one than before is at its path. The folders
    /// above it are not made: where they are gone, what was served is gone. Links are not followed.
    pub(super) fn follow_root(&self) -> io::Result<()> {
        let old = fstat(self.root())?;
        let opened = match open_straight(self.path()) {
            Err(Errno::NOENT) => self.make_anew(),
            other => other,
        };
        let new = match opened {
            Ok(new) => new,
            Err(error) => {
                self.set_fault(Some(Fault { why: self.why_away(error), is_away: true }));
                return Err(error.into());
            }
        };
        let found = fstat(&new)?;
        let is_same = (found.st_dev, found.st_ino) == (old.st_dev, old.st_ino);
        if !is_same {
            *self.root.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(new);
        }
        if !is_same || self.fault().is_some() {
            let fault = self.probe().err().map(|error| self.unwritable(error));
            if !is_same && fault.is_none() {
                let folder = self.path().display();
                tracing::info!(%folder, "another upload folder is there: using it");
            }
            self.set_fault(fault);
        }
        Ok(())
    }

    fn make_anew(&self) -> Result<OwnedFd, Errno> {
        let (above, name) =
            self.path().parent().zip(self.path().file_name()).ok_or(Errno::NOENT)?;
        match mkdirat(open_straight(above)?, name, FOLDER_MODE) {
            Err(error) if error != Errno::EXIST => return Err(error),
            _ => {}
        }
        open_straight(self.path())
    }

    /// Why uploads are refused, if they are.
    pub(super) fn fault(&self) -> Option<String> {
        let fault = self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        fault.as_ref().map(|fault| fault.why.clone())
    }

    /// Notes why nothing can be uploaded, or that it can again, and says so once.
    fn set_fault(&self, new: Option<Fault>) {
        let mut fault = self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        if *fault == new {
            return;
        }
        let folder = self.path().display();
        if let Some(Fault { why, .. }) = &new {
            tracing::error!("uploads into {folder} are refused: {why}");
        } else {
            tracing::info!("uploads into {folder} are taken again");
        }
        *fault = new;
    }

    /// Finds out why something could not be written, and says so unless it was said before.
    pub(super) fn note_denied(&self) {
        if self.fault().is_some() {
            return;
        }
        if let Err(error) = self.probe() {
            self.set_fault(Some(self.unwritable(error)));
        } else {
            tracing::error!(
                "an upload is refused: a file or folder below {} cannot be written to; give this user \
                 the right to",
                self.path().display()
            );
        }
    }

    /// Makes and removes something in the reserved folder.
    fn probe(&self) -> Result<(), Errno> {
        match mkdirat(self.root(), RESERVED, Mode::RWXU) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(error),
        }
        let workshop = openat(self.root(), RESERVED, READ, Mode::empty())?;
        let name = self.unique_name("probe");
        mkdirat(&workshop, &*name, Mode::RWXU)?;
        unlinkat(&workshop, &*name, AtFlags::REMOVEDIR)
    }

    fn unwritable(&self, error: Errno) -> Fault {
        Fault { why: why_unwritable(&self.root(), error), is_away: false }
    }

    /// Why the folder is not where it was.
    fn why_away(&self, error: Errno) -> String {
        match error {
            Errno::LOOP => "a symbolic link has taken its place, or that of a folder above it, and is \
                 not followed; put the folder back, or have the configuration read again (SIGHUP) or \
                 restart, if uploads are to land where it leads (upload_dir)"
                .to_owned(),
            Errno::NOTDIR => "it is no folder any more; put the folder back".to_owned(),
            Errno::NOENT => "it is gone, and so is what it lay in; put that back".to_owned(),
            error => {
                let above = self.path().parent().ok_or(Errno::NOENT).and_then(open_straight);
                let why = match above {
                    Ok(above) => why_unwritable(&above, error),
                    Err(error) => error.to_string(),
                };
                format!("it is gone and cannot be made anew: {why}")
            }
        }
    }

    /// Fails while what is held open is not the folder any more.
    pub(super) fn is_there(&self) -> Result<(), Errno> {
        let fault = self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        match &*fault {
            Some(Fault { is_away: true, .. }) => Err(Errno::ACCESS),
            _ => Ok(()),
        }
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
        mut made: impl FnMut(&OwnedFd, &[u8]) -> Result<(), Errno>,
    ) -> Result<OwnedFd, UploadError> {
        let mut here = openat(self.root(), c".", STAND_IN, Mode::empty())?;
        for name in names {
            if !is_folder_name(name) {
                return Err(UploadError::BadName);
            }
            let next = match step(&here, name) {
                Err(Errno::NOENT) => {
                    match mkdirat(&here, &**name, FOLDER_MODE) {
                        Ok(()) => made(&here, name)?,
                        Err(Errno::EXIST) => {}
                        Err(error) => return Err(error.into()),
                    }
                    step(&here, name)?
                }
                other => other?,
            };
            here = next;
        }
        Ok(here)
    }

    /// The reserved folder, made if need be. While it is held, nobody sweeps.
    pub(super) fn workshop(&self) -> Result<Workshop, Errno> {
        self.is_there()?;
        loop {
            let folder = match openat(self.root(), RESERVED, READ, Mode::empty()) {
                Err(Errno::NOENT) => match mkdirat(self.root(), RESERVED, Mode::RWXU) {
                    Ok(()) | Err(Errno::EXIST) => continue,
                    Err(error) => return Err(error),
                },
                other => other?,
            };
            lock(&folder, FlockOperation::LockShared)?;
            return Ok(Workshop { folder });
        }
    }

    /// The reserved folder if it is there, not locked.
    pub(super) fn workshop_if_there(&self) -> Result<Option<Workshop>, Errno> {
        match openat(self.root(), RESERVED, READ, Mode::empty()) {
            Err(Errno::NOENT) => Ok(None),
            other => Ok(Some(Workshop { folder: other? })),
        }
    }

    /// The reserved folder if it is there, while nobody else is in it. Unless `patient`, `None`
    /// too when somebody is.
    pub(super) fn workshop_alone(&self, patient: bool) -> Result<Option<Workshop>, Errno> {
        let Some(workshop) = self.workshop_if_there()? else { return Ok(None) };
        let how = if patient {
            FlockOperation::LockExclusive
        } else {
            FlockOperation::NonBlockingLockExclusive
        };
        match lock(&workshop.folder, how) {
            Err(Errno::WOULDBLOCK) => Ok(None),
            other => other.map(|()| Some(workshop)),
        }
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
        self.is_there()?;
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

/// Why a folder cannot be written to, and what helps.
fn why_unwritable(folder: &OwnedFd, error: Errno) -> String {
    // What permissions allow and is refused all the same.
    let is_allowed = accessat(folder, c".", Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS);
    match error {
        Errno::ROFS => "its file system is read-only; mount it for writing".to_owned(),
        Errno::ACCESS if is_allowed.is_ok() => {
            "the sandbox only lets this process write to what was \
             there at the start; a restart is needed"
                .to_owned()
        }
        Errno::ACCESS | Errno::PERM => {
            format!("it cannot be written to: {error}; give this user the right to")
        }
        _ => format!("it cannot be written to: {error}"),
    }
}

fn open_root(path: &Path) -> io::Result<OwnedFd> {
    match open_straight(path) {
        Err(Errno::NOENT) => fs::create_dir_all(path)?,
        other => return Ok(other?),
    }
    Ok(open_straight(path)?)
}

/// Opens a folder by its path, and fails with `ELOOP` where a link is on the way.
fn open_straight(path: &Path) -> Result<OwnedFd, Errno> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{CWD, ResolveFlags, openat2};
        match openat2(CWD, path, STAND_IN, Mode::empty(), ResolveFlags::NO_SYMLINKS) {
            // Too old a kernel, or a filter that does not know the call.
            Err(Errno::NOSYS | Errno::PERM) => {}
            other => return other,
        }
    }
    open_by_names(path)
}

/// The same, name by name.
fn open_by_names(path: &Path) -> Result<OwnedFd, Errno> {
    let start = if path.is_absolute() { c"/" } else { c"." };
    let mut here = openat(rustix::fs::CWD, start, STAND_IN, Mode::empty())?;
    for part in path.components() {
        let name = match part {
            Component::Normal(name) => name,
            Component::ParentDir => std::ffi::OsStr::new(".."),
            Component::Prefix(_) | Component::RootDir | Component::CurDir => continue,
        };
        here = match openat(&here, name, STAND_IN | OFlags::NOFOLLOW, Mode::empty()) {
            Err(Errno::NOTDIR | Errno::LOOP | Errno::MLINK) => {
                return Err(link_or_file(&here, name));
            }
            other => other?,
        };
    }
    Ok(here)
}

/// What systems tell apart in different ways.
fn link_or_file(folder: &OwnedFd, name: &std::ffi::OsStr) -> Errno {
    let found = statat(folder, name, AtFlags::SYMLINK_NOFOLLOW);
    let is_link = found.is_ok_and(|found| {
        rustix::fs::FileType::from_raw_mode(found.st_mode) == rustix::fs::FileType::Symlink
    });
    if is_link { Errno::LOOP } else { Errno::NOTDIR }
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

/// Where the file system has no locks, nobody can be waited for.
fn lock(folder: &OwnedFd, how: FlockOperation) -> Result<(), Errno> {
    loop {
        match flock(folder, how) {
            Err(Errno::INTR) => {}
            Err(Errno::BADF | Errno::NOLCK | Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => {
                return Ok(());
            }
            other => return other,
        }
    }
}

fn is_folder_name(name: &[u8]) -> bool {
    !matches!(name, b"" | b"." | b"..")
        && !is_reserved(name)
        && !name.iter().any(|byte| matches!(byte, 0 | b'/'))
}

fn random() -> io::Result<u64> {
    getrandom::u64().map_err(|error| io::Error::other(error.to_string()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn no_link_is_followed_on_the_way_whoever_resolves_the_path() {
        let temporary = tempfile::tempdir().unwrap();
        let real = temporary.path().canonicalize().unwrap();
        fs::create_dir_all(real.join("a/b")).unwrap();
        fs::write(real.join("a/file"), "").unwrap();
        symlink("a", real.join("link")).unwrap();
        symlink("b", real.join("a/last")).unwrap();
        symlink("nowhere", real.join("a/dangling")).unwrap();
        for (path, expected) in [
            ("a/b", None),
            ("link/b", Some(Errno::LOOP)),
            ("a/last", Some(Errno::LOOP)),
            ("a/dangling", Some(Errno::LOOP)),
            ("a/file", Some(Errno::NOTDIR)),
            ("a/none", Some(Errno::NOENT)),
        ] {
            let path = real.join(path);
            assert_eq!(open_straight(&path).err(), expected, "{}", path.display());
            assert_eq!(open_by_names(&path).err(), expected, "by names: {}", path.display());
        }
    }
}
