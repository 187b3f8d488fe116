//! Files and forms that come in one request, over the real wire.

#![allow(clippy::expect_used, clippy::unwrap_used)]

mod support;

use std::fs;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use support::upload::{
    BROWSER, FORM, Field, JSON, form, head, names, part, post, send, taking, uploads, value,
};
use support::{Client, setup};

fn digest(content: &[u8]) -> String {
    let digits: Vec<String> =
        Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect();
    digits.concat()
}

#[test]
fn a_form_leaves_its_files_and_says_what_became_of_them() {
    let server = taking().start();
    let content: Vec<u8> = (0..=255).cycle().take(300_000).collect();
    let body = form(&[
        part("note", None, "hällo\r\n".as_bytes()),
        part("files", Some("a b.bin"), &content),
        part("files", Some("ünï.txt"), b"\r\n--tra"),
        part("empty", Some(""), b""),
        part("note", None, b"twice"),
    ]);
    let response = post(&server, "/upload", &body);
    assert_eq!((response.status, response.field("location")), (201, Some("/uploads/a%20b.bin")));
    let expected = json!({
        "files": [
            { "field": "files", "name": "a b.bin", "size": 300_000, "sha256": digest(&content),
              "url": "/uploads/a%20b.bin", "replaced": false },
            { "field": "files", "name": "ünï.txt", "size": 7, "sha256": digest(b"\r\n--tra"),
              "url": "/uploads/%C3%BCn%C3%AF.txt", "replaced": false },
        ],
        "fields": { "note": ["hällo\r\n", "twice"] },
    });
    assert_eq!(value(&response), expected);
    assert_eq!(names(&server), ["a b.bin", "ünï.txt"]);
    let fetched = server.get("/uploads/a%20b.bin", &[]);
    assert_eq!(fetched.body, content);
    let policy = fetched.field("content-security-policy");
    assert_eq!(policy, Some("sandbox; default-src 'none'"));
}

#[test]
fn a_browser_is_sent_on_to_a_page_and_a_terminal_gets_json() {
    let server = taking().start();
    let body = form(&[part("f", Some("a<b>.txt"), b"a"), part("n", None, b"<script>")]);
    let response = send(&server, "POST", "/upload", &[BROWSER, FORM], &body);
    assert_eq!(response.status, 303, "{}", response.text());
    let result = response.field("location").unwrap();
    let page = server.get(result, &[BROWSER]);
    assert_eq!((page.status, page.field("cache-control")), (200, Some("no-store")));
    assert!(page.text().contains("a&#60;b&#62;.txt") || page.text().contains("a&lt;b&gt;.txt"));
    assert!(!page.text().contains("<script>"), "{}", page.text());
    assert_eq!(server.get("/upload/result/0123456789abcdef0123456789abcdef", &[]).status, 404);
    let plain = send(&server, "POST", "/upload", &[("Accept", "*/*"), FORM], &body);
    assert_eq!((plain.status, plain.field("content-type")), (201, Some("application/json")));
    let panel = server.get("/upload", &[BROWSER]);
    assert!(panel.status == 200 && panel.text().contains("<section id=upload"));
}

#[test]
fn the_page_of_a_result_leads_back_to_the_page_of_the_form() {
    let server = taking().start();
    fs::create_dir_all(uploads(&server).join("my docs%")).unwrap();
    let body = form(&[part("f", Some("a.txt"), b"a")]);
    let origin = format!("http://{}", server.address);
    let folder = "/uploads/my%20docs%25/";
    for (page, back) in [
        (Some("/uploads/my%20docs%25/?sort=size"), folder),
        (Some("/uploads/%zz"), "/"),
        (None, folder),
    ] {
        let referer = page.map_or_else(String::new, |page| format!("{origin}{page}"));
        let fields = [BROWSER, FORM, ("Referer", &referer)];
        let response = send(&server, "POST", folder, &fields, &body);
        assert_eq!(response.status, 303, "{}", response.text());
        let page = server.get(response.field("location").unwrap(), &[BROWSER]).text();
        assert!(page.contains(&format!("href=\"{back}\"")), "{back}: {page}");
    }
}

#[test]
fn what_is_written_in_forms_is_kept_line_by_line() {
    let setup = taking();
    let log = setup.root().with_file_name("forms.jsonl");
    let server = setup.flag(&format!("--form-log={}", log.display())).start();
    let urlencoded = ("Content-Type", "application/x-www-form-urlencoded");
    let response = send(&server, "POST", "/submit", &[JSON, urlencoded], b"a=1&a=%0A%22&b=+");
    assert_eq!(response.status, 201);
    assert_eq!(
        value(&response),
        json!({ "files": [], "fields": { "a": ["1", "\n\""], "b": [" "] } })
    );
    let body = form(&[part("f", Some("x"), b"x"), part("n", None, b"m")]);
    assert_eq!(post(&server, "/submit", &body).status, 201);
    let lines: Vec<Value> = fs::read_to_string(&log)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["fields"], json!({ "a": ["1", "\n\""], "b": [" "] }));
    assert_eq!((&lines[0]["address"], &lines[0]["path"]), (&json!("127.0.0.1"), &json!("/submit")));
    assert_eq!(lines[1]["files"][0]["name"], "x");
    // A form that cannot be written down leaves nothing at all.
    fs::remove_file(&log).unwrap();
    fs::create_dir(&log).unwrap();
    let body = form(&[part("f", Some("y"), b"y"), part("n", None, b"m")]);
    assert_eq!(post(&server, "/submit", &body).status, 503);
    assert_eq!(names(&server), ["x"]);
}

