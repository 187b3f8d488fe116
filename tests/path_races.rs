//! Folders and files that turn into links to elsewhere and back while requests come for them.
//!
//! Everything outside the root has [`SECRET`] in its name or its content. None of it may ever be
//! served, nor anything there be changed, whichever moment a request meets.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::print_stderr)]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, ScopedJoinHandle};
use std::time::{Duration, Instant};

use base64::prelude::{BASE64_STANDARD, Engine};
use rustix::fs::{CWD, Mode, OFlags, RenameFlags, open, renameat_with};
use support::{PATIENCE, Server, Setup, setup};

/// What nobody may see.
const SECRET: &str = "SECRET";
/// Bytes of each file outside; of none inside.
const SECRET_BYTES: usize = 4321;

/// Names that are exchanged, below the root: of each pair one is what it should be, and one leads
/// outside.
const PAIRS: &[(&str, &str)] = &[
    ("a", "b"),
    ("c", "e"),
    ("p.txt", "q.txt"),
    ("s/app.js.gz", "s/other.gz"),
    ("404.html", "other.html"),
    ("m/README.md", "m/other.md"),
    ("uploads/a", "uploads/b"),
    ("uploads/a/sub", "uploads/a/bus"),
];

/// What is read, often: the method, the target, a line of fields.
const READS: &[(&str, &str, &str)] = &[
    ("GET", "/a/f.txt", ""),
    ("GET", "/b/f.txt", ""),
    ("GET", "/c/sub/f.txt", ""),
    ("GET", "/e/sub/f.txt", ""),
    ("HEAD", "/a/f.txt", ""),
    ("HEAD", "/e/f.txt", ""),
    ("GET", "/p.txt", ""),
    ("GET", "/q.txt", ""),
    ("HEAD", "/q.txt", ""),
    ("GET", "/s/app.js", "Accept-Encoding: gzip\r\n"),
    ("GET", "/via", ""),
    ("GET", "/absolute", ""),
    ("GET", "/around", ""),
    ("GET", "/a/only.txt", ""),
    ("GET", "/b/only.txt", ""),
    ("GET", "/none", "Accept: text/html\r\n"),
    ("GET", "/c/f.txt", "Range: bytes=0-99\r\n"),
    ("GET", "/uploads/a/kept.txt", ""),
    ("GET", "/fixed.txt", ""),
];

/// What is read less often, since it takes longer.
const RARE_READS: &[(&str, &str, &str)] = &[
    ("GET", "/a/", ""),
    ("GET", "/b/?format=json", ""),
    ("GET", "/e/", "Accept: application/json\r\n"),
    ("GET", "/m/", ""),
    ("GET", "/m/README.md", "Accept: text/html\r\n"),
    ("GET", "/a/?archive=tar", ""),
    ("GET", "/e/?archive=tar", ""),
    ("GET", "/?archive=tar", ""),
    ("GET", "/uploads/b/", ""),
];

#[test]
fn nothing_outside_is_served_or_written_while_names_change() {
    race(6_000);
}

#[test]
#[ignore = "takes two minutes: a million requests"]
fn nothing_outside_is_served_or_written_in_a_million_requests() {
    race(1_000_000);
}

/// So many requests in all, shared by every way there is to look at files.
fn race(requests: usize) {
    let settings: Vec<_> = ["inside", "never"]
        .into_iter()
        .flat_map(|links| [true, false].map(|cache| (links, cache)))
        .collect();
    for &(links, cache) in &settings {
        let ground = Ground::new(links, cache);
        ground.race(requests / settings.len());
    }
}

/// A server whose root has neighbours.
struct Ground {
    server: Server,
    outside: PathBuf,
    before: Snapshot,
    about: String,
}

impl Ground {
    fn new(links: &str, cache: bool) -> Self {
        let setup = setup().plain();
        let outside = setup.root().parent().unwrap().join("outside");
        plant_outside(&outside);
        let setup = plant(setup, &outside);
        let server = setup
            .flag(&format!("--follow-symlinks={links}"))
            .flag(&format!("--enable-cache={cache}"))
            .flag("--enable-file-uploads")
            .flag("--enable-archives")
            .flag("--upload-conflict=replace")
            .start();
        let about = format!("follow_symlinks={links} enable_cache={cache}");
        Self { before: snapshot(&outside), server, outside, about }
    }

