//! What the server tells about itself, compared with what was done to it.

#![allow(clippy::expect_used, clippy::unwrap_used)]

mod support;

use std::time::Instant;

use serde_json::Value;
use support::over::Over;
use support::{PATIENCE, Server, Setup, setup};

fn site() -> Setup {
    setup().file("a.txt", "0123456789").file("b/c.txt", "x").flag("--access-log=off")
}

fn status(server: &Server) -> Value {
    let response = server.get("/server-status?format=json", &[]);
    assert_eq!(response.status, 200);
    serde_json::from_slice(&response.body).unwrap()
}

/// The status, as soon as it is as `wanted` says.
fn status_when(server: &Server, wanted: impl Fn(&Value) -> bool) -> Value {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let status = status(server);
        if wanted(&status) {
            return status;
        }
        assert!(Instant::now() < deadline, "{status:#}");
    }
}

#[test]
fn everything_is_counted_exactly_and_the_looking_is_not() {
    let server = site().start();
    for _ in 0..20 {
        assert_eq!(server.get("/a.txt", &[]).status, 200);
    }
    for _ in 0..7 {
        server.get("/none", &[]);
        server.request("HEAD", "/a.txt", &[]);
        server.get("/a.txt", &[("Range", "bytes=0-1")]);
        status(&server);
    }
    server.request("DELETE", "/a.txt", &[]);
    let status = status(&server);
    let requests = &status["requests"];
    assert_eq!(requests["total"], 42);
    assert_eq!(requests["by_status"]["200"], 27);
    assert_eq!(requests["by_status"]["206"], 7);
    assert_eq!(requests["by_status"]["404"], 7);
    assert_eq!(requests["by_status"]["405"], 1);
    assert_eq!(requests["by_method"]["GET"], 34);
    assert_eq!(requests["by_method"]["HEAD"], 7);
    assert_eq!(requests["by_method"]["DELETE"], 1);
    assert_eq!(requests["by_protocol"][server.protocol()], 42);
    assert_eq!(status["connections"]["total"], 42);
    let page = server.get("/none", &[]).body.len() as u64;
    let refusal = server.request("DELETE", "/a.txt", &[]).body.len() as u64;
    let sent = status["traffic"]["sent_content_bytes"].as_u64().unwrap();
    assert_eq!(sent, 200 + 14 + 7 * page + refusal);
    assert_eq!(
        status["cache"]["hits"].as_u64().unwrap() + status["cache"]["misses"].as_u64().unwrap(),
        34
    );
    assert_eq!(status["time_to_first_byte"]["count"], 42);
    assert_eq!(status["monitoring"]["requests"], 7);
    assert_eq!(status["monitoring"]["connections"], 7);

    assert_eq!(server.metric("salver_requests_total"), 44);
    assert_eq!(server.metric("salver_responses_total{code=\"200\"}"), 27);
    let page = server.get("/server-status", &[("Accept", "text/html")]);
    assert!(page.text().contains("44"), "{}", page.text());
}

#[test]
fn it_comes_in_the_form_that_is_asked_for_and_nobody_keeps_it() {
    let server = site().start();
    for (target, accept, media_type) in [
        ("/server-status", "text/html", "text/html; charset=utf-8"),
        ("/server-status", "*/*", "text/html; charset=utf-8"),
        ("/server-status/", "application/json", "application/json"),
        ("/server-status?format=html", "application/json", "text/html; charset=utf-8"),
        ("/server-status?format=json&range=2h", "*/*", "application/json"),
        ("/server-status?auto", "*/*", "text/plain; charset=utf-8"),
        ("/healthz", "*/*", "text/plain; charset=utf-8"),
    ] {
        let response = server.get(target, &[("Accept", accept)]);
        assert_eq!(response.status, 200, "{target}");
        assert_eq!(response.field("content-type"), Some(media_type), "{target}");
        assert_eq!(response.field("cache-control"), Some("no-store"), "{target}");
    }
    let history: Value =
        serde_json::from_slice(&server.get("/server-status?format=json&range=24h", &[]).body)
            .unwrap();
    assert_eq!(history["history"]["step_seconds"], 60);
    assert!(server.get("/server-status?auto", &[]).text().contains("\nTotal Accesses: 0\n"));
    assert_eq!(server.get("/server-status?format=xml", &[]).status, 400);
    assert_eq!(server.get("/server-status?range=1y", &[]).status, 400);
    assert_eq!(server.request("POST", "/server-status", &[]).status, 405);
    assert_eq!(server.request("HEAD", "/metrics", &[]).status, 200);
}

