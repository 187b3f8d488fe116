//! The head parser against `httparse`, on heads made up and spoiled. What must hold is in
//! `fuzz/checks/head.rs`, for the fuzzer and for these tests alike; so is the list of the rules in
//! which we are stricter on purpose.

#[path = "../fuzz/checks/head.rs"]
mod head;

use proptest::prelude::*;
use salver::http1::{HeadError, HeadParser, Limits};

fn ours(bytes: &[u8]) -> Result<Option<usize>, HeadError> {
    let head = HeadParser::new(Limits::default()).parse(bytes)?;
    Ok(head.map(|head| head.length))
}

fn theirs(bytes: &[u8]) -> Result<httparse::Status<usize>, httparse::Error> {
    let mut headers = [httparse::EMPTY_HEADER; 100];
    httparse::Request::new(&mut headers).parse(bytes)
}

/// For each rule that only we have, a head that `httparse` takes.
#[test]
fn each_stricter_rule_refuses_what_httparse_takes() {
    use HeadError as E;
    let with = |fields: &str| format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n");
    let without_host = |line: &str| format!("{line}\r\n\r\n");
    let long = |bytes: usize| "a".repeat(bytes);
    let rows = [
        (E::BareLf, "GET / HTTP/1.1\nHost: a\n\n".to_owned()),
        (E::EmptyLine, "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n".to_owned()),
        (E::UnknownMethod, without_host("BREW / HTTP/1.1")),
        (E::TargetForm, without_host("GET a HTTP/1.1")),
        (E::TargetAuthority, without_host("GET http://u@a/ HTTP/1.1")),
        (E::TargetByte, without_host("GET /a#b HTTP/1.1")),
        (E::TargetTooLong, without_host(&format!("GET /{} HTTP/1.1", long(8192)))),
        (E::TooLong, with(&format!("A: {}", long(16384)))),
        (E::HostMissing, without_host("GET / HTTP/1.1")),
        (E::HostRepeated, with("Host: a")),
        (E::HostInvalid, "GET / HTTP/1.1\r\nHost: a b\r\n\r\n".to_owned()),
        (E::LengthSyntax, with("Content-Length: 1, 1")),
        (E::LengthRepeated, with("Content-Length: 1\r\nContent-Length: 1")),
        (E::LengthOverflow, with("Content-Length: 18446744073709551616")),
        (E::LengthAndCoding, with("Content-Length: 1\r\nTransfer-Encoding: chunked")),
        (E::CodingInOldVersion, without_host("POST / HTTP/1.0\r\nTransfer-Encoding: chunked")),
        (E::CodingSyntax, with("Transfer-Encoding: ,chunked")),
        (E::UnknownCoding, with("Transfer-Encoding: gzip, chunked")),
        (E::ChunkedNotLast, with("Transfer-Encoding: chunked, gzip")),
        (E::UnknownExpectation, with("Expect: tea")),
    ];
    for (rule, bytes) in &rows {
        let complete = httparse::Status::Complete(bytes.len());
        assert_eq!(theirs(bytes.as_bytes()), Ok(complete), "{bytes:?}");
        assert_eq!(ours(bytes.as_bytes()), Err(*rule), "{bytes:?}");
        head::check(bytes.as_bytes());
    }
    // The preface is no request to httparse either; only that it says so a byte earlier.
    let of_rows = rows.iter().map(|(rule, _)| *rule).chain([E::Http2Preface]);
    for rule in head::STRICTER {
        assert!(of_rows.clone().any(|of_row| of_row == *rule), "{rule:?}");
    }
    assert_eq!(of_rows.count(), head::STRICTER.len());
}

