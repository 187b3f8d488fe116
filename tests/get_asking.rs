//! `salver get`: who is believed, which HTTP is spoken, what is sent, and what is said when that
//! cannot be.

#![allow(clippy::expect_used, clippy::unwrap_used)]

mod support;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Output, Stdio};
use std::thread;

use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
use support::over::Over;
use support::setup;
use support::stand_in::{
    answer, get, get_command, get_on_terminal, secure_stand_in, secure_stand_in_with, stalling,
    stand_in,
};
use tempfile::tempdir;

const TEXT: [(&str, &str); 1] = [("Content-Type", "text/plain")];

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

/// One line on standard error, and that exit status.
fn complaint(output: &Output, code: i32) -> String {
    let text = String::from_utf8(output.stderr.clone()).expect("text");
    assert_eq!(output.status.code(), Some(code), "{text}");
    assert!(text.starts_with("salver: ") && text.trim_end().lines().count() == 1, "{text}");
    text
}

#[test]
fn a_self_signed_certificate_as_openssl_makes_it_is_believed() {
    let folder = tempdir().unwrap();
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let own = params.self_signed(&key).unwrap();
    fs::write(folder.path().join("own.pem"), own.pem()).unwrap();
    let port = secure_stand_in_with(&own, &key, vec![answer("200 OK", &TEXT, "text")]).port();
    let named = format!("https://localhost:{port}/a.txt");
    let output = get(folder.path(), &["--cacert", "own.pem", &named]);
    assert_eq!(out(&output), "text", "{}", String::from_utf8_lossy(&output.stderr));

    let by_number = format!("https://127.0.0.1:{port}/a.txt");
    let line = complaint(&get(folder.path(), &["--cacert", "own.pem", &by_number]), 1);
    assert!(line.contains("it is for localhost, not for 127.0.0.1"), "{line}");
    let other = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
    fs::write(folder.path().join("other.pem"), other.pem()).unwrap();
    for flags in [&["--cacert", "other.pem"][..], &[]] {
        let line = complaint(&get(folder.path(), &[flags, &[&named]].concat()), 1);
        assert!(line.contains("is not trusted: it is"), "{line}");
    }
}

#[test]
fn who_does_not_speak_http2_is_told_from_who_does() {
    let folder = tempdir().unwrap();
    let (plain, _heads) = stand_in(vec![answer("400 Bad Request", &TEXT, "what?")]);
    // Waits for a request in HTTP/1.1, which never comes.
    let secure = secure_stand_in(vec![answer("200 OK", &TEXT, "text")]);
    for url in [format!("http://{plain}/"), format!("https://{secure}/"), plain.to_string()] {
        let line = complaint(&get(folder.path(), &["-k", "--http2", &url]), 1);
        assert!(line.contains("does not speak HTTP/2; leave --http2 out"), "{line}");
    }
}

#[test]
fn https_is_found_out_with_http2_too() {
    let server = setup().over(Over::Tls).file("a.txt", "text").start();
    let address = format!("localhost:{}/a.txt", server.address.port());
    let folder = tempdir().unwrap();
    let output = get(folder.path(), &["-kI", "--http2", &address]);
    assert!(out(&output).starts_with("HTTP/2 200 OK\n"), "{output:?}");
    // And where the port says nothing that is HTTP.
    let secure = secure_stand_in(vec![answer("200 OK", &TEXT, "text")]);
    assert_eq!(out(&get(folder.path(), &["-k", "--http1.1", &secure.to_string()])), "text");
}

#[test]
fn a_password_is_sent_to_whom_it_is_for_and_shown_to_nobody() {
    let folder = tempdir().unwrap();
    let (other, other_heads) = stand_in(vec![answer("200 OK", &TEXT, "there")]);
    let away = format!("http://{other}/");
    let (server, heads) = stand_in(vec![answer("302 Found", &[("Location", &away)], "")]);
    let output = get(folder.path(), &["-u", "Aladdin:open sesame", &server.to_string()]);
    assert_eq!(out(&output), "there");
    // The example of RFC 7617.
    let head = heads.recv().unwrap();
    assert!(head.contains("authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n"), "{head}");
    assert!(!other_heads.recv().unwrap().contains("authorization"));

    for arguments in [
        &["-u", "sesame", "h"][..],
        &["-u", "a:sesame\n", "h"],
        &["http://a:sesame@h/"],
        &["a:sesame@h"],
    ] {
        let line = complaint(&get(folder.path(), arguments), 2);
        assert!(line.contains("-u ") && !line.contains("sesame"), "{line}");
    }
}

#[test]
fn a_form_takes_a_file_from_standard_input() {
    let folder = tempdir().unwrap();
    let server = setup().flag("--enable-file-uploads");
    let uploads = server.root().join("uploads");
    let uploads_flag = format!("--upload-dir={}", uploads.display());
    let server = server.plain().flag(&uploads_flag).start();
    let to = format!("http://{}/upload", server.address);
    let mut command = get_command(folder.path(), &["-F", "f=@-;filename=a.bin", &to]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"from a pipe").unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(fs::read(uploads.join("a.bin")).unwrap(), b"from a pipe");
}