    fn race(&self, requests: usize) {
        let began = Instant::now();
        let (over, swaps) = (AtomicBool::new(false), AtomicU64::new(0));
        let mut outcomes = Outcomes::new();
        thread::scope(|scope| {
            scope.spawn(|| self.swap(&over, &swaps));
            let clients: Vec<_> =
                (0..4).map(|number| scope.spawn(move || self.ask(requests / 4, number))).collect();
            let clients: Vec<_> = clients.into_iter().map(ScopedJoinHandle::join).collect();
            over.store(true, Ordering::Relaxed);
            for (outcome, count) in clients.into_iter().flat_map(|found| found.expect("a client")) {
                *outcomes.entry(outcome).or_insert(0) += count;
            }
        });
        let (swaps, took) = (swaps.into_inner(), began.elapsed());
        eprintln!("{}: {swaps} swaps in {took:?}: {outcomes:?}", self.about);
        assert!(snapshot(&self.outside) == self.before, "{}: outside has changed", self.about);
        let around = fs::read_dir(self.outside.parent().unwrap()).unwrap().count();
        assert_eq!(around, 2, "the root and its neighbour");
        assert_eq!(self.server.get("/fixed.txt", &[]).text(), "fixed");
        // It was a race: each side has won some.
        assert!(swaps > requests as u64 / 100, "only {swaps} swaps");
        let count = |kind: &'static str, status| outcomes.get(&(kind, status)).copied();
        for (kind, status) in [("read", 200), ("read", 404), ("rare", 200), ("write", 201)] {
            let enough = if kind == "read" { requests / 50 } else { (requests / 2000).max(1) };
            let count = count(kind, status).unwrap_or(0);
            assert!(count >= enough, "only {count} times {status} to a {kind}");
        }
        let broken: Vec<_> = outcomes.keys().filter(|(_, status)| *status == 500).collect();
        assert!(broken.is_empty(), "{}: {broken:?}", self.about);
    }

    /// Exchanges names until it is over.
    fn swap(&self, over: &AtomicBool, swaps: &AtomicU64) {
        let root = open(&self.server.root, OFlags::PATH | OFlags::DIRECTORY, Mode::empty());
        let root = root.expect("the root");
        let uploads = self.server.root.join("uploads");
        while !over.load(Ordering::Relaxed) {
            for (one, other) in PAIRS {
                // What lies in a folder that is a link just now cannot be exchanged.
                let done = renameat_with(&root, *one, &root, *other, RenameFlags::EXCHANGE);
                swaps.fetch_add(u64::from(done.is_ok()), Ordering::Relaxed);
            }
            // Where a file is put, a link leads outside.
            let draft = uploads.join("draft");
            if symlink(self.outside.join("f.txt"), &draft).is_ok() {
                let _ =
                    renameat_with(CWD, &draft, CWD, uploads.join("x.txt"), RenameFlags::empty());
            }
            // More than ten thousand a second, and no core to itself.
            thread::sleep(Duration::from_micros(100));
        }
    }

    /// Sends that many requests, many at a time, and looks at what comes back.
    fn ask(&self, requests: usize, client_number: usize) -> Outcomes {
        let mut outcomes = Outcomes::new();
        let mut client = Client::to(self.server.address);
        let (mut answered, mut turn) = (0, client_number);
        while answered < requests {
            let batch: Vec<Sent> = (turn..turn + 100).map(sent).collect();
            turn += batch.len();
            let bytes: Vec<u8> = batch.iter().flat_map(|sent| &sent.bytes).copied().collect();
            let _ = client.stream.write_all(&bytes);
            for sent in &batch {
                let status = client.answer(sent.method == "HEAD").unwrap_or(CUT);
                let end = if status == CUT { client.unread.len() } else { client.answered };
                self.check(sent, &client.unread[..end]);
                *outcomes.entry((sent.kind, status)).or_insert(0) += 1;
                answered += 1;
                if status == CUT {
                    client = Client::to(self.server.address);
                    break;
                }
                client.unread.drain(..client.answered);
            }
        }
        outcomes
    }

