//! `Transfer-Encoding` in every disguise, alone and beside another framing field (RFC 9112
//! sections 6.1 and 6.3).

use super::variant::{INNER, ONE, ONE_AND_REFUSED, REFUSED, Variant, chunk, post};

/// What a line is to those who go by the standard.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// `Transfer-Encoding: chunked`.
    Chunked,
    /// No line that a request may have, or a coding that nobody knows.
    Wrong,
    /// A field that has nothing to do with it.
    Other,
}
use Kind::{Chunked, Other, Wrong};

/// Lines, without their ends.
const LINES: &[(Kind, &[u8])] = &[
    (Chunked, b"Transfer-Encoding: chunked"),
    // Case, and white space where it may be.
    (Chunked, b"transfer-encoding: chunked"),
    (Chunked, b"TRANSFER-ENCODING: CHUNKED"),
    (Chunked, b"tRANSFER-eNCODING: cHuNkEd"),
    (Chunked, b"Transfer-Encoding:chunked"),
    (Chunked, b"Transfer-Encoding:\tchunked"),
    (Chunked, b"Transfer-Encoding:  \t chunked"),
    (Chunked, b"Transfer-Encoding: chunked "),
    (Chunked, b"Transfer-Encoding: chunked \t "),
    (Chunked, b"Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked"),
    (Chunked, b"TE: identity\r\nTransfer-Encoding: chunked"),
    // Other white space, control bytes, and bytes that some take for white space.
    (Wrong, b"Transfer-Encoding:\x0bchunked"),
    (Wrong, b"Transfer-Encoding: \x0bchunked"),
    (Wrong, b"Transfer-Encoding: chunked\x0b"),
    (Wrong, b"Transfer-Encoding:\x0cchunked"),
    (Wrong, b"Transfer-Encoding: chunked\x0c"),
    (Wrong, b"Transfer-Encoding: \x00chunked"),
    (Wrong, b"Transfer-Encoding: chunked\x00"),
    (Wrong, b"Transfer-Encoding: chun\x00ked"),
    (Wrong, b"Transfer-Encoding: chunked\x00, identity"),
    (Wrong, b"Transfer-Encoding: \x01chunked"),
    (Wrong, b"Transfer-Encoding: \x08chunked"),
    (Wrong, b"Transfer-Encoding: chunked\x1f"),
    (Wrong, b"Transfer-Encoding: chunked\x7f"),
    (Wrong, b"Transfer-Encoding: \x85chunked"),
    (Wrong, b"Transfer-Encoding: chunked\x85"),
    (Wrong, b"Transfer-Encoding: \xa0chunked"),
    (Wrong, b"Transfer-Encoding: chunked\xa0"),
    (Wrong, b"Transfer-Encoding: \xc2\x85chunked"),
    (Wrong, b"Transfer-Encoding: \xc2\xa0chunked"),
    (Wrong, b"Transfer-Encoding: \xe2\x80\x8bchunked"),
    (Wrong, b"Transfer-Encoding: \xef\xbb\xbfchunked"),
    (Wrong, b"Transfer-Encoding: \xffchunked"),
    (Wrong, b"Transfer-Encoding: chun\xe2\x84\xaaed"),
    (Wrong, b"Transfer-Encoding: \xef\xbd\x83hunked"),
    // Quotes, parameters, lists.
    (Wrong, b"Transfer-Encoding: \"chunked\""),
    (Wrong, b"Transfer-Encoding: 'chunked'"),
    (Wrong, b"Transfer-Encoding: \"chunked"),
    (Wrong, b"Transfer-Encoding: chunked;"),
    (Wrong, b"Transfer-Encoding: chunked;a=b"),
    (Wrong, b"Transfer-Encoding: chunked ; q=1"),
    (Wrong, b"Transfer-Encoding: chunked;q=0"),
    (Wrong, b"Transfer-Encoding: ;chunked"),
    (Wrong, b"Transfer-Encoding: chunked,"),
    (Wrong, b"Transfer-Encoding: ,chunked"),
    (Wrong, b"Transfer-Encoding: , chunked ,"),
    (Wrong, b"Transfer-Encoding: chunked, chunked"),
    (Wrong, b"Transfer-Encoding: chunked, identity"),
    (Wrong, b"Transfer-Encoding: identity, chunked"),
    (Wrong, b"Transfer-Encoding: identity"),
    (Wrong, b"Transfer-Encoding: gzip, chunked"),
    (Wrong, b"Transfer-Encoding: chunked, gzip"),
    (Wrong, b"Transfer-Encoding: chunked, cow"),
    (Wrong, b"Transfer-Encoding: identity, chunked, identity"),
    // Other words.
    (Wrong, b"Transfer-Encoding: xchunked"),
    (Wrong, b"Transfer-Encoding: chunkedx"),
    (Wrong, b"Transfer-Encoding: x-chunked"),
    (Wrong, b"Transfer-Encoding: chunk"),
    (Wrong, b"Transfer-Encoding: chunked chunked"),
    (Wrong, b"Transfer-Encoding: chunked\tx"),
    (Wrong, b"Transfer-Encoding: x chunked"),
    (Wrong, b"Transfer-Encoding: (x) chunked"),
    (Wrong, b"Transfer-Encoding: [chunked]"),
    (Wrong, b"Transfer-Encoding: {chunked}"),
    (Wrong, b"Transfer-Encoding: chunked\\"),
    (Wrong, b"Transfer-Encoding: \\chunked"),
    (Wrong, b"Transfer-Encoding: %63hunked"),
    (Wrong, b"Transfer-Encoding: =chunked"),
    (Wrong, b"Transfer-Encoding:: chunked"),
    (Wrong, b"Transfer-Encoding:"),
    (Wrong, b"Transfer-Encoding: "),
    (Wrong, b"Transfer-Encoding: 0"),
    (Wrong, b"Transfer-Encoding: none"),
    (Wrong, b"Transfer-Encoding: deflate"),
    // Folded lines, and line ends that are none.
    (Wrong, b"Transfer-Encoding:\r\n chunked"),
    (Wrong, b"Transfer-Encoding:\r\n\tchunked"),
    (Wrong, b"Transfer-Encoding: chunked\r\n "),
    (Wrong, b"Transfer-Encoding: identity\r\n , chunked"),
    (Wrong, b"Transfer-Encoding: chun\r\n ked"),
    (Wrong, b"Transfer-Encoding\r\n : chunked"),
    (Wrong, b"Transfer-Encoding\r\n: chunked"),
    (Wrong, b"X: y\r\n Transfer-Encoding: chunked"),
    (Wrong, b"X: y\r\n\tTransfer-Encoding: chunked"),
    (Wrong, b"X: y\nTransfer-Encoding: chunked"),
    (Wrong, b"X: y\rTransfer-Encoding: chunked"),
    (Wrong, b"X: y\r\r\nTransfer-Encoding: chunked"),
    (Wrong, b"X: y\n\rTransfer-Encoding: chunked"),
    (Wrong, b"Transfer-Encoding: chunked\nX: y"),
    (Wrong, b"Transfer-Encoding: chunked\rX: y"),
    (Wrong, b"Transfer-Encoding:\nchunked"),
    (Wrong, b"Transfer-Encoding: chunked\r"),
    // Names that some take for it.
    (Wrong, b"Transfer-Encoding : chunked"),
    (Wrong, b"Transfer-Encoding\t: chunked"),
    (Wrong, b" Transfer-Encoding: chunked"),
    (Wrong, b"\tTransfer-Encoding: chunked"),
    (Wrong, b"Transfer Encoding: chunked"),
    (Wrong, b"Transfer-Encoding x: chunked"),
    (Wrong, b"Transfer-Encoding\x00: chunked"),
    (Wrong, b"Transfer-Encoding\x0b: chunked"),
    (Wrong, b"\x00Transfer-Encoding: chunked"),
    (Wrong, b"\x0bTransfer-Encoding: chunked"),
    (Wrong, b"Transfer-Encoding\xa0: chunked"),
    (Wrong, b"Transfer-Encoding\x85: chunked"),
    (Wrong, b"Tran\xc5\xbffer-Encoding: chunked"),
    (Wrong, b"Transfer\xe2\x80\x90Encoding: chunked"),
    (Wrong, b"\"Transfer-Encoding\": chunked"),
    (Wrong, b"Transfer-Encoding;: chunked"),
    (Wrong, b"Transfer-Encoding= chunked"),
    (Wrong, b"Transfer-Encoding chunked"),
    (Wrong, b":Transfer-Encoding: chunked"),
    (Wrong, b"X:y, Transfer-Encoding: chunked\x00"),
    (Other, b"Transfer_Encoding: chunked"),
    (Other, b"TransferEncoding: chunked"),
    (Other, b"Transfer--Encoding: chunked"),
    (Other, b"Transfer-Encoding-: chunked"),
    (Other, b"Transfer-Encodin: chunked"),
    (Other, b"X-Transfer-Encoding: chunked"),
    (Other, b"Transfer.Encoding: chunked"),
    (Other, b"Content-Encoding-: chunked"),
    (Other, b"X: Transfer-Encoding: chunked"),
    (Other, b"TE: chunked"),
    (Other, b"Trailer: Transfer-Encoding"),
];

