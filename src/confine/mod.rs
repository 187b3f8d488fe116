//! What the process gives up once it has what it needs: being root, files that are none of its
//! business, system calls that no server makes. What a fault in it could be used for is then little.
//!
//! | file | what it knows |
//! | --- | --- |
//! | `account` | users and groups, and becoming one |
//! | `caution` | what nobody means to serve, and who else could read or write it |
//! | `files` | which files are left: Landlock (Linux 5.19 or later) |
//! | `syscalls` | which system calls are left: a seccomp filter |
//! | `error` | why something of that could not be |
//!
//! Landlock is for the thread that asks for it and for those that it starts afterwards. [`confine`] is
//! therefore to be called while there is one thread, and sees to it that there is. What is open by then
//! stays open: listening sockets, standard output, the way to the service manager.
//!
//! The network is left as it is, as far as TCP and UDP go: a new configuration may listen elsewhere, and what
//! listens can be reached anyway. Sockets of other programs on this machine cannot be.

mod account;
pub mod caution;
mod error;
#[cfg(target_os = "linux")]
mod files;
#[cfg(target_os = "linux")]
mod syscalls;

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

pub use self::account::{Account, is_root};
pub use self::error::{AccountError, ConfineError};

/// What may be done with a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rights {
    /// Files are read, folders listed.
    Read,
    /// Files and folders are made, written to and removed as well.
    Write,
}

/// A file, or a folder with all that is below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Where it is; links are followed.
    pub path: PathBuf,
    /// What it is needed for.
    pub rights: Rights,
    /// The configuration key that asks for it.
    pub key: &'static str,
}

impl Place {
    /// Makes the folder, and those above it, unless it is there. `mode` is for those that are made.
    pub fn make(&self, mode: u32) -> io::Result<()> {
        if self.path.exists() {
            return Ok(());
        }
        fs::DirBuilder::new().recursive(true).mode(mode).create(&self.path)
    }
}

/// How much there has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Demand {
    /// As much as the system has.
    Possible,
    /// Everything.
    Everything,
}

/// What is in force.
#[derive(Clone, Debug, Default)]
pub struct Confined {
    /// What was granted; `None`: files are not restricted.
    granted: Option<Vec<Grant>>,
    has_filter: bool,
}

/// A place that was granted, as the kernel knows it: another one with its name is not it.
#[derive(Clone, Debug)]
struct Grant {
    device: u64,
    inode: u64,
    rights: Rights,
}

/// Gives up everything but `places`, and the system calls that a server has no use for; for good, and for
/// all threads that are started from here on. Places that are not there are left out.
///
/// # Errors
/// With [`Demand::Everything`], when something of it is not to be had; the process is to end then.
pub fn confine(places: &[Place], demand: Demand) -> Result<Confined, ConfineError> {
    match try_all(places, demand) {
        (confined, None) => Ok(confined),
        (confined, Some(error)) => match demand {
            Demand::Possible => {
                tracing::debug!("the sandbox is not whole: {error}");
                Ok(confined)
            }
            Demand::Everything => Err(error),
        },
    }
}

/// What came into force, and the first thing that did not.
#[cfg(target_os = "linux")]
fn try_all(places: &[Place], demand: Demand) -> (Confined, Option<ConfineError>) {
    let mut confined = Confined::default();
    // Without /proc nobody can tell.
    if let Ok(threads) = fs::read_dir("/proc/self/task").map(Iterator::count)
        && threads > 1
    {
        return (confined, Some(ConfineError::Threads(threads)));
    }
    let no_new_privileges = rustix::thread::set_no_new_privs(true);
    let mut fault = no_new_privileges.err().map(|error| ConfineError::Privileges(error.into()));
    // Before: what is granted is the same afterwards, and can be looked at by then, too.
    let granted = places.iter().filter_map(Grant::of).collect();
    match files::restrict(places, demand) {
        Ok(()) => confined.granted = Some(granted),
        Err(error) => fault = fault.or(Some(error)),
    }
    match syscalls::restrict() {
        Ok(()) => confined.has_filter = true,
        Err(error) => fault = fault.or(Some(error)),
    }
    (confined, fault)
}

/// Elsewhere there is nothing of the kind.
#[cfg(not(target_os = "linux"))]
fn try_all(_: &[Place], _: Demand) -> (Confined, Option<ConfineError>) {
    (Confined::default(), Some(ConfineError::OtherSystem))
}

impl Confined {
    /// What is restricted, in words.
    pub fn in_force(&self) -> Vec<&'static str> {
        let files = self.granted.is_some().then_some("files");
        let calls = self.has_filter.then_some("system calls");
        files.into_iter().chain(calls).collect()
    }

    /// Whether a place can still be used as it asks for.
    pub fn allows(&self, place: &Place) -> bool {
        let Some(granted) = &self.granted else { return true };
        // What is not there yet will be where it is to be made.
        let real = place.path.ancestors().find_map(|path| path.canonicalize().ok());
        let Some(real) = real else { return false };
        real.ancestors().any(|above| {
            Grant::at(above, place.rights).is_some_and(|asked| {
                granted.iter().any(|grant| grant.is_at(&asked) && grant.rights >= asked.rights)
            })
        })
    }
}

impl Grant {
    fn of(place: &Place) -> Option<Self> {
        Self::at(&place.path, place.rights)
    }

    fn at(path: &Path, rights: Rights) -> Option<Self> {
        let found = fs::metadata(path).ok()?;
        Some(Self { device: found.dev(), inode: found.ino(), rights })
    }

    fn is_at(&self, other: &Self) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(path: &Path, rights: Rights) -> Place {
        Place { path: path.to_owned(), rights, key: "document_root" }
    }

    #[test]
    fn what_is_below_a_grant_is_allowed_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["site/a/b", "logs", "other"] {
            fs::create_dir_all(path(name)).unwrap();
        }
        std::os::unix::fs::symlink(path("other"), path("site/away")).unwrap();
        let places = [place(&path("site"), Rights::Read), place(&path("logs"), Rights::Write)];
        let granted = Some(places.iter().filter_map(Grant::of).collect());
        let confined = Confined { granted, has_filter: false };
        for (name, rights, expected) in [
            ("site", Rights::Read, true),
            ("site/a/b", Rights::Read, true),
            ("site/a/new", Rights::Read, true),
            ("site", Rights::Write, false),
            ("site/away", Rights::Read, false),
            ("site/a/../../other", Rights::Read, false),
            ("logs/new", Rights::Write, true),
            ("logs", Rights::Read, true),
            ("other", Rights::Read, false),
            ("", Rights::Read, false),
        ] {
            let asked = place(&path(name), rights);
            assert_eq!(confined.allows(&asked), expected, "{name} {rights:?}");
            assert!(Confined::default().allows(&asked));
        }
        // Another folder of the same name is another folder.
        fs::rename(path("site"), path("old")).unwrap();
        fs::create_dir(path("site")).unwrap();
        assert!(!confined.allows(&place(&path("site"), Rights::Read)));
    }

    #[test]
    fn nothing_is_confined_where_threads_would_be_left_out() {
        // The test runner has a thread for this test and one for itself.
        let (confined, fault) = try_all(&[], Demand::Everything);
        assert!(confined.in_force().is_empty() && fault.is_some());
        let error = confine(&[], Demand::Everything).unwrap_err().to_string();
        assert!(error.contains("sandbox"), "{error}");
        assert!(confine(&[], Demand::Possible).unwrap().in_force().is_empty());
    }
}
