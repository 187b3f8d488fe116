//! What there is most of, in fixed memory, whatever comes.
//!
//! The space-saving algorithm (Metwally, Agrawal, El Abbadi 2005): a newcomer takes the place of the
//! entry with the least, and its count. What is really frequent stays; no count is too low by more
//! than the least one there is.

use std::collections::HashMap;
use std::hash::Hash;

/// Entries kept; far more than are shown, so that those shown are right.
const KEPT: usize = 128;

/// Counts of the most frequent keys.
#[derive(Clone, Debug)]
pub(super) struct Top<K> {
    counts: HashMap<K, Count>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) requests: u64,
    pub(super) bytes: u64,
}

impl<K> Default for Top<K> {
    fn default() -> Self {
        Self { counts: HashMap::new() }
    }
}

impl<K: Clone + Eq + Hash + Ord> Top<K> {
    /// Counts `key`.
    pub(super) fn add(&mut self, key: &K, requests: u64, bytes: u64) {
        if let Some(count) = self.counts.get_mut(key) {
            count.requests += requests;
            count.bytes += bytes;
            return;
        }
        let mut inherited = 0;
        if self.counts.len() >= KEPT {
            let least = self.counts.iter().min_by_key(|(_, count)| count.requests);
            if let Some((key, count)) = least.map(|(key, count)| (key.clone(), *count)) {
                inherited = count.requests;
                self.counts.remove(&key);
            }
        }
        let count = Count { requests: inherited + requests, bytes };
        self.counts.insert(key.clone(), count);
    }

    /// Adds all of another list.
    pub(super) fn merge(&mut self, other: &Self) {
        for (key, count) in &other.counts {
            self.add(key, count.requests, count.bytes);
        }
    }

    /// The first ones, the most frequent first.
    pub(super) fn first(&self, most: usize) -> Vec<(K, Count)> {
        let mut all: Vec<_> = self.counts.iter().map(|(k, count)| (k.clone(), *count)).collect();
        all.sort_unstable_by(|(a, one), (b, two)| {
            two.requests.cmp(&one.requests).then_with(|| a.cmp(b))
        });
        all.truncate(most);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_keys_are_counted_exactly() {
        let mut top = Top::default();
        for key in 0..10_u32 {
            top.add(&key, u64::from(key) + 1, 100);
        }
        top.add(&3, 100, 1);
        let first = top.first(2);
        assert_eq!(first[0], (3, Count { requests: 104, bytes: 101 }));
        assert_eq!(first[1].0, 9);
    }

    #[test]
    fn a_flood_of_keys_takes_no_memory_and_hides_nobody() {
        let mut top = Top::default();
        for round in 0..100_000_u32 {
            top.add(&(1000 + round), 1, 0);
            if round % 50 == 0 {
                top.add(&7, 1, 0);
            }
        }
        assert_eq!(top.counts.len(), KEPT);
        assert_eq!(top.first(1)[0].0, 7);
        let count = top.first(1)[0].1.requests;
        assert!((2000..2000 + 100_000 / KEPT as u64 * 2).contains(&count), "{count}");
    }
}
