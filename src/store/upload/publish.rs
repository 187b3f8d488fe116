//! Publication: files get their names, all of one request or none.
//!
//! What was done is noted, and undone in reverse order unless all of it was done. A file whose
//! place is taken by a new one is exchanged with it, and removed only at the end.

use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::MutexGuard;

use rustix::fs::{AtFlags, fstat, renameat, unlinkat};
use rustix::io::Errno;
use sha2::Digest;

use super::folder::{self, Folder};
use super::names::Numbered;
use super::nascent::{Nascent, exchange, move_to_free};
use super::workshop::Workshop;
use super::writer::Finishing;
use super::{Conflict, Place, Stored, UploadError};

/// Writes the files to the disk and gives them their names.
pub(super) fn all_or_none(
    folder: &Folder,
    files: Vec<(Finishing<Nascent>, Place)>,
) -> Result<Vec<Stored>, UploadError> {
    let mut ready = Vec::with_capacity(files.len());
    for (file, place) in files {
        ready.push((file.finish()?, place));
    }
    let mut publication = Publication::new(folder);
    // What would be refused in the end is refused before anybody sees anything of it.
    for (_, place) in &ready {
        folder.refuse_taken(place)?;
    }
    let mut stored = Vec::with_capacity(ready.len());
    for (sink, place) in ready {
        let (size, sha256) = (sink.written, sink.hash.unwrap_or_default().finalize().into());
        let (name, replaced) = publication.add(sink.target, &place)?;
        stored.push(Stored { folder: place.folder, name, size, sha256, replaced });
    }
    publication.complete()?;
    folder.count(stored.len(), stored.iter().map(|file| file.size).sum());
    Ok(stored)
}

/// Files that have got their names, but may lose them again.
pub(super) struct Publication<'f> {
    folder: &'f Folder,
    steps: Vec<Step>,
    /// Folders in which names have changed.
    touched: Vec<Rc<OwnedFd>>,
    _turn: MutexGuard<'f, ()>,
    /// Held while a file may have to go back there, and so that nobody takes what was exchanged for a
    /// leftover.
    workshop: Option<Workshop>,
}

/// Something done that can be undone. To note it takes no descriptor: that could fail.
enum Step {
    /// A folder was made.
    Folder { parent: Rc<OwnedFd>, name: Box<[u8]> },
    /// A file got a name that was free.
    Placed { folder: Rc<OwnedFd>, name: Box<[u8]>, home: Option<String> },
    /// A file was exchanged with the one that had its name; that one is `aside` now.
    Exchanged { folder: Rc<OwnedFd>, name: Box<[u8]>, aside: String },
}

impl<'f> Publication<'f> {
    pub(super) fn new(folder: &'f Folder) -> Self {
        let turn = folder.naming_turn();
        Self { folder, steps: Vec::new(), touched: Vec::new(), _turn: turn, workshop: None }
    }

    /// The reserved folder, which is held until this is over.
    pub(super) fn workshop(&mut self) -> Result<&OwnedFd, Errno> {
        workshop(self.folder, &mut self.workshop)
    }

    /// Gives a file its name. Returns the name, and whether another file had it before.
    pub(super) fn add(
        &mut self,
        mut file: Nascent,
        place: &Place,
    ) -> Result<(Box<[u8]>, bool), UploadError> {
        let folder = self.enter(&place.folder)?;
        let home = file.home();
        let name = place.name.as_bytes();
        let (name, replaced) = match file.place(&folder, name) {
            Ok(()) => (name.into(), false),
            Err(Errno::EXIST) if folder::is_folder(&folder, name) => {
                return Err(UploadError::IsFolder);
            }
            Err(Errno::EXIST) => match place.conflict {
                Conflict::Reject => return Err(UploadError::Taken),
                Conflict::Rename => (place_numbered(&mut file, &folder, name)?, false),
                Conflict::Replace => {
                    let replaced = self.replace(&mut file, &folder, name)?;
                    (name.into(), replaced)
                }
            },
            Err(error) => return Err(error.into()),
        };
        if !replaced {
            let name = name.clone();
            self.steps.push(Step::Placed { folder: Rc::clone(&folder), name, home });
        }
        self.touch(folder);
        Ok((name, replaced))
    }

    /// Makes it last. What was replaced is gone after this.
    pub(super) fn complete(mut self) -> Result<(), UploadError> {
        for folder in &self.touched {
            folder::sync(folder)?;
        }
        let workshop = self.workshop.take();
        for step in self.steps.drain(..) {
            if let (Step::Exchanged { aside, .. }, Some(workshop)) = (step, &workshop) {
                let _ = unlinkat(&workshop.folder, aside, AtFlags::empty());
            }
        }
        Ok(())
    }

    /// Opens the folder of a file, and notes what had to be made for it.
    fn enter(&mut self, names: &[Box<[u8]>]) -> Result<Rc<OwnedFd>, UploadError> {
        let Self { folder, steps, touched, .. } = self;
        folder.enter(names, |parent, name| {
            steps.push(Step::Folder { parent: Rc::clone(parent), name: name.into() });
            touched.push(Rc::clone(parent));
        })
    }

