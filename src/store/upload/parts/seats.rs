//! Who is at which resumable upload.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sha2::Sha256;
use tokio::sync::watch;

use crate::store::upload::record::PartId;

/// The resumable uploads that requests are at, or were lately.
#[derive(Default)]
pub(in crate::store::upload) struct Seats(Mutex<HashMap<PartId, Arc<Seat>>>);

/// One of them: whoever holds its memory may write.
pub(super) struct Seat {
    pub(super) claims: watch::Sender<()>,
    pub(super) memory: Arc<tokio::sync::Mutex<Memory>>,
}

/// The hash of the first bytes of the file, so that they need not be read again at the end.
#[derive(Default)]
pub(super) struct Memory(pub(super) Option<(Sha256, u64)>);

impl Seats {
    pub(super) fn seat(&self, id: PartId) -> Arc<Seat> {
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
    pub(in crate::store::upload) fn retain(&self, kept: impl Fn(PartId) -> bool) {
        self.lock().retain(|id, seat| kept(*id) || Arc::strong_count(&seat.memory) > 1);
    }
}
