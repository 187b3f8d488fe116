//! Numbers that one thread writes and any may read.
//!
//! Each belongs to one worker, whose thread alone changes it: a load and a store, both relaxed, are
//! plain moves. Nothing is locked, and no other thread writes to the same cache line.

use std::sync::atomic::{AtomicU64, Ordering};

/// A number that only grows.
#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    /// So many of them.
    pub(super) fn many<const N: usize>() -> [Self; N] {
        std::array::from_fn(|_| Self::default())
    }

    #[inline]
    pub(super) fn add(&self, count: u64) {
        // Together not atomic, and they need not be: nobody else writes.
        let before = self.0.load(Ordering::Relaxed);
        self.0.store(before.wrapping_add(count), Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A number that grows and shrinks.
#[derive(Debug, Default)]
pub(super) struct Gauge(AtomicU64);

impl Gauge {
    #[inline]
    pub(super) fn up(&self) {
        let before = self.0.load(Ordering::Relaxed);
        self.0.store(before.wrapping_add(1), Ordering::Relaxed);
    }

    #[inline]
    pub(super) fn down(&self) {
        let before = self.0.load(Ordering::Relaxed);
        self.0.store(before.wrapping_sub(1), Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How many more times something is left out. Its owner's alone.
#[derive(Debug, Default)]
pub(super) struct Countdown(AtomicU64);

impl Countdown {
    /// Counts down by one; true when there was nothing left to count.
    #[inline]
    pub(super) fn is_spent(&self) -> bool {
        let left = self.0.load(Ordering::Relaxed);
        self.0.store(left.saturating_sub(1), Ordering::Relaxed);
        left == 0
    }

    pub(super) fn set(&self, count: u64) {
        self.0.store(count, Ordering::Relaxed);
    }
}
