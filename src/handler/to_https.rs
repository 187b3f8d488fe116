//! Plain requests, sent on to where the same is served over TLS.

use http::{HeaderValue, StatusCode, header};

use super::{Handler, Reply};
use crate::message::{Request, Response};

/// The port of `https://` URLs that name none.
const HTTPS: u16 = 443;

/// Answers every request with 308: method and content stay what they were (RFC 9110 15.4.9).
#[derive(Debug)]
pub struct ToHttps {
    port: u16,
}

impl ToHttps {
    /// Sends on to `port` of the same host.
    pub fn new(port: u16) -> Self {
        Self { port }
    }

    fn location(&self, request: &Request<'_>) -> Option<HeaderValue> {
        let named = request.target.authority.or_else(|| request.fields.get(&header::HOST))?;
        let mut location = b"https://".to_vec();
        location.extend_from_slice(without_port(named));
        if self.port != HTTPS {
            location.extend_from_slice(format!(":{}", self.port).as_bytes());
        }
        location.extend_from_slice(request.target.path);
        if let Some(query) = request.target.query {
            location.push(b'?');
            location.extend_from_slice(query);
        }
        HeaderValue::from_bytes(&location).ok()
    }
}

impl Handler for ToHttps {
    fn handle<'a>(&'a self, request: Request<'a>) -> Reply<'a> {
        let path = request.target.path;
        let location = self.location(&request).filter(|_| path.first() == Some(&b'/'));
        Reply::Ready(match location {
            Some(location) => Response::permanent_redirect(location),
            None => Response::new(StatusCode::BAD_REQUEST)
                .with_detail("This server is reached by https; the request names no host."),
        })
    }
}

/// The host alone; an IPv6 address has colons of its own, within brackets.
fn without_port(authority: &[u8]) -> &[u8] {
    let is_port = |tail: &[u8]| tail.iter().all(u8::is_ascii_digit);
    match memchr::memrchr(b':', authority) {
        Some(colon) if is_port(&authority[colon + 1..]) => &authority[..colon],
        _ => authority,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use http::{HeaderMap, Method, Version};

    use super::*;
    use crate::message::{Fields, Peer, RequestBody, Target};

    fn location(port: u16, host: &'static str, target: &'static str) -> Option<String> {
        let mut fields = HeaderMap::new();
        if !host.is_empty() {
            fields.insert(header::HOST, HeaderValue::from_static(host));
        }
        let request = Request {
            method: Method::POST,
            target: Target::origin(target.as_bytes()),
            version: Version::HTTP_11,
            fields: Fields::Map(&fields),
            received: Instant::now(),
            peer: Peer { address: ([127, 0, 0, 1], 1).into(), secure: false },
            body: RequestBody::None,
        };
        let Reply::Ready(response) = ToHttps::new(port).handle(request) else { panic!("at once") };
        let location = response.fields.get(&header::LOCATION)?;
        assert_eq!(response.status, StatusCode::PERMANENT_REDIRECT);
        Some(location.to_str().unwrap().to_owned())
    }

    #[test]
    fn the_same_path_is_asked_for_at_the_other_port() {
        for (port, host, target, expected) in [
            (443, "a.example", "/", "https://a.example/"),
            (443, "a.example:80", "/a?b", "https://a.example/a?b"),
            (8443, "a.example:8080", "/a%20b", "https://a.example:8443/a%20b"),
            (443, "[::1]:80", "//evil.example/", "https://[::1]//evil.example/"),
            (8443, "[::1]", "/", "https://[::1]:8443/"),
        ] {
            assert_eq!(location(port, host, target).as_deref(), Some(expected));
        }
        assert_eq!(location(443, "", "/"), None);
    }
}
