//! No room left for logs.

use std::fs;

use crate::machine::{Disk, check};
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
