//! `salver get -C`: downloads that broke off go on, or begin anew when they are of something else.

#![allow(clippy::expect_used, clippy::unwrap_used)]

mod support;

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use support::stand_in::{answer, cutting, get, get_command, noise, stalling, stand_in};
use support::{eventually, setup};
use tempfile::tempdir;

const TAGGED: &[(&str, &str)] = &[("ETag", "\"1\""), ("Content-Type", "image/png")];

fn error(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("text")
}

/// An answer of which the last bytes are missing.
fn cut(fields: &[(&str, &str)], content: &str, missing: usize) -> Vec<u8> {
    let mut whole = answer("200 OK", fields, content);
    whole.truncate(whole.len() - missing);
    whole
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// It breaks off, and says how to go on.
fn breaks_off(folder: &Path, arguments: &[&str]) {
    let output = get(folder, arguments);
    let text = error(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("are kept in") && text.contains("-C goes on there"), "{text}");
}

#[test]
fn a_large_file_that_is_cut_is_resumed() {
    let content = noise(64 << 20, 1);
    let server = setup().plain().file("d/big.bin", &content).start();
    let ways: [&[&str]; 3] = [&[], &["-O"], &["-obig.bin"]];
    for flags in ways {
        let folder = tempdir().unwrap();
        let url = format!("http://{}/d/big.bin", cutting(server.address, 40 << 20));
        breaks_off(folder.path(), &[flags, &[&url]].concat());
        assert_eq!(names(folder.path()), [".big.bin.part", ".big.bin.part.json"]);
        let kept = fs::metadata(folder.path().join(".big.bin.part")).unwrap().len();
        assert!((39 << 20..40 << 20).contains(&kept), "{kept}");

        let output = get(folder.path(), &[flags, &["-C", &url]].concat());
        assert_eq!(output.status.code(), Some(0), "{}", error(&output));
        assert!(
            error(&output).contains("it goes on\nSaved big.bin (64.0 MiB)"),
            "{}",
            error(&output)
        );
        assert_eq!(names(folder.path()), ["big.bin"]);
        assert!(fs::read(folder.path().join("big.bin")).unwrap() == content);
        server.line(|line| line.contains("\" 206 "));
    }
}

#[test]
fn what_has_changed_is_fetched_whole() {
    let (old, new) = (noise(3 << 20, 2), noise(2 << 20, 3));
    let server = setup().plain().file("a.bin", &old).start();
    let folder = tempdir().unwrap();
    let url = format!("http://{}/a.bin", cutting(server.address, 1 << 20));
    breaks_off(folder.path(), &["-O", &url]);
    fs::write(server.root.join("a.bin"), &new).unwrap();
    let length = new.len().to_string();
    let head = || server.request("HEAD", "/a.bin", &[]);
    eventually(|| (head().field("content-length") == Some(&length)).then_some(()));
    let output = get(folder.path(), &["-CO", &url]);
    assert_eq!(output.status.code(), Some(0), "{}", error(&output));
    assert!(
        error(&output).contains("it has changed, it comes from the start"),
        "{}",
        error(&output)
    );
    assert!(fs::read(folder.path().join("a.bin")).unwrap() == new);
    assert_eq!(names(folder.path()), ["a.bin"]);
}

#[test]
fn a_server_without_parts_sends_the_whole() {
    let whole = answer("200 OK", TAGGED, "0123456789");
    let (server, heads) = stand_in(vec![cut(TAGGED, "0123456789", 4), whole]);
    let folder = tempdir().unwrap();
    breaks_off(folder.path(), &[&format!("{server}/a")]);
    let output = get(folder.path(), &["-C", &format!("{server}/a")]);
    assert!(error(&output).contains("sends no parts"), "{}", error(&output));
    assert_eq!(fs::read(folder.path().join("a")).unwrap(), b"0123456789");
    assert!(!heads.recv().unwrap().contains("range"));
    let head = heads.recv().unwrap();
    assert!(head.contains("range: bytes=6-\r\n") && head.contains("if-range: \"1\"\r\n"), "{head}");
}

/// What is looked at to tell what it is counts as well.
#[test]
fn what_has_no_type_is_resumed() {
    let (content, tag) = ("\0\u{1}2345\u{0}789", ("ETag", "\"1\""));
    let range = ("Content-Range", "bytes 6-9/10");
    let rest = answer("206 Partial Content", &[tag, range], &content[6..]);
    let (server, heads) = stand_in(vec![cut(&[tag], content, 4), rest]);
    let folder = tempdir().unwrap();
    breaks_off(folder.path(), &[&format!("{server}/a")]);
    let output = get(folder.path(), &["-C", &format!("{server}/a")]);
    assert!(error(&output).contains("it goes on\nSaved a (10 B)"), "{}", error(&output));
    assert_eq!(fs::read(folder.path().join("a")).unwrap(), content.as_bytes());
    assert_eq!(heads.try_iter().count(), 2);
}

#[test]
fn a_part_that_does_not_fit_is_not_taken() {
    for (range, tag) in
        [("bytes 5-9/10", "\"1\""), ("bytes 6-9/10", "\"2\""), ("bytes 6-9/11", "\"1\"")]
    {
        let fields = [("ETag", tag), ("Content-Range", range)];
        let answers = vec![
            cut(TAGGED, "0123456789", 4),
            answer("206 Partial Content", &fields, "xxxx"),
            answer("200 OK", TAGGED, "abcdefghij"),
        ];
        let (server, heads) = stand_in(answers);
        let folder = tempdir().unwrap();
        breaks_off(folder.path(), &[&format!("{server}/a")]);
        let output = get(folder.path(), &["-C", &format!("{server}/a")]);
        assert_eq!(output.status.code(), Some(0), "{range} {}", error(&output));
        assert_eq!(fs::read(folder.path().join("a")).unwrap(), b"abcdefghij");
        assert!(!heads.iter().nth(2).unwrap().contains("range: "));
    }
}

#[test]
fn what_was_complete_but_for_its_end_gets_its_name() {
    let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nETag: \"1\"\r\n\
        Content-Type: image/png\r\n\r\n5\r\n01234\r\n"
        .to_vec();
    let satisfied = answer("416 Nothing", &[("Content-Range", "bytes */5"), ("ETag", "\"1\"")], "");
    let (server, _heads) = stand_in(vec![chunked, satisfied]);
    let folder = tempdir().unwrap();
    breaks_off(folder.path(), &[&format!("{server}/a")]);
    let output = get(folder.path(), &["-C", &format!("{server}/a")]);
    assert_eq!(output.status.code(), Some(0), "{}", error(&output));
    assert_eq!(fs::read(folder.path().join("a")).unwrap(), b"01234");
    assert_eq!(names(folder.path()), ["a"]);
}

#[test]
fn an_error_leaves_what_is_there() {
    let answers = vec![
        cut(TAGGED, "0123456789", 4),
        answer("503 Busy", &[], "later"),
        answer(
            "206 Partial Content",
            &[("Content-Range", "bytes 6-9/10"), ("ETag", "\"1\"")],
            "6789",
        ),
    ];
    let (server, _heads) = stand_in(answers);
    let folder = tempdir().unwrap();
    let url = format!("{server}/a");
    breaks_off(folder.path(), &["-O", &url]);
    let output = get(folder.path(), &["-CO", &url]);
    assert_eq!(output.status.code(), Some(5), "{}", error(&output));
    assert!(error(&output).contains("6 B are kept"), "{}", error(&output));
    assert_eq!(get(folder.path(), &["-CO", &url]).status.code(), Some(0));
    assert_eq!(fs::read(folder.path().join("a")).unwrap(), b"0123456789");
}

#[test]
fn without_something_that_names_the_version_nothing_is_kept() {
    let weak = [("ETag", "W/\"1\""), ("Content-Type", "image/png")];
    let unpartable = [TAGGED, &[("Accept-Ranges", "none")]].concat();
    for fields in [&weak[..], &unpartable] {
        let (server, _heads) = stand_in(vec![cut(fields, "0123456789", 4)]);
        let folder = tempdir().unwrap();
        let output = get(folder.path(), &["-O", &format!("{server}/a")]);
        assert_eq!(output.status.code(), Some(1));
        assert!(!error(&output).contains("kept"), "{}", error(&output));
        assert!(names(folder.path()).is_empty());
    }
}

#[test]
fn with_nothing_to_go_on_with_it_is_a_download_like_any_other() {
    let server = setup().plain().file("a.bin", "text").start();
    let folder = tempdir().unwrap();
    let url = format!("{}/a.bin", server.address);
    assert_eq!(get(folder.path(), &["-CO", &url]).status.code(), Some(0));
    assert_eq!(fs::read(folder.path().join("a.bin")).unwrap(), b"text");
    let output = get(folder.path(), &["-CO", &url]);
    assert_eq!(output.status.code(), Some(1));
    let said = error(&output);
    assert!(said.contains("taken to be complete") && said.contains("--force"), "{said}");
    let output = get(folder.path(), &["-C", "-oa.bin", &url]);
    assert!(error(&output).contains("taken to be complete"), "{}", error(&output));
    assert_eq!(get(folder.path(), &["-CO", "--force", &url]).status.code(), Some(0));
}

#[test]
fn what_is_kept_of_another_url_is_not_thrown_away_in_silence() {
    for place in ["-O", "-oa"] {
        let answers = vec![cut(TAGGED, "0123456789", 4), answer("200 OK", TAGGED, "abcdefghij")];
        let (server, heads) = stand_in(answers);
        let folder = tempdir().unwrap();
        breaks_off(folder.path(), &[place, &format!("{server}/a?b")]);
        let output = get(folder.path(), &["-C", place, &format!("{server}/c/../a")]);
        assert_eq!(output.status.code(), Some(0), "{}", error(&output));
        let said = format!("a: the 6 B that are kept are of http://{server}/a, not of");
        assert!(error(&output).contains(&said), "{}", error(&output));
        assert!(error(&output).contains("it comes from the start"), "{}", error(&output));
        assert!(!heads.iter().nth(1).unwrap().contains("range: "));
        assert_eq!(fs::read(folder.path().join("a")).unwrap(), b"abcdefghij");
    }
}

#[test]
fn it_goes_on_in_a_folder() {
    let answers = vec![
        cut(TAGGED, "0123456789", 4),
        answer(
            "206 Partial Content",
            &[("Content-Range", "bytes 6-9/10"), ("ETag", "\"1\"")],
            "6789",
        ),
    ];
    let (server, _heads) = stand_in(answers);
    let folder = tempdir().unwrap();
    fs::create_dir(folder.path().join("d")).unwrap();
    breaks_off(folder.path(), &["-od/", &format!("{server}/a")]);
    assert_eq!(get(folder.path(), &["-C", "-od", &format!("{server}/a")]).status.code(), Some(0));
    assert_eq!(fs::read(folder.path().join("d/a")).unwrap(), b"0123456789");
}

#[test]
fn without_being_told_it_begins_anew() {
    let answers = vec![cut(TAGGED, "0123456789", 4), answer("200 OK", TAGGED, "abc")];
    let (server, heads) = stand_in(answers);
    let folder = tempdir().unwrap();
    breaks_off(folder.path(), &[&format!("{server}/a")]);
    assert_eq!(get(folder.path(), &[&format!("{server}/a")]).status.code(), Some(0));
    assert!(!heads.iter().nth(1).unwrap().contains("range: "));
    assert_eq!(
        (fs::read(folder.path().join("a")).unwrap(), names(folder.path()).len()),
        (b"abc".into(), 1)
    );
}

#[test]
fn signals_leave_what_has_come() {
    let half = cut(TAGGED, &"0123456789".repeat(100_000), 500_000);
    for (signal, code) in [("INT", Some(130)), ("TERM", Some(143)), ("KILL", None)] {
        let folder = tempdir().unwrap();
        let server = stalling(half.clone());
        let mut command = get_command(folder.path(), &["-O", &format!("{server}/a")]);
        let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let part = folder.path().join(".a.part");
        let enough = || fs::metadata(&part).is_ok_and(|meta| meta.len() >= 256 << 10);
        eventually(|| enough().then_some(()));
        let id = child.id().to_string();
        assert!(Command::new("kill").args(["-s", signal, &id]).status().unwrap().success());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), code, "{signal}: {}", error(&output));
        assert_eq!(output.status.signal().is_some(), signal == "KILL");
        assert_eq!(names(folder.path()), [".a.part", ".a.part.json"]);
        if signal != "KILL" {
            assert!(error(&output).contains("stopped. 488.3 KiB are kept"), "{}", error(&output));
        }
    }
}

