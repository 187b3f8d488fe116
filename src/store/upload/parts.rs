//! Resumable uploads: a file that comes in parts, over many requests and starts of the server.
//!
//! Who comes last goes on: a newer request makes an older one for the same upload give way, since
//! the older one's client is most likely gone without this side knowing it. Another process is
//! kept out by a lock on the file.

mod error;
mod part;
mod seats;

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustix::fs::{AtFlags, FlockOperation, Mode, OFlags, flock, openat, statat};
use rustix::io::Errno;
use sha2::{Digest, Sha256};
use tokio::sync::watch;

use self::part::{At, Held};
use self::seats::{Seated, Turn};
use super::folder::{self, Folder};
use super::nascent::{FILE_MODE, Nascent};
use super::publish::Publication;
use super::record::{self, Appeared, PartId, Record};
use super::{Conflict, Place, Stored, UploadError, blocking};

pub use self::error::PartError;
pub use self::part::Part;
pub(super) use self::seats::Seats;

/// How long a request waits for an older one to give way; that one has a block to write first.
const GIVE_WAY: Duration = Duration::from_secs(5);

/// Resumable uploads that may be unfinished at once.
pub(super) const MAX_PARTS: usize = 10_000;

/// A resumable upload to be.
#[derive(Clone, Debug)]
pub struct NewPart {
    /// Bytes of the whole file.
    pub length: u64,
    /// Where it shall appear.
    pub place: Place,
    /// What the client says of it; kept and given back as it is.
    pub metadata: String,
}

/// What has become of a resumable upload.
#[derive(Debug)]
pub enum Resumed {
    /// It waits for bytes, or to be published.
    Open(Part),
    /// It has appeared.
    Finished(Finished),
}

/// A resumable upload that has appeared.
#[derive(Clone, Debug)]
pub struct Finished {
    /// Bytes.
    pub length: u64,
    /// What the client said of it.
    pub metadata: String,
    /// What was stored; `None` when the process ended just after that.
    pub stored: Option<Stored>,
}

/// Makes a new one.
pub(super) async fn create(folder: &Arc<Folder>, new: NewPart) -> Result<Part, UploadError> {
    let id = PartId::random()?;
    let (seat, newer) = Seated::claim(folder, id);
    let memory = seat.turn().await;
    let folder = Arc::clone(folder);
    blocking(move || {
        folder.has_room(new.length)?;
        folder.refuse_taken(&new.place)?;
        let workshop = folder.workshop()?;
        let place = folder.begin_part().ok_or(UploadError::TooManyParts)?;
        let flags = OFlags::CREATE | OFlags::EXCL | part_flags();
        let file = File::from(openat(&workshop.folder, id.part(), flags, FILE_MODE)?);
        lock(&file)?;
        let record = Record::new(new.length, &new.place, new.metadata);
        let saved = record.save(&folder, &workshop.folder, id);
        if let Err(error) = saved.and_then(|()| Ok(folder::sync(&workshop.folder)?)) {
            let _ = record::remove(&workshop.folder, id);
            return Err(error.into());
        }
        place.keep();
        let expires = SystemTime::now() + folder.expiry();
        drop(workshop);
        let at = At::Rest(Held { folder, file, memory });
        Ok(Part { id, record, offset: 0, expires, newer, at })
    })
    .await
}

/// Takes over from whoever was at it.
pub(super) async fn resume(folder: &Arc<Folder>, id: PartId) -> Result<Resumed, PartError> {
    let here = Arc::clone(folder);
    blocking(move || here.part_exists(id)).await?;
    let (memory, newer) = claim(folder, id).await?;
    let folder = Arc::clone(folder);
    blocking(move || open(folder, id, memory, newer)).await
}

/// Removes an unfinished one when whoever was at it has given way. On a full disk, too.
pub(super) async fn withdraw(folder: &Arc<Folder>, id: PartId) -> Result<(), PartError> {
    let (mut memory, _) = claim(folder, id).await?;
    let folder = Arc::clone(folder);
    blocking(move || {
        folder.remove_part(&folder.workshop()?, id)?;
        memory.0 = None;
        Ok(())
    })
    .await
}

/// The right to write to one, and what says that somebody newer wants it.
async fn claim(folder: &Arc<Folder>, id: PartId) -> Result<(Turn, watch::Receiver<()>), PartError> {
    let (seat, newer) = Seated::claim(folder, id);
    let turn = tokio::time::timeout(GIVE_WAY, seat.turn());
    let memory = turn.await.map_err(|_| PartError::Locked)?;
    if newer.has_changed().unwrap_or(false) {
        return Err(PartError::Locked);
    }
    Ok((memory, newer))
}

