//! What an earlier run left in the reserved folder.
//!
//! Several processes may share an upload folder. Whoever writes to a file in it holds a lock on
//! that file; one that nobody holds is a leftover. Files are made, and moved in and out, under a
//! shared lock of the folder, and swept under an exclusive one.

use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{AtFlags, Dir, FlockOperation, Mode, OFlags, flock, openat, unlinkat};
use rustix::io::Errno;

use super::folder::Folder;

/// Removes the drafts that nobody writes to.
pub(super) fn leftovers(folder: &Folder) -> io::Result<()> {
    let Some(workshop) = folder.workshop_alone()? else {
        return Ok(());
    };
    for entry in Dir::read_from(&workshop.folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if name.to_bytes().ends_with(b".draft") && is_abandoned(&workshop.folder, name)? {
            unlinkat(&workshop.folder, name, AtFlags::empty())?;
        }
    }
    Ok(())
}

/// Whether nobody holds the lock of a file.
pub(super) fn is_abandoned(folder: &OwnedFd, name: &std::ffi::CStr) -> Result<bool, Errno> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    match openat(folder, name, flags, Mode::empty()) {
        Ok(file) => Ok(flock(file, FlockOperation::NonBlockingLockExclusive).is_ok()),
        Err(Errno::NOENT) => Ok(false),
        // A file that was replaced keeps its permissions, and may be one we cannot read.
        Err(Errno::ACCESS) => Ok(true),
        Err(error) => Err(error),
    }
}
