//! The status page: up to date with a script, complete without one, harmless whatever was asked for.

use crate::page::Page;
use crate::site::url;
use crate::support::{Server, Setup, setup};

fn site() -> Setup {
    setup().plain().file("a.txt", "0123456789").flag("--access-log=off")
}

fn page(server: &Server) -> String {
    url(server, "/server-status")
}

/// A condition: so many answers are shown.
fn answers(count: u64) -> String {
    format!("[...document.querySelectorAll('h3')].some(it => it.textContent == 'Answers {count}')")
}

#[test]
#[ignore = "needs Chromium"]
fn it_keeps_up_and_disturbs_nobody() {
    let server = site().start();
    server.get("/a.txt", &[]);
    let mut page = Page::at(&page(&server));
    page.wait_until(&answers(1));
    page.eval("document.querySelector('details summary').click()");
    page.eval("document.querySelector('.verdict summary').focus()");
    server.get("/none", &[]);
    page.wait_until(&answers(2));
    assert!(page.is("document.activeElement.matches('.verdict summary')"), "the focus stays");
    assert!(page.is("document.querySelector('.verdict details').open"), "what is open stays open");
    assert!(page.is("document.body.textContent.includes('/none')"), "an error is told");
    // Those who look are not among what they see.
    assert!(page.is(&answers(2)));
    page.pictures("status");
    page.expect("net::ERR");
    drop(server);
    page.wait_until("document.body.textContent.includes('Not live')");
}

#[test]
#[ignore = "needs Chromium"]
fn it_is_complete_without_a_script() {
    let server = site().start();
    for _ in 0..3 {
        server.get("/a.txt", &[]);
    }
    let mut page = Page::open();
    page.scripts(false);
    page.goto(&page_of(&server, "?range=24h"));
    let text = page.text("document.body.innerText");
    for part in ["All is well", "Answers 3", "24 hours", "/a.txt", "Features"] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(page.is("document.querySelectorAll('svg').length > 6"));
    page.pictures("status-plain");
}

fn page_of(server: &Server, query: &str) -> String {
    format!("{}{query}", page(server))
}

#[test]
#[ignore = "needs Chromium"]
fn nothing_that_was_asked_for_acts_on_it() {
    let server = site().start();
    for target in [
        "/<img%20src=x%20onerror=report('img')>",
        "/%22%3E%3Cscript%3Ereport('script')%3C/script%3E",
        "/'><svg/onload=report('svg')>",
        "/%E2%80%AEtxt.exe",
        "/%0Adata:%20forged",
    ] {
        server.raw(format!("GET {target} HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n"));
    }
    let page = Page::at(&page(&server));
    page.wait_until("document.body.textContent.includes('forged')");
    assert!(page.is("!document.querySelector('#live img, #live script')"));
    assert!(page.is("!/[\\u202a-\\u202e\\u2066-\\u2069]/.test(document.body.textContent)"));
}
