//! From a new TCP connection to an encrypted one, in bounded time and memory.
//!
//! 1. Wait for the first byte; nothing is kept meanwhile but the socket.
//! 2. One that does not speak TLS is told so, in plain HTTP.
//! 3. The handshake, if not too many are in progress.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::sync::Arc;

use http::StatusCode;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsAcceptor;

use super::accept::plain_answer;
use super::linger::linger;
use super::transport::Transport;
use super::worker::Worker;
use crate::tls::{self, Tls};

/// The type of the record that a handshake begins with (RFC 8446 section 5.1).
const HANDSHAKE: u8 = 22;

/// What ALPN calls HTTP/2 (RFC 9113 section 3.1).
const H2: &[u8] = b"h2";

/// What somebody reads who sent plain HTTP here.
const HINT: &str = "This is an HTTPS port: use https:// instead of http://.\n";

/// An encrypted connection.
pub(super) struct Secured {
    pub(super) io: Transport,
    /// Whether HTTP/2 was agreed on.
    pub(super) is_h2: bool,
    /// Whom the client's certificate names.
    pub(super) subject: Option<Arc<str>>,
}

/// Speaks TLS on a new connection. `None`: it has ended.
pub(super) async fn handshake(stream: TcpStream, tls: &Tls, worker: &Worker) -> Option<Secured> {
    let end = Instant::now() + worker.settings.header_timeout;
    match timeout_at(end, first_byte(&stream)).await {
        Ok(Ok(Some(HANDSHAKE))) => {}
        Ok(Ok(Some(_))) => {
            hint(stream, end).await;
            return None;
        }
        _ => return None,
    }
    let Some(_place) = worker.begin_handshake() else {
        tracing::debug!("too many handshakes in progress: closed");
        return None;
    };
    let acceptor = TlsAcceptor::from(tls.config());
    // Boxed: what a handshake needs is not needed afterwards.
    match timeout_at(end, Box::pin(acceptor.accept(stream))).await {
        Ok(Ok(stream)) => {
            let (_, session) = stream.get_ref();
            let is_h2 = session.alpn_protocol() == Some(H2);
            let subject = session.peer_certificates().and_then(tls::subject);
            Some(Secured { io: Transport::Tls(Box::new(stream)), is_h2, subject })
        }
        Ok(Err(error)) => {
            tracing::debug!(%error, "a handshake failed");
            None
        }
        Err(_) => {
            tracing::debug!("a handshake took too long");
            None
        }
    }
}

/// The first byte that comes, which stays where it is.
async fn first_byte(stream: &TcpStream) -> io::Result<Option<u8>> {
    let mut byte = [0];
    let count = stream.peek(&mut byte).await?;
    Ok((count > 0).then_some(byte[0]))
}

async fn hint(stream: TcpStream, end: Instant) {
    let mut io = Transport::Tcp(stream);
    let answer = plain_answer(StatusCode::BAD_REQUEST, HINT, None);
    let slices = [IoSlice::new(&answer)];
    let written = poll_fn(|context| io.poll_write(context, &slices, false));
    if matches!(timeout_at(end, written).await, Ok(Ok(_))) {
        linger(&mut io).await;
    }
}