    /// Puts a file in the place of another. False when that one was gone meanwhile.
    fn replace(
        &mut self,
        file: &mut Nascent,
        folder: &Rc<OwnedFd>,
        name: &[u8],
    ) -> Result<bool, UploadError> {
        let workshop = workshop(self.folder, &mut self.workshop)?;
        let aside = file.shelve(self.folder, workshop)?;
        if file.home().is_some() {
            // Its record knows the part by this name: no other file may have it even for a moment.
            return rename_over(file, workshop, &aside, folder, name);
        }
        loop {
            match exchange(workshop, aside.as_bytes(), folder, name) {
                Ok(()) => break,
                Err(Errno::NOENT) => match file.place(folder, name) {
                    Ok(()) => return Ok(false),
                    Err(Errno::EXIST) => {}
                    Err(error) => return Err(error.into()),
                },
                // Then there is no way back once it is done.
                Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
                    return rename_over(file, workshop, &aside, folder, name);
                }
                Err(error) => return Err(error.into()),
            }
        }
        if folder::is_folder(workshop, aside.as_bytes()) {
            exchange(workshop, aside.as_bytes(), folder, name)?;
            return Err(UploadError::IsFolder);
        }
        file.arrived();
        let step = Step::Exchanged { folder: Rc::clone(folder), name: name.into(), aside };
        self.steps.push(step);
        Ok(true)
    }

    fn touch(&mut self, folder: Rc<OwnedFd>) {
        let same = |one: &Rc<OwnedFd>| {
            let (Ok(one), Ok(other)) = (fstat(one), fstat(&folder)) else { return false };
            (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)
        };
        if !self.touched.iter().any(same) {
            self.touched.push(folder);
        }
    }
}

impl Drop for Publication<'_> {
    /// Undoes what was not completed. Either way names have changed.
    fn drop(&mut self) {
        for step in self.steps.drain(..).rev() {
            let undone = match &step {
                Step::Folder { parent, name } => unlinkat(parent, &**name, AtFlags::REMOVEDIR),
                Step::Placed { folder, name, home: None } => {
                    unlinkat(folder, &**name, AtFlags::empty())
                }
                Step::Placed { folder, name, home: Some(home) } => match &self.workshop {
                    Some(to) => move_to_free(folder, name, &to.folder, home.as_bytes()),
                    None => Ok(()),
                },
                Step::Exchanged { folder, name, aside } => match &self.workshop {
                    Some(workshop) => exchange(&workshop.folder, aside.as_bytes(), folder, name)
                        .and_then(|()| unlinkat(&workshop.folder, aside, AtFlags::empty())),
                    None => Ok(()),
                },
            };
            if let Err(error) = undone {
                tracing::warn!(%error, "part of an upload that failed could not be taken back");
            }
        }
        self.folder.changes().note();
    }
}

/// The reserved folder, entered by whoever asks first.
fn workshop<'w>(folder: &Folder, held: &'w mut Option<Workshop>) -> Result<&'w OwnedFd, Errno> {
    let workshop = match held.take() {
        Some(workshop) => workshop,
        None => folder.workshop()?,
    };
    Ok(&held.insert(workshop).folder)
}

/// Puts a file in the place of another without keeping that one.
fn rename_over(
    file: &mut Nascent,
    workshop: &OwnedFd,
    from: &str,
    folder: &OwnedFd,
    name: &[u8],
) -> Result<bool, UploadError> {
    renameat(workshop, from, folder, name)?;
    file.arrived();
    Ok(true)
}

/// Numbers tried one after the other before the search goes on in leaps.
const FEW: u64 = 4;

/// Names tried in all; more are only needed when others take each one just before.
const MAX_TRIES: u32 = 10_000;

/// Gives a file the first free name of `a (1).txt`, `a (2).txt` …; where very many are taken, one
/// that is free.
fn place_numbered(
    file: &mut Nascent,
    folder: &OwnedFd,
    name: &[u8],
) -> Result<Box<[u8]>, UploadError> {
    let names = Numbered::new(name);
    let mut number = 1;
    for attempt in 0..MAX_TRIES {
        let candidate = names.with(number);
        match file.place(folder, &candidate) {
            Ok(()) => return Ok(candidate.into()),
            Err(Errno::EXIST) if number == FEW && attempt < 2 * MAX_TRIES => {
                number = after_taken(folder, &names, number);
            }
            Err(Errno::EXIST) => number += 1,
            Err(error) => return Err(error.into()),
        }
    }
    Err(UploadError::Taken)
}

/// A number after `taken` whose name is free while the one before it is not: found in a number of
/// steps that grows with the logarithm of how many there are.
fn after_taken(folder: &OwnedFd, names: &Numbered<'_>, mut taken: u64) -> u64 {
    let is_taken =
        |number| rustix::fs::statat(folder, names.with(number), AtFlags::SYMLINK_NOFOLLOW).is_ok();
    let mut free = taken * 2;
    while is_taken(free) {
        (taken, free) = (free, free.saturating_mul(2));
    }
    while free - taken > 1 {
        let middle = taken + (free - taken) / 2;
        if is_taken(middle) {
            taken = middle;
        } else {
            free = middle;
        }
    }
    free
}
