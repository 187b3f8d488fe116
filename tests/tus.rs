//! Resumable uploads, from the first byte to the file that is served, over the real wire.

#![allow(clippy::expect_used, clippy::unwrap_used)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use base64::prelude::{BASE64_STANDARD, Engine};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use support::{Client, Response, Server, eventually, setup};
use tempfile::TempDir;

type Field<'a> = (&'a str, &'a str);

/// A site that outlives its servers.
struct Site {
    folder: TempDir,
}

impl Site {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder") }
    }

    fn start(&self, flags: &[&str]) -> Server {
        let root = self.folder.path().to_str().expect("a path");
        let flags = ["--enable-file-uploads=true"].iter().chain(flags).chain([&root]);
        flags.fold(setup(), |setup, flag| setup.flag(flag)).start_without_root()
    }

    fn uploads(&self) -> PathBuf {
        self.folder.path().join("uploads")
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.uploads().join(name)).expect("the file is there")
    }

    /// What lies in the upload folder for everybody to see.
    fn names(&self) -> Vec<String> {
        let names = fs::read_dir(self.uploads())
            .expect("the folder")
            .map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"));
        let mut names: Vec<_> = names.filter(|name| !name.starts_with('.')).collect();
        names.sort();
        names
    }

    /// The files of unfinished uploads.
    fn parts(&self) -> Vec<PathBuf> {
        let reserved = self.uploads().join(".salver-uploads");
        let entries = fs::read_dir(reserved).expect("the reserved folder");
        let paths = entries.map(|entry| entry.expect("an entry").path());
        paths.filter(|path| path.extension().is_some_and(|end| end == "part")).collect()
    }
}

fn send(client: &mut Client, method: &str, target: &str, fields: &[(&str, &str)], body: &[u8]) {
    let mut head = format!("{method} {target} HTTP/1.1\r\nHost: t\r\nTus-Resumable: 1.0.0\r\n");
    for (name, value) in fields {
        head.extend([name, ": ", value, "\r\n"]);
    }
    head.push_str("\r\n");
    client.send([head.as_bytes(), body].concat());
}

fn ask(
    server: &Server,
    method: &str,
    target: &str,
    fields: &[(&str, &str)],
    body: &[u8],
) -> Response {
    let mut client = server.connect();
    let length = body.len().to_string();
    let fields = [fields, &[("Content-Length", &length)]].concat();
    send(&mut client, method, target, &fields, body);
    let response = client.response_to(method);
    assert_eq!(response.field("tus-resumable"), Some("1.0.0"), "{response:?}");
    response
}

fn metadata(pairs: &[(&str, &str)]) -> String {
    let pairs = pairs.iter().map(|(key, value)| format!("{key} {}", BASE64_STANDARD.encode(value)));
    pairs.collect::<Vec<_>>().join(",")
}

/// Creates an upload and returns its address.
fn create(server: &Server, length: usize, pairs: &[(&str, &str)]) -> String {
    let fields = [("Upload-Length", &*length.to_string()), ("Upload-Metadata", &metadata(pairs))];
    let response = ask(server, "POST", "/upload/tus", &fields, b"");
    assert_eq!(response.status, 201, "{response:?}");
    assert_eq!(response.field("upload-offset"), Some("0"));
    response.field("location").expect("an address").to_owned()
}

const PIECE: (&str, &str) = ("Content-Type", "application/offset+octet-stream");

fn patch(server: &Server, address: &str, offset: usize, body: &[u8]) -> Response {
    let offset = offset.to_string();
    ask(server, "PATCH", address, &[PIECE, ("Upload-Offset", &offset)], body)
}

fn offset(server: &Server, address: &str) -> usize {
    let response = ask(server, "HEAD", address, &[], b"");
    assert_eq!(response.status, 200, "{response:?}");
    assert_eq!(response.field("cache-control"), Some("no-store"));
    response.field("upload-offset").expect("an offset").parse().expect("a number")
}

fn content(length: usize) -> Vec<u8> {
    (0..length).map(|at| u8::try_from(at * 31 % 251).expect("less than 251")).collect()
}

fn digest(content: &[u8]) -> String {
    format!("sha-256=:{}:", BASE64_STANDARD.encode(Sha256::digest(content)))
}

