//! What systemd and a service tell each other: sockets that are passed, readiness, reloads, the end, the
//! watchdog. The test is the manager.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr as UnixAddress, UnixDatagram};
use std::process::{Command, Output, Stdio};
use std::thread;

use support::over::Over;
use support::{Client, PATIENCE, Server, Setup, salver, setup, without_say};

/// Where a service says how it is.
struct Manager {
    socket: UnixDatagram,
    address: String,
    _folder: tempfile::TempDir,
}

impl Manager {
    fn at_a_path() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        Self::of(socket, path.to_str().unwrap().to_owned(), folder)
    }

    fn with_a_name() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let name = folder.path().to_str().unwrap().to_owned();
        let address = UnixAddress::from_abstract_name(&name).unwrap();
        Self::of(UnixDatagram::bind_addr(&address).unwrap(), format!("@{name}"), folder)
    }

    fn of(socket: UnixDatagram, address: String, folder: tempfile::TempDir) -> Self {
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { socket, address, _folder: folder }
    }

    fn next(&self) -> String {
        let mut message = [0; 4096];
        let length = self.socket.recv(&mut message).expect("a message in time");
        String::from_utf8(message[..length].to_vec()).unwrap()
    }

    fn start(&self, setup: Setup) -> Server {
        setup.variable("NOTIFY_SOCKET", &self.address).start()
    }
}

fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

fn site() -> Setup {
    setup().file("a.txt", "0123456789")
}

const ASK: &str = "GET /a.txt HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n";

#[test]
fn passed_sockets_are_served_on_by_all_workers_and_who_has_waited_is_answered() {
    let (socket, address) = listener();
    let mut waiting = Client::to(address);
    waiting.send(ASK);
    let mut server = site().plain().passing(&[&socket]).start();
    assert_eq!(server.address, address);
    server.line(|line| line.contains("passed by systemd"));
    assert_eq!(waiting.response().body, b"0123456789");
    // More than one worker takes in one go, so that each has to look again.
    let ask = || {
        let mut clients: Vec<_> = (0..100).map(|_| Client::to(address)).collect();
        for client in &mut clients {
            client.send(ASK);
        }
        for client in &mut clients {
            assert_eq!(client.response().body, b"0123456789");
        }
    };
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(ask);
        }
    });
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(0));
    // systemd has the socket still: who comes now waits for the next start.
    let mut waiting = Client::to(address);
    waiting.send(ASK);
    let _next = site().plain().passing(&[&socket]).start();
    assert_eq!(waiting.response().body, b"0123456789");
}

#[test]
fn reloads_keep_the_sockets_and_are_told_of() {
    let (socket, address) = listener();
    let manager = Manager::at_a_path();
    let place = r#"{"host": "127.0.0.1", "port": 0, "max_threads": 2"#;
    let setup = site().plain().config(&format!("{place}}}")).passing(&[&socket]);
    let mut server = manager.start(setup);
    let ready = manager.next();
    let root = server.root.display().to_string();
    assert_eq!(ready, format!("READY=1\nSTATUS=serving {root} on {address}\n"));
    let other = place.replace("\"port\": 0", "\"port\": 1");
    server.configure(&format!("{other}, \"server_name\": \"other\"}}"));
    server.signal("HUP");
    let reloading = manager.next();
    let time = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").expect(&reloading);
    assert!(time.lines().next().unwrap().parse::<u64>().unwrap() > 0, "{reloading}");
    assert_eq!(manager.next(), ready);
    server.line(|line| line.contains("WARN port: not used, since systemd passed the sockets"));
    let answer = server.get("/a.txt", &[]);
    assert!(answer.field("server").unwrap().starts_with("other"), "{answer:?}");
    // One that cannot be used is over, too, and is said to be.
    server.reload("{");
    assert!(manager.next().starts_with("RELOADING=1\n"));
    let said = manager.next();
    assert!(said.starts_with("READY=1\nSTATUS=serving ") && said.contains("config.json"), "{said}");
    assert_eq!(server.get("/a.txt", &[]).text(), "0123456789");
    server.signal("TERM");
    let stopping = manager.next();
    assert!(stopping.starts_with("STOPPING=1\nEXTEND_TIMEOUT_USEC="), "{stopping}");
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn a_confined_server_still_says_how_it_is() {
    for manager in [Manager::at_a_path(), Manager::with_a_name()] {
        for over in [Over::Plain, Over::Tls, Over::H2] {
            let (socket, address) = listener();
            let setup = site().over(over).flag("--sandbox=required").passing(&[&socket]);
            let mut server = manager.start(setup);
            assert_eq!(server.address, address);
            assert!(manager.next().starts_with("READY=1\n"));
            assert_eq!(server.get("/a.txt", &[]).text(), "0123456789");
            server.signal("HUP");
            assert!(manager.next().starts_with("RELOADING=1\n"));
            assert!(manager.next().starts_with("READY=1\n"));
            assert_eq!(server.get("/a.txt", &[]).text(), "0123456789");
            server.signal("TERM");
            assert!(manager.next().starts_with("STOPPING=1\n"));
            assert_eq!(server.wait().code(), Some(0));
        }
    }
}

#[test]
fn a_socket_named_redirect_sends_on_to_the_others() {
    let ((site_socket, site_address), (redirect, redirected)) = (listener(), listener());
    let setup = site().over(Over::Tls).flag("--sandbox=off").config("{}");
    let server = setup
        .passing(&[&redirect, &site_socket])
        .variable("LISTEN_FDNAMES", "redirect:https")
        .start();
    assert_eq!(server.address, site_address);
    assert_eq!(server.get("/a.txt", &[]).text(), "0123456789");
    let ask = || {
        let mut client = Client::to(redirected);
        client.send(ASK);
        client.response()
    };
    let answer = ask();
    assert_eq!(answer.status, 308);
    let expected = format!("https://t:{}/a.txt", site_address.port());
    assert_eq!(answer.field("location"), Some(expected.as_str()));
    server.reload("{\"server_name\": \"other\"}");
    assert_eq!(ask().status, 308);
}

#[test]
fn without_tls_a_socket_named_redirect_is_one_like_the_others() {
    let ((one, _), (other, redirected)) = (listener(), listener());
    let setup = site().plain().passing(&[&one, &other]);
    let server = setup.variable("LISTEN_FDNAMES", "http:redirect").start();
    for address in [server.address, redirected] {
        let mut client = Client::to(address);
        client.send(ASK);
        assert_eq!(client.response().status, 200);
    }
}

#[test]
fn the_watchdog_is_fed_while_it_serves_and_while_it_stops() {
    let manager = Manager::at_a_path();
    let large = vec![b'x'; 32 << 20];
    let site = setup().file("large", &large).plain().variable("WATCHDOG_USEC", "20000");
    let mut server = manager.start(site);
    assert!(manager.next().starts_with("READY=1\n"));
    for _ in 0..3 {
        assert_eq!(manager.next(), "WATCHDOG=1\n");
    }
    // An answer that nobody reads holds up the end.
    let mut client = TcpStream::connect(server.address).unwrap();
    client.write_all(ASK.replace("a.txt", "large").as_bytes()).unwrap();
    client.read_exact(&mut [0]).unwrap();
    server.signal("TERM");
    while !manager.next().starts_with("STOPPING=1\n") {}
    for _ in 0..3 {
        assert_eq!(manager.next(), "WATCHDOG=1\n");
    }
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).unwrap();
    assert!(answer.ends_with(&large));
    assert_eq!(server.wait().code(), Some(0));
}

