//! One access log entry as one line of text.

use std::borrow::Cow;
use std::fmt;
use std::io::Write as _;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use serde::{Serialize, Serializer};

use super::timestamp::Timestamp;
use crate::content::ascii_json::Ascii;

/// The form of an access log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AccessLogFormat {
    /// Common Log Format: `client - - [time] "request" status bytes`.
    Common,
    /// Common, then the referring page and the user agent, each in quotes.
    #[default]
    Combined,
    /// One JSON object per line; every key is always there, `null` when unknown.
    Json,
}

/// A request that was answered.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// Address of the client.
    pub client: IpAddr,
    /// When the request arrived.
    pub time: SystemTime,
    /// The method; `None` when the request line could not be read.
    pub method: Option<&'a str>,
    /// The request target as it was sent.
    pub target: &'a [u8],
    /// Name and version of the protocol, such as `HTTP/1.1` or `HTTP/2.0`.
    pub protocol: &'a str,
    /// The status of the answer.
    pub status: u16,
    /// Bytes of the answer's content that were sent, without its head.
    pub bytes_out: u64,
    /// Bytes of the request's content that were received, without its head.
    pub bytes_in: u64,
    /// The `Referer` field.
    pub referer: Option<&'a [u8]>,
    /// The `User-Agent` field.
    pub user_agent: Option<&'a [u8]>,
    /// The host the client asked for.
    pub host: Option<&'a [u8]>,
    /// From the arrival of the request to the last byte of the answer.
    pub duration: Option<Duration>,
    /// What the request is called.
    pub request_id: RequestId<'a>,
    /// What the file cache did, such as `hit` or `miss`.
    pub cache: Option<&'static str>,
    /// Whom the client's certificate names.
    pub subject: Option<&'a str>,
}

/// What a request is called, here and by whoever handed it on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestId<'a> {
    /// What it was called before it came here.
    Given(&'a str),
    /// Its number here; written as 16 hexadecimal digits.
    Made(u64),
}

/// Bytes of a name that was given, at most.
const LONGEST_ID: usize = 128;

impl<'a> RequestId<'a> {
    /// A name that was given, if it is one that can be searched for: letters, digits and
    /// `-_.:/+=@`, not too many.
    pub fn given(value: &'a [u8]) -> Option<Self> {
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:/+=@".contains(byte);
        let is_name = (1..=LONGEST_ID).contains(&value.len()) && value.iter().all(is_part);
        std::str::from_utf8(value).ok().filter(|_| is_name).map(Self::Given)
    }
}

impl fmt::Display for RequestId<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Given(name) => formatter.write_str(name),
            Self::Made(number) => write!(formatter, "{number:016x}"),
        }
    }
}

impl Serialize for RequestId<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Turns entries into lines.
#[derive(Debug)]
pub struct Formatter {
    format: AccessLogFormat,
    timestamp: Timestamp,
}

impl Formatter {
    /// A formatter of that form.
    pub fn new(format: AccessLogFormat) -> Self {
        Self { format, timestamp: Timestamp::default() }
    }

    /// Whether lines tell how long requests took.
    pub fn tells_durations(&self) -> bool {
        self.format == AccessLogFormat::Json
    }

    /// Appends the entry as exactly one line, whatever bytes the client sent.
    pub fn write(&mut self, entry: &Entry<'_>, out: &mut Vec<u8>) {
        match self.format {
            AccessLogFormat::Common => self.write_common(entry, out),
            AccessLogFormat::Combined => {
                self.write_common(entry, out);
                for field in [entry.referer, entry.user_agent] {
                    out.extend_from_slice(b" \"");
                    push_field(out, field);
                    out.push(b'"');
                }
            }
            AccessLogFormat::Json => self.write_json(entry, out),
        }
        out.push(b'\n');
    }

    fn write_common(&mut self, entry: &Entry<'_>, out: &mut Vec<u8>) {
        push_address(out, entry.client);
        out.extend_from_slice(b" - - [");
        out.extend_from_slice(self.timestamp.common(entry.time).as_bytes());
        out.extend_from_slice(b"] \"");
        if let Some(method) = entry.method {
            push_escaped(out, method.as_bytes(), MAX_FIELD);
            out.push(b' ');
            push_escaped(out, entry.target, MAX_TARGET);
            out.push(b' ');
            push_escaped(out, entry.protocol.as_bytes(), MAX_FIELD);
        } else {
            out.push(b'-');
        }
        out.extend_from_slice(b"\" ");
        push_number(out, u64::from(entry.status));
        out.push(b' ');
        // The Common Log Format writes "no content" as a dash, not as 0.
        match entry.bytes_out {
            0 => out.push(b'-'),
            count => push_number(out, count),
        }
    }

