//! Requests, legal and not, and exactly what comes back: the tables in `tests/wire/`.
//!
//! A case is a line `# clause: what it is about`, the bytes in lines of their own (joined without
//! anything between them; `\r \n \t \\ \xHH` are escapes), and a line `= ` with the statuses of all
//! answers. Behind the bytes goes one more request, `OPTIONS *`, which is answered with 204 if the
//! connection is still open and in step: a case without a last 204 has closed the connection.

#![allow(clippy::expect_used, clippy::unwrap_used)]

mod support;

use std::fs;
use std::path::Path;

use support::{Client, Server, setup};

const PROBE: &[u8] = b"OPTIONS * HTTP/1.1\r\nHost: t\r\n\r\n";

struct Case {
    about: String,
    bytes: Vec<u8>,
    statuses: Vec<u16>,
}

#[test]
fn every_case_of_every_table() {
    let server = setup().file("index.html", "home").file("a.txt", "0123456789").start();
    let mut wrong = Vec::new();
    let mut count = 0;
    for entry in fs::read_dir(Path::new("tests/wire")).expect("the tables") {
        let path = entry.expect("a table").path();
        for case in cases(&fs::read_to_string(&path).expect("text")) {
            count += 1;
            let statuses = answers(&server, &case.bytes);
            if statuses != case.statuses {
                wrong.push(format!(
                    "{}: {}\n  expected {:?}, got {statuses:?}",
                    path.display(),
                    case.about,
                    case.statuses
                ));
            }
        }
    }
    assert!(count > 50, "only {count} cases");
    assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_case_arriving_byte_by_byte_ends_the_same() {
    let server = setup().file("index.html", "home").file("a.txt", "0123456789").start();
    for entry in fs::read_dir(Path::new("tests/wire")).expect("the tables") {
        let path = entry.expect("a table").path();
        for case in cases(&fs::read_to_string(&path).expect("text")) {
            let mut client = server.connect();
            // A connection that the server has ended takes no more.
            let sent = case.bytes.iter().chain(PROBE).all(|byte| client.try_send([*byte]).is_ok());
            if sent {
                let _ = client.try_finish();
            }
            assert_eq!(statuses(&mut client), case.statuses, "{}", case.about);
        }
    }
}

fn answers(server: &Server, bytes: &[u8]) -> Vec<u16> {
    let mut client = server.connect();
    if client.try_send([bytes, PROBE].concat()).is_ok() {
        let _ = client.try_finish();
    }
    statuses(&mut client)
}

fn statuses(client: &mut Client) -> Vec<u16> {
    let mut statuses = Vec::new();
    while !client.is_at_end() {
        let response = client.response_to(if statuses.is_empty() { "GET" } else { "OPTIONS" });
        statuses.push(response.status);
    }
    statuses
}

fn cases(text: &str) -> Vec<Case> {
    let mut cases = Vec::new();
    let mut about = String::new();
    let mut bytes = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        if let Some(words) = line.strip_prefix("# ") {
            words.clone_into(&mut about);
        } else if let Some(list) = line.strip_prefix("= ") {
            let statuses = list.split(' ').map(|s| s.parse().expect("a status")).collect();
            cases.push(Case { about: about.clone(), bytes: std::mem::take(&mut bytes), statuses });
        } else {
            unescape(line, &mut bytes);
        }
    }
    cases
}

fn unescape(line: &str, out: &mut Vec<u8>) {
    let mut bytes = line.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        match bytes.next().expect("an escape") {
            b'r' => out.push(b'\r'),
            b'n' => out.push(b'\n'),
            b't' => out.push(b'\t'),
            b'\\' => out.push(b'\\'),
            b'x' => {
                let digits = [bytes.next().expect("a digit"), bytes.next().expect("a digit")];
                let text = std::str::from_utf8(&digits).expect("two digits");
                out.push(u8::from_str_radix(text, 16).expect("two hexadecimal digits"));
            }
            other => panic!("no escape: \\{}", char::from(other)),
        }
    }
}
