//! The file that what people write into forms is appended to, as JSON Lines.

use std::fs::File;
use std::io::{self, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use serde_json::json;

use super::receipt::Receipt;
use crate::content::shown::Time;
use crate::opening;

/// Only its owner reads what people wrote.
const MODE: u32 = 0o600;

/// A log of forms. Copies are of the same log.
#[derive(Clone, Debug)]
pub struct FormLog(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    /// A line that the system takes in two writes must not have another one in it. Held while
    /// writing, on a thread that may wait.
    turn: Mutex<()>,
}

/// The log, open: from here on only the disk can fail. It is opened for each form, so that it can
/// be moved away at any time.
#[derive(Debug)]
pub(super) struct OpenLog {
    file: File,
    log: Arc<Inner>,
}

impl FormLog {
    /// Makes the file and its folder if they are not there, and fails when it cannot be appended to.
    pub fn open(path: PathBuf) -> io::Result<Self> {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder)?;
        }
        open(&path)?;
        Ok(Self(Arc::new(Inner { path, turn: Mutex::new(()) })))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Opens it for one form, and sees to it that a line with about so many bytes of text has room.
    pub(super) async fn prepare(&self, text: usize) -> io::Result<OpenLog> {
        let log = Arc::clone(&self.0);
        blocking(move || {
            let file = open(&log.path)?;
            reserve(&file, text)?;
            Ok(OpenLog { file, log })
        })
        .await
    }
}

impl OpenLog {
    /// Appends a line; when it returns, the line outlasts a loss of power.
    pub(super) async fn append(mut self, line: String) -> io::Result<()> {
        blocking(move || {
            let _turn = self.log.turn.lock().unwrap_or_else(PoisonError::into_inner);
            let before = self.file.metadata()?.len();
            let written = self.file.write_all(line.as_bytes());
            if written.is_err() {
                // The next line is not to begin within a half one.
                let _ = self.file.set_len(before);
            }
            written.and_then(|()| match self.file.sync_data() {
                // A pipe or a device has no disk.
                Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
                done => done,
            })
        })
        .await
    }
}

fn open(path: &Path) -> io::Result<File> {
    opening::append(path, MODE)
}

/// Takes room on the disk beyond the end of a file, where the file system has that.
#[cfg(target_os = "linux")]
fn reserve(file: &File, text: usize) -> io::Result<()> {
    use rustix::fs::{FallocateFlags, fallocate};
    use rustix::io::Errno;
    // Escapes may take six times as much; files and the rest of the line some more.
    let room = text as u64 * 6 + 64 * 1024;
    match fallocate(file, FallocateFlags::KEEP_SIZE, file.metadata()?.len(), room) {
        Err(Errno::NOSPC) => Err(Errno::NOSPC.into()),
        _ => Ok(()),
    }
}

#[cfg(not(target_os = "linux"))]
fn reserve(_: &File, _: usize) -> io::Result<()> {
    Ok(())
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|failed| Err(io::Error::other(failed)))
}

/// One form as a line. JSON escapes line ends, so nobody can write a second one.
pub(super) fn line(time: SystemTime, address: IpAddr, path: &[u8], receipt: &Receipt) -> String {
    let entry = json!({
        "time": Time::new(time).map(|time| time.to_string()),
        "address": address.to_canonical().to_string(),
        "path": String::from_utf8_lossy(path),
        "fields": receipt.json_fields(),
        "files": receipt.json_files(),
    });
    format!("{entry}\n")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::time::Duration;

    use super::*;
    use crate::handler::upload::receipt;

    #[test]
    fn a_form_is_one_line() {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_249_219);
        let address = "::ffff:192.0.2.1".parse().unwrap();
        let line = line(time, address, b"/sub\nmit\xff", &receipt::sample());
        assert_eq!(line.matches('\n').count(), 1, "{line}");
        assert!(line.ends_with("}\n"));
        let start = r#"{"time":"2026-11-21T08:20:19Z","address":"192.0.2.1","path":"/sub\nmit"#;
        assert!(line.starts_with(start), "{line}");
        let entry: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(entry["fields"]["a"][0], "x\n\"<y>\u{2028}");
        assert_eq!(entry["files"][0]["size"], 12_345);
    }

    #[tokio::test]
    async fn lines_are_appended_also_after_the_file_was_moved_away() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("forms.jsonl");
        std::fs::write(&path, "there before\n").unwrap();
        let log = FormLog::open(path.clone()).unwrap();
        log.prepare(10).await.unwrap().append("one\n".into()).await.unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "there before\none\n");
        std::fs::rename(&path, folder.path().join("old")).unwrap();
        log.prepare(10).await.unwrap().append("two\n".into()).await.unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "two\n");
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "others cannot read it");
    }

    #[tokio::test]
    async fn a_log_that_cannot_be_written_is_an_error_at_once_and_at_use() {
        let folder = tempfile::tempdir().unwrap();
        assert!(FormLog::open(folder.path().to_owned()).is_err());
        let path = folder.path().join("sub/forms.jsonl");
        let log = FormLog::open(path.clone()).unwrap();
        std::fs::remove_dir_all(folder.path().join("sub")).unwrap();
        assert!(log.prepare(10).await.is_err());
    }
}
