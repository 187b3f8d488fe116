//! Requests that a page of another site makes a visitor's browser send.

use std::sync::Arc;

use http::{HeaderName, Method, StatusCode, header};

use super::{Handler, Reply};
use crate::content::cors::Cors;
use crate::message::{Request, Response};

/// Whether the page that made a browser send a request is of the site that is asked
/// (Fetch Metadata). Scripts cannot set it.
static SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
static ORIGIN: HeaderName = header::ORIGIN;
/// By which tus clients say what they cannot send.
static METHOD_OVERRIDE: HeaderName = HeaderName::from_static("x-http-method-override");

const DETAIL: &str = "A page of another site may not change anything here. If it should, name its \
                      origin in cors_allow_origin and the method in cors_allow_methods.";

/// Refuses what a page of another origin sends, unless CORS allows it. Requests that only read
/// pass, and so do those of programs, which have no pages.
#[derive(Debug)]
pub struct CrossSite {
    cors: Option<Arc<Cors>>,
}

impl CrossSite {
    /// Lets through what `cors` allows.
    pub fn new(cors: Option<Arc<Cors>>) -> Self {
        Self { cors }
    }

    fn permits(&self, request: &Request<'_>) -> bool {
        is_of_this_site(request)
            || self.cors.as_ref().is_some_and(|cors| {
                let origin = request.fields.get(&ORIGIN);
                origin.is_some_and(|it| methods(request).all(|method| cors.allows(it, method)))
            })
    }
}

impl Handler for CrossSite {
    fn concerns(&self, request: &Request<'_>) -> bool {
        !matches!(request.method, Method::GET | Method::HEAD | Method::OPTIONS)
    }

    fn handle<'a>(&'a self, request: Request<'a>) -> Reply<'a> {
        if self.permits(&request) {
            return Reply::Pass(request);
        }
        Reply::Ready(Response::new(StatusCode::FORBIDDEN).with_detail(DETAIL))
    }
}

/// The method, and the one that is meant where another cannot be sent.
fn methods<'a>(request: &'a Request<'_>) -> impl Iterator<Item = &'a [u8]> {
    let meant = request.fields.lines(&METHOD_OVERRIDE);
    std::iter::once(request.method.as_str().as_bytes()).chain(meant)
}

/// Whether a page of this site, a person or a program sent the request. Browsers tell by
/// `Sec-Fetch-Site` over https and on localhost, else by `Origin` alone.
pub(super) fn is_of_this_site(request: &Request<'_>) -> bool {
    let mut sites = request.fields.lines(&SEC_FETCH_SITE).peekable();
    if sites.peek().is_some() {
        return sites.all(|site| matches!(site, b"same-origin" | b"none"));
    }
    let host = request.target.authority.or_else(|| request.fields.get(&header::HOST));
    request.fields.lines(&ORIGIN).all(|origin| host.is_some_and(|host| is_origin_of(origin, host)))
}

/// Whether an origin has that host and port. Its scheme is not compared: behind a proxy the site
/// may be reached by https and this server by http.
fn is_origin_of(origin: &[u8], host: &[u8]) -> bool {
    let (port, origin) = match (origin.strip_prefix(b"http://"), origin.strip_prefix(b"https://")) {
        (Some(rest), _) => (&b":80"[..], rest),
        (_, Some(rest)) => (&b":443"[..], rest),
        _ => return false,
    };
    let bare = |authority: &'_ [u8]| {
        let stripped = authority.strip_suffix(port).or_else(|| authority.strip_suffix(b":"));
        stripped.map_or(authority.len(), <[u8]>::len)
    };
    origin[..bare(origin)].eq_ignore_ascii_case(&host[..bare(host)])
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr};
    use std::time::Instant;

    use http::{HeaderMap, HeaderValue, Version};

    use super::*;
    use crate::content::cors::CorsOptions;
    use crate::message::{Fields, Peer, RequestBody, Target};

    fn passes(
        handler: &CrossSite,
        method: Method,
        fields: &[(&'static str, &'static str)],
    ) -> bool {
        let mut map = HeaderMap::new();
        for (name, value) in fields {
            map.append(*name, HeaderValue::from_static(value));
        }
        let request = Request {
            method,
            target: Target::origin(b"/upload"),
            version: Version::HTTP_11,
            fields: Fields::Map(&map),
            received: Instant::now(),
            peer: Peer { address: SocketAddr::from((Ipv4Addr::LOCALHOST, 1)), secure: false },
            body: RequestBody::None,
        };
        if !handler.concerns(&request) {
            return true;
        }
        match handler.handle(request) {
            Reply::Pass(_) => true,
            Reply::Ready(response) => {
                assert_eq!(response.status, StatusCode::FORBIDDEN);
                assert!(response.detail.is_some());
                false
            }
            Reply::Later(_) => panic!("nothing to wait for"),
        }
    }

    #[test]
    fn a_page_of_another_site_changes_nothing() {
        let handler = CrossSite::new(None);
        let host = ("host", "site.example:8000");
        let origin = |value| ("origin", value);
        let site = |value| ("sec-fetch-site", value);
        for (fields, expected) in [
            // No browser, or none that tells.
            (vec![host], true),
            (vec![host, site("same-origin"), origin("http://other.example")], true),
            (vec![host, site("none")], true),
            (vec![host, site("same-site"), origin("http://site.example:8000")], false),
            (vec![host, site("cross-site"), origin("http://site.example:8000")], false),
            (vec![host, site("cross-site")], false),
            (vec![host, site("same-origin"), site("cross-site")], false),
            (vec![host, site("")], false),
            (vec![host, site("unheard-of")], false),
            // Without Sec-Fetch-Site.
            (vec![host, origin("http://site.example:8000")], true),
            (vec![host, origin("https://SITE.example:8000")], true),
            (vec![host, origin("http://site.example")], false),
            (vec![host, origin("http://site.example:80000")], false),
            (vec![host, origin("http://evilsite.example:8000")], false),
            (vec![host, origin("null")], false),
            (vec![host, origin("")], false),
            (vec![host, origin("ftp://site.example:8000")], false),
            (vec![host, origin("http://site.example:8000"), origin("http://a.example")], false),
            (vec![origin("http://site.example")], false),
            // The usual port may be named or not.
            (vec![("host", "a.example:80"), origin("http://a.example")], true),
            (vec![("host", "a.example"), origin("https://a.example:443")], true),
            (vec![("host", "a.example:443"), origin("http://a.example")], false),
            (vec![("host", "[::1]:8000"), origin("http://[::1]:8000")], true),
        ] {
            assert_eq!(passes(&handler, Method::POST, &fields), expected, "{fields:?}");
            for method in [Method::GET, Method::HEAD, Method::OPTIONS] {
                assert!(passes(&handler, method, &fields), "{fields:?}");
            }
        }
    }

    #[test]
    fn cors_lets_named_origins_use_named_methods() {
        let friend = "https://friend.example";
        let handler = CrossSite::new(Some(Arc::new(Cors::new(CorsOptions {
            origins: Some(vec![friend.to_owned()]),
            methods: vec![Method::POST],
            ..CorsOptions::default()
        }))));
        let from = |origin| {
            [("host", "site.example"), ("sec-fetch-site", "cross-site"), ("origin", origin)]
        };
        assert!(passes(&handler, Method::POST, &from(friend)));
        assert!(!passes(&handler, Method::PUT, &from(friend)));
        assert!(!passes(&handler, Method::POST, &from("https://other.example")));
        assert!(!passes(&handler, Method::POST, &from("null")));
    }
}
