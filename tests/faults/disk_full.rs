//! No room left for uploads.

use std::fs;

use serde_json::Value;

use crate::machine::{Disk, check, content};
use crate::support::upload::{FORM, JSON, form, part, post, send};
use crate::support::{Server, Setup, eventually, setup};

fn taking(disk: &Disk) -> Setup {
    setup()
        .file("a.txt", "a")
        .flag("--enable-file-uploads")
        .flag("--max-upload-size=50000000")
        .flag(&format!("--upload-dir={}", disk.path().display()))
        .plain()
}

fn post_file(server: &Server, name: &str, bytes: &[u8]) -> u16 {
    post(server, "/upload", &form(&[part("f", Some(name), bytes)])).status
}

/// Sends a form without saying how long it is.
fn post_chunked(server: &Server, body: &[u8]) -> u16 {
    let mut client = server.connect();
    let head = format!(
        "POST /upload HTTP/1.1\r\nHost: t\r\nAccept: {}\r\nContent-Type: {}\r\n\
         Transfer-Encoding: chunked\r\n\r\n",
        JSON.1, FORM.1
    );
    let _ = client.try_send(head);
    for chunk in body.chunks(10_000) {
        let chunk = [format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat();
        if client.try_send(chunk).is_err() {
            break;
        }
    }
    let _ = client.try_send("0\r\n\r\n");
    client.response().status
}

#[test]
#[ignore = "mounts a small disk, which takes root"]
fn what_finds_no_room_leaves_nothing_and_what_does_is_whole() {
    let disk = Disk::new(1024);
    let server = taking(&disk).start();
    assert_eq!(post_file(&server, "first", &content(100)), 201);
    let (before, names) = (disk.free(), disk.names());
    let unchanged = || {
        assert_eq!(disk.names(), names);
        // What was written is let go of behind the answer.
        eventually(|| (disk.free() == before).then_some(()));
    };
    let large = content(3_000_000);
    // One that says how long it is, one that does not, a form whose last file is too much.
    assert_eq!(post_file(&server, "b", &large), 507);
    unchanged();
    assert_eq!(post_chunked(&server, &form(&[part("f", Some("b"), &large)])), 507);
    unchanged();
    let several = form(&[
        part("f", Some("b"), &content(200_000)),
        part("f", Some("c"), &content(300_000)),
        part("f", Some("d"), &content(700_000)),
    ]);
    assert_eq!(post(&server, "/upload", &several).status, 507);
    unchanged();
    assert_eq!(post_chunked(&server, &several), 507);
    unchanged();
    // Smaller ones go on.
    assert_eq!(post_file(&server, "small", &content(300_000)), 201);
    assert_eq!(fs::read(disk.file("small")).unwrap(), content(300_000));
    // Full to the last byte; what is served is served on.
    disk.fill(0);
    assert_eq!(post_file(&server, "none", b"x"), 507);
    eventually(|| (check(&server, "upload_room").0 == "amber").then_some(()));
    assert_eq!(server.get("/a.txt", &[]).status, 200);
    assert_eq!(server.get("/healthz", &[]).status, 200);
    disk.make_room();
    assert_eq!(post_file(&server, "again", &content(500_000)), 201);
    assert_eq!(fs::read(disk.file("again")).unwrap(), content(500_000));
    assert_eq!(disk.names(), ["again", "first", "small"]);
}

#[test]
#[ignore = "mounts a small disk, which takes root"]
fn a_disk_that_fills_up_in_the_middle_of_an_upload_costs_that_upload_alone() {
    let disk = Disk::new(2048);
    let server = taking(&disk).start();
    let body = form(&[part("f", Some("cut"), &content(1_000_000))]);
    let (first, rest) = body.split_at(400_000);
    let mut client = server.connect();
    client.send(format!(
        "POST /upload HTTP/1.1\r\nHost: t\r\nContent-Type: {}\r\nContent-Length: {}\r\n\r\n",
        FORM.1,
        body.len()
    ));
    let before = disk.free();
    client.send(first);
    eventually(|| (disk.free() < before).then_some(()));
    disk.fill(64);
    let _ = client.try_send(rest);
    assert_eq!(client.response().status, 507);
    disk.make_room();
    eventually(|| (disk.free() == before).then_some(()));
    assert_eq!(disk.names(), [""; 0]);
    assert_eq!(post(&server, "/upload", &body).status, 201);
    assert_eq!(fs::read(disk.file("cut")).unwrap(), content(1_000_000));
}

const TUS: [(&str, &str); 2] =
    [("Tus-Resumable", "1.0.0"), ("Content-Type", "application/offset+octet-stream")];

fn patch(server: &Server, place: &str, offset: usize, body: &[u8]) -> u16 {
    let offset = offset.to_string();
    send(server, "PATCH", place, &[TUS[0], TUS[1], ("Upload-Offset", &offset)], body).status
}

#[test]
#[ignore = "mounts a small disk, which takes root"]
fn a_resumable_upload_goes_on_when_there_is_room_again() {
    let disk = Disk::new(1024);
    let server = taking(&disk).start();
    let whole = content(700_000);
    let create = |length: &str| {
        let name = ("Upload-Metadata", "filename dHVz");
        send(&server, "POST", "/upload/tus", &[TUS[0], name, ("Upload-Length", length)], b"")
    };
    assert_eq!(create("5000000").status, 507);
    assert_eq!(disk.names(), [""; 0]);
    let created = create("700000");
    assert_eq!(created.status, 201);
    let place = created.field("location").unwrap();
    let offset = || {
        let head = server.request("HEAD", place, &TUS[..1]);
        head.field("upload-offset").unwrap().parse::<usize>().unwrap()
    };
    assert_eq!(patch(&server, place, 0, &whole[..100_000]), 204);
    disk.fill(100);
    assert_eq!(patch(&server, place, 100_000, &whole[100_000..]), 507);
    let kept = offset();
    assert!((100_000..700_000).contains(&kept), "{kept}");
    // Nor can another be begun.
    assert_eq!(create("700000").status, 507);
    disk.make_room();
    assert_eq!(patch(&server, place, kept, &whole[kept..]), 204);
    assert!(fs::read(disk.file("tus")).unwrap() == whole);
}

#[test]
#[ignore = "mounts a small disk, which takes root"]
fn a_resumable_upload_whose_creation_finds_no_room_leaves_nothing() {
    let disk = Disk::new(1024);
    let server = taking(&disk).start();
    let whole = content(700_000);
    let mut client = server.connect();
    client.send(
        "POST /upload/tus HTTP/1.1\r\nHost: t\r\nTus-Resumable: 1.0.0\r\nUpload-Length: 700000\r\n\
         Upload-Metadata: filename dHVz\r\nContent-Type: application/offset+octet-stream\r\n\
         Content-Length: 700000\r\n\r\n",
    );
    let reserved = disk.file(".salver-uploads");
    let left = || fs::read_dir(&reserved).map_or(0, Iterator::count);
    eventually(|| (left() == 2).then_some(()));
    disk.fill(100);
    let _ = client.try_send(&whole);
    let refused = client.response();
    assert_eq!((refused.status, refused.field("location")), (507, None));
    assert_eq!(left(), 0);
}

#[test]
#[ignore = "mounts a small disk, which takes root"]
fn a_form_that_cannot_be_written_down_is_refused_and_leaves_no_half_line() {
    let (disk, logs) = (Disk::new(1024), Disk::new(256));
    let log = logs.file("forms.jsonl");
    let server = taking(&disk).flag(&format!("--form-log={}", log.display())).start();
    let urlencoded = ("Content-Type", "application/x-www-form-urlencoded");
    let note = |text: &str| {
        let body = format!("note={text}");
        send(&server, "POST", "/submit", &[JSON, urlencoded], body.as_bytes()).status
    };
    assert_eq!(note("one"), 201);
    logs.fill(0);
    let many = "x".repeat(200_000);
    assert_eq!(note(&many), 507);
    let with_file = form(&[part("f", Some("x"), b"x"), part("note", None, many.as_bytes())]);
    assert_eq!(post(&server, "/submit", &with_file).status, 507);
    assert_eq!(disk.names(), [""; 0], "the file is refused with the form");
    logs.make_room();
    assert_eq!(note("two"), 201);
    let text = fs::read_to_string(&log).unwrap();
    let notes: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["fields"]["note"][0].clone())
        .collect();
    assert_eq!(notes, ["one", "two"]);
}