#[test]
fn the_server_says_what_it_can_do() {
    let site = Site::new();
    let server = site.start(&["--max-upload-size=1000"]);
    let response = server.request("OPTIONS", "/upload/tus", &[]);
    assert_eq!(response.status, 204);
    let wanted = [
        ("tus-resumable", "1.0.0"),
        ("tus-version", "1.0.0"),
        ("tus-extension", "creation,creation-with-upload,expiration,checksum,termination"),
        ("tus-max-size", "1000"),
        ("tus-checksum-algorithm", "sha1,sha256"),
    ];
    for (name, value) in wanted {
        assert_eq!(response.field(name), Some(value), "{name}");
    }
}

#[test]
fn a_file_in_three_pieces_appears_with_the_last() {
    let site = Site::new();
    let server = site.start(&[]);
    let whole = content(300_000);
    let pairs =
        [("filename", "a b.txt"), ("relativePath", "x/y/a b.txt"), ("filetype", "text/plain")];
    let address = create(&server, whole.len(), &pairs);
    let cuts = [0, 1, 200_000, whole.len()];
    for (turn, cut) in cuts.windows(2).enumerate() {
        assert_eq!(offset(&server, &address), cut[0]);
        assert_eq!(site.names(), [""; 0], "nothing is seen before it is whole");
        let response = patch(&server, &address, cut[0], &whole[cut[0]..cut[1]]);
        assert_eq!(response.status, 204, "{response:?}");
        assert_eq!(response.field("upload-offset"), Some(&*cut[1].to_string()));
        assert_eq!(response.field("upload-expires").is_some(), turn < 2);
        assert_eq!(response.field("content-location").is_some(), turn == 2);
    }
    assert_eq!(site.read("x/y/a b.txt"), whole);
    assert_eq!(site.parts(), [""; 0].map(PathBuf::from));
    assert_eq!(server.get("/uploads/x/y/a%20b.txt", &[]).body, whole);

    // Whoever missed the last answer is told again.
    let response = ask(&server, "HEAD", &address, &[], b"");
    assert_eq!(response.field("upload-offset"), Some("300000"));
    assert_eq!(response.field("upload-length"), Some("300000"));
    assert_eq!(response.field("upload-metadata"), Some(&*metadata(&pairs)));
    assert_eq!(response.field("content-location"), Some("/uploads/x/y/a%20b.txt"));
    assert_eq!(response.field("repr-digest"), Some(&*digest(&whole)));
    assert_eq!(patch(&server, &address, 300_000, b"").status, 204);
    assert_eq!(patch(&server, &address, 0, &whole).status, 409);

    // To be forgotten is not to be removed.
    assert_eq!(ask(&server, "DELETE", &address, &[], b"").status, 204);
    assert_eq!(ask(&server, "HEAD", &address, &[], b"").status, 404);
    assert_eq!(site.read("x/y/a b.txt"), whole);
}

