//! What an earlier run left in the reserved folder, and what has expired.
//!
//! Several processes may share an upload folder. Whoever writes to a file in it holds a lock on
//! that file; one that nobody holds is a leftover. Files are made, and moved in and out, under a
//! shared lock of the folder, and swept under an exclusive one.

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::time::SystemTime;

use rustix::fs::{AtFlags, Dir, FlockOperation, Mode, OFlags, flock, openat, unlinkat};
use rustix::io::Errno;

use super::folder::Folder;
use super::record::{self, PartId};

/// Removes the drafts that nobody writes to and the resumable uploads that have expired. Unless
/// `patient`, does nothing while somebody is at work in the reserved folder.
pub(super) fn sweep(folder: &Folder, now: SystemTime, patient: bool) -> io::Result<()> {
    let Some(workshop) = folder.workshop_alone(patient)? else {
        return Ok(());
    };
    let here = &workshop.folder;
    let (mut known, mut unfinished) = (HashSet::new(), HashSet::new());
    for entry in Dir::read_from(here)? {
        let entry = entry?;
        let name = entry.file_name();
        let bytes = name.to_bytes();
        if bytes.ends_with(b".draft") && is_abandoned(here, bytes)? {
            unlinkat(here, name, AtFlags::empty())?;
        } else if let Some(id) = part_id(bytes) {
            known.insert(id);
            if bytes.ends_with(b".part") {
                unfinished.insert(id);
            }
        }
    }
    for &id in &known {
        if is_over(folder, here, id, now)? {
            record::remove(here, id)?;
            unfinished.remove(&id);
        }
    }
    folder.set_parts(unfinished.len());
    folder.seats().retain(|id| known.contains(&id));
    Ok(())
}

/// The resumable upload that a file belongs to.
fn part_id(name: &[u8]) -> Option<PartId> {
    PartId::parse(name.strip_suffix(b".json").or_else(|| name.strip_suffix(b".part"))?)
}

/// Whether a resumable upload has expired, or has no record, and nobody is at it.
fn is_over(
    folder: &Folder,
    workshop: &OwnedFd,
    id: PartId,
    now: SystemTime,
) -> Result<bool, Errno> {
    let record = look(workshop, id.record().as_bytes())?;
    let part = look(workshop, id.part().as_bytes())?;
    let Some(newest) = part.as_ref().or(record.as_ref()) else { return Ok(true) };
    let modified = newest.metadata().and_then(|metadata| metadata.modified());
    let expired = modified.is_ok_and(|modified| modified + folder.expiry() < now);
    let is_free = part.is_none_or(|part| is_free(&part));
    Ok((expired || record.is_none()) && is_free)
}

/// Whether nobody holds the lock of a file.
fn is_abandoned(folder: &OwnedFd, name: &[u8]) -> Result<bool, Errno> {
    match look(folder, name) {
        Ok(file) => Ok(file.is_some_and(|file| is_free(&file))),
        // A file that was replaced keeps its permissions, and may be one we cannot read.
        Err(Errno::ACCESS) => Ok(true),
        Err(error) => Err(error),
    }
}

fn look(folder: &OwnedFd, name: &[u8]) -> Result<Option<File>, Errno> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    match openat(folder, name, flags, Mode::empty()) {
        Ok(file) => Ok(Some(file.into())),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(error),
    }
}

fn is_free(file: &File) -> bool {
    flock(file, FlockOperation::NonBlockingLockExclusive).is_ok()
}
