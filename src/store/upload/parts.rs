//! Resumable uploads: a file that comes in parts, over many requests and starts of the server.
//!
//! Who comes last goes on: a newer request makes an older one for the same upload give way, since
//! the older one's client is most likely gone without this side knowing it. Another process is
//! kept out by a lock on the file.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use rustix::fs::{AtFlags, FlockOperation, Mode, OFlags, flock, openat, statat};
use rustix::io::Errno;
use sha2::{Digest, Sha256};
use tokio::sync::{OwnedMutexGuard, watch};

use super::folder::{self, Folder};
use super::nascent::{FILE_MODE, Nascent};
use super::publish::Publication;
use super::record::{self, Appeared, PartId, Record};
use super::writer::{Target, Writer};
use super::{Conflict, Place, Stored, UploadError, blocking};

/// How long a request waits for an older one to give way; that one has a block to write first.
const GIVE_WAY: Duration = Duration::from_secs(5);

/// Resumable uploads that may be unfinished at once.
const MAX_PARTS: usize = 10_000;

/// The resumable uploads that requests are at, or were lately.
#[derive(Default)]
pub(super) struct Seats(Mutex<HashMap<PartId, Arc<Seat>>>);

/// One of them: whoever holds its memory may write.
struct Seat {
    claims: watch::Sender<()>,
    memory: Arc<tokio::sync::Mutex<Memory>>,
}

/// The hash of the first bytes of the file, so that they need not be read again at the end.
#[derive(Default)]
pub(super) struct Memory(Option<(Sha256, u64)>);

impl Seats {
    fn seat(&self, id: PartId) -> Arc<Seat> {
        let mut seats = self.lock();
        let seat = seats.entry(id).or_insert_with(|| {
            Arc::new(Seat { claims: watch::Sender::new(()), memory: Arc::default() })
        });
        Arc::clone(seat)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<PartId, Arc<Seat>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets those that are not `kept` and that no request is at.
    pub(super) fn retain(&self, kept: impl Fn(PartId) -> bool) {
        self.lock().retain(|id, seat| kept(*id) || Arc::strong_count(&seat.memory) > 1);
    }
}

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

/// Why a resumable upload cannot go on.
#[derive(Debug)]
pub enum PartError {
    /// There is none of that name, or not any more.
    NotFound,
    /// Another request, newer than this one or of another process, is at it.
    Locked,
    /// The folder refused.
    Upload(UploadError),
}

impl From<UploadError> for PartError {
    fn from(error: UploadError) -> Self {
        Self::Upload(error)
    }
}

impl From<Errno> for PartError {
    fn from(error: Errno) -> Self {
        Self::Upload(error.into())
    }
}

impl From<io::Error> for PartError {
    fn from(error: io::Error) -> Self {
        Self::Upload(error.into())
    }
}

impl std::fmt::Display for PartError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotFound => formatter.write_str("there is no such upload, or not any more"),
            Self::Locked => formatter.write_str("another request is at this upload"),
            Self::Upload(error) => error.fmt(formatter),
        }
    }
}

impl std::error::Error for PartError {}

/// A resumable upload that this request alone may write to. Dropped, it keeps what it has got.
pub struct Part {
    id: PartId,
    record: Record,
    /// Bytes that are in the file for good.
    offset: u64,
    expires: SystemTime,
    newer: watch::Receiver<()>,
    at: At,
}

enum At {
    Rest(Held),
    /// With the hash of what was there before.
    Writing(Box<(Writer<Held>, Option<Sha256>)>),
    /// Only within a call.
    Gone,
}

/// The file of a part, and the right to write to it.
pub(super) struct Held {
    folder: Arc<Folder>,
    file: File,
    memory: OwnedMutexGuard<Memory>,
}

impl Target for Held {
    fn file(&self) -> &File {
        &self.file
    }
}