#[test]
fn a_log_of_forms_that_would_be_served_is_refused() {
    let setup = taking();
    let log = setup.root().join("forms.jsonl");
    let output = support::salver()
        .args(["--port=0", "--enable-file-uploads", &format!("--form-log={}", log.display())])
        .arg(setup.root())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(1) && said.contains("folder that is served"), "{said}");
}

#[test]
fn folders_take_files_and_so_do_those_that_are_not_there_yet() {
    let server = taking().file("uploads/sub/there.txt", "").start();
    let body = form(&[part("f", Some("new.txt"), b"n")]);
    for (target, url) in [
        ("/uploads/sub/", "/uploads/sub/new.txt"),
        ("/uploads/deep/er%20x/", "/uploads/deep/er%20x/new.txt"),
        ("/uploads", "/uploads/new.txt"),
    ] {
        let response = post(&server, target, &body);
        assert_eq!((response.status, response.field("location")), (201, Some(url)), "{target}");
    }
    assert_eq!(names(&server), ["deep/er x/new.txt", "new.txt", "sub/new.txt", "sub/there.txt"]);
    for (target, status) in [
        ("/", 405),
        ("/elsewhere/", 405),
        ("/uploads/.git/", 403),
        ("/uploads/.salver-uploads/", 403),
        ("/uploads/new.txt/", 409),
        ("/uploads/new.txt", 405),
        ("/uploads/../", 405),
    ] {
        assert_eq!(post(&server, target, &body).status, status, "{target}");
    }
}

#[test]
fn methods_are_listed_where_something_can_be_sent() {
    let server = taking().file("uploads/a.txt", "").start();
    for (target, allow) in [
        ("/upload", "GET, HEAD, POST, OPTIONS"),
        ("/submit", "POST, OPTIONS"),
        ("/uploads/", "GET, HEAD, POST, OPTIONS"),
        ("/uploads/a.txt", "GET, HEAD, PUT, OPTIONS"),
        ("/other", "GET, HEAD, OPTIONS"),
    ] {
        for (method, status) in [("OPTIONS", 204), ("DELETE", 405)] {
            let response = send(&server, method, target, &[], b"");
            assert_eq!(
                (response.status, response.field("allow")),
                (status, Some(allow)),
                "{target}"
            );
        }
    }
    let off = setup().start();
    assert_eq!(post(&off, "/upload", &form(&[])).status, 405);
}

