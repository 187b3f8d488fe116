//! Paths and names that are to lead out of the folders that are served and written to.

#![allow(clippy::expect_used, clippy::unwrap_used)]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use base64::prelude::{BASE64_STANDARD, Engine};
use support::upload::{JSON, form, names, part, taking, uploads};
use support::{Server, setup};

const SECRET: &str = "SECRET";

/// Ways up.
const UPS: &[&str] = &[
    "../",
    "%2e%2e/",
    ".%2e/",
    "%2e./",
    "%2E%2E/",
    "..%2f",
    "%2e%2e%2f",
    "..%2F",
    "%2e%2e%2F",
    "..%5c",
    "..\\",
    "%2e%2e%5c",
    "..%5C..%5c",
    "%252e%252e/",
    "%252e%252e%252f",
    "..%252f",
    "%25252e%25252e/",
    "%c0%ae%c0%ae/",
    "%c0%ae%c0%ae%c0%af",
    "..%c0%af",
    "..%c1%9c",
    "%e0%80%ae%e0%80%ae/",
    "%e0%80%ae%e0%80%ae%e0%80%af",
    "%f0%80%80%ae%f0%80%80%ae/",
    "%uff0e%uff0e/",
    "%u002e%u002e/",
    "..%u2215",
    "%ef%bc%8e%ef%bc%8e/",
    "%ef%bc%8e%ef%bc%8e%ef%bc%8f",
    "..%e2%88%95",
    "..;/",
    "..;a=b/",
    "..%3b/",
    "..%00/",
    "%00../",
    "..%0d/",
    "..%0a/",
    "..%09/",
    "..%20/",
    "..%7f/",
    ".../",
    "..../",
    "....//",
    "..././",
    ".//../",
    "./../",
    "%2e/%2e%2e/",
    "//../",
    "///../",
    "..//",
    "..///",
    "../.",
    "..%23/",
    "..%3f/",
    "..%26/",
    "~/",
    "%7e/../",
    "in/../../",
    "in/%2e%2e/%2e%2e/",
    "in/..%2f..%2f",
    "in/./../../",
    "none/../../",
    "a.txt/../../",
    "in//../../",
    "in/%2e%2e%2f%2e%2e%2f",
    "in/..;/..;/",
    "in\\..\\..\\",
    "in%5c..%5c..%5c",
    "%2e%2e%00/",
    "in%00/../../",
];

#[test]
fn no_way_up_leads_out_of_the_root() {
    let setup = setup().file("in/a.txt", "in").file("a.txt", "in");
    let secret = setup.root().parent().unwrap().join("secret.txt");
    fs::write(&secret, SECRET).unwrap();
    let absolute = secret.to_str().unwrap().to_owned();
    let server = setup.flag("--show-hidden-files").flag("--enable-archives").start();
    let mut targets: Vec<String> = Vec::new();
    for up in UPS {
        for prefix in ["/", "//", "/in/../", "http://t/"] {
            targets.push(format!("{prefix}{up}secret.txt"));
        }
        targets.push(format!("/{}etc/passwd", up.repeat(12)));
        targets.push(format!("/in/{}{absolute}", up.repeat(12)));
        targets.push(format!("/{up}?archive=tar"));
        targets.push(format!("/{up}?format=json"));
    }
    for start in [
        "/",
        "//",
        "///",
        "/.//",
        "/./",
        "http://t//",
        "/%2f",
        "/%2F/",
        "/in//",
        "/in/%2f",
        "/\\",
        "/%5c",
    ] {
        targets.push(format!("{start}etc/passwd"));
        targets.push(format!("{start}{absolute}"));
    }
    for odd in [
        "/proc/self/root/etc/passwd",
        "/file:///etc/passwd",
        "/C:/secret.txt",
        "/a.txt::$DATA",
        "/a.txt%00",
    ] {
        targets.push(odd.to_owned());
    }
    for target in &targets {
        let head = format!("GET {target} HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n");
        let answer = String::from_utf8_lossy(&server.raw(head)).into_owned();
        let status: u16 = answer.split(' ').nth(1).expect("a status").parse().expect("a status");
        // Some of them do not lead up at all: `/in/./../` is the root.
        assert!(
            !answer.contains(SECRET)
                && !answer.contains("root:")
                && !answer.contains("secret.txt\""),
            "{target}: {answer}"
        );
        if target.ends_with("secret.txt") || target.ends_with("passwd") {
            assert!(matches!(status, 400 | 404), "{target}: {status}");
        }
    }
    assert!(targets.len() > 500, "{}", targets.len());
    assert_eq!(server.get("/in/../in/%2e/a.txt", &[]).text(), "in");
}

#[test]
fn a_path_as_deep_as_can_be_asked_for_is_not_found() {
    let server = setup().file("a.txt", "a").start();
    for step in ["a/", "../", "./", "/", "%2e%2e/", "in/../"] {
        let target = format!("/{}none", step.repeat(4000 / step.len()));
        let status = server.get(&target, &[]).status;
        assert!(matches!(status, 400 | 404), "{step}: {status}");
    }
}

