//! The access log, as log tools read it.

#![allow(clippy::expect_used, clippy::unwrap_used)]

mod support;

use std::fs;

use support::{Setup, setup};

fn site() -> Setup {
    setup().file("a.txt", "0123456789")
}

#[test]
fn combined_is_the_default() {
    let server = site().start();
    server.get("/a.txt?x=1", &[("Referer", "http://r/"), ("User-Agent", "test \"1\" ä")]);
    let line = server.line(|line| line.contains("/a.txt"));
    let (start, end) = line.split_once(" [").unwrap();
    assert_eq!(start, "127.0.0.1 - -");
    let (time, rest) = end.split_once("] ").unwrap();
    assert_eq!(time.len(), "21/Nov/2026:10:00:00 +0000".len());
    let request = format!("\"GET /a.txt?x=1 {}\" 200 10 \"http://r/\" \"test ", server.protocol());
    assert!(rest.starts_with(&request), "{rest}");
    assert!(rest.is_ascii() && !rest.contains(" \"1\""), "{rest}");
}

#[test]
fn json_says_more() {
    let server = site().flag("--access-log-format=json").start();
    server.get("/a.txt", &[("Range", "bytes=0-1")]);
    let line = server.line(|line| line.contains("/a.txt"));
    let entry: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(entry["status"], 206);
    assert_eq!(entry["bytes_out"], 2);
    assert_eq!(entry["method"], "GET");
    assert_eq!(entry["protocol"], server.protocol());
}

fn entry(line: &str) -> serde_json::Value {
    serde_json::from_str(line).unwrap()
}

#[test]
fn json_tells_how_long_it_took_what_the_cache_did_and_the_name_it_was_given() {
    let server = site().flag("--access-log-format=json").start();
    let logged = |id: &str| {
        server.get("/a.txt", &[("X-Request-Id", id)]);
        entry(&server.line(|line| line.contains("/a.txt")))
    };
    let first = logged("given-1");
    assert_eq!((&first["cache"], &first["request_id"]), (&"miss".into(), &"given-1".into()));
    assert!(first["duration_ms"].as_f64().unwrap() > 0.0, "{first}");
    let (second, third) = (logged("not a name"), logged(""));
    assert_ne!(second["cache"], "miss");
    assert!(second["duration_ms"].as_f64().unwrap() > 0.0, "{second}");
    let made = |entry: &serde_json::Value| entry["request_id"].as_str().unwrap().to_owned();
    assert_eq!(made(&second).len(), 16);
    assert_ne!(made(&second), made(&third));
}

#[test]
fn diagnostics_name_the_connection_and_the_request() {
    let server =
        site().flag("--access-log=off").flag("--log-level=DEBUG").flag("--log-format=json").start();
    server.get("/a.txt?\"x", &[("X-Request-Id", "trace-7")]);
    let said = entry(&server.line(|line| line.contains("\"answered\"")));
    assert_eq!(said["status"], 200);
    let spans = said["spans"].as_array().unwrap();
    assert_eq!(spans[0]["name"], "connection");
    assert!(spans[0]["peer"].as_str().unwrap().starts_with("127.0.0.1:"));
    assert_eq!((&spans[1]["name"], &spans[1]["id"]), (&"request".into(), &"trace-7".into()));
}

#[test]
fn a_log_file_gets_every_line_before_the_server_ends() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("access.log");
    let mut server = site().flag(&format!("--access-log={}", file.display())).start();
    let mut client = server.connect();
    client.send("GET /a.txt HTTP/1.1\r\nHost: t\r\n\r\n".repeat(100));
    for _ in 0..100 {
        client.response();
    }
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(0));
    let lines: usize = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap().lines().count())
        .sum();
    assert_eq!(lines, 100);
}

#[test]
fn what_could_not_be_understood_is_logged_too() {
    let server = site().start();
    server.raw("bad\r\n\r\n");
    let line = server.line(|line| line.contains("\" 400 "));
    assert!(line.starts_with("127.0.0.1 - - ["), "{line}");
}
