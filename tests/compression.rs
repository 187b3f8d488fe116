//! Content in codings: who gets which, what is said of it, and where it comes from.

#![allow(clippy::expect_used, clippy::unwrap_used)]

mod support;

use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, SystemTime};

use support::{Response, Server, Setup, eventually, setup};

const BROWSER: (&str, &str) = ("Accept-Encoding", "gzip, deflate, br, zstd");

fn text(length: usize) -> String {
    let mut text = String::new();
    for number in 0u32.. {
        if text.len() >= length {
            break;
        }
        let _ = writeln!(text, "const value{number} = compute({});", number.wrapping_mul(40_503));
    }
    text.truncate(length);
    text
}

/// A server and one file of 20,000 bytes.
fn script() -> Server {
    setup().file("app.js", text(20_000)).start()
}

fn accepting(server: &Server, target: &str, codings: &str) -> Response {
    server.get(target, &[("Accept-Encoding", codings)])
}

/// Gives a file a time, so many seconds ago.
fn age(path: &Path, seconds: u64) {
    let time = SystemTime::now().checked_sub(Duration::from_secs(seconds)).unwrap();
    File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
}

/// A file: its name, its content, and its age in seconds.
type Aged<'a> = (&'a str, &'a str, u64);

/// Puts files into the document root.
fn aged(setup: Setup, files: &[Aged<'_>]) -> Setup {
    files.iter().fold(setup, |setup, (name, content, seconds)| {
        let setup = setup.file(name, content);
        age(&setup.root().join(name), *seconds);
        setup
    })
}

#[test]
fn a_client_gets_the_coding_that_it_asks_for() {
    let server = script();
    let plain = server.get("/app.js", &[]);
    assert_eq!(plain.text(), text(20_000));
    for (codings, expected) in [
        ("gzip, deflate, br, zstd", "br"),
        ("gzip, deflate, br", "br"),
        ("gzip, zstd", "zstd"),
        ("gzip", "gzip"),
        ("x-gzip", "gzip"),
        ("GZIP", "gzip"),
        ("br;q=0.5, gzip", "gzip"),
        ("*", "br"),
        ("*, br;q=0", "zstd"),
        ("gzip;q=0.5, *;q=0", "gzip"),
        ("identity;q=0, gzip", "gzip"),
        ("gzip;q=0.5, identity", "identity"),
        ("", "identity"),
        ("identity", "identity"),
        ("gzip;q=0", "identity"),
        ("gzip;q=1.5", "identity"),
        ("gzip;q=yes", "identity"),
        ("deflate, compress", "identity"),
    ] {
        let response = accepting(&server, "/app.js", codings);
        assert_eq!(response.status, 200, "{codings}");
        assert_eq!(response.coding(), expected, "{codings}");
        assert_eq!(response.decoded(), plain.body, "{codings}");
        assert_eq!(response.field("vary"), Some("Accept-Encoding"), "{codings}");
        assert_eq!(response.field("content-type"), plain.field("content-type"));
        assert_eq!(response.field("last-modified"), plain.field("last-modified"));
        assert_eq!(response.field("cache-control"), plain.field("cache-control"));
        let is_coded = expected != "identity";
        assert_eq!(response.field("accept-ranges").is_none(), is_coded, "{codings}");
        assert_eq!(response.body.len() < 8000, is_coded, "{codings}");
    }
}

#[test]
fn who_refuses_everything_is_told_so() {
    let server = setup().file("app.js", text(20_000)).file("a.png", text(20_000)).start();
    for (target, codings) in
        [("/app.js", "identity;q=0"), ("/app.js", "*;q=0"), ("/a.png", "gzip, identity;q=0")]
    {
        let response = accepting(&server, target, codings);
        assert_eq!(response.status, 406, "{target} {codings}");
        assert_eq!(response.field("vary"), Some("Accept, Accept-Encoding"), "{target} {codings}");
    }
}

#[test]
fn each_coding_has_a_tag_of_its_own() {
    for flag in ["--enable-cache=true", "--enable-cache=false"] {
        let server = setup().file("app.js", text(20_000)).flag(flag).start();
        let tags: Vec<_> = ["identity", "br", "zstd", "gzip"]
            .map(|coding| {
                let response = accepting(&server, "/app.js", coding);
                (coding, response.field("etag").unwrap().to_owned())
            })
            .into();
        for (coding, own) in &tags {
            assert!(own.starts_with('"'), "{own}");
            for (_, sent) in &tags {
                let fields = [("Accept-Encoding", *coding), ("If-None-Match", sent.as_str())];
                let response = server.get("/app.js", &fields);
                let expected = if sent == own { 304 } else { 200 };
                assert_eq!(response.status, expected, "{coding} {sent} {flag}");
                assert_eq!(response.field("etag"), Some(own.as_str()));
                assert_eq!(response.field("vary"), Some("Accept-Encoding"));
                let has_coding = response.field("content-encoding").is_some();
                assert_eq!(has_coding, expected == 200 && *coding != "identity");
            }
            let refused =
                [("Accept-Encoding", *coding), ("If-Match", "\"another\""), ("X-Request-Id", "a")];
            assert_eq!(server.get("/app.js", &refused).status, 412);
        }
    }
}

#[test]
fn ranges_are_of_the_plain_file() {
    let server = script();
    let range = ("Range", "bytes=10-19");
    let part = server.get("/app.js", &[BROWSER, range]);
    assert_eq!((part.status, part.field("content-encoding")), (206, None));
    assert_eq!(part.body, &text(20_000).as_bytes()[10..20]);
    assert_eq!(part.field("vary"), Some("Accept-Encoding"));
    // Who takes nothing plain gets the whole in a coding.
    let whole = server.get("/app.js", &[("Accept-Encoding", "gzip, identity;q=0"), range]);
    assert_eq!((whole.status, whole.coding()), (200, "gzip"));
    assert_eq!(whole.decoded().len(), 20_000);
    // A tag of a coding does not vouch for the plain file.
    let tag = accepting(&server, "/app.js", "br").field("etag").unwrap().to_owned();
    let other = server.get("/app.js", &[BROWSER, range, ("If-Range", &tag)]);
    assert_eq!((other.status, other.body.len()), (200, 20_000));
}

#[test]
fn head_has_the_fields_of_get() {
    for flag in ["--enable-cache=true", "--enable-cache=false"] {
        let setup = setup().file("app.js", text(20_000)).file("app.js.gz", "").flag(flag);
        age(&setup.root().join("app.js.gz"), 1000);
        let server = setup.start();
        for codings in ["identity", "br", "zstd", "gzip"] {
            let fields = [("Accept-Encoding", codings)];
            let get = server.get("/app.js", &fields);
            let head = server.request("HEAD", "/app.js", &fields);
            assert!(head.body.is_empty());
            let without_framing = |response: &Response| {
                let mut fields = response.fields.clone();
                // How a content of unknown length is framed is not said where there is none.
                fields.retain(|(name, _)| name != "date" && name != "transfer-encoding");
                fields
            };
            assert_eq!(without_framing(&head), without_framing(&get), "{codings} {flag}");
        }
    }
}

#[test]
fn what_is_not_worth_it_stays_as_it_is() {
    let mut state = 1u64;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        state.to_be_bytes()[0]
    })
    .take(5000)
    .collect();
    let server = setup()
        .file("small.js", text(1023))
        .file("enough.js", text(1024))
        .file("empty.txt", "")
        .file("a.png", text(20_000))
        .file("a.woff2", text(20_000))
        .file("a.zip", text(20_000))
        .file("a.mp4", text(20_000))
        .file("unknown", text(20_000))
        .file("a.svg", text(20_000))
        .file("a.wasm", text(20_000))
        .file("noise.txt", noise)
        .start();
    for (target, expected, varies) in [
        ("/small.js", "identity", false),
        ("/enough.js", "br", true),
        ("/empty.txt", "identity", false),
        ("/a.png", "identity", false),
        ("/a.woff2", "identity", false),
        ("/a.zip", "identity", false),
        ("/a.mp4", "identity", false),
        ("/unknown", "identity", false),
        ("/a.svg", "br", true),
        ("/a.wasm", "br", true),
        ("/noise.txt", "identity", true),
    ] {
        for _ in 0..2 {
            let response = server.get(target, &[BROWSER]);
            assert_eq!((response.status, response.coding()), (200, expected), "{target}");
            assert_eq!(response.field("vary").is_some(), varies, "{target}");
        }
    }
}