/// An empty chunked body, then a request: hidden from whom the length tells how long the body is.
fn hidden_by_length() -> String {
    format!("0\r\n\r\n{INNER}")
}

/// A chunk with a request in it: hidden from whom the chunks tell.
fn hidden_by_chunk() -> String {
    format!("{}0\r\n\r\n", chunk(INNER))
}

pub fn add(all: &mut Vec<Variant>) {
    for &(kind, line) in LINES {
        alone(all, kind, line);
        with_length(all, kind, line);
        with_another(all, kind, line);
    }
    in_old_versions(all);
}

fn fields(lines: &[&[u8]]) -> Vec<u8> {
    lines.iter().flat_map(|line| [line, &b"\r\n"[..]].concat()).collect()
}

fn alone(all: &mut Vec<Variant>, kind: Kind, line: &[u8]) {
    let expected = match kind {
        Chunked => ONE,
        Wrong => REFUSED,
        Other => ONE_AND_REFUSED,
    };
    let bytes = post(fields(&[line]), hidden_by_chunk());
    all.push(Variant::new("TE alone", line, bytes, expected));
}

fn with_length(all: &mut Vec<Variant>, kind: Kind, line: &[u8]) {
    let body = hidden_by_length();
    let length = format!("Content-Length: {}", body.len());
    let expected = if kind == Other { ONE } else { REFUSED };
    for lines in [[length.as_bytes(), line], [line, length.as_bytes()]] {
        let lines = fields(&lines);
        all.push(Variant::new("CL.TE", &lines, post(&lines, &body), expected));
    }
    // The length ends behind the line with the size of the chunk.
    let body = hidden_by_chunk();
    let expected: &[&str] = if kind == Other { &["oix"] } else { REFUSED };
    let lines = fields(&[b"Content-Length: 4", line]);
    assert_eq!(body.find('\n'), Some(3));
    all.push(Variant::new("TE.CL", &lines, post(&lines, &body), expected));
}

