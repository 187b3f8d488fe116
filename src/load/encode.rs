//! Requests as they go out, made once and sent many times.

use std::error::Error;
use std::fmt;

use bytes::Bytes;
use http::header::{ACCEPT, CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};

use crate::client::Url;

const AGENT: &str = concat!("salver/", env!("CARGO_PKG_VERSION"));

/// A request, ready to be sent over either protocol.
#[derive(Clone, Debug)]
pub struct Ask {
    /// As it goes out over HTTP/1.1, with its content.
    pub(super) bytes: Bytes,
    /// The same for HTTP/2.
    pub(super) request: Request<()>,
    pub(super) body: Bytes,
    /// Whether its answers have a content; those to `HEAD` have none.
    pub(super) is_head: bool,
}

/// What cannot be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AskError {
    /// A header that is none.
    Header(String),
    /// A header that says where the content ends, which is for salver to say.
    Framing(String),
    /// A URL that no request can be made of.
    Url(String),
}

impl Ask {
    /// A request for a URL, with header fields of its own (`Name: value`). These replace what would
    /// be sent otherwise; one without a value is left out. `keep_alive` off asks the server to close.
    pub fn new(
        url: &Url,
        method: &Method,
        headers: &[String],
        body: &Bytes,
        keep_alive: bool,
    ) -> Result<Self, AskError> {
        let wrong_url = || AskError::Url(url.to_string());
        let authority = &url[url::Position::BeforeHost..url::Position::AfterPort];
        let mut fields = HeaderMap::new();
        fields.insert(HOST, HeaderValue::from_str(authority).map_err(|_| wrong_url())?);
        fields.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        fields.insert(ACCEPT, HeaderValue::from_static("*/*"));
        own(&mut fields, headers)?;
        if !body.is_empty() || matches!(*method, Method::POST | Method::PUT | Method::PATCH) {
            fields.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
        }
        if !keep_alive {
            fields.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
        let bytes = http1(method, target, &fields, body);
        // In HTTP/2 these are not fields.
        let host = fields.remove(HOST);
        fields.remove(CONNECTION);
        let authority = host.as_ref().map_or(authority.as_bytes(), HeaderValue::as_bytes);
        let uri = Uri::builder().scheme(url.scheme()).authority(authority).path_and_query(target);
        let mut request = Request::new(());
        *request.uri_mut() = uri.build().map_err(|_| wrong_url())?;
        *request.method_mut() = method.clone();
        *request.headers_mut() = fields;
        *request.version_mut() = http::Version::HTTP_2;
        Ok(Self { bytes, request, body: body.clone(), is_head: *method == Method::HEAD })
    }
}

/// Puts what was typed into place: the first of a name replaces what is there.
fn own(fields: &mut HeaderMap, headers: &[String]) -> Result<(), AskError> {
    let mut own: Vec<HeaderName> = Vec::new();
    for header in headers {
        let wrong = || AskError::Header(header.escape_debug().to_string());
        let (name, value) = header.split_once(':').ok_or_else(wrong)?;
        let name = HeaderName::from_bytes(name.trim().as_bytes()).map_err(|_| wrong())?;
        let value = HeaderValue::from_str(value.trim()).map_err(|_| wrong())?;
        if matches!(name, CONTENT_LENGTH | TRANSFER_ENCODING) {
            return Err(AskError::Framing(name.to_string()));
        }
        if !own.contains(&name) {
            fields.remove(&name);
            own.push(name.clone());
        }
        if !value.is_empty() {
            fields.append(name, value);
        }
    }
    Ok(())
}

fn http1(method: &Method, target: &str, fields: &HeaderMap, body: &Bytes) -> Bytes {
    let mut out = format!("{method} {target} HTTP/1.1\r\n").into_bytes();
    for (name, value) in fields {
        out.extend_from_slice(name.as_str().as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(body);
    out.into()
}

impl fmt::Display for AskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(header) => {
                write!(f, "'{header}' is no header; it looks like 'Accept-Encoding: gzip'")
            }
            Self::Framing(name) => {
                write!(f, "{name} follows from the content; leave it out, and give --body")
            }
            Self::Url(url) => write!(f, "{url} cannot be asked for"),
        }
    }
}

impl Error for AskError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(
        method: &Method,
        headers: &[&str],
        body: &'static str,
        keep_alive: bool,
    ) -> Result<Ask, AskError> {
        let url = Url::parse("http://h:8000/a%20b?c").unwrap();
        let headers: Vec<_> = headers.iter().map(|&header| header.to_owned()).collect();
        Ask::new(&url, method, &headers, &Bytes::from_static(body.as_bytes()), keep_alive)
    }

    fn text(ask: &Ask) -> String {
        String::from_utf8(ask.bytes.to_vec()).unwrap()
    }

    #[test]
    fn a_request_is_what_a_client_sends() {
        let plain = ask(&Method::GET, &[], "", true).unwrap();
        let agent = concat!("salver/", env!("CARGO_PKG_VERSION"));
        assert_eq!(
            text(&plain),
            format!(
                "GET /a%20b?c HTTP/1.1\r\nhost: h:8000\r\nuser-agent: {agent}\r\naccept: */*\r\n\r\n"
            )
        );
        assert_eq!(plain.request.uri(), "http://h:8000/a%20b?c");
        assert!(!plain.request.headers().contains_key(HOST) && !plain.is_head);
    }

    #[test]
    fn own_headers_replace_and_remove_others() {
        let headers = ["Accept:", "User-Agent: me", "X-A: 1", "x-a: 2", "Host: site.example"];
        let post = ask(&Method::POST, &headers, "abc", false).unwrap();
        let sent = text(&post);
        assert!(sent.starts_with("POST ") && sent.ends_with("\r\n\r\nabc"), "{sent}");
        for line in [
            "user-agent: me",
            "x-a: 1\r\nx-a: 2",
            "host: site.example",
            "content-length: 3",
            "connection: close",
        ] {
            assert!(sent.contains(&format!("\r\n{line}\r\n")), "{line}: {sent}");
        }
        assert!(!sent.contains("accept"), "{sent}");
        assert_eq!(post.request.uri().authority().unwrap(), "site.example");
        assert!(!post.request.headers().contains_key(CONNECTION));
    }

    #[test]
    fn what_is_no_header_or_would_move_the_end_is_refused() {
        for header in ["no colon", ": x", "a b: c", "a: b\r\nc: d", "a: \0"] {
            assert!(
                matches!(ask(&Method::GET, &[header], "", true), Err(AskError::Header(_))),
                "{header}"
            );
        }
        for header in ["Content-Length: 5", "Transfer-Encoding: chunked"] {
            assert!(
                matches!(ask(&Method::GET, &[header], "", true), Err(AskError::Framing(_))),
                "{header}"
            );
        }
    }
}
