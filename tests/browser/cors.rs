//! What a page of another origin may learn, as Chromium judges it.

use serde_json::{Value, json};

use crate::page::{Page, quoted};
use crate::site::url;
use crate::support::{Server, setup};

/// A page that asks for nothing else, not even an icon.
const PLAIN: &str = "<!doctype html><title>elsewhere</title><link rel=icon href='data:,'>";

/// A page of an origin of its own.
fn visitor() -> Server {
    setup().file("index.html", PLAIN).start()
}

fn origin(server: &Server) -> String {
    format!("http://{}", server.address)
}

/// What `fetch` makes of it: status, text and a field, or the name of its error.
fn fetches(page: &Page, url: &str, options: &Value) -> Value {
    page.eval(&format!(
        "fetch({}, {options}).then(
            async answer => [answer.status, await answer.text(), answer.headers.get('x-told')],
            error => error.name)",
        quoted(url)
    ))
}

#[test]
#[ignore = "needs Chromium"]
fn nothing_is_told_without_permission() {
    let here = visitor();
    let there = setup().file("a.txt", "secret").start();
    let mut page = Page::open();
    page.expect("CORS policy");
    page.expect("net::ERR_FAILED");
    page.goto(&url(&here, "/"));
    for options in [
        json!({}),
        json!({ "credentials": "include" }),
        json!({ "headers": { "x-asked": "1" } }),
        json!({ "method": "PUT", "body": "x" }),
    ] {
        assert_eq!(fetches(&page, &url(&there, "/a.txt"), &options), "TypeError", "{options}");
    }
}

#[test]
#[ignore = "needs Chromium"]
fn an_allowed_origin_reads_and_another_does_not() {
    let (here, elsewhere) = (visitor(), visitor());
    let there = setup()
        .file("a.txt", "shared")
        .flag("--enable-cors")
        .flag(&format!("--cors-allow-origin={}", origin(&here)))
        .flag("--cors-allow-headers=x-asked")
        .flag("--cors-allow-methods=GET,HEAD,POST,PUT")
        .start();
    let target = url(&there, "/a.txt");

    let mut page = Page::open();
    page.goto(&url(&here, "/"));
    assert_eq!(fetches(&page, &target, &json!({}))[1], "shared");
    let asked = json!({ "headers": { "x-asked": "1" } });
    assert_eq!(fetches(&page, &target, &asked)[1], "shared", "after a preflight");
    page.expect("CORS policy");
    page.expect("net::ERR_FAILED");
    let unlisted = json!({ "headers": { "x-other": "1" } });
    assert_eq!(fetches(&page, &target, &unlisted), "TypeError");
    assert_eq!(fetches(&page, &target, &json!({ "method": "DELETE" })), "TypeError");
    let personal = json!({ "credentials": "include" });
    assert_eq!(fetches(&page, &target, &personal), "TypeError", "credentials are not allowed");

    let mut page = Page::open();
    page.expect("CORS policy");
    page.expect("net::ERR_FAILED");
    page.goto(&url(&elsewhere, "/"));
    assert_eq!(fetches(&page, &target, &json!({})), "TypeError");
    assert_eq!(fetches(&page, &target, &asked), "TypeError");
}

#[test]
#[ignore = "needs Chromium"]
fn credentials_go_where_they_are_allowed() {
    let here = visitor();
    let there = setup()
        .file("a.txt", "personal")
        .flag("--enable-cors")
        .flag(&format!("--cors-allow-origin={}", origin(&here)))
        .flag("--cors-allow-credentials")
        .start();
    let page = Page::at(&url(&here, "/"));
    let personal = json!({ "credentials": "include" });
    assert_eq!(fetches(&page, &url(&there, "/a.txt"), &personal)[1], "personal");
}

#[test]
#[ignore = "needs Chromium"]
fn everybody_reads_what_is_for_everybody_and_errors_too() {
    let here = visitor();
    let there = setup().file("a.txt", "public").flag("--enable-cors").start();
    let mut page = Page::open();
    page.expect("status of 404");
    page.goto(&url(&here, "/"));
    assert_eq!(fetches(&page, &url(&there, "/a.txt"), &json!({}))[1], "public");
    assert_eq!(fetches(&page, &url(&there, "/none"), &json!({}))[0], 404);
    page.expect("CORS policy");
    page.expect("net::ERR_FAILED");
    let personal = json!({ "credentials": "include" });
    assert_eq!(fetches(&page, &url(&there, "/a.txt"), &personal), "TypeError");
}

#[test]
#[ignore = "needs Chromium"]
fn a_form_of_another_origin_uploads_nothing() {
    let there = setup().flag("--enable-file-uploads").start();
    let page = format!(
        "{PLAIN}<form method=post enctype=multipart/form-data action='{}'>\
         <input name=x value=y><button>go</button></form>",
        url(&there, "/upload")
    );
    let here = setup().file("index.html", page).start();
    let mut page = Page::open();
    page.expect("status of 403");
    page.goto(&url(&here, "/"));
    page.loads(|page| page.click("button"));
    assert_eq!(page.status_of(&url(&there, "/upload")), Some(403));
    page.pictures("error-cross-site");
}
