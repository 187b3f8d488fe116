//! One connection: keep-alive, pipelining, bodies nobody reads, time-outs, closing (RFC 9112).

#![allow(clippy::expect_used, clippy::unwrap_used)]

mod support;

use std::time::Duration;

use support::{digits, setup};

const GET: &str = "GET /a.txt HTTP/1.1\r\nHost: t\r\n\r\n";

#[test]
fn a_connection_serves_many_requests() {
    let server = digits();
    let mut client = server.connect();
    for _ in 0..3 {
        client.send(GET);
        let response = client.response();
        assert_eq!((response.status, response.field("connection")), (200, None));
        assert_eq!(response.text(), "0123456789");
    }
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let setup = (0..100).fold(setup(), |setup, n| setup.file(&format!("{n}"), format!("<{n}>")));
    let server = setup.start();
    let mut client = server.connect();
    let requests: Vec<String> =
        (0..1000).map(|n| format!("GET /{} HTTP/1.1\r\nHost: t\r\n\r\n", n % 100)).collect();
    client.send(requests.concat());
    for n in 0..1000 {
        assert_eq!(client.response().text(), format!("<{}>", n % 100));
    }
}

#[test]
fn large_and_small_answers_mix_in_a_pipeline() {
    let large = vec![b'x'; 3_000_000];
    let server = setup().file("large", &large).file("small", "s").start();
    let mut client = server.connect();
    let one = |path| format!("GET {path} HTTP/1.1\r\nHost: t\r\n\r\n");
    client
        .send([one("/small"), one("/large"), one("/none"), one("/small"), one("/large")].concat());
    assert_eq!(client.response().text(), "s");
    assert!(client.response().body == large);
    assert_eq!(client.response().status, 404);
    assert_eq!(client.response().text(), "s");
    assert!(client.response().body == large);
}

#[test]
fn a_request_may_arrive_byte_by_byte() {
    let server = digits();
    let mut client = server.connect();
    for byte in GET.bytes() {
        client.send([byte]);
    }
    assert_eq!(client.response().text(), "0123456789");
}

#[test]
fn connection_close_is_honoured_and_announced() {
    let server = digits();
    let mut client = server.connect();
    client.send("GET /a.txt HTTP/1.1\r\nHost: t\r\nConnection: Close\r\n\r\n");
    assert_eq!(client.response().field("connection"), Some("close"));
    assert_eq!(client.rest(), b"");
}

#[test]
fn http_1_0_closes_unless_asked_to_keep_alive() {
    let server = digits();
    let mut client = server.connect();
    client.send("GET /a.txt HTTP/1.0\r\n\r\n");
    let response = client.response();
    assert_eq!((response.status, response.field("connection")), (200, Some("close")));
    assert_eq!(client.rest(), b"");

    let mut client = server.connect();
    for _ in 0..2 {
        client.send("GET /a.txt HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
        assert_eq!(client.response().field("connection"), Some("keep-alive"));
    }
}

#[test]
fn a_client_that_finished_sending_still_gets_its_answers() {
    let server = digits();
    let mut client = server.connect();
    client.send(GET.repeat(2));
    client.finish();
    assert_eq!(client.response().status, 200);
    assert_eq!(client.response().status, 200);
    assert_eq!(client.rest(), b"");
}

#[test]
fn an_unwanted_body_is_drained_and_the_connection_goes_on() {
    let server = digits();
    let bodies = [
        format!("Content-Length: 1000\r\n\r\n{}", "x".repeat(1000)),
        "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nTrailer: x\r\n\r\n".to_owned(),
        "Content-Length: 0\r\n\r\n".to_owned(),
    ];
    let mut client = server.connect();
    for method in ["POST", "GET"] {
        for body in &bodies {
            client.send(format!("{method} /a.txt HTTP/1.1\r\nHost: t\r\n{body}"));
            let response = client.response();
            assert_eq!(response.status, if method == "GET" { 200 } else { 405 });
            assert_eq!(response.field("connection"), None);
        }
    }
}

#[test]
fn a_body_too_long_to_drain_ends_the_connection_without_a_reset() {
    let server = digits();
    let mut client = server.connect();
    client.send("POST /a.txt HTTP/1.1\r\nHost: t\r\nContent-Length: 100000000\r\n\r\n");
    client.send("x".repeat(50_000));
    let response = client.response();
    assert_eq!((response.status, response.field("connection")), (405, Some("close")));
    assert_eq!(client.rest(), b"");
}

#[test]
fn continue_is_not_sent_for_a_body_nobody_reads() {
    let server = digits();
    let mut client = server.connect();
    let fields = "Host: t\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n";
    client.send(format!("POST /a.txt HTTP/1.1\r\n{fields}"));
    let response = client.response();
    assert_eq!((response.status, response.field("connection")), (405, Some("close")));
    assert_eq!(client.rest(), b"");
}

#[test]
fn another_expectation_fails() {
    let server = digits();
    let answer = server.raw("GET /a.txt HTTP/1.1\r\nHost: t\r\nExpect: the-best\r\n\r\n");
    assert!(answer.starts_with(b"HTTP/1.1 417 "));
}

#[test]
fn requests_before_a_bad_one_are_answered() {
    let server = digits();
    let answer = String::from_utf8(server.raw(format!("{GET}bad\r\n\r\n"))).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("0123456789HTTP/1.1 400 Bad Request\r\n"), "{answer}");
}

