//! A file that nobody sees until it is published.

use std::fs::File;
use std::sync::Arc;

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::folder::{DraftSeat, Folder};
use super::nascent::Nascent;
use super::writer::{Finishing, Target, Writer};
use super::{UploadError, blocking};

/// A file that nobody sees until [`UploadFolder::publish`](super::UploadFolder::publish) gives it
/// its name. Dropped, it is gone.
pub struct Draft {
    writer: Writer<Nascent>,
    received: u64,
    _seat: DraftSeat,
}

impl Target for Nascent {
    fn file(&self) -> &File {
        Self::file(self)
    }
}

impl Draft {
    pub(super) async fn begin(
        folder: &Arc<Folder>,
        expected: Option<u64>,
    ) -> Result<Self, UploadError> {
        let seat = folder.begin_draft()?;
        let here = Arc::clone(folder);
        let nascent = blocking(move || {
            here.has_room(expected.unwrap_or(0))?;
            Ok::<_, UploadError>(Nascent::begin(&here)?)
        })
        .await?;
        let writer = Writer::new(nascent, Some(Sha256::new()), 0, folder.begin_writing());
        Ok(Self { writer, received: 0, _seat: seat })
    }

    /// Takes the next piece of the content; it is hashed and written on another thread. An error
    /// may be that of an earlier piece. After one, all there is to do is to drop the draft.
    pub async fn write(&mut self, piece: Bytes) -> Result<(), UploadError> {
        self.received += piece.len() as u64;
        self.writer.write(piece).await
    }

    /// Says that nothing more comes: until it is published, it takes a descriptor and hardly any
    /// memory.
    pub async fn settle(&mut self) -> Result<(), UploadError> {
        self.writer.settle().await
    }

    /// Bytes taken so far.
    pub fn received(&self) -> u64 {
        self.received
    }

    pub(super) async fn finish(self) -> Result<Finishing<Nascent>, UploadError> {
        self.writer.finish().await
    }
}

impl std::fmt::Debug for Draft {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Draft").field("received", &self.received).finish_non_exhaustive()
    }
}
