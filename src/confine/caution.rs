//! What nobody means to serve, and who else could read or write what is used.
//!
//! Names that begin with a dot are not served unless `show_hidden_files` says so; the secrets of a home
//! folder have such names. Dangerous is therefore: a folder of the system; one that secrets are kept in; what
//! holds such a folder, or a home that does, when hidden files are shown; a private key among what is served.

#[cfg(test)]
mod tests;

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};
use std::sync::LazyLock;
use std::{error, fmt};

/// Folders of the system in which there are others that are meant to be served; and the home of root.
const SYSTEM: [&str; 5] = ["/", "/root", "/run", "/usr", "/var"];

/// Those in which no folder is anything but the system's.
const ALL_SYSTEM: [&str; 5] = ["/boot", "/dev", "/etc", "/proc", "/sys"];

/// What is in memory and not the system's, wherever it lies: another `/tmp`.
const NOT_SYSTEM: &str = "/dev/shm";

/// Where people have their homes.
const HOME: &str = "/home";

/// What people keep their secrets in, at home.
const SECRETS: [&str; 8] =
    [".ssh", ".gnupg", ".aws", ".kube", ".netrc", ".pgpass", ".password-store", ".git-credentials"];

/// The bit of a folder that everybody may add to, and nobody take away from but what is their own.
const STICKY: u32 = 0o1000;

/// What is about to be served.
#[derive(Clone, Copy, Debug)]
pub struct Served<'a> {
    /// The folder.
    pub root: &'a Path,
    /// Whether names that begin with a dot are served.
    pub shows_hidden: bool,
    /// The files of private keys.
    pub keys: &'a [&'a Path],
}

/// Why a folder is not served unless it is insisted on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnsafeRoot {
    root: PathBuf,
    reason: Reason,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Reason {
    System,
    Secret,
    Secrets(PathBuf),
    Key(PathBuf),
}

impl error::Error for UnsafeRoot {}

impl fmt::Display for UnsafeRoot {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let root = self.root.display();
        match &self.reason {
            Reason::System => write!(
                formatter,
                "{root} is a folder of the system and not served: name the folder that holds what is \
                 to be seen"
            ),
            Reason::Secret => write!(
                formatter,
                "{root} is where keys and passwords are kept, and not served: name the folder that \
                 holds what is to be seen"
            ),
            Reason::Secrets(secrets) => write!(
                formatter,
                "{root} is not served with hidden files, which {} is among: name another folder, or \
                 leave show_hidden_files off",
                secrets.display()
            ),
            Reason::Key(key) => write!(
                formatter,
                "{root} is not served while the private key {} lies in it: move the key elsewhere",
                key.display()
            ),
        }?;
        formatter.write_str("; if that is what you want, set allow_unsafe_root to true")
    }
}

/// Refuses what nobody means to serve. What is not there is left to others to complain of.
///
/// # Errors
/// When the folder is one that is not to be served.
pub fn check(served: Served<'_>) -> Result<(), UnsafeRoot> {
    check_with(served, &HOMES)
}

fn check_with(served: Served<'_>, homes: &[PathBuf]) -> Result<(), UnsafeRoot> {
    let Ok(root) = served.root.canonicalize() else { return Ok(()) };
    let reason = if is_of_system(&root) {
        Some(Reason::System)
    } else if is_secret(served.root, &root) {
        Some(Reason::Secret)
    } else {
        let secrets = || secret(&root).or_else(|| secrets_below(&root, homes));
        let secrets = served.shows_hidden.then(secrets).flatten();
        let key = || served.keys.iter().find_map(|key| served_key(&root, key, served.shows_hidden));
        secrets.map(Reason::Secrets).or_else(|| key().map(Reason::Key))
    };
    match reason {
        None => Ok(()),
        Some(reason) => Err(UnsafeRoot { root, reason }),
    }
}

/// What should be said of it once, each in a sentence.
pub fn warnings(served: Served<'_>) -> Vec<String> {
    let mut all = Vec::new();
    let root = served.root.display();
    match mode(served.root) {
        Some(mode) if mode & STICKY != 0 && mode & 0o002 != 0 => all.push(format!(
            "everybody on this machine can put files into {root}, and they are served: serve a folder \
             of its own instead"
        )),
        Some(mode) if mode & 0o002 != 0 => {
            all.push(format!("everybody on this machine can change what is served: chmod o-w {root}"));
        }
        _ => {}
    }
    if let Ok(root) = served.root.canonicalize() {
        all.extend(home_warning(&root, served.shows_hidden, Path::new(HOME), &HOMES));
    }
    for key in served.keys {
        let Some(mode) = mode(key) else { continue };
        let what = match (mode & 0o004 != 0, mode & 0o002 != 0) {
            (false, false) => continue,
            (true, false) => "read",
            (_, true) => "change",
        };
        let key = key.display();
        all.push(format!(
            "everybody on this machine can {what} the private key {key}: chmod o= {key}"
        ));
    }
    all
}

