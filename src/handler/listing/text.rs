//! A listing for a terminal: size, time and name of each entry, in columns.

use std::io::Write;

use super::selection::Selection;
use super::shape::Shape;
use crate::content::shown::{Size, Time};
use crate::store::{EntryKind, EntryRef};

pub(super) struct Text;

impl Shape for Text {
    fn start(&self, _: &mut Vec<u8>) {}

    fn list(&self, _: &Selection, _: &mut Vec<u8>) {}

    fn row(&self, _: usize, entry: EntryRef<'_>, out: &mut Vec<u8>) {
        let size = match entry.kind {
            EntryKind::File => Size(entry.size).to_string(),
            EntryKind::Folder => "-".to_owned(),
        };
        let time = entry.modified.and_then(Time::new).map(|time| time.minute().to_string());
        // Writing to memory does not fail.
        let _ = write!(out, "{size:>10}  {:16}  ", time.unwrap_or_default());
        write_name(entry.name, out);
        out.extend_from_slice(if entry.kind == EntryKind::Folder { b"/\n" } else { b"\n" });
    }

    fn end(&self, selection: &Selection, out: &mut Vec<u8>) {
        if selection.totals.is_cut {
            out.extend_from_slice(b"There are more, which are not shown.\n");
        }
    }
}

/// Writes a name without what a terminal would take for a command.
fn write_name(name: &[u8], out: &mut Vec<u8>) {
    for character in String::from_utf8_lossy(name).chars() {
        let safe = if character.is_control() { char::REPLACEMENT_CHARACTER } else { character };
        out.extend_from_slice(safe.encode_utf8(&mut [0; 4]).as_bytes());
    }
}
