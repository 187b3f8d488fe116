//! The command line: what is printed, and how it ends.

#![allow(clippy::expect_used, clippy::unwrap_used)]

mod support;

use std::fs;
use std::net::TcpListener;
use std::process::Output;

use support::{salver, setup};

fn run(arguments: &[&str]) -> Output {
    salver().args(arguments).output().expect("the binary runs")
}

fn one_line(output: &Output) -> String {
    let text = String::from_utf8(output.stderr.clone()).expect("text");
    assert_eq!(text.trim_end().lines().count(), 1, "{text}");
    text
}

#[test]
fn a_wrong_configuration_is_one_line_and_status_2() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.json");
    fs::write(&file, "{\n  // a comment\n  \"prot\": 80,\n}").unwrap();
    let output = run(&["--config", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
    let line = one_line(&output);
    assert!(line.contains("config.json:3:3") && line.contains("port"), "{line}");
}

#[test]
fn a_missing_root_is_one_line_and_status_1() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("nothing");
    let output = run(&["--port=0", missing.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(one_line(&output).contains("nothing"));
    fs::write(&missing, "a file").unwrap();
    let output = run(&["--port=0", missing.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(one_line(&output).contains("not a folder"));
}

#[test]
fn a_taken_port_is_one_line_and_status_1() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let output = run(&["--host=127.0.0.1", "--port", &port, "."]);
    assert_eq!(output.status.code(), Some(1));
    let line = one_line(&output);
    assert!(line.contains(&port) && line.contains("--port"), "{line}");
}

#[test]
fn a_port_taken_by_another_salver_is_an_error_too() {
    let server = setup().start();
    let port = server.address.port().to_string();
    let output = run(&["--host=127.0.0.1", "--port", &port, "--max-threads=2", "."]);
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn help_and_version_go_to_standard_output() {
    for flag in ["--help", "-h", "--version", "-V"] {
        let output = run(&[flag]);
        assert_eq!(output.status.code(), Some(0), "{flag}");
        assert!(!output.stdout.is_empty() && output.stderr.is_empty(), "{flag}");
    }
    let version = String::from_utf8(run(&["-V"]).stdout).unwrap();
    assert!(version.contains(env!("CARGO_PKG_VERSION")));
}

#[test]
fn check_prints_the_effective_configuration_and_where_it_came_from() {
    let output = salver().args(["check", "--port=81"]).env("SALVER_HOST", "::1").output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["port"]["value"], 81);
    assert_eq!(json["port"]["from"], "flag --port");
    assert_eq!(json["host"]["from"], "environment SALVER_HOST");
    assert_eq!(json["keep_alive_timeout"]["from"], "default");
    let output = run(&["check", "--port=lots"]);
    assert_eq!(output.status.code(), Some(2));
}

#[cfg(target_os = "linux")]
#[test]
fn check_says_that_it_may_take_more_memory_than_there_is() {
    let said = |flags: &[&str]| {
        let output = salver().arg("check").args(flags).output().unwrap();
        String::from_utf8(output.stderr).unwrap()
    };
    let small = [
        "--max-connections=1",
        "--max-listing-entries=1",
        "--enable-compression=false",
        "--cache-max-file-size=1",
    ];
    assert!(!said(&[&small[..], &["--cache-max-size=1"]].concat()).contains("this machine"));
    // A TiB, which few machines have.
    let large = said(&[&small[..], &["--cache-max-size=1048576"]].concat());
    let last = large.lines().last().unwrap();
    assert!(
        last.contains("of this machine: limit the largest share with cache_max_size"),
        "{large}"
    );
}

#[test]
fn the_repositorys_configuration_serves_the_sample_site() {
    let repository = env!("CARGO_MANIFEST_DIR");
    let config = format!("{repository}/config.json");
    let server = setup().flag("--config").flag(&config).start_without_root();
    let page = server.get("/", &[]);
    assert_eq!(page.status, 200);
    assert_eq!(page.body, fs::read(format!("{repository}/htdocs/index.html")).unwrap());
    assert_eq!(server.get("/browse/", &[]).status, 200);
    assert_eq!(
        server.get("/nowhere", &[("Accept", "text/html")]).body,
        fs::read(format!("{repository}/htdocs/404.html")).unwrap()
    );
}
