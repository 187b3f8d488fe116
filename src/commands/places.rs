//! From the configuration to the places that the process needs, and what is kept from it.

use std::path::{Path, PathBuf};
use std::{error, fmt, fs};

use rustix::fs::{Access, access};
use rustix::io::Errno;

use crate::config::{AccessLog, Config, FollowSymlinks};
use crate::confine::caution::{self, Served, UnsafeRoot};
use crate::confine::{Confined, Place, Rights};
use crate::site::BuildError;
use crate::tls::TlsOptions;

/// What the system tells of this process, of processors and of memory: for the status, the number of
/// workers and the C library.
const SYSTEM: [&str; 5] = [
    "/proc/loadavg",
    "/proc/self",
    "/proc/sys/kernel/osrelease",
    "/proc/sys/vm/overcommit_memory",
    "/sys/fs/cgroup",
];

/// What names of hosts are looked up by, when a new configuration has one. Nothing in them is secret.
const NAMES: [&str; 5] =
    ["/etc/gai.conf", "/etc/host.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/resolv.conf"];

/// Permissions of a folder that is made, less the umask.
const FOLDER: u32 = 0o777;

/// Those of a folder for keys.
const PRIVATE: u32 = 0o700;

/// What a configuration needs that the one before did not have, and that has been given up since.
#[derive(Debug)]
pub(super) struct RestartNeeded(Place);

impl error::Error for RestartNeeded {}

impl fmt::Display for RestartNeeded {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { path, rights, key } = &self.0;
        let done = match rights {
            Rights::Read => "read",
            Rights::Write => "write to",
        };
        write!(
            formatter,
            "a restart is needed: the sandbox lets this process {done} only what it was started with, \
             and {} is not among that ({key})",
            path.display()
        )
    }
}

/// The places that a configuration names, and cannot do without.
pub(super) fn needed(
    config: &Config,
    config_file: Option<&Path>,
    tls: Option<&TlsOptions>,
) -> Vec<Place> {
    let read = |path: &Path, key| Place { path: path.to_owned(), rights: Rights::Read, key };
    let write = |path: &Path, key| Place { path: path.to_owned(), rights: Rights::Write, key };
    let mut all = vec![read(&config.document_root, "document_root")];
    if config.follow_symlinks == FollowSymlinks::Always {
        all.push(read(Path::new("/"), "follow_symlinks"));
    }
    if config.enable_file_uploads {
        let folder = config.upload_dir.clone();
        let folder = folder.unwrap_or_else(|| config.document_root.join("uploads"));
        all.push(write(&folder, "upload_dir"));
        all.extend(config.form_log.iter().map(|file| write(&written(file), "form_log")));
    }
    all.extend(config.log_file.iter().map(|file| write(&written(file), "log_file")));
    if let AccessLog::File(file) = &config.access_log {
        all.push(write(&written(file), "access_log"));
    }
    // Files are replaced by others: what counts is where they are.
    all.extend(config_file.map(|file| read(folder_of(file), "the configuration file")));
    if let Some(tls) = tls {
        let pairs = tls.certificates.iter().flat_map(|files| [&files.cert, &files.key]);
        let authorities = tls.client_auth.iter().map(|auth| &auth.authorities);
        for file in pairs.chain(authorities) {
            all.push(read(folder_of(file), "ssl_cert"));
            // What they are links to, such as those of certbot.
            if let Ok(real) = file.canonicalize() {
                all.push(read(folder_of(&real), "ssl_cert"));
            }
        }
        if tls.certificates.is_empty()
            && let Some(folder) = &tls.self_signed.folder
        {
            all.push(write(folder, "enable_ssl"));
        }
    }
    all
}

/// What is useful besides, and does no harm.
pub(super) fn useful(config: &Config) -> impl Iterator<Item = Place> {
    let read = |path: PathBuf| Place { path, rights: Rights::Read, key: "" };
    let system = SYSTEM.into_iter().chain(NAMES).map(PathBuf::from);
    system.chain(around(&config.document_root)).map(read)
}

/// Refuses a folder in which this process can open nothing. What else may be wrong with it, the site finds.
pub(super) fn check_root(root: &Path) -> Result<(), BuildError> {
    let is_something_else = fs::metadata(root).is_ok_and(|found| !found.is_dir());
    // Without the right to list it, what is asked for by name is still served.
    match access(root, Access::EXEC_OK) {
        Err(Errno::ACCESS) if !is_something_else => {
            Err(BuildError::Root { root: root.to_owned(), error: Errno::ACCESS.into() })
        }
        _ => Ok(()),
    }
}

/// Makes the folders that are to be written to; of one that cannot be made, who needs it complains.
pub(super) fn make_folders(places: &[Place], root: &Path) {
    // What is not there shall not be made for the uploads in it.
    if !root.is_dir() {
        return;
    }
    for place in places.iter().filter(|place| place.rights == Rights::Write) {
        let mode = if place.key == "enable_ssl" { PRIVATE } else { FOLDER };
        let _ = place.make(mode);
    }
}

