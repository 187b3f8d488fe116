//! `salver get` from servers that answer what they were not asked: nothing of it lands under a name.

#![allow(clippy::expect_used, clippy::unwrap_used)]

mod support;

use std::fs;
use std::io;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Output, Stdio};
use std::thread;

use bytes::Bytes;
use rustix::process::{Pid, Signal, kill_process};
use support::eventually;
use support::stand_in::{answer, get, get_command, stand_in};
use tempfile::tempdir;

type Fields = &'static [(&'static str, &'static str)];

const TAGGED: Fields = &[("ETag", "\"a\""), ("Content-Type", "image/png")];

/// Five bytes of ten.
const HALF: &[u8] =
    b"HTTP/1.1 200 OK\r\nETag: \"a\"\r\nContent-Type: image/png\r\nContent-Length: 10\r\n\r\nAAAAA";

fn error(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("text")
}

/// A download that breaks off, and the same with `-C`, which gets these answers.
fn resumed(first: &[u8], answers: Vec<Vec<u8>>) -> (tempfile::TempDir, Output) {
    let (server, _heads) = stand_in([vec![first.to_vec()], answers].concat());
    let folder = tempdir().unwrap();
    let url = format!("{server}/f");
    let output = get(folder.path(), &["-O", &url]);
    assert!(error(&output).contains("-C goes on there"), "{}", error(&output));
    let output = get(folder.path(), &["-O", "-C", &url]);
    (folder, output)
}

fn is_there(folder: &Path) -> bool {
    folder.join("f").exists()
}

#[test]
fn a_rest_that_is_shorter_or_longer_than_it_says_does_not_land() {
    let part = |framing: &str, content: &str| {
        let head = "HTTP/1.1 206 P\r\nETag: \"a\"\r\nContent-Range: bytes 5-9/10\r\n";
        format!("{head}{framing}\r\n\r\n{content}").into_bytes()
    };
    for rest in [
        part("Content-Length: 0", ""),
        part("Content-Length: 2", "BB"),
        part("Content-Length: 12", "BBBBBBBBBBBB"),
        part("Transfer-Encoding: chunked", "2\r\nBB\r\n0\r\n\r\n"),
        part("Connection: close", "BB"),
    ] {
        let shown = String::from_utf8_lossy(&rest).into_owned();
        let (folder, output) = resumed(HALF, vec![rest]);
        assert_eq!(output.status.code(), Some(1), "{shown}\n{}", error(&output));
        assert!(!is_there(folder.path()), "{shown}");
    }
}

const NEWER: (&str, &str) = ("Last-Modified", "Tue, 02 Jan 2024 00:00:00 GMT");

#[test]
fn a_rest_of_another_version_is_not_taken() {
    let dated = b"HTTP/1.1 200 OK\r\nLast-Modified: Mon, 01 Jan 2024 00:00:00 GMT\r\n\
        Date: Wed, 03 Jan 2024 00:00:00 GMT\r\nContent-Type: image/png\r\nContent-Length: 10\r\n\r\nAAAAA";
    let rows: [(&[u8], Fields); 5] = [
        (dated, &[NEWER]),
        (dated, &[("ETag", "\"b\"")]),
        (HALF, &[NEWER]),
        (HALF, &[("ETag", "W/\"a\"")]),
        (HALF, &[("ETag", "\"a\""), ("Content-Encoding", "gzip")]),
    ];
    for (first, fields) in rows {
        let fields = [fields, &[("Content-Range", "bytes 5-9/10")]].concat();
        let part = answer("206 Partial Content", &fields, "BBBBB");
        let whole = answer("200 OK", TAGGED, "CCCCCCCCCC");
        let (folder, output) = resumed(first, vec![part, whole]);
        assert_eq!(output.status.code(), Some(0), "{fields:?}: {}", error(&output));
        assert_eq!(fs::read(folder.path().join("f")).unwrap(), b"CCCCCCCCCC", "{fields:?}");
    }
}

#[test]
fn an_answer_without_the_content_is_a_failure_and_takes_nothing_away() {
    let wrong = [("ETag", "\"b\""), ("Content-Range", "bytes 5-9/10")];
    let part = answer("206 Partial Content", &wrong, "BBBBB");
    let nothing = b"HTTP/1.1 204 No Content\r\n\r\n".to_vec();
    let later = answer("202 Accepted", &[], "please wait");
    let switch = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n";
    for answers in [vec![part.clone(), part], vec![nothing], vec![later], vec![switch.to_vec()]] {
        let (folder, output) = resumed(HALF, answers);
        assert_eq!(output.status.code(), Some(1), "{}", error(&output));
        assert!(!is_there(folder.path()));
        assert_eq!(fs::read(folder.path().join(".f.part")).unwrap(), b"AAAAA");
    }
}

