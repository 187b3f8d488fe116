//! What an earlier run left in the reserved folder, and what has expired.
//!
//! Several processes may share an upload folder. Whoever writes to a file in it holds a lock on
//! that file; one that nobody holds is a leftover. Files are made, and moved in and out, under a
//! shared lock of the folder, and swept under an exclusive one.

use std::collections::HashSet;
use std::fmt::Debug;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use rustix::fs::{
    AtFlags, Dir, FileType, FlockOperation, Mode, OFlags, flock, openat, statat, unlinkat,
};
use rustix::io::Errno;

use super::folder::Folder;
use super::record::{self, PartId};

/// How often leftovers are looked for, and how soon again where that could not be done.
const EVERY: Duration = Duration::from_mins(1);
const AGAIN: Duration = Duration::from_secs(5);

/// How often it is tried, the last time with patience.
const TRIES: u32 = 4;

/// When leftovers are looked for.
#[derive(Default)]
pub(super) struct Sweeps(Mutex<Due>);

struct Due {
    next: SystemTime,
    failures: u32,
}

impl Default for Due {
    fn default() -> Self {
        Self { next: SystemTime::UNIX_EPOCH, failures: 0 }
    }
}

impl Sweeps {
    /// Whether it is time for one, and if so whether that shall be patient. No other is due until
    /// this one has [`ended`](Self::ended), or a minute has passed.
    pub(super) fn begin(&self, now: SystemTime) -> Option<bool> {
        let mut due = self.lock();
        if now < due.next {
            return None;
        }
        due.next = now + EVERY;
        Some(due.failures + 1 >= TRIES)
    }

    /// One that began at `now` has been done, or not.
    pub(super) fn ended(&self, now: SystemTime, is_done: bool) {
        let mut due = self.lock();
        if is_done || due.failures + 1 >= TRIES {
            due.failures = 0;
        } else {
            due.failures += 1;
            due.next = now + AGAIN;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Due> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Removes the drafts that nobody writes to and the resumable uploads that have expired. False when
/// nothing was done because somebody is at work in the reserved folder; with `patient`, that takes
/// some seconds to say.
pub(super) fn sweep(folder: &Folder, now: SystemTime, patient: bool) -> io::Result<bool> {
    let Some(workshop) = folder.workshop_if_there()? else { return Ok(true) };
    if !folder.lock_alone(&workshop, patient)? {
        return Ok(false);
    }
    let here = &workshop.folder;
    let (mut known, mut unfinished) = (HashSet::new(), HashSet::new());
    for entry in Dir::read_from(here)? {
        let entry = entry?;
        let name = entry.file_name();
        let bytes = name.to_bytes();
        if bytes.ends_with(b".draft") {
            skip_failed(name, remove_abandoned(here, bytes));
        } else if let Some(id) = part_id(bytes) {
            known.insert(id);
            if bytes.ends_with(b".part") {
                unfinished.insert(id);
            }
        }
    }
    for &id in &known {
        let removed = is_over(folder, here, id, now).and_then(|is_over| {
            if is_over {
                record::remove(here, id)?;
                unfinished.remove(&id);
            }
            Ok(())
        });
        skip_failed(id, removed);
    }
    folder.set_parts(unfinished.len());
    folder.seats().retain(|id| known.contains(&id));
    Ok(true)
}

/// Goes on where something could not be removed. It may be gone already.
fn skip_failed(name: impl Debug, removed: Result<(), Errno>) {
    if let Err(error) = removed
        && error != Errno::NOENT
    {
        tracing::warn!(?name, %error, "what is left of an upload could not be removed");
    }
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

/// Removes a draft that nobody writes to. It may be anything that a file took the place of when the
/// process was killed, so nothing is opened but files; a folder is not removed.
fn remove_abandoned(folder: &OwnedFd, name: &[u8]) -> Result<(), Errno> {
    let found = statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)?;
    let is_file = FileType::from_raw_mode(found.st_mode) == FileType::RegularFile;
    let is_abandoned = !is_file
        || match look(folder, name) {
            Ok(file) => file.is_some_and(|file| is_free(&file)),
            // A file that was replaced keeps its permissions, and may be one we cannot read.
            Err(Errno::ACCESS) => true,
            Err(error) => return Err(error),
        };
    if is_abandoned { unlinkat(folder, name, AtFlags::empty()) } else { Ok(()) }
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
