//! HTTP/2 where it differs from HTTP/1.1: streams, windows, floods, goodbyes.

#![allow(clippy::expect_used, clippy::unwrap_used)]

mod support;

use std::future::Future;
use std::net::SocketAddr;

use bytes::Bytes;
use h2::client::{Builder, SendRequest};
use h2::{Reason, RecvStream};
use http::{HeaderMap, Request};
use support::{PATIENCE, Server, Setup, setup};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

type Ended = JoinHandle<Result<(), h2::Error>>;

fn site() -> Setup {
    setup().plain().file("a.txt", "hello").file("large", vec![b'x'; 3_000_000])
}

fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(PATIENCE, future).await.expect("in time") })
}

async fn connect(address: SocketAddr, builder: &Builder) -> (SendRequest<Bytes>, Ended) {
    let stream = TcpStream::connect(address).await.unwrap();
    let (client, connection) = builder.handshake(stream).await.unwrap();
    (client, tokio::spawn(connection))
}

async fn plain(server: &Server) -> (SendRequest<Bytes>, Ended) {
    connect(server.address, &Builder::new()).await
}

fn request(method: &str, path: &str) -> Request<()> {
    Request::builder().method(method).uri(format!("http://t{path}")).body(()).unwrap()
}

async fn get(client: &mut SendRequest<Bytes>, path: &str) -> (u16, HeaderMap, Vec<u8>) {
    *client = client.clone().ready().await.unwrap();
    let (response, _) = client.send_request(request("GET", path), true).unwrap();
    let (head, body) = response.await.unwrap().into_parts();
    (head.status.as_u16(), head.headers, content(body).await.unwrap())
}

async fn content(mut body: RecvStream) -> Result<Vec<u8>, h2::Error> {
    let mut all = Vec::new();
    while let Some(piece) = body.data().await {
        let piece = piece?;
        body.flow_control().release_capacity(piece.len())?;
        all.extend_from_slice(&piece);
    }
    Ok(all)
}

#[test]
fn a_client_that_knows_begins_with_it_on_the_plain_port() {
    let server = site().start();
    run(async {
        let (mut client, _) = plain(&server).await;
        let (status, fields, body) = get(&mut client, "/a.txt").await;
        assert_eq!((status, body.as_slice()), (200, &b"hello"[..]));
        assert!(!fields.contains_key("connection") && !fields.contains_key("transfer-encoding"));
        assert_eq!(get(&mut client, "/large").await.2.len(), 3_000_000);
        assert_eq!(get(&mut client, "/none").await.0, 404);
    });
    // It may arrive in pieces, and with requests behind it.
    run(async {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        for byte in b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0" {
            stream.write_all(&[*byte]).await.unwrap();
            tokio::task::yield_now().await;
        }
        let mut frame = [0; 9];
        stream.read_exact(&mut frame).await.unwrap();
        assert_eq!(frame[3], 4, "SETTINGS");
    });
    let off = site().flag("--enable-http2=false").start();
    assert!(off.raw("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").starts_with(b"HTTP/1.1 505 "));
}

#[test]
fn streams_do_not_wait_for_each_other() {
    let server = site().start();
    run(async {
        let (mut client, _) = plain(&server).await;
        let mut slow = Vec::new();
        for _ in 0..20 {
            client = client.ready().await.unwrap();
            let (response, _) = client.send_request(request("GET", "/large"), true).unwrap();
            // Its window is never opened.
            slow.push(response.await.unwrap().into_body());
        }
        // That of the connection is full by now: what needs none comes all the same.
        client = client.ready().await.unwrap();
        let (response, _) = client.send_request(request("HEAD", "/a.txt"), true).unwrap();
        assert_eq!(response.await.unwrap().status(), 200);
        let reading: Vec<_> = slow.into_iter().map(|body| tokio::spawn(content(body))).collect();
        for body in reading {
            assert_eq!(body.await.unwrap().unwrap().len(), 3_000_000);
        }
    });
}

