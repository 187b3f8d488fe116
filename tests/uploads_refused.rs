//! Uploads that are refused, and leave nothing.

#![allow(clippy::expect_used, clippy::unwrap_used)]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;

use support::eventually;
use support::upload::{
    FORM, JSON, LIMIT, form, head, names, nothing_is_left, part, post, send, taking, uploads, value,
};

#[test]
fn names_that_cannot_be_are_refused_and_nothing_of_the_form_appears() {
    let server = taking().file("uploads-not/x", "").start();
    let too_long = format!("{}.txt", "n".repeat(10_000));
    for (name, status) in [
        ("..", 400),
        ("NUL", 400),
        ("com1.txt", 400),
        ("a\tb", 400),
        (".hidden", 400),
        ("...", 400),
    ] {
        let body = form(&[part("f", Some("good.txt"), b"g"), part("f", Some(name), b"x")]);
        let response = post(&server, "/upload", &body);
        assert_eq!(response.status, status, "{name}: {}", response.text());
        assert_eq!(response.field("content-type"), Some("application/problem+json"));
        assert!(value(&response)["detail"].as_str().is_some_and(|text| !text.is_empty()));
        nothing_is_left(&server);
    }
    for (name, kept) in
        [("../../etc/passwd", "passwd"), ("C:\\\\x", "x"), ("a/b\\\\c.txt", "c.txt")]
    {
        let response = post(&server, "/upload", &form(&[part("f", Some(name), b"x")]));
        assert_eq!(response.status, 201, "{name}: {}", response.text());
        assert!(fs::remove_file(uploads(&server).join(kept)).is_ok(), "{name} becomes {kept}");
    }
    let response = post(&server, "/upload", &form(&[part("f", Some(&too_long), b"x")]));
    assert_eq!(response.status, 201);
    let kept = &names(&server)[0];
    assert!(kept.len() == 255 && kept.ends_with("n.txt"));
    fs::remove_file(uploads(&server).join(kept)).unwrap();
    fs::create_dir(uploads(&server).join("folder")).unwrap();
    let response = post(&server, "/upload", &form(&[part("f", Some("folder"), b"x")]));
    assert_eq!(response.status, 409);
}

#[test]
fn forms_that_are_none_are_refused() {
    let server = taking().start();
    let good = part("f", Some("a.txt"), b"abc");
    let parts = |count| form(&vec![part("n", None, b""); count]);
    let long_head = format!(
        "--tray\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a\"\r\nX: {}\r\n\r\nx\r\n--tray--\r\n",
        "y".repeat(1 << 20)
    );
    let cases: &[(&str, &[u8], u16)] = &[
        ("multipart/form-data", &form(std::slice::from_ref(&good)), 400),
        ("multipart/form-data; boundary=", &form(std::slice::from_ref(&good)), 400),
        ("multipart/form-data; boundary=other", &form(std::slice::from_ref(&good)), 400),
        ("multipart/form-data; boundary=tray", b"", 400),
        ("multipart/form-data; boundary=tray", b"--tray", 400),
        ("multipart/form-data; boundary=tray", &good, 400),
        ("multipart/form-data; boundary=tray", &parts(1000), 201),
        ("multipart/form-data; boundary=tray", &parts(1001), 413),
        ("multipart/form-data; boundary=tray", &parts(10_000), 413),
        ("multipart/form-data; boundary=tray", long_head.as_bytes(), 400),
        (
            "multipart/form-data; boundary=tray",
            &form(&[part("n", None, &vec![b'x'; 1 << 20])]),
            413,
        ),
        ("multipart/form-data; boundary=tray", &form(&[part("n", None, b"\xff")]), 400),
        ("application/x-www-form-urlencoded", b"a=%ff", 400),
        ("application/x-www-form-urlencoded", &vec![b'a'; (1 << 20) + 1], 413),
        ("application/json", b"{}", 415),
        ("text/plain", b"", 415),
    ];
    for (content_type, body, status) in cases {
        let response =
            send(&server, "POST", "/upload", &[JSON, ("Content-Type", content_type)], body);
        let start = String::from_utf8_lossy(&body[..body.len().min(60)]);
        assert_eq!(response.status, *status, "{content_type} {start}: {}", response.text());
        nothing_is_left(&server);
    }
    assert_eq!(send(&server, "POST", "/upload", &[], &form(&[good])).status, 415);
}

