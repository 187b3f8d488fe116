use std::io::Write;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use futures_core::Stream;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::server::deadline::{Allowance, Deadline};

async fn pair() -> (Transport, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (client, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
    (Transport::Tcp(accepted.unwrap().0.into()), client.unwrap())
}

/// What arrives when these bodies are sent behind a head each, and how sending ended.
async fn send(bodies: Vec<(Body, bool)>) -> (Vec<u8>, io::Result<()>, u64) {
    let (mut io, mut client) = pair().await;
    let sending = async {
        let mut outbox = Outbox::default();
        let mut deadline = Deadline::after(Duration::from_secs(10));
        let mut pace =
            Pace { deadline: &mut deadline, allowance: Allowance::new(Duration::from_secs(10), 0) };
        let mut result = Ok(());
        for (mut body, chunked) in bodies {
            let bulk = is_bulk(&mut body);
            outbox.encode(|out| out.extend_from_slice(b"HEAD|"));
            outbox.push(body, chunked);
            if bulk {
                result = outbox.flush(&mut io, &mut pace).await;
            }
        }
        if result.is_ok() {
            result = outbox.flush(&mut io, &mut pace).await;
        }
        assert!(outbox.is_empty());
        drop(io);
        (result, outbox.sent_in_all().load(Ordering::Relaxed))
    };
    let mut received = Vec::new();
    let ((result, sent), read) = tokio::join!(sending, client.read_to_end(&mut received));
    read.unwrap();
    (received, result, sent)
}

fn span(content: &[u8]) -> FileSpan {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(content).unwrap();
    let modified = file.metadata().unwrap().modified().ok();
    FileSpan {
        file: Arc::new(file),
        modified,
        start: 0,
        length: content.len() as u64,
        warm_until: 0,
    }
}

fn numbers(count: u32) -> Vec<u8> {
    (0..count).flat_map(u32::to_le_bytes).collect()
}

/// Yields its pieces, with a pause before each.
struct Pieces {
    left: Vec<&'static str>,
    paused: bool,
}

impl Stream for Pieces {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.paused = !self.paused;
        if self.paused {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        if self.left.is_empty() {
            return Poll::Ready(None);
        }
        let piece = self.left.remove(0);
        let failed = || io::Error::other("the source failed");
        Poll::Ready(Some(if piece == "!" { Err(failed()) } else { Ok(Bytes::from(piece)) }))
    }
}

fn stream(length: Option<u64>, pieces: &[&'static str]) -> Body {
    let pieces = Pieces { left: pieces.to_vec(), paused: false };
    Body::Stream { length, chunks: Chunks::new(pieces) }
}

#[tokio::test]
async fn answers_leave_in_the_order_they_came() {
    let large = Bytes::from(vec![b'x'; COPY_LIMIT + 1]);
    let (received, result, sent) = send(vec![
        (Body::Bytes("one".into()), false),
        (Body::Bytes(large.clone()), false),
        (Body::Empty, false),
        (Body::File(span(b"file")), false),
        (Body::Bytes("last".into()), false),
    ])
    .await;
    let expected = [b"HEAD|oneHEAD|", &large[..], b"HEAD|HEAD|fileHEAD|last"].concat();
    assert!(result.is_ok());
    assert_eq!(sent, expected.len() as u64);
    assert!(received == expected);
}

#[tokio::test]
async fn content_without_bytes_is_no_error() {
    let parts = vec![Part::Bytes(Bytes::new()), Part::File(span(b"")), Part::Bytes("x".into())];
    let bodies = vec![
        (Body::File(span(b"file")), false),
        (Body::Bytes(Bytes::new()), false),
        (Body::Parts(parts), false),
    ];
    let (received, result, _) = send(bodies).await;
    result.unwrap();
    assert_eq!(received, b"HEAD|fileHEAD|HEAD|x");

    let (mut io, _client) = pair().await;
    let mut outbox = Outbox::default();
    outbox.push(Body::Bytes(Bytes::new()), false);
    let mut deadline = Deadline::after(Duration::from_secs(10));
    let mut pace =
        Pace { deadline: &mut deadline, allowance: Allowance::new(Duration::from_secs(10), 0) };
    outbox.flush(&mut io, &mut pace).await.unwrap();
}

#[tokio::test]
async fn a_pipeline_of_more_answers_than_one_write_takes() {
    let body = Bytes::from(vec![b'y'; COPY_LIMIT + 1]);
    let bodies = (0..3 * SLICES).map(|_| (Body::Bytes(body.clone()), false)).collect();
    let (received, _, _) = send(bodies).await;
    assert!(received == [b"HEAD|", &body[..]].concat().repeat(3 * SLICES));
}

#[tokio::test]
async fn a_large_file_arrives_whole_and_in_pieces() {
    let content = numbers(1_000_000);
    let whole = span(&content);
    let part = FileSpan { start: 1_000_001, length: 2_000_003, ..whole.clone() };
    let parts = vec![Part::Bytes("<".into()), Part::File(part), Part::Bytes(">".into())];
    let (received, result, _) =
        send(vec![(Body::File(whole), false), (Body::Parts(parts), false)]).await;
    result.unwrap();
    let part = &content[1_000_001..3_000_004];
    assert!(received == [b"HEAD|", &content[..], b"HEAD|<", part, b">"].concat());
}

#[tokio::test]
async fn a_file_that_shrank_or_changed_is_cut_short() {
    let content = numbers(100_000);
    let shrunk = span(&content);
    shrunk.file.set_len(50_000).unwrap();
    let mut changed = span(&content);
    changed.modified = Some(SystemTime::UNIX_EPOCH);
    for span in [shrunk, changed] {
        let (received, result, sent) = send(vec![(Body::File(span), false)]).await;
        assert!(result.is_err());
        assert!(received.len() < content.len(), "{}", received.len());
        assert_eq!(sent, received.len() as u64);
    }
}

#[tokio::test]
async fn a_stream_of_unknown_length_is_chunked() {
    let (received, result, _) = send(vec![(stream(None, &["hello, ", "", "world"]), true)]).await;
    result.unwrap();
    assert_eq!(received, b"HEAD|7\r\nhello, \r\n5\r\nworld\r\n0\r\n\r\n");
}

#[tokio::test]
async fn a_stream_keeps_the_length_it_announced_or_is_cut() {
    let (received, result, _) = send(vec![(stream(Some(4), &["ab", "cd"]), false)]).await;
    result.unwrap();
    assert_eq!(received, b"HEAD|abcd");
    for pieces in [&["ab"][..], &["ab", "cde"], &["ab", "!"]] {
        let (received, result, _) = send(vec![(stream(Some(4), pieces), false)]).await;
        assert!(result.is_err(), "{pieces:?}");
        assert_eq!(received, b"HEAD|ab", "{pieces:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_nothing_is_given_up() {
    let (mut io, client) = pair().await;
    let mut outbox = Outbox::default();
    outbox.push(Body::File(span(&vec![0; 64 << 20])), false);
    let mut deadline = Deadline::after(Duration::from_hours(1));
    let mut pace =
        Pace { deadline: &mut deadline, allowance: Allowance::new(Duration::from_secs(30), 0) };
    let error = outbox.flush(&mut io, &mut pace).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    drop(client);
}
