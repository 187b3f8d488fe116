//! Answers of every form, whole and cut.

use proptest::prelude::*;

use super::*;

/// What comes of these bytes, given in pieces; at the end the connection closes.
fn read(pieces: &[&[u8]], to_head: bool) -> Result<Vec<(u16, u64, bool)>, Malformed> {
    let mut responses = Responses::new();
    let mut rest = Vec::new();
    let mut answers = Vec::new();
    for piece in pieces {
        rest.extend_from_slice(piece);
        loop {
            let (used, answer) = responses.read(&rest, to_head)?;
            rest.drain(..used);
            match answer {
                Some(answer) => {
                    answers.push((answer.status, responses.take_content(), answer.closes));
                }
                None => break,
            }
        }
    }
    let last = responses.end();
    answers.extend(last.map(|answer| (answer.status, responses.take_content(), answer.closes)));
    Ok(answers)
}

const LENGTH: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
const CHUNKED: &str = "HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n10\r\n0123456789abcdef\r\n0\r\nT: x\r\n\r\n";
const EMPTY: &str = "HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\nETag: \"a\"\r\n\r\n";
const INTERIM: &str = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
const CLOSING: &str =
    "HTTP/1.1 404 Not Found\r\nConnection: x, Close\r\nContent-Length: 1\r\n\r\n!";
const OLD: &str = "HTTP/1.0 200 OK\r\n\r\nuntil the end";

#[test]
fn answers_end_where_their_head_says() {
    for (bytes, to_head, expected) in [
        (LENGTH, false, (200, 5, false)),
        (LENGTH.trim_end_matches("hello"), true, (200, 0, false)),
        ("HTTP/1.1 200 OK\r\n\r\n", true, (200, 0, false)),
        ("HTTP/1.1 200 OK\r\n\r\n", false, (200, 0, true)),
        ("HTTP/1.0 200 OK\r\n\r\n", true, (200, 0, true)),
        (CHUNKED, false, (201, 19, false)),
        (EMPTY, false, (304, 0, false)),
        ("HTTP/1.1 204 No Content\r\n\r\n", false, (204, 0, false)),
        (&format!("{INTERIM}{LENGTH}"), false, (200, 5, false)),
        (CLOSING, false, (404, 1, true)),
        (OLD, false, (200, 13, true)),
        (
            "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n",
            false,
            (200, 0, false),
        ),
        (
            "HTTP/1.1 200\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nab",
            false,
            (200, 2, false),
        ),
    ] {
        assert_eq!(read(&[bytes.as_bytes()], to_head), Ok(vec![expected]), "{bytes}");
    }
}

#[test]
fn one_after_the_other_the_same_head_or_not() {
    let all = [LENGTH, LENGTH, CHUNKED, CHUNKED, EMPTY, LENGTH, OLD].concat();
    let statuses: Vec<_> = read(&[all.as_bytes()], false).unwrap().iter().map(|a| a.0).collect();
    assert_eq!(statuses, [200, 200, 201, 201, 304, 200, 200]);
}

#[test]
fn what_is_cut_short_is_no_answer() {
    for whole in [LENGTH, CHUNKED, EMPTY, INTERIM] {
        for cut in 0..whole.len() {
            assert_eq!(read(&[&whole.as_bytes()[..cut]], false), Ok(vec![]), "{whole} {cut}");
        }
    }
}

#[test]
fn what_is_no_answer_is_refused() {
    let large = format!("HTTP/1.1 200 OK\r\nA: {}", "a".repeat(HEAD_BYTES));
    for (bytes, is_expected) in [
        ("SSH-2.0-OpenSSH\r\n", (|e| matches!(e, Malformed::Head(_))) as fn(&Malformed) -> bool),
        (&large, |e| *e == Malformed::TooLarge),
        ("HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\n", |e| *e == Malformed::Length),
        ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", |e| {
            *e == Malformed::Length
        }),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", |e| *e == Malformed::Coding),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n", |e| {
            *e == Malformed::Coding
        }),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx", |e| {
            matches!(e, Malformed::Chunk(_))
        }),
        ("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", |e| *e == Malformed::Switched),
    ] {
        let error = read(&[bytes.as_bytes()], false).unwrap_err();
        assert!(is_expected(&error), "{bytes}: {error}");
    }
}

proptest! {
    #[test]
    fn an_answer_cut_anywhere_reads_the_same(
        which in prop::collection::vec(0_usize..5, 0..6),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
        old in any::<bool>(),
    ) {
        let mut all: String = which.iter().map(|at| [LENGTH, CHUNKED, EMPTY, INTERIM, CLOSING][*at]).collect();
        if old {
            all.push_str(OLD);
        }
        let bytes = all.as_bytes();
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let pieces: Vec<_> = cuts.windows(2).map(|ends| &bytes[ends[0]..ends[1]]).collect();
        prop_assert_eq!(read(&pieces, false), read(&[bytes], false));
    }
}
