//! What browsers are told about pages of other origins (Fetch, CORS protocol).

#![allow(clippy::expect_used, clippy::unwrap_used)]

mod support;

use support::{Response, Setup, setup};

const FRIEND: (&str, &str) = ("Origin", "https://friend.example");
const STRANGER: (&str, &str) = ("Origin", "https://stranger.example");

fn site() -> Setup {
    setup().file("a.txt", "0123456789").flag("--enable-cors")
}

fn for_friend() -> Setup {
    site()
        .flag("--cors-allow-origin=https://friend.example,http://localhost:3000")
        .flag("--cors-allow-methods=GET,PUT")
        .flag("--cors-allow-credentials")
}

fn cors_fields(response: &Response) -> Vec<&str> {
    let fields = response.fields.iter().map(|(name, _)| name.as_str());
    fields.filter(|name| name.starts_with("access-control-")).collect()
}

#[test]
fn a_star_is_on_every_answer_and_nothing_varies() {
    let server = site().start();
    let etag = server.get("/a.txt", &[]).field("etag").unwrap().to_owned();
    for (target, fields) in [
        ("/a.txt", vec![]),
        ("/a.txt", vec![FRIEND]),
        ("/a.txt", vec![("If-None-Match", etag.as_str())]),
        ("/a.txt", vec![("Range", "bytes=0-1")]),
        ("/a.txt", vec![("Range", "bytes=99-")]),
        ("/nowhere", vec![FRIEND]),
        ("/%", vec![FRIEND]),
        ("/", vec![FRIEND]),
    ] {
        let response = server.get(target, &fields);
        assert_eq!(response.field("access-control-allow-origin"), Some("*"), "{target}");
        let exposed = response.field("access-control-expose-headers");
        assert_eq!(exposed, Some("accept-ranges, content-range, etag"));
        assert!(response.field("vary").is_none_or(|names| !names.contains("Origin")), "{target}");
    }
    let refused = server.raw("GET / HTTP/1.1\r\n\r\n");
    assert!(String::from_utf8(refused).unwrap().contains("Access-Control-Allow-Origin: *"));
}

#[test]
fn a_named_origin_is_named_and_every_answer_varies() {
    let server = for_friend().start();
    let etag = server.get("/a.txt", &[]).field("etag").unwrap().to_owned();
    let cached = ("If-None-Match", etag.as_str());
    for (target, more, status) in [
        ("/a.txt", vec![], 200),
        ("/a.txt", vec![cached], 304),
        ("/a.txt", vec![("Range", "bytes=0-1")], 206),
        ("/nowhere", vec![], 404),
        ("/nowhere", vec![("Accept", "text/html")], 404),
        ("/", vec![], 200),
    ] {
        let ask = |origin| {
            let fields: Vec<_> = more.iter().copied().chain(origin).collect();
            let response = server.get(target, &fields);
            assert_eq!(response.status, status, "{target}");
            assert!(response.fields.iter().any(|(n, v)| n == "vary" && v == "Origin"), "{target}");
            response
        };
        let friend = ask(Some(FRIEND));
        assert_eq!(friend.field("access-control-allow-origin"), Some(FRIEND.1));
        assert_eq!(friend.field("access-control-allow-credentials"), Some("true"));
        for other in [Some(STRANGER), Some(("Origin", "null")), None] {
            let response = ask(other);
            assert!(cors_fields(&response).is_empty(), "{:?}", response.fields);
        }
    }
}

#[test]
fn a_preflight_says_what_is_allowed_or_nothing() {
    let server = for_friend().start();
    let ask = |origin, method, headers| {
        let fields = [
            origin,
            ("Access-Control-Request-Method", method),
            ("Access-Control-Request-Headers", headers),
            ("Access-Control-Request-Private-Network", "true"),
        ];
        let response = server.request("OPTIONS", "/a.txt", &fields);
        assert_eq!((response.status, response.field("vary")), (204, Some("Origin")));
        assert_eq!(response.field("access-control-allow-private-network"), None);
        response
    };
    let allowed = ask(FRIEND, "PUT", "content-type,range");
    assert_eq!(allowed.field("access-control-allow-origin"), Some(FRIEND.1));
    assert_eq!(allowed.field("access-control-allow-methods"), Some("GET, PUT"));
    assert_eq!(allowed.field("access-control-allow-headers"), Some("content-type, range"));
    assert_eq!(allowed.field("access-control-max-age"), Some("7200"));

    assert!(cors_fields(&ask(STRANGER, "PUT", "range")).is_empty());
    for (method, headers) in [("DELETE", "range"), ("PUT", "x-other")] {
        let refused = ask(FRIEND, method, headers);
        assert_eq!(refused.field("access-control-allow-methods"), None);
        assert_eq!(refused.field("access-control-allow-headers"), None);
    }
    // No preflight.
    let options = server.request("OPTIONS", "/a.txt", &[FRIEND]);
    assert_eq!(options.field("allow"), Some("GET, HEAD, OPTIONS"));
}

#[test]
fn without_cors_nothing_is_said() {
    let server = support::digits();
    let fields = [FRIEND, ("Access-Control-Request-Method", "PUT")];
    for response in [server.get("/a.txt", &[FRIEND]), server.request("OPTIONS", "/", &fields)] {
        assert!(cors_fields(&response).is_empty());
        assert_eq!(response.field("vary"), None);
    }
}

#[test]
fn what_another_site_sends_is_refused_unless_cors_allows_it() {
    let cross = ("Sec-Fetch-Site", "cross-site");
    let uploads = |setup: Setup| setup.flag("--enable-file-uploads").start();
    let server = uploads(site().flag("--cors-allow-origin=https://friend.example"));
    let refused = server.request("POST", "/nowhere", &[STRANGER, cross]);
    assert_eq!(refused.status, 403);
    assert!(refused.text().contains("cors_allow_origin"), "{}", refused.text());
    assert_ne!(server.request("POST", "/nowhere", &[FRIEND, cross]).status, 403);
    assert_ne!(server.request("POST", "/nowhere", &[("Origin", "http://t")]).status, 403);
    assert_eq!(server.request("PUT", "/x", &[FRIEND, cross]).status, 403);
    assert_eq!(server.get("/a.txt", &[STRANGER, cross]).status, 200);
    let resumable = [
        FRIEND,
        ("Access-Control-Request-Method", "POST"),
        ("Access-Control-Request-Headers", "tus-resumable, upload-length"),
    ];
    let preflight = server.request("OPTIONS", "/upload/tus", &resumable);
    assert!(preflight.field("access-control-allow-headers").is_some());

    let open = uploads(site());
    assert_ne!(open.request("POST", "/nowhere", &[STRANGER, cross]).status, 403);
    let closed = uploads(setup());
    assert_eq!(closed.request("POST", "/nowhere", &[STRANGER, cross]).status, 403);
}