#[test]
fn a_file_is_put_where_its_address_says() {
    let server = taking().flag("--upload-conflict=replace").start();
    let put = |target, fields: &[Field<'_>], body| send(&server, "PUT", target, fields, body);
    let first = put("/uploads/d/a.txt", &[], b"one");
    assert_eq!((first.status, first.field("location")), (201, Some("/uploads/d/a.txt")));
    let etag = server.get("/uploads/d/a.txt", &[]).field("etag").unwrap().to_owned();
    for (fields, status) in [
        (vec![("If-None-Match", "*")], 412),
        (vec![("If-None-Match", etag.as_str())], 412),
        (vec![("If-Match", "\"other\"")], 412),
        (vec![("Content-Range", "bytes 0-1/3")], 400),
        (vec![("Content-Encoding", "gzip")], 415),
        (vec![("If-Match", etag.as_str())], 200),
        (vec![("If-Match", etag.as_str())], 412),
    ] {
        assert_eq!(put("/uploads/d/a.txt", &fields, b"two!").status, status, "{fields:?}");
    }
    assert_eq!(fs::read(uploads(&server).join("d/a.txt")).unwrap(), b"two!");
    assert_eq!(put("/uploads/new", &[("If-Match", "*")], b"").status, 412);
    assert_eq!(put("/uploads/new", &[("If-None-Match", "*")], b"").status, 201);
    for (target, status) in [
        ("/uploads/", 405),
        ("/uploads/d", 409),
        ("/uploads/.hidden", 403),
        ("/uploads/NUL", 400),
        ("/a.txt", 405),
        ("/uploads/%2e%2e/a.txt", 405),
    ] {
        assert_eq!(put(target, &[], b"x").status, status, "{target}");
    }
    assert_eq!(names(&server), ["d/a.txt", "new"]);
}

#[test]
fn of_clients_that_change_the_same_version_one_succeeds() {
    let server = taking().flag("--upload-conflict=replace").file("uploads/a", "old").start();
    for round in 0..5 {
        let etag = server.get("/uploads/a", &[]).field("etag").unwrap().to_owned();
        let head = head("PUT", "/uploads/a", &[("If-Match", &etag)], 3);
        let mut clients: Vec<_> = (0..8).map(|_| server.connect()).collect();
        for client in &mut clients {
            client.send(&head);
        }
        for (client, letter) in clients.iter_mut().zip("abcdefgh".chars()) {
            client.send(format!("{round} {letter}"));
        }
        let statuses: Vec<_> = clients.iter_mut().map(|client| client.response().status).collect();
        assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
        assert_eq!(statuses.iter().filter(|status| **status == 412).count(), 7, "{statuses:?}");
    }
    let server = taking().file("uploads/a", "old").start();
    let etag = server.get("/uploads/a", &[]).field("etag").unwrap().to_owned();
    let refused = send(&server, "PUT", "/uploads/a", &[("If-Match", &etag)], b"new");
    assert_eq!(refused.status, 403, "another name is not what was meant");
}

#[test]
fn what_was_uploaded_is_sandboxed_by_whatever_path_it_is_reached() {
    let server = taking().file("uploads/x.html", "<script>").file("data/y", "").start();
    std::os::unix::fs::symlink("uploads", server.root.join("pub")).unwrap();
    for target in ["/uploads/x.html", "/pub/x.html"] {
        let policy = server.get(target, &[]).field("content-security-policy").map(str::to_owned);
        assert_eq!(policy.as_deref(), Some("sandbox; default-src 'none'"), "{target}");
    }
    assert_eq!(server.get("/data/y", &[]).field("content-security-policy"), None);
    let setup = taking().file("data/up/x.html", "<script>");
    std::os::unix::fs::symlink("data/up", setup.root().join("uploads")).unwrap();
    let server = setup.start();
    for target in ["/uploads/x.html", "/data/up/x.html"] {
        let policy = server.get(target, &[]).field("content-security-policy").map(str::to_owned);
        assert_eq!(policy.as_deref(), Some("sandbox; default-src 'none'"), "{target}");
    }
    assert_eq!(send(&server, "PUT", "/uploads/new", &[], b"n").status, 201);
}

#[test]
fn a_taken_name_is_renamed_refused_or_replaced_but_not_more_than_allowed() {
    for (policy, asked, status, left) in [
        ("rename", "", 201, "a (1).txt"),
        ("rename", "?conflict=reject", 409, "a.txt"),
        ("rename", "?conflict=replace", 403, "a.txt"),
        ("rename", "?conflict=x", 400, "a.txt"),
        ("reject", "", 409, "a.txt"),
        ("reject", "?conflict=rename", 403, "a.txt"),
        ("replace", "", 200, "a.txt"),
        ("replace", "?conflict=rename", 201, "a (1).txt"),
    ] {
        let server = taking()
            .file("uploads/a.txt", "old")
            .flag(&format!("--upload-conflict={policy}"))
            .start();
        let body = form(&[part("f", Some("a.txt"), b"new")]);
        let response = post(&server, &format!("/upload{asked}"), &body);
        assert_eq!(response.status, status, "{policy} {asked}: {}", response.text());
        assert_eq!(names(&server)[0], left, "{policy} {asked}");
        let old = fs::read(uploads(&server).join("a.txt")).unwrap();
        assert_eq!(old == b"new", status == 200, "{policy} {asked}");
    }
}

#[test]
fn clients_that_send_the_same_name_at_once_each_get_theirs() {
    let server = taking().start();
    let contents: Vec<Vec<u8>> = (0..16).map(|n| vec![b'a' + n; 100_000]).collect();
    let clients = contents.iter().map(|content| {
        let mut client = server.connect();
        let body = form(&[part("f", Some("a"), content)]);
        let head = head("POST", "/upload", &[JSON, FORM], body.len());
        client.send([head.as_bytes(), &body].concat());
        client
    });
    let clients: Vec<Client> = clients.collect();
    for (mut client, content) in clients.into_iter().zip(&contents) {
        let response = client.response();
        assert_eq!(response.status, 201);
        let file = &value(&response)["files"][0];
        let stored = fs::read(uploads(&server).join(file["name"].as_str().unwrap())).unwrap();
        assert!(stored == *content && file["sha256"] == digest(content));
    }
    assert_eq!(names(&server).len(), contents.len());
}

#[test]
fn a_folder_outside_the_root_takes_files_that_are_not_served() {
    let setup = taking();
    let outside = setup.root().with_file_name("outside");
    let server = setup.flag(&format!("--upload-dir={}", outside.display())).start();
    let response = post(&server, "/upload", &form(&[part("f", Some("a.txt"), b"a")]));
    assert_eq!((response.status, response.field("location")), (201, None));
    assert_eq!(value(&response)["files"][0]["url"], Value::Null);
    assert_eq!(fs::read(outside.join("a.txt")).unwrap(), b"a");
    assert_eq!(server.get("/uploads/a.txt", &[]).status, 404);
}
