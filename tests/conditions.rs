//! Preconditions (RFC 9110 section 13).

#![allow(clippy::expect_used, clippy::unwrap_used)]

mod support;

use support::digits;

const LONG_AGO: &str = "Thu, 01 Jan 1970 00:00:00 GMT";
const IN_THE_FUTURE: &str = "Fri, 31 Dec 9999 23:59:59 GMT";

#[test]
fn each_condition_alone_and_in_company() {
    let server = digits();
    let whole = server.get("/a.txt", &[]);
    let etag = whole.field("etag").unwrap();
    let modified = whole.field("last-modified").unwrap();
    let weak = format!("W/{etag}");
    let list = format!("\"x\", {etag}, \"y\"");
    let rows: &[(&[(&str, &str)], u16)] = &[
        (&[("If-None-Match", etag)], 304),
        (&[("If-None-Match", &weak)], 304),
        (&[("If-None-Match", &list)], 304),
        (&[("If-None-Match", "\"x\""), ("If-None-Match", etag)], 304),
        (&[("If-None-Match", "*")], 304),
        (&[("If-None-Match", "\"x\"")], 200),
        (&[("If-None-Match", "\"x\""), ("If-Modified-Since", modified)], 200),
        (&[("If-Modified-Since", modified)], 304),
        (&[("If-Modified-Since", IN_THE_FUTURE)], 304),
        (&[("If-Modified-Since", LONG_AGO)], 200),
        (&[("If-Modified-Since", "yesterday")], 200),
        (&[("If-Match", etag)], 200),
        (&[("If-Match", "*")], 200),
        (&[("If-Match", &weak)], 412),
        (&[("If-Match", "\"x\"")], 412),
        (&[("If-Unmodified-Since", modified)], 200),
        (&[("If-Unmodified-Since", LONG_AGO)], 412),
        (&[("If-Match", etag), ("If-Unmodified-Since", LONG_AGO)], 200),
        (&[("If-Match", "\"x\""), ("If-None-Match", etag)], 412),
        (&[("If-Match", etag), ("If-None-Match", etag)], 304),
        (&[("If-None-Match", etag), ("Range", "bytes=0-1")], 304),
    ];
    for (fields, status) in rows {
        assert_eq!(server.get("/a.txt", fields).status, *status, "{fields:?}");
    }
}

#[test]
fn not_modified_repeats_the_validators_and_nothing_about_content() {
    let server = digits();
    let whole = server.get("/a.txt", &[]);
    let etag = whole.field("etag").unwrap();
    let response = server.get("/a.txt", &[("If-None-Match", etag)]);
    for name in ["etag", "last-modified", "cache-control"] {
        assert_eq!(response.field(name), whole.field(name), "{name}");
    }
    for name in ["content-type", "content-length", "transfer-encoding"] {
        assert_eq!(response.field(name), None, "{name}");
    }
}

#[test]
fn listings_have_validators_too() {
    let server = digits();
    let listing = server.get("/", &[]);
    let etag = listing.field("etag").unwrap();
    assert_eq!(server.get("/", &[("If-None-Match", etag)]).status, 304);
}
