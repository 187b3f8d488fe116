//! Header fields that the configuration sets for some paths.

#![allow(clippy::expect_used, clippy::unwrap_used)]

mod support;

use support::{salver, setup};

#[test]
fn a_rule_wins_over_what_is_usually_sent() {
    let rules = r#"[
        {"match": "/assets/**", "set": {
            "Cache-Control": "public, max-age=31536000, immutable",
            "X-Frame-Options": false,
            "X-Thing": "all",
        }},
        {"match": "/assets/*.js", "set": {"X-Thing": "script"}},
    ]"#;
    let server = setup()
        .file("assets/a.js", "1")
        .file("assets/b c/d.js", "2")
        .file("a.js", "3")
        .flag(&format!("--headers={rules}"))
        .start();
    let immutable = Some("public, max-age=31536000, immutable");
    for (target, thing) in
        [("/assets/a.js", "script"), ("/assets/b%20c/d.js", "all"), ("/%61ssets/./a.js", "script")]
    {
        // The second time from the cache.
        for _ in 0..2 {
            let response = server.get(target, &[]);
            assert_eq!(response.field("cache-control"), immutable, "{target}");
            assert_eq!(response.field("x-frame-options"), None);
            assert_eq!(response.field("x-thing"), Some(thing), "{target}");
            assert_eq!(response.field("x-content-type-options"), Some("nosniff"));
            assert!(response.field("server").is_some() && response.field("etag").is_some());
        }
    }
    let etag = server.get("/assets/a.js", &[]).field("etag").unwrap().to_owned();
    let not_modified = server.get("/assets/a.js", &[("If-None-Match", &etag)]);
    assert_eq!((not_modified.status, not_modified.field("cache-control")), (304, immutable));

    let missing = server.get("/assets/none.js", &[]);
    assert_eq!((missing.status, missing.field("cache-control")), (404, None));
    assert_eq!(missing.field("x-thing"), Some("script"));

    let other = server.get("/a.js", &[]);
    assert_eq!(other.field("cache-control"), Some("public, max-age=86400"));
    assert_eq!(other.field("x-frame-options"), Some("SAMEORIGIN"));
    assert_eq!(other.field("x-thing"), None);
}

#[test]
fn what_was_uploaded_can_do_nothing() {
    let server = setup()
        .file("uploads/page.html", "<script>alert(1)</script>")
        .file("page.html", "<p>")
        .flag("--enable-file-uploads")
        .flag(r#"--security-headers={"Content-Security-Policy": "default-src *"}"#)
        .start();
    let policy = |target| {
        let response = server.get(target, &[]);
        response.field("content-security-policy").unwrap().to_owned()
    };
    assert_eq!(policy("/uploads/page.html"), "sandbox; default-src 'none'");
    assert_eq!(policy("/uploads/../page.html"), "default-src *");
    assert_eq!(policy("/page.html"), "default-src *");
}

#[test]
fn a_wrong_rule_is_told_of_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.json");
    for (text, expected) in [
        (
            r#"{"headers": [{"match": "/a[", "set": {}}]}"#,
            ":1:24: headers: the pattern \"/a[\" is wrong",
        ),
        (
            r#"{"headers": [{"match": "a/*", "set": {}}]}"#,
            ":1:24: headers: the pattern \"a/*\" matches no path",
        ),
        (r#"{"headers": [{"set": {}}]}"#, ":1:14: headers: a rule without \"match\""),
        (r#"{"headers": [{"match": "/"}]}"#, ":1:14: headers: a rule without \"set\""),
        (
            r#"{"headers": [{"path": "/"}]}"#,
            ":1:15: headers: a rule has \"match\" and \"set\", no \"path\"",
        ),
        (
            r#"{"headers": [{"match": "/", "set": {"Date": "x"}}]}"#,
            ":1:37: headers: date says how a message is sent",
        ),
        (r#"{"headers": {}}"#, ":1:13: headers takes a list of objects"),
    ] {
        std::fs::write(&path, text).unwrap();
        let output = salver().arg("check").arg("--config").arg(&path).output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(error.contains(expected), "{text}: {error}");
    }
}
