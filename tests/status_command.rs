//! `salver status`: what it prints and how it ends, whatever answers.

#![allow(clippy::expect_used, clippy::unwrap_used)]

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::thread;

use support::{salver, setup};
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::{ServerConfig, ServerConnection, StreamOwned};

const STATUS: &str = include_str!("status.json");

/// A server that says this to whoever asks, and closes. The heads of requests come out of it.
fn stand_in(answer: &str) -> (SocketAddr, std::sync::mpsc::Receiver<String>) {
    serve(answer, |stream| stream)
}

fn serve<S: Read + Write>(
    answer: &str,
    wrap: impl Fn(std::net::TcpStream) -> S + Send + 'static,
) -> (SocketAddr, std::sync::mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, heads) = std::sync::mpsc::channel();
    let answer = answer.to_owned();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut stream = wrap(stream);
            let mut head = String::new();
            {
                let mut lines = BufReader::new(&mut stream);
                while !head.ends_with("\r\n\r\n") {
                    if lines.read_line(&mut head).unwrap_or(0) == 0 {
                        break;
                    }
                }
            }
            let _ = stream.write_all(answer.as_bytes()).and_then(|()| stream.flush());
            let _ = sender.send(head);
        }
    });
    (address, heads)
}

fn answer(status: &str, content: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{content}",
        content.len()
    )
}

fn status(arguments: &[&str]) -> Output {
    // Where nothing vouches for anybody, whatever this machine believes.
    let mut command = salver();
    command
        .arg("status")
        .args(arguments)
        .env("SSL_CERT_FILE", "/dev/null")
        .env_remove("NO_COLOR")
        .env_remove("TERM");
    command.stdin(Stdio::null()).output().expect("the binary runs")
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

/// One line on standard error, nothing on standard output, and that exit status.
fn complaint(output: &Output, code: i32) -> String {
    let text = String::from_utf8(output.stderr.clone()).expect("text");
    assert_eq!(output.status.code(), Some(code), "{text}");
    assert!(text.starts_with("salver: ") && text.trim_end().lines().count() == 1, "{text}");
    assert!(output.stdout.is_empty());
    text
}

#[test]
fn a_status_is_printed_plainly_and_the_exit_status_is_its_colour() {
    let (server, heads) = stand_in(&answer("200 OK", STATUS));
    let output = status(&[&server.to_string()]);
    let text = out(&output);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    assert!(text.starts_with("salver 0.1.0 on web1  AMBER  up 1 d 2 h"), "{text}");
    assert!(text.contains("\nrequests ") && text.contains("/in/back␛[2Jup.tar"), "{text}");
    assert!(!text.contains('\x1b') && output.stderr.is_empty());
    let head = heads.recv().unwrap();
    assert!(head.starts_with("GET /server-status?format=json&range=10m HTTP/1.1\r\n"), "{head}");
    assert!(head.to_lowercase().contains("accept: application/json\r\n"), "{head}");

    for (state, code) in [("green", 0), ("red", 4)] {
        let json = STATUS.replacen("\"amber\"", &format!("\"{state}\""), 1);
        let (server, _heads) = stand_in(&answer("200 OK", &json));
        assert_eq!(status(&[&format!("http://{server}/elsewhere")]).status.code(), Some(code));
    }
}

#[test]
fn json_is_printed_as_it_came() {
    let (server, _heads) = stand_in(&answer("200 OK", STATUS));
    let output = status(&["--json", &server.to_string()]);
    assert_eq!((out(&output).as_str(), output.status.code()), (STATUS, Some(3)));
    let (server, _heads) = stand_in(&answer("200 OK", STATUS.trim_end()));
    assert_eq!(out(&status(&["--json", &server.to_string()])), STATUS);
}

#[test]
fn what_is_no_status_is_one_line_and_status_1() {
    let short = answer("200 OK", STATUS).replacen(" OK", " OK\r\nX: y", 1);
    for (answer, expected) in [
        (answer("403 Forbidden", "no"), "status_allow"),
        (answer("404 Not Found", "no"), "enable_server_status"),
        (answer("503 Service Unavailable", ""), "503"),
        (answer("200 OK", "<html>"), "is this a salver?"),
        (answer("200 OK", "{\"format\": 1}"), "is this a salver?"),
        (answer("200 OK", &STATUS.replacen('1', "77", 1)), "format 77"),
        ("220 ftp.example.org\r\n".to_owned(), "no HTTP"),
        (String::new(), "not complete"),
        (short[..short.len() / 2].to_owned(), "not complete"),
        ("HTTP/1.1 301 Away\r\nConnection: close\r\nLocation: ?\r\nContent-Length: 0\r\n\r\n".to_owned(), "on and on"),
        (
            "HTTP/1.1 302 Away\r\nConnection: close\r\nLocation: ftp://a\r\nContent-Length: 0\r\n\r\n".to_owned(),
            "no address",
        ),
    ] {
        let (server, _heads) = stand_in(&answer);
        let line = complaint(&status(&[&server.to_string()]), 1);
        assert!(line.contains(&server.to_string()) && line.contains(expected), "{line}");
    }
}

#[test]
fn a_server_that_is_not_there_is_one_line_and_status_1() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let line = complaint(&status(&[&gone.to_string()]), 1);
    assert!(line.contains(&gone.to_string()) && line.contains("nothing listens there"), "{line}");
    let line = complaint(&status(&["http://no-such-host.invalid"]), 1);
    assert!(line.contains("no-such-host.invalid") && line.contains("cannot be reached"), "{line}");
}

