//! A wall clock that is set forward and back while the server runs.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::machine::run;
use crate::support::upload::send;
use crate::support::{Client, Server, eventually, setup};

/// A library that adds the seconds in a file to the system's time.
const SOURCE: &str = r#"
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static long offset(void) {
    char text[32] = {0};
    int file = open(getenv("CLOCK_OFFSET"), O_RDONLY | O_CLOEXEC);
    if (file < 0) return 0;
    long count = read(file, text, sizeof text - 1);
    close(file);
    return count > 0 ? atol(text) : 0;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    long result = syscall(SYS_clock_gettime, clock, now);
    if (result == 0 && clock == CLOCK_REALTIME) now->tv_sec += offset();
    return result;
}

time_t time(time_t *out) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (out) *out = now.tv_sec;
    return now.tv_sec;
}
"#;

struct Clock {
    folder: tempfile::TempDir,
}

impl Clock {
    /// Builds it.
    fn new() -> Self {
        let clock = Self { folder: tempfile::tempdir().unwrap() };
        let (source, library) = (clock.path("clock.c"), clock.path("clock.so"));
        fs::write(&source, SOURCE).unwrap();
        run("cc", &["-shared", "-fPIC", "-O1", "-o", &library, &source]);
        clock.set(0);
        clock
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    /// Sets the clock so many seconds away from the machine's.
    fn set(&self, offset: i64) {
        let new = self.path("new");
        fs::write(&new, offset.to_string()).unwrap();
        fs::rename(new, self.path("offset")).unwrap();
    }
}

const HOUR: i64 = 3600;

/// Whether the `Date` of an answer is the machine's time and so many seconds.
fn is_dated(date: &str, offset: i64) -> bool {
    let shown = httpdate::parse_http_date(date).unwrap();
    let seconds = |time: SystemTime| {
        i64::try_from(time.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()).unwrap()
    };
    (seconds(shown) - seconds(SystemTime::now()) - offset).abs() < 60
}

fn ask(client: &mut Client) -> (String, String) {
    client.send("GET /a.txt HTTP/1.1\r\nHost: t\r\n\r\n");
    let response = client.response();
    assert_eq!(response.status, 200);
    (response.field("date").unwrap().to_owned(), response.text())
}

fn write(root: &Path, text: &str) {
    fs::write(root.join("a.txt"), text).unwrap();
}

const TUS: (&str, &str) = ("Tus-Resumable", "1.0.0");

fn begin(server: &Server) -> String {
    let fields = [TUS, ("Upload-Length", "4"), ("Upload-Metadata", "filename YS5iaW4=")];
    let created = send(server, "POST", "/upload/tus", &fields, b"");
    assert_eq!(created.status, 201);
    created.field("location").unwrap().to_owned()
}

#[test]
#[ignore = "builds a library that stands between the server and the clock, which takes cc"]
fn a_clock_that_is_set_anew_changes_dates_and_nothing_else() {
    let clock = Clock::new();
    let server = setup()
        // What sets the clock reads a file of its own.
        .flag("--sandbox=off")
        .file("a.txt", "first")
        .flag("--enable-file-uploads")
        .flag("--keep-alive-timeout=30")
        .variable("LD_PRELOAD", &clock.path("clock.so"))
        .variable("CLOCK_OFFSET", &clock.path("offset"))
        .plain()
        .settled("a.txt")
        .start();
    let mut kept = server.connect();
    assert_eq!(ask(&mut kept).1, "first");
    let upload = begin(&server);
    let steps = [2 * HOUR, -3 * HOUR, 20 * 365 * 24 * HOUR, 0, -HOUR / 2, 0];
    for (number, offset) in steps.into_iter().enumerate() {
        clock.set(offset);
        eventually(|| is_dated(&ask(&mut kept).0, offset).then_some(()));
        // What is cached is still compared with the disk.
        let text = format!("version {number}");
        write(&server.root, &text);
        eventually(|| (ask(&mut kept).1 == text).then_some(()));
        assert!(kept.is_quiet_for(Duration::from_millis(1)), "the connection is kept");
        // Who has it is told so; who asks by date is not told a lie.
        let answer = server.get("/a.txt", &[]);
        let tag = answer.field("etag").unwrap();
        assert_eq!(server.get("/a.txt", &[("If-None-Match", tag)]).status, 304);
        assert_eq!(server.get("/?format=json", &[]).status, 200);
        let name = format!("/uploads/put{number}");
        assert_eq!(send(&server, "PUT", &name, &[], b"x").status, 201);
    }
    // Beyond its expiry it is gone, but only if the clock still says so when it is asked for.
    let found = server.request("HEAD", &upload, &[TUS]).status;
    assert!(matches!(found, 200 | 404), "{found}");
    let upload = begin(&server);
    clock.set(-HOUR);
    assert_eq!(server.request("HEAD", &upload, &[TUS]).status, 200);
    clock.set(25 * HOUR);
    eventually(|| (server.request("HEAD", &upload, &[TUS]).status == 404).then_some(()));
    assert_eq!(server.get("/server-status", &[]).status, 200);
    assert_eq!(server.get("/healthz", &[]).status, 200);
    drop(server);
}
