//! Listings: every name through its link, the orders, the forms, the pages.

#![allow(clippy::expect_used, clippy::unwrap_used)]

mod support;

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::time::{Duration, SystemTime};

use serde_json::Value;
use support::{Response, Server, eventually, setup};

const HTML: (&str, &str) = ("Accept", "text/html");
const JSON: (&str, &str) = ("Accept", "application/json");

/// Names that have broken listings, here or elsewhere.
fn nasty_names() -> BTreeSet<Vec<u8>> {
    let wholes: &[&[u8]] = &[
        b"<script>alert(1)<!script>",
        b"<img src=x onerror=alert(1)>",
        b"\"><svg onload=alert(1)>",
        b"' onmouseover='alert(1)",
        b"javascript:alert(1)",
        b"&amp;&lt;&#x41;&notit;",
        b"%2e%2e%2f",
        b"%00",
        b"%",
        b"100%25",
        b"a?b=c&d#e",
        b"http:",
        b"https:example.org",
        b"C:\\x",
        b"\\\\host\\share",
        b"~",
        b"-rf",
        b"--",
        b"..x",
        b"...",
        b"x..",
        b" ",
        b"  leading and trailing  ",
        b"\ttab\t",
        b"new\nline\r\nend",
        b"\x01\x02\x1b[31mred\x7f",
        b"\xff\xfe\xfd",
        b"caf\xe9",
        b"\xc3(",
        b"\xed\xa0\x80",
        b"\xf0\x9f\x98",
        "\u{202e}gpj.exe".as_bytes(),
        "\u{5e9}\u{5dc}\u{5d5}\u{5dd}.txt".as_bytes(),
        "\u{feff}bom".as_bytes(),
        "\u{2028}\u{2029}".as_bytes(),
        "e\u{301} and \u{e9}".as_bytes(),
        "\u{1f469}\u{200d}\u{1f4bb}".as_bytes(),
        b"+plus+ and space",
        b";semi=colon;",
        b"[brackets]{braces}(parens)",
        b"*?glob|pipe`tick`$dollar^",
        b"a,b'c!d@e=f",
        b"\"quotes\"",
        b"]]>",
        b"-->",
        b"{{ name }}",
        b"${x}",
    ];
    let mut names: BTreeSet<Vec<u8>> = wholes.iter().map(|name| name.to_vec()).collect();
    // Every byte that a name can hold, between two letters.
    names.extend((1..=255u8).filter(|byte| *byte != b'/').map(|byte| vec![b'k', byte, b'z']));
    for longest in [vec![b'n'; 255], vec![b'%'; 255], vec![0xff; 255], vec![b'"'; 255]] {
        names.insert(longest);
    }
    assert!(names.len() >= 300, "{}", names.len());
    names
}