#[test]
fn standard_input_is_sent_once() {
    let folder = tempdir().unwrap();
    for arguments in [["-F", "a=@-;filename=a", "-F", "b=@-;filename=b"], ["-d", "@-", "-d", "@-"]]
    {
        let line = complaint(&get(folder.path(), &[&arguments[..], &["h"]].concat()), 2);
        assert!(line.contains("@- can be there once"), "{line}");
    }
}

#[test]
fn there_is_no_connection_before_tls_is_agreed_on() {
    let folder = tempdir().unwrap();
    // The system takes connections; nobody says anything on them.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/", silent.local_addr().unwrap());
    for protocol in ["--http1.1", "--http2"] {
        let asked = get(folder.path(), &["--connect-timeout=0.2", protocol, &url]);
        let line = complaint(&asked, 1);
        assert!(line.contains(&url) && line.contains("no connection within 0.2 s"), "{line}");
    }
}

#[test]
fn a_server_that_ends_connections_is_not_taken_for_the_network() {
    let folder = tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            // What is unread would make the end a reset.
            let _ = stream.read(&mut [0; 16 << 10]);
        }
    });
    let line = complaint(&get(folder.path(), &[&url]), 1);
    assert!(line.contains("ended the connection before TLS") && line.contains("http://"), "{line}");
}

#[test]
fn times_are_said_as_they_were_given() {
    let folder = tempdir().unwrap();
    let silent = stalling(Vec::new());
    for (given, said) in [("200ms", "no answer within 0.2 s"), ("0.3", "no answer within 0.3 s")] {
        let line = complaint(&get(folder.path(), &["--timeout", given, &silent.to_string()]), 1);
        assert!(line.contains(said), "{line}");
    }
    assert_eq!(get(folder.path(), &["--timeout=0s", "h"]).status.code(), Some(2));
}

#[test]
fn of_several_each_head_says_whose_it_is() {
    let folder = tempdir().unwrap();
    let (server, _heads) = stand_in(vec![answer("200 OK", &TEXT, "text")]);
    let (a, b) = (format!("http://{server}/a"), format!("http://{server}/b?c"));
    for flag in ["-I", "-i"] {
        let printed = out(&get(folder.path(), &[flag, &a, &b]));
        assert!(printed.starts_with(&format!("{a}\nHTTP/1.1 200 OK\n")), "{printed}");
        assert!(printed.contains(&format!("\n{b}\nHTTP/1.1 200 OK\n")), "{printed}");
        // One alone needs no name.
        let printed = out(&get(folder.path(), &[flag, &a]));
        assert!(printed.starts_with("HTTP/1.1 200 OK\n"), "{printed}");
    }
    assert_eq!(out(&get(folder.path(), &[&a, &b])), "texttext");
    let (printed, _) = get_on_terminal(folder.path(), &["--no-color", &a, &b]);
    assert!(printed.contains(&format!("text\n\n{b}\nHTTP/1.1 200 OK\n")), "{printed}");
}

#[test]
fn drawings_in_text_are_text_unless_offered() {
    let folder = tempdir().unwrap();
    let drawing = "<svg xmlns='http://www.w3.org/2000/svg'/>\n";
    let fields = [("Content-Type", "image/svg+xml")];
    let (server, _heads) = stand_in(vec![answer("200 OK", &fields, drawing)]);
    assert_eq!(out(&get(folder.path(), &[&format!("{server}/a.svg")])), drawing);
    let fields = [fields[0], ("Content-Disposition", "attachment")];
    let (server, _heads) = stand_in(vec![answer("200 OK", &fields, drawing)]);
    assert_eq!(out(&get(folder.path(), &[&format!("{server}/a.svg")])), "");
    assert_eq!(fs::read_to_string(folder.path().join("a.svg")).unwrap(), drawing);
}

#[test]
fn several_parts_are_not_taken_for_the_file() {
    let folder = tempdir().unwrap();
    let server = setup().plain().file("a.bin", "0123456789").start();
    let url = format!("http://{}/a.bin", server.address);
    for flags in [&[][..], &["-O"], &["-o", "./"]] {
        let line = complaint(&get(folder.path(), &[&["-r0-1,6-7", &url], flags].concat()), 1);
        assert!(line.contains("several parts") && line.contains("-o FILE"), "{line}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    assert!(out(&get(folder.path(), &["-r0-1,6-7", "-o-", &url])).contains("\r\n\r\n67\r\n"));
    assert!(get(folder.path(), &["-r0-1,6-7", "-oparts", &url]).status.success());
    assert!(fs::read_to_string(folder.path().join("parts")).unwrap().contains("\r\n\r\n67\r\n"));
    assert!(get(folder.path(), &["-Or0-1", &url]).status.success());
    assert_eq!(fs::read(folder.path().join("a.bin")).unwrap(), b"01");
}

#[test]
fn options_of_curl_are_explained() {
    let folder = tempdir().unwrap();
    for (arguments, advice) in [
        (&["-sO", "h"][..], "on a terminal only"),
        (&["-L", "h"], "redirects are followed anyway"),
        (&["--location", "h"], "redirects are followed anyway"),
        (&["-T", "a", "h"], "-X PUT -d @FILE"),
        (&["h", "-f"], "exit status"),
        (&["-v", "h"], "'-i'"),
    ] {
        let output = get(folder.path(), arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(advice) && !said.contains("as a value"), "{said}");
    }
}
