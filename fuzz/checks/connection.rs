//! Invariant: whatever bytes a client sends, in whatever pieces, what comes back is a sequence of
//! whole HTTP/1.1 responses, one for each request in order, and the connection ends.

use http::{Method, Version};
use salver::http1::{BodyLength, ChunkedDecoder, Decoded, Head, HeadParser, Limits};

use crate::served::{Heard, talk};

/// The first byte says how long the pieces are; the rest is what the client sends.
pub(crate) fn check(data: &[u8]) {
    let Some((&piece, sent)) = data.split_first() else { return };
    // Another protocol, which has a check of its own.
    if sent.len() > MOST || sent.starts_with(PREFACE) {
        return;
    }
    let expected = Expected::of(sent);
    let whole = expected.compare(&talk(sent, sent.len()));
    let cut = expected.compare(&talk(sent, usize::from(piece) + 1));
    // After content, the pieces may decide what is said and whether the connection goes on.
    let certain = expected.asked.iter().take_while(|asked| !asked.has_content).count();
    assert!(whole.iter().take(certain).eq(cut.iter().take(certain)), "{whole:?} {cut:?}");
}

/// More fits into no request head, and need not be sent.
const MOST: usize = 32 * 1024;

/// What HTTP/2 begins with.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Fields that the server sends. What a client could smuggle into an answer would add others.
const FIELDS: &[&str] = &[
    "accept-ranges",
    "access-control-allow-headers",
    "access-control-allow-methods",
    "access-control-allow-origin",
    "access-control-expose-headers",
    "access-control-max-age",
    "allow",
    "cache-control",
    "connection",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-length",
    "content-location",
    "content-range",
    "content-security-policy",
    "content-type",
    "cross-origin-opener-policy",
    "cross-origin-resource-policy",
    "date",
    "etag",
    "keep-alive",
    "last-modified",
    "link",
    "location",
    "permissions-policy",
    "referrer-policy",
    "repr-digest",
    "retry-after",
    "server",
    "transfer-encoding",
    "tus-checksum-algorithm",
    "tus-extension",
    "tus-max-size",
    "tus-resumable",
    "tus-version",
    "upload-expires",
    "upload-length",
    "upload-metadata",
    "upload-offset",
    "vary",
    "x-content-type-options",
    "x-frame-options",
];

/// A request that the server should see.
#[derive(Clone, Debug)]
struct Asked {
    method: Method,
    version: Version,
    has_content: bool,
    expects_continue: bool,
    /// Whether the client wants to go on, as far as this can be known from its head.
    keep_alive: bool,
}

/// What the bytes ask for.
#[derive(Debug)]
struct Expected {
    asked: Vec<Asked>,
    /// Whether after that comes what is no request: one more answer.
    is_malformed: bool,
    /// Whether the content of the last request is malformed or cut: it may be answered, or not.
    is_broken: bool,
    /// Whether something follows a request without content that says that it is the last. The server
    /// believes it: what comes when the connection is closed already is answered by a reset.
    goes_on: bool,
}

/// A response.
#[derive(Debug, PartialEq, Eq)]
struct Answered {
    status: u16,
    /// Whether it says that none follows.
    closes: bool,
}

impl Expected {
    fn of(sent: &[u8]) -> Self {
        let mut found =
            Self { asked: Vec::new(), is_malformed: false, is_broken: false, goes_on: false };
        // HTTP/2 might follow.
        if PREFACE.starts_with(sent) {
            return found;
        }
        let mut rest = sent;
        loop {
            let mut parser = HeadParser::new(Limits::default());
            match parser.parse(rest) {
                Ok(None) => return found,
                Err(_) => {
                    found.is_malformed = true;
                    let line = rest.strip_prefix(b"\r\n").unwrap_or(rest);
                    let is_head = line.starts_with(b"HEAD ");
                    let method = if is_head { Method::HEAD } else { Method::GET };
                    found.asked.push(Asked {
                        method,
                        version: Version::HTTP_10,
                        has_content: false,
                        expects_continue: false,
                        keep_alive: false,
                    });
                    return found;
                }
                Ok(Some(head)) => {
                    let length = content_length(&head, &rest[head.length..]);
                    let asked = Asked::from(head);
                    let (has_content, keep_alive) = (asked.has_content, asked.keep_alive);
                    found.asked.push(asked);
                    match length {
                        None => found.is_broken = true,
                        Some(length) if keep_alive => {
                            rest = &rest[length..];
                            continue;
                        }
                        Some(length) => found.goes_on = !has_content && length < rest.len(),
                    }
                    return found;
                }
            }
        }
    }

