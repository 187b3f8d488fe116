//! What nobody means to serve, and who else could read or write what is used.
//!
//! Names that begin with a dot are not served unless `show_hidden_files` says so; the secrets of a home
//! folder have such names. Dangerous is therefore: a folder of the system; a home with secrets, or what it
//! lies in, when hidden files are shown; a private key among what is served.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};
use std::sync::LazyLock;
use std::{error, fmt};

/// Folders of the system, and the home of root.
const SYSTEM: [&str; 7] = ["/", "/boot", "/dev", "/etc", "/proc", "/root", "/sys"];

/// Those in which no folder is anything but the system's.
const ALL_SYSTEM: [&str; 2] = ["/proc", "/sys"];

/// What people keep their secrets in, at home.
const SECRETS: [&str; 8] =
    [".ssh", ".gnupg", ".aws", ".kube", ".netrc", ".pgpass", ".password-store", ".git-credentials"];

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
    } else {
        let secrets = served.shows_hidden.then(|| secrets_below(&root, homes)).flatten();
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
    if mode(served.root).is_some_and(|mode| mode & 0o002 != 0) {
        all.push(format!("everybody on this machine can change what is served: chmod o-w {root}"));
    }
    if !served.shows_hidden
        && let Ok(root) = served.root.canonicalize()
        && let Some(secrets) = HOMES.iter().filter(|home| **home == root).find_map(|it| secret(it))
    {
        all.push(format!(
            "{} is a home: its hidden files, such as {}, are not served, everything else is",
            root.display(),
            secrets.display()
        ));
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

/// Whether all of a folder may be read by a program that only needs some of it: nothing of the system,
/// nobody's home, no place where everybody keeps things.
pub fn is_ordinary(folder: &Path) -> bool {
    let is_shared = mode(folder).is_none_or(|mode| mode & 0o002 != 0);
    let own_home = std::env::home_dir().and_then(|home| home.canonicalize().ok());
    let is_home = own_home.is_some_and(|home| home.starts_with(folder));
    !is_of_system(folder) && !is_shared && !is_home && secrets_below(folder, &HOMES).is_none()
}

fn is_of_system(root: &Path) -> bool {
    SYSTEM.iter().any(|known| root == Path::new(known))
        || ALL_SYSTEM.iter().any(|known| root.starts_with(known))
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
    let homes = homes.map(|home| PathBuf::from(std::ffi::OsStr::from_bytes(home)));
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

#[cfg(test)]
mod tests {
    use super::*;

    fn served<'a>(root: &'a Path, shows_hidden: bool, keys: &'a [&'a Path]) -> Served<'a> {
        Served { root, shows_hidden, keys }
    }

    #[test]
    fn folders_of_the_system_are_refused_whatever_they_are_called() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("/etc", &link).unwrap();
        for root in ["/", "/etc", "/usr/..", "/proc/self", "/dev", link.to_str().unwrap()] {
            let error = check(served(Path::new(root), false, &[])).unwrap_err();
            assert_eq!(error.reason, Reason::System, "{root}");
            assert!(error.to_string().contains("allow_unsafe_root"), "{error}");
        }
        for root in [folder.path(), Path::new("/usr/share"), Path::new("/nowhere/at/all")] {
            assert_eq!(check(served(root, false, &[])), Ok(()), "{}", root.display());
        }
    }

    #[test]
    fn a_home_is_refused_when_its_secrets_would_be_served() {
        let folder = tempfile::tempdir().unwrap();
        let all = folder.path().canonicalize().unwrap();
        let (anna, bert) = (all.join("anna"), all.join("bert"));
        for path in ["anna/.ssh", "anna/Pictures", "bert/Pictures"] {
            fs::create_dir_all(all.join(path)).unwrap();
        }
        let homes = [anna.clone(), bert.clone()];
        for (root, shows_hidden, refused) in [
            (&anna, true, true),
            (&all, true, true),
            (&anna, false, false),
            (&bert, true, false),
            (&anna.join("Pictures"), true, false),
        ] {
            let result = check_with(served(root, shows_hidden, &[]), &homes);
            assert_eq!(result.is_err(), refused, "{} {shows_hidden}", root.display());
        }
    }

    #[test]
    fn a_private_key_is_not_served() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        fs::create_dir_all(root.join(".certs")).unwrap();
        fs::create_dir_all(root.join(".well-known")).unwrap();
        for name in ["root/k", "root/.certs/k", "root/.well-known/k", "k"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        std::os::unix::fs::symlink("root/k", folder.path().join("link")).unwrap();
        for (key, shows_hidden, refused) in [
            ("root/k", false, true),
            ("link", false, true),
            ("root/.certs/k", false, false),
            ("root/.certs/k", true, true),
            ("root/.well-known/k", false, true),
            ("k", true, false),
        ] {
            let key = folder.path().join(key);
            let result = check_with(served(&root, shows_hidden, &[&key]), &[]);
            assert_eq!(result.is_err(), refused, "{} {shows_hidden}", key.display());
        }
    }

    #[test]
    fn what_everybody_can_change_or_read_is_told_of() {
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("k");
        fs::write(&key, "").unwrap();
        let set = |path: &Path, mode| {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        };
        for (root_mode, key_mode, said) in [
            (0o755, 0o600, vec![]),
            (0o755, 0o640, vec![]),
            (0o777, 0o600, vec!["change what is served"]),
            (0o755, 0o644, vec!["read the private key"]),
            (0o775, 0o666, vec!["change the private key"]),
        ] {
            set(folder.path(), root_mode);
            set(&key, key_mode);
            let all = warnings(served(folder.path(), false, &[&key]));
            assert_eq!(all.len(), said.len(), "{all:?}");
            assert!(all.iter().zip(said).all(|(line, part)| line.contains(part)), "{all:?}");
        }
        set(folder.path(), 0o755);
        assert!(is_ordinary(folder.path()) && !is_ordinary(Path::new("/")));
        set(folder.path(), 0o1777);
        assert!(!is_ordinary(folder.path()));
    }
}