/// What it says of a first socket that is this.
fn given(socket: impl Into<OwnedFd>, variables: &[(&str, &str)]) -> Output {
    let script = "exec 3<&0 </dev/null && export LISTEN_PID=$$ && exec \"$0\" \"$@\"";
    let mut shell = Command::new("sh");
    shell.args(["-c", script, env!("CARGO_BIN_EXE_salver"), "--port=0", "."]);
    shell.env("LISTEN_FDS", "1").envs(variables.iter().copied());
    shell.stdin(Stdio::from(socket.into()));
    without_say(shell).output().unwrap()
}

#[test]
fn what_is_no_listening_tcp_socket_is_refused() {
    let (listening, address) = listener();
    let connected = TcpStream::connect(address).unwrap();
    let name = ("LISTEN_FDNAMES", "site");
    let redirect = [("LISTEN_FDNAMES", "redirect")];
    let rows: [(Output, &str); 5] = [
        (given(UdpSocket::bind("127.0.0.1:0").unwrap(), &[name]), "socket 1 of"),
        (given(UnixDatagram::unbound().unwrap(), &[name]), "(\"site\")"),
        (given(File::open("/dev/null").unwrap(), &[name]), "no listening TCP socket"),
        (given(connected, &[name]), "Accept="),
        (given(listening, &redirect), "all sockets passed by systemd are named \"redirect\""),
    ];
    for (output, expected) in rows {
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(expected) && said.lines().count() == 1, "{said}");
    }
    let wrong = salver().args(["--port=0", "."]).env("LISTEN_PID", "me").output().unwrap();
    assert_eq!(wrong.status.code(), Some(1));
}

#[test]
fn sockets_for_another_process_are_left_alone() {
    let (socket, address) = listener();
    let server = site().plain().passing(&[&socket]);
    // What the environment says comes before the shell: it is that process that is meant.
    let server = server.variable("LISTEN_FDS", "1").start();
    assert_eq!(server.address, address);
    let (socket, address) = listener();
    let mut client = TcpStream::connect(address).unwrap();
    client.write_all(ASK.as_bytes()).unwrap();
    let id = std::process::id().to_string();
    let other = site().plain().variable("LISTEN_FDS", "1").variable("LISTEN_PID", &id).start();
    assert_ne!(other.address, address);
    drop(socket);
    assert!(matches!(client.read(&mut [0]), Err(_) | Ok(0)));
}

#[test]
fn a_manager_that_is_not_there_is_no_reason_not_to_serve() {
    let server = site().variable("NOTIFY_SOCKET", "/nowhere/at/all").start();
    assert_eq!(server.get("/a.txt", &[]).text(), "0123456789");
}
