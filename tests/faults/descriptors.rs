//! No descriptors left.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;

use crate::machine::{check, descriptors, run};
use crate::support::{Client, PATIENCE, Server, eventually, setup};

const GET: &str = "GET /a.txt HTTP/1.1\r\nHost: t\r\n\r\n";

fn served(server: &Server) -> Client {
    let mut client = server.connect();
    client.send(GET);
    assert_eq!(client.response().status, 200);
    client
}

/// Lowers the limit, or raises it again: the hard one stays.
fn limit(server: &Server, count: usize) {
    let id = server.id().to_string();
    run("prlimit", &["--pid", &id, &format!("--nofile={count}:")]);
}

#[test]
fn with_few_descriptors_those_who_are_in_are_served_and_others_are_turned_away() {
    few_descriptors(1);
    // There is room for fewer.
    few_descriptors(16);
}

fn few_descriptors(threads: usize) {
    let config = format!(r#"{{"host": "127.0.0.1", "port": 0, "max_threads": {threads}}}"#);
    let setup = setup().file("a.txt", "a").flag("--access-log=off").plain();
    for number in 0..30 {
        let file = fs::File::create(setup.root().join(format!("large{number}"))).unwrap();
        file.set_len(3_000_000).unwrap();
    }
    let server = setup.descriptors(64).config(&config).start();
    let mut held: Vec<Client> = (0..20).map(|_| served(&server)).collect();
    // More than there is room for; they are refused, not left alone.
    let mut more: Vec<TcpStream> = Vec::new();
    let ask = || {
        let mut client = TcpStream::connect(server.address).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        let close = GET.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
        client.write_all(close.as_bytes()).ok()?;
        let mut answer = String::new();
        client.read_to_string(&mut answer).ok()?;
        Some(answer)
    };
    let refused = eventually(|| {
        more.push(TcpStream::connect(server.address).unwrap());
        ask().filter(|answer| answer.starts_with("HTTP/1.1 503 "))
    });
    assert!(refused.to_lowercase().contains("\r\nretry-after: "), "{refused}");
    // Those who do not leave when they are told do not keep others from being told.
    for _ in 0..20 {
        more.push(TcpStream::connect(server.address).unwrap());
        let answer = ask().expect("no reset");
        assert!(answer.starts_with("HTTP/1.1 "), "without a word");
    }
    // Files enough are opened for all of the rest, and more.
    for round in 0..90 {
        let client = &mut held[round % 20];
        client.send(format!("GET /large{} HTTP/1.1\r\nHost: t\r\n\r\n", round % 30));
        let status = client.response().status;
        assert!(matches!(status, 200 | 503), "{status}");
        client.send(GET);
        assert_eq!(client.response().status, 200, "a file in memory");
    }
    drop(more);
    drop(held);
    eventually(|| {
        let mut client = server.connect();
        client.try_send(GET).ok()?;
        (client.response().status == 200).then_some(())
    });
    assert_eq!(server.get("/large29", &[]).body.len(), 3_000_000);
}

#[test]
fn when_none_is_left_open_connections_are_served_and_new_ones_wait() {
    let server = setup().file("a.txt", "a").file("b.txt", "b").settled("a.txt").plain().start();
    let mut one = served(&server);
    let before = descriptors(&server);
    limit(&server, before);
    // The kernel takes them in; the server cannot yet, when the gaps are filled.
    let mut waiting: Vec<Client> = (0..30).map(|_| server.connect()).collect();
    for client in &mut waiting {
        client.send(GET);
    }
    server.line(|line| line.contains("cannot accept connections for now"));
    for _ in 0..100 {
        one.send(GET);
        assert_eq!(one.response().text(), "a");
        one.send("GET /b.txt HTTP/1.1\r\nHost: t\r\n\r\n");
        let other = one.response();
        assert!(matches!(other.status, 200 | 503), "{}", other.status);
    }
    one.send("GET /healthz HTTP/1.1\r\nHost: t\r\n\r\n");
    let health = one.response();
    assert!(matches!(health.status, 200 | 503));
    // On a connection that is open, the status says why.
    eventually(|| {
        one.send("GET /server-status?format=json HTTP/1.1\r\nHost: t\r\n\r\n");
        let text = one.response().text();
        text.contains("none was left for new connections").then_some(())
    });
    one.send("GET /healthz HTTP/1.1\r\nHost: t\r\n\r\n");
    assert_eq!(one.response().status, 503);
    limit(&server, 1024);
    for client in &mut waiting {
        assert_eq!(client.response().text(), "a", "who waited is served");
    }
    server.line(|line| line.contains("accepting connections again"));
    assert_eq!(server.get("/b.txt", &[]).text(), "b");
    assert_eq!(check(&server, "open_files").0, "red", "for a minute");
}

#[test]
fn uploads_without_descriptors_are_refused_and_leave_nothing() {
    let server = setup().file("a.txt", "a").flag("--enable-file-uploads").plain().start();
    let mut client = served(&server);
    let put = "PUT /uploads/b HTTP/1.1\r\nHost: t\r\nContent-Length: 1\r\n\r\nb";
    limit(&server, descriptors(&server));
    client.send(put);
    let refused = client.response();
    assert_eq!(refused.status, 503, "{}", refused.text());
    limit(&server, 1024);
    let mut client = served(&server);
    client.send(put);
    assert_eq!(client.response().status, 201);
    assert_eq!(fs::read(server.root.join("uploads/b")).unwrap(), b"b");
}

#[test]
fn whatever_descriptor_an_upload_lacks_it_leaves_nothing_and_takes_nothing_away() {
    let flags = ["--enable-file-uploads", "--upload-conflict=replace"];
    let setup = flags.iter().fold(setup().file("a.txt", "a"), |setup, flag| setup.flag(flag));
    let server = setup.plain().start();
    let uploads = server.root.join("uploads");
    let put = |path: &str| {
        format!("PUT /uploads/{path} HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\n\r\nnew")
    };
    // All there is, with what is in it.
    let all = || {
        let mut all = Vec::new();
        let mut folders = vec![uploads.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
                all.push((entry.clone(), fs::read(&entry).ok()));
                if entry.is_dir() {
                    folders.push(entry);
                }
            }
        }
        all.sort();
        all
    };
    // The reserved folder is made, too.
    let mut client = served(&server);
    client.send(put("old"));
    assert_eq!(client.response().status, 201);
    fs::create_dir_all(uploads.join(".salver-uploads")).unwrap();
    fs::write(uploads.join("old"), "old").unwrap();
    let before = all();
    let (mut accepted, mut refused) = (0, 0);
    for spare in 0..16 {
        for path in ["b", "x/y/b", "old"] {
            let mut client = served(&server);
            limit(&server, descriptors(&server) + spare);
            client.send(put(path));
            let status = client.response().status;
            limit(&server, 1024);
            if status == 503 {
                assert_eq!(all(), before, "{path} with {spare}");
                refused += 1;
            } else {
                assert!(matches!(status, 200 | 201 | 204), "{path} with {spare}: {status}");
                assert_eq!(fs::read(uploads.join(path)).unwrap(), b"new");
                fs::remove_file(uploads.join(path)).unwrap();
                let _ = fs::remove_dir_all(uploads.join("x"));
                fs::write(uploads.join("old"), "old").unwrap();
                assert_eq!(all(), before, "{path} with {spare}");
                accepted += 1;
            }
        }
    }
    assert!(accepted > 0 && refused > 3, "{accepted} {refused}");
}
