//! How long answers take, without asking for the time more often: those of one reading of the clock
//! are counted together, when it is next read.

use std::cell::Cell;
use std::time::Instant;

use super::clock;
use crate::stats::Tally;

thread_local! {
    static BATCH: Batch = const { Batch { received: Cell::new(None), count: Cell::new(0) } };
}

/// Answers to requests that came at the same reading, of this worker's thread.
struct Batch {
    received: Cell<Option<Instant>>,
    count: Cell<u64>,
}

/// A request that came at `received` was answered, or is so before the clock is next read.
#[inline]
pub(super) fn answered(tally: &Tally, received: Instant) {
    if cfg!(feature = "uncounted") {
        return;
    }
    BATCH.with(|batch| {
        if batch.received.get() != Some(received) {
            // The clock went on: what came before was answered by then.
            batch.settle(tally, clock::last());
            batch.received.set(Some(received));
        }
        batch.count.set(batch.count.get() + 1);
    });
}

/// Counts what was answered; to be called before the event loop sleeps.
pub(super) fn settle(tally: &Tally) {
    BATCH.with(|batch| {
        if batch.count.get() > 0 {
            clock::has_aged();
            batch.settle(tally, clock::now());
        }
    });
}

impl Batch {
    fn settle(&self, tally: &Tally, now: Instant) {
        let count = self.count.replace(0);
        if let Some(received) = self.received.take()
            && count > 0
        {
            tally.took(now.saturating_duration_since(received), count);
        }
    }
}
