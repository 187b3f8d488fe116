//! The upload folder itself: held open, found again, and why nothing can be written there.
//!
//! It is known by its real path. When another one has taken its place, it is found there without
//! following a link anywhere on the way: whoever may write above it could lead uploads elsewhere.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use rustix::fs::{
    Access, AtFlags, Mode, OFlags, accessat, fstat, mkdirat, openat, statat, unlinkat,
};
use rustix::io::Errno;

use super::folder::{FOLDER_MODE, READ};
use crate::content::path::RESERVED;
use crate::store::walk::STAND_IN;

/// The upload folder.
pub(super) struct Root {
    path: PathBuf,
    /// Read for the time of a copy; written to when another folder has taken its place.
    held: RwLock<Arc<OwnedFd>>,
    /// Why nothing can be uploaded, while that is so.
    fault: Mutex<Option<Fault>>,
}

/// Why nothing can be uploaded.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Fault {
    /// In a sentence, with what to do.
    why: String,
    /// Whether what is held open is not the folder any more: nothing shall be written there.
    is_away: bool,
}

impl Root {
    /// Opens the folder, made if need be with those above it.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let held = open_root(path)?;
        let (path, held) = (path.to_owned(), RwLock::new(Arc::new(held)));
        Ok(Self { path, held, fault: Mutex::new(None) })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn held(&self) -> Arc<OwnedFd> {
        Arc::clone(&self.held.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Opens the folder anew, made if need be, when another one than before is at its path. The folders
    /// above it are not made: where they are gone, what was served is gone. Links are not followed.
    ///
    /// `probe` is the name of something that may be made there to find out whether that can be done.
    pub(super) fn follow(&self, probe: &str) -> io::Result<()> {
        let old = fstat(self.held())?;
        let opened = match open_straight(&self.path) {
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
            *self.held.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(new);
        }
        if !is_same || self.fault().is_some() {
            let fault = self.probe(probe).err().map(|error| self.unwritable(error));
            if !is_same && fault.is_none() {
                let folder = self.path.display();
                tracing::info!(%folder, "another upload folder is there: using it");
            }
            self.set_fault(fault);
        }
        Ok(())
    }

    fn make_anew(&self) -> Result<OwnedFd, Errno> {
        let (above, name) = self.path.parent().zip(self.path.file_name()).ok_or(Errno::NOENT)?;
        match mkdirat(open_straight(above)?, name, FOLDER_MODE) {
            Err(error) if error != Errno::EXIST => return Err(error),
            _ => {}
        }
        open_straight(&self.path)
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
        let folder = self.path.display();
        if let Some(Fault { why, .. }) = &new {
            tracing::error!("uploads into {folder} are refused: {why}");
        } else {
            tracing::info!("uploads into {folder} are taken again");
        }
        *fault = new;
    }

    /// Finds out why something could not be written, and says so unless it was said before.
    pub(super) fn note_denied(&self, probe: &str) {
        if self.fault().is_some() {
            return;
        }
        if let Err(error) = self.probe(probe) {
            self.set_fault(Some(self.unwritable(error)));
        } else {
            tracing::error!(
                "an upload is refused: a file or folder below {} cannot be written to; give this user \
                 the right to",
                self.path.display()
            );
        }
    }

    /// Makes and removes something in the reserved folder.
    fn probe(&self, name: &str) -> Result<(), Errno> {
        match mkdirat(self.held(), RESERVED, Mode::RWXU) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(error),
        }
        let workshop = openat(self.held(), RESERVED, READ, Mode::empty())?;
        mkdirat(&workshop, name, Mode::RWXU)?;
        unlinkat(&workshop, name, AtFlags::REMOVEDIR)
    }

    fn unwritable(&self, error: Errno) -> Fault {
        Fault { why: why_unwritable(&self.held(), error), is_away: false }
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
                let above = self.path.parent().ok_or(Errno::NOENT).and_then(open_straight);
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