#[test]
fn a_part_that_nobody_asked_for_is_not_the_file() {
    let part = |range| answer("206 Partial Content", &[("Content-Range", range)], "4567");
    let rows: [(&[&str], Vec<u8>); 6] = [
        (&[], part("bytes 4-7/100")),
        (&["-r", "0-3"], part("bytes 500-503/1000")),
        (&["-r", "4-7"], part("bytes 4-9/10")),
        (&["-r", "4-"], part("bytes 4-7/100")),
        (
            &[],
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"
                .to_vec(),
        ),
        (&[], answer("200 OK", &[("Transfer-Encoding", "gzip")], "xxxx")),
    ];
    for (arguments, wrong) in rows {
        let shown = String::from_utf8_lossy(&wrong).into_owned();
        let (server, _heads) = stand_in(vec![wrong]);
        let folder = tempdir().unwrap();
        let output = get(folder.path(), &[arguments, &["-O", &format!("{server}/f")]].concat());
        assert_eq!(output.status.code(), Some(1), "{shown}\n{}", error(&output));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "{shown}");
    }
    let (server, _heads) = stand_in(vec![part("bytes 4-7/100")]);
    let folder = tempdir().unwrap();
    let output = get(folder.path(), &["-r", "4-7", "-O", &format!("{server}/f")]);
    assert_eq!(output.status.code(), Some(0), "{}", error(&output));
    assert_eq!(fs::read(folder.path().join("f")).unwrap(), b"4567");
}

/// A server of HTTP/2 that sends 500 bytes, then resets the stream without an error.
fn resetting(length: Option<&'static str>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || -> io::Result<()> {
        let (stream, _) = listener.accept()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            stream.set_nonblocking(true)?;
            let stream = tokio::net::TcpStream::from_std(stream)?;
            let shaken = h2::server::handshake(stream).await;
            let mut connection = shaken.map_err(io::Error::other)?;
            while let Some(request) = connection.accept().await {
                let (_, mut respond) = request.map_err(io::Error::other)?;
                let mut head = http::Response::builder();
                if let Some(length) = length {
                    head = head.header("content-length", length);
                }
                let head = head.body(()).map_err(io::Error::other)?;
                let mut content = respond.send_response(head, false).map_err(io::Error::other)?;
                content.send_data(Bytes::from(vec![b'x'; 500]), false).map_err(io::Error::other)?;
                tokio::spawn(async move {
                    // Once what was sent before has gone.
                    tokio::task::yield_now().await;
                    content.send_reset(h2::Reason::NO_ERROR);
                });
            }
            Ok(())
        })
    });
    format!("http://{address}/f")
}

#[test]
fn a_stream_that_is_reset_is_not_complete() {
    for length in [Some("1000"), None] {
        let url = resetting(length);
        let folder = tempdir().unwrap();
        let output = get(folder.path(), &["--http2", "-O", &url]);
        assert_eq!(output.status.code(), Some(1), "{length:?}: {}", error(&output));
        assert!(!is_there(folder.path()), "{length:?}");
    }
}

#[test]
fn hidden_files_of_somebody_else_are_left_alone() {
    for name in [".f.part", ".f.part.json"] {
        let (server, _heads) = stand_in(vec![answer("200 OK", TAGGED, "content")]);
        let folder = tempdir().unwrap();
        fs::write(folder.path().join(name), "mine").unwrap();
        let url = format!("{server}/f");
        let output = get(folder.path(), &["-O", &url]);
        assert_eq!(output.status.code(), Some(1), "{}", error(&output));
        assert!(error(&output).contains("not of a download"), "{}", error(&output));
        assert_eq!(fs::read(folder.path().join(name)).unwrap(), b"mine");

        let (server, _heads) = stand_in(vec![answer("200 OK", TAGGED, "content")]);
        let output = get(folder.path(), &["-O", "--force", &format!("{server}/f")]);
        assert_eq!(output.status.code(), Some(0), "{}", error(&output));
        assert_eq!(fs::read(folder.path().join("f")).unwrap(), b"content");
    }
}

#[test]
fn one_signal_ends_it_though_nobody_reads_what_comes() {
    let (server, _heads) = stand_in(vec![answer("200 OK", &[], "x".repeat(8 << 20))]);
    let folder = tempdir().unwrap();
    let mut command = get_command(folder.path(), &["-o", "-", &format!("{server}/f")]);
    // Nobody reads from it, and it stays open.
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let pipe = child.stdout.take().unwrap();
    // More is on its way than the pipe takes.
    eventually(|| (rustix::io::ioctl_fionread(&pipe).unwrap() >= 32_768).then_some(()));
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(143));
}
