//! What the server makes itself, in codings: listings, rendered texts, the status, errors.

#![allow(clippy::expect_used, clippy::unwrap_used)]

mod support;

use std::fmt::Write as _;

use support::over::Over;
use support::upload::{BROWSER, FORM, form, part, send};
use support::{Response, Server, Setup, setup};

const CODINGS: [(&str, &str); 5] = [
    ("identity", "identity"),
    ("gzip", "gzip"),
    ("br", "br"),
    ("zstd", "zstd"),
    ("gzip, deflate, br, zstd", "zstd"),
];

fn accepting(server: &Server, target: &str, codings: &str) -> Response {
    server.get(target, &[("Accept-Encoding", codings)])
}

/// A folder of so many files, and a text.
fn folder(count: usize) -> Setup {
    let mut text = String::new();
    for number in 0..300 {
        let _ = writeln!(text, "{number}. *Item* of [a list](/{number})");
    }
    (0..count)
        .fold(setup(), |setup, number| setup.file(&format!("many/file {number}.txt"), ""))
        .file("text.md", text)
}

#[test]
fn pages_come_in_the_coding_that_is_asked_for() {
    let server = folder(100).start();
    for (target, vary) in [
        ("/many/", "Accept, Accept-Encoding"),
        ("/many/?format=json", "Accept, Accept-Encoding"),
        ("/many/?format=text", "Accept, Accept-Encoding"),
        ("/text.md?render", "Accept-Encoding"),
    ] {
        let plain = server.get(target, &[]);
        for (codings, expected) in CODINGS {
            let response = accepting(&server, target, codings);
            assert_eq!((response.status, response.coding()), (200, expected), "{target} {codings}");
            assert_eq!(response.field("vary"), Some(vary), "{target} {codings}");
            assert!(response.decoded() == plain.body, "{target} {codings}");
            for name in
                ["content-type", "last-modified", "cache-control", "content-security-policy"]
            {
                assert_eq!(response.field(name), plain.field(name), "{target} {codings} {name}");
            }
            let is_coded = expected != "identity";
            assert_eq!(response.body.len() < plain.body.len() / 2, is_coded, "{target} {codings}");
            let length = response.body.len().to_string();
            let head = server.request("HEAD", target, &[("Accept-Encoding", codings)]);
            assert_eq!(head.field("content-length"), Some(length.as_str()), "{target} {codings}");
            let without_date = |response: &Response| {
                let mut fields = response.fields.clone();
                fields.retain(|(name, _)| name != "date");
                fields
            };
            assert_eq!(without_date(&head), without_date(&response), "{target} {codings}");
        }
    }
}

#[test]
fn each_coding_of_a_page_has_a_tag_of_its_own() {
    let server = folder(100).start();
    for target in ["/many/", "/many/?format=json", "/text.md?render"] {
        let tags = ["identity", "br", "zstd", "gzip"].map(|coding| {
            let response = accepting(&server, target, coding);
            (coding, response.field("etag").unwrap().to_owned())
        });
        for (coding, own) in &tags {
            for (_, sent) in &tags {
                let fields = [("Accept-Encoding", *coding), ("If-None-Match", sent.as_str())];
                let response = server.get(target, &fields);
                let expected = if sent == own { 304 } else { 200 };
                assert_eq!(response.status, expected, "{target} {coding} {sent}");
                assert_eq!(response.field("etag"), Some(own.as_str()));
                assert!(response.field("vary").unwrap().ends_with("Accept-Encoding"));
                assert_eq!(response.body.is_empty(), expected == 304);
                let is_coded = expected == 200 && *coding != "identity";
                assert_eq!(response.field("content-encoding").is_some(), is_coded);
            }
            let refused = [("Accept-Encoding", *coding), ("If-Match", "\"another\"")];
            assert_eq!(server.get(target, &refused).status, 412);
        }
    }
}

#[test]
fn a_listing_that_is_sent_while_it_is_read_is_compressed_too() {
    let server = folder(6000).start();
    for target in ["/many/", "/many/?format=json"] {
        let plain = server.get(target, &[]);
        for (codings, expected) in CODINGS {
            let response = accepting(&server, target, codings);
            assert_eq!((response.status, response.coding()), (200, expected), "{target} {codings}");
            assert_eq!(response.field("vary"), Some("Accept, Accept-Encoding"));
            assert!(response.decoded() == plain.body, "{target} {codings}");
            let is_coded = expected != "identity";
            assert_eq!(response.body.len() < plain.body.len() / 4, is_coded, "{target} {codings}");
        }
    }
}