    fn check(&self, sent: &Sent, bytes: &[u8]) {
        let is_there = |wanted: &str| memchr::memmem::find(bytes, wanted.as_bytes()).is_some();
        assert!(
            !is_there(SECRET) && !is_there(&format!("Content-Length: {SECRET_BYTES}\r\n")),
            "{}: {}: {}",
            self.about,
            String::from_utf8_lossy(&sent.bytes),
            String::from_utf8_lossy(bytes),
        );
    }
}

/// How often each kind of request was answered with each status.
type Outcomes = BTreeMap<(&'static str, u16), usize>;

/// Stands for the status of an answer that does not come to its end: a folder that is being sent
/// as an archive has gone.
const CUT: u16 = 0;

/// A connection on which answers may end early.
struct Client {
    stream: TcpStream,
    /// What came and was not looked at.
    unread: Vec<u8>,
    /// Bytes of it that the last answer took.
    answered: usize,
}

impl Client {
    fn to(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
        Self { stream, unread: Vec::new(), answered: 0 }
    }

    /// Reads the next answer; `None` when there is no whole one.
    fn answer(&mut self, is_head: bool) -> Option<u16> {
        let end = self.after(0, b"\r\n\r\n")?;
        let head = std::str::from_utf8(&self.unread[..end]).expect("text");
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
        let value = |name| head.split_once(name).and_then(|(_, rest)| rest.split("\r\n").next());
        let length: usize =
            value("Content-Length: ").map_or(0, |text| text.parse().expect("digits"));
        let is_chunked = value("Transfer-Encoding: ").is_some();
        self.answered = match (is_head || status == 304, is_chunked) {
            (true, _) => end,
            (false, true) => self.after_chunks(end)?,
            (false, false) => end + length,
        };
        while self.unread.len() < self.answered {
            self.read()?;
        }
        Some(status)
    }

    fn after_chunks(&mut self, mut at: usize) -> Option<usize> {
        loop {
            let data = self.after(at, b"\r\n")?;
            let size = std::str::from_utf8(&self.unread[at..data - 2]).expect("a chunk size");
            let size = usize::from_str_radix(size, 16).expect("a chunk size");
            at = data + size + 2;
            while self.unread.len() < at {
                self.read()?;
            }
            if size == 0 {
                return Some(at);
            }
        }
    }

    /// Where the bytes after these are.
    fn after(&mut self, from: usize, wanted: &[u8]) -> Option<usize> {
        loop {
            if let Some(at) = memchr::memmem::find(&self.unread[from..], wanted) {
                return Some(from + at + wanted.len());
            }
            self.read()?;
        }
    }

    fn read(&mut self) -> Option<()> {
        let mut piece = [0; 16 * 1024];
        match self.stream.read(&mut piece) {
            Ok(0) => None,
            Ok(count) => {
                self.unread.extend_from_slice(&piece[..count]);
                Some(())
            }
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => None,
            Err(error) => panic!("no answer in time: {error}"),
        }
    }
}

/// A request.
struct Sent {
    kind: &'static str,
    method: &'static str,
    bytes: Vec<u8>,
}

/// Of each hundred requests, five take longer and two write.
fn sent(turn: usize) -> Sent {
    match turn % 100 {
        7 | 57 => write(turn / 50),
        13 | 33 | 53 | 73 | 93 => read("rare", RARE_READS[(turn / 20) % RARE_READS.len()]),
        _ => read("read", READS[turn % READS.len()]),
    }
}

fn read(kind: &'static str, row: (&'static str, &str, &str)) -> Sent {
    let (method, target, fields) = row;
    let bytes = format!("{method} {target} HTTP/1.1\r\nHost: t\r\n{fields}\r\n").into_bytes();
    Sent { kind, method, bytes }
}

