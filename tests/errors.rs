//! What an error looks like.

#![allow(clippy::expect_used, clippy::unwrap_used)]

mod support;

use support::setup;

#[test]
fn a_browser_gets_a_page_that_can_do_nothing_but_show_itself() {
    let server =
        setup().flag(r#"--security-headers={"Content-Security-Policy": "default-src *"}"#).start();
    let page = server.get("/nowhere", &[("Accept", "text/html")]);
    let policy = page.field("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
    let devices = "camera=(), microphone=(), geolocation=()";
    assert_eq!(page.field("permissions-policy"), Some(devices));
    assert_eq!(page.field("x-content-type-options"), Some("nosniff"));
    let text = server.get("/nowhere", &[]);
    assert_eq!(text.field("content-security-policy"), Some("default-src *"));
}

#[test]
fn a_program_gets_problem_details() {
    let server = setup().start();
    for accept in ["application/json", "application/problem+json"] {
        let problem = server.request("DELETE", "/", &[("Accept", accept)]);
        assert_eq!(problem.status, 405);
        assert_eq!(problem.field("content-type"), Some("application/problem+json"));
        let details: serde_json::Value = serde_json::from_slice(&problem.body).unwrap();
        assert_eq!(details["type"], "about:blank");
        assert_eq!(details["title"], "Method Not Allowed");
        assert_eq!(details["status"], 405);
        assert!(details["detail"].as_str().unwrap().ends_with('.'));
    }
}

#[test]
fn an_exact_reason_goes_before_the_sites_own_page() {
    let server = setup().file("403.html", "<p>no</p>").flag("--enable-file-uploads").start();
    let cross = [("Sec-Fetch-Site", "cross-site"), ("Accept", "text/html")];
    let refused = server.request("POST", "/", &cross);
    assert_eq!(refused.status, 403);
    assert!(refused.text().contains("A page of another site"), "{}", refused.text());
}
