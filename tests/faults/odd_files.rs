//! What is no ordinary file, and files that change while they are sent.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::net::UnixListener;

use crate::machine::{Mount, run};
use crate::support::{eventually, setup};

#[test]
fn pipes_and_sockets_are_not_found_and_never_waited_for() {
    let setup = setup().file("a.txt", "a").file("folder/x", "");
    let root = setup.root();
    let pipes = ["pipe", "index.txt", "folder/index.html", "a.txt.br"];
    for name in pipes {
        run("mkfifo", &[root.join(name).to_str().unwrap()]);
    }
    let _socket = UnixListener::bind(root.join("socket")).unwrap();
    let server = setup.flag("--enable-archives").start();
    for round in 0..20 {
        for target in ["/pipe", "/index.txt", "/folder/index.html", "/socket", "/a.txt.br"] {
            assert_eq!(server.get(target, &[]).status, 404, "{target} in round {round}");
            let range = server.get(target, &[("Range", "bytes=0-1"), ("Accept-Encoding", "br")]);
            assert_eq!(range.status, 404);
        }
        assert_eq!(server.get("/folder/", &[]).status, 200, "a listing in its place");
        assert_eq!(server.get("/a.txt", &[("Accept-Encoding", "br")]).text(), "a");
        assert_eq!(server.get("/?archive=tar", &[]).status, 200);
    }
}

#[test]
#[ignore = "mounts a file of the kernel's, which takes root"]
fn a_file_that_says_it_is_empty_is_sent_so() {
    let setup = setup().file("cpuinfo", "").file("a.txt", "a");
    let mount = Mount::bind(std::path::Path::new("/proc/cpuinfo"), &setup.root().join("cpuinfo"));
    let server = setup.plain().start();
    let mut client = server.connect();
    for _ in 0..3 {
        client
            .send("GET /cpuinfo HTTP/1.1\r\nHost: t\r\n\r\nGET /a.txt HTTP/1.1\r\nHost: t\r\n\r\n");
        let empty = client.response();
        assert_eq!((empty.status, empty.body.len()), (200, 0));
        assert_eq!(client.response().text(), "a", "what follows is not taken for content");
    }
    drop(server);
    drop(mount);
}

#[test]
fn a_file_that_shrinks_or_grows_while_it_is_sent_ends_that_connection_alone() {
    const SIZE: usize = 30_000_000;
    let server = setup().file("large", vec![b'A'; SIZE]).file("a.txt", "a").plain().start();
    let path = server.root.join("large");
    let changes: [&dyn Fn(&mut File); 3] =
        [&|file| file.set_len(100).unwrap(), &|file| file.set_len(0).unwrap(), &|file| {
            file.write_all(&[b'B'; 1000]).unwrap();
        }];
    // An answer that began within 50 ms of a change, with what was before, would be cut.
    let is_seen = |length: usize| {
        let length = length.to_string();
        let seen =
            || server.request("HEAD", "/large", &[]).field("content-length") == Some(&length);
        eventually(|| seen().then_some(()));
    };
    for (number, change) in changes.iter().enumerate() {
        fs::write(&path, vec![b'A'; SIZE]).unwrap();
        is_seen(SIZE);
        let mut file = File::options().append(true).open(&path).unwrap();
        let mut client = server.connect();
        client.send("GET /large HTTP/1.1\r\nHost: t\r\n\r\n");
        assert_eq!(client.head().status, 200);
        change(&mut file);
        assert!(client.try_take_all() < SIZE, "it is cut, change {number}");
        assert_eq!(server.get("/a.txt", &[]).text(), "a");
        // What is there now is what the next one gets.
        let now = fs::read(&path).unwrap();
        is_seen(now.len());
        assert!(server.get("/large", &[]).body == now);
    }
}
