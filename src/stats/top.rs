//! What there is most of, in fixed memory, whatever comes.
//!
//! The space-saving algorithm (Metwally, Agrawal, El Abbadi 2005): a newcomer takes the place of the
//! entry with the least, and its count, so that what is really frequent stays. Shown is what is
//! certain: what was counted since an entry came, which is too low at most by what it took over.

use std::collections::HashMap;
use std::hash::Hash;

use super::first;

/// Entries kept; far more than are shown, so that those shown are right.
const KEPT: usize = 128;

/// Counts of the most frequent keys.
#[derive(Clone, Debug)]
pub(super) struct Top<K> {
    entries: HashMap<K, Entry>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    certain: Count,
    /// What it took over.
    inherited: u64,
}

impl Entry {
    fn most(&self) -> u64 {
        self.inherited + self.certain.requests
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) requests: u64,
    pub(super) bytes: u64,
}

impl<K> Default for Top<K> {
    fn default() -> Self {
        Self { entries: HashMap::new() }
    }
}

impl<K: Clone + Eq + Hash + Ord> Top<K> {
    /// Counts `key`.
    pub(super) fn add(&mut self, key: &K, requests: u64, bytes: u64) {
        let is_full = self.entries.len() >= KEPT;
        let mut inherited = 0;
        if is_full && !self.entries.contains_key(key) {
            let least = self.entries.iter().min_by_key(|(_, entry)| entry.most());
            if let Some((key, entry)) = least.map(|(key, entry)| (key.clone(), *entry)) {
                inherited = entry.most();
                self.entries.remove(&key);
            }
        }
        let fresh = Entry { inherited, ..Entry::default() };
        let entry = self.entries.entry(key.clone()).or_insert(fresh);
        entry.certain.requests += requests;
        entry.certain.bytes += bytes;
    }

    /// The first ones of this list and another together, the most frequent first.
    pub(super) fn first_with(&self, other: &Self, most: usize) -> Vec<(K, Count)> {
        let mut sums: HashMap<&K, Count> = HashMap::new();
        for (key, entry) in self.entries.iter().chain(&other.entries) {
            let sum = sums.entry(key).or_default();
            sum.requests += entry.certain.requests;
            sum.bytes += entry.certain.bytes;
        }
        let first = first(sums, most, |(a, one), (b, two)| {
            two.requests.cmp(&one.requests).then_with(|| a.cmp(b))
        });
        first.into_iter().map(|(key, count)| (key.clone(), count)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_keys_are_counted_exactly_over_both_lists() {
        let (mut top, mut other) = (Top::default(), Top::default());
        for key in 0..10_u32 {
            top.add(&key, u64::from(key) + 1, 100);
        }
        top.add(&3, 100, 1);
        other.add(&3, 1, 1);
        let first = top.first_with(&other, 2);
        assert_eq!(first[0], (3, Count { requests: 105, bytes: 102 }));
        assert_eq!(first[1], (9, Count { requests: 10, bytes: 100 }));
    }

    #[test]
    fn a_flood_of_keys_takes_no_memory_hides_nobody_and_is_not_shown_as_more_than_it_is() {
        let mut top = Top::default();
        for round in 0..100_000_u32 {
            top.add(&(1000 + round), 1, 0);
            if round % 50 == 0 {
                top.add(&7, 1, 0);
            }
        }
        assert_eq!(top.entries.len(), KEPT);
        let first = top.first_with(&Top::default(), 2);
        assert_eq!(first[0].0, 7);
        assert!((1000..=2000).contains(&first[0].1.requests), "{first:?}");
        assert_eq!(first[1].1.requests, 1);
    }
}