#[test]
fn too_much_is_refused_before_and_while_it_comes() {
    let server = taking().start();
    let mut announced = server.connect();
    announced.send(
        "POST /upload HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5000001\r\n\
         Content-Type: multipart/form-data; boundary=tray\r\n\r\n",
    );
    assert_eq!(announced.response().status, 413, "nothing is asked for that is not wanted");
    let mut chunked = server.connect();
    chunked.send(
        "POST /upload HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\
         Content-Type: multipart/form-data; boundary=tray\r\n\r\n",
    );
    let body = form(&[part("f", Some("big.bin"), &vec![0; LIMIT])]);
    let head = format!("{:x}\r\n", body.len());
    let _ = chunked.try_send([head.as_bytes(), &body, b"\r\n0\r\n\r\n"].concat());
    assert_eq!(chunked.response().status, 413);
    nothing_is_left(&server);
    let exactly = form(&[part(
        "f",
        Some("big.bin"),
        &vec![0; LIMIT - form(&[part("f", Some("big.bin"), b"")]).len()],
    )]);
    assert_eq!(exactly.len(), LIMIT);
    assert_eq!(post(&server, "/upload", &exactly).status, 201);
}

#[test]
fn folders_have_names_as_files_do_and_hidden_ones_take_nothing() {
    let server = taking().file("uploads/sub/x", "").start();
    let deep = format!("/uploads/{}f", format!("{}/", "d".repeat(240)).repeat(20));
    let long = format!("/uploads/{}", "a".repeat(256));
    for (target, status) in [
        ("/uploads/a%0ab/x", 400),
        ("/uploads/NUL/x", 400),
        ("/uploads/c:/x", 400),
        ("/uploads/trail./x", 400),
        ("/uploads/x%5cy/z", 400),
        ("/uploads/%ff/x", 400),
        ("/uploads/.ssh/x", 403),
        (&deep, 400),
        (&long, 400),
        ("/uploads/trail.", 400),
    ] {
        assert_eq!(send(&server, "PUT", target, &[], b"x").status, status, "{target}");
    }
    let tus = [("Tus-Resumable", "1.0.0"), ("Upload-Length", "0")];
    // /uploads/.ssh/ and /uploads/x\..\y, in Base64.
    for (folder, status) in [("L3VwbG9hZHMvLnNzaC8=", 403), ("L3VwbG9hZHMveFwuLlx5", 400)] {
        let metadata = format!("filename YQ==,folder {folder}");
        let fields = [tus[0], tus[1], ("Upload-Metadata", &metadata)];
        assert_eq!(send(&server, "POST", "/upload/tus", &fields, b"").status, status, "{folder}");
    }
    assert_eq!(names(&server), ["sub/x"]);
}

#[test]
fn another_method_is_not_smuggled_past_cors() {
    let server = taking().flag("--enable-cors").flag("--cors-allow-origin=http://o").start();
    let fields = [
        ("Origin", "http://o"),
        ("Sec-Fetch-Site", "cross-site"),
        ("X-HTTP-Method-Override", "DELETE"),
        ("Tus-Resumable", "1.0.0"),
    ];
    let target = "/upload/tus/00000000000000000000000000000000";
    assert_eq!(send(&server, "POST", target, &fields, b"").status, 403);
}

#[test]
fn a_form_that_is_refused_takes_nothing_from_others() {
    let server = taking().flag("--upload-conflict=replace").file("uploads/folder/x", "").start();
    let mut parts: Vec<_> = (0..20).map(|n| part("f", Some(&format!("v{n}")), b"form")).collect();
    parts.push(part("f", Some("folder"), b"form"));
    let form = form(&parts);
    for round in 0..10_u8 {
        let head = head("POST", "/upload", &[JSON, FORM], form.len());
        let mut refused = server.connect();
        refused.send([head.as_bytes(), &form].concat());
        for n in 0..20 {
            let put = send(&server, "PUT", &format!("/uploads/v{n}"), &[], &[round]);
            assert!(matches!(put.status, 200 | 201), "{}", put.text());
        }
        assert_eq!(refused.response().status, 409);
        for n in 0..20 {
            let left = fs::read(uploads(&server).join(format!("v{n}"))).unwrap();
            assert_eq!(left, [round], "v{n}");
        }
    }
}

#[test]
fn a_file_without_a_known_end_is_refused() {
    let server = taking().start();
    let mut client = server.connect();
    client.send("PUT /uploads/a HTTP/1.0\r\n\r\nhello");
    assert_eq!(client.response().status, 411);
    nothing_is_left(&server);
}

