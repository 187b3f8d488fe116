//! `salver get`: what is printed, what is saved, and how it ends, whatever answers.

#![allow(clippy::expect_used, clippy::unwrap_used)]

mod support;

use std::fs;
use std::net::TcpListener;
use std::process::Output;

use encoding_rs::{Encoding, SHIFT_JIS, UTF_16LE, WINDOWS_1252};
use support::over::Over;
use support::stand_in::{answer, get, get_command, get_on_terminal, secure_stand_in, stand_in};
use support::{Server, setup};
use tempfile::{TempDir, tempdir};

fn url(server: &Server, path: &str) -> String {
    let scheme = if Over::chosen().is_secure() { "https" } else { "http" };
    format!("{scheme}://{}{path}", server.address)
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

fn error(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("text")
}

/// One line on standard error, and that exit status.
fn complaint(output: &Output, code: i32) -> String {
    let text = error(output);
    assert_eq!(output.status.code(), Some(code), "{text}");
    assert!(text.starts_with("salver: ") && text.trim_end().lines().count() == 1, "{text}");
    text
}

/// The names in a folder, in order.
fn names(folder: &TempDir) -> Vec<String> {
    let entries = fs::read_dir(folder.path()).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn in_utf16(text: &str) -> Vec<u8> {
    let units = std::iter::once('\u{feff}').chain(text.chars()).collect::<String>();
    units.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

const FRENCH: &str = "Voilà un été à l'école, où être naïf est sûr. Déjà vu, cœur à part.\n";
const JAPANESE: &str = "いろはにほへと ちりぬるを わかよたれそ つねならむ。カタカナと漢字も。\n";

fn encoded(encoding: &'static Encoding, text: &str) -> Vec<u8> {
    if encoding == UTF_16LE { in_utf16(text) } else { encoding.encode(text).0.into_owned() }
}

#[test]
fn text_comes_out_as_utf8_whatever_it_is_in() {
    let texts = [
        ("latin1.txt", WINDOWS_1252, FRENCH),
        ("sjis.txt", SHIFT_JIS, JAPANESE),
        ("utf16.txt", UTF_16LE, JAPANESE),
    ];
    let mut server = setup();
    for (name, encoding, text) in texts {
        server = server.file(name, encoded(encoding, text));
    }
    let server = server.start();
    let folder = tempdir().unwrap();
    for (name, encoding, text) in texts {
        let output = get(folder.path(), &["-k", &url(&server, &format!("/{name}"))]);
        assert_eq!((out(&output).as_str(), output.status.code()), (text, Some(0)), "{name}");
        assert_eq!(error(&output), "");
        // Saved, it stays what it is.
        get(folder.path(), &["-kO", &url(&server, &format!("/{name}"))]);
        assert_eq!(fs::read(folder.path().join(name)).unwrap(), encoded(encoding, text));
    }
}

#[test]
fn the_charset_is_that_of_the_field_or_of_the_text() {
    let folder = tempdir().unwrap();
    let page = "<meta charset=shift_jis><p>ソ</p>\n";
    let xml = "<?xml version='1.0' encoding='iso-8859-1'?><a>é</a>\n";
    for (field, content, expected) in [
        ("text/plain; charset=iso-8859-1", encoded(WINDOWS_1252, "é\n"), "é\n"),
        ("text/plain; charset=\"Shift_JIS\"", encoded(SHIFT_JIS, "ソ\n"), "ソ\n"),
        // A byte order mark has the last word.
        ("text/plain; charset=iso-8859-1", in_utf16("é\n"), "é\n"),
        ("text/html", encoded(SHIFT_JIS, page), page),
        ("application/xml", encoded(WINDOWS_1252, xml), xml),
        ("application/json", "{\"a\": \"é\"}".into(), "{\"a\": \"é\"}"),
    ] {
        let (server, _heads) =
            stand_in(vec![answer("200 OK", &[("Content-Type", field)], content)]);
        assert_eq!(out(&get(folder.path(), &[&server.to_string()])), expected, "{field}");
    }
}

#[test]
fn text_with_no_type_is_told_from_bytes() {
    let folder = tempdir().unwrap();
    let (server, _heads) = stand_in(vec![answer("200 OK", &[], "text\n")]);
    assert_eq!(out(&get(folder.path(), &[&format!("{server}/a")])), "text\n");
    let (server, _heads) = stand_in(vec![answer("200 OK", &[], b"\x7fELF\0\0")]);
    let output = get(folder.path(), &[&format!("{server}/b")]);
    assert_eq!(
        (out(&output).as_str(), error(&output).as_str()),
        ("", "Saved b (6 B); -o - writes to standard output\n")
    );
    assert_eq!(fs::read(folder.path().join("b")).unwrap(), b"\x7fELF\0\0");
}

#[test]
fn an_image_is_saved_under_its_name() {
    let image: Vec<u8> =
        b"\x89PNG\r\n\x1a\n".iter().copied().chain((0..=255).cycle().take(99_999)).collect();
    let server = setup().file("a/lake é.png", &image).start();
    let folder = tempdir().unwrap();
    let output = get(folder.path(), &["-k", &url(&server, "/a/lake%20%C3%A9.png")]);
    assert_eq!((output.status.code(), out(&output).as_str()), (Some(0), ""));
    assert_eq!(error(&output), "Saved lake é.png (97.7 KiB); -o - writes to standard output\n");
    assert_eq!(fs::read(folder.path().join("lake é.png")).unwrap(), image);

    // Text that is offered as a download, too.
    let server = setup().file("a.txt", "text").start();
    get(folder.path(), &["-k", &url(&server, "/a.txt?download")]);
    assert_eq!(names(&folder), ["a.txt", "lake é.png"]);
}

#[test]
fn a_listing_is_readable() {
    let server = setup().file("music/song.mp3", "x").file("music/notes.txt", "y").start();
    let output = get(tempdir().unwrap().path(), &["-k", &url(&server, "/music")]);
    let text = out(&output);
    assert!(text.contains("song.mp3") && text.contains("notes.txt"), "{text}");
    assert!(!text.contains('<'), "{text}");
}

#[test]
fn every_protocol_is_spoken() {
    let server = setup().over(Over::Tls).file("a.txt", "text").start();
    let folder = tempdir().unwrap();
    let certificate = server.root.parent().unwrap().join("cert.pem");
    let certificate = certificate.to_str().unwrap();
    let secure = format!("https://localhost:{}/a.txt", server.address.port());
    for (flags, protocol) in [
        (&["-k"][..], "HTTP/2.0"),
        (&["-k", "--http1.1"], "HTTP/1.1"),
        (&["-k", "--http2"], "HTTP/2.0"),
        (&["--cacert", certificate], "HTTP/2.0"),
    ] {
        let output = get(folder.path(), &[flags, &[&secure]].concat());
        assert_eq!(out(&output), "text", "{flags:?} {}", error(&output));
        server.line(|line| line.contains("GET /a.txt ") && line.contains(protocol));
    }
    // https is found out.
    assert_eq!(out(&get(folder.path(), &["-k", &secure["https://".len()..]])), "text");
    let line = complaint(&get(folder.path(), &[&secure]), 1);
    assert!(line.contains("not trusted") && line.contains("--insecure"), "{line}");
    let own = tempdir().unwrap();
    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::write(own.path().join("other.pem"), other.cert.pem()).unwrap();
    complaint(&get(own.path(), &["--cacert", "other.pem", &secure]), 1);
    let line = complaint(&get(own.path(), &["--cacert", "none.pem", &secure]), 1);
    assert!(line.contains("none.pem"), "{line}");

    let plain = setup().plain().file("a.txt", "text").start();
    let address = format!("{}/a.txt", plain.address);
    assert_eq!(out(&get(folder.path(), &["--http2", &address])), "text");
    plain.line(|line| line.contains("HTTP/2.0"));
}

#[test]
fn the_head_is_printed_when_asked_for() {
    let server = setup().file("a.txt", "text").start();
    let folder = tempdir().unwrap();
    let head = out(&get(folder.path(), &["-kI", &url(&server, "/a.txt")]));
    assert!(head.starts_with("HTTP/") && head.contains("200 OK\n"), "{head}");
    assert!(head.contains("\nContent-Length: 4\n") && head.contains("\nETag: \""), "{head}");
    assert!(head.ends_with("\n\n") && !head.contains('\x1b'), "{head}");
    let both = out(&get(folder.path(), &["-ki", &url(&server, "/a.txt")]));
    assert!(both.starts_with("HTTP/") && both.ends_with("\n\ntext"), "{both}");
    assert!(names(&folder).is_empty());
}

#[test]
fn the_exit_status_is_that_of_the_answer() {
    let folder = tempdir().unwrap();
    for (status, code) in
        [("200 OK", 0), ("304 Not Modified", 3), ("404 Not Found", 4), ("503 Busy", 5)]
    {
        let fields = [("Content-Type", "text/plain")];
        let content = if code == 3 { "" } else { "text" };
        let (server, _heads) = stand_in(vec![answer(status, &fields, content)]);
        let output = get(folder.path(), &[&server.to_string()]);
        assert_eq!(
            (output.status.code(), out(&output).as_str()),
            (Some(code), content),
            "{status}"
        );
        if code > 0 {
            assert!(complaint(&output, code).contains(&status[..3]));
            // What is no success is never saved.
            for save in ["-O", "-oa"] {
                let line = complaint(&get(folder.path(), &[save, &format!("{server}/a")]), code);
                assert!(line.contains("nothing is saved"), "{line}");
            }
        }
    }
    assert!(names(&folder).is_empty());
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    assert!(complaint(&get(folder.path(), &[&gone]), 1).contains("nothing listens there"));
    let (server, _heads) = stand_in(vec![answer("404 Not Found", &[], "no")]);
    let output = get(folder.path(), &[&format!("http://{server}"), &format!("http://{gone}")]);
    assert_eq!(output.status.code(), Some(1), "the worst counts");
}

#[test]
fn wrong_usage_is_status_2() {
    let folder = tempdir().unwrap();
    for arguments in [
        &["ftp://h"][..],
        &["-oa", "h", "i"],
        &["-C", "-o-", "h"],
        &["-F", "a", "h"],
        &["-d", "@nothing", "h"],
        &["-u", "name", "h"],
        &["-u", "name:pass\nword", "h"],
        &["http://name:password@h"],
    ] {
        complaint(&get(folder.path(), arguments), 2);
    }
    for arguments in [
        &[][..],
        &["-I", "-d", "a", "h"],
        &["-C", "-r", "0-1", "h"],
        &["-H", "Content-Length: 3", "h"],
        &["-H", "a", "h"],
        &["-r", "a", "h"],
        &["-o", "a", "-O", "h"],
        &["--parallel", "0", "h"],
    ] {
        assert_eq!(get(folder.path(), arguments).status.code(), Some(2), "{arguments:?}");
    }
    let help = out(&get(folder.path(), &["--help"]));
    assert!(help.contains("Exit status:") && help.contains("--compressed"), "{help}");
}

#[test]
fn names_of_hostile_servers_stay_in_the_folder() {
    for (given, name) in [
        ("attachment; filename=\"../../evil\"", "evil"),
        ("attachment; filename=\"/etc/evil\"", "evil"),
        ("attachment; filename*=UTF-8''..%2F..%2Fevil", "evil"),
        ("attachment; filename=\"..\"", "fallback"),
        ("attachment; filename=\".bashrc\"", "bashrc"),
        ("attachment; filename*=UTF-8''a%1B%5B2J%0Ab", "a_[2J_b"),
        ("attachment; filename=\"C:\\\\a\\\\evil.exe\"", "evil.exe"),
    ] {
        let outer = tempdir().unwrap();
        let inner = outer.path().join("inner/inner");
        fs::create_dir_all(&inner).unwrap();
        let fields = [("Content-Disposition", given), ("Content-Type", "text/plain")];
        let (server, _heads) = stand_in(vec![answer("200 OK", &fields, "x")]);
        let output = get(&inner, &["-O", &format!("{server}/fallback")]);
        assert_eq!(output.status.code(), Some(0), "{given}: {}", error(&output));
        assert!(!error(&output).contains('\x1b'));
        assert_eq!(fs::read(inner.join(name)).unwrap(), b"x", "{given}");
        assert_eq!(fs::read_dir(&inner).unwrap().count(), 1);
        assert_eq!(names(&outer), ["inner"]);
    }
}

#[test]
fn nothing_that_is_there_is_written_over_unless_told() {
    let server = setup().file("a.bin", "new").start();
    let url = url(&server, "/a.bin");
    let folder = tempdir().unwrap();
    let (target, victim) = (folder.path().join("a.bin"), folder.path().join("victim"));
    fs::write(&victim, "kept").unwrap();
    let prepare: [(&str, &dyn Fn()); 3] = [
        ("a file", &|| fs::write(&target, "old").unwrap()),
        ("a link", &|| std::os::unix::fs::symlink(&victim, &target).unwrap()),
        ("a link to nothing", &|| std::os::unix::fs::symlink("nothing", &target).unwrap()),
    ];
    for (what, make) in prepare {
        make();
        let flags: [&[&str]; 3] = [&[], &["-O"], &["-oa.bin"]];
        for flags in flags {
            let line = complaint(&get(folder.path(), &[&["-k", &url], flags].concat()), 1);
            assert!(
                line.contains("'a.bin' is there") && line.contains("--force"),
                "{what}: {line}"
            );
        }
        let output = get(folder.path(), &["-kO", "--force", &url]);
        assert_eq!(output.status.code(), Some(0), "{what}: {}", error(&output));
        assert_eq!(fs::read(&target).unwrap(), b"new", "{what}");
        assert!(!target.is_symlink(), "{what}");
        assert_eq!(fs::read(&victim).unwrap(), b"kept", "{what}");
        fs::remove_file(&target).unwrap();
        assert_eq!(names(&folder), ["victim"], "{what}");
    }
    fs::create_dir(&target).unwrap();
    complaint(&get(folder.path(), &["-kO", "--force", &url]), 1);
    assert!(target.is_dir());
}

#[test]
fn what_is_cut_short_gets_no_name() {
    let folder = tempdir().unwrap();
    let whole = answer("200 OK", &[("Content-Type", "image/png")], vec![7; 5000]);
    let chunked =
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n\0\0\0\0\0\r\n3\r\n\0";
    for cut in [whole[..whole.len() - 1].to_vec(), chunked.to_vec()] {
        let (server, _heads) = stand_in(vec![cut]);
        for flag in ["-O", "-oa", "--no-color"] {
            let line = complaint(&get(folder.path(), &[flag, &format!("{server}/a")]), 1);
            assert!(line.contains("not complete"), "{line}");
        }
    }
    // Nothing says that what is kept is of the same when it goes on.
    assert!(names(&folder).is_empty(), "{:?}", names(&folder));
    // Text is printed as far as it came.
    let text = answer("200 OK", &[("Content-Type", "text/plain")], "0123456789");
    let (server, _heads) = stand_in(vec![text[..text.len() - 5].to_vec()]);
    let output = get(folder.path(), &[&server.to_string()]);
    complaint(&output, 1);
    assert_eq!(out(&output), "01234");
}

#[test]
fn redirects_are_followed_within_limits() {
    let folder = tempdir().unwrap();
    let text = [("Content-Type", "text/plain")];
    let (end, heads) = stand_in(vec![answer("200 OK", &text, "there")]);
    let away = format!("http://{end}/there");
    let (start, start_heads) = stand_in(vec![answer("302 Found", &[("Location", &away)], "")]);
    let secrets = ["-H", "Authorization: secret", "-H", "Cookie: secret", "-H", "X-Key: secret"];
    let output =
        get(folder.path(), &[&secrets[..], &["-H", "Accept: a/b", &start.to_string()]].concat());
    assert_eq!(out(&output), "there", "{}", error(&output));
    assert_eq!(start_heads.recv().unwrap().matches("secret").count(), 3);
    let head = heads.recv().unwrap();
    assert!(!head.contains("secret") && head.contains("accept: a/b"), "{head}");

    // To where it came from, with everything.
    let back = [answer("307 Back", &[("Location", "/b")], ""), answer("200 OK", &text, "b")];
    let (server, heads) = stand_in(back.to_vec());
    let posted = get(folder.path(), &[&secrets[..], &["-da=b", &server.to_string()]].concat());
    assert_eq!(out(&posted), "b");
    for target in ["/", "/b"] {
        let head = heads.recv().unwrap();
        assert!(head.starts_with(&format!("POST {target} ")), "{head}");
        assert_eq!(head.matches("secret").count(), 3, "{head}");
    }

    let (server, _heads) = stand_in(vec![answer("301 Away", &[("Location", "/a")], "")]);
    let line = complaint(&get(folder.path(), &[&server.to_string()]), 1);
    let last = format!("on and on: 10 times, and now to http://{server}/a; --max-redirects");
    assert!(line.contains(&last), "{line}");
    let output = get(folder.path(), &["-I", "--max-redirects=0", &server.to_string()]);
    assert_eq!(output.status.code(), Some(3));
    assert!(out(&output).contains("\nLocation: /a\n"));
    // Into a pipe, too, it is said where to.
    let line = complaint(&get(folder.path(), &["--max-redirects=0", &server.to_string()]), 3);
    let said = format!("http://{server}/: 301 Moved Permanently to http://{server}/a\n");
    assert_eq!(line, format!("salver: {said}"));
    let saving = get(folder.path(), &["-Oi", "--max-redirects=0", &server.to_string()]);
    assert!(complaint(&saving, 3).contains(&format!("to http://{server}/a; nothing is saved")));
}

#[test]
fn nobody_is_sent_from_tls_to_plain_text() {
    let (plain, heads) = stand_in(vec![answer("200 OK", &[], "no")]);
    let away = format!("http://{plain}/");
    let secure = secure_stand_in(vec![answer("302 Found", &[("Location", &away)], "")]);
    let output = get(tempdir().unwrap().path(), &["-k", &format!("https://{secure}/")]);
    assert!(complaint(&output, 1).contains(&format!("from TLS to plain text, to {away}")));
    assert!(heads.try_recv().is_err(), "it was asked in plain text");
}

#[test]
fn a_head_without_end_is_given_up() {
    let folder = tempdir().unwrap();
    let long = format!("HTTP/1.1 200 OK\r\nX: {}", "a".repeat(4 << 20));
    let many = format!("HTTP/1.1 200 OK\r\n{}", "X: y\r\n".repeat(100_000));
    for head in [long, many] {
        let (server, _heads) = stand_in(vec![head.into_bytes()]);
        let line = complaint(&get(folder.path(), &[&server.to_string()]), 1);
        assert!(line.contains("head of the answer is too long"), "{line}");
    }
    let (server, _heads) = stand_in(vec![b"220 ftp.example.org\r\n".to_vec()]);
    assert!(complaint(&get(folder.path(), &[&server.to_string()]), 1).contains("no HTTP"));
}

#[test]
fn forms_and_files_are_sent() {
    let server = setup().flag("--enable-file-uploads");
    let uploads = server.root().join("uploads");
    let uploads_flag = format!("--upload-dir={}", uploads.display());
    let server = server.flag(&uploads_flag).start();
    let folder = tempdir().unwrap();
    let bytes: Vec<u8> = (0..=255).cycle().take(600_000).collect();
    fs::write(folder.path().join("a.bin"), &bytes).unwrap();
    let upload = url(&server, "/upload");
    let output =
        get(folder.path(), &["-k", "-F", "note=hi é", "-F", "f=@a.bin;filename=b.bin", &upload]);
    let json: serde_json::Value = serde_json::from_str(&out(&output)).unwrap();
    assert_eq!(json["fields"]["note"][0], "hi é", "{json}");
    assert_eq!(
        (&json["files"][0]["name"], &json["files"][0]["size"]),
        (&"b.bin".into(), &600_000.into())
    );
    assert_eq!(fs::read(uploads.join("b.bin")).unwrap(), bytes);

    let submit = url(&server, "/submit");
    fs::write(folder.path().join("data"), "c=d+e").unwrap();
    let output = get(folder.path(), &["-k", "-da=b%20c", "-d@data", &submit]);
    let json: serde_json::Value = serde_json::from_str(&out(&output)).unwrap();
    assert_eq!((&json["fields"]["a"][0], &json["fields"]["c"][0]), (&"b c".into(), &"d e".into()));

    let put = url(&server, "/uploads/c.bin");
    let output = get(folder.path(), &["-k", "-XPUT", "-d@a.bin", &put]);
    assert_eq!(output.status.code(), Some(0), "{}", error(&output));
    assert_eq!(fs::read(uploads.join("c.bin")).unwrap(), bytes);
}

#[test]
fn fields_are_added_replaced_and_left_out() {
    let folder = tempdir().unwrap();
    let (server, heads) = stand_in(vec![answer("200 OK", &[], "x")]);
    let fields = ["-HA: b", "-HA: c", "-HAccept: d/e", "-HUser-Agent:", "-HHost: other"];
    get(folder.path(), &[&fields[..], &[&server.to_string()]].concat());
    let head = heads.recv().unwrap();
    for line in [
        "a: b\r\n",
        "a: c\r\n",
        "accept: d/e\r\n",
        "host: other\r\n",
        "accept-encoding: identity\r\n",
    ] {
        assert_eq!(head.matches(line).count(), 1, "{line}: {head}");
    }
    assert!(!head.contains("user-agent"), "{head}");
    assert_eq!(head.matches("accept: ").count(), 1, "{head}");
}

#[test]
fn what_comes_compressed_is_decompressed() {
    let text = "a tray on which things are served\n".repeat(5000);
    let server = setup().file("a.txt", &text).file("b.js", &text).start();
    let folder = tempdir().unwrap();
    let output = get(folder.path(), &["-ki", "--compressed", &url(&server, "/a.txt")]);
    let (head, content) =
        out(&output).split_once("\n\n").map(|(h, c)| (h.to_owned(), c.to_owned())).unwrap();
    assert!(head.contains("Content-Encoding: "), "{head}");
    assert!(content == text);
    let output = get(folder.path(), &["-kO", "--compressed", &url(&server, "/b.js")]);
    assert_eq!(output.status.code(), Some(0), "{}", error(&output));
    assert!(fs::read_to_string(folder.path().join("b.js")).unwrap() == text);
    let printed = |flags: &[&str]| {
        get(folder.path(), &[&["-ko-"], flags, &[&url(&server, "/a.txt")]].concat()).stdout
    };
    assert!(printed(&["--compressed"]) == text.as_bytes());
    // Whoever asks for it by hand gets it as it is.
    assert!(printed(&["-HAccept-Encoding: gzip"]).starts_with(b"\x1f\x8b"));
    // A lie about the coding gets no name.
    let lie =
        answer("200 OK", &[("Content-Encoding", "zstd"), ("Content-Type", "a/b")], "not at all");
    let (server, _heads) = stand_in(vec![lie]);
    let said = complaint(&get(folder.path(), &["--compressed", &format!("{server}/c")]), 1);
    assert!(said.contains("not in the coding"), "{said}");
    assert_eq!(names(&folder), ["b.js"]);
}

#[test]
fn a_part_is_a_part_or_an_error() {
    let server = setup().file("a.txt", "0123456789").start();
    let folder = tempdir().unwrap();
    for (range, expected) in [("2-4", "234"), ("7-", "789"), ("-1", "9")] {
        assert_eq!(
            out(&get(folder.path(), &["-k", "-r", range, &url(&server, "/a.txt")])),
            expected
        );
    }
    complaint(&get(folder.path(), &["-k", "-r20-", "-oa", &url(&server, "/a.txt")]), 4);
    let (server, _heads) = stand_in(vec![answer("200 OK", &[], "0123456789")]);
    let line = complaint(&get(folder.path(), &["-r0-1", "-oa", &server.to_string()]), 1);
    assert!(line.contains("the whole, not the part"), "{line}");
    assert!(names(&folder).is_empty());
}

#[test]
fn several_urls_are_printed_in_their_order_and_saved_together() {
    let mut server = setup();
    let paths: Vec<_> = (0..12).map(|number| format!("{number:02}.txt")).collect();
    for path in &paths {
        server = server.file(path, format!("{path}\n").repeat(1000));
    }
    let server = server.start();
    let urls: Vec<_> = paths.iter().map(|path| url(&server, &format!("/{path}"))).collect();
    let urls: Vec<_> = urls.iter().map(String::as_str).collect();
    let folder = tempdir().unwrap();
    let output = get(folder.path(), &[&["-k"], &urls[..]].concat());
    let expected: String = paths.iter().map(|path| format!("{path}\n").repeat(1000)).collect();
    assert!(out(&output) == expected);
    let output = get(folder.path(), &[&["-kO", "--parallel=12"], &urls[..]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", error(&output));
    assert_eq!(names(&folder), paths);
}

#[test]
fn bytes_go_to_standard_output_and_devices_when_told() {
    let bytes: Vec<u8> = (0..=255).cycle().take(300_000).collect();
    let server = setup().file("a.bin", &bytes).file("latin1.txt", b"\xe9\n").start();
    let folder = tempdir().unwrap();
    let output = get(folder.path(), &["-ko-", &url(&server, "/a.bin")]);
    assert!(output.stdout == bytes && output.status.success());
    assert_eq!(get(folder.path(), &["-ko-", &url(&server, "/latin1.txt")]).stdout, b"\xe9\n");
    let output = get(folder.path(), &["-ko/dev/stdout", &url(&server, "/a.bin")]);
    assert!(output.stdout == bytes, "{}", error(&output));
    assert!(get(folder.path(), &["-ko/dev/null", &url(&server, "/a.bin")]).status.success());
    assert!(names(&folder).is_empty());
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_said() {
    let server = setup().file("a.bin", vec![1; 100_000]).start();
    let folder = tempdir().unwrap();
    let line = complaint(&get(folder.path(), &["-ko/dev/full", &url(&server, "/a.bin")]), 1);
    assert!(line.contains("'/dev/full'") && line.contains("the disk is full"), "{line}");
}

#[test]
fn on_a_terminal_the_head_is_shown_and_nothing_acts_on_it() {
    let folder = tempdir().unwrap();
    let evil = "a\x1b[2Jb\r\nc\u{9b}31md\u{7}\ttab";
    let fields = [("Content-Type", "text/plain; charset=utf-8"), ("X-Evil", "a\u{9b}2Jb")];
    let (server, _heads) = stand_in(vec![answer("200 OK", &fields, evil)]);
    let (printed, output) = get_on_terminal(folder.path(), &["--no-color", &server.to_string()]);
    assert!(printed.starts_with("HTTP/1.1 200 OK\n"), "{printed:?}");
    assert!(printed.contains("\nX-Evil: a\u{fffd}2Jb\n"), "{printed:?}");
    assert!(printed.ends_with("\n\na␛[2Jb\nc\u{fffd}31md␇\ttab\n"), "{printed:?}");
    assert!(!printed.contains('\x1b') && output.stderr.is_empty());
    // Into a pipe it is what it is.
    assert_eq!(out(&get(folder.path(), &[&server.to_string()])), evil);

    let (printed, _) = get_on_terminal(folder.path(), &[&server.to_string()]);
    assert!(printed.contains("\x1b[1;32m200 OK\x1b[0m"), "{printed:?}");
    let mut command = get_command(folder.path(), &[&server.to_string()]);
    command.env("NO_COLOR", "1");
    assert!(!out(&command.output().unwrap()).contains("\x1b[1;32m"));
}

#[test]
fn on_a_terminal_redirects_are_told_and_bytes_are_not_printed() {
    let folder = tempdir().unwrap();
    let text = [("Content-Type", "text/plain")];
    let hops =
        [answer("302 Found", &[("Location", "/b\u{202e}c")], ""), answer("200 OK", &text, "x")];
    let (server, _heads) = stand_in(hops.to_vec());
    let (printed, _) = get_on_terminal(folder.path(), &["--no-color", &server.to_string()]);
    let first = printed.lines().next().unwrap();
    assert_eq!(first, format!("302 Found, sent on to http://{server}/b%E2%80%AEc"));
    let binary = answer("200 OK", &[("Content-Type", "image/png")], b"\x1b[2J");
    let (server, _heads) = stand_in(vec![binary]);
    let (printed, output) =
        get_on_terminal(folder.path(), &["--no-color", "-o-", &server.to_string()]);
    assert_eq!((printed.as_str(), output.status.code()), ("", Some(1)));
    assert!(error(&output).contains("garble"));
}

#[test]
fn who_reads_no_more_ends_it_quietly() {
    let server = setup().file("a.txt", "line\n".repeat(1_000_000)).start();
    let script = format!("\"$0\" get -k {} | head -n 1", url(&server, "/a.txt"));
    let mut command = std::process::Command::new("sh");
    let output = command.args(["-c", &script, env!("CARGO_BIN_EXE_salver")]).output().unwrap();
    assert_eq!((out(&output).as_str(), error(&output).as_str()), ("line\n", ""));
}

/// What a compressed answer becomes is not held in memory.
#[cfg(target_os = "linux")]
#[test]
fn a_compressed_bomb_is_printed_in_little_memory() {
    use std::io::Write;
    let mut coder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    let block = vec![b' '; 1 << 20];
    for _ in 0..1024 {
        coder.write_all(&block).unwrap();
    }
    let bomb = coder.finish().unwrap();
    let fields = [("Content-Type", "text/plain"), ("Content-Encoding", "gzip")];
    let (server, _heads) = stand_in(vec![answer("200 OK", &fields, bomb)]);
    let script = format!("ulimit -v 400000; exec \"$0\" get http://{server}/ | wc -c");
    let mut command = std::process::Command::new("bash");
    let output = command.args(["-c", &script, env!("CARGO_BIN_EXE_salver")]).output().unwrap();
    assert_eq!((out(&output).trim(), error(&output).as_str()), ("1073741824", ""));
}

#[test]
fn a_folder_that_cannot_be_written_to_is_said() {
    let server = setup().file("a.bin", "x").start();
    let folder = tempdir().unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    for (target, missing) in
        [("nothing/a.bin", "nothing"), ("nothing/", "nothing/"), ("file/a.bin", "file")]
    {
        let line =
            complaint(&get(folder.path(), &["-k", "-o", target, &url(&server, "/a.bin")]), 1);
        assert!(line.contains(&format!("there is no folder '{missing}'")), "{line}");
    }
    assert_eq!(names(&folder), ["file"]);
}

#[test]
fn into_a_folder_under_the_names_of_the_server() {
    let server = setup().file("a.bin", "a").file("b.bin", "b").start();
    let outer = tempdir().unwrap();
    let inner = outer.path().join("inner");
    fs::create_dir(&inner).unwrap();
    let urls = [url(&server, "/a.bin"), url(&server, "/b.bin")];
    let output = get(outer.path(), &["-ko", "inner/", &urls[0], &urls[1]]);
    assert_eq!(output.status.code(), Some(0), "{}", error(&output));
    assert_eq!(fs::read(inner.join("a.bin")).unwrap(), b"a");
    assert_eq!(fs::read(inner.join("b.bin")).unwrap(), b"b");
    let line = complaint(&get(outer.path(), &["-ko", "inner", &urls[0]]), 1);
    assert!(line.contains("'inner/a.bin' is there already"), "{line}");
    let fields = [("Content-Disposition", "attachment; filename=\"../../evil\"")];
    let (hostile, _heads) = stand_in(vec![answer("200 OK", &fields, "x")]);
    assert!(get(outer.path(), &["-o", "inner/", &format!("{hostile}/a")]).status.success());
    assert_eq!(names(&outer), ["inner"]);
    assert_eq!(fs::read(inner.join("evil")).unwrap(), b"x");
}
