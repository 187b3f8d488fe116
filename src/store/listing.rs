//! The entries of a folder on the disk.
//!
//! One `getdents64` per few hundred names and one `fstatat` per entry, relative to the open folder;
//! paths are resolved again only for symbolic links.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Weak;

use rustix::fs::{AtFlags, Dir, FileType, fstat, statat};
use rustix::io::Errno;
use tokio::sync::oneshot;

use super::entries::{Entries, EntryRef};
use super::resolve::{Patience, Root};
use super::version::{Kind, Node};
use super::{EntryKind, Symlinks};
use crate::content::path::is_reserved;

/// How many entries are looked at before somebody who waits is asked whether they still do.
const STEP: usize = 1024;

/// Whom a scan is for.
pub(super) struct Audience {
    /// Gone when nobody waits any more.
    pub(super) waiting: Weak<()>,
    /// How many entries may be seen before `much` is told that there are more.
    pub(super) patience: usize,
    pub(super) much: oneshot::Sender<()>,
    /// Entries that it takes.
    pub(super) most: usize,
}

/// The entries of the folder at `path` that would be served, sorted. May wait for the disk.
pub(super) fn scan(
    root: &Root,
    path: &[u8],
    show_hidden: bool,
    audience: Audience,
) -> Result<Entries, Errno> {
    let folder = root.open_folder(path)?;
    let mut entries = Entries::default();
    entries.modified = Node::from(&fstat(&folder)?).version.modified();
    let mut much = Some(audience.much);
    for (number, entry) in Dir::read_from(&folder)?.enumerate() {
        let entry = entry?;
        if number % STEP == 0 && audience.waiting.strong_count() == 0 {
            return Err(Errno::CANCELED);
        }
        if entries.len() >= audience.patience
            && let Some(much) = much.take()
        {
            // Who does not listen any more has gone.
            let _ = much.send(());
        }
        let name = entry.file_name();
        let bytes = name.to_bytes();
        if !is_listed(bytes, show_hidden) {
            continue;
        }
        let node = match entry.file_type() {
            FileType::RegularFile | FileType::Directory | FileType::Unknown => {
                inspect(root, &folder, path, name)
            }
            FileType::Symlink => follow(root, path, bytes).map(|node| (node, true)),
            _ => continue,
        };
        // Removed meanwhile, or a link that leads nowhere.
        let Ok((node, is_link)) = node else { continue };
        if entries.len() >= audience.most {
            entries.is_cut = true;
            break;
        }
        if let Some(entry) = to_entry(bytes, node, is_link) {
            entries.push(entry);
        }
    }
    entries.sort();
    Ok(entries)
}

fn is_listed(name: &[u8], show_hidden: bool) -> bool {
    !name.starts_with(b".") || (show_hidden && !matches!(name, b"." | b"..") && !is_reserved(name))
}

/// What an entry is, and whether a link leads there.
fn inspect(
    root: &Root,
    folder: &OwnedFd,
    path: &[u8],
    name: &std::ffi::CStr,
) -> Result<(Node, bool), Errno> {
    let stat = statat(folder.as_fd(), name, AtFlags::SYMLINK_NOFOLLOW)?;
    if FileType::from_raw_mode(stat.st_mode) == FileType::Symlink {
        return Ok((follow(root, path, name.to_bytes())?, true));
    }
    Ok((Node::from(&stat), false))
}

/// What a link leads to, by the same rules as when it is asked for.
fn follow(root: &Root, path: &[u8], name: &[u8]) -> Result<Node, Errno> {
    if root.symlinks() == Symlinks::Never {
        return Err(Errno::LOOP);
    }
    let mut whole = Vec::with_capacity(path.len() + 1 + name.len());
    whole.extend_from_slice(path);
    if !path.is_empty() {
        whole.push(b'/');
    }
    whole.extend_from_slice(name);
    root.probe(&whole, Patience::Any)
}

fn to_entry(name: &[u8], node: Node, is_link: bool) -> Option<EntryRef<'_>> {
    let (kind, size) = match node.kind {
        Kind::File => (EntryKind::File, node.version.size),
        Kind::Folder => (EntryKind::Folder, 0),
        Kind::Other => return None,
    };
    Some(EntryRef { name, kind, is_link, size, modified: node.version.modified() })
}
