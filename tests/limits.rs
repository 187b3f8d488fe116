//! Who may connect and how much; stopping.

#![allow(clippy::expect_used, clippy::unwrap_used)]

mod support;

use std::fs;
use std::io::Read;
use std::net::TcpStream;
use std::os::unix::process::ExitStatusExt;
use std::time::{Duration, Instant};

use support::{Client, Setup, digits, eventually, setup};

const GET: &str = "GET /a.txt HTTP/1.1\r\nHost: t\r\n\r\n";

#[test]
fn heads_targets_and_field_counts_are_bounded() {
    let server = setup().file("a.txt", "a").flag("--max-header-size=2000").start();
    let status = |bytes: String| {
        let answer = server.raw(bytes);
        String::from_utf8_lossy(&answer[9..12]).into_owned()
    };
    let long = "x".repeat(3000);
    assert_eq!(status(format!("GET /{long} HTTP/1.1\r\nHost: t\r\n\r\n")), "414");
    assert_eq!(status(format!("GET / HTTP/1.1\r\nHost: t\r\nX: {long}\r\n\r\n")), "431");
    let many = "X: y\r\n".repeat(101);
    assert_eq!(status(format!("GET / HTTP/1.1\r\nHost: t\r\n{many}\r\n")), "431");
    assert_eq!(status(GET.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n")), "200");
}

#[test]
fn one_connection_too_many_gets_a_503_and_a_freed_place_is_used() {
    for flag in ["--max-connections=2", "--max-connections-per-ip=2"] {
        // Encrypted ones are closed: a handshake costs more than there is.
        let server = setup().file("a.txt", "a").flag(flag).plain().start();
        let (mut one, mut two) = (server.connect(), server.connect());
        for client in [&mut one, &mut two] {
            client.send(GET);
            assert_eq!(client.response().status, 200);
        }
        let mut three = server.connect();
        let _ = three.try_send(GET);
        let refused = three.response();
        assert_eq!((refused.status, refused.field("connection")), (503, Some("close")), "{flag}");
        assert!(refused.field("retry-after").is_some() && refused.field("date").is_some());
        let is_own = flag.contains("per-ip");
        assert_eq!(refused.text().starts_with("Too many connections from your address"), is_own);
        let limit = if is_own { "(max_connections_per_ip)" } else { "(max_connections)" };
        let told = server.line(|line| line.contains("refused with 503"));
        assert!(told.contains(limit), "{told}");
        assert_eq!(told.contains("client=127.0.0.1"), is_own, "{told}");
        assert_eq!(three.rest(), b"");
        one.send(GET.replace("Host", "Connection: close\r\nHost"));
        one.response();
        one.rest();
        drop(one);
        eventually(|| (server.get("/a.txt", &[]).status == 200).then_some(()));
    }
}

#[test]
fn there_are_no_more_connections_than_descriptors_and_it_is_told_of() {
    let server =
        setup().file("a.txt", "a").descriptors(64).flag("--max-connections=1000").plain().start();
    let status = server.get("/server-status?format=json", &[]);
    let status: serde_json::Value = serde_json::from_slice(&status.body).unwrap();
    let limit = status["connections"]["limit"].as_u64().unwrap();
    assert!((1..64).contains(&limit), "{limit}");
    // They can be had, all of them, and the next one is told so.
    let mut held: Vec<_> = (0..limit)
        .map(|_| {
            // The one that asked for the status may not have gone yet.
            eventually(|| {
                let mut client = server.connect();
                client.try_send(GET).ok()?;
                (client.response().status == 200).then_some(client)
            })
        })
        .collect();
    let mut next = server.connect();
    let _ = next.try_send(GET);
    assert_eq!(next.response().status, 503);
    held.clear();
    // A new configuration is no different.
    server.signal("HUP");
    let expected = format!("for 1000 connections, so that there are {limit} at most");
    server.line(|line| line.contains(&expected));
}

#[test]
fn filtered_addresses_are_closed_without_an_answer() {
    let server = setup().file("a.txt", "a").flag("--address-filter=10.0.0.0/8,192.0.2.7").start();
    let mut stream = TcpStream::connect(server.address).unwrap();
    let mut all = Vec::new();
    let _ = stream.read_to_end(&mut all);
    assert_eq!(all, b"");
    let server = setup().file("a.txt", "a").flag("--address-filter=127.0.0.0/8").start();
    assert_eq!(server.get("/a.txt", &[]).status, 200);
}

#[test]
fn the_server_stops_after_the_accept_limit() {
    let mut server = setup().file("a.txt", "a").flag("--accept-limit=2").start();
    let mut first = server.connect();
    first.send(GET);
    assert_eq!(first.response().status, 200);
    assert_eq!(server.get("/a.txt", &[]).status, 200);
    assert_eq!(first.rest(), b"");
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn a_signal_finishes_what_is_in_flight_and_refuses_the_new() {
    let large = vec![b'x'; 30_000_000];
    let mut server = setup().file("large", &large).file("a.txt", "a").start();
    let mut idle = server.connect();
    idle.send(GET);
    idle.response();
    let mut busy = server.connect();
    busy.send("GET /large HTTP/1.1\r\nHost: t\r\n\r\n");
    assert_eq!(busy.head().status, 200);
    server.signal("TERM");
    // The idle connection is closed: the server is draining now.
    assert_eq!(idle.rest(), b"");
    // Each worker closes its own socket.
    eventually(|| TcpStream::connect(server.address).err());
    assert!(busy.take(large.len()) == large);
    assert_eq!(busy.rest(), b"");
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn draining_ends_after_its_time() {
    let mut server =
        setup().file("large", vec![b'x'; 60_000_000]).flag("--shutdown-timeout=0.2").start();
    let mut stuck = server.connect();
    stuck.send("GET /large HTTP/1.1\r\nHost: t\r\n\r\n");
    stuck.head();
    server.signal("INT");
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn a_second_signal_ends_at_once() {
    let mut server =
        setup().file("large", vec![b'x'; 60_000_000]).flag("--shutdown-timeout=3600").start();
    let mut idle = server.connect();
    idle.send("GET /none HTTP/1.1\r\nHost: t\r\n\r\n");
    idle.response();
    let mut stuck = server.connect();
    stuck.send("GET /large HTTP/1.1\r\nHost: t\r\n\r\n");
    stuck.head();
    server.signal("TERM");
    idle.rest();
    server.signal("TERM");
    let status = server.wait();
    assert_eq!((status.code(), status.signal()), (Some(1), None));
}

#[test]
fn running_out_of_descriptors_is_survived() {
    let server = digits();
    let limit = std::process::Command::new("prlimit")
        .args(["--pid", &server.id().to_string(), "--nofile=40:40"])
        .status();
    let Ok(true) = limit.map(|status| status.success()) else {
        return;
    };
    let mut held = Vec::new();
    for _ in 0..100 {
        held.push(TcpStream::connect(server.address).unwrap());
    }
    drop(held);
    assert_eq!(server.get("/a.txt", &[]).status, 200);
}

/// Sends `piece` again and again, a moment apart, until the server has something to say.
fn trickle(client: &mut Client, piece: &[u8]) {
    while client.is_quiet_for(Duration::from_millis(40)) {
        if client.try_send(piece).is_err() {
            return;
        }
    }
}

const UPLOAD: &str = "PUT /uploads/a HTTP/1.1\r\nHost: t\r\nContent-Length: 2000000\r\n\r\n";

#[test]
fn content_that_trickles_is_given_up_and_so_is_that_of_a_long_day() {
    let site = |flag: &str| {
        setup().plain().flag("--enable-file-uploads").flag("--request-timeout=0.5").flag(flag)
    };
    // 40 bytes in 40 milliseconds, and often enough; or as much as one likes, but not for ever.
    for flag in ["--min-rate=100000", "--upload-timeout=0.7"] {
        let server = site(flag).start();
        let mut client = server.connect();
        client.send(UPLOAD);
        trickle(&mut client, &[b'x'; 40]);
        let response = client.response();
        assert_eq!(response.status, 408, "{flag}");
        let is_of_all = flag.contains("upload-timeout");
        let says = String::from_utf8_lossy(&response.body).into_owned();
        let told = if is_of_all { "longer than the server allows" } else { "stopped arriving" };
        assert!(says.contains(told), "{says}");
        if is_of_all {
            server.line(|line| line.contains("not whole within upload_timeout"));
        }
        assert_eq!(fs::read_dir(server.root.join("uploads")).unwrap().count(), 0, "{flag}");
    }
    let server = site("--min-rate=100").start();
    let mut client = server.connect();
    client.send(UPLOAD);
    for _ in 0..50 {
        assert!(client.is_quiet_for(Duration::from_millis(40)));
        client.send(vec![b'x'; 40_000]);
    }
    assert_eq!(client.response().status, 201);
}

#[test]
fn who_takes_an_answer_too_slowly_is_given_up() {
    let is_given_up = |flags: [&str; 2], rounds: usize, time: Duration| {
        let setup = flags.into_iter().fold(setup().plain().file("large", ""), Setup::flag);
        let file = fs::File::options().write(true).open(setup.root().join("large")).unwrap();
        file.set_len(16 << 30).unwrap();
        let server = setup.start();
        let mut client = server.connect();
        client.send("GET /large HTTP/1.1\r\nHost: t\r\n\r\n");
        client.head();
        let start = Instant::now();
        let mut round = 0;
        while round < rounds || start.elapsed() < time {
            // It takes something all the time.
            client.take(200_000);
            if server.metric("salver_timeouts_total{reason=\"response\"}") == 1 {
                return true;
            }
            round += 1;
        }
        false
    };
    let much = ["--min-rate=1000000000", "--request-timeout=0.5"];
    assert!(is_given_up(much, 5000, Duration::ZERO));
    // Longer than it might take if nothing of it counted.
    let little = ["--min-rate=1000", "--request-timeout=2"];
    assert!(!is_given_up(little, 500, Duration::from_secs(5)));
}
