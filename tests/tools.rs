//! The tools people have at hand: curl, nc, `GoAccess`, a reader of Prometheus metrics. Ignored where
//! they may be missing; `.ci/run` installs them.

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
#[ignore = "needs goaccess"]
fn goaccess_takes_every_line_of_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let [log, report, refused] =
        ["access.log", "report.json", "refused"].map(|name| folder.path().join(name));
    let mut server = setup()
        .plain()
        .file("a.txt", "0123456789")
        .flag(&format!("--access-log={}", log.display()))
        .start();
    let endless = format!("/{}", "%22x".repeat(1900));
    let targets = ["/a.txt", "/?q=<b>", "/it's?q=a'b|c", "/-", "/%0d%0aX:1", "/\\x", &endless];
    let agents = ["curl/8", "", "x\" 200 1 \"-", "back\\slash", "\u{e4}\t[x]", &"a".repeat(5000)];
    let mut lines = 0;
    for target in targets {
        for agent in agents {
            server.get(target, &[("User-Agent", agent), ("Referer", agent)]);
            lines += 1;
        }
    }
    for odd in ["GET /\n\n", "FOO / HTTP/1.1\r\nHost: t\r\n\r\n", "\x16\x03\x01\r\n\r\n"] {
        server.raw(odd);
        lines += 1;
    }
    server.signal("TERM");
    server.wait();
    let output = Command::new("goaccess")
        .arg(&log)
        .args(["--log-format=COMBINED", "--no-progress", "--no-global-config", "-o"])
        .arg(&report)
        .arg(format!("--invalid-requests={}", refused.display()))
        .output()
        .expect("goaccess is installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(fs::read_to_string(&refused).unwrap_or_default(), "");
    // The report repeats bytes that requests had, which are not always text.
    let report = String::from_utf8_lossy(&fs::read(&report).unwrap()).into_owned();
    let valid = format!("\"valid_requests\": {lines},");
    assert!(report.contains(&valid), "{valid} in {report:.1000}");
}

#[test]
#[ignore = "needs the Python package prometheus_client"]
fn a_reader_of_prometheus_metrics_takes_them() {
    let server = digits();
    for _ in 0..3 {
        server.get("/a.txt", &[]);
    }
    let script = "
import sys
from prometheus_client.parser import text_string_to_metric_families as parse
families = {family.name: family for family in parse(sys.stdin.read())}
assert all(family.type != 'unknown' for family in families.values()), families
print(int(families['salver_requests'].samples[0].value))";
    // Packages of the system are the system's Python's, which may not be the first one found.
    let has_package = |python: &&&str| {
        let import = ["-c", "import prometheus_client"];
        Command::new(**python).args(import).status().is_ok_and(|status| status.success())
    };
    let python = ["python3", "/usr/bin/python3"].iter().find(has_package);
    let mut python = Command::new(python.expect("a Python with prometheus_client"))
        .args(["-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 is installed");
    python.stdin.take().unwrap().write_all(&server.get("/metrics", &[]).body).unwrap();
    let output = python.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "3\n");
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