/// The two places where only we take a head.
#[test]
fn later_minor_versions_and_bytes_that_are_not_utf8_are_taken() {
    for (bytes, error) in [
        (&b"GET / HTTP/1.2\r\nHost: a\r\n\r\n"[..], httparse::Error::Version),
        (b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n", httparse::Error::Token),
    ] {
        assert_eq!(ours(bytes), Ok(Some(bytes.len())));
        assert_eq!(theirs(bytes), Err(error));
        head::check(bytes);
    }
}

/// Heads that keep all the rules.
fn legal() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        8 => "(GET|HEAD|POST|PUT|DELETE|PATCH|TRACE|OPTIONS) /[!$-~]{0,40}(\\?[!$-~\u{e4}]{0,20})?",
        1 => "(GET|PUT) (http|HTTPS)://([a-z0-9.-]{1,9}|\\[::1\\])(:[0-9]{0,4})?(/[!$-~]{0,9})?",
        1 => "OPTIONS \\*",
        1 => "CONNECT [a-z0-9.-]{1,9}:[1-9][0-9]{0,3}",
    ];
    let field = prop_oneof![
        4 => "[A-Z][a-z]{1,8}(-[A-Z][a-z]{1,8}){0,2}x:[ \t]{0,2}[!-~\u{e4}]{0,60}( [!-~]{1,20}){0,3}[ \t]{0,2}",
        1 => "X[!#$%&'*+.^_`|~0-9A-Za-z-]{0,30}:",
        1 => "(Connection|ACCEPT|accept-encoding|Cookie): ?[a-z, ;=]{0,30}",
    ];
    let body = prop_oneof![
        4 => Just(String::new()),
        1 => "Content-Length: ?[0-9]{1,12} ?\r\n",
        1 => "Transfer-Encoding: ?chunked\t?\r\n",
        1 => "Expect: 100-continue\r\n",
    ];
    let parts = (line, "[a-z0-9.-]{1,12}(:[0-9]{1,4})?", prop::collection::vec(field, 0..12), body);
    parts.prop_map(|(line, host, fields, body)| {
        let (before, after) = fields.split_at(fields.len() / 2);
        let lines =
            |fields: &[String]| fields.iter().map(|f| f.clone() + "\r\n").collect::<String>();
        let (before, after) = (lines(before), lines(after));
        format!("{line} HTTP/1.1\r\n{before}Host: {host}\r\n{body}{after}\r\n").into_bytes()
    })
}

/// A change to some bytes of a head.
#[derive(Clone, Debug)]
enum Spoil {
    Insert(usize, Vec<u8>),
    Remove(usize, usize),
    Replace(usize, u8),
    Copy(usize, usize, usize),
    Cut(usize),
}

fn spoil() -> impl Strategy<Value = Spoil> {
    let at = || 0..400_usize;
    let bytes = prop_oneof![
        prop::sample::select(vec![
            &b"\r"[..],
            b"\n",
            b"\r\n",
            b"\r\n\r\n",
            b"\0",
            b" ",
            b"\t",
            b":",
            b" :",
            b"\r\n ",
            b"#",
            b"?",
            b"/",
            b"\x7f",
            b"\x80",
            b"HTTP/1.0",
            b"HTTP/1.3",
            b"HTTP/2.0",
            b"Host: b\r\n",
            b"http://",
            b"Content-Length: 1\r\n",
            b"Transfer-Encoding: chunked\r\n",
            b",",
            b"\"",
            b"@",
            b"%",
        ])
        .prop_map(<[u8]>::to_vec),
        prop::collection::vec(any::<u8>(), 1..4),
    ];
    prop_oneof![
        4 => (at(), bytes).prop_map(|(at, bytes)| Spoil::Insert(at, bytes)),
        2 => (at(), 1..30_usize).prop_map(|(at, length)| Spoil::Remove(at, length)),
        2 => (at(), any::<u8>()).prop_map(|(at, byte)| Spoil::Replace(at, byte)),
        1 => (at(), 1..40_usize, at()).prop_map(|(from, length, to)| Spoil::Copy(from, length, to)),
        1 => at().prop_map(Spoil::Cut),
    ]
}

impl Spoil {
    fn apply(&self, bytes: &mut Vec<u8>) {
        let place = |at: usize, bytes: &[u8]| at % (bytes.len() + 1);
        match self {
            Self::Insert(at, new) => {
                let at = place(*at, bytes);
                bytes.splice(at..at, new.iter().copied());
            }
            Self::Remove(at, length) => {
                let at = place(*at, bytes);
                bytes.drain(at..(at + length).min(bytes.len()));
            }
            Self::Replace(at, byte) => {
                let at = place(*at, bytes);
                bytes.splice(at..(at + 1).min(bytes.len()), [*byte]);
            }
            Self::Copy(from, length, to) => {
                let from = place(*from, bytes);
                let copied = bytes[from..(from + length).min(bytes.len())].to_vec();
                let to = place(*to, bytes);
                bytes.splice(to..to, copied);
            }
            Self::Cut(at) => bytes.truncate(place(*at, bytes)),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn legal_heads_are_taken_as_httparse_takes_them(bytes in legal()) {
        prop_assert_eq!(ours(&bytes), Ok(Some(bytes.len())));
        head::check(&bytes);
    }

    #[test]
    fn on_spoiled_heads_only_the_listed_rules_differ(
        bytes in legal(),
        spoils in prop::collection::vec(spoil(), 1..4),
    ) {
        let mut bytes = bytes;
        for spoil in spoils {
            spoil.apply(&mut bytes);
        }
        head::check(&bytes);
    }
}
