//! A resumable upload in the hands of one request.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use sha2::{Digest, Sha256};
use tokio::sync::watch;

use super::seats::Turn;
use super::{Finished, publish};
use crate::store::upload::folder::Folder;
use crate::store::upload::record::{PartId, Record};
use crate::store::upload::writer::{Target, Writer};
use crate::store::upload::{UploadError, blocking};

/// A resumable upload that this request alone may write to. Dropped, it keeps what it has got.
pub struct Part {
    pub(super) id: PartId,
    pub(super) record: Record,
    /// Bytes that are in the file for good.
    pub(super) offset: u64,
    pub(super) expires: SystemTime,
    pub(super) newer: watch::Receiver<()>,
    pub(super) at: At,
}

/// Where its file is.
pub(super) enum At {
    Rest(Held),
    /// With the hash of what was there before.
    Writing(Box<(Writer<Held>, Option<Sha256>)>),
    /// Only within a call.
    Gone,
}

/// The file of a part, and the right to write to it.
pub(in crate::store::upload) struct Held {
    pub(super) folder: Arc<Folder>,
    pub(super) file: File,
    pub(super) memory: Turn,
}

impl Target for Held {
    fn file(&self) -> &File {
        &self.file
    }
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
        let At::Rest(mut held) = std::mem::replace(&mut self.at, At::Gone) else {
            return Err(gone());
        };
        let id = self.id;
        blocking(move || {
            held.folder.remove_part(&held.folder.workshop()?, id)?;
            held.memory.0 = None;
            Ok(())
        })
        .await
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

fn gone() -> UploadError {
    UploadError::Unavailable(io::Error::other("the upload has failed before"))
}
