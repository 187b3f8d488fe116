//! A file that nobody sees yet, and how it gets its name.

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use rustix::fs::{AtFlags, CWD, FlockOperation, Mode, OFlags, flock, linkat, openat, unlinkat};
#[cfg(target_os = "linux")]
use rustix::fs::{RenameFlags, renameat_with};
use rustix::io::Errno;

use super::folder::{Folder, HOLD};

/// How a file without a name gets one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Naming {
    /// By its descriptor.
    #[cfg(target_os = "linux")]
    Descriptor,
    /// By what `/proc` calls the descriptor: older kernels want it so.
    #[cfg(target_os = "linux")]
    Proc,
    /// There are no files without a name: it has one in the reserved folder.
    Reserved,
}

impl Naming {
    /// The best that the file system of `folder` can do. Leaves no trace there.
    #[cfg(target_os = "linux")]
    pub(super) fn best_in(folder: &OwnedFd) -> Self {
        let Ok(file) = anonymous(folder) else {
            return Self::Reserved;
        };
        // A name that is always taken tells apart what works from what does not.
        let works =
            |naming: Self| matches!(naming.link(file.as_fd(), folder, b"."), Err(Errno::EXIST));
        if works(Self::Descriptor) {
            Self::Descriptor
        } else if works(Self::Proc) {
            Self::Proc
        } else {
            Self::Reserved
        }
    }

    #[cfg(not(target_os = "linux"))]
    pub(super) fn best_in(_: &OwnedFd) -> Self {
        Self::Reserved
    }

    /// Links a file without a name.
    #[cfg(target_os = "linux")]
    fn link(self, file: impl AsFd, folder: &OwnedFd, name: &[u8]) -> Result<(), Errno> {
        match self {
            Self::Descriptor => linkat(file, c"", folder, name, AtFlags::EMPTY_PATH),
            Self::Proc => {
                let path = format!("/proc/self/fd/{}", file.as_fd().as_raw_fd());
                linkat(CWD, path, folder, name, AtFlags::SYMLINK_FOLLOW)
            }
            Self::Reserved => Err(Errno::NOTSUP),
        }
    }
}

/// Permissions of a file, less the umask.
pub(super) const FILE_MODE: Mode = Mode::RUSR
    .union(Mode::WUSR)
    .union(Mode::RGRP)
    .union(Mode::WGRP)
    .union(Mode::ROTH)
    .union(Mode::WOTH);

#[cfg(target_os = "linux")]
fn anonymous(folder: &OwnedFd) -> Result<OwnedFd, Errno> {
    openat(folder, c".", OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC, FILE_MODE)
}

/// A file on its way to its name. One that has a name in the reserved folder loses it when
/// dropped.
pub(super) struct Nascent {
    file: File,
    whereabouts: Whereabouts,
}

enum Whereabouts {
    #[cfg(target_os = "linux")]
    Nowhere(Naming),
    Reserved {
        workshop: OwnedFd,
        name: String,
    },
    /// In the reserved folder too, where it stays if it does not get its name.
    Part {
        workshop: OwnedFd,
        name: String,
    },
    /// It has its name.
    Arrived,
}

impl Nascent {
    /// Begins an empty file.
    pub(super) fn begin(folder: &Folder) -> Result<Self, Errno> {
        #[cfg(target_os = "linux")]
        if folder.naming() != Naming::Reserved {
            let file = File::from(anonymous(&folder.root())?);
            return Ok(Self { file, whereabouts: Whereabouts::Nowhere(folder.naming()) });
        }
        let workshop = folder.workshop()?;
        // Before there is a file: whatever fails leaves none.
        let held = hold(&workshop.folder)?;
        let name = folder.unique_name("draft");
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR | OFlags::CLOEXEC;
        let file = File::from(openat(&workshop.folder, &name, flags, FILE_MODE)?);
        // Says to other processes that somebody is at it.
        let _ = flock(&file, FlockOperation::NonBlockingLockExclusive);
        Ok(Self { file, whereabouts: Whereabouts::Reserved { workshop: held, name } })
    }

