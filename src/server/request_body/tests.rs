use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::message::RequestBody;
use crate::server::clock;
use crate::server::deadline::{Allowance, Deadline};

/// A connection that lends itself to body readers, and the client at its other end.
struct Lender {
    io: Transport,
    inbox: Inbox,
    deadline: Deadline,
    progress: Progress,
    allowance: Allowance,
}

async fn lender(length: BodyLength, client_waits: bool, early: &[u8]) -> (Lender, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (client, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
    let mut inbox = Inbox::new();
    inbox.room(0)[..early.len()].copy_from_slice(early);
    inbox.filled(early.len());
    let lender = Lender {
        io: Transport::Tcp(accepted.unwrap().0.into()),
        inbox,
        deadline: Deadline::after(Duration::from_secs(10)),
        progress: Progress::new(
            length,
            client_waits,
            Limits::default(),
            Intake::new(&Arc::default()),
        ),
        allowance: Allowance::new(Duration::from_secs(10), 0),
    };
    (lender, client.unwrap())
}

impl Lender {
    fn reader(&mut self) -> BodyReader<'_> {
        let pace = Pace { deadline: &mut self.deadline, allowance: self.allowance };
        BodyReader::new(&mut self.io, &mut self.inbox, pace, &mut self.progress)
    }

    async fn read_all(&mut self) -> Result<Vec<u8>, BodyError> {
        let mut reader = self.reader();
        let mut body = RequestBody::Incoming(&mut reader);
        let mut all = Vec::new();
        while let Some(piece) = body.chunk().await {
            all.extend_from_slice(&piece?);
        }
        Ok(all)
    }
}

#[tokio::test]
async fn a_body_of_known_length_ends_where_the_next_request_begins() {
    let (mut lender, mut client) = lender(BodyLength::Length(10), false, b"0123").await;
    client.write_all(b"456789GET /").await.unwrap();
    assert_eq!(lender.reader().length(), Some(10));
    assert_eq!(lender.read_all().await.unwrap(), b"0123456789");
    assert!(lender.progress.is_finished());
    assert_eq!(lender.progress.intake.bytes(), 10);
    let mut next = [0; 5];
    poll_fn(|context| lender.io.poll_read(context, &mut next)).await.unwrap();
    assert_eq!(&next, b"GET /");
}

#[tokio::test]
async fn a_chunked_body_is_taken_out_of_its_coding() {
    let (mut lender, mut client) = lender(BodyLength::Chunked, false, b"3\r\nab").await;
    client.write_all(b"c\r\n2;x=y\r\nde\r\n0\r\nT: v\r\n\r\nGET /").await.unwrap();
    assert_eq!(lender.reader().length(), None);
    assert_eq!(lender.read_all().await.unwrap(), b"abcde");
    assert_eq!(lender.inbox.unread(), b"GET /");
}

#[tokio::test]
async fn a_malformed_chunk_and_a_lost_client_are_told_apart() {
    let (mut malformed, _client) = lender(BodyLength::Chunked, false, b"zz\r\n").await;
    assert!(matches!(malformed.read_all().await, Err(BodyError::Malformed)));
    assert!(!malformed.progress.can_drain(u64::MAX));

    let (mut lost, client) = lender(BodyLength::Length(5), false, b"abc").await;
    drop(client);
    assert!(matches!(lost.read_all().await, Err(BodyError::Closed)));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_stops_sending_is_given_up() {
    let (mut lender, _client) = lender(BodyLength::Length(5), false, b"abc").await;
    assert!(matches!(lender.read_all().await, Err(BodyError::TimedOut)));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_too_long_in_all_is_told_so_and_not_that_it_stopped() {
    let (mut lender, _client) = lender(BodyLength::Length(5), false, b"abc").await;
    let end = Some(clock::now() + Duration::from_secs(3));
    lender.allowance = lender.allowance.until(end);
    let error = lender.read_all().await.unwrap_err();
    assert!(matches!(error, BodyError::TookTooLong), "{error}");
    assert!(error.to_string().contains("longer than the server allows in all"), "{error}");
}

#[tokio::test]
async fn continue_is_sent_when_the_body_is_asked_for_and_not_before() {
    let (mut lender, mut client) = lender(BodyLength::Length(2), true, b"").await;
    assert!(!lender.progress.can_drain(u64::MAX), "the client may never send it");
    let client = async {
        let mut interim = vec![0; CONTINUE.len()];
        client.read_exact(&mut interim).await.unwrap();
        client.write_all(b"ok").await.unwrap();
        interim
    };
    let (body, interim) = tokio::join!(lender.read_all(), client);
    assert_eq!((body.unwrap(), interim), (b"ok".to_vec(), CONTINUE.to_vec()));
}

#[tokio::test]
async fn draining_stops_at_its_limit() {
    let (mut short, _client) = lender(BodyLength::Length(4), false, b"abcd").await;
    assert!(short.progress.can_drain(4));
    assert!(short.reader().drain(4).await);

    let (mut long, mut client) = lender(BodyLength::Chunked, false, b"").await;
    let client = async move {
        // The server may have had enough before all is sent.
        while client.write_all(b"1000\r\n").await.is_ok() {
            if client.write_all(&[b'x'; 0x1000]).await.is_err()
                || client.write_all(b"\r\n").await.is_err()
            {
                return;
            }
        }
    };
    let drained = async move { long.reader().drain(64 * 1024).await };
    let (drained, ()) = tokio::join!(drained, client);
    assert!(!drained);
}
