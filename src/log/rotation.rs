//! A log file that begins anew every hour or day.
//!
//! The newest lines are always in the file that was asked for; when its period (in UTC) is over, it
//! is renamed to `NAME.2026-11-21` or `NAME.2026-11-21-04` and the oldest of those are removed.
//! (`tracing_appender::rolling` never writes to the name asked for, and removes every file whose
//! name merely begins alike.)

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::timestamp::{calendar, seconds};
use crate::opening;

/// Permissions of a log, less the umask.
const MODE: u32 = 0o666;

/// When a log file begins anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rotation {
    /// Never: one file that grows.
    Never,
    /// At every full hour.
    Hourly,
    /// At midnight, UTC.
    #[default]
    Daily,
}

impl Rotation {
    /// The period that a time lies in, counted from 1970.
    fn period(self, time: SystemTime) -> u64 {
        match self {
            Self::Never => 0,
            Self::Hourly => seconds(time) / 3_600,
            Self::Daily => seconds(time) / 86_400,
        }
    }

    /// What is added to the name of a file of that period.
    fn stamp(self, period: u64) -> String {
        let second = match self {
            Self::Never => 0,
            Self::Hourly => period.saturating_mul(3_600),
            Self::Daily => period.saturating_mul(86_400),
        };
        let date = calendar(second);
        let (year, month, day) = (date.year(), u8::from(date.month()), date.day());
        match self {
            Self::Hourly => format!("{year:04}-{month:02}-{day:02}-{:02}", date.hour()),
            Self::Never | Self::Daily => format!("{year:04}-{month:02}-{day:02}"),
        }
    }
}

/// A file opened for appending, and rotated when a write finds its period over.
#[derive(Debug)]
pub(super) struct RotatingFile {
    path: PathBuf,
    rotation: Rotation,
    max_files: usize,
    file: File,
    period: u64,
    now: fn() -> SystemTime,
}

impl RotatingFile {
    /// Opens or creates the file and the folders above it. A file left over from an earlier period
    /// is rotated first. At most `max_files` are kept, the one being written included; 0 keeps all.
    ///
    /// A device, a pipe or a symbolic link is written to as it is and never rotated.
    pub(super) fn open(path: &Path, rotation: Rotation, max_files: usize) -> io::Result<Self> {
        Self::open_at(path, rotation, max_files, SystemTime::now)
    }

    fn open_at(
        path: &Path,
        rotation: Rotation,
        max_files: usize,
        now: fn() -> SystemTime,
    ) -> io::Result<Self> {
        let existing = fs::symlink_metadata(path).ok();
        let rotation = match &existing {
            Some(metadata) if !metadata.is_file() => Rotation::Never,
            _ => rotation,
        };
        let mut this = Self {
            path: path.to_owned(),
            rotation,
            max_files,
            file: append_to(path)?,
            period: rotation.period(now()),
            now,
        };
        if let Some(metadata) = existing.filter(|metadata| metadata.len() > 0) {
            let last_written = metadata.modified()?;
            this.period = this.period.min(rotation.period(last_written));
            this.rotate_when_due();
        }
        Ok(this)
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens the file again under its name, for tools that move it away and say so. The one that is open
    /// stays when that fails.
    pub(super) fn reopen(&mut self) -> io::Result<()> {
        self.file = append_to(&self.path)?;
        Ok(())
    }

    /// Rotates if the period is over. A failure is told once per period; writing goes on in the
    /// same file, because a log too long is better than none.
    fn rotate_when_due(&mut self) {
        let period = self.rotation.period((self.now)());
        // A clock that was set back is no reason to rotate.
        if period <= self.period {
            return;
        }
        let over = std::mem::replace(&mut self.period, period);
        if let Err(error) = self.rotate(over) {
            tracing::warn!(
                "cannot rotate the log file {}: {error}; it goes on growing",
                self.path.display()
            );
        }
    }

    fn rotate(&mut self, over: u64) -> io::Result<()> {
        let rotated = self.free_name(&self.rotation.stamp(over));
        match fs::rename(&self.path, &rotated) {
            // Somebody has moved or removed it: the next one begins all the same.
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.reopen()?,
            moved => {
                moved?;
                if let Err(error) = self.reopen() {
                    // What goes on growing is found under the name that was asked for, also the next time.
                    fs::rename(&rotated, &self.path)?;
                    return Err(error);
                }
            }
        }
        self.remove_oldest()
    }

    /// The rotated name of a period; numbered when it is taken, so that nothing is overwritten.
    fn free_name(&self, stamp: &str) -> PathBuf {
        let named = |suffix: String| {
            let mut name = self.path.clone().into_os_string();
            name.push(suffix);
            PathBuf::from(name)
        };
        let numbered = (2_u32..).map(|number| named(format!(".{stamp}.{number}")));
        std::iter::once(named(format!(".{stamp}")))
            .chain(numbered)
            .find(|path| fs::symlink_metadata(path).is_err())
            .unwrap_or_else(|| named(format!(".{stamp}")))
    }

    fn remove_oldest(&self) -> io::Result<()> {
        let Some(keep) = self.max_files.checked_sub(1) else {
            return Ok(());
        };
        let mut rotated = self.rotated()?;
        rotated.sort_unstable();
        let excess = rotated.len().saturating_sub(keep);
        for (_, path) in rotated.drain(..excess) {
            fs::remove_file(path)?;
        }
        Ok(())
    }

    /// The rotated files, each with its age as a value that sorts.
    fn rotated(&self) -> io::Result<Vec<((String, u32), PathBuf)>> {
        let name = self.path.file_name().unwrap_or_default();
        let mut found = Vec::new();
        for entry in fs::read_dir(folder_of(&self.path))? {
            let entry = entry?;
            if let Some(age) = age_of(&entry.file_name(), name)
                && entry.file_type()?.is_file()
            {
                found.push((age, entry.path()));
            }
        }
        Ok(found)
    }
}

impl Write for RotatingFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.rotate_when_due();
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

fn append_to(path: &Path) -> io::Result<File> {
    fs::create_dir_all(folder_of(path))?;
    opening::append(path, MODE)
}

/// The folder a file lies in.
fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

/// Date and number of a rotated file of that log; `None` for every other file.
fn age_of(candidate: &OsStr, log: &OsStr) -> Option<(String, u32)> {
    let mut prefix = OsString::from(log);
    prefix.push(".");
    let rest = candidate.as_encoded_bytes().strip_prefix(prefix.as_encoded_bytes())?;
    let rest = str::from_utf8(rest).ok()?;
    let (stamp, number) = match rest.split_once('.') {
        Some((stamp, number)) => (stamp, number.parse().ok()?),
        None => (rest, 1),
    };
    let shaped_like = |shape: &str| {
        stamp.len() == shape.len()
            && stamp
                .bytes()
                .zip(shape.bytes())
                .all(|(byte, like)| if like == b'0' { byte.is_ascii_digit() } else { byte == like })
    };
    (shaped_like("0000-00-00") || shaped_like("0000-00-00-00")).then(|| (stamp.to_owned(), number))
}

#[cfg(test)]
mod tests;