#[test]
fn what_was_begun_arrives_whole_also_on_the_last_of_a_connection() {
    let server = site().flag("--keep-alive-requests=3").start();
    for _ in 0..3 {
        run(async {
            // Much is on its way, and while it is read the client says so all the time.
            let socket = tokio::net::TcpSocket::new_v4().unwrap();
            socket.set_recv_buffer_size(8192).unwrap();
            let stream = socket.connect(server.address).await.unwrap();
            let (mut client, connection): (SendRequest<Bytes>, _) =
                Builder::new().handshake(stream).await.unwrap();
            let ended: Ended = tokio::spawn(connection);
            let mut bodies = Vec::new();
            for _ in 0..3 {
                client = client.ready().await.unwrap();
                let (response, _) = client.send_request(request("GET", "/large"), true).unwrap();
                bodies.push(tokio::spawn(async { content(response.await?.into_body()).await }));
            }
            for body in bodies {
                assert_eq!(body.await.unwrap().unwrap().len(), 3_000_000);
            }
            ended.await.unwrap().unwrap();
        });
    }
}

/// A connection on which the windows are as large as can be.
async fn open_windows(server: &Server) -> TcpStream {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
    // SETTINGS_INITIAL_WINDOW_SIZE, and the window of the connection.
    stream.write_all(b"\0\0\x06\x04\0\0\0\0\0\0\x04\x7f\xff\xff\xff").await.unwrap();
    stream.write_all(b"\0\0\x04\x08\0\0\0\0\0\x7f\xff\0\0").await.unwrap();
    stream
}

/// Answers that were not taken in time.
const TIMEOUTS: &str = "salver_timeouts_total{reason=\"response\"}";

/// Sends GET /large on so many streams.
async fn ask_for_large(stream: &mut TcpStream, count: u8) {
    for stream_id in (1..).step_by(2).take(count.into()) {
        let block = b"\x82\x86\x44\x06/large\x41\x01t";
        let head = [0, 0, block.len().to_le_bytes()[0], 1, 5, 0, 0, 0, stream_id];
        stream.write_all(&[&head[..], block].concat()).await.unwrap();
    }
}

#[test]
fn a_client_that_takes_nothing_from_its_socket_is_given_up() {
    let server = site().flag("--request-timeout=0.3").flag("--keep-alive-timeout=60").start();
    run(async {
        // A dozen fill any buffer of the kernel.
        let mut stream = open_windows(&server).await;
        ask_for_large(&mut stream, 12).await;
        // Nothing is read until the server has given up, and not only the answers: then the connection
        // would be of use again.
        support::eventually(|| {
            let is_gone = server.metric("salver_open_connections_by_state{state=\"http2\"}") == 0;
            (is_gone && server.metric(TIMEOUTS) > 0).then_some(())
        });
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
        assert!(rest.len() < 36_000_000);
    });
}

#[test]
fn what_a_client_does_not_take_is_not_read_for_it() {
    let server = site().flag("--request-timeout=1").start();
    let most = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", server.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
    };
    let ask = async |count| {
        // Room for all of it, but nothing is taken from the socket.
        let mut stream = open_windows(&server).await;
        let before = server.metric(TIMEOUTS);
        ask_for_large(&mut stream, count).await;
        support::eventually(|| (server.metric(TIMEOUTS) > before).then_some(()));
        most()
    };
    run(async {
        let with_few = ask(12).await;
        // 100 answers of 3 MB; in a socket's buffers they are the kernel's.
        let grown = ask(100).await - with_few;
        assert!(grown < 4000, "{grown} KiB");
    });
}

#[test]
fn a_client_that_does_not_read_is_given_up() {
    let server = site().flag("--request-timeout=0.3").start();
    run(async {
        let (mut client, _) = plain(&server).await;
        let (response, _) = client.send_request(request("GET", "/large"), true).unwrap();
        let mut body = response.await.unwrap().into_body();
        let error = loop {
            match body.data().await {
                Some(Ok(_)) => {} // nothing is given back
                Some(Err(error)) => break error,
                None => panic!("all of it came"),
            }
        };
        assert_eq!(error.reason(), Some(Reason::INTERNAL_ERROR));
        // The connection goes on; only its window is still full.
        client = client.ready().await.unwrap();
        let (response, _) = client.send_request(request("HEAD", "/a.txt"), true).unwrap();
        assert_eq!(response.await.unwrap().status(), 200);
    });
}

#[test]
fn an_idle_connection_is_ended_and_a_busy_one_is_not() {
    let server = site().flag("--keep-alive-timeout=0.3").flag("--request-timeout=0.3").start();
    run(async {
        let (mut client, ended) = plain(&server).await;
        assert_eq!(get(&mut client, "/a.txt").await.0, 200);
        ended.await.unwrap().unwrap();
    });
}

