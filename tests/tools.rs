//! The tools people have at hand: curl and nc. Ignored where they may be missing; `.ci/run`
//! installs them.

#![allow(clippy::expect_used, clippy::unwrap_used)]

mod support;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use support::{Server, digits, setup};

/// What curl prints when it is given these arguments and a path of the server.
fn curl(server: &Server, arguments: &[&str], path: &str) -> String {
    let output = Command::new("curl")
        .args(["--silent", "--show-error", "--max-time", "20"])
        .args(arguments)
        .arg(format!("http://{}{path}", server.address))
        .output()
        .expect("curl is installed");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

const STATUS: &str = "%{http_code}";

#[test]
#[ignore = "needs curl"]
fn curl_gets_ranges_conditions_and_heads() {
    let server = digits();
    assert_eq!(curl(&server, &["-r", "2-4"], "/a.txt"), "234");
    assert_eq!(curl(&server, &["-r", "0-1,8-9"], "/a.txt").matches("Content-Range").count(), 2);
    let modified = server.root.join("a.txt");
    let newer = ["-z", modified.to_str().unwrap(), "-w", STATUS];
    assert_eq!(curl(&server, &newer, "/a.txt"), "304");
    assert!(curl(&server, &["-I"], "/a.txt").contains("Content-Length: 10\r\n"));
    assert_eq!(curl(&server, &["--http1.0"], "/a.txt"), "0123456789");
    let options = curl(&server, &["-X", "OPTIONS", "-D", "-"], "/a.txt");
    assert!(options.starts_with("HTTP/1.1 204 ") && options.contains("Allow: "), "{options}");
    assert_eq!(curl(&server, &["-d", "x=1", "-o", "/dev/null", "-w", STATUS], "/a.txt"), "405");
}

#[test]
#[ignore = "needs curl"]
fn curl_remembers_entity_tags() {
    let server = digits();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("etag");
    let file = file.to_str().unwrap();
    assert_eq!(curl(&server, &["--etag-save", file], "/a.txt"), "0123456789");
    assert_eq!(curl(&server, &["--etag-compare", file, "-w", STATUS], "/a.txt"), "304");
}

#[test]
#[ignore = "needs curl"]
fn curl_resumes_a_download() {
    let content: Vec<u8> = (0..3_000_000_u32).flat_map(u32::to_le_bytes).collect();
    let server = setup().file("large.bin", &content).start();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("large.bin");
    fs::write(&file, &content[..5_000_001]).unwrap();
    curl(&server, &["-C", "-", "-o", file.to_str().unwrap()], "/large.bin");
    assert!(fs::read(&file).unwrap() == content);
}

#[test]
#[ignore = "needs nc"]
fn a_thousand_requests_piped_through_nc_get_a_thousand_answers() {
    let server = digits();
    let (host, port) = (server.address.ip().to_string(), server.address.port().to_string());
    let mut nc = Command::new("nc")
        .args(["-N", &host, &port])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("nc is installed");
    let requests = "GET /a.txt HTTP/1.1\r\nHost: t\r\n\r\n".repeat(1000);
    nc.stdin.take().unwrap().write_all(requests.as_bytes()).unwrap();
    let output = nc.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.matches("HTTP/1.1 200 OK\r\n").count(), 1000);
    assert_eq!(text.matches("\r\n\r\n0123456789").count(), 1000);
}

#[test]
#[ignore = "needs curl; fetches each file of the sample site through its own links"]
fn the_sample_site_arrives_as_it_is_on_the_disk() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("htdocs");
    let server = setup().flag(root.to_str().unwrap()).start_without_root();
    let mut waiting = vec!["/".to_owned(), "/browse/".to_owned()];
    let mut seen = Vec::new();
    while let Some(path) = waiting.pop() {
        if seen.contains(&path) {
            continue;
        }
        let page = curl(&server, &["-D", "-"], &path);
        assert!(page.starts_with("HTTP/1.1 200 "), "{path}");
        if page.contains("Content-Type: text/html") {
            waiting.extend(links(&path, &page));
        }
        seen.push(path);
    }
    assert!(seen.len() > 30, "{seen:?}");
}

/// The links of a page to places of the same site, as absolute paths.
fn links(base: &str, page: &str) -> Vec<String> {
    let folder = &base[..=base.rfind('/').unwrap()];
    let attributes = page.split(" href=\"").chain(page.split(" src=\"")).skip(1);
    attributes
        .filter_map(|rest| rest.split('"').next())
        .map(|link| link.split(['#', '?']).next().unwrap())
        .filter(|link| !link.is_empty() && !link.contains(':') && !link.starts_with("<!"))
        .filter(|link| !link.contains("..") && !link.contains("no/such"))
        .map(|link| match link.strip_prefix("./") {
            _ if link.starts_with('/') => link.to_owned(),
            Some(rest) => format!("{folder}{rest}"),
            None => format!("{folder}{link}"),
        })
        .collect()
}
