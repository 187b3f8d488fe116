//! `salver healthcheck`: an exit status, and a line only when something is wrong.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use support::over::Over;
use support::{salver, setup};

/// Its exit status, and what it prints.
fn outcome(command: &mut Command) -> (Option<i32>, String) {
    let output = command.output().unwrap();
    assert!(output.stdout.is_empty());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.lines().count() <= 1, "{said}");
    (output.status.code(), said)
}

fn check(arguments: &[&str]) -> (Option<i32>, String) {
    outcome(salver().arg("healthcheck").args(arguments))
}

const WELL: (Option<i32>, String) = (Some(0), String::new());

#[test]
fn a_server_that_serves_is_well() {
    for over in [Over::Plain, Over::Tls] {
        // Also with the status off: this is for everybody.
        let server = setup().over(over).flag("--enable-server-status=false").start();
        let scheme = if over == Over::Plain { "http" } else { "https" };
        // Nobody vouches for the certificate, and it is this machine.
        assert_eq!(check(&[&format!("{scheme}://{}", server.address)]), WELL);
        assert_eq!(check(&[&server.address.to_string()]), WELL);
        assert_eq!(check(&["-k", &format!("{scheme}://{}/healthz", server.address)]), WELL);
    }
}

#[test]
fn it_is_found_by_what_configures_it() {
    for (over, ssl) in [(Over::Plain, "false"), (Over::Tls, "true")] {
        let server = setup().over(over).start();
        let port = server.address.port().to_string();
        let mut by_variables = salver();
        by_variables.arg("healthcheck").env("SALVER_PORT", &port).env("SALVER_HOST", "0.0.0.0");
        assert_eq!(outcome(by_variables.env("SALVER_ENABLE_SSL", ssl)), WELL);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config.json");
        std::fs::write(&file, format!("{{\"port\": {port}, \"enable_ssl\": {ssl}}}")).unwrap();
        assert_eq!(check(&["-c", file.to_str().unwrap()]), WELL);
        assert_eq!(outcome(salver().arg("healthcheck").env("SALVER_CONFIG", &file)), WELL);
    }
    let (code, said) = outcome(salver().arg("healthcheck").env("SALVER_PORT", "many"));
    assert_eq!(code, Some(1));
    assert!(said.contains("environment SALVER_PORT"), "{said}");
}

#[test]
fn a_configuration_that_never_comes_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("config.json");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let (sender, ended) = mpsc::channel();
    thread::spawn(move || sender.send(check(&["-c", pipe.to_str().unwrap()])));
    let (code, said) = ended.recv_timeout(Duration::from_mins(1)).expect("it gives up");
    assert_eq!(code, Some(1));
    assert!(said.contains("cannot be read within 5s"), "{said}");
}

#[test]
fn one_that_is_about_to_stop_is_not() {
    let server = setup().plain().flag("--shutdown-delay=60").start();
    let url = format!("http://{}", server.address);
    assert_eq!(check(&[&url]), WELL);
    server.signal("TERM");
    server.line(|line| line.contains("SIGTERM: stopping in"));
    let (code, said) = check(&[&url]);
    assert_eq!(code, Some(1));
    let expected = format!("salver: {url}/healthz: 503 Service Unavailable: draining\n");
    assert_eq!(said, expected);
}

#[test]
fn what_is_not_there_or_something_else_is_not_well() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (code, said) = check(&[&format!("http://{gone}")]);
    assert_eq!(code, Some(1));
    assert!(said.contains("nothing listens there"), "{said}");
    // Whatever it answers, it is not by itself an instruction to a terminal.
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap();
    let answering = thread::spawn(move || {
        let (mut stream, _): (TcpStream, _) = other.accept().unwrap();
        let _ = stream.read(&mut [0; 4096]).unwrap();
        let answer = "HTTP/1.1 500 No\r\nContent-Length: 8\r\nConnection: close\r\n\r\n\x1b[2Jlost";
        stream.write_all(answer.as_bytes()).unwrap();
    });
    let (code, said) = check(&[&address.to_string()]);
    assert_eq!(code, Some(1));
    assert!(said.ends_with("500 Internal Server Error: [2Jlost\n"), "{said}");
    answering.join().unwrap();
    assert_eq!(salver().args(["healthcheck", "a", "b"]).output().unwrap().status.code(), Some(2));
}