/// Whose files are served when the folder is a home, or what homes lie in.
fn home_warning(
    root: &Path,
    shows_hidden: bool,
    all_homes: &Path,
    homes: &[PathBuf],
) -> Option<String> {
    let shown = root.display();
    if is(root, all_homes) {
        let mut folders = fs::read_dir(root).ok()?.filter_map(Result::ok);
        let home = folders.find(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))?.path();
        let hidden = if shows_hidden { "with" } else { "without" };
        return Some(format!(
            "{shown} holds the homes of people, such as {}: all that is in them is served, {hidden} \
             hidden files",
            home.display()
        ));
    }
    let secrets = homes.iter().filter(|home| **home == root).find_map(|home| secret(home));
    let secrets = secrets.filter(|_| !shows_hidden)?;
    Some(format!(
        "{shown} is a home: its hidden files, such as {}, are not served, everything else is",
        secrets.display()
    ))
}

/// Whether all of a folder may be read by a program that only needs some of it: nothing of the system,
/// nobody's home, no place where everybody keeps things.
pub fn is_ordinary(folder: &Path) -> bool {
    let is_shared = mode(folder).is_none_or(|mode| mode & 0o002 != 0);
    let own_home = std::env::home_dir().and_then(|home| home.canonicalize().ok());
    let is_home = own_home.is_some_and(|home| home.starts_with(folder));
    let has_secrets = || secret(folder).or_else(|| secrets_below(folder, &HOMES)).is_some();
    !is_of_system(folder) && !is_shared && !is_home && !has_secrets()
}

fn is_of_system(root: &Path) -> bool {
    if root.starts_with(NOT_SYSTEM) {
        return false;
    }
    SYSTEM.iter().any(|known| is(root, Path::new(known)))
        || ALL_SYSTEM.iter().any(|known| root.ancestors().any(|above| is(above, Path::new(known))))
}

/// Whether a real path is that of a known folder, which may be a link (`/home` to `/usr/home`).
fn is(real: &Path, known: &Path) -> bool {
    real == known || known.canonicalize().is_ok_and(|known| real == known)
}

/// Whether a folder is one that secrets are kept in or lies in one, by the name it was given or really.
fn is_secret(named: &Path, real: &Path) -> bool {
    let is_known = |name: &OsStr| SECRETS.iter().any(|secret| name == *secret);
    named.file_name().is_some_and(is_known) || real.iter().any(is_known)
}

/// The permissions of what is there.
fn mode(path: &Path) -> Option<u32> {
    Some(fs::metadata(path).ok()?.permissions().mode())
}

/// The homes of all who have one, and of whoever started this. Looked up once: the list of users cannot be
/// read any more when the process is confined.
static HOMES: LazyLock<Vec<PathBuf>> = LazyLock::new(homes);

fn homes() -> Vec<PathBuf> {
    // What is in a directory service is not asked for: that may take long, and no home is there then.
    let users = fs::read("/etc/passwd").unwrap_or_default();
    let entries = users.split(|byte| *byte == b'\n');
    let homes = entries.filter_map(|entry| entry.split(|byte| *byte == b':').nth(5));
    let homes = homes.map(|home| PathBuf::from(OsStr::from_bytes(home)));
    let all = homes.chain(std::env::home_dir()).filter(|home| home.is_absolute());
    let mut all: Vec<_> = all.filter_map(|home| home.canonicalize().ok()).collect();
    all.sort();
    all.dedup();
    all
}

/// Secrets of a home that is the folder or lies below it.
fn secrets_below(folder: &Path, homes: &[PathBuf]) -> Option<PathBuf> {
    homes.iter().filter(|home| home.starts_with(folder)).find_map(|home| secret(home))
}

fn secret(home: &Path) -> Option<PathBuf> {
    SECRETS.iter().map(|name| home.join(name)).find(|path| path.exists())
}

/// The key, if requests could reach it by name.
fn served_key(root: &Path, key: &Path, shows_hidden: bool) -> Option<PathBuf> {
    let real = key.canonicalize().ok()?;
    let below = real.strip_prefix(root).ok()?;
    let is_hidden = below.components().any(|part| match part {
        Component::Normal(name) => name.as_bytes().starts_with(b"."),
        _ => false,
    });
    let is_reachable = shows_hidden || !is_hidden || below.starts_with(".well-known");
    is_reachable.then_some(real)
}
