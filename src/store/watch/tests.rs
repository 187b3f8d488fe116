//! What the kernel tells of changes, and what it is not asked about.

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use super::super::Symlinks;
use super::super::conformance::folder_on_disk;
use super::*;

/// A root whose files are watched, and a clock.
struct Place {
    folder: TempDir,
    root: Root,
    watch: Watch,
    now: Instant,
}

impl Place {
    /// `None` where folders cannot be watched: under a kernel or a filter without
    /// `openat2`, on a file system that is not local.
    fn new() -> Option<Self> {
        let folder = folder_on_disk();
        fs::create_dir_all(folder.path().join("root/a/b")).unwrap();
        fs::write(folder.path().join("root/a/b/file"), "content").unwrap();
        let root = Root::open(&folder.path().join("root"), Symlinks::Always).unwrap();
        let place = Self { folder, root, watch: Watch::default(), now: Instant::now() };
        let can_watch = place.over("a/b/file").is_some();
        place.watch.forget();
        can_watch.then_some(place)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("root").join(name)
    }

    fn over(&self, path: &str) -> Option<WatchState> {
        // Whether it is there is in the kernel's memory, as after a look.
        let _ = fs::symlink_metadata(self.path(path));
        self.watch.over(&self.root, path.as_bytes(), false, self.now)
    }

    fn state_later(&mut self) -> Option<WatchState> {
        self.now += READ_EVERY;
        self.watch.state(self.now)
    }
}

#[test]
fn whatever_happens_gives_another_state() {
    type Change = fn(&Place);
    let changes: [(&str, Change); 10] = [
        ("written", |place| fs::write(place.path("a/b/file"), "other").unwrap()),
        ("cut short", |place| {
            fs::File::options()
                .write(true)
                .open(place.path("a/b/file"))
                .unwrap()
                .set_len(1)
                .unwrap();
        }),
        ("made", |place| fs::write(place.path("a/b/new"), "").unwrap()),
        ("removed", |place| fs::remove_file(place.path("a/b/file")).unwrap()),
        ("renamed", |place| fs::rename(place.path("a/b/file"), place.path("a/c")).unwrap()),
        ("touched", |place| {
            let file = fs::File::options().write(true).open(place.path("a/b/file")).unwrap();
            file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
        }),
        ("permissions", |place| {
            let mut mode = fs::metadata(place.path("a/b/file")).unwrap().permissions();
            mode.set_readonly(true);
            fs::set_permissions(place.path("a/b/file"), mode).unwrap();
        }),
        ("a folder renamed", |place| fs::rename(place.path("a/b"), place.path("a/c")).unwrap()),
        ("a folder above renamed", |place| fs::rename(place.path("a"), place.path("c")).unwrap()),
        ("a folder removed", |place| fs::remove_dir_all(place.path("a")).unwrap()),
    ];
    for (name, change) in changes {
        let Some(mut place) = Place::new() else { return };
        let state = place.over("a/b/file");
        assert!(state.is_some(), "{name}");
        assert_eq!(place.state_later(), state, "{name}");
        assert_eq!(place.over("a/b/file"), state, "{name}");
        change(&place);
        assert_eq!(place.watch.state(place.now), state, "the list was read just now");
        let later = place.state_later();
        assert_ne!(later, state, "{name}");
        assert_eq!(place.state_later(), later, "{name}");
    }
}

#[test]
fn a_folder_that_is_made_anew_is_not_taken_for_the_old_one() {
    let Some(mut place) = Place::new() else { return };
    assert!(place.over("a/b/file").is_some());
    // Somebody has it open: it is not told of its own end.
    let held = fs::File::open(place.path("a/b")).unwrap();
    fs::remove_dir_all(place.path("a/b")).unwrap();
    fs::create_dir(place.path("a/b")).unwrap();
    fs::write(place.path("a/b/file"), "new").unwrap();
    place.state_later();
    place.now += CALM;
    let state = place.over("a/b/file");
    assert!(state.is_some());
    assert_eq!(place.state_later(), state);
    fs::write(place.path("a/b/file"), "newer").unwrap();
    assert_ne!(place.state_later(), state);
    drop(held);
}

#[test]
fn reading_is_no_change() {
    let Some(mut place) = Place::new() else { return };
    let state = place.over("a/b/file");
    assert_eq!(fs::read(place.path("a/b/file")).unwrap(), b"content");
    assert_eq!(fs::read_dir(place.path("a/b")).unwrap().count(), 1);
    assert_eq!(place.state_later(), state);
}

#[test]
fn what_has_another_way_in_is_not_watched() {
    let Some(place) = Place::new() else { return };
    let link = std::os::unix::fs::symlink::<&str, PathBuf>;
    link("a", place.path("folder")).unwrap();
    link("a/b/file", place.path("link")).unwrap();
    link("nowhere", place.path("dangling")).unwrap();
    fs::write(place.path("two"), "").unwrap();
    fs::hard_link(place.path("two"), place.path("names")).unwrap();
    for path in ["folder/b/file", "folder/missing", "link", "dangling", "two", "missing/file"] {
        assert_eq!(place.over(path), None, "{path}");
    }
    for path in ["a/b/file", "a/b/missing", "missing", "a"] {
        assert!(place.over(path).is_some(), "{path}");
    }
}

#[test]
fn where_much_happens_nothing_is_watched() {
    let Some(mut place) = Place::new() else { return };
    assert!(place.over("a/b/file").is_some());
    fs::write(place.path("a/b/file"), "other").unwrap();
    place.state_later();
    assert_eq!(place.over("a/b/file"), None);
    place.now += CALM;
    assert!(place.over("a/b/file").is_some());
}

#[test]
fn a_state_never_comes_again() {
    let Some(mut place) = Place::new() else { return };
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(place.over("a/b/file").unwrap());
        fs::rename(place.path("a"), place.path("c")).unwrap();
        assert_eq!(place.state_later(), None, "a folder that was watched is elsewhere");
        fs::rename(place.path("c"), place.path("a")).unwrap();
        place.now += CALM;
        seen.push(place.over("a/b/file").unwrap());
        place.watch.forget();
        assert_eq!(place.state_later(), None);
    }
    assert!(seen.is_sorted_by(|a, b| a.0 < b.0), "{seen:?}");
}

#[test]
fn the_number_of_folders_is_bounded_and_others_get_their_turn() {
    let Some(mut place) = Place::new() else { return };
    for number in 0..1100 {
        fs::create_dir(place.path(&format!("a/{number}"))).unwrap();
    }
    let watched = |place: &Place| {
        (0..1100).filter(|number| place.over(&format!("a/{number}/file")).is_some()).count()
    };
    let first = watched(&place);
    assert!((1000..1024).contains(&first), "{first}");
    assert_eq!(place.over("a/1099/file"), None);
    place.now += Duration::from_mins(1);
    assert_eq!(place.over("a/1099/file"), None, "room is made");
    assert!(place.over("a/1099/file").is_some());
}
