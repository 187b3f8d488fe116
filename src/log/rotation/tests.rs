use std::cell::Cell;
use std::time::{Duration, UNIX_EPOCH};

use super::*;

const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;

thread_local! {
    /// The clock of the test that runs on this thread; tomorrow is never before a file's mtime.
    static NOW: Cell<SystemTime> = Cell::new(UNIX_EPOCH + Duration::from_secs(40_000 * DAY));
}

fn now() -> SystemTime {
    NOW.get()
}

fn pass(seconds: u64) {
    NOW.set(NOW.get() + Duration::from_secs(seconds));
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort_unstable();
    names
}

#[test]
fn each_period_gets_its_own_file_and_the_oldest_go() {
    let rows = [
        (Rotation::Daily, DAY, ["2079-07-09", "2079-07-10"]),
        (Rotation::Hourly, HOUR, ["2079-07-08-01", "2079-07-08-02"]),
    ];
    for (rotation, length, stamps) in rows {
        NOW.set(UNIX_EPOCH + Duration::from_secs(40_000 * DAY));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/access.log");
        let mut log = RotatingFile::open_at(&path, rotation, 3, now).unwrap();
        for line in ["one\n", "two\n", "three\n", "four\n"] {
            log.write_all(line.as_bytes()).unwrap();
            log.write_all(line.as_bytes()).unwrap();
            pass(length);
        }
        let read = |name: &str| fs::read_to_string(path.with_file_name(name)).unwrap();
        let [second, third] = stamps.map(|stamp| format!("access.log.{stamp}"));
        let (second, third) = (second.as_str(), third.as_str());
        assert_eq!(names(path.parent().unwrap()), ["access.log", second, third]);
        assert_eq!(read(second), "two\ntwo\n");
        assert_eq!(read(third), "three\nthree\n");
        assert_eq!(read("access.log"), "four\nfour\n");
    }
}

#[test]
fn only_its_own_rotated_files_are_removed() {
    let folder = tempfile::tempdir().unwrap();
    let others = [
        "a.log.2001-01-01.gz",
        "a.log.old",
        "a.log.2001-1-01",
        "a.log2001-01-01",
        "b.log.2001-01-01",
        "a.log.2001-01-01-01-01",
    ];
    for name in others.into_iter().chain(["a.log.2001-01-01", "a.log.2001-01-01.2"]) {
        fs::write(folder.path().join(name), "x").unwrap();
    }
    let mut log =
        RotatingFile::open_at(&folder.path().join("a.log"), Rotation::Daily, 1, now).unwrap();
    pass(DAY);
    log.write_all(b"new\n").unwrap();
    let mut expected: Vec<_> = others.into_iter().chain(["a.log"]).collect();
    expected.sort_unstable();
    assert_eq!(names(folder.path()), expected);
}

#[test]
fn nothing_is_overwritten_and_numbers_sort_as_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.log");
    let mut log = RotatingFile::open_at(&path, Rotation::Daily, 0, now).unwrap();
    log.write_all(b"kept\n").unwrap();
    let taken = folder.path().join("a.log.2079-07-08");
    fs::write(&taken, "taken").unwrap();
    pass(DAY);
    log.write_all(b"next\n").unwrap();

    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    assert_eq!(names(folder.path()), ["a.log", "a.log.2079-07-08", "a.log.2079-07-08.2"]);
    assert_eq!(fs::read_to_string(&taken).unwrap(), "taken");
    assert_eq!(read("a.log.2079-07-08.2"), "kept\n");
    assert_eq!(read("a.log"), "next\n");
    let age = |name: &str| age_of(name.as_ref(), "a.log".as_ref());
    assert!(age("a.log.2001-01-01") < age("a.log.2001-01-01.9"));
    assert!(age("a.log.2001-01-01.9") < age("a.log.2001-01-01.10"));
}

#[test]
fn a_file_of_an_earlier_day_is_rotated_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.log");
    fs::write(&path, "old\n").unwrap();
    let written = UNIX_EPOCH + Duration::from_secs(951_782_401);
    File::options().write(true).open(&path).unwrap().set_modified(written).unwrap();

    drop(RotatingFile::open_at(&path, Rotation::Never, 7, now).unwrap());
    assert_eq!(names(folder.path()), ["a.log"]);
    drop(RotatingFile::open_at(&path, Rotation::Daily, 7, now).unwrap());
    assert_eq!(names(folder.path()), ["a.log", "a.log.2000-02-29"]);
    // Empty now, so there is nothing to rotate.
    drop(RotatingFile::open_at(&path, Rotation::Daily, 7, now).unwrap());
    assert_eq!(names(folder.path()), ["a.log", "a.log.2000-02-29"]);
}

#[cfg(unix)]
#[test]
fn a_link_is_written_through_and_never_renamed() {
    let folder = tempfile::tempdir().unwrap();
    let (target, link) = (folder.path().join("target"), folder.path().join("link"));
    fs::write(&target, "").unwrap();
    std::os::unix::fs::symlink(&target, &link).unwrap();
    let mut log = RotatingFile::open_at(&link, Rotation::Daily, 1, now).unwrap();
    pass(DAY);
    log.write_all(b"line\n").unwrap();
    assert_eq!(names(folder.path()), ["link", "target"]);
    assert_eq!(fs::read_to_string(&target).unwrap(), "line\n");
}

#[test]
fn reopening_follows_the_name() {
    let folder = tempfile::tempdir().unwrap();
    let (path, moved) = (folder.path().join("a.log"), folder.path().join("moved"));
    let mut log = RotatingFile::open(&path, Rotation::Daily, 7).unwrap();
    log.write_all(b"one\n").unwrap();
    fs::rename(&path, &moved).unwrap();
    log.reopen().unwrap();
    log.write_all(b"two\n").unwrap();
    assert_eq!(fs::read_to_string(&moved).unwrap(), "one\n");
    assert_eq!(fs::read_to_string(&path).unwrap(), "two\n");
}

#[test]
fn what_was_removed_begins_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.log");
    let mut log = RotatingFile::open_at(&path, Rotation::Daily, 7, now).unwrap();
    log.write_all(b"lost\n").unwrap();
    fs::remove_file(&path).unwrap();
    pass(DAY);
    log.write_all(b"line\n").unwrap();
    assert_eq!(names(folder.path()), ["a.log"]);
    assert_eq!(fs::read_to_string(&path).unwrap(), "line\n");
}

#[cfg(unix)]
#[test]
fn when_rotation_fails_the_lines_still_arrive_and_the_next_one_may_succeed() {
    let folder = tempfile::tempdir().unwrap();
    let logs = folder.path().join("logs");
    let path = logs.join("a.log");
    let mut log = RotatingFile::open_at(&path, Rotation::Daily, 7, now).unwrap();
    // No folder any more, so that nothing can be renamed in it; the open file is still there.
    fs::remove_dir_all(&logs).unwrap();
    fs::write(&logs, "").unwrap();
    pass(DAY);
    log.write_all(b"line\n").unwrap();
    assert_eq!(log.file.metadata().unwrap().len(), 5);
    fs::remove_file(&logs).unwrap();
    pass(DAY);
    log.write_all(b"next\n").unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "next\n");
}