fn with_another(all: &mut Vec<Variant>, kind: Kind, line: &[u8]) {
    let plain = &b"Transfer-Encoding: chunked"[..];
    let expected = if kind == Other { ONE } else { REFUSED };
    for lines in [[plain, line], [line, plain]] {
        let lines = fields(&lines);
        let bytes = post(&lines, hidden_by_chunk());
        all.push(Variant::new("TE.TE", &lines, bytes, expected));
    }
}

/// `Transfer-Encoding` came with HTTP/1.1; in a message of 1.0 its framing is faulty (RFC 9112
/// section 6.1).
fn in_old_versions(all: &mut Vec<Variant>) {
    let body = hidden_by_length();
    let length = format!("Content-Length: {}\r\n", body.len());
    let coding = "Transfer-Encoding: chunked\r\n";
    let keep = "Connection: keep-alive\r\n";
    for (about, lines) in [
        ("chunked", coding.to_owned()),
        ("chunked, kept", format!("{keep}{coding}")),
        ("chunked and a length", format!("{coding}{length}")),
        ("a length and chunked", format!("{length}{coding}")),
        ("a length and chunked, kept", format!("{keep}{length}{coding}")),
        ("identity", "Transfer-Encoding: identity\r\n".to_owned()),
    ] {
        let bytes = String::from_utf8(post(lines, &body)).expect("text");
        let bytes = bytes.replacen("HTTP/1.1", "HTTP/1.0", 1);
        all.push(Variant::new("TE in HTTP/1.0", about, bytes, REFUSED));
    }
}