    /// A file that has come in parts.
    pub(super) fn of_part(file: &File, workshop: &OwnedFd, name: String) -> Result<Self, Errno> {
        let workshop = hold(workshop)?;
        let file = File::from(file.as_fd().try_clone_to_owned().map_err(|_| Errno::MFILE)?);
        Ok(Self { file, whereabouts: Whereabouts::Part { workshop, name } })
    }

    /// Where it goes back to when it loses its name again; `None` when it shall be gone then.
    pub(super) fn home(&self) -> Option<String> {
        match &self.whereabouts {
            Whereabouts::Part { name, .. } => Some(name.clone()),
            _ => None,
        }
    }

    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// Gives it a name that nobody has: `EEXIST` when somebody does.
    pub(super) fn place(&mut self, folder: &OwnedFd, name: &[u8]) -> Result<(), Errno> {
        match &self.whereabouts {
            #[cfg(target_os = "linux")]
            Whereabouts::Nowhere(naming) => naming.link(&self.file, folder, name)?,
            Whereabouts::Reserved { workshop, name: old }
            | Whereabouts::Part { workshop, name: old } => {
                move_to_free(workshop, old.as_bytes(), folder, name)?;
            }
            Whereabouts::Arrived => return Ok(()),
        }
        self.whereabouts = Whereabouts::Arrived;
        Ok(())
    }

    /// Gives it a name in the reserved folder, from where it can be moved over another file.
    pub(super) fn shelve(&mut self, site: &Folder, workshop: &OwnedFd) -> Result<String, Errno> {
        match &self.whereabouts {
            #[cfg(target_os = "linux")]
            Whereabouts::Nowhere(naming) => {
                let name = site.unique_name("draft");
                let held = hold(workshop)?;
                naming.link(&self.file, workshop, name.as_bytes())?;
                let _ = flock(&self.file, FlockOperation::NonBlockingLockExclusive);
                self.whereabouts = Whereabouts::Reserved { workshop: held, name: name.clone() };
                Ok(name)
            }
            Whereabouts::Reserved { name, .. } | Whereabouts::Part { name, .. } => Ok(name.clone()),
            Whereabouts::Arrived => Err(Errno::EXIST),
        }
    }

    /// Notes that it has been moved to its name.
    pub(super) fn arrived(&mut self) {
        self.whereabouts = Whereabouts::Arrived;
    }
}

impl Drop for Nascent {
    fn drop(&mut self) {
        if let Whereabouts::Reserved { workshop, name } = &self.whereabouts {
            let _ = unlinkat(workshop, name, AtFlags::empty());
        }
    }
}

fn hold(folder: &OwnedFd) -> Result<OwnedFd, Errno> {
    openat(folder, c".", HOLD, Mode::empty())
}

/// Moves a file to a name that nobody has.
pub(super) fn move_to_free(
    from: &OwnedFd,
    old: &[u8],
    to: &OwnedFd,
    new: &[u8],
) -> Result<(), Errno> {
    #[cfg(target_os = "linux")]
    match renameat_with(from, old, to, new, RenameFlags::NOREPLACE) {
        // The file system cannot promise that.
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {}
        other => return other,
    }
    linkat(from, old, to, new, AtFlags::empty())?;
    unlinkat(from, old, AtFlags::empty())
}

/// Exchanges two files. `EINVAL` where that cannot be done in one step.
pub(super) fn exchange(from: &OwnedFd, old: &[u8], to: &OwnedFd, new: &[u8]) -> Result<(), Errno> {
    #[cfg(target_os = "linux")]
    return renameat_with(from, old, to, new, RenameFlags::EXCHANGE);
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (from, old, to, new);
        Err(Errno::INVAL)
    }
}