#[test]
fn it_can_be_turned_off() {
    let server = setup()
        .file("app.js", text(20_000))
        .file("app.js.gz", "gz")
        .flag("--enable-compression=false")
        .start();
    let response = server.get("/app.js", &[BROWSER]);
    assert_eq!((response.coding(), response.field("vary")), ("identity", None));
    assert_eq!(response.field("accept-ranges"), Some("bytes"));
}

#[test]
fn a_sibling_that_was_compressed_before_comes_first() {
    for flag in ["--enable-cache=true", "--enable-cache=false"] {
        let large = "x".repeat(2 << 20);
        let files: &[Aged<'_>] = &[
            ("app.js", &text(20_000), 100),
            ("app.js.gz", "new gz", 100),
            ("app.js.br", "old br", 101),
            ("icon.png", "png", 100),
            ("icon.png.zst", "zstd", 50),
            ("page/index.html", "index", 100),
            ("page/index.html.br", "index in br", 50),
            ("large.bin", &large, 100),
            ("large.bin.br", &text(300_000), 50),
        ];
        let server = aged(setup().flag(flag), files).start();
        for (target, codings, expected, body) in [
            ("/app.js", "gzip, deflate, br, zstd", "gzip", "new gz"),
            ("/app.js", "gzip", "gzip", "new gz"),
            ("/icon.png", "gzip, br, zstd", "zstd", "zstd"),
            ("/icon.png", "gzip, br", "identity", "png"),
            ("/page/", "gzip, br", "br", "index in br"),
            ("/large.bin", "gzip, br", "br", &text(300_000)),
            ("/large.bin", "gzip", "identity", &large),
            // By its own name it is a file like others.
            ("/app.js.gz", "identity", "identity", "new gz"),
            ("/app.js.br", "br", "identity", "old br"),
        ] {
            for _ in 0..2 {
                let response = accepting(&server, target, codings);
                assert_eq!(response.status, 200, "{target} {flag}");
                assert_eq!(response.coding(), expected, "{target} {codings} {flag}");
                assert!(response.body == body.as_bytes(), "{target} {codings} {flag}");
                let is_asked_for_itself = target.contains(".js.") && flag.ends_with("true");
                assert_eq!(response.field("vary").is_none(), is_asked_for_itself, "{target}");
            }
        }
        let (plain, coded) =
            (server.get("/icon.png", &[]), accepting(&server, "/icon.png", "zstd"));
        for name in ["content-type", "last-modified", "cache-control", "vary"] {
            assert_eq!(coded.field(name), plain.field(name), "{name}");
        }
        assert_ne!(coded.field("etag"), plain.field("etag"));
        assert_eq!(coded.field("accept-ranges"), None);
        let download = server.get("/icon.png?download", &[BROWSER]);
        assert_eq!(download.coding(), "zstd");
        assert!(download.field("content-disposition").unwrap().contains("icon.png"));
    }
}

