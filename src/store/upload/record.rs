//! What is known of a resumable upload besides its bytes, and survives the process: `ID.json`.
//!
//! The bytes are in `ID.part`. It is made before the record and removed after it, so a record
//! without a part means that the part has got its name. When it was last written to says when it
//! expires.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;

use rustix::fs::{AtFlags, Mode, OFlags, openat, renameat, unlinkat};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use super::folder::Folder;
use super::{Conflict, Place, UploadName};
use crate::content::path::{self, SitePath};

/// The name of a resumable upload: 128 bits that nobody can guess.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PartId([u8; 16]);

/// What is known of a resumable upload.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Record {
    /// Bytes of the whole file.
    pub(super) length: u64,
    /// Where it shall appear, below the upload folder; percent-encoded.
    place: String,
    conflict: Conflict,
    /// What the client said of it.
    pub(super) metadata: String,
    /// From this byte on, what is there has not been compared with its checksum yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) unverified: Option<u64>,
    /// Set when it has appeared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) finished: Option<Appeared>,
}

/// Where a resumable upload has appeared.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Appeared {
    /// Percent-encoded.
    pub(super) place: String,
    pub(super) sha256: [u8; 32],
    pub(super) replaced: bool,
}

type Name = Box<[u8]>;

/// A record is a few lines; what is longer is none.
const MAX_RECORD: u64 = 256 * 1024;

impl PartId {
    /// A new one.
    pub(super) fn random() -> io::Result<Self> {
        let mut id = [0; 16];
        getrandom::fill(&mut id).map_err(|error| io::Error::other(error.to_string()))?;
        Ok(Self(id))
    }

    /// Reads the 32 hexadecimal digits of [`Display`](std::fmt::Display).
    pub fn parse(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok().filter(|text| text.len() == 32)?;
        if !text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return None;
        }
        Some(Self(u128::from_str_radix(text, 16).ok()?.to_be_bytes()))
    }

    pub(super) fn part(self) -> String {
        format!("{self}.part")
    }

    pub(super) fn record(self) -> String {
        format!("{self}.json")
    }
}

impl std::fmt::Display for PartId {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl std::fmt::Debug for PartId {
    /// Who knows it may write to the file, so logs show its beginning only.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "PartId({:02x}{:02x}..)", self.0[0], self.0[1])
    }
}

impl Record {
    pub(super) fn new(length: u64, place: &Place, metadata: String) -> Self {
        let path = join(&place.folder, place.name.as_bytes());
        let conflict = place.conflict;
        Self { length, place: path, conflict, metadata, unverified: None, finished: None }
    }

    /// Where the file shall appear. `None` when the record has been tampered with.
    pub(super) fn place(&self) -> Option<Place> {
        let (folder, name) = split(&self.place)?;
        let name = UploadName::parse(&name).ok()?;
        Some(Place { folder, name, conflict: self.conflict })
    }

    pub(super) fn load(workshop: &OwnedFd, id: PartId) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = File::from(openat(workshop, id.record(), flags, Mode::empty())?);
        let mut text = Vec::new();
        file.take(MAX_RECORD).read_to_end(&mut text)?;
        Ok(serde_json::from_slice(&text)?)
    }

    /// Writes it in one step: it is the old one or the new one, never half of one.
    pub(super) fn save(&self, folder: &Folder, workshop: &OwnedFd, id: PartId) -> io::Result<()> {
        let name = folder.unique_name("draft");
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
        let mut file = File::from(openat(workshop, &name, flags, Mode::RUSR | Mode::WUSR)?);
        let text = serde_json::to_vec(self)?;
        let written = file.write_all(&text).and_then(|()| file.sync_data());
        let moved = written.and_then(|()| Ok(renameat(workshop, &name, workshop, id.record())?));
        if moved.is_err() {
            let _ = unlinkat(workshop, &name, AtFlags::empty());
        }
        moved
    }
}

/// Removes what there is of a resumable upload, the record first.
pub(super) fn remove(workshop: &OwnedFd, id: PartId) -> Result<(), Errno> {
    for name in [id.record(), id.part()] {
        match unlinkat(workshop, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// A path below the upload folder, as text.
pub(super) fn join(folder: &[Box<[u8]>], name: &[u8]) -> String {
    let mut text = String::new();
    for name in folder.iter().map(|name| &**name).chain([name]) {
        let _ = write!(text, "/{}", path::encode(name));
    }
    text
}

/// Reads what [`join`] wrote: the folders, and the name in the last of them.
pub(super) fn split(text: &str) -> Option<(Vec<Name>, Name)> {
    let path = SitePath::parse(text.as_bytes()).ok()?;
    let names = path.relative().split(|&byte| byte == b'/');
    let mut folder: Vec<Name> = names.map(Into::into).collect();
    let name = folder.pop().filter(|name| !name.is_empty())?;
    Some((folder, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_as_it_is_written() {
        let id = PartId::random().unwrap();
        assert_eq!(PartId::parse(id.to_string().as_bytes()), Some(id));
        let zeros = "0".repeat(32);
        assert_eq!(PartId::parse(zeros.as_bytes()).unwrap().to_string(), zeros);
        let rows = [String::new(), "0".repeat(31), "0".repeat(33), "A".repeat(32)];
        for text in rows.into_iter().chain([format!("+{}", "0".repeat(31)), "../".repeat(11)]) {
            assert_eq!(PartId::parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn a_place_is_read_as_it_is_written() {
        let names: &[&[u8]] = &[b"a", b"a b%20#?", b"\xff\xfe", "\u{20ac}\u{202e}".as_bytes()];
        for name in names {
            let folder: Vec<Box<[u8]>> = names.iter().map(|&name| name.into()).collect();
            let (found, last) = split(&join(&folder, name)).unwrap();
            assert_eq!((&found, &*last), (&folder, *name));
        }
        assert_eq!(split(&join(&[], b"a")), Some((vec![], b"a"[..].into())));
        assert_eq!(split("/"), None);
        assert_eq!(split(""), None);
    }
}
