//! Parts of files (RFC 9110 section 14).

#![allow(clippy::expect_used, clippy::unwrap_used)]

mod support;

use support::digits;

#[test]
fn single_ranges() {
    let server = digits();
    for (range, status, content, content_range) in [
        ("bytes=0-3", 206, "0123", Some("bytes 0-3/10")),
        ("bytes=7-", 206, "789", Some("bytes 7-9/10")),
        ("bytes=-3", 206, "789", Some("bytes 7-9/10")),
        ("bytes=-30", 206, "0123456789", Some("bytes 0-9/10")),
        ("bytes=5-99", 206, "56789", Some("bytes 5-9/10")),
        ("bytes=0-0", 206, "0", Some("bytes 0-0/10")),
        ("BYTES=9-9", 206, "9", Some("bytes 9-9/10")),
        ("bytes=3-2", 200, "0123456789", None),
        ("bytes=x", 200, "0123456789", None),
        ("lines=0-3", 200, "0123456789", None),
    ] {
        let response = server.get("/a.txt", &[("Range", range)]);
        assert_eq!(response.status, status, "{range}");
        assert_eq!(response.text(), content, "{range}");
        assert_eq!(response.field("content-range"), content_range, "{range}");
    }
}

#[test]
fn a_range_beyond_the_end_says_how_long_the_file_is() {
    let response = digits().get("/a.txt", &[("Range", "bytes=10-")]);
    assert_eq!(response.status, 416);
    assert_eq!(response.field("content-range"), Some("bytes */10"));
    assert!(!response.body.is_empty());
}

#[test]
fn several_ranges_come_as_parts_in_the_order_asked() {
    let response = digits().get("/a.txt", &[("Range", "bytes=7-8,0-2, -1")]);
    assert_eq!(response.status, 206);
    assert_eq!(response.field("content-range"), None);
    let media_type = response.field("content-type").unwrap();
    let boundary = media_type.strip_prefix("multipart/byteranges; boundary=").unwrap();
    let boundary = boundary.trim_matches('"');
    let text = response.text();
    let parts: Vec<&str> = text.split(&format!("--{boundary}")).collect();
    assert_eq!(parts.len(), 5, "{text:?}");
    for (part, (range, content)) in
        parts[1..4].iter().zip([("7-8", "78"), ("0-2", "012"), ("9-9", "9")])
    {
        let (head, body) = part.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("Content-Range: bytes {range}/10")), "{head}");
        assert!(head.contains("Content-Type: text/plain; charset=utf-8"), "{head}");
        assert_eq!(body, format!("{content}\r\n"));
    }
    assert_eq!(parts[4], "--\r\n");
}

#[test]
fn too_many_or_too_greedy_ranges_get_the_whole_file() {
    let server = digits();
    let many = (0..17).map(|n| format!("{}-{}", n % 10, n % 10)).collect::<Vec<_>>().join(",");
    for range in [many.as_str(), "0-9,0-9", "0-,1-"] {
        let response = server.get("/a.txt", &[("Range", &format!("bytes={range}"))]);
        assert_eq!((response.status, response.text().as_str()), (200, "0123456789"), "{range}");
    }
}

#[test]
fn if_range_decides_between_the_part_and_the_whole() {
    let server = digits();
    let whole = server.get("/a.txt", &[]);
    let etag = whole.field("etag").unwrap();
    let weak = format!("W/{etag}");
    for (condition, status) in [
        (etag, 206),
        (weak.as_str(), 200),
        ("\"other\"", 200),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 200),
        ("nonsense", 200),
    ] {
        let fields = [("Range", "bytes=0-1"), ("If-Range", condition)];
        assert_eq!(server.get("/a.txt", &fields).status, status, "{condition}");
    }
}

#[test]
fn head_ignores_ranges() {
    let response = digits().request("HEAD", "/a.txt", &[("Range", "bytes=0-1")]);
    assert_eq!((response.status, response.field("content-length")), (200, Some("10")));
}
