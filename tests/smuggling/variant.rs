//! What is sent, and what must come back.

use super::{chunks, coding, heads, length};

/// Something to send.
pub struct Variant {
    /// What kind of trick it is.
    pub class: &'static str,
    /// What is special about it.
    pub about: String,
    /// The bytes; [`NUMBER`] stands for its number wherever it is to be known again.
    bytes: Vec<u8>,
    /// What may come back, a letter for each answer and nothing more: `o` to the outer request, `i`
    /// to the hidden one, `l` to the last one, `x` a refusal. After what ends without an `l` the
    /// server has closed the connection.
    pub expected: &'static [&'static str],
}

/// Stands for the number of a variant; as long as all of them.
const NUMBER: &[u8] = b"NNNNN";

/// The request that is hidden in others.
pub const INNER: &str = "GET /d?NNNNN-inner HTTP/1.1\r\nHost: t\r\n\r\n";

pub const REFUSED: &[&str] = &["x"];
pub const ONE: &[&str] = &["ol"];
/// An answer, after which the connection closes: what is in the way is not read.
pub const ONE_AND_END: &[&str] = &["o"];
/// The outer request has no content, and what follows it is no request.
pub const ONE_AND_REFUSED: &[&str] = &["ox"];
/// Two requests, as anybody can see.
pub const TWO: &[&str] = &["oil"];

impl Variant {
    pub fn new(
        class: &'static str,
        about: impl AsRef<[u8]>,
        bytes: impl Into<Vec<u8>>,
        expected: &'static [&'static str],
    ) -> Self {
        let about = about.as_ref().escape_ascii().to_string();
        Self { class, about, bytes: bytes.into(), expected }
    }

    /// The bytes, with its number in them.
    pub fn numbered(&self, number: usize) -> Vec<u8> {
        numbered(self.bytes.clone(), number)
    }

    /// Whether the answer to its first request has no content.
    pub fn is_head(&self) -> bool {
        self.bytes.starts_with(b"HEAD ")
    }
}

fn numbered(mut bytes: Vec<u8>, number: usize) -> Vec<u8> {
    let name = format!("{number:05}");
    assert_eq!(name.len(), NUMBER.len());
    for at in 0..bytes.len().saturating_sub(NUMBER.len() - 1) {
        if bytes[at..].starts_with(NUMBER) {
            bytes[at..at + NUMBER.len()].copy_from_slice(name.as_bytes());
        }
    }
    bytes
}

/// The last request of a connection.
pub fn last(number: usize) -> Vec<u8> {
    numbered(b"GET /d?NNNNN-last HTTP/1.1\r\nHost: t\r\n\r\n".into(), number)
}

/// The same, after which the connection closes, though its client does not.
pub fn closing(number: usize) -> Vec<u8> {
    let request = "GET /d?NNNNN-last HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n";
    numbered(request.into(), number)
}

/// A request whose content is read: lines of fields, each with its end, and what follows them.
pub fn post(fields: impl AsRef<[u8]>, body: impl AsRef<[u8]>) -> Vec<u8> {
    let head = "POST /upload?NNNNN-outer HTTP/1.1\r\nHost: t\r\n\
                Content-Type: application/x-www-form-urlencoded\r\n";
    [head.as_bytes(), fields.as_ref(), b"\r\n", body.as_ref()].concat()
}

/// Content as one chunk, without the end of a body.
pub fn chunk(content: &str) -> String {
    format!("{:x}\r\n{content}\r\n", content.len())
}

/// All of them.
pub fn all() -> Vec<Variant> {
    let mut all = Vec::new();
    coding::add(&mut all);
    length::add(&mut all);
    chunks::add(&mut all);
    heads::add(&mut all);
    all
}
