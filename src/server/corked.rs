//! The socket under an encrypted connection, which puts the last words of a handshake in front of
//! what is said next.
//!
//! A server ends a handshake of TLS 1.3 with a ticket to come back with (RFC 8446 section 4.6.1).
//! Nobody waits for it, so it goes out with the first answer: one packet less for each connection.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// The type of encrypted records (RFC 8446 section 5.1): of a handshake, those behind its first
/// flight.
const APPLICATION_DATA: u8 = 23;

/// Bytes that are kept at most: more than a ticket takes.
const MOST: usize = 1024;

/// Slices of one write, what was kept included.
const SLICES: usize = 16;

/// A socket that keeps a ticket until there is more to say.
pub(super) struct Corked {
    stream: TcpStream,
    phase: Phase,
    kept: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nothing was written.
    Hello,
    /// The client has to answer what was written.
    Handshake,
    /// The handshake is over.
    Open,
}

impl Corked {
    /// A socket on which a handshake begins.
    pub(super) fn new(stream: TcpStream) -> Self {
        Self { stream, phase: Phase::Hello, kept: Vec::new() }
    }

    /// Notes that the handshake is over: nothing more is kept.
    pub(super) fn open(&mut self) {
        self.phase = Phase::Open;
    }

    /// The socket, to wait for.
    pub(super) fn socket(&self) -> &TcpStream {
        &self.stream
    }

    /// Sends what was kept, as far as that takes no waiting.
    pub(super) fn send_kept(&mut self) {
        if !self.kept.is_empty() {
            // A courtesy: to a client that does not get it nothing is lost.
            let _ = self.stream.try_write(&self.kept);
            self.kept = Vec::new();
        }
    }

    /// Keeps a ticket; how many bytes it has.
    fn keep(&mut self, slices: &[IoSlice<'_>]) -> Option<usize> {
        let first = slices.iter().find_map(|slice| slice.first());
        let length = slices.iter().map(|slice| slice.len()).sum();
        let is_kept = self.phase == Phase::Handshake
            && first == Some(&APPLICATION_DATA)
            && self.kept.len() + length <= MOST;
        if is_kept {
            self.kept.extend(slices.iter().flat_map(|slice| slice.iter().copied()));
        } else if self.phase == Phase::Hello {
            self.phase = Phase::Handshake;
        }
        is_kept.then_some(length)
    }

    /// Writes what was kept with the slices behind it; how much of these.
    fn poll_write_behind(
        &mut self,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        while !self.kept.is_empty() {
            let mut all = [IoSlice::new(&[]); SLICES];
            all[0] = IoSlice::new(&self.kept);
            let count = slices.len().min(SLICES - 1);
            all[1..=count].copy_from_slice(&slices[..count]);
            let stream = Pin::new(&mut self.stream);
            let written = ready!(stream.poll_write_vectored(context, &all[..=count]))?;
            if written == 0 {
                return Poll::Ready(Ok(0));
            }
            let of_kept = written.min(self.kept.len());
            self.kept.drain(..of_kept);
            if written > of_kept {
                self.kept = Vec::new();
                return Poll::Ready(Ok(written - of_kept));
            }
        }
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }
}

impl AsyncRead for Corked {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Corked {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(context, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let it = self.get_mut();
        if it.phase != Phase::Open
            && let Some(length) = it.keep(slices)
        {
            return Poll::Ready(Ok(length));
        }
        if it.kept.is_empty() {
            return Pin::new(&mut it.stream).poll_write_vectored(context, slices);
        }
        it.poll_write_behind(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let it = self.get_mut();
        it.send_kept();
        Pin::new(&mut it.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    const FLIGHT: &[u8] = b"\x16 a first flight";
    const TICKET: &[u8] = b"\x17 a ticket";
    const ANSWER: &[u8] = b"\x17 an answer";

    async fn pair() -> (Corked, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (Corked::new(listener.accept().await.unwrap().0), client)
    }

    async fn received(server: Corked, mut client: TcpStream) -> Vec<u8> {
        drop(server);
        let mut all = Vec::new();
        client.read_to_end(&mut all).await.unwrap();
        all
    }

    #[tokio::test]
    async fn a_ticket_waits_for_the_answer_and_goes_in_front_of_it() {
        let (mut server, client) = pair().await;
        server.write_all(FLIGHT).await.unwrap();
        server.write_all(TICKET).await.unwrap();
        server.open();
        assert_eq!(server.kept, TICKET);
        server.write_all(ANSWER).await.unwrap();
        assert!(server.kept.is_empty());
        assert_eq!(received(server, client).await, [FLIGHT, TICKET, ANSWER].concat());
    }

    #[tokio::test]
    async fn what_the_client_waits_for_is_not_kept() {
        let (mut server, client) = pair().await;
        let finished = b"\x14\x16 the last flight of TLS 1.2";
        for bytes in [FLIGHT, FLIGHT, finished] {
            server.write_all(bytes).await.unwrap();
            assert!(server.kept.is_empty());
        }
        server.open();
        server.write_all(ANSWER).await.unwrap();
        assert_eq!(received(server, client).await, [FLIGHT, FLIGHT, finished, ANSWER].concat());
    }

    #[tokio::test]
    async fn last_words_are_said_when_nothing_follows() {
        for shuts_down in [false, true] {
            let (mut server, client) = pair().await;
            server.write_all(FLIGHT).await.unwrap();
            server.write_all(TICKET).await.unwrap();
            if shuts_down {
                server.shutdown().await.unwrap();
            } else {
                server.send_kept();
            }
            assert_eq!(received(server, client).await, [FLIGHT, TICKET].concat());
        }
    }

    #[tokio::test]
    async fn an_answer_of_many_pieces_arrives_whole() {
        let (mut server, client) = pair().await;
        server.write_all(FLIGHT).await.unwrap();
        server.write_all(TICKET).await.unwrap();
        server.open();
        let pieces = [[7_u8; 400]; 40];
        let mut slices: Vec<_> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
        let mut left = &mut slices[..];
        while !left.is_empty() {
            let written = server.write_vectored(left).await.unwrap();
            IoSlice::advance_slices(&mut left, written);
        }
        let expected = [FLIGHT, TICKET, &pieces.concat()].concat();
        assert_eq!(received(server, client).await, expected);
    }
}