#[test]
fn a_server_that_stops_says_goodbye_and_finishes() {
    let mut server = site().start();
    run(async {
        let (mut client, ended) = plain(&server).await;
        let (response, _) = client.send_request(request("GET", "/large"), true).unwrap();
        let body = response.await.unwrap().into_body();
        server.signal("TERM");
        server.line(|line| line.contains("finishing"));
        assert_eq!(content(body).await.unwrap().len(), 3_000_000);
        drop(client);
        ended.await.unwrap().unwrap();
    });
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn heads_that_are_too_large_are_refused() {
    let server = site().start();
    run(async {
        let (mut client, _) = plain(&server).await;
        let long = Request::get("http://t/a.txt").header("x-long", "y".repeat(20_000));
        let (response, _) = client.send_request(long.body(()).unwrap(), true).unwrap();
        assert_eq!(response.await.unwrap().status(), 431);
        assert_eq!(get(&mut client, "/a.txt").await.0, 200);
    });
}

#[test]
fn requests_that_make_no_sense_are_refused() {
    let server = site().start();
    run(async {
        let (mut client, _) = plain(&server).await;
        let rows = [
            (request("BREW", "/a.txt"), 501),
            (request("DELETE", "/a.txt"), 405),
            (Request::get("http://u@t/a.txt").body(()).unwrap(), 400),
            (Request::get("http://t/a.txt").header("host", "other").body(()).unwrap(), 400),
            (Request::get("http://t/a.txt").header("host", "T").body(()).unwrap(), 200),
            (Request::get("http://t/%").body(()).unwrap(), 400),
            (Request::options("http://t").body(()).unwrap(), 204),
        ];
        for (request, status) in rows {
            let said = format!("{request:?}");
            client = client.ready().await.unwrap();
            let (response, _) = client.send_request(request, true).unwrap();
            assert_eq!(response.await.unwrap().status(), status, "{said}");
        }
    });
}

#[test]
fn a_flood_of_resets_harms_nobody() {
    let server = site().start();
    run(async {
        let (mut other, _) = plain(&server).await;
        let mut resets = 0;
        while resets < 10_000 {
            let (mut client, ended) = plain(&server).await;
            while let Ok(ready) = client.clone().ready().await {
                client = ready;
                let Ok((response, mut stream)) =
                    client.send_request(request("GET", "/large"), false)
                else {
                    break;
                };
                stream.send_reset(Reason::CANCEL);
                drop(response);
                resets += 1;
                if resets % 1000 == 0 || resets > 10_000 {
                    break;
                }
            }
            drop(client);
            let _ = ended.await;
            assert_eq!(get(&mut other, "/a.txt").await.0, 200);
        }
    });
}

#[test]
fn an_upload_comes_whole_and_one_that_is_refused_does_not_end_the_connection() {
    let server = site().flag("--enable-file-uploads").flag("--max-upload-size=2000000").start();
    run(async {
        let (mut client, _) = plain(&server).await;
        for (length, status) in [(1_500_000, 201), (2_500_000, 413), (10, 201)] {
            let put = Request::put("http://t/uploads/f").header("content-length", length);
            client = client.ready().await.unwrap();
            let (response, mut stream) = client.send_request(put.body(()).unwrap(), false).unwrap();
            let sending = async {
                let mut left = length;
                while left > 0 {
                    stream.reserve_capacity(left.min(65_536));
                    let room = std::future::poll_fn(|context| stream.poll_capacity(context)).await;
                    let Some(Ok(room)) = room else { return };
                    left -= room;
                    if stream.send_data(vec![b'u'; room].into(), left == 0).is_err() {
                        return;
                    }
                }
            };
            let (response, ()) = tokio::join!(response, sending);
            assert_eq!(response.unwrap().status(), status, "{length}");
        }
    });
    let stored = std::fs::read(server.root.join("uploads/f")).unwrap();
    assert_eq!(stored.len(), 1_500_000);
}

#[test]
fn content_that_nobody_wants_is_in_the_way_of_no_upload() {
    const WINDOW: usize = 256 * 1024;
    let server = site().flag("--enable-file-uploads").start();
    run(async {
        let mut builder = Builder::new();
        builder.initial_connection_window_size(1 << 20);
        let (client, _) = connect(server.address, &builder).await;
        let mut client = client.ready().await.unwrap();
        // Nothing of this answer is read, and the request does not end.
        let (_answer, mut content) = client.send_request(request("GET", "/large"), false).unwrap();
        content.reserve_capacity(WINDOW);
        while content.capacity() < WINDOW {
            let room = std::future::poll_fn(|context| content.poll_capacity(context)).await;
            room.expect("a stream").unwrap();
        }
        content.send_data(vec![b'x'; WINDOW].into(), false).unwrap();

        let mut client = client.ready().await.unwrap();
        let (response, mut upload) =
            client.send_request(request("PUT", "/uploads/f"), false).unwrap();
        upload.send_data(vec![b'u'; 100_000].into(), true).unwrap();
        assert_eq!(response.await.unwrap().status(), 201);
    });
}

#[test]
fn each_stream_is_in_the_log() {
    let server = site().flag("--access-log-format=json").start();
    run(async {
        let (mut client, _) = plain(&server).await;
        get(&mut client, "/large?log").await;
    });
    let line = server.line(|line| line.contains("?log"));
    let entry: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!((&entry["protocol"], &entry["bytes_out"]), (&"HTTP/2.0".into(), &3_000_000.into()));
    assert_eq!(entry["host"], "t");
}

#[test]
fn half_a_preface_is_waited_for_no_longer_than_a_head() {
    let server = site().flag("--header-timeout=0.3").start();
    run(async {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(b"PRI * HTTP/2.0\r\n\r\n").await.unwrap();
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
    });
}

/// Sends a frame over and over, reading all that comes; what came, once the server has ended it.
async fn flood(address: SocketAddr, frame: &[u8]) -> (u64, Vec<u8>) {
    let (mut input, mut output) = TcpStream::connect(address).await.unwrap().into_split();
    let reading = tokio::spawn(async move {
        let mut all = Vec::new();
        let _ = input.read_to_end(&mut all).await;
        all
    });
    output.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    let many = frame.repeat(1000);
    let mut sent = 0;
    while sent < 1 << 30 && output.write_all(&many).await.is_ok() {
        sent += many.len() as u64;
    }
    (sent, reading.await.unwrap())
}

#[test]
fn floods_of_frames_that_carry_nothing_end_the_connection() {
    let server = site().start();
    let window_update = b"\0\0\x04\x08\0\0\0\0\0\0\0\0\x01";
    let ping = [&b"\0\0\x08\x06\0\0\0\0\0"[..], b"12345678"].concat();
    let frames: [&[u8]; 5] = [
        b"\0\0\0\x04\0\0\0\0\0",
        &ping,
        window_update,
        b"\0\0\x05\x02\0\0\0\0\x03\0\0\0\0\x10",
        b"\0\0\x04\x7f\0\0\0\0\0abcd",
    ];
    run(async {
        for frame in frames {
            let (sent, came) = flood(server.address, frame).await;
            // What the kernel holds is beside what the server read.
            assert!(sent < 64 << 20, "{frame:?}: {sent}");
            // Where the goodbye came before the reset, it says why.
            let calm = b"\x07\0\0\0\0\0\0\0\0";
            if let Some(at) = came.windows(calm.len()).position(|bytes| bytes == calm) {
                assert_eq!(came[at + calm.len() + 4], 0x0b, "{frame:?}: ENHANCE_YOUR_CALM");
            }
        }
        assert_eq!(server.metric("salver_refused_connections_total{reason=\"flood\"}"), 5);
    });
}

#[test]
fn many_requests_and_small_windows_are_no_flood() {
    let server = site().flag("--keep-alive-requests=0").start();
    run(async {
        let (mut client, _) = plain(&server).await;
        for number in 0..1000 {
            // 4 MB in all, of which none can be compressed by what came before.
            let long = format!("{number:04}").repeat(1000);
            let head = Request::head("http://t/a.txt").header("x-long", long).body(()).unwrap();
            client = client.ready().await.unwrap();
            let (response, _) = client.send_request(head, true).unwrap();
            assert_eq!(response.await.unwrap().status(), 200);
        }
        // Each piece of 200 bytes is given back by itself.
        let (mut client, _) =
            connect(server.address, Builder::new().initial_window_size(200)).await;
        let (response, _) = client.send_request(request("GET", "/large"), true).unwrap();
        let body = content(response.await.unwrap().into_body()).await.unwrap();
        assert_eq!(body.len(), 3_000_000);
    });
}