    fn write_json(&mut self, entry: &Entry<'_>, out: &mut Vec<u8>) {
        let line = JsonLine {
            time: self.timestamp.rfc3339(entry.time),
            client: entry.client.to_canonical(),
            method: entry.method,
            host: entry.host.map(String::from_utf8_lossy),
            target: entry.method.map(|_| String::from_utf8_lossy(entry.target)),
            protocol: entry.method.map(|_| entry.protocol),
            status: entry.status,
            bytes_in: entry.bytes_in,
            bytes_out: entry.bytes_out,
            duration_ms: entry.duration.map(millis),
            referer: entry.referer.map(String::from_utf8_lossy),
            user_agent: entry.user_agent.map(String::from_utf8_lossy),
            cache: entry.cache,
            subject: entry.subject,
            request_id: entry.request_id,
        };
        let written = line.serialize(&mut serde_json::Serializer::with_formatter(out, Ascii));
        debug_assert!(written.is_ok(), "writing to memory cannot fail");
    }
}

/// The JSON form, its keys in the order written.
#[derive(Serialize)]
struct JsonLine<'a> {
    time: &'a str,
    client: IpAddr,
    method: Option<&'a str>,
    host: Option<Cow<'a, str>>,
    target: Option<Cow<'a, str>>,
    protocol: Option<&'a str>,
    status: u16,
    bytes_in: u64,
    bytes_out: u64,
    duration_ms: Option<f64>,
    referer: Option<Cow<'a, str>>,
    user_agent: Option<Cow<'a, str>>,
    cache: Option<&'a str>,
    subject: Option<&'a str>,
    request_id: RequestId<'a>,
}

/// Bytes that stand for themselves between quotes; the others are written as nginx does, `\xHH`.
const PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = 0x20;
    while byte < 0x7f {
        plain[byte] = byte != b'"' as usize && byte != b'\\' as usize;
        byte += 1;
    }
    plain
};

/// Log tools read lines of up to 4,095 bytes and take the rest of a longer one for another. What makes
/// lines long are these: the target, and the two fields of the Combined form.
const MAX_TARGET: usize = 2000;
const MAX_FIELD: usize = 900;

/// Stands for what was left out.
const CUT: &[u8] = b"...";

/// Writes bytes so that they end nothing; of those that become more than `most`, the beginning.
fn push_escaped(out: &mut Vec<u8>, bytes: &[u8], most: usize) {
    let start = out.len();
    push_all_escaped(out, &bytes[..bytes.len().min(most + 1)]);
    let written = &out[start..];
    if written.len() <= most {
        return;
    }
    // Not within an escape: a backslash begins one, and nothing else.
    let mut end = most - CUT.len();
    if let Some(back) = written[end - 3..end].iter().rposition(|&byte| byte == b'\\') {
        end = end - 3 + back;
    }
    out.truncate(start + end);
    out.extend_from_slice(CUT);
}

fn push_all_escaped(out: &mut Vec<u8>, mut bytes: &[u8]) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";

    while let Some(at) = bytes.iter().position(|&byte| !PLAIN[usize::from(byte)]) {
        let odd = bytes[at];
        out.extend_from_slice(&bytes[..at]);
        let (high, low) = (HEX[usize::from(odd >> 4)], HEX[usize::from(odd & 15)]);
        out.extend_from_slice(&[b'\\', b'x', high, low]);
        bytes = &bytes[at + 1..];
    }
    out.extend_from_slice(bytes);
}

/// The value of a header field; a dash when it is absent or empty.
fn push_field(out: &mut Vec<u8>, field: Option<&[u8]>) {
    match field {
        None | Some([]) => out.push(b'-'),
        Some(value) => push_escaped(out, value, MAX_FIELD),
    }
}

/// Milliseconds, with microseconds behind the point.
fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

fn push_number(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// The address; an IPv4 client of an IPv6 socket in its IPv4 form.
fn push_address(out: &mut Vec<u8>, address: IpAddr) {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            for (at, octet) in v4.octets().into_iter().enumerate() {
                if at > 0 {
                    out.push(b'.');
                }
                push_number(out, u64::from(octet));
            }
        }
        IpAddr::V6(v6) => {
            // Writing to a vector cannot fail.
            let _ = write!(out, "{v6}");
        }
    }
}

#[cfg(test)]
mod tests;
