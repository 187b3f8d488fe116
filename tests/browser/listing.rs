//! Folders as people see them: order, filter, keyboard, README, names of every kind.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;

use serde_json::json;

use crate::page::{Page, quoted};
use crate::site::url;
use crate::support::{Server, Setup, setup};

/// The names as shown, without the way up.
const NAMES: &str = "#list tbody a:not(.up)";

/// Three files and a folder; each order of them is another one.
fn orders() -> Setup {
    let setup = setup()
        .file("apple.txt", "22")
        .file("Birne.md", "# one\n")
        .file("cherry 2.png", "333333333")
        .file("cherry 10.png", "1")
        .file("folder/inside.txt", "x");
    for (name, minutes) in [("apple.txt", 300), ("Birne.md", 100), ("cherry 2.png", 200)] {
        age(&setup, name, minutes);
    }
    age(&setup, "cherry 10.png", 400);
    setup
}

/// Makes a file so many minutes old.
fn age(setup: &Setup, name: &str, minutes: u64) {
    let time = std::time::SystemTime::now() - std::time::Duration::from_secs(minutes * 60);
    let file = fs::File::options().write(true).open(setup.root().join(name)).unwrap();
    file.set_modified(time).unwrap();
}

/// The rows to be seen, top down.
fn seen(page: &Page) -> Vec<String> {
    let shown = "Array.from(document.querySelectorAll('#list tbody a:not(.up)'))\
        .filter(link => link.checkVisibility()).map(link => link.textContent)";
    serde_json::from_value(page.eval(shown)).expect("texts")
}

#[test]
#[ignore = "needs Chromium"]
fn each_column_sorts_both_ways_and_says_so() {
    let server = orders().start();
    let mut page = Page::at(&url(&server, "/"));
    let by_name = ["folder/", "apple.txt", "Birne.md", "cherry 2.png", "cherry 10.png"];
    assert_eq!(seen(&page), by_name);
    for (column, sort, first, wanted) in [
        (1, "name", "descending", ["cherry 10.png", "cherry 2.png", "Birne.md", "apple.txt"]),
        (1, "name", "ascending", ["apple.txt", "Birne.md", "cherry 2.png", "cherry 10.png"]),
        (2, "size", "descending", ["cherry 2.png", "Birne.md", "apple.txt", "cherry 10.png"]),
        (2, "size", "ascending", ["cherry 10.png", "apple.txt", "Birne.md", "cherry 2.png"]),
        (3, "time", "descending", ["Birne.md", "cherry 2.png", "apple.txt", "cherry 10.png"]),
        (3, "time", "ascending", ["cherry 10.png", "apple.txt", "cherry 2.png", "Birne.md"]),
    ] {
        page.click(&format!("#list thead th:nth-child({column}) a"));
        page.wait_until(&format!(
            "document.querySelector('#list thead th:nth-child({column})').ariaSort === '{first}'"
        ));
        assert_eq!(seen(&page)[1..], wanted, "{sort} {first}");
        assert_eq!(page.texts("#list thead [aria-sort]:not([aria-sort=none])").len(), 1);
        if (sort, first) != ("name", "ascending") {
            let query = page.text("location.search");
            assert!(query.contains(&format!("sort={sort}")), "{query}");
            assert_eq!(query.contains("order=desc"), first == "descending", "{query}");
        }
    }
    page.reload();
    assert_eq!(seen(&page)[1], "cherry 10.png", "the order outlives a reload");
}

#[test]
#[ignore = "needs Chromium"]
fn the_first_key_filters_and_the_address_keeps_it() {
    let server = orders().start();
    let mut page = Page::at(&url(&server, "/"));
    page.write("CHER");
    page.wait_until("document.activeElement?.id === 'filter' && filter.value === 'CHER'");
    page.wait_until("new URLSearchParams(location.search).get('filter') === 'CHER'");
    assert_eq!(seen(&page), ["cherry 2.png", "cherry 10.png"]);
    assert!(page.text("totals.textContent").contains('2'), "the totals are of what is seen");
    page.reload();
    assert_eq!(page.text("filter.value"), "CHER");
    assert_eq!(seen(&page), ["cherry 2.png", "cherry 10.png"]);
    // Sorting keeps the filter.
    page.click("#list thead th:nth-child(2) a");
    page.wait_until("document.querySelector('#list thead th:nth-child(2)').ariaSort");
    page.wait_until("location.search.includes('filter=CHER')");
    assert_eq!(seen(&page), ["cherry 2.png", "cherry 10.png"]);
    page.click("#filter");
    page.press("Escape");
    page.wait_until("filter.value === '' && !location.search.includes('filter')");
    page.wait_until("document.querySelectorAll('#list tbody a').length === 5");
    assert_eq!(seen(&page).len(), 5);
}

