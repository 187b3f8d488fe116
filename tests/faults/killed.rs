//! `kill -9` in the middle of things, and the next start.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::machine::content;
use crate::support::upload::{FORM, form, part, send};
use crate::support::{Client, Server, eventually, setup};

/// A site that outlives its servers.
struct Site(TempDir);

impl Site {
    fn new() -> Self {
        let site = Self(tempfile::tempdir().unwrap());
        fs::create_dir(site.path("root")).unwrap();
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn start(&self, more: &[&str]) -> Server {
        let flags = [
            "--enable-file-uploads".to_owned(),
            "--max-upload-size=50000000".to_owned(),
            format!("--access-log={}", self.path("access.log").display()),
            format!("--log-file={}", self.path("salver.log").display()),
            format!("--form-log={}", self.path("forms.jsonl").display()),
        ];
        let flags = flags.iter().map(String::as_str).chain(more.iter().copied());
        let setup = flags.fold(setup().plain(), crate::support::Setup::flag);
        setup.flag(self.path("root").to_str().unwrap()).start_without_root()
    }

    /// Everything in the upload folder, also what nobody is to see.
    fn names(&self) -> Vec<String> {
        let mut found = Vec::new();
        for folder in ["root/uploads", "root/uploads/.salver-uploads"] {
            let Ok(entries) = fs::read_dir(self.path(folder)) else { continue };
            let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
            found.extend(names.filter(|name| name != ".salver-uploads"));
        }
        found.sort();
        found
    }
}

fn ends_in(name: &str, end: &str) -> bool {
    Path::new(name).extension().is_some_and(|known| known == end)
}

fn kill(mut server: Server) {
    server.signal("KILL");
    server.wait();
}

fn put(server: &Server, name: &str, bytes: &[u8]) {
    let response = send(server, "PUT", &format!("/uploads/{name}"), &[], bytes);
    assert_eq!(response.status, 201);
}

/// Sends the half of an upload.
fn half(server: &Server, head: &str, body: &[u8]) -> Client {
    let mut client = server.connect();
    client.send(format!("{head}Content-Length: {}\r\n\r\n", body.len()));
    client.send(&body[..body.len() / 2]);
    client
}

const TUS: (&str, &str) = ("Tus-Resumable", "1.0.0");

#[test]
fn what_was_accepted_is_whole_and_of_the_rest_nothing_is_left() {
    let site = Site::new();
    let whole = content(2_000_000);
    let server = site.start(&[]);
    put(&server, "accepted", &whole);
    let note = form(&[part("note", None, b"kept"), part("f", Some("with"), b"a form")]);
    let fields = [("Accept", "application/json"), FORM];
    assert_eq!(send(&server, "POST", "/upload", &fields, &note).status, 201);
    put(&server, "replaced", b"old");
    let _put = half(&server, "PUT /uploads/put HTTP/1.1\r\nHost: t\r\n", &whole);
    let head = format!("POST /upload HTTP/1.1\r\nHost: t\r\nContent-Type: {}\r\n", FORM.1);
    let several = [part("f", Some("first"), b"whole"), part("f", Some("second"), &whole)];
    let _form = half(&server, &head, &form(&several));
    let _replacing = half(&server, "PUT /uploads/replaced HTTP/1.1\r\nHost: t\r\n", &whole);
    let created = send(
        &server,
        "POST",
        "/upload/tus",
        &[TUS, ("Upload-Length", "2000000"), ("Upload-Metadata", "filename dHVz")],
        b"",
    );
    let place = created.field("location").unwrap().to_owned();
    let head = |offset: usize| {
        format!(
            "PATCH {place} HTTP/1.1\r\nHost: t\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: {offset}\r\n\
             Content-Type: application/offset+octet-stream\r\n"
        )
    };
    let mut first = server.connect();
    first.send(format!("{}Content-Length: 300000\r\n\r\n", head(0)));
    first.send(&whole[..300_000]);
    assert_eq!(first.response().status, 204);
    let _tus = half(&server, &head(300_000), &whole[300_000..]);
    let parts = site.path("root/uploads/.salver-uploads");
    // Some of what was not acknowledged is on the disk by then.
    eventually(|| {
        let mut entries = fs::read_dir(&parts).unwrap().map(|entry| entry.unwrap());
        entries.find(|entry| {
            let is_part = entry.path().extension().is_some_and(|end| end == "part");
            is_part && entry.metadata().is_ok_and(|metadata| metadata.len() > 300_000)
        })
    });
    kill(server);

    let server = site.start(&[]);
    let names = site.names();
    let (parts, files): (Vec<_>, Vec<_>) =
        names.into_iter().partition(|name| ends_in(name, "part") || ends_in(name, "json"));
    assert_eq!(files, ["accepted", "replaced", "with"]);
    assert_eq!(parts.len(), 2, "the resumable one and its record: {parts:?}");
    let read = |name: &str| fs::read(site.path("root/uploads").join(name)).unwrap();
    assert!(read("accepted") == whole);
    assert_eq!((read("replaced"), read("with")), (b"old".to_vec(), b"a form".to_vec()));
    let forms = fs::read_to_string(site.path("forms.jsonl")).unwrap();
    assert!(forms.ends_with('\n') && forms.lines().count() == 1, "{forms}");
    // It goes on from where it is.
    let found = server.request("HEAD", &place, &[TUS]);
    let offset: usize = found.field("upload-offset").unwrap().parse().unwrap();
    assert!((300_000..2_000_000).contains(&offset), "{offset}");
    let mut rest = server.connect();
    rest.send(format!("{}Content-Length: {}\r\n\r\n", head(offset), whole.len() - offset));
    rest.send(&whole[offset..]);
    assert_eq!(rest.response().status, 204);
    assert!(read("tus") == whole);
}

#[test]
fn ended_at_any_moment_the_next_start_serves() {
    let site = Site::new();
    let bytes = content(300_000);
    let mut accepted = 0;
    for round in 0..12 {
        let server = site.start(&[]);
        let mut client = server.connect();
        let mut busy: Vec<_> = (0..4)
            .map(|number| {
                let head = format!("PUT /uploads/r{round}-{number} HTTP/1.1\r\nHost: t\r\n");
                half(&server, &head, &bytes)
            })
            .collect();
        for (number, client) in busy.iter_mut().enumerate() {
            if number < round % 4 {
                client.send(&bytes[bytes.len() / 2..]);
                assert_eq!(client.response().status, 201);
                accepted += 1;
            } else {
                // Its last bytes, and nobody waits for what comes of them.
                let _ = client.try_send(&bytes[bytes.len() / 2..]);
            }
        }
        client.send("GET /uploads/ HTTP/1.1\r\nHost: t\r\n\r\n");
        assert_eq!(client.response().status, 200);
        kill(server);
        let drafts = site.names().into_iter().filter(|name| ends_in(name, "draft"));
        assert!(drafts.count() <= 4);
    }
    let _server = site.start(&[]);
    let names = site.names();
    assert!(names.len() >= accepted, "{names:?}");
    for name in names {
        let read = fs::read(site.path("root/uploads").join(&name)).unwrap();
        assert!(read == bytes, "{name} is whole");
    }
}

#[test]
fn logs_and_a_certificate_of_its_own_outlast_it() {
    let site = Site::new();
    let certs = site.path("certs");
    fs::create_dir(&certs).unwrap();
    let log = site.path("access.log");
    let fingerprint = |round: usize| {
        let mut command = crate::support::salver();
        let child = command
            .args(["--port=0", "--host=127.0.0.1", "--ssl"])
            .arg(format!("--access-log={}", log.display()))
            .arg(site.path("root"))
            .current_dir(site.0.path())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::piped())
            .spawn();
        let mut child = child.unwrap();
        let lines = std::io::BufRead::lines(std::io::BufReader::new(child.stderr.take().unwrap()));
        let said = lines.map_while(Result::ok).find(|line| line.to_lowercase().contains("sha-256"));
        child.kill().unwrap();
        child.wait().unwrap();
        said.unwrap_or_else(|| panic!("no fingerprint in round {round}"))
    };
    let first = fingerprint(0);
    assert_eq!(fingerprint(1), first);
    let server = site.start(&[]);
    for number in 0..50 {
        server.get(&format!("/?{number}"), &[]);
    }
    // Each worker writes its own lines, so the last to be written need not be the last request.
    eventually(|| fs::read_to_string(&log).ok().filter(|text| text.lines().count() == 50));
    kill(server);
    let server = site.start(&[]);
    server.get("/?after", &[]);
    let text =
        eventually(|| fs::read_to_string(&log).ok().filter(|text| text.contains("/?after ")));
    assert_eq!(text.lines().count(), 51);
    assert!(text.lines().all(|line| line.starts_with("127.0.0.1 - - [")), "{text}");
}