    /// Compares what came back with what was asked for.
    fn compare(&self, heard: &Heard) -> Vec<Answered> {
        let mut rest = &heard.bytes[..];
        let mut answers: Vec<Answered> = Vec::new();
        while !rest.is_empty() {
            assert!(answers.last().is_none_or(|last| !last.closes), "an answer after the last");
            let Some(asked) = self.asked.get(answers.len()) else {
                panic!("an answer that nobody asked for: {}", rest.escape_ascii())
            };
            let answer;
            (answer, rest) = response(rest, asked);
            answers.push(answer);
        }
        if let Some(last) = answers.last()
            && answers.len() == self.asked.len()
        {
            assert!(!self.is_malformed || last.status >= 400 && last.closes, "{last:?}");
        } else {
            let may_cut = self.is_broken && answers.len() + 1 == self.asked.len();
            let closes = answers.last().is_some_and(|last| last.closes);
            assert!(may_cut || closes || self.asked.is_empty(), "{answers:?} {self:?}");
        }
        for (answer, asked) in answers.iter().zip(&self.asked) {
            assert!(
                !answer.closes || asked.has_content || !asked.keep_alive,
                "{answer:?} {asked:?}"
            );
        }
        assert!(heard.is_whole || self.is_broken || self.goes_on, "the connection was cut");
        answers
    }
}

impl From<Head> for Asked {
    fn from(head: Head) -> Self {
        let Head { method, version, framing, .. } = head;
        Self {
            method,
            version,
            has_content: !matches!(framing.body, BodyLength::None | BodyLength::Length(0)),
            expects_continue: framing.expect_continue,
            keep_alive: framing.keep_alive,
        }
    }
}

/// Bytes of a head and its content, if `rest` is all there and well-formed.
fn content_length(head: &Head, mut rest: &[u8]) -> Option<usize> {
    let length = match head.framing.body {
        BodyLength::None => 0,
        BodyLength::Length(length) => {
            usize::try_from(length).ok().filter(|it| *it <= rest.len())?
        }
        BodyLength::Chunked => {
            let (mut decoder, all) = (ChunkedDecoder::new(Limits::default()), rest.len());
            loop {
                match decoder.decode(rest).ok()? {
                    Decoded::More => return None,
                    Decoded::Data(data) => rest = &rest[data.end..],
                    Decoded::Done(length) => break all - rest.len() + length,
                }
            }
        }
    };
    Some(head.length + length)
}

/// Reads the answer to a request; returns what follows it.
fn response<'a>(bytes: &'a [u8], asked: &Asked) -> (Answered, &'a [u8]) {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut head = httparse::Response::new(&mut headers);
    let parsed = head.parse(bytes);
    let Ok(httparse::Status::Complete(length)) = parsed else {
        panic!("no response head: {parsed:?} {}", bytes.escape_ascii())
    };
    let (status, rest) = (head.code.unwrap(), &bytes[length..]);
    assert_eq!(head.version, Some(1));
    if status == 100 {
        assert!(asked.expects_continue && head.headers.is_empty());
        let (answer, after) = response(rest, &Asked { expects_continue: false, ..asked.clone() });
        return (answer, after);
    }
    assert!((200..500).contains(&status) || [501, 505].contains(&status), "{status}");
    for header in head.headers.iter() {
        let name = header.name.to_ascii_lowercase();
        assert!(FIELDS.contains(&&name[..]), "an unknown field: {name}");
    }
    let field = |name: &str| {
        let mut found = head.headers.iter().filter(|header| header.name.eq_ignore_ascii_case(name));
        let value = found.next().map(|header| header.value);
        assert!(found.next().is_none(), "{name} is there twice");
        value
    };
    assert!(field("date").is_some() && field("content-type").is_none_or(|it| !it.is_empty()));
    let closes = field("connection").is_some_and(|value| value.eq_ignore_ascii_case(b"close"));
    assert!(closes || asked.keep_alive, "{status} does not say that it is the last");
    let answer = Answered { status, closes };
    let announced = field("content-length").map(|value| {
        assert!(value.iter().all(u8::is_ascii_digit));
        std::str::from_utf8(value).unwrap().parse::<usize>().unwrap()
    });
    let coding = field("transfer-encoding");
    assert!(announced.is_none() || coding.is_none());
    assert!(coding.is_none_or(|it| it == b"chunked" && asked.version == Version::HTTP_11));
    if status == 204 {
        assert!(announced.is_none() && coding.is_none());
    }
    if status == 204 || status == 304 || asked.method == Method::HEAD {
        return (answer, rest);
    }
    let after = match (announced, coding) {
        (Some(length), _) => {
            assert!(rest.len() >= length, "content is missing");
            &rest[length..]
        }
        (None, Some(_)) => after_chunks(rest),
        (None, None) => {
            assert!(closes && asked.version == Version::HTTP_10, "no telling how long it is");
            b""
        }
    };
    (answer, after)
}

/// What follows a chunked body.
fn after_chunks(mut rest: &[u8]) -> &[u8] {
    loop {
        let size = httparse::parse_chunk_size(rest);
        let Ok(httparse::Status::Complete((start, size))) = size else {
            panic!("no chunk: {size:?}")
        };
        let end = start + usize::try_from(size).unwrap();
        assert_eq!(rest.get(end..end + 2), Some(&b"\r\n"[..]), "a chunk does not end");
        rest = &rest[end + 2..];
        if size == 0 {
            return rest;
        }
    }
}