/// Makes a new one.
pub(super) async fn create(folder: &Arc<Folder>, new: NewPart) -> Result<Part, UploadError> {
    let id = PartId::random()?;
    let seat = folder.seats().seat(id);
    let newer = seat.claims.subscribe();
    let memory = Arc::clone(&seat.memory).lock_owned().await;
    let folder = Arc::clone(folder);
    blocking(move || {
        folder.has_room(new.length)?;
        folder.refuse_taken(&new.place)?;
        let workshop = folder.workshop()?;
        if super::sweep::count_parts(&workshop.folder)? >= MAX_PARTS {
            return Err(UploadError::NoSpace);
        }
        let flags = OFlags::CREATE | OFlags::EXCL | part_flags();
        let file = File::from(openat(&workshop.folder, id.part(), flags, FILE_MODE)?);
        lock(&file)?;
        let record = Record::new(new.length, &new.place, new.metadata);
        let saved = record.save(&folder, &workshop.folder, id);
        if let Err(error) = saved.and_then(|()| Ok(folder::sync(&workshop.folder)?)) {
            let _ = record::remove(&workshop.folder, id);
            return Err(error.into());
        }
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
    let seat = folder.seats().seat(id);
    seat.claims.send_replace(());
    let newer = seat.claims.subscribe();
    let memory = Arc::clone(&seat.memory).lock_owned();
    let memory = tokio::time::timeout(GIVE_WAY, memory).await.map_err(|_| PartError::Locked)?;
    if newer.has_changed().unwrap_or(false) {
        return Err(PartError::Locked);
    }
    let folder = Arc::clone(folder);
    blocking(move || open(folder, id, memory, newer)).await
}

fn open(
    folder: Arc<Folder>,
    id: PartId,
    mut memory: OwnedMutexGuard<Memory>,
    newer: watch::Receiver<()>,
) -> Result<Resumed, PartError> {
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
        record::remove(&workshop.folder, id)?;
        return Err(PartError::NotFound);
    }
    if let Some(verified) = record.unverified.take() {
        file.set_len(verified)?;
        record.save(&folder, &workshop.folder, id)?;
    }
    let offset = file.metadata()?.len();
    if memory.0.as_ref().is_some_and(|(_, hashed)| *hashed != offset) {
        memory.0 = None;
    }
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

impl Part {
    /// Its name.
    pub fn id(&self) -> PartId {
        self.id
    }

    /// Bytes of the whole file.
    pub fn length(&self) -> u64 {
        self.record.length
    }

    /// Bytes that are there.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Whether all bytes are there, so that it can be published.
    pub fn is_complete(&self) -> bool {
        self.offset == self.record.length
    }

    /// What the client said of it.
    pub fn metadata(&self) -> &str {
        &self.record.metadata
    }

    /// When it is removed if no more bytes come.
    pub fn expires(&self) -> SystemTime {
        self.expires
    }

    /// Resolves when another request wants it: then this one should end.
    pub async fn superseded(&mut self) {
        if self.newer.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Says that what is written next may be discarded; if the process ends before
    /// [`keep`](Self::keep), it is.
    pub async fn on_approval(self) -> Result<Self, UploadError> {
        let offset = self.offset;
        self.mark(Some(offset)).await
    }

    async fn unmark(self) -> Result<Self, UploadError> {
        if self.record.unverified.is_some() { self.mark(None).await } else { Ok(self) }
    }

    /// Takes the next piece. An error may be that of an earlier piece.
    pub async fn write(&mut self, piece: Bytes) -> Result<(), UploadError> {
        if let At::Rest(_) = self.at {
            self.begin();
        }
        match &mut self.at {
            At::Writing(writing) => writing.0.write(piece).await,
            At::Rest(_) | At::Gone => Err(gone()),
        }
    }

    fn begin(&mut self) {
        let At::Rest(mut held) = std::mem::replace(&mut self.at, At::Gone) else { return };
        let hash = match held.memory.0.take() {
            Some((hash, offset)) if offset == self.offset => Some(hash),
            _ if self.offset == 0 => Some(Sha256::new()),
            _ => None,
        };
        let before = hash.clone();
        let writing = held.folder.begin_writing();
        self.at = At::Writing(Box::new((Writer::new(held, hash, self.offset, writing), before)));
    }

    /// Writes what was taken to the disk.
    pub async fn keep(mut self) -> Result<Self, UploadError> {
        if let Some((writer, _)) = self.end_writing() {
            let finishing = writer.finish().await?;
            let sink = blocking(move || finishing.finish()).await?;
            self.offset += sink.written;
            self.expires = SystemTime::now() + sink.target.folder.expiry();
            self.rest(sink.target, sink.hash);
        }
        self.unmark().await
    }

    /// Removes what was taken since the part was resumed.
    pub async fn discard(mut self) -> Result<Self, UploadError> {
        if let Some((writer, before)) = self.end_writing() {
            let finishing = writer.finish().await?;
            let offset = self.offset;
            let held = blocking(move || {
                let held = finishing.give_up();
                held.file.set_len(offset)?;
                Ok::<_, io::Error>(held)
            })
            .await?;
            self.rest(held, before);
        }
        self.unmark().await
    }

    /// Removes it.
    pub async fn remove(mut self) -> Result<(), UploadError> {
        let At::Rest(held) = std::mem::replace(&mut self.at, At::Gone) else {
            return Err(gone());
        };
        let id = self.id;
        blocking(move || Ok(record::remove(&held.folder.workshop()?.folder, id)?)).await
    }

    /// Publishes it: it appears under its name, or (on an error) stays what it was.
    pub async fn publish(mut self) -> Result<Finished, UploadError> {
        let At::Rest(held) = std::mem::replace(&mut self.at, At::Gone) else {
            return Err(gone());
        };
        let (id, record) = (self.id, self.record.clone());
        blocking(move || publish(held, id, record)).await
    }

    fn end_writing(&mut self) -> Option<(Writer<Held>, Option<Sha256>)> {
        match std::mem::replace(&mut self.at, At::Gone) {
            At::Writing(writing) => Some(*writing),
            rest => {
                self.at = rest;
                None
            }
        }
    }

    fn rest(&mut self, mut held: Held, hash: Option<Sha256>) {
        held.memory.0 = hash.map(|hash| (hash, self.offset));
        self.at = At::Rest(held);
    }

    fn held(&self) -> Result<&Held, UploadError> {
        match &self.at {
            At::Rest(held) => Ok(held),
            At::Writing(_) | At::Gone => Err(gone()),
        }
    }

    /// Notes in the record from where on bytes are unverified, or that none are.
    async fn mark(mut self, unverified: Option<u64>) -> Result<Self, UploadError> {
        self.record.unverified = unverified;
        let folder = Arc::clone(&self.held()?.folder);
        let (id, record) = (self.id, self.record.clone());
        blocking(move || record.save(&folder, &folder.workshop()?.folder, id)).await?;
        Ok(self)
    }
}

impl Drop for Part {
    /// What was gathered and not yet written is written, where there is somebody to do it.
    fn drop(&mut self) {
        let Some((writer, _)) = self.end_writing() else { return };
        if self.record.unverified.is_some() {
            return;
        }
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                if let Ok(finishing) = writer.finish().await {
                    let _ = blocking(move || finishing.finish().map(drop)).await;
                }
            });
        }
    }
}

impl std::fmt::Debug for Part {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Part")
            .field("id", &self.id)
            .field("offset", &self.offset)
            .field("length", &self.record.length)
            .finish_non_exhaustive()
    }
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
    let workshop = folder.workshop()?;
    let nascent = Nascent::of_part(&held.file, &workshop.folder, id.part())?;
    let mut publication = Publication::new(&folder);
    let (name, replaced) = publication.add(nascent, &place)?;
    publication.complete()?;
    let sha256 = hash.finalize().into();
    record.finished =
        Some(Appeared { place: record::join(&place.folder, &name), sha256, replaced });
    // Without it the part is known to have appeared, only not where.
    if let Err(error) = record.save(&folder, &workshop.folder, id) {
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

fn gone() -> UploadError {
    UploadError::Unavailable(io::Error::other("the upload has failed before"))
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
    fn refuse_taken(&self, place: &Place) -> Result<(), UploadError> {
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

impl From<PartError> for UploadError {
    fn from(error: PartError) -> Self {
        match error {
            PartError::Upload(error) => error,
            PartError::NotFound | PartError::Locked => {
                Self::Unavailable(io::ErrorKind::ResourceBusy.into())
            }
        }
    }
}
