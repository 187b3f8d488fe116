//! Who may look at the status.
//!
//! Being on the list is not all: a proxy on this machine has an address that is, and so has the
//! browser of an operator who is looking at somebody else's page.

use std::net::IpAddr;

use http::{HeaderName, StatusCode, header};
use ipnet::IpNet;

use crate::handler::cross_site::is_of_this_site;
use crate::message::{Request, Response};

/// By which proxies say for whom they ask: RFC 7239, and what was there before it.
static FORWARDED: [HeaderName; 3] = [
    header::FORWARDED,
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-real-ip"),
];

static SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
static SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");

const NOT_LISTED: &str = "This address may not see the status. The server's operator can add it to \
                          status_allow.";

const PROXIED: &str = "A proxy asks for somebody whose address may not see the status. The server's \
                       operator can add it to status_allow.";

const OTHER_SITE: &str = "A page of another site may not read the status.";

const OTHER_NAME: &str = "The status is not shown under this name. Ask by address, as localhost, or \
                          from an address in status_allow other than this machine's own.";

/// Whether the status may be shown; else the answer that says why not.
pub(super) fn check(request: &Request<'_>, allowed: &[IpNet]) -> Result<(), Box<Response>> {
    let is_allowed = |address: IpAddr| {
        let address = address.to_canonical();
        allowed.iter().any(|network| network.contains(&address))
    };
    let client = request.peer.address.ip().to_canonical();
    let refuse = |detail: &'static str| {
        Err(Box::new(Response::new(StatusCode::FORBIDDEN).with_detail(detail)))
    };
    if !is_allowed(client) {
        return refuse(NOT_LISTED);
    }
    let mut named =
        FORWARDED.iter().flat_map(|name| request.fields.lines(name)).flat_map(addresses);
    if !named.all(|address| address.is_some_and(is_allowed)) {
        return refuse(PROXIED);
    }
    if !is_of_this_site(request) && !is_navigation(request) {
        return refuse(OTHER_SITE);
    }
    let host = request.target.authority.or_else(|| request.fields.get(&header::HOST));
    if client.is_loopback() && !host.is_none_or(is_local_name) {
        return refuse(OTHER_NAME);
    }
    Ok(())
}

/// Whether a browser was told to go there, by a link for example: no page gets to see the answer.
fn is_navigation(request: &Request<'_>) -> bool {
    request.fields.get(&SEC_FETCH_MODE) == Some(b"navigate")
        && request.fields.get(&SEC_FETCH_DEST) == Some(b"document")
}

/// Whether a host is this machine by what it is called, and not because somebody's name server
/// says so now: a page may have its own name resolved to the address of its visitor.
fn is_local_name(host: &[u8]) -> bool {
    let name = match host {
        [b'[', ..] => return true,
        _ => host.split(|&byte| byte == b':').next().unwrap_or_default(),
    };
    let Ok(name) = std::str::from_utf8(name) else { return false };
    let name = name.to_ascii_lowercase();
    name.parse::<IpAddr>().is_ok() || name.ends_with(".localhost") || !name.contains('.')
}

/// The addresses in a line of one of the fields; `None` for what is none.
fn addresses(line: &[u8]) -> impl Iterator<Item = Option<IpAddr>> {
    line.split(|&byte| byte == b',').filter_map(|element| {
        // RFC 7239 section 4: pairs, of which only `for` says who asks.
        let text = std::str::from_utf8(element).unwrap_or_default();
        let mut pairs = text.split(';').map(str::trim).peekable();
        if text.contains('=') {
            let value = pairs.find_map(|pair| {
                let (name, value) = pair.split_once('=')?;
                name.trim().eq_ignore_ascii_case("for").then_some(value.trim().trim_matches('"'))
            })?;
            return Some(address(value));
        }
        Some(address(text.trim()))
    })
}

/// An address, with or without a port.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.split_once(']')).map(|(bare, _)| bare);
    bare.unwrap_or(text)
        .parse()
        .ok()
        .or_else(|| text.rsplit_once(':').and_then(|(bare, _)| bare.parse().ok()))
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::time::Instant;

    use http::{HeaderMap, HeaderValue, Method, Version};

    use super::*;
    use crate::message::{Fields, Peer, RequestBody, Target};

    fn may(client: &str, fields: &[(&'static str, &'static str)]) -> bool {
        let mut map = HeaderMap::new();
        for (name, value) in fields {
            map.append(*name, HeaderValue::from_static(value));
        }
        let request = Request {
            method: Method::GET,
            target: Target::origin(b"/server-status"),
            version: Version::HTTP_11,
            fields: Fields::Map(&map),
            received: Instant::now(),
            peer: Peer { address: SocketAddr::new(client.parse().unwrap(), 1), secure: false },
            body: RequestBody::None,
        };
        let allowed = ["127.0.0.0/8", "::1/128", "10.0.0.0/8"].map(|net| net.parse().unwrap());
        check(&request, &allowed).is_ok()
    }

    #[test]
    fn only_those_on_the_list_may_look() {
        for (client, allowed) in [
            ("127.0.0.1", true),
            ("::1", true),
            ("::ffff:127.0.0.1", true),
            ("10.1.2.3", true),
            ("11.1.2.3", false),
            ("2001:db8::1", false),
        ] {
            assert_eq!(may(client, &[]), allowed, "{client}");
        }
    }

    #[test]
    fn a_proxy_shows_it_only_to_those_on_the_list() {
        for (name, value, allowed) in [
            ("x-forwarded-for", "10.0.0.1", true),
            ("x-forwarded-for", "10.0.0.1, 127.0.0.1", true),
            ("x-forwarded-for", "203.0.113.9", false),
            ("x-forwarded-for", "203.0.113.9, 10.0.0.1", false),
            ("x-forwarded-for", "10.0.0.1:443", true),
            ("x-forwarded-for", "unknown", false),
            ("x-forwarded-for", "", false),
            ("x-real-ip", "203.0.113.9", false),
            ("x-real-ip", "::1", true),
            ("forwarded", "for=10.0.0.1;proto=https", true),
            ("forwarded", "proto=https;for=\"[2001:db8::1]:80\"", false),
            ("forwarded", "for=\"[::1]:80\", for=127.0.0.1", true),
            ("forwarded", "for=_hidden", false),
            ("forwarded", "proto=https", true),
        ] {
            assert_eq!(may("127.0.0.1", &[(name, value)]), allowed, "{name}: {value}");
        }
    }

    #[test]
    fn no_page_of_another_site_reads_it() {
        let host = ("host", "localhost:8000");
        let site = |value| ("sec-fetch-site", value);
        assert!(may("::1", &[host, site("same-origin")]));
        assert!(may("::1", &[host, site("none")]));
        assert!(!may("::1", &[host, site("cross-site")]));
        assert!(!may("::1", &[host, ("origin", "https://elsewhere.example")]));
        let navigation = [("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];
        assert!(may("::1", &[host, site("cross-site"), navigation[0], navigation[1]]));
        assert!(!may(
            "::1",
            &[host, site("cross-site"), navigation[0], ("sec-fetch-dest", "iframe")]
        ));
    }

    #[test]
    fn a_name_that_was_made_to_lead_here_does_not() {
        for (host, allowed) in [
            ("127.0.0.1:8000", true),
            ("[::1]:8000", true),
            ("localhost", true),
            ("app.localhost:80", true),
            ("workshop:8000", true),
            ("elsewhere.example:8000", false),
        ] {
            assert_eq!(may("127.0.0.1", &[("host", host)]), allowed, "{host}");
            assert!(may("10.0.0.1", &[("host", host)]), "{host}");
        }
    }
}