#[test]
fn a_bad_chunk_ends_the_connection() {
    let server = digits();
    let answer = server.raw(
        "POST /a.txt HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\
         GET /a.txt HTTP/1.1\r\nHost: t\r\n\r\n",
    );
    let answer = String::from_utf8(answer).unwrap();
    assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{answer}");
}

#[test]
fn every_time_out_ends_the_connection() {
    let server =
        digits_with(&["--header-timeout=0.2", "--keep-alive-timeout=0.2", "--request-timeout=0.2"]);
    // Nothing at all.
    assert_eq!(server.connect().rest(), b"");
    // Half a head.
    let mut client = server.connect();
    client.send("GET /a.txt HT");
    assert_eq!(client.response().status, 408);
    assert_eq!(client.rest(), b"");
    // Idle after a request.
    let mut client = server.connect();
    client.send(GET);
    assert_eq!(client.response().status, 200);
    assert_eq!(client.rest(), b"");
    // Half a body: answered, then nothing more is waited for.
    let mut client = server.connect();
    client.send("POST /a.txt HTTP/1.1\r\nHost: t\r\nContent-Length: 10\r\n\r\nabc");
    assert_eq!(client.response().status, 405);
    assert_eq!(client.rest(), b"");
}

#[test]
fn a_reader_that_stops_reading_is_cut_off() {
    let server = setup()
        .file("large", vec![b'x'; 40_000_000])
        .flag("--request-timeout=0.3")
        .flag("--access-log-format=json")
        .start();
    let mut client = server.connect();
    client.send("GET /large HTTP/1.1\r\nHost: t\r\n\r\n");
    assert_eq!(client.head().status, 200);
    // The log line comes when the server has given up.
    let line = server.line(|line| line.contains("/large"));
    let entry: serde_json::Value = serde_json::from_str(&line).unwrap();
    let sent = entry["bytes_out"].as_u64().unwrap();
    assert!(sent < 40_000_000, "{line}");
    // What was sent is all there is.
    assert!(client.try_take_all() < 40_000_000);
}

#[test]
fn requests_per_connection_can_be_limited() {
    let server = digits_with(&["--keep-alive-requests=2"]);
    let mut client = server.connect();
    client.send(GET.repeat(3));
    assert_eq!(client.response().field("connection"), None);
    assert_eq!(client.response().field("connection"), Some("close"));
    assert_eq!(client.rest(), b"");
}

#[test]
fn a_long_pause_within_the_time_outs_is_fine() {
    let server = digits_with(&["--keep-alive-timeout=30"]);
    let mut client = server.connect();
    client.send(GET);
    client.response();
    assert!(client.is_quiet_for(Duration::from_millis(50)));
    client.send(GET);
    assert_eq!(client.response().status, 200);
}

fn digits_with(flags: &[&str]) -> support::Server {
    let setup = setup().file("a.txt", "0123456789");
    flags.iter().fold(setup, |setup, flag| setup.flag(flag)).start()
}