#[test]
fn only_those_who_may_see_it_do() {
    let server = site().flag("--status-allow=192.0.2.0/24").start();
    for target in ["/server-status", "/server-status?events", "/metrics"] {
        let response = server.get(target, &[]);
        assert_eq!(response.status, 403, "{target}");
        assert!(response.text().contains("status_allow"), "{}", response.text());
    }
    assert_eq!(server.get("/healthz", &[]).status, 200);

    let server = site().flag("--enable-cors").start();
    for fields in [
        [("X-Forwarded-For", "203.0.113.9")],
        [("Forwarded", "for=\"[2001:db8::1]\"")],
        [("Origin", "https://elsewhere.example")],
        [("Sec-Fetch-Site", "cross-site")],
    ] {
        assert_eq!(server.get("/server-status", &fields).status, 403, "{fields:?}");
        assert_eq!(server.get("/metrics", &fields).status, 403, "{fields:?}");
    }
    // Those who were turned away are visitors like all others.
    assert_eq!(status(&server)["requests"]["by_status"]["403"], 8);
}

#[test]
fn without_it_there_is_nothing_but_health() {
    let server = site().flag("--enable-server-status=false").start();
    assert_eq!(server.get("/server-status", &[]).status, 404);
    assert_eq!(server.get("/metrics", &[]).status, 404);
    assert_eq!(server.get("/healthz", &[]).text(), "ok\n");
}