/// Names that uploads are to have.
const NAMES: &[&str] = &[
    "../up.txt",
    "../../up.txt",
    "../../../../../../../../tmp/salver-up.txt",
    "/tmp/salver-up.txt",
    "//up.txt",
    "..\\up.txt",
    "..\\..\\up.txt",
    "C:\\up.txt",
    "C:up.txt",
    "\\\\host\\share\\up.txt",
    "..",
    ".",
    "../",
    "..\\",
    "../..",
    "/",
    "\\",
    "",
    " ",
    "...",
    "....",
    ". .",
    ".. ",
    " ..",
    ".hidden",
    ".htaccess",
    "../.hidden",
    ".salver-uploads",
    ".salver-uploads/x.draft",
    "../.salver-uploads/x",
    "%2e%2e%2fup.txt",
    "..%2fup.txt",
    "%2e%2e/up.txt",
    "..%5cup.txt",
    "..%00/up.txt",
    "%252e%252e%252fup.txt",
    "%c0%ae%c0%ae%c0%afup.txt",
    "\u{ff0e}\u{ff0e}\u{ff0f}up.txt",
    "..\u{2215}up.txt",
    "..;/up.txt",
    "a/../../up.txt",
    "a/b/../../../up.txt",
    "./../up.txt",
    ".//../up.txt",
    "up.txt/..",
    "up.txt/../../x",
    "nul",
    "con.txt",
    "aux",
    "up.txt:stream",
    "up.txt::$DATA",
    "~/up.txt",
    "$HOME/up.txt",
    "|up.txt",
    "`up`",
    "link/up.txt",
    "folder/up.txt",
];

#[test]
fn no_name_of_an_upload_leads_out_of_its_folder() {
    let server = taking();
    let outside = server.root().parent().unwrap().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::create_dir_all(server.root().join("uploads/folder")).unwrap();
    std::os::unix::fs::symlink(&outside, server.root().join("uploads/link")).unwrap();
    let server = server.start();
    let before = around(&server);
    let mut taken = 0;
    for name in NAMES {
        for attempt in attempts(name) {
            let mut client = server.connect();
            let _ = client.try_send(&attempt);
            let status = client.response().status;
            let about = String::from_utf8_lossy(&attempt).into_owned();
            assert!(matches!(status, 200 | 201 | 303 | 400..=415), "{status}: {about}");
            taken += u32::from(matches!(status, 200 | 201));
        }
        assert_eq!(around(&server), before, "{name}");
    }
    assert!(taken > 20, "only {taken} were taken: nothing was tried");
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
    for path in names(&server) {
        let name = Path::new(&path).file_name().unwrap().to_str().unwrap();
        assert!(!name.starts_with('.') && !name.contains('\\'), "{path}");
    }
}

/// Every way to send a file of that name.
fn attempts(name: &str) -> Vec<Vec<u8>> {
    let head = |method: &str, target: &str, fields: &[(&str, &str)], body: &[u8]| {
        let head = support::upload::head(method, target, fields, body.len());
        [head.as_bytes(), body].concat()
    };
    let multipart = ("Content-Type", "multipart/form-data; boundary=tray");
    let escaped = name.replace('\\', "\\\\");
    let mut all = Vec::new();
    for sent in [name, &escaped] {
        let body = form(&[part("f", Some(sent), b"x")]);
        all.push(head("POST", "/upload", &[JSON, multipart], &body));
        all.push(head("POST", "/uploads/folder/", &[JSON, multipart], &body));
    }
    for folder in ["/uploads/", "/uploads/folder/", "/uploads/link/"] {
        let target: String = format!("{folder}{name}");
        if target.bytes().all(|byte| byte.is_ascii_graphic()) {
            all.push(head("PUT", &target, &[], b"x"));
        }
        let target = format!("{folder}{}", percent_encoding::utf8_percent_encode(name, ALL));
        all.push(head("PUT", &target, &[], b"x"));
    }
    for (key, folder) in
        [("filename", ""), ("relativePath", ""), ("name", ""), ("relativePath", "/uploads/link/")]
    {
        let encode = |text: &str| BASE64_STANDARD.encode(text);
        let mut metadata = format!("{key} {}", encode(name));
        if !folder.is_empty() {
            metadata.extend([",folder ", &encode(folder)]);
        }
        all.push(tus(&metadata));
        // The name is harmless, the folder is not.
        all.push(tus(&format!("filename {},folder {}", encode("up.txt"), encode(name))));
        let below = format!("/uploads/{name}");
        all.push(tus(&format!("filename {},folder {}", encode("up.txt"), encode(&below))));
    }
    all
}

const ALL: &percent_encoding::AsciiSet = percent_encoding::NON_ALPHANUMERIC;

fn tus(metadata: &str) -> Vec<u8> {
    format!(
        "POST /upload/tus HTTP/1.1\r\nHost: t\r\nTus-Resumable: 1.0.0\r\nUpload-Length: 1\r\n\
         Content-Type: application/offset+octet-stream\r\nUpload-Metadata: {metadata}\r\n\
         Content-Length: 1\r\n\r\nx"
    )
    .into_bytes()
}

/// Everything in and beside the root but what is in the upload folder.
fn around(server: &Server) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let mut waiting = vec![server.root.parent().unwrap().to_owned()];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() && entry.path() != uploads(server) {
                waiting.push(entry.path());
            }
            found.insert(entry.path());
        }
    }
    found
}
