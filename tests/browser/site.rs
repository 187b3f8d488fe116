//! The sample site.

use std::fs;
use std::path::Path;

use crate::page::Page;
use crate::support::over::Over;
use crate::support::{Server, Setup, setup};

/// The repository's sample site in a folder of its own, with the configuration beside it.
pub fn sample() -> Setup {
    let setup = setup();
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
    copy(&repository.join("htdocs"), &setup.root());
    let configuration = repository.join("config.json");
    let forms = setup.root().with_file_name("form.log");
    setup
        .flag(&format!("--config={}", configuration.display()))
        .flag(&format!("--form-log={}", forms.display()))
        .flag("--access-log=off")
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// The address of a path.
pub fn url(server: &Server, path: &str) -> String {
    format!("http://{}{path}", server.address)
}

#[test]
#[ignore = "needs Chromium"]
fn every_page_of_the_sample_site_is_clean() {
    let server = sample().start();
    let mut page = Page::open();
    for (path, name) in [
        ("/", "site-index"),
        ("/about.html", "site-about"),
        ("/form.html", "site-form"),
        ("/browse/", "listing-sample"),
        ("/browse/lessons/", "listing-lessons"),
    ] {
        page.goto(&url(&server, path));
        assert_ne!(page.text("document.title"), "", "{path}");
        page.pictures(name);
    }
}

#[test]
#[ignore = "needs Chromium"]
fn it_comes_over_http2_with_a_certificate_that_is_trusted() {
    let server = sample().over(Over::H2).start();
    let mut page = Page::open();
    for path in ["/", "/about.html", "/form.html", "/browse/", "/uploads/"] {
        page.goto(&format!("https://{}{path}", server.address));
        let protocol = "performance.getEntriesByType('navigation')[0].nextHopProtocol";
        assert_eq!(page.text(protocol), "h2", "{path}");
        assert_eq!(page.text("String(isSecureContext)"), "true");
    }
}

#[test]
#[ignore = "needs Chromium"]
fn what_is_missing_is_said_with_a_way_back() {
    let mut page = Page::open();
    page.expect("status of 404");
    let own = sample().start();
    let built_in = setup().file("a.txt", "a").start();
    for (server, name) in [(&own, "error-own"), (&built_in, "error-built-in")] {
        page.goto(&url(server, "/no/such/page"));
        assert_eq!(page.status_of(&url(server, "/no/such/page")), Some(404));
        page.pictures(name);
        page.loads(|page| page.click("main a[href='/'], body a[href='/']"));
        assert_eq!(page.text("location.pathname"), "/");
    }
}