#[test]
#[ignore = "needs Chromium"]
fn arrows_walk_through_the_rows() {
    let server = orders().start();
    let mut page = Page::at(&url(&server, "/"));
    let focused = "document.activeElement.textContent";
    page.press("ArrowDown");
    page.wait_until(&format!("{focused} === 'folder/'"));
    page.press("ArrowDown");
    page.wait_until(&format!("{focused} === 'apple.txt'"));
    page.press("ArrowUp");
    page.wait_until(&format!("{focused} === 'folder/'"));
    page.loads(|page| page.press("Enter"));
    assert_eq!(page.text("location.pathname"), "/folder/");
    assert_eq!(page.texts("nav [aria-current=page]"), ["folder"]);
    page.loads(|page| page.click("#list a.up"));
    assert_eq!(page.text("location.pathname"), "/");
}

#[test]
#[ignore = "needs Chromium"]
fn times_are_told_as_people_tell_them() {
    let server = orders().start();
    let page = Page::at(&url(&server, "/"));
    let time = "document.querySelector('#list a[href$=\"apple.txt\"]').closest('tr').querySelector('time')";
    page.wait_until(&format!("{time}.textContent.includes('5 hours')"));
    let stamp = page.eval(&format!("Date.now() - Date.parse({time}.dateTime)"));
    let hours = stamp.as_f64().unwrap() / 3_600_000.0;
    assert!((4.9..5.2).contains(&hours), "{hours}");
    assert!(page.text(&format!("{time}.title")).contains("20"), "the whole date on hover");
    let size =
        "document.querySelector('#list a[href$=\"apple.txt\"]').closest('tr').cells[1].title";
    assert_eq!(page.text(size), "2 bytes");
}

#[test]
#[ignore = "needs Chromium"]
fn all_of_it_works_without_scripts() {
    let server = orders().start();
    let mut page = Page::open();
    page.expect("favicon.ico"); // asked for with the file at the end
    page.scripts(false);
    page.goto(&url(&server, "/"));
    assert_eq!(seen(&page).len(), 5);
    page.loads(|page| page.click("#list thead th:nth-child(2) a"));
    assert_eq!(seen(&page)[1], "cherry 2.png");
    assert_eq!(page.text("document.querySelector('th:nth-child(2)').ariaSort"), "descending");
    page.click("#filter");
    page.write("birne");
    page.loads(|page| page.press("Enter"));
    assert_eq!(seen(&page), ["Birne.md"]);
    assert_eq!(page.text("filter.value"), "birne");
    page.loads(|page| page.click("form.filter noscript button, form.filter button"));
    assert!(page.text("location.search").contains("sort=size"), "the filter keeps the order");
    page.loads(|page| page.click(NAMES));
    assert_eq!(page.text("location.pathname"), "/Birne.md");
}

#[test]
#[ignore = "needs Chromium"]
fn a_readme_is_shown_and_can_do_nothing() {
    let readme = "# Welcome\n\nto *this* folder\n\n\
        <script>document.title = 'ran'</script>\n\
        <img src=x.png onerror=\"document.title = 'ran'\">\n\
        <a href=\"javascript:document.title='ran'\" id=trap>trap</a>\n\
        <iframe srcdoc=\"<script>parent.document.title = 'ran'</script>\"></iframe>\n\
        <style>body { display: none }</style><form action=/upload><input name=list id=list></form>\n\n\
        [also a trap](javascript:document.title='ran') [fine](./a.txt)\n";
    let server = setup().file("README.md", readme).file("a.txt", "a").start();
    let mut page = Page::open();
    page.expect("status of 404"); // the picture
    page.goto(&url(&server, "/"));
    assert_eq!(page.texts("#readme h1"), ["Welcome"]);
    assert_eq!(page.texts("#readme em"), ["this"]);
    assert!(page.is("document.body.checkVisibility()"));
    let forbidden = "#readme :is(script, style, iframe, object, form, input, [onerror], \
        [href^='javascript:'], [id=list], [style])";
    assert_eq!(page.texts(forbidden), [""; 0]);
    page.eval("for (const link of readme.querySelectorAll('a:not([href*=txt])')) link.click()");
    assert_ne!(page.text("document.title"), "ran");
    page.pictures("listing-readme");
    let fine = page.text("Array.from(readme.querySelectorAll('a')).at(-1).href");
    assert_eq!(fine, url(&server, "/a.txt"));
}

