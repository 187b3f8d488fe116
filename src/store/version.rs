//! Which state of which file: what tells one version of a file from the next.

use std::time::{Duration, SystemTime};

use rustix::fs::{FileType, Stat};

use crate::content::date;
use crate::content::etag::EntityTag;

/// What a directory entry leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) kind: Kind,
    pub(super) version: Version,
}

/// The kinds of files that matter to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Folder,
    /// A FIFO, socket or device: never served, never opened.
    Other,
}

/// One state of one file, as far as metadata can tell. Two equal versions of a file have the same
/// content, unless it was written to twice within one tick of the file system's clock
/// (the stores see to that).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Version {
    device: u64,
    inode: u64,
    /// Bytes.
    pub(super) size: u64,
    modified: Timestamp,
    /// The time of the last change to content *or* metadata; unlike `modified` nobody can set it
    /// back, and replacing or removing the file moves it too.
    changed: Timestamp,
}

/// Seconds and nanoseconds since 1970-01-01 00:00 UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Timestamp {
    seconds: i64,
    nanoseconds: u32,
}

/// Whoever is writing a file writes again before so long, most of the time.
const WRITING: Duration = Duration::from_secs(2);

/// How coarse the time stamps of a file system may be; Linux takes them from its timer tick.
const TICK: Duration = Duration::from_millis(20);

impl Version {
    /// When the content was last modified; `None` when that is no time a clock could show.
    pub(super) fn modified(&self) -> Option<SystemTime> {
        self.modified.to_system_time()
    }

    /// Whether its content was written before that of `other`. A time without a fraction of a second
    /// was cut to one by whoever copied it (`brotli` does): it counts to the second.
    pub(super) fn is_older_than(&self, other: &Self) -> bool {
        let (own, others) = (self.modified, other.modified);
        if own.nanoseconds == 0 {
            return own.seconds < others.seconds;
        }
        (own.seconds, own.nanoseconds) < (others.seconds, others.nanoseconds)
    }

    /// Whether this sibling can be sent in the place of `other`: it is not older, not empty, and nobody
    /// seems to be writing it at `now`. Who writes gives it the time of the moment; who made it from the
    /// other often gives it the other's time, as the last thing.
    pub(super) fn stands_for(&self, other: &Self, now: SystemTime) -> bool {
        if self.size == 0 || self.is_older_than(other) {
            return false;
        }
        if !other.is_older_than(self) {
            return true;
        }
        self.modified().is_none_or(|modified| distance(modified, now) > WRITING)
    }

    /// The tag of a file whose content is not in memory.
    pub(super) fn etag(&self) -> EntityTag {
        let modified = self.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        EntityTag::of_file(self.size, modified)
    }

    /// Whether a write after `now` must give another version. A file changed within the last tick
    /// may be changed again without its time stamps showing it.
    pub(super) fn is_settled(&self, now: SystemTime) -> bool {
        let Some(changed) = self.changed.to_system_time() else {
            return true;
        };
        distance(changed, now) > TICK
    }

    /// A made-up version, for stores without metadata.
    #[cfg(test)]
    pub(super) fn numbered(number: u64, size: u64) -> Self {
        let time = Timestamp { seconds: 1, nanoseconds: 0 };
        Self { device: 0, inode: number, size, modified: time, changed: time }
    }
}

fn distance(one: SystemTime, other: SystemTime) -> Duration {
    other.duration_since(one).unwrap_or_else(|ahead| ahead.duration())
}

impl Timestamp {
    fn to_system_time(self) -> Option<SystemTime> {
        date::from_unix(self.seconds, self.nanoseconds)
    }
}

// The widths and signs of these fields differ between systems; the values fit on all of them.
#[allow(
    clippy::unnecessary_cast,
    clippy::cast_sign_loss,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_lossless
)]
impl From<&Stat> for Node {
    fn from(stat: &Stat) -> Self {
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Kind::File,
            FileType::Directory => Kind::Folder,
            _ => Kind::Other,
        };
        let version = Version {
            device: stat.st_dev as u64,
            inode: stat.st_ino as u64,
            size: stat.st_size as u64,
            modified: Timestamp {
                seconds: stat.st_mtime as i64,
                nanoseconds: stat.st_mtime_nsec as u32,
            },
            changed: Timestamp {
                seconds: stat.st_ctime as i64,
                nanoseconds: stat.st_ctime_nsec as u32,
            },
        };
        Self { kind, version }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed_at(seconds: i64, nanoseconds: u32) -> Version {
        let mut version = Version::numbered(1, 0);
        version.changed = Timestamp { seconds, nanoseconds };
        version.modified = version.changed;
        version
    }

    #[test]
    fn times_before_1970_are_understood() {
        let before = changed_at(-2, 500_000_000).modified().unwrap();
        let distance = SystemTime::UNIX_EPOCH.duration_since(before).unwrap();
        assert_eq!(distance, Duration::from_millis(1500));
    }

    #[test]
    fn a_time_that_was_cut_to_a_second_is_not_older_than_the_rest_of_it() {
        let original = changed_at(10, 500_000_000);
        for (seconds, nanoseconds, is_older) in
            [(10, 0, false), (10, 499_999_999, true), (10, 500_000_000, false), (9, 0, true)]
        {
            let copy = changed_at(seconds, nanoseconds);
            assert_eq!(copy.is_older_than(&original), is_older, "{seconds}.{nanoseconds}");
        }
    }

    #[test]
    fn what_is_empty_or_being_written_stands_for_nothing() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(100);
        let file = changed_at(50, 500_000_000);
        for (seconds, nanoseconds, size, stands) in [
            (60, 1, 1, true),
            (60, 1, 0, false),
            (49, 1, 1, false),
            // Just now, unless that is the time of the file.
            (99, 1, 1, false),
            (50, 500_000_000, 1, true),
            // A clock that is ahead.
            (200, 1, 1, true),
        ] {
            let sibling = Version { size, ..changed_at(seconds, nanoseconds) };
            assert_eq!(sibling.stands_for(&file, now), stands, "{seconds}.{nanoseconds} {size}");
        }
        let new = changed_at(99, 500_000_000);
        for (nanoseconds, stands) in [(500_000_000, true), (0, true), (600_000_000, false)] {
            let sibling = Version { size: 1, ..changed_at(99, nanoseconds) };
            assert_eq!(sibling.stands_for(&new, now), stands, "{nanoseconds}");
        }
    }

    #[test]
    fn a_version_is_settled_once_its_tick_is_over() {
        let version = changed_at(1000, 0);
        let at = |millis| SystemTime::UNIX_EPOCH + Duration::from_millis(millis);
        assert!(!version.is_settled(at(1_000_000)));
        assert!(!version.is_settled(at(1_000_015)));
        assert!(!version.is_settled(at(999_990)));
        assert!(version.is_settled(at(1_000_021)));
        // A file server's clock may be far ahead of ours: that must not disable the cache.
        assert!(version.is_settled(at(990_000)));
    }
}