#[test]
fn what_is_not_right_is_refused_and_changes_nothing() {
    let site = Site::new();
    let server = site.start(&["--max-upload-size=1000", "--upload-conflict=reject"]);
    fs::write(site.uploads().join("taken"), "old").unwrap();
    fs::create_dir(site.uploads().join("folder")).unwrap();
    let name = metadata(&[("filename", "a")]);
    let taken = metadata(&[("filename", "taken")]);
    let folder = metadata(&[("filename", "folder")]);
    let replace = metadata(&[("filename", "a"), ("conflict", "replace")]);
    let outside = metadata(&[("filename", "a"), ("folder", "/")]);
    let climbing = metadata(&[("filename", "a"), ("relativePath", "../../a")]);
    let creations: &[(&[Field<'_>], u16)] = &[
        (&[("Upload-Metadata", &name)], 400),
        (&[("Upload-Metadata", &name), ("Upload-Length", "x")], 400),
        (&[("Upload-Metadata", &name), ("Upload-Length", "-1")], 400),
        (&[("Upload-Metadata", &name), ("Upload-Length", "1001")], 413),
        (&[("Upload-Metadata", &name), ("Upload-Defer-Length", "1")], 400),
        (&[("Upload-Length", "10")], 400),
        (&[("Upload-Metadata", "filename ?"), ("Upload-Length", "10")], 400),
        (&[("Upload-Metadata", &taken), ("Upload-Length", "10")], 409),
        (&[("Upload-Metadata", &folder), ("Upload-Length", "10")], 409),
        (&[("Upload-Metadata", &replace), ("Upload-Length", "10")], 403),
        (&[("Upload-Metadata", &outside), ("Upload-Length", "10")], 403),
        (&[("Upload-Metadata", &climbing), ("Upload-Length", "10")], 400),
    ];
    for (fields, status) in creations {
        assert_eq!(ask(&server, "POST", "/upload/tus", fields, b"").status, *status, "{fields:?}");
    }

    let address = create(&server, 10, &[("filename", "a")]);
    let good: Field<'_> = ("Upload-Offset", "0");
    let pieces: &[(&[Field<'_>], &[u8], u16)] = &[
        (&[good], b"0123", 415),
        (&[good, ("Content-Type", "text/plain")], b"0123", 415),
        (&[PIECE], b"0123", 400),
        (&[PIECE, ("Upload-Offset", "x")], b"0123", 400),
        (&[PIECE, ("Upload-Offset", "1")], b"0123", 409),
        (&[PIECE, good], b"0123456789a", 413),
        (&[PIECE, good, ("Upload-Checksum", "md5 XrY7u+Ae7tCTyyK7j1rNww==")], b"0123", 400),
    ];
    for (fields, body, status) in pieces {
        assert_eq!(ask(&server, "PATCH", &address, fields, body).status, *status, "{fields:?}");
        assert_eq!(offset(&server, &address), 0);
    }
    for (method, target, status) in [
        ("PATCH", "/upload/tus/00000000000000000000000000000000", 404),
        ("HEAD", "/upload/tus/00000000000000000000000000000000", 404),
        ("HEAD", "/upload/tus/..%2f..%2fa", 404),
        ("DELETE", "/upload/tus/x", 404),
        ("GET", &address, 405),
        ("GET", "/upload/tus", 405),
    ] {
        let fields = [PIECE, good];
        assert_eq!(ask(&server, method, target, &fields, b"").status, status, "{method} {target}");
    }
    for fields in [&[][..], &[("Tus-Resumable", "0.2.2")]] {
        let response = server.request("HEAD", &address, fields);
        assert_eq!(response.status, 412);
        assert_eq!(response.field("tus-version"), Some("1.0.0"));
    }
    assert_eq!(site.names(), ["folder", "taken"]);
    assert_eq!(site.read("taken"), b"old");
}

#[test]
fn a_piece_cut_at_any_byte_is_kept_as_far_as_it_came() {
    let site = Site::new();
    let server = site.start(&["--upload-conflict=replace"]);
    let whole = content(500);
    let rows = [false, true];
    for is_chunked in rows {
        for cut in (0..whole.len()).step_by(if is_chunked { 83 } else { 41 }) {
            let address = create(&server, whole.len(), &[("filename", "a")]);
            let mut client = server.connect();
            let framing = if is_chunked {
                ("Transfer-Encoding", "chunked")
            } else {
                ("Content-Length", "500")
            };
            let fields = [PIECE, ("Upload-Offset", "0"), framing];
            let start = if is_chunked { &b"1f4\r\n"[..] } else { b"" };
            send(&mut client, "PATCH", &address, &fields, &[start, &whole[..cut]].concat());
            client.finish();
            let _ = client.try_take_all();
            assert_eq!(offset(&server, &address), cut);
            let response = patch(&server, &address, cut, &whole[cut..]);
            assert_eq!(response.status, 204, "{cut}: {response:?}");
            assert_eq!(site.read("a"), whole, "{cut}");
        }
    }
}

#[test]
fn a_large_file_cut_often_and_a_server_killed_ends_with_the_right_bytes() {
    let site = Site::new();
    let whole = content(6_000_000);
    let mut server = site.start(&["--upload-conflict=rename"]);
    let address = create(&server, whole.len(), &[("filename", "big.bin")]);
    for turn in 1..=12 {
        let at = offset(&server, &address);
        let until = whole.len() * turn / 13;
        let mut client = server.connect();
        let rest = (whole.len() - at).to_string();
        let fields = [PIECE, ("Upload-Offset", &*at.to_string()), ("Content-Length", &rest)];
        send(&mut client, "PATCH", &address, &fields, &whole[at.min(until)..until]);
        client.finish();
        let _ = client.try_take_all();
        if turn == 6 {
            server.signal("KILL");
            server.wait();
            server = site.start(&["--upload-conflict=rename"]);
        }
        assert_eq!(offset(&server, &address), until.max(at));
    }
    let at = offset(&server, &address);
    assert_eq!(patch(&server, &address, at, &whole[at..]).status, 204);
    let response = ask(&server, "HEAD", &address, &[], b"");
    assert_eq!(response.field("repr-digest"), Some(&*digest(&whole)));
    assert_eq!(site.read("big.bin"), whole);
    assert_eq!(site.names(), ["big.bin"]);
}

#[test]
fn a_newer_request_takes_over_from_one_that_hangs() {
    let site = Site::new();
    let server = site.start(&[]);
    let whole = content(1000);
    let address = create(&server, whole.len(), &[("filename", "a")]);
    let mut hanging = server.connect();
    let expect = ("Expect", "100-continue");
    let fields = [PIECE, ("Upload-Offset", "0"), ("Content-Length", "1000"), expect];
    send(&mut hanging, "PATCH", &address, &fields, b"");
    assert_eq!(hanging.head().status, 100);
    hanging.send(&whole[..400]);
    // Its client is gone, but the server cannot know.
    let at = offset(&server, &address);
    assert!(at <= 400);
    assert_eq!(patch(&server, &address, at, &whole[at..]).status, 204);
    assert_eq!(site.read("a"), whole);
    assert_eq!(hanging.response_to("PATCH").status, 423);
}

#[test]
fn a_checksum_that_does_not_match_discards_the_piece() {
    let site = Site::new();
    let server = site.start(&[]);
    let whole = content(200_000);
    let address = create(&server, whole.len(), &[("filename", "a")]);
    let half = 100_000;
    let sha1 = format!("sha1 {}", BASE64_STANDARD.encode(Sha1::digest(&whole[..half])));
    let sha256 = format!("sha256 {}", BASE64_STANDARD.encode(Sha256::digest(&whole[half..])));
    let rows = [
        (0, &sha256, half, 460),
        (0, &sha1, half, 204),
        (half, &sha1, whole.len(), 460),
        (half, &sha256, whole.len(), 204),
    ];
    for (from, sum, to, status) in rows {
        assert_eq!(offset(&server, &address), from);
        let at = from.to_string();
        let fields = [PIECE, ("Upload-Offset", &*at), ("Upload-Checksum", sum)];
        let response = ask(&server, "PATCH", &address, &fields, &whole[from..to]);
        assert_eq!(response.status, status);
    }
    assert_eq!(site.read("a"), whole);
    let response = ask(&server, "HEAD", &address, &[], b"");
    assert_eq!(response.field("repr-digest"), Some(&*digest(&whole)));
}

#[test]
fn a_piece_that_was_to_be_checked_is_not_kept_when_it_is_cut() {
    let site = Site::new();
    let mut server = site.start(&[]);
    let whole = content(2_000_000);
    let address = create(&server, whole.len(), &[("filename", "a")]);
    assert_eq!(patch(&server, &address, 0, &whole[..10]).status, 204);
    let sum = format!("sha256 {}", BASE64_STANDARD.encode(Sha256::digest(&whole[10..])));
    for kill in [false, true] {
        let mut client = server.connect();
        let rest = (whole.len() - 10).to_string();
        let fields =
            [PIECE, ("Upload-Offset", "10"), ("Content-Length", &*rest), ("Upload-Checksum", &sum)];
        send(&mut client, "PATCH", &address, &fields, &whole[10..1_500_000]);
        let grown = || site.parts().iter().any(|part| fs::metadata(part).unwrap().len() > 10);
        eventually(|| grown().then_some(()));
        if kill {
            server.signal("KILL");
            server.wait();
            server = site.start(&[]);
        }
        drop(client);
        assert_eq!(offset(&server, &address), 10);
    }
    assert_eq!(patch(&server, &address, 10, &whole[10..]).status, 204);
    assert_eq!(site.read("a"), whole);
}

#[test]
fn a_file_can_come_with_its_creation() {
    let site = Site::new();
    let server = site.start(&[]);
    let rows: [(&[u8], usize); 3] = [(b"0123456789", 10), (b"", 0), (b"0123", 10)];
    for (turn, (body, length)) in rows.into_iter().enumerate() {
        let name = turn.to_string();
        let pairs = metadata(&[("filename", &name), ("folder", "/uploads/sub/")]);
        let length = length.to_string();
        let fields = [("Upload-Length", &*length), ("Upload-Metadata", &pairs), PIECE];
        let response = ask(&server, "POST", "/upload/tus", &fields, body);
        assert_eq!(response.status, 201, "{response:?}");
        assert_eq!(response.field("upload-offset"), Some(&*body.len().to_string()));
        let wanted = format!("/uploads/sub/{name}");
        let is_whole = turn < 2;
        assert_eq!(response.field("content-location"), is_whole.then_some(&*wanted));
        assert_eq!(site.uploads().join("sub").join(&name).exists(), is_whole);
    }
    // Without content, nothing is complete but what is empty.
    let address = create(&server, 0, &[("filename", "empty")]);
    assert_eq!(site.read("empty"), b"");
    assert_eq!(offset(&server, &address), 0);
}

#[test]
fn methods_that_a_client_cannot_send_come_as_post() {
    let site = Site::new();
    let server = site.start(&[]);
    let address = create(&server, 4, &[("filename", "a")]);
    let fields = [PIECE, ("Upload-Offset", "0"), ("X-HTTP-Method-Override", "PATCH")];
    assert_eq!(ask(&server, "POST", &address, &fields, b"abcd").status, 204);
    assert_eq!(site.read("a"), b"abcd");
    let fields = [("X-HTTP-Method-Override", "DELETE")];
    assert_eq!(ask(&server, "POST", &address, &fields, b"").status, 204);
    assert_eq!(ask(&server, "HEAD", &address, &[], b"").status, 404);
}

#[test]
fn what_is_ended_or_expired_is_gone() {
    let site = Site::new();
    let server = site.start(&["--upload-expiry=60"]);
    let ended = create(&server, 10, &[("filename", "a")]);
    assert_eq!(patch(&server, &ended, 0, b"0123").status, 204);
    assert_eq!(ask(&server, "DELETE", &ended, &[], b"").status, 204);
    for method in ["HEAD", "DELETE"] {
        assert_eq!(ask(&server, method, &ended, &[], b"").status, 404);
    }
    assert_eq!(site.parts().len(), 0);

    let expired = create(&server, 10, &[("filename", "a")]);
    assert_eq!(patch(&server, &expired, 0, b"0123").status, 204);
    age(&site.parts()[0]);
    assert_eq!(patch(&server, &expired, 4, b"456789").status, 404);
    assert_eq!(site.parts().len(), 0);

    // One that nobody asks for is removed as well: by the next server at the latest.
    create(&server, 10, &[("filename", "a")]);
    age(&site.parts()[0]);
    let _second = site.start(&["--upload-expiry=60"]);
    assert_eq!(site.parts().len(), 0);
    assert_eq!(site.names(), [""; 0]);
}

fn age(part: &Path) {
    let long_ago = SystemTime::now() - Duration::from_mins(2);
    let file = fs::File::options().write(true).open(part).expect("the part");
    file.set_modified(long_ago).expect("a time");
}

#[test]
fn a_file_complete_but_for_the_answer_appears_after_a_restart() {
    let site = Site::new();
    let mut server = site.start(&[]);
    let address = create(&server, 10, &[("filename", "a")]);
    assert_eq!(patch(&server, &address, 0, b"01234").status, 204);
    server.signal("KILL");
    server.wait();
    // As if it had been killed between the last byte and the file's name.
    fs::write(&site.parts()[0], "0123456789").expect("the part");
    let server = site.start(&[]);
    assert_eq!(offset(&server, &address), 10);
    assert_eq!(site.read("a"), b"0123456789");
}

#[test]
fn unfinished_uploads_are_neither_served_nor_listed() {
    let site = Site::new();
    let server = site.start(&["--show-hidden-files=true"]);
    create(&server, 10, &[("filename", "a")]);
    let part = site.parts()[0].file_name().expect("a name").to_str().expect("text").to_owned();
    for path in ["", "/", &format!("/{part}")] {
        assert_eq!(server.get(&format!("/uploads/.salver-uploads{path}"), &[]).status, 404);
    }
    assert!(!server.get("/uploads/", &[]).text().contains("salver-uploads"));
}