/// Names that mean something to HTML, to addresses, to scripts or to terminals.
fn nasty() -> Vec<Vec<u8>> {
    let mut names: Vec<Vec<u8>> = [
        "<script>alert(1)<",
        "<img src=x onerror=alert(1)>",
        "\"onmouseover=alert(1) x=\"",
        "'quoted'",
        "a&amp;b",
        "a&b=c",
        "100% sure",
        "%41",
        "%2e%2e%2f",
        "hash#tag",
        "question?mark",
        "plus+plus",
        "semi;colon",
        "back\\slash",
        "two  spaces",
        " leading",
        "trailing ",
        "colon:name",
        "a://b".split('/').next().unwrap(),
        "javascript:alert(1)",
        "new\nline",
        "tab\there",
        "bell\u{7}",
        "Grüße",
        "日本語",
        "🍽️ tray",
        "\u{202e}gnp.exe",
        "e\u{301}",
        "é",
        "${1}",
        "{{x}}",
        "]]>",
        "--><script>alert(1)<",
        "-flag",
        "~tilde",
        "@at",
        "*star",
        "|pipe",
        "a\u{a0}b",
        "\u{feff}mark",
        "nul\u{1}byte",
        "\u{7f}delete",
    ]
    .iter()
    .map(|name| name.as_bytes().to_vec())
    .collect();
    names.push(b"latin-\xe4\xff".to_vec());
    names.push(vec![b'x'; 255]);
    names
}

#[test]
#[ignore = "needs Chromium"]
fn every_name_is_shown_as_text_and_its_link_fetches_its_file() {
    let setup = setup();
    for name in nasty() {
        fs::write(setup.root().join(OsStr::from_bytes(&name)), &name).unwrap();
    }
    let server = setup.start();
    let page = Page::at(&url(&server, "/"));
    assert_eq!(page.texts(NAMES).len(), nasty().len());
    assert_eq!(page.eval("document.querySelectorAll('#list img, #list script').length"), json!(0));
    let contents = "Promise.all(Array.from(document.querySelectorAll('#list tbody a:not(.up)'),
        async link => {
            const answer = await fetch(link.href);
            const bytes = new Uint8Array(await answer.arrayBuffer());
            return [link.textContent, new TextDecoder().decode(bytes)];
        }))";
    let pairs: Vec<(String, String)> = serde_json::from_value(page.eval(contents)).unwrap();
    let plain = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect::<String>();
    for (shown, content) in &pairs {
        assert_eq!(plain(shown), plain(content), "{shown:?}");
    }
    let mut fetched: Vec<&str> = pairs.iter().map(|(_, content)| content.as_str()).collect();
    fetched.sort_unstable();
    fetched.dedup();
    assert_eq!(fetched.len(), nasty().len(), "each link leads to a file of its own");
    page.pictures("listing-nasty");
}

#[test]
#[ignore = "needs Chromium"]
fn a_click_on_a_nasty_name_shows_that_file() {
    let names = ["100% #1?.txt", "<b>bold.txt", "a&lt;b.txt"];
    let server = names.iter().fold(setup(), |setup, name| setup.file(name, *name)).start();
    clicks_show(&server, &names);
}

fn clicks_show(server: &Server, names: &[&str]) {
    let page = Page::at(&url(server, "/"));
    for name in names {
        let row = format!(
            "Array.from(document.querySelectorAll('{NAMES}')).find(link => link.textContent === {})",
            quoted(name)
        );
        page.eval(&format!("{row}.click()"));
        page.wait_until(&format!(
            "document.querySelector('dialog[open]')?.textContent.split({}).length > 2",
            quoted(name)
        ));
        page.press("Escape");
        page.wait_until("!document.querySelector('dialog[open]')");
    }
}