fn open(
    folder: Arc<Folder>,
    id: PartId,
    mut memory: Turn,
    newer: watch::Receiver<()>,
) -> Result<Resumed, PartError> {
    // What is remembered is of use only while there is a part.
    let hash = memory.0.take();
    let workshop = folder.workshop()?;
    let mut record = match Record::load(&workshop.folder, id) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(PartError::NotFound),
        other => other?,
    };
    if record.finished.is_some() {
        return Ok(Resumed::Finished(finished(record)));
    }
    let flags = part_flags() | OFlags::NOFOLLOW;
    let file = match openat(&workshop.folder, id.part(), flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(Errno::NOENT) => return Ok(Resumed::Finished(finished(record))),
        Err(error) => return Err(error.into()),
    };
    lock(&file)?;
    let expires = file.metadata()?.modified()? + folder.expiry();
    if expires < SystemTime::now() {
        folder.remove_part(&workshop, id)?;
        return Err(PartError::NotFound);
    }
    if let Some(verified) = record.unverified.take() {
        file.set_len(verified)?;
        record.save(&folder, &workshop.folder, id)?;
    }
    let offset = file.metadata()?.len();
    memory.0 = hash.filter(|(_, hashed)| *hashed == offset);
    drop(workshop);
    let at = At::Rest(Held { folder, file, memory });
    Ok(Resumed::Open(Part { id, record, offset, expires, newer, at }))
}

fn finished(record: Record) -> Finished {
    let Record { length, metadata, finished, .. } = record;
    let stored = finished.and_then(|Appeared { place, sha256, replaced }| {
        let (folder, name) = record::split(&place)?;
        Some(Stored { folder, name, size: length, sha256, replaced })
    });
    Finished { length, metadata, stored }
}

fn publish(mut held: Held, id: PartId, mut record: Record) -> Result<Finished, UploadError> {
    let folder = Arc::clone(&held.folder);
    let place = record.place().ok_or(UploadError::BadName)?;
    let hash = match held.memory.0.take() {
        Some((hash, offset)) if offset == record.length => hash,
        _ => hash_of(&held.file)?,
    };
    held.memory.0 = Some((hash.clone(), record.length));
    held.file.sync_data()?;
    let mut publication = Publication::new(&folder);
    let nascent = Nascent::of_part(&held.file, publication.workshop()?, id.part())?;
    let (name, replaced) = publication.add(nascent, &place)?;
    publication.complete()?;
    folder.end_part();
    folder.count(1, record.length);
    let sha256 = hash.finalize().into();
    record.finished =
        Some(Appeared { place: record::join(&place.folder, &name), sha256, replaced });
    // Without it the part is known to have appeared, only not where.
    let saved = folder.workshop().map_err(io::Error::from);
    let saved = saved.and_then(|workshop| record.save(&folder, &workshop.folder, id));
    if let Err(error) = saved {
        tracing::warn!(%error, "what became of an upload could not be noted");
    }
    held.memory.0 = None;
    Ok(finished(record))
}

/// SHA-256 of a whole file.
fn hash_of(file: &File) -> io::Result<Sha256> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 256 * 1024];
    let mut offset = 0;
    loop {
        match file.read_at(&mut buffer, offset) {
            Ok(0) => return Ok(hash),
            Ok(count) => {
                hash.update(&buffer[..count]);
                offset += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn part_flags() -> OFlags {
    OFlags::RDWR | OFlags::APPEND | OFlags::NONBLOCK | OFlags::CLOEXEC
}

/// Keeps other processes out.
fn lock(file: &File) -> Result<(), PartError> {
    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        Err(Errno::WOULDBLOCK) => Err(PartError::Locked),
        // There are file systems without locks.
        _ => Ok(()),
    }
}

impl Folder {
    fn part_exists(&self, id: PartId) -> Result<(), PartError> {
        let found = self.workshop_if_there()?.map(|workshop| {
            statat(&workshop.folder, id.record(), AtFlags::SYMLINK_NOFOLLOW).map(drop)
        });
        match found {
            None | Some(Err(Errno::NOENT)) => Err(PartError::NotFound),
            Some(other) => Ok(other?),
        }
    }

    /// Says early what would be said when the upload is complete.
    pub(super) fn refuse_taken(&self, place: &Place) -> Result<(), UploadError> {
        let Some(folder) = self.find(&place.folder)? else { return Ok(()) };
        let name = place.name.as_bytes();
        if folder::is_folder(&folder, name) {
            return Err(UploadError::IsFolder);
        }
        let taken = statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW).is_ok();
        if taken && place.conflict == Conflict::Reject {
            return Err(UploadError::Taken);
        }
        Ok(())
    }
}
