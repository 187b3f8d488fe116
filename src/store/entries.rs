//! Many entries of a folder, close together.

use std::cmp::Ordering;
use std::time::SystemTime;

use super::{Entry, EntryKind};
use crate::content::natural;

/// The entries of a folder: names in one piece of memory, about 60 bytes for each.
#[derive(Clone, Debug, Default)]
pub struct Entries {
    names: Vec<u8>,
    slots: Vec<Slot>,
    /// When an entry of the folder was last added, removed or renamed; `None` when unknown.
    pub modified: Option<SystemTime>,
    /// Whether there are more in the folder.
    pub is_cut: bool,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    name_start: usize,
    name_length: u16,
    kind: EntryKind,
    is_link: bool,
    size: u64,
    modified: Option<SystemTime>,
}

/// A view of one entry; see [`Entry`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryRef<'a> {
    /// Its name.
    pub name: &'a [u8],
    /// What it is.
    pub kind: EntryKind,
    /// Whether a symbolic link leads there.
    pub is_link: bool,
    /// Bytes; 0 for a folder.
    pub size: u64,
    /// When it was last modified.
    pub modified: Option<SystemTime>,
}

impl Entries {
    /// Adds an entry. A name longer than 65,535 bytes, which no file system has, is left out.
    pub fn push(&mut self, entry: EntryRef<'_>) {
        let Ok(name_length) = u16::try_from(entry.name.len()) else { return };
        self.slots.push(Slot {
            name_start: self.names.len(),
            name_length,
            kind: entry.kind,
            is_link: entry.is_link,
            size: entry.size,
            modified: entry.modified,
        });
        self.names.extend_from_slice(entry.name);
    }

    /// Puts folders first, and each kind in the natural order of names.
    pub fn sort(&mut self) {
        let names = &self.names;
        self.slots.sort_unstable_by(|one, other| {
            let by_kind = one.kind.cmp(&other.kind);
            by_kind.then_with(|| natural::compare(one.name(names), other.name(names)))
        });
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// The entry of that number, from 0.
    #[inline]
    pub fn get(&self, number: usize) -> Option<EntryRef<'_>> {
        self.slots.get(number).map(|slot| self.view(slot))
    }

    /// All of them in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = EntryRef<'_>> {
        self.slots.iter().map(|slot| self.view(slot))
    }

    #[inline]
    fn view(&self, slot: &Slot) -> EntryRef<'_> {
        EntryRef {
            name: slot.name(&self.names),
            kind: slot.kind,
            is_link: slot.is_link,
            size: slot.size,
            modified: slot.modified,
        }
    }
}

impl Slot {
    #[inline]
    fn name<'n>(&self, names: &'n [u8]) -> &'n [u8] {
        &names[self.name_start..self.name_start + usize::from(self.name_length)]
    }
}

impl EntryRef<'_> {
    /// The same, on its own.
    pub fn to_entry(&self) -> Entry {
        let Self { kind, is_link, size, modified, .. } = *self;
        Entry { name: self.name.into(), kind, is_link, size, modified }
    }
}

/// Folders come before files.
impl Ord for EntryKind {
    fn cmp(&self, other: &Self) -> Ordering {
        let is_file = |kind: &Self| *kind == Self::File;
        is_file(self).cmp(&is_file(other))
    }
}

impl PartialOrd for EntryKind {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_come_first_and_numbers_count() {
        let mut entries = Entries::default();
        let all = [
            ("b10", EntryKind::File),
            ("B", EntryKind::Folder),
            ("b9", EntryKind::File),
            ("z2", EntryKind::Folder),
            ("", EntryKind::File),
            ("a", EntryKind::Folder),
        ];
        for (name, kind) in all {
            let name = name.as_bytes();
            entries.push(EntryRef { name, kind, is_link: false, size: 1, modified: None });
        }
        let long = vec![b'a'; 70_000];
        entries.push(EntryRef {
            name: &long,
            kind: EntryKind::File,
            is_link: false,
            size: 0,
            modified: None,
        });
        entries.sort();
        let names: Vec<_> = entries.iter().map(|entry| entry.name).collect();
        assert_eq!(names, [&b"a"[..], b"B", b"z2", b"", b"b9", b"b10"]);
        assert_eq!((entries.len(), entries.is_empty()), (6, false));
        assert_eq!(entries.get(0).unwrap().to_entry().name.as_ref(), b"a");
        assert_eq!(entries.get(6), None);
    }
}
