//! From a path to an open file, never outside the root.
//!
//! On Linux the kernel decides: `openat2` with `RESOLVE_BENEATH`, relative to a root that is held
//! open. No string is compared and nothing can be swapped between a check and its use. Where the
//! call is missing (before Linux 5.6, under an old seccomp filter, on other systems) the walk of
//! [`super::walk`] does the same by hand.
//!
//! Where all links are to be followed nothing confines them; the path itself cannot climb even
//! then, since a [`SitePath`](crate::content::path::SitePath) has no `..`.
//!
//! `RESOLVE_BENEATH` also refuses an *absolute* link whose target is inside the root. Those are
//! handed to the walk, which knows the root's name; so both ways serve the same files.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, fstat, open};
use rustix::io::Errno;

use super::Symlinks;
use super::version::Node;
use super::walk::{STAND_IN, Walker};

/// Whether a lookup may wait for a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Patience {
    /// Answer from what the kernel has in memory, or with `EAGAIN`.
    None,
    /// Take the time it takes; only on a thread that may block.
    Any,
}

/// A folder that is held open, beneath which paths are resolved.
pub(super) struct Root {
    folder: OwnedFd,
    names: [PathBuf; 2],
    symlinks: Symlinks,
    way: Way,
}

/// Who confines a lookup to the root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// `openat2`; `cached` when it can refuse to wait (`RESOLVE_CACHED`, Linux 5.12).
    #[cfg(target_os = "linux")]
    Kernel { cached: bool },
    /// We do.
    Walk,
}

/// To open a regular file: nothing waits for a writer, and no terminal becomes ours.
const READ: OFlags =
    OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::CLOEXEC);

/// To open a folder for listing.
const LIST: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

impl Root {
    /// Opens the folder at `path`.
    pub(super) fn open(path: &Path, symlinks: Symlinks) -> io::Result<Self> {
        let mut root = Self::walking(path, symlinks)?;
        root.way = best_way(&root.folder);
        Ok(root)
    }

    /// Opens the folder at `path`, to be resolved beneath without the kernel's help.
    pub(super) fn walking(path: &Path, symlinks: Symlinks) -> io::Result<Self> {
        Ok(Self {
            folder: open(path, STAND_IN, Mode::empty())?,
            names: [path.canonicalize()?, std::path::absolute(path)?],
            symlinks,
            way: Way::Walk,
        })
    }

    /// Whether a path leads to this folder.
    pub(super) fn is_at(&self, path: &Path) -> bool {
        let (Ok(there), Ok(here)) = (rustix::fs::stat(path), fstat(&self.folder)) else {
            return false;
        };
        (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino)
    }

    pub(super) fn symlinks(&self) -> Symlinks {
        self.symlinks
    }

    /// What `path` (relative, no slash at either end, empty for the root) leads to. Touches no
    /// file, so a device or FIFO never notices.
    pub(super) fn probe(&self, path: &[u8], patience: Patience) -> Result<Node, Errno> {
        match self.way {
            #[cfg(target_os = "linux")]
            Way::Kernel { .. } => {
                let place = self.open_any(path, OFlags::PATH | OFlags::CLOEXEC, patience)?;
                Ok(Node::from(&fstat(place)?))
            }
            Way::Walk if patience == Patience::None => Err(Errno::AGAIN),
            Way::Walk => self.walker().probe(path),
        }
    }

    /// Opens a file that [`Self::probe`] has found to be regular, to read it.
    ///
    /// Opening a device may rewind a tape or arm a watchdog; that is why a probe goes first,
    /// although it costs two system calls. What was swapped in between the two is still harmless:
    /// `O_NONBLOCK` never waits for a FIFO, and the caller looks at the node that is returned here.
    pub(super) fn open_file(
        &self,
        path: &[u8],
        patience: Patience,
    ) -> Result<(OwnedFd, Node), Errno> {
        let file = self.open_any(path, READ, patience)?;
        let node = Node::from(&fstat(&file)?);
        Ok((file, node))
    }

    /// Opens a folder to list it. May wait for a disk.
    pub(super) fn open_folder(&self, path: &[u8]) -> Result<OwnedFd, Errno> {
        self.open_any(path, LIST, Patience::Any)
    }

    /// Opens what is at `path` if no link leads there and that needs no waiting, to find out about
    /// it: `flags` have `O_PATH`.
    #[cfg(target_os = "linux")]
    pub(super) fn open_plain(&self, path: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
        match self.way {
            Way::Kernel { cached: true } => kernel::open_plain(self, path, flags | OFlags::CLOEXEC),
            Way::Kernel { cached: false } | Way::Walk => Err(Errno::AGAIN),
        }
    }