/// Whether the configuration can do with what was granted; one that is `like` what was asked for at the
/// start can.
pub(super) fn check(
    confined: &Confined,
    like: &[Place],
    needed: Vec<Place>,
) -> Result<(), RestartNeeded> {
    let missing = |place: &Place| !like.contains(place) && !confined.allows(place);
    needed.into_iter().find(missing).map_or(Ok(()), |place| Err(RestartNeeded(place)))
}

/// Whether the sandbox lets a file be read, or written to and made.
pub(super) fn may_open(confined: &Confined, path: &Path, writes: bool) -> bool {
    let rights = if writes { Rights::Write } else { Rights::Read };
    confined.allows(&Place { path: path.to_owned(), rights, key: "" })
}

/// Refuses to serve what nobody means to serve; what is merely unwise is returned.
pub(super) fn caution(
    config: &Config,
    tls: Option<&TlsOptions>,
) -> Result<Vec<String>, UnsafeRoot> {
    let files = tls.iter().flat_map(|tls| &tls.certificates);
    let keys: Vec<_> = files.map(|files| files.key.as_path()).collect();
    let served =
        Served { root: &config.document_root, shows_hidden: config.show_hidden_files, keys: &keys };
    if !config.allow_unsafe_root {
        caution::check(served)?;
    }
    Ok(caution::warnings(served))
}

/// Where a file is written: its folder, since files come and go there; or what is there instead of a
/// file (a device, a pipe, a link), which is never replaced.
fn written(file: &Path) -> PathBuf {
    if fs::symlink_metadata(file).map_or(true, |found| found.is_file()) {
        return folder_of(file).to_owned();
    }
    file.canonicalize().unwrap_or_else(|_| {
        // A link to what is not there yet.
        let target = fs::read_link(file).map(|target| folder_of(file).join(target));
        folder_of(target.as_deref().unwrap_or(file)).to_owned()
    })
}

fn folder_of(file: &Path) -> &Path {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// The folders that the root lies in, by the name it was given and really, where they hold nothing but the
/// like: one that is made anew or a link that is swapped is to be followed.
fn around(root: &Path) -> Vec<PathBuf> {
    let named = std::path::absolute(root).ok();
    let real = root.canonicalize().ok();
    let above = [named, real].into_iter().flatten();
    let above = above.filter_map(|path| path.parent()?.canonicalize().ok());
    above.filter(|folder| caution::is_ordinary(folder)).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_file_is_written_in_its_folder_and_what_is_no_file_where_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let all = folder.path().canonicalize().unwrap();
        fs::create_dir(all.join("d")).unwrap();
        for (name, target) in [("null", "/dev/null"), ("there", "d/file"), ("new", "d/new")] {
            symlink(target, all.join(name)).unwrap();
        }
        fs::write(all.join("d/file"), "").unwrap();
        for (file, expected) in [
            ("d/file", "d"),
            ("d/none", "d"),
            ("null", "/dev/null"),
            ("/dev/null", "/dev/null"),
            ("there", "d/file"),
            ("new", "d"),
        ] {
            assert_eq!(written(&all.join(file)), all.join(expected), "{file}");
        }
        assert_eq!(written(Path::new("log")), Path::new("."));
    }

    #[test]
    fn each_key_asks_for_its_place() {
        let places = |config: Config| {
            let all = needed(&config, Some(Path::new("/c/site.json")), None);
            all.into_iter().map(|it| (it.key, it.path, it.rights)).collect::<Vec<_>>()
        };
        let usual = Config { document_root: "/site".into(), ..Config::default() };
        let base = [
            ("document_root", "/site".into(), Rights::Read),
            ("the configuration file", "/c".into(), Rights::Read),
        ];
        assert_eq!(places(usual.clone()), base);
        let unused = Config {
            upload_dir: Some("/up".into()),
            form_log: Some("/forms/log".into()),
            ssl_cert: Some("/keys/cert".into()),
            ..usual.clone()
        };
        assert_eq!(places(unused.clone()), base);
        let more = Config {
            enable_file_uploads: true,
            follow_symlinks: FollowSymlinks::Always,
            log_file: Some("/log/a".into()),
            access_log: AccessLog::File("/log/b/c".into()),
            ..unused
        };
        let more = places(more);
        for (key, path, rights) in [
            ("follow_symlinks", "/", Rights::Read),
            ("upload_dir", "/up", Rights::Write),
            ("form_log", "/forms", Rights::Write),
            ("log_file", "/log", Rights::Write),
            ("access_log", "/log/b", Rights::Write),
        ] {
            assert!(more.contains(&(key, path.into(), rights)), "{key}: {more:?}");
        }
        let usual = places(Config { enable_file_uploads: true, ..usual });
        assert!(usual.contains(&("upload_dir", "/site/uploads".into(), Rights::Write)));
    }
}
