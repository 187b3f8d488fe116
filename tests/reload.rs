//! Another configuration while the server runs (SIGHUP, `watch_config`).

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use support::{Client, Server, Setup, eventually, setup};

const PLACE: &str = r#""host": "127.0.0.1", "port": 0, "max_threads": 2"#;

fn with(more: &str) -> String {
    format!("{{{PLACE}{more}}}")
}

fn site(more: &str) -> Setup {
    setup().file("a.txt", "0123456789").config(&with(more))
}

fn status(server: &Server) -> serde_json::Value {
    let response = server.get("/server-status?format=json", &[]);
    serde_json::from_slice(&response.body).unwrap()
}

/// A port that nobody has, a moment ago at least.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn the_next_request_is_answered_under_the_new_configuration() {
    let server = site("").plain().start();
    let mut client = server.connect();
    let mut ask = |target: &str| {
        client.send(format!("GET {target} HTTP/1.1\r\nHost: t\r\n\r\n"));
        client.response()
    };
    assert_eq!((ask("/a.txt").status, ask("/").status), (200, 200));
    let said = server.reload(&with(
        r#", "server_name": "other", "server_version": "", "directory_listing": false"#,
    ));
    for key in ["server_name", "server_version", "directory_listing"] {
        assert!(said.contains(key), "{said}");
    }
    assert!(!said.contains("port"), "{said}");
    let answer = ask("/a.txt");
    assert_eq!((answer.status, answer.field("server")), (200, Some("other")));
    assert_eq!(ask("/").status, 403);
    assert!(server.reload(&with(r#", "enable_cache": false"#)).contains("enable_cache"));
    assert_eq!(ask("/").status, 200);
}

#[test]
fn limits_hold_for_connections_that_are_open() {
    let server = site("").plain().start();
    let mut client = server.connect();
    let long = "x".repeat(3000);
    let ask = format!("GET /a.txt HTTP/1.1\r\nHost: t\r\nX: {long}\r\n\r\n");
    client.send(&ask);
    assert_eq!(client.response().status, 200);
    server.reload(&with(r#", "max_header_size": 2048"#));
    client.send(&ask);
    assert_eq!(client.response().status, 431);
}

#[test]
fn who_would_not_be_let_in_any_more_is_not_served_on() {
    let server = site("").plain().start();
    let mut idle = server.connect();
    idle.send("GET /a.txt HTTP/1.1\r\nHost: t\r\n\r\n");
    assert_eq!(idle.response().status, 200);
    let mut asking = server.connect();
    asking.send("GET /a.txt HTTP/1.1\r\n");
    server.reload(&with(r#", "address_filter": ["192.0.2.0/24"]"#));
    assert_eq!(idle.rest(), b"");
    asking.send("Host: t\r\n\r\n");
    assert_eq!(asking.rest(), b"");
}

#[test]
fn a_wrong_configuration_changes_nothing_and_is_told_of() {
    let server = site("").start();
    let said = server.reload(&with(r#", "prot": 1"#));
    assert!(said.contains("config.json:1:") && said.contains("did you mean \"port\""), "{said}");
    assert_eq!(server.get("/a.txt", &[]).text(), "0123456789");
    let said = server.reload(&with(r#", "document_root": "/nowhere/at/all", "server_name": "x""#));
    // A flag is stronger than the file.
    assert!(said.contains("is in use") && said.contains("server_name"), "{said}");
    server.reload("{");
    // At once, not a second later: whoever reloads looks right after it.
    let shown = eventually(|| {
        let shown = status(&server);
        let fault = &shown["server"]["configuration"]["fault"];
        let is_amber = shown["health"]["state"] == "amber";
        assert_eq!(fault.is_string(), is_amber, "{fault}");
        is_amber.then_some(shown)
    });
    let configuration = &shown["server"]["configuration"];
    assert_eq!((&configuration["reloads"], &configuration["failures"]), (&1.into(), &2.into()));
    assert!(configuration["fault"].as_str().unwrap().contains("config.json"), "{configuration}");
    assert_eq!(server.get("/a.txt", &[]).field("server").map(|it| &it[..1]), Some("x"));
    server.reload(&with(""));
    eventually(|| (status(&server)["health"]["state"] == "green").then_some(()));
    assert_eq!(status(&server)["server"]["configuration"]["fault"], serde_json::Value::Null);
}

#[test]
fn a_folder_that_cannot_be_served_is_refused() {
    // In the sandbox every other folder is.
    let server = site("").flag("--sandbox=off").start();
    // The root is a flag, which wins: the upload folder has to be the wrong one.
    let said =
        server.reload(&with(r#", "enable_file_uploads": true, "upload_dir": "/dev/null/uploads""#));
    assert!(said.contains("cannot take uploads into /dev/null/uploads"), "{said}");
    assert_eq!(server.request("POST", "/upload", &[]).status, 405);
}

#[test]
fn other_addresses_are_listened_on_and_connections_to_the_old_ones_go_on() {
    let server = site("").plain().start();
    let ask = "GET /a.txt HTTP/1.1\r\nHost: t\r\n\r\n";
    let mut old = server.connect();
    old.send(ask);
    assert_eq!(old.response().status, 200);
    let port = free_port();
    let moved = format!(r#"{{"host": "127.0.0.1", "port": {port}, "max_threads": 2}}"#);
    assert!(server.reload(&moved).contains("port"));
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let mut new = Client::to(address);
    new.send(ask);
    assert_eq!(new.response().status, 200);
    assert!(TcpStream::connect(server.address).is_err());
    old.send(ask);
    assert_eq!(old.response().status, 200);
    // A port that another has is refused, and what was open stays.
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let said = server.reload(&moved.replace(&address.port().to_string(), &port.to_string()));
    assert!(said.contains("is taken by another program"), "{said}");
    new.send(ask);
    assert_eq!(new.response().status, 200);
    Client::to(address);
}

#[test]
fn a_port_is_turned_to_something_else() {
    let server = site("").plain().start();
    let port = server.address.port();
    let ask = |to: SocketAddr| {
        let mut client = Client::to(to);
        client.send("GET /a.txt HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n");
        client.response().status
    };
    assert_eq!(ask(server.address), 200);
    let flags = support::over::certify(server.root.parent().unwrap());
    let value = |name: &str| {
        flags.iter().filter_map(|flag| flag.split_once('=')).find(|(flag, _)| *flag == name)
    };
    let (cert, key) = (value("--ssl-cert").unwrap().1, value("--ssl-key").unwrap().1);
    let other = free_port();
    let redirecting = format!(
        r#"{{"host": "127.0.0.1", "port": {other}, "max_threads": 2, "enable_ssl": true,
            "ssl_cert": "{cert}", "ssl_key": "{key}", "ssl_redirect_port": {port}}}"#
    );
    let said = server.reload(&redirecting);
    assert!(said.contains("is in use"), "{said}");
    assert_eq!(ask(server.address), 308);
    // The ports change places.
    let swapped = redirecting
        .replace(&format!(r#""port": {other}"#), &format!(r#""port": {port}"#))
        .replace(&format!(r#"redirect_port": {port}"#), &format!(r#"redirect_port": {other}"#));
    let said = server.reload(&swapped);
    assert!(said.contains("is in use"), "{said}");
    assert_eq!(ask(server.address), 400, "HTTP where HTTPS is spoken");
    assert_eq!(ask(SocketAddr::from(([127, 0, 0, 1], other))), 308);
    let said = server.reload(&format!(r#"{{"host": "127.0.0.1", "port": {port}}}"#));
    assert!(said.contains("is in use"), "{said}");
    assert_eq!(ask(server.address), 200);
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "needs two sockets of one port")]
fn an_address_is_widened_and_narrowed_and_nobody_is_refused() {
    let server = site("").plain().start();
    let port = server.address.port();
    let at = |host: &str| format!(r#"{{"host": "{host}", "port": {port}, "max_threads": 2}}"#);
    let beside = SocketAddr::from(([127, 0, 0, 2], port));
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                assert_eq!(server.get("/a.txt", &[]).status, 200);
            }
        });
        for _ in 0..5 {
            let said = server.reload(&at("0.0.0.0"));
            assert!(said.contains("is in use"), "{said}");
            Client::to(beside);
            let said = server.reload(&at("127.0.0.1"));
            assert!(said.contains("is in use"), "{said}");
            assert!(TcpStream::connect(beside).is_err());
        }
        done.store(true, Ordering::Relaxed);
    });
}

#[test]
fn requests_in_flight_finish_under_the_old_one() {
    let uploads = r#", "enable_file_uploads": true, "max_upload_size": 1000000"#;
    let server = site(uploads).file("large", vec![b'x'; 30_000_000]).plain().start();
    let mut upload = server.connect();
    upload.send(
        "PUT /uploads/new.txt HTTP/1.1\r\nHost: t\r\nContent-Length: 10\r\n\
         Expect: 100-continue\r\n\r\n",
    );
    assert_eq!(upload.head().status, 100);
    upload.send("01234");
    let mut download = server.connect();
    download.send("GET /large HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n");
    assert_eq!(download.head().status, 200);
    server.reload(&with(r#", "enable_cache": false"#));
    upload.send("56789");
    assert_eq!(upload.response().status, 201);
    assert_eq!(fs::read(server.root.join("uploads/new.txt")).unwrap(), b"0123456789");
    assert_eq!(download.rest().len(), 30_000_000);
    // Uploads are off by now.
    let gone = server.request("PUT", "/uploads/b.txt", &[("Content-Length", "0")]);
    assert_eq!(gone.status, 405);
}

#[test]
fn uploads_in_parts_go_on_and_results_stay() {
    let on = r#", "enable_file_uploads": true"#;
    let server = site(on).plain().start();
    let tus = ("Tus-Resumable", "1.0.0");
    let begun = server.request(
        "POST",
        "/upload/tus",
        &[
            tus,
            ("Upload-Length", "4"),
            ("Upload-Metadata", "filename YS5iaW4="),
            ("Content-Length", "0"),
        ],
    );
    assert_eq!(begun.status, 201);
    let place = begun.field("location").unwrap().to_owned();
    let mut part = server.connect();
    part.send(format!(
        "PATCH {place} HTTP/1.1\r\nHost: t\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\n\
         Content-Type: application/offset+octet-stream\r\nContent-Length: 4\r\n\r\nab",
    ));
    let has_come = |status: serde_json::Value| status["in_flight"][0]["received_bytes"] == 2;
    eventually(|| has_come(status(&server)).then_some(()));
    let offset = || {
        let head = server.request("HEAD", &place, &[tus]);
        head.field("upload-offset").map(str::to_owned)
    };
    server.reload(&with(&format!(r#"{on}, "upload_conflict": "reject", "cache_max_size": 1"#)));
    // One that asks makes the one that writes give way, in the new edition as in the old.
    assert_eq!(offset().as_deref(), Some("2"));
    let mut rest = server.connect();
    rest.send(format!(
        "PATCH {place} HTTP/1.1\r\nHost: t\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 2\r\n\
         Content-Type: application/offset+octet-stream\r\nContent-Length: 2\r\n\r\ncd",
    ));
    assert_eq!(rest.response().status, 204);
    assert_eq!(fs::read(server.root.join("uploads/a.bin")).unwrap(), b"abcd");
}

#[test]
fn what_is_cached_stays_unless_it_is_to_be_served_otherwise() {
    let server = site("").settled("a.txt").start();
    let cached = |entries: u64| {
        eventually(|| (status(&server)["cache"]["entries"] == entries).then_some(()));
    };
    server.get("/a.txt", &[]);
    cached(1);
    server.reload(&with(r#", "server_name": "x", "keep_alive_timeout": 5"#));
    cached(1);
    server.reload(&with(r#", "browser_cache_time": 5"#));
    cached(0);
    let fresh = server.get("/a.txt", &[]);
    assert_eq!(fresh.field("cache-control"), Some("public, max-age=5"));
}

#[test]
fn what_takes_a_restart_is_named_and_stays() {
    let server = site("").start();
    server.configure(&with(r#", "log_format": "json", "server_name": "x""#));
    server.signal("HUP");
    server.line(|line| line.contains("a change of log_format takes a restart"));
    let said = server.line(|line| line.contains("is in use"));
    assert!(said.contains("server_name") && !said.contains("log_format"), "{said}");
    let needed = |keys: &[&str]| {
        eventually(|| {
            let shown = status(&server);
            let is_so =
                shown["server"]["configuration"]["restart_needed"] == serde_json::json!(keys);
            is_so.then_some(shown)
        })
    };
    assert_eq!(needed(&["log_format"])["health"]["state"], "green");
    assert_eq!(server.metric("salver_config_restart_needed"), 1);
    let page = server.get("/server-status", &[]).text();
    assert!(page.contains("a restart is needed for log_format"), "{page}");
    // One that cannot be used says nothing of the keys.
    server.reload("{");
    needed(&["log_format"]);
    server.reload(&with(""));
    needed(&[]);
}

#[test]
fn where_it_listens_is_said_when_that_changes_and_only_what_is_done() {
    let folder = tempfile::tempdir().unwrap();
    // In the sandbox there would be no log in another folder.
    let server = site("").flag("--sandbox=off").plain().start();
    server.configure(r#"{"host": "127.0.0.2", "port": 0, "max_threads": 2}"#);
    server.signal("HUP");
    let asked = server.line(|line| line.contains("SIGHUP"));
    assert!(asked.contains("the configuration is read again"), "{asked}");
    let new = server.line(|line| line.contains("listening on 127.0.0.2:"));
    let new = new.split_once("listening on ").unwrap().1;
    let address: SocketAddr = new.strip_suffix(" (http)").unwrap().parse().unwrap();
    let gone = format!("no longer listening on {} (http)", server.address);
    server.line(|line| line.contains(&gone));
    let mut client = Client::to(address);
    client.send("GET /a.txt HTTP/1.1\r\nHost: t\r\n\r\n");
    assert_eq!(client.response().status, 200);

    let log = folder.path().join("access.log");
    let log = format!(
        r#"{{"host": "127.0.0.2", "port": 0, "max_threads": 2, "access_log": "{}"}}"#,
        log.display()
    );
    server.configure(&log);
    server.signal("HUP");
    // There was no file to open.
    let next = server.line(|line| line.contains("SIGHUP"));
    assert!(next.contains("configuration"), "{next}");
    server.line(|line| line.contains("is in use"));
    server.signal("HUP");
    let next = server.line(|line| line.contains("SIGHUP") || line.contains("listening"));
    assert!(next.contains("the access log is opened anew"), "{next}");
}

#[test]
fn a_changed_file_is_noticed_where_that_is_wanted() {
    let server = site(r#", "watch_config": true"#).start();
    server.configure(&with(r#", "watch_config": true, "server_name": "noticed""#));
    server.line(|line| line.contains("is in use") && line.contains("server_name"));
    assert!(server.get("/a.txt", &[]).field("server").unwrap().starts_with("noticed"));
    // Now without; only a signal brings it back.
    server.configure(&with(""));
    server.line(|line| line.contains("is in use") && line.contains("watch_config"));
    let said = server.reload(&with(r#", "server_name": "asked", "watch_config": true"#));
    assert!(said.contains("server_name"), "{said}");
}

#[test]
fn logs_move_and_levels_change() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let to = |name: &str, more: &str| {
        with(&format!(r#", "access_log": "{}"{more}"#, path(name).display()))
    };
    let lines = |name: &str, expected: usize| {
        eventually(|| {
            let text = fs::read_to_string(path(name)).ok()?;
            (text.lines().count() == expected).then_some(text)
        })
    };
    let server = setup().file("a.txt", "a").config(&to("one.log", "")).start();
    server.get("/a.txt?1", &[]);
    server.get("/a.txt?2", &[]);
    server.reload(&to("two.log", r#", "access_log_format": "json", "log_level": "DEBUG""#));
    lines("one.log", 2);
    server.get("/a.txt?3", &[]);
    server.line(|line| line.contains("DEBUG"));
    assert!(lines("two.log", 1).contains("\"/a.txt?3\""));
    assert!(server.reload(&with(r#", "access_log": "/dev/null/x""#)).contains("access_log"));
    server.get("/a.txt?4", &[]);
    lines("two.log", 2);
    server.reload(&with(r#", "access_log": "off""#));
    server.get("/a.txt?5", &[]);
    server.reload(&to("two.log", ""));
    server.get("/a.txt?6", &[]);
    let text = lines("two.log", 3);
    assert!(!text.contains("?5") && text.contains("?6"), "{text}");
}

#[test]
fn encryption_is_turned_on_and_off() {
    let server = site("").plain().start();
    // Beside the configuration: there a server in a sandbox may read.
    let flags = support::over::certify(server.root.parent().unwrap());
    let values: Vec<_> = flags.iter().filter_map(|flag| flag.split_once('=')).collect();
    let value = |name| values.iter().find(|(flag, _)| *flag == name).unwrap().1;
    let on = format!(
        r#", "enable_ssl": true, "ssl_cert": "{}", "ssl_key": "{}""#,
        value("--ssl-cert"),
        value("--ssl-key")
    );
    let mut plain = server.connect();
    plain.send("GET /a.txt HTTP/1.1\r\nHost: t\r\n\r\n");
    assert_eq!(plain.response().status, 200);
    assert!(server.reload(&with(&on)).contains("enable_ssl"));
    assert_eq!(plain.rest(), b"", "what is open and plain is not served on");
    let hint = String::from_utf8(server.raw("GET / HTTP/1.1\r\nHost: t\r\n\r\n")).unwrap();
    assert!(hint.starts_with("HTTP/1.1 400") && hint.contains("HTTPS port"), "{hint}");
    server.reload(&with(""));
    assert_eq!(server.get("/a.txt", &[]).status, 200);
}

#[test]
fn no_request_fails_while_the_configuration_changes() {
    let server = site("").file("b.txt", "b".repeat(20_000)).start();
    let (done, answered) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    assert_eq!(server.get("/a.txt", &[]).text(), "0123456789");
                    assert_eq!(server.get("/b.txt", &[]).body.len(), 20_000);
                    answered.fetch_add(2, Ordering::Relaxed);
                }
            });
        }
        for round in 0..60 {
            let said = match round % 10 {
                9 => server.reload("{"),
                odd if odd % 2 == 1 => server.reload(&with(r#", "enable_cache": false"#)),
                _ => server.reload(&with(&format!(r#", "cache_max_size": {}"#, round + 1))),
            };
            assert_eq!(said.contains("stays"), round % 10 == 9, "{said}");
            let before = answered.load(Ordering::Relaxed);
            eventually(|| (answered.load(Ordering::Relaxed) > before).then_some(()));
        }
        done.store(true, Ordering::Relaxed);
    });
}

#[test]
fn who_watches_the_status_goes_on_watching() {
    let server = site("").plain().start();
    let mut watcher = server.connect();
    watcher.send("GET /server-status?events HTTP/1.1\r\nHost: t\r\n\r\n");
    assert_eq!(watcher.head().status, 200);
    server.reload(&with(r#", "enable_cache": false"#));
    // One may have been on its way before.
    let mut seen = Vec::new();
    while seen.windows(2).filter(|bytes| bytes == b"\n\n").count() < 3 {
        seen.extend(watcher.take(2000));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_pipe_in_the_place_of_a_file_holds_nothing_up() {
    // In the sandbox there is no log in that folder.
    let server = site("").flag("--sandbox=off").plain().start();
    let path = server.root.parent().unwrap().join("config.json");
    let content = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    server.signal("HUP");
    server.line(|line| line.contains("in use stays") && line.contains("no regular file"));
    fs::remove_file(&path).unwrap();
    fs::write(&path, content).unwrap();
    server.signal("HUP");
    server.line(|line| line.contains("the new configuration is in use"));
    let log = path.with_file_name("log");
    rustix::fs::mknodat(rustix::fs::CWD, &log, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    let said = server.reload(&with(&format!(r#", "access_log": "{}""#, log.display())));
    assert!(said.contains("nobody reads from"), "{said}");
    assert!(server.reload(&with("")).contains("the new configuration is in use"));
}
