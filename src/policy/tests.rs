use http::{HeaderMap, StatusCode};

use super::*;
use crate::content::accept::Form;
use crate::content::coding::Accepted;
use crate::content::cors::CorsOptions;

fn pair(name: &'static str, value: &'static str) -> (HeaderName, HeaderValue) {
    (HeaderName::from_static(name), HeaderValue::from_static(value))
}

/// What leaves as field lines, as HTTP/1.1 has them.
fn sent(policy: &Policy, response: &Response) -> Vec<String> {
    let mut bytes = policy.fixed(&response.fields).into_owned();
    response.fields.write(&mut bytes);
    let lines = String::from_utf8(bytes).unwrap();
    let listed = policy.fields(&response.fields).count() + response.fields.iter().count();
    assert_eq!(lines.lines().count(), listed, "the list says the same");
    let mut lines: Vec<_> = lines.lines().map(str::to_lowercase).collect();
    lines.sort();
    lines
}

fn apply(policy: &Policy, mut response: Response, path: &str, origin: &'static str) -> Response {
    let mut map = HeaderMap::new();
    map.insert(header::ORIGIN, HeaderValue::from_static(origin));
    policy.apply(&mut response, path.as_bytes(), Fields::Map(&map));
    response
}

fn ok() -> Response {
    Response::new(StatusCode::OK)
}

#[test]
fn a_field_of_a_handler_wins_also_from_a_shared_block() {
    let policy = Policy::new([pair("x-a", "policy"), pair("vary", "Origin")]);
    assert_eq!(sent(&policy, &ok()), ["vary: origin", "x-a: policy"]);
    let own = ok().with(header::VARY, HeaderValue::from_static("Accept"));
    assert_eq!(sent(&policy, &own), ["vary: accept", "vary: origin", "x-a: policy"]);

    let mut shared = ok();
    let block: Block = [pair("x-a", "handler")].into_iter().collect();
    shared.fields.shared = Some(Arc::new(block.overriding()));
    assert_eq!(sent(&policy, &shared), ["vary: origin", "x-a: handler"]);
}

#[test]
fn the_page_of_an_error_keeps_its_own_security_policy() {
    let policy = Policy::new([pair("content-security-policy", "default-src 'self'")]);
    let page = error_pages::ErrorPages::new(false).fill(
        Response::not_found(),
        Form::Html,
        Accepted::IDENTITY,
    );
    let lines = sent(&policy, &page);
    let policies = lines.iter().filter(|line| line.starts_with("content-security-policy: "));
    assert_eq!(policies.count(), 1, "{lines:?}");
}

#[test]
fn origins_that_are_named_get_their_fields() {
    let cors = Arc::new(Cors::new(CorsOptions {
        origins: Some(vec!["https://a.example".to_owned()]),
        ..CorsOptions::default()
    }));
    let policy = Policy::new(cors.constant_fields())
        .with_varying(Varying { cors: Some(cors), ..Varying::default() });
    let friend = apply(&policy, ok(), "/", "https://a.example");
    let expected = ["access-control-allow-origin: https://a.example", "vary: origin"];
    assert_eq!(sent(&policy, &friend), expected);
    assert_eq!(sent(&policy, &apply(&policy, ok(), "/", "https://b.example")), ["vary: origin"]);
}

fn with_rule(fixed: Policy, pattern: &str, set: &[(&'static str, Option<&'static str>)]) -> Policy {
    let change = |(name, value): &(&'static str, Option<&'static str>)| {
        (HeaderName::from_static(name), value.map(HeaderValue::from_static))
    };
    let changes = set.iter().map(change).collect();
    let rules = HeaderRules::new([(pattern.to_owned(), changes)]);
    let place = SitePath::parse(b"/up%20s/").unwrap().into_owned();
    fixed.with_varying(Varying { rules: Some(rules), sandboxed: Some(place), cors: None })
}

#[test]
fn a_rule_wins_over_handlers_shared_blocks_and_the_policy() {
    let fixed =
        [pair("x-frame-options", "SAMEORIGIN"), pair("server", "s"), pair("vary", "Origin")];
    let set = [
        ("cache-control", Some("immutable")),
        ("x-frame-options", None),
        ("x-own", Some("rule")),
        ("vary", Some("Accept")),
    ];
    let policy = with_rule(Policy::new(fixed), "/a/**", &set);
    let answer = || {
        let mut response = ok();
        let block: Block =
            [pair("cache-control", "no-cache"), pair("etag", "1")].into_iter().collect();
        response.fields.shared = Some(Arc::new(block));
        response.fields.push(HeaderName::from_static("x-own"), HeaderValue::from_static("own"));
        response
    };
    let expected = [
        "cache-control: immutable",
        "etag: 1",
        "server: s",
        "vary: accept",
        "vary: origin",
        "x-own: rule",
    ];
    assert_eq!(sent(&policy, &apply(&policy, answer(), "/%61/b", "null")), expected);
    let other = sent(&policy, &apply(&policy, answer(), "/b", "null"));
    assert!(other.contains(&"x-frame-options: sameorigin".to_owned()), "{other:?}");
}

#[test]
fn no_rule_hides_what_an_answer_varies_for() {
    for (set, expected) in
        [(Some("x"), &["vary: accept-encoding", "vary: x"][..]), (None, &["vary: accept-encoding"])]
    {
        let policy = with_rule(Policy::default(), "/**", &[("vary", set)]);
        let mut response = ok();
        let block: Block = [pair("vary", "Accept-Encoding")].into_iter().collect();
        response.fields.shared = Some(Arc::new(block));
        assert_eq!(sent(&policy, &apply(&policy, response, "/", "null")), expected);
    }
}

#[test]
fn a_rule_that_removes_all_leaves_nothing() {
    let policy = with_rule(Policy::new([pair("x-a", "1")]), "/**", &[("x-a", None)]);
    assert!(sent(&policy, &apply(&policy, ok(), "/", "null")).is_empty());
}

#[test]
fn what_was_uploaded_is_in_a_sandbox() {
    let site_wide = Policy::new([pair("content-security-policy", "default-src *")]);
    let policy = with_rule(site_wide, "/up s/free/**", &[("content-security-policy", Some("x"))]);
    let sandbox = "content-security-policy: sandbox; default-src 'none'";
    for (path, expected) in [
        ("/up%20s/a.html", sandbox),
        ("/%75p%20s//deep/../a", sandbox),
        ("/up%20s/", sandbox),
        ("/up%20s", "content-security-policy: default-src *"),
        ("/up%20sx/a", "content-security-policy: default-src *"),
        ("/up%20s/../a", "content-security-policy: default-src *"),
        // No pattern of paths takes it off.
        ("/up%20s/free/a", sandbox),
    ] {
        assert_eq!(sent(&policy, &apply(&policy, ok(), path, "null")), [expected], "{path}");
    }
    let own = ok().with(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("own"));
    let own = apply(&policy, own, "/up%20s/", "null");
    assert_eq!(sent(&policy, &own), ["content-security-policy: own"]);
}