#[test]
fn the_status_is_compressed_where_its_length_betrays_nothing() {
    for over in [Over::Plain, Over::Tls] {
        let server = setup().over(over).start();
        for (target, is_secret) in [
            ("/server-status", true),
            ("/server-status?format=json&range=10m", true),
            ("/server-status?format=prometheus", false),
            ("/metrics", false),
        ] {
            let expected = if is_secret && over == Over::Tls { "identity" } else { "gzip" };
            let plain = server.get(target, &[]);
            let response = accepting(&server, target, "gzip");
            assert_eq!((response.status, response.coding()), (200, expected), "{target}");
            assert_eq!(response.field("vary").is_some(), expected == "gzip", "{target}");
            assert_eq!(response.field("vary"), plain.field("vary"), "{target}");
            assert_eq!(response.field("content-type"), plain.field("content-type"));
            assert_eq!(response.field("cache-control"), Some("no-store"));
            assert_eq!(response.body.len() < plain.body.len() / 2, expected == "gzip", "{target}");
            let proxied = [("Accept-Encoding", "gzip"), ("X-Forwarded-For", "127.0.0.1")];
            let expected = if is_secret { "identity" } else { "gzip" };
            assert_eq!(server.get(target, &proxied).coding(), expected, "{target} by a proxy");
            // It counts this very request: compared is what does not change.
            let start = |response: &Response| response.decoded()[..24].to_vec();
            assert_eq!(start(&response), start(&plain), "{target}");
            let text = String::from_utf8(response.decoded()).unwrap();
            match target {
                "/server-status" => assert!(text.contains("</script>"), "{text}"),
                "/metrics" | "/server-status?format=prometheus" => {
                    assert!(text.contains("\nsalver_"), "{text}");
                }
                _ => assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{text}"),
            }
        }
    }
}

#[test]
fn what_is_small_stays_as_it_is() {
    let server = setup().file("a.txt", "").start();
    for target in ["/?format=json", "/?format=text", "/none"] {
        let response = accepting(&server, target, "gzip, br, zstd");
        assert!(response.body.len() < 1024, "{target}");
        assert_eq!(response.coding(), "identity", "{target}");
        assert!(response.field("vary").is_none_or(|names| names == "Accept"), "{target}");
    }
    let refused = accepting(&server, "/?format=json", "gzip, identity;q=0");
    assert_eq!((refused.status, refused.field("vary")), (406, Some("Accept, Accept-Encoding")));
}

#[test]
fn pages_of_errors_are_compressed_from_1_kib_on() {
    let own = "<p>gone away</p>".repeat(100);
    let html = ("Accept", "text/html");
    for (page, length) in [(None, 1024), (Some(own.as_str()), own.len())] {
        let setup = setup().file("a.txt", "");
        let server = match page {
            Some(page) => setup.file("404.html", page).start(),
            None => setup.start(),
        };
        let plain = server.get("/none", &[html]);
        assert!(plain.status == 404 && plain.body.len() >= length);
        for _ in 0..2 {
            let response = server.get("/none", &[html, ("Accept-Encoding", "gzip")]);
            assert_eq!((response.status, response.coding()), (404, "gzip"));
            assert_eq!(response.field("vary"), Some("Accept, Accept-Encoding"));
            assert_eq!(response.field("content-type"), plain.field("content-type"));
            assert_eq!(response.field("etag"), None);
            assert_eq!(response.decoded(), plain.body);
            assert!(response.body.len() < plain.body.len());
        }
        assert_eq!(plain.field("vary"), Some("Accept, Accept-Encoding"));
    }
}

#[test]
fn the_page_for_uploads_and_those_of_results_are_compressed() {
    let server = setup().flag("--enable-file-uploads").start();
    let sent = form(&[part("f", Some("a.txt"), b"a")]);
    let sent = send(&server, "POST", "/upload", &[BROWSER, FORM], &sent);
    let result = sent.field("location").unwrap();
    for target in ["/upload", result] {
        let plain = server.get(target, &[]);
        let response = accepting(&server, target, "gzip");
        assert_eq!((response.status, response.coding()), (200, "gzip"), "{target}");
        assert_eq!(response.decoded(), plain.body, "{target}");
        for name in ["vary", "content-type", "cache-control", "content-security-policy"] {
            assert!(plain.field(name).is_some(), "{target} {name}");
            assert_eq!(response.field(name), plain.field(name), "{target} {name}");
        }
        assert_eq!(plain.field("vary"), Some("Accept-Encoding"), "{target}");
    }
}

#[test]
fn it_can_be_turned_off() {
    let server = folder(100)
        .flag("--enable-compression=false")
        .flag("--enable-file-uploads")
        .file("404.html", "x".repeat(2000))
        .start();
    for target in [
        "/many/",
        "/many/?format=json",
        "/text.md?render",
        "/server-status",
        "/metrics",
        "/upload",
        "/none",
    ] {
        let fields = [("Accept-Encoding", "gzip, br, zstd"), ("Accept", "text/html")];
        let response = server.get(target, &fields);
        assert_eq!(response.coding(), "identity", "{target}");
        assert!(response.field("vary").is_none_or(|names| names == "Accept"), "{target}");
        let stubborn = [("Accept-Encoding", "gzip, identity;q=0"), ("Accept", "text/html")];
        assert_eq!(server.get(target, &stubborn).status, response.status, "{target}");
    }
}
