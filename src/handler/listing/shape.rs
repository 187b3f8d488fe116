//! The forms of a listing, written piece by piece.

use std::sync::Arc;

use super::selection::Selection;
use crate::store::EntryRef;

/// How much is written before it is handed on, in bytes.
const PIECE: usize = 64 * 1024;

/// One form of a listing.
pub(super) trait Shape: Send {
    /// What can be said before the folder is known.
    fn start(&self, out: &mut Vec<u8>);

    /// What comes before the entries.
    fn list(&self, selection: &Selection, out: &mut Vec<u8>);

    /// An entry, and its place on the page, from 0.
    fn row(&self, place: usize, entry: EntryRef<'_>, out: &mut Vec<u8>);

    /// What comes after the entries.
    fn end(&self, selection: &Selection, out: &mut Vec<u8>);
}

/// Writes a listing, its start left out, in pieces.
pub(super) struct Writer {
    shape: Box<dyn Shape>,
    selection: Arc<Selection>,
    next: Next,
}

#[derive(Clone, Copy)]
enum Next {
    List,
    Row(usize),
    Nothing,
}

impl Writer {
    pub(super) fn new(shape: Box<dyn Shape>, selection: Arc<Selection>) -> Self {
        Self { shape, selection, next: Next::List }
    }

    /// Appends the next piece; false when there is none.
    pub(super) fn write(&mut self, out: &mut Vec<u8>) -> bool {
        let enough = out.len() + PIECE;
        while out.len() < enough {
            self.next = match self.next {
                Next::List => {
                    self.shape.list(&self.selection, out);
                    Next::Row(0)
                }
                Next::Row(place) => {
                    if let Some(entry) = self.selection.get(place) {
                        self.shape.row(place, entry, out);
                        Next::Row(place + 1)
                    } else {
                        self.shape.end(&self.selection, out);
                        Next::Nothing
                    }
                }
                Next::Nothing => return out.len() + PIECE > enough,
            };
        }
        true
    }
}
