//! A disk that does not answer for a while.

use std::path::Path;

use crate::fuse::{Slow, SlowDisk};
use crate::machine::{Mount, content};
use crate::support::{Client, Server, eventually, setup};

fn server(flag: &str, more: impl FnOnce(&Path) -> Option<Mount>) -> (Server, Option<Mount>) {
    let setup =
        setup().flag(flag).file("cached.txt", "in memory").file("large", content(3_000_000));
    std::fs::create_dir(setup.root().join("slow")).unwrap();
    let mount = more(&setup.root().join("slow"));
    (setup.plain().settled("cached.txt").start(), mount)
}

fn ask(server: &Server, target: &str) -> Client {
    let mut client = server.connect();
    client.send(format!("GET {target} HTTP/1.1\r\nHost: t\r\n\r\n"));
    client
}

fn files() -> Vec<(&'static str, Vec<u8>)> {
    vec![("small.txt", b"small".to_vec()), ("large.bin", content(2_000_000))]
}

/// What is not on the slow disk is answered as ever, on old connections and new ones.
fn others_go_on(server: &Server, old: &mut Client) {
    for _ in 0..20 {
        old.send("GET /cached.txt HTTP/1.1\r\nHost: t\r\n\r\n");
        assert_eq!(old.response().text(), "in memory");
        assert_eq!(server.get("/cached.txt", &[]).text(), "in memory");
        assert_eq!(server.get("/none", &[]).status, 404);
        assert_eq!(server.get("/large", &[]).body.len(), 3_000_000);
        assert_eq!(server.get("/healthz", &[]).status, 200);
    }
}

/// Lets the disk answer when a test fails: the server could not even be killed else.
struct Released<'a>(&'a SlowDisk);

impl Drop for Released<'_> {
    fn drop(&mut self) {
        self.0.turn(Slow::Nothing);
    }
}

/// Many wait for a disk of which the kernel knows nothing yet, or (`known`) all names and
/// attributes.
fn a_disk_that_waits_delays_only_those_who_wait_for_it(slow: Slow, known: bool, cache: bool) {
    let disk = SlowDisk::new(&files());
    let flag = format!("--enable-cache={cache}");
    let (server, mount) = server(&flag, |at| Some(Mount::bind(disk.path(), at)));
    let mut old = ask(&server, "/cached.txt");
    assert_eq!(old.response().text(), "in memory");
    if known {
        for (name, content) in files() {
            let found = std::fs::metadata(server.root.join("slow").join(name)).unwrap();
            assert_eq!(found.len(), content.len() as u64);
        }
    }
    let _released = Released(&disk);
    disk.turn(slow);
    let waiting: Vec<_> = (0..40)
        .map(|turn| ask(&server, ["/slow/large.bin", "/slow/small.txt"][turn % 2]))
        .collect();
    eventually(|| (disk.held() > 0).then_some(()));
    others_go_on(&server, &mut old);
    let listing = ask(&server, "/slow/?format=json");
    others_go_on(&server, &mut old);
    disk.turn(Slow::Nothing);
    for (turn, mut client) in waiting.into_iter().enumerate() {
        let response = client.response();
        assert_eq!(response.status, 200);
        assert!(response.body == files()[(turn + 1) % 2].1);
    }
    let mut listing = listing;
    assert_eq!(listing.response().status, 200);
    drop((server, mount));
}

#[test]
#[ignore = "mounts a disk, which takes root and FUSE"]
fn content_that_does_not_come() {
    a_disk_that_waits_delays_only_those_who_wait_for_it(Slow::Reads, false, true);
}

#[test]
#[ignore = "mounts a disk, which takes root and FUSE"]
fn names_that_do_not_come() {
    a_disk_that_waits_delays_only_those_who_wait_for_it(Slow::All, false, true);
}

#[test]
#[ignore = "mounts a disk, which takes root and FUSE"]
fn files_that_are_known_and_do_not_open() {
    a_disk_that_waits_delays_only_those_who_wait_for_it(Slow::All, true, true);
}

#[test]
#[ignore = "mounts a disk, which takes root and FUSE"]
fn files_that_are_known_and_do_not_open_without_a_cache() {
    a_disk_that_waits_delays_only_those_who_wait_for_it(Slow::All, true, false);
}
