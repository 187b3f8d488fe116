//! Which entries are shown, in which order.

use std::cmp::Ordering;
use std::sync::Arc;
use std::time::SystemTime;

use super::looks::Known;
use super::query::{Needle, Query, Sort};
use super::readme::Readme;
use crate::content::accept::Form;
use crate::handler::generated::Room;
use crate::store::{Entries, EntryKind, EntryRef};

/// Entries on one page of HTML.
pub(super) const PAGE: usize = 10_000;

/// What an answer is made of.
pub(super) struct Selection {
    entries: Arc<Known>,
    order: Vec<u32>,
    /// Leave to take memory for the order, and for more that depends on it.
    rooms: Vec<Room>,
    pub(super) totals: Totals,
    /// The number of this page, from 1.
    pub(super) page: usize,
    /// How many pages there are, at least 1.
    pub(super) pages: usize,
    pub(super) readme: Option<Arc<Readme>>,
}

/// Of all pages together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Totals {
    pub(super) folders: usize,
    pub(super) files: usize,
    /// Of the files.
    pub(super) bytes: u64,
    /// Whether the folder has more entries than were looked at.
    pub(super) is_cut: bool,
}

impl Selection {
    /// Bytes that a selection from so many entries takes at most.
    pub(super) const fn memory(entries: usize) -> usize {
        entries.saturating_mul(size_of::<u32>())
    }

    /// Selects what a query asks for, in room for [`memory`](Self::memory). Entries of a number
    /// beyond 2^32 are left out.
    pub(super) fn new(entries: Arc<Known>, query: &Query, room: Room) -> Self {
        let needle = Needle::new(&query.filter);
        let mut order = Vec::with_capacity(entries.len());
        let mut totals = Totals { is_cut: entries.is_cut, ..Totals::default() };
        for (number, entry) in (0..u32::MAX).zip(entries.iter()) {
            if needle.as_ref().is_none_or(|needle| needle.is_in(entry.name)) {
                totals.add(entry);
                order.push(number);
            }
        }
        sort(&mut order, totals.folders, &entries, query);
        let mut selection =
            Self { entries, order, rooms: vec![room], totals, page: 1, pages: 1, readme: None };
        if query.form == Form::Html {
            selection.turn_to(query.page);
        }
        selection
    }

    /// Bytes of the entries that are counted nowhere else while this is kept.
    pub(super) fn uncounted(&self) -> usize {
        self.entries.uncounted()
    }

    /// Takes room for them.
    pub(super) fn count(&mut self, room: Room) {
        self.rooms.push(room);
    }

    /// Keeps one page; the last one when there are not that many.
    fn turn_to(&mut self, page: usize) {
        self.pages = self.order.len().div_ceil(PAGE).max(1);
        self.page = page.clamp(1, self.pages);
        let start = (self.page - 1) * PAGE;
        self.order.drain(..start);
        self.order.truncate(PAGE);
    }

    /// How many entries there are on this page.
    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    /// The entry at a place of this page.
    pub(super) fn get(&self, place: usize) -> Option<EntryRef<'_>> {
        let number = *self.order.get(place)?;
        self.entries.get(usize::try_from(number).ok()?)
    }

    /// About how many bytes of text the entries of this page come to, rather more than less.
    pub(super) fn estimate(&self) -> usize {
        const ROW: usize = 150;
        let entries = (0..self.len()).filter_map(|place| self.get(place));
        entries.map(|entry| ROW + 3 * entry.name.len()).sum()
    }

    /// When the folder or an entry in it was last modified, as far as that is not still to come.
    pub(super) fn modified(&self) -> Option<SystemTime> {
        let now = SystemTime::now();
        let times = self.entries.iter().map(|entry| entry.modified);
        times.chain([self.entries.modified]).flatten().filter(|time| *time <= now).max()
    }
}

impl Totals {
    fn add(&mut self, entry: EntryRef<'_>) {
        match entry.kind {
            EntryKind::Folder => self.folders += 1,
            EntryKind::File => {
                self.files += 1;
                self.bytes = self.bytes.saturating_add(entry.size);
            }
        }
    }
}

/// Sorts numbers of entries that are in the order of names, the folders before `folders`. Equals
/// stay in the order of names, whichever way the others go.
fn sort(order: &mut [u32], folders: usize, entries: &Entries, query: &Query) {
    let (folders, files) = order.split_at_mut(folders);
    for part in [folders, files] {
        let compare: fn(EntryRef<'_>, EntryRef<'_>) -> Ordering = match query.sort {
            Sort::Name if query.descending => {
                part.reverse();
                continue;
            }
            Sort::Name => continue,
            Sort::Size => |one, other| one.size.cmp(&other.size),
            Sort::Time => |one, other| one.modified.cmp(&other.modified),
        };
        // By number where equal, rather than stable: that takes no more memory.
        part.sort_unstable_by(|first, second| {
            let entry = |number: &u32| entries.get(usize::try_from(*number).ok()?);
            let (Some(one), Some(other)) = (entry(first), entry(second)) else {
                return first.cmp(second);
            };
            let order = compare(one, other);
            let order = if query.descending { order.reverse() } else { order };
            order.then(first.cmp(second))
        });
    }
}