/// Percent-decodes as a browser does: an escape that is none stays as it is.
fn decoded(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut out = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let escape = bytes.get(at + 1..at + 3).and_then(|two| std::str::from_utf8(two).ok());
        match escape.and_then(|two| u8::from_str_radix(two, 16).ok()) {
            Some(byte) if bytes[at] == b'%' => {
                out.push(byte);
                at += 3;
            }
            _ => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    out
}

/// The links of the rows, the one to the parent left out.
fn links(page: &str) -> Vec<String> {
    let table = page.split("<tbody>").nth(1).expect("a table").split("</table>").next().unwrap();
    let rows = table.split("<tr><td><a href=\"").skip(1);
    let links = rows.map(|row| row.split('"').next().unwrap().to_owned());
    links.filter(|link| link != "../").collect()
}

/// The shown names of the rows, the parent's left out.
fn names(page: &str) -> Vec<String> {
    let table = page.split("<tbody>").nth(1).expect("a table").split("</table>").next().unwrap();
    let rows = table.split("<tr><td><a ").skip(1);
    let shown = rows.map(|row| row.split_once('>').unwrap().1.split("</a>").next().unwrap());
    shown.filter(|name| *name != "../").map(str::to_owned).collect()
}

fn json(response: &Response) -> Value {
    serde_json::from_slice(&response.body).expect("JSON")
}

fn json_names(server: &Server, target: &str) -> Vec<String> {
    let listing = json(&server.get(target, &[JSON]));
    let entries = listing["entries"].as_array().expect("entries").iter();
    entries.map(|entry| entry["name"].as_str().expect("a name").to_owned()).collect()
}

#[test]
fn every_name_comes_back_through_its_link() {
    let names = nasty_names();
    let setup = setup().flag("--show-hidden-files");
    fs::create_dir(setup.root().join("n")).unwrap();
    for name in &names {
        fs::write(setup.root().join("n").join(OsStr::from_bytes(name)), name).unwrap();
    }
    let server = setup.start();
    let page = server.get("/n/", &[HTML]).text();
    let listing = json(&server.get("/n/", &[JSON]));
    let urls: Vec<String> = listing["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["url"].as_str().unwrap().to_owned())
        .collect();
    for (form, links) in [("HTML", links(&page)), ("JSON", urls)] {
        assert_eq!(links.len(), names.len(), "{form}");
        let mut missing = names.clone();
        let mut client = server.connect();
        for link in links {
            let relative = link.strip_prefix("./").expect("a link below the folder");
            assert!(!relative.contains([' ', '"', '\'', '<', '>', '?', '#', ':', '\\']), "{link}");
            let name = decoded(relative);
            client.send(format!("GET /n/{relative} HTTP/1.1\r\nHost: t\r\n\r\n"));
            let response = client.response();
            assert_eq!((response.status, &response.body), (200, &name), "{form}: {link}");
            assert!(missing.remove(&name), "{form}: {link}");
        }
        assert!(missing.is_empty(), "{form}: {missing:?}");
    }
    for acting in ["<script>alert", "<img", "<svg", "\u{202e}", "\x1b"] {
        let shown = page.split("<tbody>").nth(1).unwrap();
        assert!(!shown.contains(acting), "{acting}");
    }
}

#[test]
fn hidden_names_and_the_reserved_one_are_left_out() {
    let server = setup()
        .file(".hidden", "")
        .file(".salver-uploads/part", "")
        .file("shown", "")
        .flag("--show-hidden-files")
        .start();
    assert_eq!(json_names(&server, "/"), [".hidden", "shown"]);
    let server = setup().file(".hidden", "").file("shown", "").start();
    assert_eq!(json_names(&server, "/"), ["shown"]);
}

/// A folder with a folder and files whose names, sizes and times are in three different orders.
fn orders() -> Server {
    let setup = setup().file("z folder/a", "").file("A folder/b", "");
    for (name, size, age) in [("file 10", 1, 3), ("file 9", 3, 1), ("File 1", 2, 2), ("b", 2, 4)] {
        let path = setup.root().join(name);
        fs::write(&path, vec![b'x'; size]).unwrap();
        let file = fs::File::options().write(true).open(path).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_hours(age)).unwrap();
    }
    setup.start()
}

#[test]
fn entries_are_sorted_by_each_column_both_ways_with_folders_first() {
    let server = orders();
    let rows = [
        ("", ["b", "File 1", "file 9", "file 10"]),
        ("?sort=name&order=desc", ["file 10", "file 9", "File 1", "b"]),
        ("?sort=size", ["file 10", "b", "File 1", "file 9"]),
        ("?sort=size&order=desc", ["file 9", "b", "File 1", "file 10"]),
        ("?sort=time&order=asc", ["b", "file 10", "File 1", "file 9"]),
        ("?order=desc&sort=time", ["file 9", "File 1", "file 10", "b"]),
        ("?sort=colour&order=up&page=0&nothing", ["b", "File 1", "file 9", "file 10"]),
    ];
    for (query, files) in rows {
        let target = format!("/{query}");
        let shown = names(&server.get(&target, &[HTML]).text());
        assert_eq!(shown[2..], files, "{query}");
        assert!(shown[..2].iter().all(|name| name.ends_with('/')), "{query}: {shown:?}");
        assert_eq!(json_names(&server, &target)[2..], files, "{query}");
    }
    let page = server.get("/?sort=size&filter=f%26", &[HTML]).text();
    assert!(page.contains("<th scope=col class=size aria-sort=ascending>"), "{page}");
    assert!(page.contains("href=\"?sort=size&order=desc&filter=f%26\""), "{page}");
    assert!(page.contains("href=\"?sort=name&order=asc&filter=f%26\""), "{page}");
    assert!(page.contains("<input type=hidden name=sort value=size>"), "{page}");
    assert!(page.contains("name=filter value=\"f&#38;\""), "{page}");
}

#[test]
fn the_filter_ignores_case_and_counts_what_is_left() {
    let server = orders();
    let page = server.get("/?filter=FILE+1", &[HTML]).text();
    assert_eq!(names(&page), ["File 1", "file 10"]);
    assert!(page.contains("<p id=totals role=status>2 files, 3 B</p>"), "{page}");
    assert_eq!(json_names(&server, "/?filter=folder"), ["A folder", "z folder"]);
    let page = server.get("/?filter=%22%3E%3Cscript%3E", &[HTML]).text();
    assert!(names(&page).is_empty());
    assert!(!page.contains("\"><script>"), "{page}");
    let server = setup().file("\u{c4}pfel", "").start();
    assert_eq!(json_names(&server, "/?filter=%C3%A4PF"), ["\u{c4}pfel"]);
}

#[test]
fn the_form_is_what_the_query_says_else_what_the_client_names_else_html() {
    let server = setup().file("a b.txt", "123").start();
    let rows = [
        ("/", "*/*", "text/html; charset=utf-8"),
        ("/", "text/html", "text/html; charset=utf-8"),
        ("/", "application/json", "application/json"),
        ("/", "text/plain", "text/plain; charset=utf-8"),
        ("/?format=json", "text/html", "application/json"),
        ("/?format=text", "text/html", "text/plain; charset=utf-8"),
        ("/?format=html", "application/json", "text/html; charset=utf-8"),
        ("/?format=cake", "application/json", "application/json"),
    ];
    for (target, accept, expected) in rows {
        let response = server.get(target, &[("Accept", accept)]);
        assert_eq!(response.field("content-type"), Some(expected), "{target} {accept}");
        let is_long = response.body.len() >= 1024;
        let vary = if is_long { "Accept, Accept-Encoding" } else { "Accept" };
        assert_eq!(response.field("vary"), Some(vary));
        assert!(response.field("etag").is_some());
        let has_policy = response.field("content-security-policy").is_some();
        assert_eq!(has_policy, expected.starts_with("text/html"));
    }
    let listing = json(&server.get("/", &[JSON]));
    assert_eq!(listing["path"], "/");
    let entry = &listing["entries"][0];
    assert_eq!(entry["type"], "file");
    assert_eq!(entry["size"], 3);
    assert_eq!(entry["url"], "./a%20b.txt");
    assert_eq!(entry["mtime"].as_str().unwrap().len(), 20);
    let text = server.get("/?format=text", &[]).text();
    assert!(text.starts_with("       3 B  ") && text.ends_with("  a b.txt\n"), "{text}");
}

#[test]
fn the_page_is_what_style_and_script_expect() {
    let server = setup().file("a/b c/x.png", vec![0; 12_345]).file("a/b c/d/e", "").start();
    let response = server.get("/a/b%20c/", &[HTML]);
    let page = response.text();
    for part in [
        "<title>/a/b c/ - salver</title>",
        "<body data-path=\"/a/b%20c/\">",
        "<nav aria-label=\"Breadcrumb\"><ol><li><a href=\"/\">/</a><li><a href=\"/a/\">a</a>\
         <li><a href=\"/a/b%20c/\" aria-current=page>b c</a></ol></nav>",
        "<p id=totals role=status>1 folder, 1 file, 12.1 KiB</p>",
        "<th scope=col aria-sort=ascending><a href=\"?sort=name&order=desc\">Name</a>",
        "<tbody>\n<tr><td><a href=\"../\" class=up>../</a><td><td>\n<tr>",
        "<tr><td><a href=\"./d/\" class=dir>d/</a><td><td><time datetime=\"20",
        "<tr><td><a href=\"./x.png\" class=image>x.png</a><td title=\"12,345 bytes\">12.1 KiB<td>",
        "</time>\n</table>",
    ] {
        assert!(page.contains(part), "{part}\n{page}");
    }
    assert!(
        !page.contains("id=upload") && !page.contains("archive=") && !page.contains("rel=next")
    );
    assert!(!server.get("/", &[HTML]).text().contains("class=up"));
    // What the policy allows is what is there.
    let policy = response.field("content-security-policy").unwrap();
    for element in ["style", "script"] {
        let (start, end) = (format!("<{element}>"), format!("</{element}>"));
        let text = page.split_once(&start).unwrap().1.split_once(&end).unwrap().0;
        let hash = sha256(text);
        assert!(policy.contains(&format!("{element}-src 'sha256-{hash}'")), "{policy}\n{hash}");
    }
}

fn sha256(text: &str) -> String {
    use base64::Engine;
    use sha2::Digest;
    base64::prelude::BASE64_STANDARD.encode(sha2::Sha256::digest(text))
}

#[test]
fn a_readme_is_shown_and_cannot_act() {
    let text = "# Title\n\n<script>alert(1)</script>\n\n[more](docs/a.md) ![p](p.png)\n";
    let server = setup().file("readme.md", text).file("README.txt", "no").start();
    let page = server.get("/", &[HTML]).text();
    let article = page.split("<article").nth(1).expect("the text").split("</article>").next();
    let article = article.unwrap();
    for part in [
        " id=readme aria-label=\"readme.md\"><h1>Title</h1>",
        "href=\"docs/a.md\"",
        "src=\"p.png\"",
    ] {
        assert!(article.contains(part), "{part}: {article}");
    }
    assert!(!article.contains("<script"), "{article}");

    let server = setup().file("README", b"<b>\n a\xe9").file("README.md/x", "").start();
    let page = server.get("/", &[HTML]).text();
    assert!(page.contains("<pre>&#60;b&#62;\n a\u{e9}</pre>"), "{page}");
    let server = setup().file("README.md", vec![b'a'; (1 << 20) + 1]).start();
    assert!(!server.get("/", &[HTML]).text().contains("<article"));
}

#[test]
fn markdown_is_a_page_when_asked_for() {
    let server = setup().file("a.MD", "*a*<script>1</script>").file("a.txt", "*a*").start();
    let response = server.get("/a.MD?render", &[]);
    assert_eq!(response.field("content-type"), Some("text/html; charset=utf-8"));
    let policy = response.field("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
    let page = response.text();
    assert!(page.contains("<em>a</em>") && !page.contains("<script"), "{page}");
    let etag = response.field("etag").unwrap();
    assert_eq!(server.get("/a.MD?render", &[("If-None-Match", etag)]).status, 304);
    assert_eq!(server.get("/a.MD", &[]).text(), "*a*<script>1</script>");
    assert_eq!(server.get("/a.txt?render", &[]).text(), "*a*");
    assert_eq!(server.get("/none.md?render", &[]).status, 404);
}

#[test]
fn a_listing_is_not_sent_again_while_nothing_changes() {
    let server = setup().file("a", "").start();
    let first = server.get("/", &[HTML]);
    let (etag, date) = (first.field("etag").unwrap(), first.field("last-modified").unwrap());
    for condition in [("If-None-Match", etag), ("If-Modified-Since", date)] {
        let again = server.get("/", &[HTML, condition]);
        assert_eq!((again.status, again.field("etag")), (304, Some(etag)), "{condition:?}");
        assert_eq!(again.field("vary"), Some("Accept, Accept-Encoding"));
    }
    // Another form is another representation.
    assert_eq!(server.get("/", &[JSON, ("If-None-Match", etag)]).status, 200);
    let head = server.request("HEAD", "/", &[HTML]);
    assert_eq!(head.field("content-length"), first.field("content-length"));
}

#[test]
fn a_change_is_seen_soon() {
    let server = setup().file("a", "1").start();
    let size = |server: &Server| json(&server.get("/", &[JSON]))["entries"][0]["size"].clone();
    for length in 2..12 {
        fs::write(server.root.join("a"), vec![b'x'; length]).unwrap();
        eventually(|| (size(&server) == length).then_some(()));
    }
}

#[test]
fn a_large_folder_comes_in_pages_and_pieces_and_whole_as_json() {
    const COUNT: usize = 12_345;
    let setup = setup().file("z/README.md", "# Below");
    for number in 0..COUNT {
        fs::write(setup.root().join(format!("z/f{number}")), "").unwrap();
    }
    let server = setup.start();
    let mut seen = Vec::new();
    for (page, rows, links) in
        [(1, 10_000, &["rel=next href=\"?page=2\""][..]), (2, 2346, &["rel=prev href=\"?page=1\""])]
    {
        let text = server.get(&format!("/z/?page={page}"), &[HTML]).text();
        let shown = names(&text);
        assert_eq!(shown.len(), rows);
        assert!(text.contains(&format!("Page {page} of 2")), "{page}");
        assert!(text.contains("12,346 files, 7 B</p>") && text.contains("<h1>Below</h1>"));
        assert!(links.iter().all(|link| text.contains(link)) && text.ends_with("</html>\n"));
        seen.extend(shown);
    }
    let all: Vec<String> = (0..COUNT).map(|number| format!("f{number}")).collect();
    assert_eq!(seen[..COUNT], all);
    assert_eq!(json_names(&server, "/z/")[..COUNT], all);
    let past = server.get("/z/?page=99&sort=name&order=desc", &[HTML]).text();
    assert_eq!(names(&past).last().unwrap(), "f0");
    let text = server.get("/z/?format=text&filter=f1234", &[]).text();
    assert_eq!(text.lines().count(), 6);
    // Many at once: whoever comes late shares what the first one began.
    let whole = server.get("/z/", &[JSON]).body;
    let mut clients: Vec<_> = (0..20).map(|_| server.connect()).collect();
    for client in &mut clients {
        client.send("GET /z/?format=json HTTP/1.1\r\nHost: t\r\n\r\n");
    }
    for client in &mut clients {
        assert!(client.response().body == whole);
    }
}

#[test]
fn a_listing_that_nobody_waits_for_harms_nobody() {
    let setup = setup();
    for number in 0..6000 {
        fs::write(setup.root().join(format!("f{number}")), "").unwrap();
    }
    let server = setup.start();
    for _ in 0..30 {
        let mut client = server.connect();
        client.send("GET /?format=json HTTP/1.1\r\nHost: t\r\n\r\n");
        drop(client);
    }
    assert_eq!(json_names(&server, "/").len(), 6000);
}

#[test]
fn of_a_folder_that_is_too_large_a_part_is_shown_and_that_is_said() {
    let mut setup = setup().flag("--max-listing-entries=3");
    for name in ["a", "b", "c", "d", "e"] {
        setup = setup.file(&format!("many/{name}"), "");
    }
    let server = setup.file("few/a", "").file("few/b", "").file("few/c", "").start();
    for (folder, is_cut) in [("/many/", true), ("/few/", false)] {
        let page = server.get(folder, &[("Accept", "text/html")]).text();
        assert!(page.contains("3 files"), "{page}");
        assert_eq!(page.contains("there are more"), is_cut, "{page}");
        let listed = server.get(&format!("{folder}?format=json"), &[]);
        let listed: serde_json::Value = serde_json::from_slice(&listed.body).unwrap();
        assert_eq!(listed["entries"].as_array().unwrap().len(), 3);
        assert_eq!(listed["truncated"] == true, is_cut);
        let text = server.get(&format!("{folder}?format=text"), &[]).text();
        assert_eq!(text.contains("There are more"), is_cut, "{text}");
    }
}
