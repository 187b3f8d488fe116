//! The entries of a folder on the disk.
//!
//! One `getdents64` per few hundred names and one `fstatat` per entry, relative to the open folder;
//! paths are resolved again only for symbolic links.

use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{AtFlags, Dir, FileType, statat};
use rustix::io::Errno;

use super::resolve::{Patience, Root};
use super::version::{Kind, Node};
use super::{Entry, EntryKind, Symlinks};
use crate::content::path::is_reserved;

/// The entries of the folder at `path` that would be served, in the order the file system has them.
/// May wait for the disk.
pub(super) fn list(root: &Root, path: &[u8], show_hidden: bool) -> Result<Vec<Entry>, Errno> {
    let folder = root.open_folder(path)?;
    let mut entries = Vec::new();
    for entry in Dir::read_from(&folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let bytes = name.to_bytes();
        let hidden = bytes.starts_with(b".") && (!show_hidden || is_reserved(bytes));
        if hidden || matches!(bytes, b"." | b"..") {
            continue;
        }
        let node = match entry.file_type() {
            FileType::RegularFile | FileType::Directory | FileType::Unknown => {
                inspect(root, &folder, path, name)
            }
            FileType::Symlink => follow(root, path, bytes),
            _ => continue,
        };
        // Removed meanwhile, or a link that leads nowhere.
        let Ok(node) = node else { continue };
        entries.extend(to_entry(bytes, node));
    }
    Ok(entries)
}

fn inspect(
    root: &Root,
    folder: &OwnedFd,
    path: &[u8],
    name: &std::ffi::CStr,
) -> Result<Node, Errno> {
    let stat = statat(folder.as_fd(), name, AtFlags::SYMLINK_NOFOLLOW)?;
    if FileType::from_raw_mode(stat.st_mode) == FileType::Symlink {
        return follow(root, path, name.to_bytes());
    }
    Ok(Node::from(&stat))
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

fn to_entry(name: &[u8], node: Node) -> Option<Entry> {
    let (kind, size) = match node.kind {
        Kind::File => (EntryKind::File, node.version.size),
        Kind::Folder => (EntryKind::Folder, 0),
        Kind::Other => return None,
    };
    Some(Entry { name: name.into(), kind, size, modified: node.version.modified() })
}
