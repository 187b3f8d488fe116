//! No room left for logs.

use std::fs;
use std::time::{Duration, SystemTime};

use crate::machine::{Disk, Mount, check};
use crate::support::{eventually, setup};

#[test]
#[ignore = "mounts a small disk, which takes root"]
fn a_full_disk_costs_lines_that_are_counted_and_no_request() {
    let disk = Disk::new(512);
    let (access, diagnostics) = (disk.file("access.log"), disk.file("salver.log"));
    let server = setup()
        .file("a.txt", "a")
        .flag(&format!("--access-log={}", access.display()))
        .flag(&format!("--log-file={}", diagnostics.display()))
        .start();
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    server.get("/a.txt?before", &[]);
    eventually(|| read(&access).contains("?before").then_some(()));
    disk.fill(0);
    // Until nothing more fits into the last page of the file.
    eventually(|| {
        assert_eq!(server.get("/a.txt?full", &[]).status, 200);
        (check(&server, "access_log").0 == "amber").then_some(())
    });
    server.line(|line| line.contains("cannot write the access log"));
    assert_eq!(server.get("/healthz", &[]).status, 200);
    // Something is said, more than there is room for.
    for round in 0..200 {
        server.signal("HUP");
        if round % 50 == 0 {
            assert_eq!(server.get("/a.txt?full", &[]).status, 200);
        }
    }
    disk.make_room();
    server.get("/a.txt?after", &[]);
    let said = server.line(|line| line.contains("the access log can be written again"));
    assert!(said.contains(" lines are lost"), "{said}");
    let text = eventually(|| Some(read(&access)).filter(|text| text.contains("?after")));
    assert!(text.lines().all(|line| line.starts_with("127.0.0.1 ") || !line.ends_with('"')));
    let after = text.lines().find(|line| line.contains("?after")).unwrap();
    assert!(after.starts_with("127.0.0.1 - - ["), "a line of its own: {after}");
    let said = "the access log can be written again";
    eventually(|| read(&diagnostics).contains(said).then_some(()));
}

#[test]
#[ignore = "mounts a small disk, which takes root"]
fn a_log_that_cannot_be_begun_anew_goes_on_under_its_name() {
    let folder = tempfile::tempdir().unwrap();
    // The folder itself is one of the files that it has room for.
    let _disk = Mount::tmpfs(folder.path(), "1m,nr_inodes=2");
    let log = folder.path().join("access.log");
    fs::write(&log, "old\n").unwrap();
    let long_ago = SystemTime::now() - Duration::from_hours(72);
    fs::File::options().append(true).open(&log).unwrap().set_modified(long_ago).unwrap();
    let flag = format!("--access-log={}", log.display());
    let server = setup().file("a.txt", "a").flag(&flag).start();
    server.get("/a.txt?after", &[]);
    let read = || fs::read_to_string(&log).ok();
    let text = eventually(|| read().filter(|text| text.contains("?after")));
    assert!(text.starts_with("old\n"), "{text}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}