#[test]
fn a_sibling_obeys_the_rules_of_every_path() {
    let setup = setup().file("app.js", "plain").file("hidden.js", "plain");
    let outside = setup.root().parent().unwrap().join("secret");
    fs::write(&outside, "secret").unwrap();
    std::os::unix::fs::symlink(&outside, setup.root().join("app.js.br")).unwrap();
    fs::create_dir(setup.root().join("app.js.gz")).unwrap();
    fs::write(setup.root().join(".br"), "hidden").unwrap();
    let server = setup.start();
    for target in ["/app.js", "/hidden.js", "/app.js?download"] {
        let response = server.get(target, &[BROWSER]);
        assert_eq!((response.coding(), response.text().as_str()), ("identity", "plain"));
    }
    assert_eq!(server.get("/", &[BROWSER]).status, 200);
}

#[test]
fn changes_of_a_file_and_its_siblings_are_noticed() {
    let files: &[Aged<'_>] = &[("app.js", &text(20_000), 100), ("b.png", "png", 100)];
    let server = aged(setup(), files).start();
    let (app, br) = (server.root.join("app.js"), server.root.join("app.js.br"));
    let becomes = |target: &str, expected_coding: &str, content: &[u8]| {
        eventually(|| {
            let response = accepting(&server, target, "br");
            let is_new = response.try_decoded().is_ok_and(|decoded| decoded == content);
            (response.coding() == expected_coding && is_new).then_some(())
        });
    };
    becomes("/app.js", "br", text(20_000).as_bytes());
    becomes("/b.png", "identity", b"png");
    // A sibling appears, of what was compressed and of what was not.
    fs::write(&br, b"first").unwrap();
    fs::write(server.root.join("b.png.br"), b"small").unwrap();
    let is_served = |target: &str, content: &[u8]| {
        eventually(|| (accepting(&server, target, "br").body == content).then_some(()));
    };
    is_served("/app.js", b"first");
    is_served("/b.png", b"small");
    // It changes, goes, comes back and gets old.
    fs::write(&br, b"second").unwrap();
    is_served("/app.js", b"second");
    fs::remove_file(&br).unwrap();
    becomes("/app.js", "br", text(20_000).as_bytes());
    fs::write(&br, b"third").unwrap();
    is_served("/app.js", b"third");
    fs::write(&app, text(10_000)).unwrap();
    age(&br, 100);
    becomes("/app.js", "br", text(10_000).as_bytes());
    fs::write(&app, text(30_000)).unwrap();
    becomes("/app.js", "br", text(30_000).as_bytes());
    fs::remove_file(&app).unwrap();
    eventually(|| (accepting(&server, "/app.js", "br").status == 404).then_some(()));
}

#[test]
fn a_large_file_is_compressed_while_it_is_sent() {
    let content = text(9 << 20);
    for flags in [vec![], vec!["--enable-cache=false"]] {
        let setup = setup().file("large.txt", &content);
        let server = flags.iter().fold(setup, |setup, flag| setup.flag(flag)).start();
        for codings in ["br", "zstd", "gzip"] {
            let response = accepting(&server, "/large.txt", codings);
            assert_eq!(response.coding(), codings);
            assert_eq!(response.field("content-length"), None);
            assert_eq!(response.field("vary"), Some("Accept-Encoding"));
            assert!(response.body.len() < content.len() / 2);
            assert!(response.decoded() == content.as_bytes(), "{codings}");
        }
        let plain = server.get("/large.txt", &[]);
        assert_eq!(plain.field("vary"), Some("Accept-Encoding"));
        assert!(plain.body == content.as_bytes());
        let part = server.get("/large.txt", &[BROWSER, ("Range", "bytes=0-9")]);
        assert_eq!((part.status, part.body.len()), (206, 10));
    }
}

/// The most memory that a process ever had, in KiB.
#[cfg(target_os = "linux")]
fn peak(server: &Server) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[cfg(target_os = "linux")]
#[test]
fn compressing_while_sending_takes_no_more_memory_for_more_content() {
    let server =
        setup().file("small.txt", text(12 << 20)).file("large.txt", text(40 << 20)).start();
    for codings in ["br", "zstd", "gzip"] {
        accepting(&server, "/small.txt", codings);
    }
    let before = peak(&server);
    for codings in ["br", "zstd", "gzip"] {
        assert_eq!(accepting(&server, "/large.txt", codings).decoded().len(), 40 << 20);
    }
    assert!(peak(&server) < before + (16 << 10), "{before} KiB became {}", peak(&server));
}

#[test]
fn many_first_requests_share_what_is_compressed() {
    let server = setup().file("app.js", text(900_000)).settled("app.js").start();
    let mut clients: Vec<_> = std::iter::repeat_with(|| server.connect()).take(64).collect();
    for client in &mut clients {
        client.send("GET /app.js HTTP/1.1\r\nHost: t\r\nAccept-Encoding: br\r\n\r\n");
    }
    let answers: Vec<_> = clients.iter_mut().map(support::Client::response).collect();
    for answer in &answers {
        assert_eq!(answer.coding(), "br");
        assert!(answer.body == answers[0].body);
    }
    assert_eq!(answers[0].decoded(), text(900_000).as_bytes());
    let times =
        eventually(|| Some(server.metric("salver_compressions_total")).filter(|times| *times > 0));
    assert_eq!(times, 1);
}

#[test]
fn uploads_stay_in_their_sandbox_and_stand_for_nobody_else() {
    let server = setup()
        .flag("--enable-file-uploads")
        .file("uploads/page.html", text(20_000))
        .file("uploads/page.html.br", "planted")
        .start();
    let response = server.get("/uploads/page.html", &[BROWSER]);
    assert_eq!(response.coding(), "br");
    assert_eq!(response.decoded(), text(20_000).as_bytes());
    assert!(response.field("content-security-policy").unwrap().starts_with("sandbox"));
}