#[test]
fn a_server_that_stops_says_so_to_who_asks_for_its_health() {
    let mut server = setup().plain().flag("--access-log=off").start();
    let mut early = server.connect();
    let mut live = server.connect();
    live.send("GET /server-status?events HTTP/1.1\r\nHost: t\r\n\r\n");
    assert_eq!(live.head().status, 200);
    // A request that has begun keeps the server from ending.
    early.send("GET /healthz HTTP/1.1\r\n");
    status_when(&server, |status| status["connections"]["states"]["reading"] == 1);
    server.signal("TERM");
    // The end of the live page is sent with the end of the server's serving.
    assert!(String::from_utf8_lossy(&live.rest()).ends_with("0\r\n\r\n"));
    early.send("Host: t\r\n\r\n");
    let response = early.response();
    assert_eq!((response.status, response.text().as_str()), (503, "draining\n"));
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn requests_are_taken_until_who_sends_them_could_know() {
    let server = setup().plain().flag("--access-log=off").flag("--shutdown-delay=60").start();
    assert_eq!(server.get("/healthz", &[]).status, 200);
    server.signal("TERM");
    server.line(|line| line.contains("stopping in 60 s"));
    assert_eq!(server.get("/healthz", &[]).status, 503);
    let status = status(&server);
    assert_eq!(status["server"]["draining"], true);
    server.signal("TERM");
    server.line(|line| line.contains("ending at once"));
}

#[test]
fn the_terminal_finds_out_that_it_has_to_speak_tls() {
    let server = setup().over(Over::Tls).flag("--access-log=off").start();
    let asked = support::salver()
        .args(["status", "-k", "--json", &server.address.to_string()])
        .output()
        .unwrap();
    assert!(asked.status.success(), "{}", String::from_utf8_lossy(&asked.stderr));
    let status: Value = serde_json::from_slice(&asked.stdout).unwrap();
    assert_eq!(status["monitoring"]["requests"], 0);
    assert_eq!(status["server"]["listeners"][0], format!("https://{}", server.address));
}

#[test]
fn what_clients_get_wrong_does_not_make_the_server_ill() {
    let server = setup().plain().flag("--access-log=off").start();
    for _ in 0..20 {
        server.raw("FOO / HTTP/1.1\r\nHost: t\r\n\r\n");
        server.raw("GET / HTTP/3.7\r\nHost: t\r\n\r\n");
    }
    let seen = status_when(&server, |status| status["recent"]["server_error_ratio_1m"] == 1.0);
    assert_eq!(seen["health"]["state"], "green", "{:#}", seen["health"]);
    assert_eq!(server.get("/healthz", &[]).status, 200);
}

#[test]
fn a_folder_that_is_gone_is_told_of_and_not_made_again() {
    let server = setup()
        .plain()
        .flag("--access-log=off")
        .flag("--enable-file-uploads")
        .file("a.txt", "x")
        .start();
    assert_eq!(server.get("/healthz", &[]).status, 200);
    let away = server.root.with_file_name("away");
    std::fs::rename(&server.root, &away).unwrap();
    let seen = status_when(&server, |status| status["health"]["state"] == "red");
    assert_eq!(seen["health"]["checks"][0]["name"], "document_root");
    assert_eq!(server.get("/healthz", &[]).status, 503);
    server.line(|line| line.contains("document_root: it cannot be read"));
    assert!(!server.root.exists());
    std::fs::rename(&away, &server.root).unwrap();
    status_when(&server, |status| status["health"]["state"] == "green");
}

#[test]
fn a_live_page_gets_an_event_for_every_second() {
    let server = setup().plain().flag("--access-log=off").start();
    let mut client = server.connect();
    client.send("GET /server-status?events&range=2h HTTP/1.1\r\nHost: t\r\n\r\n");
    let head = client.head();
    assert_eq!(head.field("content-type"), Some("text/event-stream"));
    for _ in 0..2 {
        // Each event is a chunk.
        let mut size = Vec::new();
        while !size.ends_with(b"\r\n") {
            size.append(&mut client.take(1));
        }
        let size = std::str::from_utf8(&size).unwrap().trim();
        let event = client.take(usize::from_str_radix(size, 16).unwrap() + 2);
        let event = String::from_utf8(event).unwrap();
        let event = event.strip_suffix("\n\n\r\n").unwrap();
        assert!(event.lines().all(|line| line.starts_with("data: ")), "{event}");
    }
    assert_eq!(status(&server)["monitoring"]["live_pages"], 1);
}

#[test]
fn what_takes_time_is_shown_while_it_lasts() {
    let server = setup()
        .plain()
        .flag("--access-log=off")
        .flag("--enable-file-uploads")
        .file("large.bin", vec![7; 64 << 20])
        .start();
    let mut download = server.connect();
    download.send("GET /large.bin?secret HTTP/1.1\r\nHost: t\r\n\r\n");
    download.head();
    download.take(100_000);
    let mut upload = server.connect();
    upload.send("PUT /uploads/new.txt HTTP/1.1\r\nHost: t\r\nContent-Length: 10\r\n\r\n01234");
    // What was sent is counted a moment after the client may have read it.
    let status = status_when(&server, |status| {
        let flights = status["in_flight"].as_array().unwrap();
        let sent = flights.iter().filter_map(|it| it["sent_bytes"].as_u64()).max();
        flights.len() == 2
            && flights.iter().any(|it| it["received_bytes"] == 5)
            && sent >= Some(100_000)
            && status["traffic"]["sent_content_bytes"].as_u64() >= sent
    });
    let flights = status["in_flight"].as_array().unwrap();
    let (down, up) = (&flights[0], &flights[1]);
    assert_eq!((&down["state"], &down["path"]), (&"sending".into(), &"/large.bin".into()));
    assert_eq!(down["sent_of_bytes"], 64 << 20);
    assert!(down["sent_bytes"].as_u64() >= Some(100_000), "{status:#}");
    assert_eq!((&up["state"], &up["received_of_bytes"]), (&"receiving".into(), &10.into()));
    assert_eq!(status["uploads"]["running"], 1);
    assert_eq!(status["requests"]["in_flight"], 2);
    assert_eq!(status["traffic"]["received_content_bytes"], 5, "what is under way counts");
    // These two, and the one that asks, as soon as those that asked before have ended.
    status_when(&server, |status| {
        let connections = &status["connections"];
        connections["states"]["answering"] == 3 && connections["clients"][0]["open"] == 3
    });

    upload.send("56789");
    assert_eq!(upload.response().status, 201);
    download.take((64 << 20) - 100_000);
    let status = status_when(&server, |status| {
        status["in_flight"].as_array().unwrap().is_empty() && status["uploads"]["stored_files"] == 1
    });
    assert_eq!(status["uploads"]["stored_bytes"], 10);
    assert_eq!(status["traffic"]["received_content_bytes"], 10);
    assert_eq!(status["requests"]["total"], 2);
    let slowest = &status["top"]["slowest"][0];
    assert!(slowest["duration_seconds"].as_f64().unwrap() > 0.0, "{slowest}");
}

#[test]
fn what_went_wrong_is_told_by_its_name() {
    let server = setup()
        .plain()
        .flag("--access-log=off")
        .flag("--header-timeout=0.05")
        .flag("--enable-file-uploads")
        .flag("--max-upload-size=10")
        .start();
    server.raw("GET / HTTP/1.1\nHost: t\r\n\r\n");
    server.raw("GET / HTTP/1.1\r\n\r\n");
    server.raw("GET / HTTP/1.1\r\nHost: ");
    server.raw("PUT /uploads/a HTTP/1.1\r\nHost: t\r\nConnection: close\r\nContent-Length: 11\r\n\r\n01234567890");
    server.get("/none?query", &[]);
    let status = status_when(&server, |status| status["requests"]["total"] == 5);
    let limits = &status["limits"];
    assert_eq!(limits["malformed_requests"]["bare_lf"], 1);
    assert_eq!(limits["malformed_requests"]["host_missing"], 1);
    assert_eq!(limits["timeouts"]["request_head"], 1);
    assert_eq!(limits["content_too_large"], 1);
    assert_eq!(status["uploads"]["refused"]["413"], 1);
    assert_eq!(status["requests"]["by_method"]["unknown"], 3);
    let errors = status["top"]["errors"].as_array().unwrap();
    assert_eq!(errors.len(), 5);
    assert!(errors.iter().any(|error| error["reason"] == "bare_lf"), "{errors:?}");
    let is_told = |error: &Value| error["path"] == "/none" && error["status"] == 404;
    assert!(errors.iter().any(is_told), "{errors:?}");
}

#[test]
fn what_was_asked_for_most_comes_first() {
    let server = site().settled("a.txt").start();
    for _ in 0..5 {
        server.get("/a.txt", &[]);
    }
    server.get("/b/c.txt?x", &[]);
    let status = status(&server);
    let paths = &status["top"]["paths"];
    assert_eq!((&paths[0]["name"], &paths[0]["requests"]), (&"/a.txt".into(), &5.into()));
    assert_eq!((&paths[0]["bytes"], &paths[1]["name"]), (&50.into(), &"/b/c.txt".into()));
    assert_eq!(status["top"]["clients"][0]["requests"], 6);
    let hottest = status_when(&server, |status| status["cache"]["hottest"][0]["hits"] == 4);
    assert_eq!(hottest["cache"]["hottest"][0]["path"], "/a.txt");
}

#[test]
fn whatever_clients_send_there_are_no_more_series() {
    let server = setup().plain().flag("--access-log=off").start();
    let mut client = server.connect();
    let mut series = Vec::new();
    for round in 0..2 {
        for number in round * 1000..(round + 1) * 1000 {
            client.send(format!("GET /{number} HTTP/1.1\r\nHost: h{number}.example\r\n\r\n"));
            assert_eq!(client.response().status, 404);
            if number % 100 == 0 {
                server.raw(format!("M{number} / HTTP/1.1\r\nHost: t\r\n\r\n"));
            }
        }
        let text = server.get("/metrics", &[]).text();
        series.push(text.lines().filter(|line| !line.starts_with('#')).count());
    }
    assert_eq!(series[0], series[1]);
}

#[test]
fn tls_and_its_failures_are_counted() {
    let server = setup().over(Over::Tls).flag("--access-log=off").start();
    server.get("/", &[]);
    support::Client::to(server.address).send("GET / HTTP/1.1\r\n\r\n");
    // The failed one counts as well, as soon as it has ended.
    let status = status_when(&server, |status| {
        status["tls"]["failures"]["not_tls"] == 1 && status["connections"]["total"] == 2
    });
    let tls = &status["tls"];
    assert_eq!(tls["versions"]["TLSv1.3"], tls["handshakes"]);
    assert!(tls["certificates"][0]["days_left"].as_i64().is_some());
    assert_eq!(status["requests"]["encrypted"], 1);
}
