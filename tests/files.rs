//! Files: what is served, what is not, and how.

#![allow(clippy::expect_used, clippy::unwrap_used)]

mod support;

use std::fs;
use std::io::{Cursor, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::time::{Duration, SystemTime};

use support::{digits, eventually, setup};

#[test]
fn a_file_comes_whole_with_its_type_length_and_validators() {
    let server = setup().file("page.html", "<h1>hello</h1>").start();
    let response = server.get("/page.html", &[]);
    assert_eq!(response.status, 200);
    assert_eq!(response.text(), "<h1>hello</h1>");
    assert_eq!(response.field("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(response.field("content-length"), Some("14"));
    assert_eq!(response.field("accept-ranges"), Some("bytes"));
    assert_eq!(response.field("cache-control"), Some("public, max-age=86400"));
    assert!(response.field("etag").unwrap().starts_with('"'));
    for date in ["last-modified", "date"] {
        assert!(httpdate::parse_http_date(response.field(date).unwrap()).is_ok());
    }
}

#[test]
fn head_has_the_fields_of_get_and_no_content() {
    let server = digits();
    let (get, mut head) = (server.get("/a.txt", &[]), server.request("HEAD", "/a.txt", &[]));
    assert!(head.body.is_empty());
    head.fields.retain(|(name, _)| name != "date");
    let mut expected = get.fields;
    expected.retain(|(name, _)| name != "date");
    assert_eq!(head.fields, expected);
}

#[test]
fn options_and_other_methods_say_what_is_allowed() {
    let server = digits();
    for target in ["/a.txt", "*", "/"] {
        let options = server.request("OPTIONS", target, &[]);
        assert_eq!((options.status, options.field("allow")), (204, Some("GET, HEAD, OPTIONS")));
        assert_eq!(options.field("content-length"), None);
    }
    for method in ["POST", "PUT", "DELETE", "PATCH", "TRACE"] {
        let refused = server.request(method, "/a.txt", &[("Content-Length", "0")]);
        assert_eq!((refused.status, refused.field("allow")), (405, Some("GET, HEAD, OPTIONS")));
    }
    assert_eq!(server.request("BREW", "/a.txt", &[]).status, 501);
}

#[test]
fn every_kind_of_name_is_found_through_its_link() {
    let names: &[&[u8]] = &[
        b"a b.txt",
        b"100%.txt",
        b"what?.txt",
        b"no#1.txt",
        b"\xff\xfe.txt",
        "übung ☃.txt".as_bytes(),
        b"quote\"'<>&.txt",
        b"back\\slash.txt",
        b"new\nline.txt",
        b"..txt",
    ];
    let setup = setup().flag("--show-hidden-files");
    for name in names {
        fs::write(setup.root().join(std::ffi::OsStr::from_bytes(name)), name).unwrap();
    }
    let server = setup.start();
    let listing = server.get("/", &[]).text();
    let links: Vec<&str> =
        listing.split("href=\"./").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    let mut found = 0;
    for link in &links {
        let response = server.get(&format!("/{link}"), &[]);
        assert_eq!(response.status, 200, "{link}");
        assert!(names.contains(&response.body.as_slice()), "{link}");
        found += 1;
    }
    assert_eq!(found, names.len(), "{links:?}");
}

#[test]
fn nothing_outside_the_root_is_served() {
    let setup = setup().file("in/a.txt", "in");
    let outside = setup.root().parent().unwrap().join("secret.txt");
    fs::write(&outside, "secret").unwrap();
    symlink(&outside, setup.root().join("link.txt")).unwrap();
    symlink("/etc", setup.root().join("etc")).unwrap();
    symlink("../secret.txt", setup.root().join("up.txt")).unwrap();
    symlink("in/a.txt", setup.root().join("inside.txt")).unwrap();
    let server = setup.start();
    for target in [
        "/../secret.txt",
        "/in/../../secret.txt",
        "/%2e%2e/secret.txt",
        "/in/%2e%2e/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "/in/..%2f..%2fsecret.txt",
        "/link.txt",
        "/up.txt",
        "/etc/passwd",
        "/etc/",
        "/a.txt%00.html",
        "/in/a.txt/",
    ] {
        let response = server.get(target, &[]);
        assert_eq!(response.status, 404, "{target}");
        assert!(!response.text().contains("secret"), "{target}");
    }
    assert_eq!(server.get("/inside.txt", &[]).text(), "in");
    assert_eq!(server.get("/in/../in/./a.txt", &[]).text(), "in");
}

#[test]
fn symbolic_links_follow_the_setting() {
    for (setting, inside, outside) in
        [("never", 404, 404), ("inside", 200, 404), ("always", 200, 200)]
    {
        let setup = setup().file("a.txt", "a").flag(&format!("--follow-symlinks={setting}"));
        let secret = setup.root().parent().unwrap().join("b.txt");
        fs::write(&secret, "b").unwrap();
        symlink("a.txt", setup.root().join("in.txt")).unwrap();
        symlink(&secret, setup.root().join("out.txt")).unwrap();
        let server = setup.start();
        assert_eq!(server.get("/in.txt", &[]).status, inside, "{setting}");
        assert_eq!(server.get("/out.txt", &[]).status, outside, "{setting}");
    }
}

#[test]
fn hidden_names_are_served_only_when_asked_for_or_well_known() {
    let files = |setup: support::Setup| {
        setup.file(".env", "x").file(".git/config", "x").file(".well-known/a.txt", "x")
    };
    let server = files(setup()).start();
    assert_eq!(server.get("/.env", &[]).status, 404);
    assert_eq!(server.get("/.git/config", &[]).status, 404);
    assert_eq!(server.get("/.well-known/a.txt", &[]).status, 200);
    assert!(!server.get("/", &[]).text().contains(".env"));
    let server = files(setup()).flag("--show-hidden-files").start();
    assert_eq!(server.get("/.env", &[]).status, 200);
    assert!(server.get("/", &[]).text().contains(".env"));
}

#[test]
fn a_fifo_is_not_found_and_blocks_nobody() {
    let setup = setup().file("a.txt", "a");
    let fifo = setup.root().join("pipe");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let server = setup.start();
    assert_eq!(server.get("/pipe", &[]).status, 404);
    assert_eq!(server.get("/a.txt", &[]).status, 200);
}

#[test]
fn a_folder_without_its_slash_is_redirected_within_the_site() {
    let server = setup()
        .file("docs/index.html", "docs")
        .file("a b/x.txt", "x")
        .file("evil.com/x.txt", "x")
        .start();
    for (target, location) in [
        ("/docs", "/docs/"),
        ("/docs?a=1&b", "/docs/?a=1&b"),
        ("/a%20b", "/a%20b/"),
        ("//evil.com", "/evil.com/"),
        ("/.//evil.com", "/evil.com/"),
        ("http://t/docs", "/docs/"),
    ] {
        let response = server.get(target, &[]);
        assert_eq!(
            (response.status, response.field("location")),
            (308, Some(location)),
            "{target}"
        );
    }
    assert_eq!(server.get("/docs/", &[]).text(), "docs");
}

#[test]
fn index_files_are_tried_in_order_and_listings_can_be_off() {
    let server = setup()
        .file("both/home.htm", "home")
        .file("both/index.html", "index")
        .file("none/a.txt", "a")
        .flag("--index-files=home.htm,index.html")
        .flag("--directory-listing=false")
        .start();
    assert_eq!(server.get("/both/", &[]).text(), "home");
    assert_eq!(server.get("/none/", &[]).status, 403);
}

#[test]
fn an_edit_is_seen_and_a_deleted_file_is_gone() {
    let server = setup().file("a.txt", "one").start();
    let first = server.get("/a.txt", &[]);
    assert_eq!(first.text(), "one");
    fs::write(server.root.join("a.txt"), "three").unwrap();
    let second = eventually(|| Some(server.get("/a.txt", &[])).filter(|r| r.text() == "three"));
    assert_ne!(first.field("etag"), second.field("etag"));
    fs::remove_file(server.root.join("a.txt")).unwrap();
    eventually(|| Some(server.get("/a.txt", &[])).filter(|r| r.status == 404));
    fs::write(server.root.join("a.txt"), "back").unwrap();
    eventually(|| Some(server.get("/a.txt", &[])).filter(|r| r.body == b"back"));
}

#[test]
fn text_says_the_charset_it_is_in() {
    let server = setup()
        .file("utf8.txt", "grüße")
        .file("latin1.txt", b"Stra\xdfe und Gr\xfc\xdfe, sch\xf6ne M\xe4dchen \xfcber alles")
        .file("bom16.txt", b"\xff\xfea\0b\0")
        .file("x.bin", b"\0\x01")
        .start();
    let media_type = |path| server.get(path, &[]).field("content-type").unwrap().to_owned();
    assert_eq!(media_type("/utf8.txt"), "text/plain; charset=utf-8");
    assert_eq!(media_type("/latin1.txt"), "text/plain; charset=windows-1252");
    assert_eq!(media_type("/bom16.txt"), "text/plain; charset=utf-16le");
    assert_eq!(media_type("/x.bin"), "application/octet-stream");
}

#[test]
fn download_makes_an_attachment_of_any_name() {
    let server = setup().file("ä \"b\".txt", "x").start();
    let response = server.get("/%C3%A4%20%22b%22.txt?download", &[]);
    let disposition = response.field("content-disposition").unwrap();
    assert!(disposition.starts_with("attachment; filename=\""), "{disposition}");
    assert!(disposition.contains("filename*=UTF-8''%C3%A4%20%22b%22.txt"), "{disposition}");
    assert_eq!(server.get("/%C3%A4%20%22b%22.txt", &[]).field("content-disposition"), None);
}

#[test]
fn errors_come_as_page_json_or_line() {
    let server = setup().start();
    let html = server.get("/x", &[("Accept", "text/html,*/*;q=0.8")]);
    assert_eq!(html.field("content-type"), Some("text/html; charset=utf-8"));
    assert!(html.text().contains("href=\"/\""));
    let json = server.get("/x", &[("Accept", "application/json")]);
    let parsed: serde_json::Value = serde_json::from_slice(&json.body).unwrap();
    assert_eq!(parsed["status"], 404);
    assert_eq!(server.get("/x", &[]).field("content-type"), Some("text/plain; charset=utf-8"));
}

#[test]
fn a_sites_own_error_page_is_used_with_the_status_of_the_error() {
    let server = setup()
        .file("404.html", "<p>lost</p>")
        .file("403.html", "no")
        .file("d/x", "")
        .flag("--directory-listing=false")
        .start();
    let response = server.get("/nowhere", &[("If-None-Match", "*"), ("Range", "bytes=0-1")]);
    assert_eq!((response.status, response.text().as_str()), (404, "<p>lost</p>"));
    assert_eq!(response.field("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(response.field("etag"), None);
    assert_eq!(server.get("/d/", &[]).text(), "no");
    let json = server.get("/nowhere", &[("Accept", "application/json")]);
    assert_eq!(json.field("content-type"), Some("application/problem+json"));
    // A cache keeps them apart.
    assert_eq!((response.field("vary"), json.field("vary")), (Some("Accept"), Some("Accept")));
}

#[test]
fn large_files_arrive_whole() {
    let content: Vec<u8> = (0..5_000_000_u32).flat_map(u32::to_le_bytes).collect();
    let server = setup().file("large.bin", &content).start();
    assert!(server.get("/large.bin", &[]).body == content);
    let part = server.get("/large.bin", &[("Range", "bytes=1000003-19000005")]);
    assert_eq!(part.status, 206);
    assert!(part.body == content[1_000_003..=19_000_005]);
}

#[test]
fn without_the_cache_everything_is_the_same() {
    let server = setup().file("a.txt", "0123456789").flag("--enable-cache=false").start();
    let whole = server.get("/a.txt", &[]);
    assert_eq!(whole.text(), "0123456789");
    let etag = whole.field("etag").unwrap();
    assert_eq!(server.get("/a.txt", &[("If-None-Match", etag)]).status, 304);
    assert_eq!(server.get("/a.txt", &[("Range", "bytes=2-4")]).text(), "234");
    assert_eq!(server.get("/b.txt", &[]).status, 404);
}

#[test]
fn a_date_to_come_is_not_given() {
    let setup = setup().file("a.txt", "a");
    let file = fs::File::options().append(true).open(setup.root().join("a.txt")).unwrap();
    let tomorrow = std::time::SystemTime::now() + std::time::Duration::from_hours(24);
    file.set_modified(tomorrow).unwrap();
    let response = setup.start().get("/a.txt", &[]);
    assert_eq!((response.status, response.field("last-modified")), (200, None));
    assert!(response.field("etag").is_some());
}

#[test]
fn times_that_no_date_can_say_are_served_listed_and_packed() {
    // Most file systems under temporary folders do not know such times; this one does, where it is.
    let Ok(folder) = tempfile::tempdir_in("/dev/shm") else { return };
    let far = SystemTime::UNIX_EPOCH + Duration::from_mins(5_000_000_000);
    let early = SystemTime::UNIX_EPOCH - Duration::from_mins(5_000_000_000);
    let names = [("far.txt", far), ("early.txt", early)];
    for (name, time) in names {
        let path = folder.path().join(name);
        fs::write(&path, "0123456789").unwrap();
        let file = fs::File::options().write(true).open(&path).unwrap();
        let is_set = file.set_modified(time).is_ok();
        if !is_set || fs::metadata(path).unwrap().modified().ok() != Some(time) {
            return;
        }
    }
    let root = folder.path().to_str().unwrap();
    let server = setup().flag("--enable-archives").flag(root).start_without_root();
    for (name, _) in names {
        let target = format!("/{name}");
        let whole = server.get(&target, &[]);
        assert_eq!((whole.text().as_str(), whole.field("last-modified")), ("0123456789", None));
        assert_eq!(server.request("HEAD", &target, &[]).status, 200);
        let etag = whole.field("etag").unwrap();
        assert_eq!(server.get(&target, &[("If-None-Match", etag)]).status, 304);
        let date = "Fri, 31 Dec 9999 23:59:59 GMT";
        for field in ["If-Modified-Since", "If-Unmodified-Since"] {
            assert!([200, 304].contains(&server.get(&target, &[(field, date)]).status), "{field}");
        }
        let range = [("Range", "bytes=2-4"), ("If-Range", date)];
        assert_eq!(server.get(&target, &range).text(), "0123456789");
    }
    let page = server.get("/", &[("Accept", "text/html")]).text();
    let json = server.get("/", &[("Accept", "application/json")]).text();
    assert_eq!(json.matches("\"mtime\":null").count(), 2, "{json}");
    let tar = server.get("/?archive=tar", &[]).body;
    let zip = server.get("/?archive=zip", &[]).body;
    let mut zip = zip::ZipArchive::new(Cursor::new(zip)).unwrap();
    let mut tar = tar::Archive::new(&*tar);
    let sizes = tar.entries().unwrap().map(|entry| entry.unwrap().size());
    assert_eq!(sizes.filter(|&size| size == 10).count(), 2);
    for (name, _) in names {
        assert!(page.contains(name) && json.contains(name), "{page}\n{json}");
        let count = zip.len();
        let is_it = |&place: &usize| zip.by_index(place).unwrap().name().unwrap().ends_with(name);
        let inside = (0..count).find(is_it);
        let mut content = String::new();
        zip.by_index(inside.unwrap()).unwrap().read_to_string(&mut content).unwrap();
        assert_eq!(content, "0123456789");
    }
}
