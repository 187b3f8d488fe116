//! A server that the system holds up for a while (SIGSTOP).

use std::thread;
use std::time::Duration;

use crate::machine::content;
use crate::support::{Client, eventually, setup};

const GET: &str = "GET /a.txt HTTP/1.1\r\nHost: t\r\n\r\n";

/// Longer than the deadlines below; that is what the test is about.
const STOPPED: Duration = Duration::from_secs(5);

#[test]
fn who_was_on_time_is_not_punished_for_a_server_that_stood_still() {
    let large = content(20_000_000);
    let server = setup()
        .file("a.txt", "a")
        .file("large", &large)
        .flag("--enable-file-uploads")
        .flag("--header-timeout=2")
        .flag("--request-timeout=2")
        .flag("--keep-alive-timeout=2")
        .plain()
        .start();
    let client = |bytes: &str| {
        let mut client = server.connect();
        client.send(GET);
        assert_eq!(client.response().status, 200);
        client.send(bytes);
        client
    };
    let mut idle = client("");
    let mut half = client("GET /a.txt HT");
    let mut upload = client(
        "PUT /uploads/b HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n",
    );
    assert_eq!(upload.head().status, 100);
    let mut download = client("GET /large HTTP/1.1\r\nHost: t\r\n\r\n");
    assert_eq!(download.head().status, 200);
    server.signal("STOP");
    let length = large.len();
    let download = thread::spawn(move || download.take(length));
    // What they send while nobody reads came in time.
    idle.send(GET);
    half.send("TP/1.1\r\nHost: t\r\n\r\n");
    upload.send("0123456789");
    let mut new: Vec<Client> = (0..20).map(|_| server.connect()).collect();
    for client in &mut new {
        client.send(GET);
    }
    thread::sleep(STOPPED);
    server.signal("CONT");
    for client in &mut new {
        assert_eq!(client.response().text(), "a");
    }
    assert_eq!(idle.response().text(), "a", "asked before the server looked at its deadline");
    assert_eq!(half.response().text(), "a");
    assert_eq!(upload.response().status, 201);
    assert!(download.join().unwrap() == large);
    eventually(|| (server.get("/healthz", &[]).status == 200).then_some(()));
}
