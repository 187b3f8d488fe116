//! When this server itself last changed what it serves.
//!
//! What was seen lately is given again unchecked for some milliseconds. Who has just sent a file
//! shall see it all the same.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// The time of the last change. Copies are of the same time.
#[derive(Clone, Debug)]
pub struct Changes(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    start: Instant,
    /// Nanoseconds after the start; 0 when there was none.
    latest: AtomicU64,
}

impl Changes {
    /// To be called when a change has been made, before anybody is told of it.
    pub fn note(&self) {
        let now = self.nanoseconds(Instant::now()).max(1);
        self.0.latest.fetch_max(now, Ordering::Release);
    }

    /// Which change was the last.
    pub(super) fn latest(&self) -> u64 {
        self.0.latest.load(Ordering::Acquire)
    }

    /// Whether something may have changed since what was seen at `seen`.
    #[inline]
    pub fn any_since(&self, seen: Instant) -> bool {
        let latest = self.latest();
        latest != 0 && self.nanoseconds(seen) <= latest
    }

    fn nanoseconds(&self, time: Instant) -> u64 {
        let since = time.saturating_duration_since(self.0.start).as_nanos();
        u64::try_from(since).unwrap_or(u64::MAX)
    }
}

impl Default for Changes {
    fn default() -> Self {
        Self(Arc::new(Inner { start: Instant::now(), latest: AtomicU64::new(0) }))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_was_seen_before_a_change_has_to_be_looked_at_again() {
        let changes = Changes::default();
        let copy = changes.clone();
        let before = Instant::now();
        assert!(!copy.any_since(before), "there was none");
        changes.note();
        assert!(copy.any_since(before));
        assert!(!copy.any_since(Instant::now() + Duration::from_millis(1)));
    }
}
