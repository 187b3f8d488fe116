//! Files that are named by somebody who runs the server: opened without waiting for whoever is to write to
//! or to read from them, and with a word on the sandbox where that is what refuses them.
//!
//! Before the server serves, what is read may be a pipe (`--config <(…)`). Later a pipe that nobody writes to
//! would hold up who reads a configuration again for good; so it has to be a file then.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::OnceLock;

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno;

/// Whether the sandbox keeps the process from a path; to be written to, if that is `true`.
type IsOutside = Box<dyn Fn(&Path, bool) -> bool + Send + Sync>;

/// There is one sandbox for a process; it is there once the server serves.
static SANDBOX: OnceLock<IsOutside> = OnceLock::new();

/// From here on nothing that is opened may be waited for. `is_outside` tells whether the sandbox keeps the
/// process from reading a path, or from writing to it (`true`).
pub fn begin_serving(is_outside: impl Fn(&Path, bool) -> bool + Send + Sync + 'static) {
    // A second server in the process has the sandbox of the first.
    let _ = SANDBOX.set(Box::new(is_outside));
}

/// Reads a file, and no more than one byte beyond `most`.
///
/// # Errors
/// When it cannot be read, or is no file while the server serves.
pub fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let opened = if SANDBOX.get().is_none() { File::open(path) } else { open_file(path) };
    let mut content = Vec::new();
    let read = opened.and_then(|file| file.take(most.saturating_add(1)).read_to_end(&mut content));
    read.map(|_| content).map_err(|error| explain(path, false, error))
}

fn open_file(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().read(true).custom_flags(without_waiting()).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other(
            "it is no regular file, and while the server runs nothing else is read",
        ));
    }
    Ok(file)
}

/// Opens a log to append to it, made with `mode` (less the umask) if need be. It may be a device, or a pipe
/// that somebody reads from.
///
/// # Errors
/// When it cannot be opened, or is a pipe that nobody reads from.
pub fn append(path: &Path, mode: u32) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(mode).custom_flags(without_waiting());
    let file = options.open(path).map_err(|error| match Errno::from_io_error(&error) {
        Some(Errno::NXIO) => io::Error::other("it is a pipe that nobody reads from, or a socket"),
        _ => explain(path, true, error),
    })?;
    if !file.metadata()?.is_file() {
        // Only opening was not to wait.
        fcntl_setfl(&file, fcntl_getfl(&file)? - OFlags::NONBLOCK)?;
    }
    Ok(file)
}

fn without_waiting() -> i32 {
    // The bits of flags are few: they are the same whatever type they have.
    OFlags::NONBLOCK.bits().cast_signed()
}

/// Adds that it is the sandbox that refuses, and what helps.
fn explain(path: &Path, writes: bool, error: io::Error) -> io::Error {
    let is_outside = || SANDBOX.get().is_some_and(|is_outside| is_outside(path, writes));
    if error.kind() == io::ErrorKind::PermissionDenied && is_outside() {
        let text = format!(
            "{error} (outside of what the sandbox granted at the start: a restart is needed)"
        );
        return io::Error::new(error.kind(), text);
    }
    error
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;

    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::*;

    fn fifo(path: &Path) {
        mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    }

    #[test]
    fn a_pipe_is_no_file_and_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fifo(&path("pipe"));
        fs::write(path("file"), "content").unwrap();
        let error = open_file(&path("pipe")).unwrap_err();
        assert!(error.to_string().contains("no regular file"), "{error}");
        assert!(open_file(folder.path()).is_err());
        assert!(open_file(&path("file")).is_ok());
        assert_eq!(read(&path("file"), 100).unwrap(), b"content");
        assert_eq!(read(&path("file"), 3).unwrap(), b"cont");
    }

    #[test]
    fn a_log_is_a_pipe_with_a_reader_a_device_or_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        fifo(&path);
        let error = append(&path, 0o600).unwrap_err();
        assert!(error.to_string().contains("nobody reads"), "{error}");
        let mut reader = open_pipe(&path);
        let mut log = append(&path, 0o600).unwrap();
        assert!(!fcntl_getfl(&log).unwrap().contains(OFlags::NONBLOCK));
        log.write_all(b"x").unwrap();
        let mut read = [0];
        reader.read_exact(&mut read).unwrap();
        assert_eq!(read, *b"x");
        assert!(append(Path::new("/dev/null"), 0o600).is_ok());
        append(&folder.path().join("file"), 0o600).unwrap().write_all(b"x").unwrap();
    }

    fn open_pipe(path: &Path) -> File {
        OpenOptions::new().read(true).custom_flags(without_waiting()).open(path).unwrap()
    }
}
