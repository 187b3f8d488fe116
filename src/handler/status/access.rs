//! Who may look at the status.
//!
//! Being on the list is not all: a proxy on this machine has an address that is, and so has the
//! browser of an operator who is looking at somebody else's page.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use http::{HeaderName, StatusCode, Version, header};
use ipnet::IpNet;

use crate::handler::cross_site::is_of_this_site;
use crate::message::{Request, Response};

/// By which proxies say for whom they ask.
static X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
static X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");
/// RFC 7239.
static FORWARDED: HeaderName = header::FORWARDED;

/// What shows that there is a proxy, whether it says for whom it asks or not.
const SIGNS: [&str; 7] = [
    "via",
    "client-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "true-client-ip",
    "cf-connecting-ip",
    "fastly-client-ip",
];

static SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
static SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");

const NOT_LISTED: &str = "This address may not see the status. The server's operator can add it to \
                          status_allow.";

const PROXIED: &str = "A proxy asks for somebody whose address may not see the status, or is not said. The \
                       server's operator can have the proxy send X-Forwarded-For, and add addresses to \
                       status_allow.";

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
    let named: Vec<_> = named_by_proxies(request).collect();
    if is_proxied(request) && named.is_empty()
        || !named.iter().all(|address| address.is_some_and(is_allowed))
    {
        return refuse(PROXIED);
    }
    if !is_of_this_site(request) && !is_navigation(request) {
        return refuse(OTHER_SITE);
    }
    let host = request.target.authority.or_else(|| request.fields.get(&header::HOST));
    // A page can say that it asks for this machine, but not for one that it does not know.
    let is_for_another = named.iter().flatten().any(|address| !address.is_loopback());
    if client.is_loopback() && !is_for_another && !host.is_none_or(is_local_name) {
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
    let name = name.strip_suffix('.').unwrap_or(&name);
    name.parse::<IpAddr>().is_ok() || name.ends_with(".localhost") || !name.contains('.')
}

/// Whether a proxy may ask for somebody, be it shown or said.
pub(super) fn is_for_another(request: &Request<'_>) -> bool {
    is_proxied(request) || named_by_proxies(request).next().is_some()
}

/// Whether anything shows that a proxy asks for somebody. HTTP/1.0 is what is spoken by proxies
/// that were told nothing, and by hardly anybody else.
fn is_proxied(request: &Request<'_>) -> bool {
    const FAMILY: &[u8] = b"x-forwarded";
    request.version == Version::HTTP_10
        || request.fields.iter().any(|(name, _)| {
            let is_of_family =
                name.len() >= FAMILY.len() && name[..FAMILY.len()].eq_ignore_ascii_case(FAMILY);
            is_of_family || SIGNS.iter().any(|sign| name.eq_ignore_ascii_case(sign.as_bytes()))
        })
}

/// The addresses that proxies say they ask for; `None` for what cannot be read as one.
fn named_by_proxies<'a>(request: &Request<'a>) -> impl Iterator<Item = Option<IpAddr>> + 'a {
    let before = [&X_FORWARDED_FOR, &X_REAL_IP];
    let before = before.map(|name| request.fields.lines(name)).into_iter().flatten();
    let before = before.flat_map(|line| line.split(|&byte| byte == b',')).map(address);
    let standard = request.fields.lines(&FORWARDED).flat_map(forwarded);
    before.chain(standard)
}

/// The address of each element of a `Forwarded` line (RFC 7239 section 4). An element that names
/// nobody, or several, or has quotes around what would end them, cannot be read.
fn forwarded(line: &[u8]) -> Vec<Option<IpAddr>> {
    let mut is_quoted = false;
    let is_plain = line.iter().all(|&byte| {
        is_quoted ^= byte == b'"';
        byte != b'\\' && !(is_quoted && matches!(byte, b',' | b';' | b'='))
    });
    if !is_plain || is_quoted {
        return vec![None];
    }
    let of_element = |element: &[u8]| {
        let mut named = None;
        for pair in element.split(|&byte| byte == b';') {
            let at = pair.iter().position(|&byte| byte == b'=')?;
            let (name, value) = (pair[..at].trim_ascii(), pair[at + 1..].trim_ascii());
            if name.eq_ignore_ascii_case(b"for") {
                let value = value.strip_prefix(b"\"").unwrap_or(value);
                let address = address(value.strip_suffix(b"\"").unwrap_or(value))?;
                if named.replace(address).is_some() {
                    return None;
                }
            }
        }
        named
    };
    line.split(|&byte| byte == b',').map(of_element).collect()
}

/// An address, with or without a port.
fn address(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?.trim();
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    bare.and_then(|bare| bare.parse::<Ipv6Addr>().ok().map(IpAddr::from))
        .or_else(|| text.parse().ok())
        .or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use http::{HeaderMap, HeaderValue, Method};

    use super::*;
    use crate::message::{Fields, Peer, RequestBody, Target};

    fn may(client: &str, fields: &[(&'static str, &'static str)]) -> bool {
        may_over(Version::HTTP_11, client, fields)
    }

    fn may_over(version: Version, client: &str, fields: &[(&'static str, &'static str)]) -> bool {
        let mut map = HeaderMap::new();
        for (name, value) in fields {
            map.append(*name, HeaderValue::from_static(value));
        }
        let request = Request {
            method: Method::GET,
            target: Target::origin(b"/server-status"),
            version,
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
            ("forwarded", "proto=https", false),
            ("forwarded", "proto=http;host=\"x;for=127.0.0.1\";for=203.0.113.9", false),
            ("forwarded", "for=127.0.0.1;for=203.0.113.9", false),
            ("forwarded", "for=127.0.0.1;f\\or=203.0.113.9", false),
            ("forwarded", "for=127.0.0.1;host=\"x", false),
            ("x-forwarded-for", "a=b", false),
            ("x-forwarded-for", "[127.0.0.1]evil", false),
            ("x-forwarded-for", "[::1]:80", true),
            ("x-forwarded-host", "files.example", false),
            ("via", "1.1 proxy", false),
            ("cf-connecting-ip", "127.0.0.1", false),
        ] {
            assert_eq!(may("127.0.0.1", &[(name, value)]), allowed, "{name}: {value}");
        }
    }

    #[test]
    fn a_proxy_that_says_nothing_speaks_an_old_version() {
        assert!(!may_over(Version::HTTP_10, "127.0.0.1", &[]));
        assert!(may_over(Version::HTTP_10, "127.0.0.1", &[("x-real-ip", "10.0.0.1")]));
        assert!(may_over(Version::HTTP_2, "127.0.0.1", &[]));
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
        let proxied = |address| [("host", "site.example"), ("x-forwarded-for", address)];
        assert!(may("127.0.0.1", &proxied("10.0.0.1")));
        assert!(!may("127.0.0.1", &proxied("127.0.0.1")));
    }
}
