//! The reserved folder, in which uploads lie until they have their names, and who is in it: many who
//! work, or one who sweeps.

use std::os::fd::OwnedFd;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, Mode, flock, mkdirat, openat};
use rustix::io::Errno;

use super::folder::{Folder, READ};
use crate::content::path::RESERVED;

/// How long a sweep waits for those inside; others wait at the door meanwhile.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often it looks whether they have left: a lock that is waited for has no time limit.
const PAUSE: Duration = Duration::from_millis(10);

/// The reserved folder, held open and locked against (or for) a sweep.
pub(super) struct Workshop {
    pub(super) folder: OwnedFd,
}

/// Where those of this process who want in wait while a sweep waits for those inside. Locks of files
/// know no order: without it, who comes and goes all the time would keep a sweep waiting for ever.
///
/// So nobody who is inside may wait for somebody who wants in.
#[derive(Default)]
pub(super) struct Door(pub(super) Mutex<()>);

impl Folder {
    /// The reserved folder, made if need be. While it is held, nobody sweeps. Not to be asked for by
    /// somebody who holds it.
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
            drop(self.door().0.lock().unwrap_or_else(PoisonError::into_inner));
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

    /// Keeps everybody else out of the reserved folder for as long as it is held. False when somebody
    /// is in it, and stays for some seconds if this is `patient`.
    pub(super) fn lock_alone(&self, workshop: &Workshop, patient: bool) -> Result<bool, Errno> {
        let door = &self.door().0;
        let _closed = patient.then(|| door.lock().unwrap_or_else(PoisonError::into_inner));
        let begun = Instant::now();
        loop {
            match lock(&workshop.folder, FlockOperation::NonBlockingLockExclusive) {
                Err(Errno::WOULDBLOCK) if patient && begun.elapsed() < PATIENCE => {
                    thread::sleep(PAUSE);
                }
                Err(Errno::WOULDBLOCK) => return Ok(false),
                other => return other.map(|()| true),
            }
        }
    }
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
