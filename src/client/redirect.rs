//! What is asked next when a server sends on (RFC 9110 section 15.4).

use http::header::{
    ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LANGUAGE,
    CONTENT_TYPE, HeaderName, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE,
    IF_UNMODIFIED_SINCE, LOCATION, PRAGMA, RANGE, USER_AGENT,
};
use http::{HeaderMap, Method, StatusCode};

use super::error::name;
use super::{ClientError, Content, Request, Url};

/// What may be told to another origin than the one it was meant for. Everything else, whatever its
/// name, may be a secret.
const NO_SECRETS: &[HeaderName] = &[
    ACCEPT,
    ACCEPT_ENCODING,
    ACCEPT_LANGUAGE,
    CACHE_CONTROL,
    CONTENT_ENCODING,
    CONTENT_LANGUAGE,
    CONTENT_TYPE,
    IF_MATCH,
    IF_MODIFIED_SINCE,
    IF_NONE_MATCH,
    IF_RANGE,
    IF_UNMODIFIED_SINCE,
    PRAGMA,
    RANGE,
    USER_AGENT,
];

/// Where an answer sends on to, if it does. Never from TLS to plain text.
pub(super) fn next(
    url: &Url,
    status: StatusCode,
    fields: &HeaderMap,
) -> Result<Option<Url>, ClientError> {
    let wrong = |reason| ClientError::Redirect { by: name(url), reason };
    if !sends_on(status) {
        return Ok(None);
    }
    let next = location(url, fields).filter(|next| matches!(next.scheme(), "http" | "https"));
    let mut next = next.ok_or_else(|| wrong("it sends on to no address".to_owned()))?;
    if url.scheme() == "https" && next.scheme() == "http" {
        return Err(wrong(format!("it sends on from TLS to plain text, to {next}")));
    }
    next.set_fragment(None);
    Ok(Some(next))
}

/// Whether a status sends on to what `Location` says.
pub(super) fn sends_on(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// The URL of `Location`, whatever it is.
pub(super) fn location(url: &Url, fields: &HeaderMap) -> Option<Url> {
    let location = std::str::from_utf8(fields.get(LOCATION)?.as_bytes()).ok()?;
    url.join(location).ok()
}

/// What is asked there: a POST becomes a GET unless the status says that it stays what it is, and
/// another origin is told no secrets.
pub(super) fn sent_on(mut request: Request, status: StatusCode, next: Url) -> Request {
    let becomes_get = match status {
        StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => request.method == Method::POST,
        StatusCode::SEE_OTHER => !matches!(request.method, Method::GET | Method::HEAD),
        _ => false,
    };
    if becomes_get {
        request.method = Method::GET;
        request.content = Content::default();
        for field in [CONTENT_TYPE, CONTENT_ENCODING, CONTENT_LANGUAGE] {
            request.fields.remove(field);
        }
    }
    if request.url.origin() != next.origin() {
        let fields = std::mem::take(&mut request.fields);
        let mut last = None;
        for (field, value) in fields {
            // A name stands only before the first of its values.
            last = field.or(last);
            if let Some(field) = last.as_ref().filter(|field| NO_SECRETS.contains(field)) {
                request.fields.append(field.clone(), value);
            }
        }
    }
    request.url = next;
    request
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::HeaderValue;

    use super::*;
    use crate::client::{Piece, address};

    fn to(from: &str, status: u16, location: &str) -> Result<Option<String>, String> {
        let mut fields = HeaderMap::new();
        fields.insert(LOCATION, HeaderValue::from_bytes(location.as_bytes()).unwrap());
        let status = StatusCode::from_u16(status).unwrap();
        let next = next(&address(from).unwrap(), status, &fields);
        next.map(|next| next.map(String::from)).map_err(|error| error.to_string())
    }

    #[test]
    fn locations_are_taken_relative_to_what_was_asked() {
        for (from, status, location, expected) in [
            ("h/a/b", 301, "c", Some("http://h/a/c")),
            ("h/a/b", 302, "/c?d#e", Some("http://h/c?d")),
            ("h/a", 303, "//i/", Some("http://i/")),
            ("h/a", 307, "https://h/é", Some("https://h/%C3%A9")),
            ("https://h/", 308, "https://i/", Some("https://i/")),
            ("h/a", 200, "/b", None),
            ("h/a", 300, "/b", None),
            ("h/a", 304, "/b", None),
        ] {
            assert_eq!(to(from, status, location).unwrap().as_deref(), expected, "{location}");
        }
    }

    #[test]
    fn nobody_is_sent_to_plain_text_or_to_no_address() {
        for location in ["http://h/", "HTTP://i/"] {
            let error = to("https://h/", 302, location).unwrap_err();
            assert!(error.contains("plain text, to http://"), "{error}");
        }
        for location in ["ftp://h/", "file:///etc/passwd", "http://", "javascript:1", "http://[/"] {
            assert!(to("h/", 302, location).unwrap_err().contains("no address"), "{location}");
        }
    }

    fn posted() -> Request {
        let mut request = Request::new(Method::POST, address("h:1/a").unwrap());
        request.content = Content::new([Piece::Bytes(Bytes::from_static(b"b"))]);
        for (name, value) in [
            ("authorization", "secret"),
            ("cookie", "secret"),
            ("x-api-key", "secret"),
            ("content-type", "text/plain"),
            ("accept", "a"),
            ("accept", "b"),
        ] {
            let value = HeaderValue::from_static(value);
            request.fields.append(HeaderName::from_static(name), value);
        }
        request
    }

    #[test]
    fn a_post_becomes_a_get_or_stays() {
        for (method, status, expected) in [
            (Method::POST, 301, Method::GET),
            (Method::POST, 302, Method::GET),
            (Method::POST, 303, Method::GET),
            (Method::POST, 307, Method::POST),
            (Method::POST, 308, Method::POST),
            (Method::PUT, 301, Method::PUT),
            (Method::PUT, 303, Method::GET),
            (Method::HEAD, 303, Method::HEAD),
            (Method::HEAD, 302, Method::HEAD),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            let mut request = posted();
            request.method = method.clone();
            let next = sent_on(request, status, address("h:1/b").unwrap());
            assert_eq!(next.method, expected, "{method} {status}");
            let keeps = expected == method;
            assert_eq!(next.content.length(), u64::from(keeps), "{method} {status}");
            assert_eq!(next.fields.contains_key(CONTENT_TYPE), keeps, "{method} {status}");
        }
    }

    #[test]
    fn another_origin_is_told_no_secrets() {
        for (url, keeps) in [
            ("http://h:1/b", true),
            ("http://h:2/b", false),
            ("https://h:1/b", false),
            ("http://i:1/b", false),
        ] {
            let status = StatusCode::TEMPORARY_REDIRECT;
            let next = sent_on(posted(), status, address(url).unwrap());
            let secrets = next.fields.values().filter(|value| *value == "secret").count();
            assert_eq!(secrets, if keeps { 3 } else { 0 }, "{url}");
            assert_eq!(next.fields.get_all(ACCEPT).iter().count(), 2, "{url}");
            assert!(next.fields.contains_key(USER_AGENT) && next.fields.contains_key(CONTENT_TYPE));
        }
    }
}