#[test]
fn wrong_usage_is_status_2() {
    assert!(complaint(&status(&["ftp://h"]), 2).contains("only http and https"));
    assert!(complaint(&status(&["--watch", "h:1"]), 2).contains("--json"));
    let help = status(&["--help"]);
    assert_eq!(help.status.code(), Some(0));
    assert!(out(&help).contains("--insecure") && !out(&help).contains("--port"));
}

#[test]
fn a_redirect_is_followed() {
    let (server, _heads) = stand_in(&answer("200 OK", STATUS));
    let away = format!(
        "HTTP/1.1 308 Away\r\nConnection: close\r\nLocation: http://{server}/s\r\nContent-Length: 0\r\n\r\n"
    );
    let (first, _first_heads) = stand_in(&away);
    assert_eq!(status(&[&first.to_string()]).status.code(), Some(3));
}

/// A server with a certificate that nobody vouches for.
fn encrypted(answer: &str) -> SocketAddr {
    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(own.signing_key.serialize_der().into());
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], key)
        .unwrap();
    let config = Arc::new(config);
    let wrap =
        move |stream| StreamOwned::new(ServerConnection::new(Arc::clone(&config)).unwrap(), stream);
    serve(answer, wrap).0
}

#[test]
fn a_self_signed_certificate_takes_insecure() {
    let server = encrypted(&answer("200 OK", STATUS));
    let url = format!("https://localhost:{}", server.port());
    let line = complaint(&status(&[&url]), 1);
    assert!(line.contains("not trusted") && line.contains("--insecure"), "{line}");
    let output = status(&["-k", &url]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let by_address = format!("https://{server}");
    assert_eq!(status(&["--insecure", &by_address]).status.code(), Some(3));
}

#[test]
fn tls_and_plain_text_are_told_apart() {
    let (plain, _heads) = stand_in("HTTP/1.1 400 Bad Request\r\n\r\n");
    let line = complaint(&status(&["-k", &format!("https://{plain}")]), 1);
    assert!(line.contains("http:// rather than https"), "{line}");
}

#[test]
fn both_protocols_are_spoken_with_a_real_server() {
    // It has no status page at that address; what matters is who says so.
    for flags in [&["--ssl"][..], &["--ssl", "--enable-http2=false"], &[]] {
        let mut server = setup().plain();
        for flag in flags {
            server = server.flag(flag);
        }
        let server = server.start();
        let scheme = if flags.is_empty() { "http" } else { "https" };
        let url = format!("{scheme}://{}/nowhere", server.address);
        let line = complaint(&status(&["-k", &url]), 1);
        assert!(line.contains("there is no status"), "{line}");
        let expected = if flags.len() == 1 { "HTTP/2.0\" 404" } else { "HTTP/1.1\" 404" };
        server.line(|line| line.contains("/nowhere") && line.contains(expected));
    }
}

#[test]
fn json_comes_again_and_again_until_a_signal() {
    let compact = serde_json::from_str::<serde_json::Value>(STATUS).unwrap().to_string();
    let (server, heads) = stand_in(&answer("200 OK", &compact));
    let mut child = salver()
        .args(["status", "--watch=0.1", "--json", &server.to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    for _ in 0..3 {
        assert_eq!(lines.next().unwrap().unwrap(), compact);
    }
    // The server tells of a request when it has answered it.
    assert_eq!(heads.iter().take(3).count(), 3);
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-s", "INT", &id]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