#[test]
fn a_server_that_says_nothing_more_is_given_up() {
    let folder = tempdir().unwrap();
    let server = stalling(cut(TAGGED, "0123456789", 5));
    let output = get(folder.path(), &["-O", "--timeout=0.3", &format!("{server}/a")]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        error(&output).contains("nothing more came") && error(&output).contains("5 B are kept")
    );
    let silent = stalling(Vec::new());
    let output = get(folder.path(), &["--timeout=0.3", &silent.to_string()]);
    assert!(error(&output).contains("no answer within"), "{}", error(&output));
}

#[test]
fn two_downloads_do_not_write_to_one_file() {
    let folder = tempdir().unwrap();
    let server = stalling(cut(TAGGED, &"0123456789".repeat(100_000), 500_000));
    let url = format!("{server}/a");
    let mut first =
        get_command(folder.path(), &["-O", &url]).stderr(Stdio::null()).spawn().unwrap();
    let part = folder.path().join(".a.part");
    let enough = || fs::metadata(&part).is_ok_and(|meta| meta.len() >= 256 << 10);
    eventually(|| enough().then_some(()));
    for flags in ["-O", "-CO"] {
        let output = get(folder.path(), &[flags, &url]);
        assert_eq!(output.status.code(), Some(1));
        assert!(error(&output).contains("another download"), "{}", error(&output));
    }
    assert!(fs::metadata(&part).unwrap().len() >= 256 << 10);
    first.kill().unwrap();
    first.wait().unwrap();
}

#[test]
#[ignore = "writes 2 GiB"]
fn a_gibibyte_is_resumed_in_little_memory() {
    let server = setup().plain().start();
    let content = noise(1 << 30, 5);
    fs::write(server.root.join("big.bin"), &content).unwrap();
    let folder = tempdir().unwrap();
    let url = format!("http://{}/big.bin", cutting(server.address, 600 << 20));
    breaks_off(folder.path(), &["-O", &url]);
    let script = "ulimit -v 400000; exec \"$0\" get -CO \"$1\"";
    let mut command = Command::new("bash");
    command.args(["-c", script, env!("CARGO_BIN_EXE_salver"), &url]).current_dir(folder.path());
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", error(&output));
    assert!(fs::read(folder.path().join("big.bin")).unwrap() == content);
}