#[test]
fn a_body_cut_at_any_byte_leaves_nothing() {
    let server = taking().start();
    let body = form(&[
        part("note", None, b"n"),
        part("f", Some("a.txt"), b"content"),
        part("g", Some("b"), b""),
    ]);
    let head = head("POST", "/upload", &[JSON, FORM], body.len());
    for end in 0..body.len() {
        let mut client = server.connect();
        client.send([head.as_bytes(), &body[..end]].concat());
        client.finish();
        client.rest();
        assert_eq!(names(&server), [""; 0], "cut after {end} bytes");
    }
    // The length is wrong the other way: what follows is no request.
    let short = head.replace(&body.len().to_string(), &(body.len() - 10).to_string());
    let mut client = server.connect();
    client.send([short.as_bytes(), &body].concat());
    assert_eq!(client.response().status, 400);
    nothing_is_left(&server);
    assert_eq!(post(&server, "/upload", &body).status, 201, "the server goes on");
}

#[test]
fn a_page_of_another_site_sends_nothing() {
    let server = taking().start();
    let body = form(&[part("f", Some("a"), b"a")]);
    for foreign in [("Sec-Fetch-Site", "cross-site"), ("Origin", "http://evil.example")] {
        for (method, target) in [("POST", "/upload"), ("POST", "/uploads/"), ("PUT", "/uploads/a")]
        {
            let response = send(&server, method, target, &[JSON, FORM, foreign], &body);
            assert_eq!(response.status, 403, "{method} {target}");
        }
    }
    nothing_is_left(&server);
    let own = [JSON, FORM, ("Sec-Fetch-Site", "same-origin"), ("Origin", "http://x")];
    assert_eq!(send(&server, "POST", "/upload", &own, &body).status, 201);
}

#[test]
fn a_folder_that_cannot_be_written_is_said_to_be_so() {
    let server = taking().file("uploads/sub/x", "").start();
    let folder = uploads(&server).join("sub");
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o555)).unwrap();
    if fs::write(folder.join("probe"), "").is_ok() {
        return; // root may write everywhere
    }
    let response = post(&server, "/uploads/sub/", &form(&[part("f", Some("a"), b"a")]));
    assert_eq!(response.status, 403, "{}", response.text());
    assert_eq!(names(&server), ["sub/x"]);
}

#[test]
#[ignore = "needs the right to mount a small file system"]
fn a_full_disk_is_507_and_leaves_nothing() {
    let setup = taking().file("uploads/x", "");
    let folder = setup.root().join("uploads");
    let mount = |arguments: &[&str]| {
        std::process::Command::new(arguments[0])
            .args(&arguments[1..])
            .arg(&folder)
            .status()
            .is_ok_and(|status| status.success())
    };
    assert!(mount(&["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs"]), "it is mounted");
    let server = setup.start();
    let results = std::panic::catch_unwind(|| {
        let big =
            form(&[part("f", Some("small"), b"s"), part("f", Some("big"), &vec![1; 3 << 20])]);
        let response = post(&server, "/upload", &big);
        assert_eq!(response.status, 507, "{}", response.text());
        let mut chunked = server.connect();
        chunked.send(
            "PUT /uploads/big HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n300000\r\n",
        );
        let _ = chunked.try_send([vec![1; 3 << 20], b"\r\n0\r\n\r\n".to_vec()].concat());
        assert_eq!(chunked.response().status, 507);
        nothing_is_left(&server);
        let small = form(&[part("f", Some("small"), &vec![1; 1 << 20])]);
        assert_eq!(post(&server, "/upload", &small).status, 201, "room is there again");
    });
    drop(server);
    mount(&["umount", "-l"]);
    results.unwrap();
}

#[test]
fn a_resumable_upload_that_is_refused_with_its_creation_leaves_nothing() {
    let server = taking().start();
    let mut client = server.connect();
    client.send(
        "POST /upload/tus HTTP/1.1\r\nHost: t\r\nTus-Resumable: 1.0.0\r\nUpload-Length: 10\r\n\
         Upload-Metadata: filename YQ==\r\nContent-Type: application/offset+octet-stream\r\n\
         Content-Length: 10\r\n\r\n01234",
    );
    let reserved = uploads(&server).join(".salver-uploads");
    let is_begun = || {
        let mut entries = fs::read_dir(&reserved).ok()?;
        entries.any(|entry| entry.unwrap().path().extension().unwrap() == "json").then_some(())
    };
    eventually(is_begun);
    // Its name is taken before it is whole.
    fs::create_dir(uploads(&server).join("a")).unwrap();
    client.send("56789");
    let refused = client.response();
    assert_eq!(refused.status, 409, "{}", refused.text());
    assert_eq!(refused.field("location"), None);
    fs::remove_dir(uploads(&server).join("a")).unwrap();
    nothing_is_left(&server);
}
