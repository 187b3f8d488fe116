//! Resolution by hand, where the kernel cannot confine it: name by name, each folder held open.
//!
//! Nothing here looks at a path twice. Every step opens one name *in a folder that is held open*
//! and never follows a symbolic link on the way (`O_NOFOLLOW`): the link's text is read and its
//! names are put before the ones that remain. So whatever is renamed meanwhile, each folder on the
//! stack was a child of the one beneath it, and the bottom one is the root.

use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, fstat, openat, readlinkat, statat};
use rustix::io::Errno;

use super::Symlinks;
use super::version::Node;

/// Links in one path, as many as Linux allows.
const MAX_LINKS: u32 = 40;

/// How often a walk is begun again because a name changed its kind between two steps.
const MAX_RACES: u32 = 8;

/// To stand in a folder, reading it is not needed where the system can say so.
#[cfg(any(target_os = "linux", target_os = "freebsd"))]
pub(super) const STAND_IN: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
#[cfg(not(any(target_os = "linux", target_os = "freebsd")))]
pub(super) const STAND_IN: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// A root and the rules for what lies beneath it.
pub(super) struct Walker<'r> {
    /// The root, held open.
    pub(super) root: BorrowedFd<'r>,
    /// The names the root has in the whole file system: an absolute link into it stays inside.
    pub(super) names: &'r [PathBuf],
    pub(super) symlinks: Symlinks,
}

/// Where a path led.
enum Reached {
    Folder(OwnedFd),
    /// Anything else, by the folder it lies in and its name there.
    Entry {
        folder: OwnedFd,
        name: Vec<u8>,
        node: Node,
    },
}

impl Walker<'_> {
    /// What `path` leads to. Opens no file, only folders.
    pub(super) fn probe(&self, path: &[u8]) -> Result<Node, Errno> {
        match self.walk_until_undisturbed(path)? {
            Reached::Folder(folder) => Ok(Node::from(&fstat(folder)?)),
            Reached::Entry { node, .. } => Ok(node),
        }
    }

    /// Opens what `path` leads to.
    pub(super) fn open(&self, path: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
        for _ in 0..MAX_RACES {
            let opened = match self.walk_until_undisturbed(path)? {
                Reached::Folder(folder) => openat(folder, c".", flags, Mode::empty()),
                Reached::Entry { folder, name, .. } => {
                    openat(folder, &name, flags | OFlags::NOFOLLOW, Mode::empty())
                }
            };
            match opened {
                // A link has taken the place of the file.
                Err(Errno::LOOP) => {}
                other => return other,
            }
        }
        Err(Errno::LOOP)
    }

    fn walk_until_undisturbed(&self, path: &[u8]) -> Result<Reached, Errno> {
        for _ in 0..MAX_RACES {
            match self.walk(path) {
                Err(Errno::AGAIN) => {}
                other => return other,
            }
        }
        // Whoever renames that busily can wait for the next request.
        Err(Errno::NOENT)
    }

    /// `EAGAIN` when a name was one thing when looked at and another when used.
    fn walk(&self, path: &[u8]) -> Result<Reached, Errno> {
        let mut todo = Vec::new();
        push_names(&mut todo, path);
        // The folders entered so far, the root not among them.
        let mut entered: Vec<OwnedFd> = Vec::new();
        let mut links = 0;

        while let Some(name) = todo.pop() {
            let here = entered.last().map_or(self.root, AsFd::as_fd);
            match &name[..] {
                b"." => continue,
                b".." => {
                    self.climb(&mut entered)?;
                    continue;
                }
                _ => {}
            }
            let stat = statat(here, &name, AtFlags::SYMLINK_NOFOLLOW)?;
            match FileType::from_raw_mode(stat.st_mode) {
                FileType::Directory => {
                    let folder = openat(here, &name, STAND_IN | OFlags::NOFOLLOW, Mode::empty());
                    entered.push(folder.map_err(raced)?);
                }
                FileType::Symlink => {
                    links += 1;
                    if links > MAX_LINKS || self.symlinks == Symlinks::Never {
                        return Err(Errno::LOOP);
                    }
                    let target = readlinkat(here, &name, Vec::new()).map_err(raced)?;
                    self.follow(target.as_bytes(), &mut entered, &mut todo)?;
                }
                _ if todo.is_empty() => {
                    let folder = self.own(entered.pop())?;
                    let node = Node::from(&stat);
                    return Ok(Reached::Entry { folder, name, node });
                }
                _ => return Err(Errno::NOTDIR),
            }
        }
        Ok(Reached::Folder(self.own(entered.pop())?))
    }

    /// Goes to the parent of the current folder.
    fn climb(&self, entered: &mut Vec<OwnedFd>) -> Result<(), Errno> {
        if self.symlinks == Symlinks::Always {
            let here = entered.last().map_or(self.root, AsFd::as_fd);
            let parent = openat(here, c"..", STAND_IN, Mode::empty())?;
            entered.push(parent);
            return Ok(());
        }
        entered.pop().map(drop).ok_or(Errno::XDEV)
    }

    /// Puts the names of a link's target before those that remain.
    fn follow(
        &self,
        target: &[u8],
        entered: &mut Vec<OwnedFd>,
        todo: &mut Vec<Vec<u8>>,
    ) -> Result<(), Errno> {
        if !target.starts_with(b"/") {
            push_names(todo, target);
            return Ok(());
        }
        entered.clear();
        if self.symlinks == Symlinks::Always {
            entered.push(openat(CWD, c"/", STAND_IN, Mode::empty())?);
            push_names(todo, target);
            return Ok(());
        }
        let path = Path::new(OsStr::from_bytes(target));
        let mut inside = self.names.iter().filter_map(|name| path.strip_prefix(name).ok());
        let rest = inside.next().ok_or(Errno::XDEV)?;
        push_names(todo, rest.as_os_str().as_bytes());
        Ok(())
    }

    fn own(&self, folder: Option<OwnedFd>) -> Result<OwnedFd, Errno> {
        match folder {
            Some(folder) => Ok(folder),
            None => openat(self.root, c".", STAND_IN, Mode::empty()),
        }
    }
}

/// Puts the names of `path` on the stack, the first on top. A final slash becomes a `.`: what
/// comes before it must be a folder.
fn push_names(todo: &mut Vec<Vec<u8>>, path: &[u8]) {
    if path.ends_with(b"/") {
        todo.push(b".".to_vec());
    }
    let names = path.rsplit(|&byte| byte == b'/');
    todo.extend(names.filter(|name| !name.is_empty()).map(<[u8]>::to_vec));
}

/// The errors of a step that found another kind of thing than the step before.
fn raced(error: Errno) -> Errno {
    match error {
        Errno::LOOP | Errno::NOTDIR | Errno::INVAL | Errno::MLINK => Errno::AGAIN,
        other => other,
    }
}
