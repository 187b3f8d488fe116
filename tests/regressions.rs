//! One test per bug, named after it.

#![allow(clippy::expect_used, clippy::unwrap_used)]

mod support;

use std::fs;
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::net::TcpStream;

use support::{digits, eventually, setup};

#[test]
fn bytes_after_the_last_request_do_not_cost_the_answer() {
    let large = vec![b'x'; 5_000_000];
    let server = setup().file("large", &large).start();
    let mut client = server.connect();
    client.send("GET /large HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n");
    assert_eq!(client.head().status, 200);
    client.send("\r\nGET /late HTTP/1.1\r\nHost: t\r\n\r\n");
    assert!(client.rest() == large);
}

#[test]
fn the_last_request_of_a_connection_is_answered_although_more_were_sent() {
    let server = setup().file("a.txt", "a").flag("--keep-alive-requests=1").start();
    let mut client = server.connect();
    client.send("POST /a.txt HTTP/1.1\r\nHost: t\r\nContent-Length: 0\r\n\r\n".repeat(20));
    assert_eq!(client.response().status, 405);
    assert_eq!(client.rest(), b"");
}

#[test]
fn connections_within_the_accept_limit_are_answered_although_it_is_reached() {
    let mut server = setup().file("a.txt", "a").flag("--accept-limit=2").start();
    let mut clients = [server.connect(), server.connect()];
    server.line(|line| line.contains("accept_limit reached"));
    for client in &mut clients {
        client.send("GET /a.txt HTTP/1.1\r\nHost: t\r\n\r\n");
        assert_eq!(client.response().status, 200);
        assert!(client.is_at_end());
    }
    drop(clients);
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn a_refused_head_request_has_no_content() {
    let server = digits();
    let answer = server.raw("HEAD /a.txt HTTP/1.1\r\n\r\n");
    assert!(answer.starts_with(b"HTTP/1.1 400 ") && answer.ends_with(b"\r\n\r\n"));
}

#[test]
fn a_head_request_after_an_empty_line_that_is_refused_has_no_content() {
    let server = digits();
    let answer = server.raw("\r\nHEAD /a b HTTP/1.1\r\n\r\n");
    assert!(answer.starts_with(b"HTTP/1.1 400 ") && answer.ends_with(b"\r\n\r\n"));
}

#[test]
fn a_hangup_opens_the_log_anew_and_does_not_end_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("access.log");
    let server =
        setup().file("a.txt", "a").flag(&format!("--access-log={}", log.display())).start();
    server.get("/a.txt?one", &[]);
    eventually(|| fs::read_to_string(&log).ok().filter(|text| text.contains("?one")));
    fs::rename(&log, folder.path().join("moved.log")).unwrap();
    server.signal("HUP");
    server.line(|line| line.contains("SIGHUP"));
    server.get("/a.txt?two", &[]);
    eventually(|| fs::read_to_string(&log).ok().filter(|text| text.contains("?two")));
}

#[test]
fn a_large_file_that_is_being_rewritten_is_of_one_version_or_cut() {
    let server = setup().file("large", vec![b'A'; 8_000_000]).plain().start();
    let mut file = fs::File::options().write(true).open(server.root.join("large")).unwrap();
    let mut client = server.connect();
    client.send("GET /large HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n");
    assert_eq!(client.head().status, 200);
    file.seek(SeekFrom::Start(0)).unwrap();
    file.write_all(&vec![b'B'; 8_000_000]).unwrap();
    let body = client.rest();
    let whole = body.len() == 8_000_000;
    assert!(!whole || body.iter().all(|&byte| byte == body[0]), "two versions, and complete");
}

#[test]
fn an_empty_error_page_is_no_page() {
    let server = setup().file("404.html", "").start();
    assert!(!server.get("/nothing", &[]).body.is_empty());
}

#[test]
fn a_folder_that_is_made_anew_is_served() {
    let server = setup().file("a.txt", "old").start();
    assert_eq!(server.get("/a.txt", &[]).text(), "old");
    fs::remove_dir_all(&server.root).unwrap();
    fs::create_dir(&server.root).unwrap();
    fs::write(server.root.join("a.txt"), "new").unwrap();
    eventually(|| Some(server.get("/a.txt", &[])).filter(|response| response.body == b"new"));
}

#[test]
fn a_download_that_the_end_cuts_is_in_the_log() {
    let mut server = setup()
        .file("large", vec![b'x'; 60_000_000])
        .flag("--shutdown-timeout=0.1")
        .flag("--access-log-format=json")
        .start();
    let mut stuck = server.connect();
    stuck.send("GET /large HTTP/1.1\r\nHost: t\r\n\r\n");
    stuck.head();
    server.signal("TERM");
    let line = server.line(|line| line.contains("/large"));
    let entry: serde_json::Value = serde_json::from_str(&line).unwrap();
    let sent = entry["bytes_out"].as_u64().unwrap();
    assert!(0 < sent && sent < 60_000_000, "{line}");
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn a_cut_archive_does_not_look_whole_where_the_end_of_the_connection_is_its_own() {
    let server = setup().plain().config(r#"{"enable_archives": true}"#).start();
    fs::create_dir(server.root.join("d")).unwrap();
    let file = fs::File::create(server.root.join("d/large")).unwrap();
    file.set_len(200 << 20).unwrap();
    let mut client = TcpStream::connect(server.address).unwrap();
    client.write_all(b"GET /d/?archive=tar HTTP/1.0\r\nHost: t\r\n\r\n").unwrap();
    client.read_exact(&mut [0; 4096]).unwrap();
    file.set_len(0).unwrap();
    let error = client.read_to_end(&mut Vec::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);

    fs::write(server.root.join("d/large"), "small").unwrap();
    let mut client = TcpStream::connect(server.address).unwrap();
    client.write_all(b"GET /d/?archive=tar HTTP/1.0\r\nHost: t\r\n\r\n").unwrap();
    client.read_to_end(&mut Vec::new()).unwrap();
}
