//! A listing for programs.
//!
//! `{"path":"/a/","entries":[{"name","type":"file"|"directory","size","mtime","url"}]}`: `size` in
//! bytes, 0 for a folder; `mtime` in UTC, null when unknown; `url` relative to the folder. A name
//! that is not UTF-8 is written with U+FFFD; its `url` is exact. `"truncated":true` follows when the folder
//! has more entries than are listed.

use serde::{Serialize, Serializer};

use super::selection::Selection;
use super::shape::Shape;
use crate::content::shown::{Link, Time};
use crate::store::{EntryKind, EntryRef};

pub(super) struct Json {
    pub(super) path: Box<[u8]>,
}

#[derive(Serialize)]
struct Row<'a> {
    name: &'a str,
    r#type: &'static str,
    size: u64,
    #[serde(serialize_with = "text_or_null")]
    mtime: Option<Time>,
    #[serde(serialize_with = "address")]
    url: EntryRef<'a>,
}

impl Shape for Json {
    fn start(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"path\":");
        push(out, &String::from_utf8_lossy(&self.path));
        out.extend_from_slice(b",\"entries\":[");
    }

    fn list(&self, _: &Selection, _: &mut Vec<u8>) {}

    fn row(&self, place: usize, entry: EntryRef<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(if place == 0 { &b"\n"[..] } else { b",\n" });
        let name = String::from_utf8_lossy(entry.name);
        push(
            out,
            &Row {
                name: &name,
                r#type: match entry.kind {
                    EntryKind::File => "file",
                    EntryKind::Folder => "directory",
                },
                size: entry.size,
                mtime: entry.modified.and_then(Time::new),
                url: entry,
            },
        );
    }

    fn end(&self, selection: &Selection, out: &mut Vec<u8>) {
        out.push(b']');
        if selection.totals.is_cut {
            out.extend_from_slice(b",\"truncated\":true");
        }
        out.extend_from_slice(b"}\n");
    }
}

/// Appends a value as JSON.
fn push(out: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) {
    let length = out.len();
    if serde_json::to_writer(&mut *out, value).is_err() {
        out.truncate(length);
    }
}

#[expect(clippy::ref_option, reason = "serde passes a reference to the field")]
fn text_or_null<S: Serializer>(time: &Option<Time>, serializer: S) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => serializer.collect_str(time),
        None => serializer.serialize_none(),
    }
}

fn address<S: Serializer>(entry: &EntryRef<'_>, serializer: S) -> Result<S::Ok, S::Error> {
    let slash = if entry.kind == EntryKind::Folder { "/" } else { "" };
    serializer.collect_str(&format_args!("./{}{slash}", Link(entry.name)))
}