fn write(turn: usize) -> Sent {
    let name = format!("f{}.txt", turn / 8 % 10);
    let part = format!(
        "--tray\r\nContent-Disposition: form-data; name=f; filename={name}\r\n\r\nwritten\r\n--tray--\r\n"
    );
    let form = "Content-Type: multipart/form-data; boundary=tray\r\nAccept: application/json\r\n";
    let resumable = format!(
        "Tus-Resumable: 1.0.0\r\nUpload-Length: 7\r\n\
         Content-Type: application/offset+octet-stream\r\nUpload-Metadata: filename {},folder {}\r\n",
        BASE64_STANDARD.encode(&name),
        BASE64_STANDARD.encode("/uploads/a/"),
    );
    let (method, target, fields, content) = match turn % 8 {
        0 => ("PUT", format!("/uploads/a/{name}"), "", "written"),
        1 => ("PUT", format!("/uploads/b/{name}"), "", "written"),
        2 => ("PUT", "/uploads/x.txt".to_owned(), "", "written"),
        3 => ("POST", "/uploads/a/".to_owned(), form, part.as_str()),
        4 => ("POST", "/uploads/b/new/".to_owned(), form, part.as_str()),
        5 => ("POST", "/upload/tus".to_owned(), resumable.as_str(), "written"),
        6 => ("PUT", format!("/uploads/a/sub/{name}"), "", "written"),
        // In a folder that must be made, in one that is swapped.
        _ => ("PUT", format!("/uploads/a/new{}/{name}", turn % 3), "", "written"),
    };
    let length = content.len();
    let head =
        format!("{method} {target} HTTP/1.1\r\nHost: t\r\n{fields}Content-Length: {length}\r\n");
    let bytes = format!("{head}\r\n{content}").into_bytes();
    Sent { kind: "write", method: "POST", bytes }
}

/// What must neither be seen nor changed. It has the names that there are inside.
fn plant_outside(outside: &Path) {
    let content = SECRET.repeat(SECRET_BYTES)[..SECRET_BYTES].to_owned();
    for folder in ["sub", "new", "new0", "new1", "new2"] {
        fs::create_dir_all(outside.join(folder)).unwrap();
    }
    let uploads = (0..10).map(|number| format!("f{number}.txt"));
    for name in ["f.txt", "sub/f.txt", "kept.txt", "app.js", "only.txt", "README.md", "SECRET.txt"]
        .map(str::to_owned)
        .into_iter()
        .chain(uploads)
    {
        fs::write(outside.join(name), &content).unwrap();
    }
}

fn plant(mut setup: Setup, outside: &Path) -> Setup {
    let script = "// a script\n".repeat(200);
    for (name, content) in [
        ("fixed.txt", "fixed"),
        ("a/f.txt", "inside"),
        ("a/sub/f.txt", "inside"),
        ("c/f.txt", "inside"),
        ("c/sub/f.txt", "inside"),
        ("p.txt", "inside"),
        ("s/app.js", &script),
        ("s/app.js.gz", "made before"),
        ("404.html", "<p>lost</p>"),
        ("m/README.md", "# read"),
        ("uploads/a/kept.txt", "inside"),
        ("uploads/a/sub/kept.txt", "inside"),
    ] {
        setup = setup.file(name, content);
    }
    let root = setup.root();
    let file = outside.join("f.txt");
    for (name, target) in [
        ("b", outside),
        ("e", Path::new("../outside")),
        ("q.txt", &file),
        ("s/other.gz", Path::new("../../outside/f.txt")),
        ("other.html", &file),
        ("m/other.md", Path::new("../../outside/README.md")),
        ("uploads/b", outside),
        ("uploads/a/bus", Path::new("../../../outside")),
        ("via", Path::new("a/f.txt")),
        ("absolute", &root.join("c/f.txt")),
        ("around", Path::new("c/../a/sub/../f.txt")),
    ] {
        symlink(target, root.join(name)).unwrap();
    }
    setup
}

/// Everything about a folder that writing to it would change.
type Snapshot = BTreeMap<PathBuf, (u64, u64, i64, i64, Vec<u8>)>;

fn snapshot(folder: &Path) -> Snapshot {
    let mut found = Snapshot::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(path) = waiting.pop() {
        let about = fs::symlink_metadata(&path).unwrap();
        let content = if about.is_file() { fs::read(&path).unwrap() } else { Vec::new() };
        if about.is_dir() {
            waiting.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
        let changed = (about.ctime(), about.ctime_nsec());
        found.insert(path, (about.ino(), about.nlink(), changed.0, changed.1, content));
    }
    found
}
