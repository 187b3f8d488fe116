//! The head of an answer, as it is printed.

use http::{HeaderName, StatusCode, Version};

use crate::client::{Response, Url};
use crate::commands::harmless::harmless;

const BOLD: &str = "\x1b[1m";
const DIM: &str = "\x1b[2m";
const NAME: &str = "\x1b[36m";
const OFF: &str = "\x1b[0m";

/// The status line, the fields, and an empty line.
pub(super) fn head(response: &Response, colors: bool) -> String {
    let paint = |code: &str, text: &str| paint(colors, code, text);
    let status = response.status;
    let mut lines = paint(DIM, version(response.version));
    lines.push(' ');
    lines.push_str(&paint(color(status), &named(status)));
    lines.push('\n');
    for (name, value) in &response.fields {
        let value = String::from_utf8_lossy(value.as_bytes());
        lines.push_str(&paint(NAME, &spelled(name)));
        lines.push_str(": ");
        lines.push_str(&harmless(&value));
        lines.push('\n');
    }
    lines.push('\n');
    lines
}

/// A line that says that somebody was sent on.
pub(super) fn sent_on(status: StatusCode, next: &Url, colors: bool) -> String {
    let line = format!("{}, sent on to {}", named(status), harmless(next.as_str()));
    paint(colors, DIM, &line) + "\n"
}

/// A line that says whose head follows.
pub(super) fn of_whom(url: &Url, colors: bool) -> String {
    paint(colors, BOLD, &harmless(url.as_str())) + "\n"
}

/// The status, and where it sends on to.
pub(super) fn said(response: &Response) -> String {
    let status = named(response.status);
    match response.sends_on_to() {
        Some(next) => format!("{status} to {}", harmless(next.as_str())),
        None => status,
    }
}

/// A URL as it is named in messages: without what may be secret in it.
pub(super) fn url(url: &Url) -> String {
    format!("{}{}", url.origin().ascii_serialization(), url.path())
}

/// A name in a message.
pub(super) fn line(text: &str) -> String {
    harmless(text).into_owned()
}

fn paint(colors: bool, code: &str, text: &str) -> String {
    if colors { format!("{code}{text}{OFF}") } else { text.to_owned() }
}

fn color(status: StatusCode) -> &'static str {
    match status.as_u16() {
        ..=299 => "\x1b[1;32m",
        300..=399 => "\x1b[1;33m",
        _ => "\x1b[1;31m",
    }
}

/// The status with its usual words; HTTP/2 sends none.
pub(super) fn named(status: StatusCode) -> String {
    match status.canonical_reason() {
        Some(reason) => format!("{} {reason}", status.as_str()),
        None => status.as_str().to_owned(),
    }
}

fn version(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_2 => "HTTP/2",
        _ => "HTTP/1.1",
    }
}

/// The name of a field with capitals, as people write it: names have no case.
fn spelled(name: &HeaderName) -> String {
    match name.as_str() {
        "etag" => return "ETag".to_owned(),
        "www-authenticate" => return "WWW-Authenticate".to_owned(),
        _ => {}
    }
    let mut starts = true;
    let capital = |c: char| {
        if std::mem::replace(&mut starts, c == '-') { c.to_ascii_uppercase() } else { c }
    };
    name.as_str().chars().map(capital).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_spelled_as_usual() {
        for (name, expected) in
            [("content-type", "Content-Type"), ("etag", "ETag"), ("x-a-1b", "X-A-1b"), ("te", "Te")]
        {
            assert_eq!(spelled(&HeaderName::from_static(name)), expected);
        }
    }

    #[test]
    fn a_status_has_words() {
        assert_eq!(named(StatusCode::NOT_FOUND), "404 Not Found");
        assert_eq!(named(StatusCode::from_u16(799).unwrap()), "799");
    }
}
