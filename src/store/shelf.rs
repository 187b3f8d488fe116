//! A table that holds what was used lately, up to a weight and a number.

use std::hash::{BuildHasherDefault, Hasher};
use std::mem::size_of;

use lru::LruCache;

/// Values by path, the least recently used ones given up first.
///
/// The key of the table is a hash that the caller has made already, with a secret of this process,
/// so nobody outside can choose paths that collide. Should two collide by chance, the later one
/// takes the place of the earlier: the path is kept and compared.
pub(super) struct Shelf<V> {
    slots: LruCache<u64, Slot<V>, BuildHasherDefault<AsIs>>,
    weight: usize,
    /// How many things there are in the values.
    count: usize,
    limits: Limits,
    evictions: u64,
}

/// How much a [`Shelf`] may hold.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Bytes, the shelf's own included.
    pub(super) weight: usize,
    /// Things: a value is one, and more when it has grown.
    pub(super) count: usize,
}

struct Slot<V> {
    path: Box<[u8]>,
    weight: usize,
    count: usize,
    value: V,
}

impl<V> Shelf<V> {
    /// Bytes that every value costs beside its own and its path's: the slot, the links of the list
    /// around it, its place in the hash table, and what the allocator adds.
    const OVERHEAD: usize = size_of::<Slot<V>>() + 80;

    pub(super) fn new(limits: Limits) -> Self {
        Self {
            slots: LruCache::unbounded_with_hasher(BuildHasherDefault::default()),
            weight: 0,
            count: 0,
            limits,
            evictions: 0,
        }
    }

    /// The value of a path, which becomes the most recently used.
    #[inline]
    pub(super) fn get(&mut self, key: u64, path: &[u8]) -> Option<&mut V> {
        let slot = self.slots.get_mut(&key)?;
        (*slot.path == *path).then_some(&mut slot.value)
    }

    /// The value of a path, which keeps its place among the others: in the memory of a busy table a
    /// move to the front touches three neighbours.
    #[inline]
    pub(super) fn peek(&mut self, key: u64, path: &[u8]) -> Option<&mut V> {
        let slot = self.slots.peek_mut(&key)?;
        (*slot.path == *path).then_some(&mut slot.value)
    }

    /// Takes a value that weighs `weight` bytes without its path. Gives back what had to go for it
    /// (itself, when it is too heavy), to be dropped where nobody waits.
    #[must_use]
    pub(super) fn put(&mut self, key: u64, path: &[u8], value: V, weight: usize) -> Vec<V> {
        let mut gone = Vec::new();
        gone.extend(self.remove(key));
        let weight = weight.saturating_add(path.len()).saturating_add(Self::OVERHEAD);
        if weight > self.limits.weight || self.limits.count == 0 {
            gone.push(value);
            return gone;
        }
        self.make_room(weight, 1, &mut gone);
        self.weight += weight;
        self.count += 1;
        let path = path.into();
        let slot = Slot { path, weight, count: 1, value };
        self.slots.put(key, slot);
        gone
    }

    /// Notes that the value with that key has become heavier by `weight` bytes and holds `count`
    /// things more. Gives back what had to go for that, to be dropped where nobody waits; `None`
    /// when it would have to go itself: then nothing is noted.
    #[must_use]
    pub(super) fn grow(&mut self, key: u64, weight: usize, count: usize) -> Option<Vec<V>> {
        // The most recently used is the last to go.
        let slot = self.slots.get(&key)?;
        if slot.weight.saturating_add(weight) > self.limits.weight
            || slot.count + count > self.limits.count
        {
            return None;
        }
        let mut gone = Vec::new();
        self.make_room(weight, count, &mut gone);
        if let Some(slot) = self.slots.get_mut(&key) {
            slot.weight += weight;
            slot.count += count;
            self.weight += weight;
            self.count += count;
        }
        Some(gone)
    }

    fn make_room(&mut self, weight: usize, count: usize, gone: &mut Vec<V>) {
        while self.weight + weight > self.limits.weight
            || self.count.saturating_add(count) > self.limits.count
        {
            let Some((_, slot)) = self.slots.pop_lru() else {
                break;
            };
            self.weight -= slot.weight;
            self.count -= slot.count;
            self.evictions += 1;
            gone.push(slot.value);
        }
    }

    /// Gives up the value with that key.
    pub(super) fn remove(&mut self, key: u64) -> Option<V> {
        let slot = self.slots.pop(&key)?;
        self.weight -= slot.weight;
        self.count -= slot.count;
        Some(slot.value)
    }

    /// Gives up the values that `keep` does not want.
    pub(super) fn retain(&mut self, keep: impl Fn(&V) -> bool) {
        let (mut freed, mut fewer) = (0, 0);
        self.slots.retain(|_, slot| {
            let wanted = keep(&slot.value);
            if !wanted {
                freed += slot.weight;
                fewer += slot.count;
            }
            wanted
        });
        self.weight -= freed;
        self.count -= fewer;
    }

    /// Paths and values, the one used last first.
    pub(super) fn most_recent(&self) -> impl Iterator<Item = (&[u8], &V)> {
        self.slots.iter().map(|(_, slot)| (&*slot.path, &slot.value))
    }

