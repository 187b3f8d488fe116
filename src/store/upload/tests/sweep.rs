//! What is swept, and when.

use std::sync::mpsc;
use std::thread;

use super::*;

#[tokio::test]
async fn what_a_killed_process_left_is_swept_and_nothing_else() {
    let place = tempfile::tempdir().unwrap();
    let mut first = Folder::open(options(place.path())).unwrap();
    first.set_naming(nascent::Naming::Reserved);
    let first = UploadFolder(Arc::new(first));
    let live = draft(&first, b"alive").await;
    let workshop = place.path().join(RESERVED);
    fs::write(workshop.join("1234.draft"), "left").unwrap();
    fs::write(place.path().join("a.draft"), "a file").unwrap();
    UploadFolder::open(options(place.path())).unwrap();
    assert!(!workshop.join("1234.draft").exists());
    first.publish(vec![(live, at("live.txt", Conflict::Reject))]).await.unwrap();
    assert_eq!(names(place.path()), ["a.draft", "live.txt"]);
    assert_eq!(fs::read(place.path().join("live.txt")).unwrap(), b"alive");
}

#[test]
fn a_process_that_was_killed_while_it_replaced_no_file_keeps_no_server_from_starting() {
    let (place, _folder, left) = left_over();
    let workshop = place.path().join(RESERVED);
    fs::write(place.path().join("target"), "target").unwrap();
    std::os::unix::fs::symlink("../target", workshop.join("1.draft")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(workshop.join("2.draft")).unwrap();
    // It was about to be put back.
    fs::create_dir(workshop.join("3.draft")).unwrap();
    fs::write(workshop.join("3.draft/file"), "somebody's").unwrap();
    UploadFolder::open(options(place.path())).unwrap();
    assert!(!left.exists());
    let names: Vec<_> =
        fs::read_dir(&workshop).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["3.draft"]);
    assert_eq!(fs::read(workshop.join("3.draft/file")).unwrap(), b"somebody's");
    assert_eq!(fs::read(place.path().join("target")).unwrap(), b"target");
}

/// A folder with a leftover that is to be swept.
fn left_over() -> (TempDir, UploadFolder, std::path::PathBuf) {
    let place = tempfile::tempdir().unwrap();
    let folder = UploadFolder::open(options(place.path())).unwrap();
    drop(folder.0.workshop().unwrap());
    let left = place.path().join(RESERVED).join("1234.draft");
    fs::write(&left, "left").unwrap();
    (place, folder, left)
}

#[test]
fn a_sweep_that_found_somebody_at_work_comes_again_soon() {
    let (_place, folder, left) = left_over();
    let now = SystemTime::now();
    let busy = folder.0.workshop().unwrap();
    folder.tidy(now);
    drop(busy);
    assert!(left.exists());
    folder.tidy(now + Duration::from_secs(5));
    assert!(!left.exists());
    fs::write(&left, "left").unwrap();
    folder.tidy(now + Duration::from_secs(64));
    assert!(left.exists(), "then in a minute");
    folder.tidy(now + Duration::from_secs(65));
    assert!(!left.exists());
}

#[test]
fn a_sweep_gets_its_turn_however_many_come_and_go() {
    let (_place, folder, left) = left_over();
    let mut now = SystemTime::now();
    let busy = folder.0.workshop().unwrap();
    for _ in 0..3 {
        folder.tidy(now);
        now += Duration::from_secs(5);
    }
    thread::scope(|scope| {
        let sweep = scope.spawn(|| folder.tidy(now));
        while folder.0.door().0.try_lock().is_ok() {
            thread::yield_now();
        }
        // Who comes now waits for the sweep, not the sweep for him.
        let (comes, coming) = mpsc::channel();
        let (folder, left) = (&folder, &left);
        let next = scope.spawn(move || {
            comes.send(()).unwrap();
            let _workshop = folder.0.workshop().unwrap();
            left.exists()
        });
        coming.recv().unwrap();
        drop(busy);
        assert!(!next.join().unwrap(), "it is swept");
        sweep.join().unwrap();
    });
}
