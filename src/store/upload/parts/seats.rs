//! Who is at which resumable upload.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::mem;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sha2::Sha256;
use tokio::sync::{OwnedMutexGuard, watch};

use crate::store::upload::folder::Folder;
use crate::store::upload::record::PartId;

/// The resumable uploads that requests are at, and those of which something is remembered.
#[derive(Default)]
pub(in crate::store::upload) struct Seats(Mutex<HashMap<PartId, Seat>>);

/// One of them: whoever holds its memory may write.
#[derive(Default)]
struct Seat {
    claims: watch::Sender<()>,
    memory: Arc<tokio::sync::Mutex<Memory>>,
}

/// The hash of the first bytes of the file, so that they need not be read again at the end.
#[derive(Default)]
pub(in crate::store::upload) struct Memory(pub(super) Option<(Sha256, u64)>);

/// A request at a resumable upload, whether it is its turn or not.
pub(super) struct Seated {
    folder: Arc<Folder>,
    id: PartId,
    memory: Arc<tokio::sync::Mutex<Memory>>,
}

/// The right to write to one of them.
pub(in crate::store::upload) struct Turn {
    memory: OwnedMutexGuard<Memory>,
    /// Left after the memory.
    _seat: Seated,
}

impl Seats {
    fn lock(&self) -> MutexGuard<'_, HashMap<PartId, Seat>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets those that are not `kept` and that no request is at.
    pub(in crate::store::upload) fn retain(&self, kept: impl Fn(PartId) -> bool) {
        self.lock().retain(|id, seat| kept(*id) || Arc::strong_count(&seat.memory) > 1);
    }

    #[cfg(test)]
    pub(in crate::store::upload) fn count(&self) -> usize {
        self.lock().len()
    }
}

impl Seated {
    /// Takes a seat at an upload. Who is at it already is told; so is this one, by what is returned with
    /// it, when somebody newer comes.
    pub(super) fn claim(folder: &Arc<Folder>, id: PartId) -> (Self, watch::Receiver<()>) {
        let mut seats = folder.seats().lock();
        let seat = seats.entry(id).or_default();
        seat.claims.send_replace(());
        let newer = seat.claims.subscribe();
        let memory = Arc::clone(&seat.memory);
        (Self { folder: Arc::clone(folder), id, memory }, newer)
    }

    /// Waits until nobody else is at it.
    pub(super) async fn turn(self) -> Turn {
        let memory = Arc::clone(&self.memory).lock_owned().await;
        Turn { memory, _seat: self }
    }
}

impl Deref for Turn {
    type Target = Memory;

    fn deref(&self) -> &Memory {
        &self.memory
    }
}

impl DerefMut for Turn {
    fn deref_mut(&mut self) -> &mut Memory {
        &mut self.memory
    }
}

impl Drop for Seated {
    /// The last one who leaves takes the seat away, unless something is remembered there.
    fn drop(&mut self) {
        let mut seats = self.folder.seats().lock();
        drop(mem::take(&mut self.memory));
        if let Entry::Occupied(seat) = seats.entry(self.id)
            && Arc::strong_count(&seat.get().memory) == 1
            && seat.get().memory.try_lock().is_ok_and(|memory| memory.0.is_none())
        {
            seat.remove();
        }
    }
}