    fn open_any(&self, path: &[u8], flags: OFlags, patience: Patience) -> Result<OwnedFd, Errno> {
        match self.way {
            #[cfg(target_os = "linux")]
            Way::Kernel { cached } => match patience {
                Patience::None if cached => kernel::open_cached(self, path, flags),
                Patience::None => Err(Errno::AGAIN),
                Patience::Any => match kernel::open_waiting(self, path, flags) {
                    // A link that is absolute or leaves the root, or a tree in constant motion.
                    Err(Errno::XDEV | Errno::AGAIN) if self.symlinks == Symlinks::Inside => {
                        self.walker().open(path, flags)
                    }
                    other => other,
                },
            },
            Way::Walk if patience == Patience::None => Err(Errno::AGAIN),
            Way::Walk => self.walker().open(path, flags),
        }
    }

    fn walker(&self) -> Walker<'_> {
        Walker { root: self.folder.as_fd(), names: &self.names, symlinks: self.symlinks }
    }
}

#[cfg(target_os = "linux")]
fn best_way(root: &OwnedFd) -> Way {
    use rustix::fs::ResolveFlags;

    use super::watch::is_local;

    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let attempt = |resolve| rustix::fs::openat2(root, c".", flags, Mode::empty(), resolve);
    if attempt(ResolveFlags::BENEATH).is_err() {
        return Way::Walk;
    }
    // Another machine, or another program, may be asked for what is in memory all the same.
    let cached = is_local(root)
        && !matches!(attempt(ResolveFlags::BENEATH | ResolveFlags::CACHED), Err(Errno::INVAL));
    Way::Kernel { cached }
}

#[cfg(not(target_os = "linux"))]
fn best_way(_: &OwnedFd) -> Way {
    Way::Walk
}

#[cfg(target_os = "linux")]
mod kernel {
    use rustix::fs::{ResolveFlags, openat2};

    use super::{Errno, Mode, OFlags, OwnedFd, Root, Symlinks};

    /// A rename or mount anywhere in the system can make a lookup that goes through `..` fail with
    /// `EAGAIN`; openat2(2) says to try again.
    const ATTEMPTS: u32 = 16;

    pub(super) fn open_waiting(root: &Root, path: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
        for _ in 0..ATTEMPTS {
            match open(root, path, flags, ResolveFlags::empty()) {
                Err(Errno::AGAIN | Errno::INTR) => {}
                other => return other,
            }
        }
        Err(Errno::AGAIN)
    }

    pub(super) fn open_cached(root: &Root, path: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
        // What is mounted beneath the root may be on a disk that answers late, or never.
        match open(root, path, flags, ResolveFlags::CACHED | ResolveFlags::NO_XDEV) {
            // It may be inside after all, but finding that out may take waiting.
            Err(Errno::INTR | Errno::XDEV) => Err(Errno::AGAIN),
            other => other,
        }
    }

    pub(super) fn open_plain(root: &Root, path: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::CACHED;
        openat2(&root.folder, or_itself(path), flags, Mode::empty(), resolve)
    }

    fn open(root: &Root, path: &[u8], flags: OFlags, more: ResolveFlags) -> Result<OwnedFd, Errno> {
        let confined = match root.symlinks {
            Symlinks::Never => ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS,
            Symlinks::Inside => ResolveFlags::BENEATH,
            Symlinks::Always => ResolveFlags::empty(),
        };
        let resolve = confined | ResolveFlags::NO_MAGICLINKS | more;
        openat2(&root.folder, or_itself(path), flags, Mode::empty(), resolve)
    }

    fn or_itself(path: &[u8]) -> &[u8] {
        if path.is_empty() { b"." } else { path }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_root_knows_its_folder_by_any_name_and_no_other_in_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let (root, link) = (folder.path().join("root"), folder.path().join("link"));
        fs::create_dir(&root).unwrap();
        symlink(&root, &link).unwrap();
        let open = Root::open(&root, Symlinks::Inside).unwrap();
        assert!(open.is_at(&root) && open.is_at(&link) && !open.is_at(folder.path()));

        fs::rename(&root, folder.path().join("moved")).unwrap();
        assert!(!open.is_at(&root) && open.is_at(&folder.path().join("moved")));
        fs::create_dir(&root).unwrap();
        assert!(!open.is_at(&root));
    }

    /// Without the kernel's help nobody knows what waits for a disk.
    #[test]
    fn what_cannot_refuse_to_wait_is_not_tried() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a"), "a").unwrap();
        let mut root = Root::walking(folder.path(), Symlinks::Inside).unwrap();
        let ways = [
            Way::Walk,
            #[cfg(target_os = "linux")]
            Way::Kernel { cached: false },
        ];
        for way in ways {
            root.way = way;
            assert_eq!(root.probe(b"a", Patience::None).err(), Some(Errno::AGAIN), "{way:?}");
            assert_eq!(root.open_file(b"a", Patience::None).err(), Some(Errno::AGAIN), "{way:?}");
            #[cfg(target_os = "linux")]
            assert_eq!(root.open_plain(b"a", OFlags::PATH).err(), Some(Errno::AGAIN), "{way:?}");
            assert!(root.open_file(b"a", Patience::Any).is_ok(), "{way:?}");
        }
    }
}