    /// Values given up to make room.
    pub(super) fn evictions(&self) -> u64 {
        self.evictions
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Things in all values.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    pub(super) fn weight(&self) -> usize {
        self.weight
    }
}

/// Hashes a hash to itself.
#[derive(Default)]
struct AsIs(u64);

impl Hasher for AsIs {
    #[inline]
    fn finish(&self) -> u64 {
        self.0
    }

    #[inline]
    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }

    /// Never called for keys that are `u64`.
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shelf(values: usize) -> Shelf<&'static str> {
        Shelf::new(Limits { weight: values * (Shelf::<&str>::OVERHEAD + 101), count: usize::MAX })
    }

    #[test]
    fn the_least_recently_used_goes_first() {
        let mut shelf = shelf(2);
        assert!(shelf.put(1, b"a", "a", 100).is_empty());
        assert!(shelf.put(2, b"b", "b", 100).is_empty());
        assert!(shelf.get(1, b"a").is_some());
        assert_eq!(shelf.put(3, b"c", "c", 100), ["b"]);
        assert!(shelf.get(1, b"a").is_some());
        assert!(shelf.get(2, b"b").is_none());
    }

    #[test]
    fn a_glance_saves_nothing_from_going() {
        let mut shelf = shelf(2);
        assert!(shelf.put(1, b"a", "a", 100).is_empty());
        assert!(shelf.put(2, b"b", "b", 100).is_empty());
        assert_eq!(shelf.peek(1, b"a"), Some(&mut "a"));
        assert_eq!(shelf.peek(1, b"b"), None);
        assert_eq!(shelf.put(3, b"c", "c", 100), ["a"]);
    }

    #[test]
    fn a_heavy_value_takes_the_place_of_several_light_ones() {
        let mut shelf = shelf(3);
        let full = shelf.limits.weight;
        for key in 0..3 {
            assert!(shelf.put(key, b"a", "light", 100).is_empty());
        }
        assert_eq!(shelf.weight(), full);
        let gone = shelf.put(3, b"b", "heavy", full - Shelf::<&str>::OVERHEAD - 1);
        assert_eq!(gone, ["light"; 3]);
        assert_eq!((shelf.len(), shelf.weight()), (1, full));
    }

    #[test]
    fn what_is_too_heavy_is_not_kept_and_costs_no_other_its_place() {
        let mut shelf = shelf(1);
        assert!(shelf.put(1, b"a", "a", 100).is_empty());
        assert_eq!(shelf.put(2, b"b", "b", 101), ["b"]);
        assert_eq!(shelf.put(2, b"b", "b", usize::MAX), ["b"]);
        assert!(shelf.get(1, b"a").is_some());
    }

    #[test]
    fn the_number_is_bounded_too() {
        let mut shelf = Shelf::new(Limits { weight: usize::MAX, count: 2 });
        for key in 0..5 {
            let _ = shelf.put(key, b"a", key, 0);
        }
        assert_eq!(shelf.len(), 2);
    }

    #[test]
    fn what_grows_pushes_others_out_but_never_itself() {
        let mut shelf = shelf(3);
        for (key, name) in [(1, "a"), (2, "b"), (3, "c")] {
            assert!(shelf.put(key, name.as_bytes(), name, 100).is_empty());
        }
        let full = shelf.weight();
        assert_eq!(shelf.grow(1, 10, 1), Some(vec!["b"]));
        assert_eq!((shelf.len(), shelf.count()), (2, 3));
        assert_eq!(shelf.grow(1, full, 0), None);
        assert_eq!(shelf.grow(9, 1, 0), None);
        assert_eq!(shelf.weight(), full / 3 * 2 + 10);
        assert_eq!(shelf.remove(1), Some("a"));
        assert_eq!((shelf.weight(), shelf.count()), (full / 3, 1));

        let mut few = Shelf::new(Limits { weight: usize::MAX, count: 3 });
        for key in 0..3 {
            let _ = few.put(key, b"a", key, 0);
        }
        assert_eq!(few.grow(2, 0, 2), Some(vec![0, 1]));
        assert_eq!(few.grow(2, 0, 1), None);
        assert_eq!(few.count(), 3);
    }

    #[test]
    fn every_way_out_gives_the_weight_back() {
        let mut shelf = shelf(4);
        let _ = shelf.put(1, b"a", "a", 10);
        let _ = shelf.put(1, b"a", "again", 20);
        let _ = shelf.put(2, b"b", "b", 10);
        assert_eq!(shelf.remove(2), Some("b"));
        shelf.retain(|_| false);
        assert_eq!((shelf.len(), shelf.weight()), (0, 0));
    }

    #[test]
    fn a_path_with_the_hash_of_another_is_not_taken_for_it() {
        let mut shelf = shelf(2);
        let _ = shelf.put(1, b"a", "a", 0);
        assert!(shelf.get(1, b"b").is_none());
        assert_eq!(shelf.put(1, b"b", "b", 0), ["a"]);
        assert!(shelf.get(1, b"a").is_none());
    }
}
