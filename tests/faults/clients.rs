//! Clients that go away, at every stage and in every way.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use socket2::SockRef;

use crate::machine::{content, descriptors, memory};
use crate::support::{Server, eventually, setup};

/// How a client goes.
#[derive(Clone, Copy, Debug)]
enum Leaving {
    Close,
    Reset,
    HalfClose,
}

/// KiB that hundreds of clients may leave behind at last: allocators and tables grow to what is
/// needed at once, and not more.
const GROWTH: u64 = 1024;

/// Rounds in which they may grow.
const ROUNDS: usize = 12;

const STAGES: [(&str, &str, usize); 9] = [
    ("connect", "", 0),
    ("head", "GET /large HTTP/1.1\r\nHo", 0),
    ("request", "GET /large HTTP/1.1\r\nHost: t\r\n\r\n", 0),
    ("response", "GET /large HTTP/1.1\r\nHost: t\r\n\r\n", 1),
    ("compressed", "GET /text.txt HTTP/1.1\r\nHost: t\r\nAccept-Encoding: gzip\r\n\r\n", 1),
    ("listing", "GET /?format=json HTTP/1.1\r\nHost: t\r\n\r\nGET / HT", 1),
    ("events", "GET /server-status?events HTTP/1.1\r\nHost: t\r\n\r\n", 1),
    ("body", "PUT /uploads/x HTTP/1.1\r\nHost: t\r\nContent-Length: 100000\r\n\r\nhalf of it", 0),
    (
        "chunk",
        "POST /upload HTTP/1.1\r\nHost: t\r\nContent-Type: multipart/form-data; boundary=b\r\n\
         Transfer-Encoding: chunked\r\n\r\n50\r\n--b\r\nContent-Disposition: form-data; name=f; ",
        0,
    ),
];

/// One client; whether the server could be reached.
fn leave(server: &Server, bytes: &str, awaits: usize, how: Leaving) {
    let Ok(mut stream) = TcpStream::connect(server.address) else { return };
    let _ = stream.write_all(bytes.as_bytes());
    if awaits > 0 {
        stream.set_read_timeout(Some(crate::support::PATIENCE)).unwrap();
        let _ = stream.read(&mut [0; 100]);
    }
    match how {
        Leaving::Close => {}
        Leaving::Reset => SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap(),
        Leaving::HalfClose => {
            let _ = stream.shutdown(Shutdown::Write);
        }
    }
}

fn site() -> Server {
    setup()
        .file("a.txt", "a")
        .file("large", content(8_000_000))
        .file("text.txt", "line of text\n".repeat(100_000))
        .flag("--enable-file-uploads")
        .flag("--access-log=off")
        .plain()
        .start()
}

fn nothing_is_left(server: &Server, before: usize, of: &str) {
    eventually(|| (descriptors(server) <= before).then_some(()));
    let uploads = std::fs::read_dir(server.root.join("uploads")).unwrap();
    let names: Vec<_> = uploads.map(|entry| entry.unwrap().file_name()).collect();
    assert!(names.iter().all(|name| name == ".salver-uploads"), "{of}: {names:?}");
    assert_eq!(server.get("/a.txt", &[]).text(), "a", "{of}");
}

fn go_away(stages: &[(&str, &str, usize)]) {
    let server = site();
    for how in [Leaving::Close, Leaving::Reset, Leaving::HalfClose] {
        for &(stage, bytes, awaits) in stages {
            // The first ones fill caches, pools and tables.
            for _ in 0..100 {
                leave(&server, bytes, awaits, how);
            }
            // The file is kept open, once.
            server.get("/large", &[("Range", "bytes=0-0")]);
            let before = descriptors(&server).max(40);
            for _ in 0..1000 {
                leave(&server, bytes, awaits, how);
            }
            nothing_is_left(&server, before, stage);
            let mut figures = vec![memory(&server)];
            let stops_growing = (0..ROUNDS).any(|_| {
                for _ in 0..200 {
                    leave(&server, bytes, awaits, how);
                }
                nothing_is_left(&server, before, stage);
                let (last, now) = (figures[figures.len() - 1], memory(&server));
                figures.push(now);
                now < last + GROWTH
            });
            assert!(stops_growing, "{stage}, {how:?}: KiB {figures:?}");
        }
    }
}

#[test]
fn within_a_head() {
    go_away(&STAGES[..3]);
}

#[test]
fn within_an_answer() {
    go_away(&STAGES[3..7]);
}

#[test]
fn within_a_body() {
    go_away(&STAGES[7..]);
}
