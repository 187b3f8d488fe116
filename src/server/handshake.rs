//! From a new TCP connection to an encrypted one, in bounded time and memory.
//!
//! 1. Wait for the first bytes; nothing is kept meanwhile but the socket.
//! 2. A client that does not speak TLS is told so, in plain HTTP.
//! 3. The handshake, if not too many are in progress.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::sync::Arc;

use http::StatusCode;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::StartHandshake;
use tokio_rustls::rustls::server::{Accepted, Acceptor};
use tokio_rustls::rustls::{self, HandshakeKind, ProtocolVersion};
use tokio_rustls::server::TlsStream;

use super::accept::plain_answer;
use super::linger::linger;
use super::service::Service;
use super::transport::Transport;
use super::worker::Worker;
use crate::stats::{HandshakeFailure, Refused, Timeout};
use crate::tls::{self, Tls};

/// The type of the record that a handshake begins with (RFC 8446 section 5.1).
const HANDSHAKE: u8 = 22;

/// What ALPN calls HTTP/2 (RFC 9113 section 3.1).
const H2: &[u8] = b"h2";

/// What somebody reads who sent plain HTTP here.
const HINT: &str = "This is an HTTPS port: use https:// instead of http://.\n";

/// Bytes read at a time: a usual first flight of a client.
const FLIGHT: usize = 2048;

/// An encrypted connection.
pub(super) struct Secured {
    pub(super) io: Transport,
    /// Whether HTTP/2 was agreed on.
    pub(super) is_h2: bool,
    /// Whom the client's certificate names.
    pub(super) subject: Option<Arc<str>>,
}

/// Why there is no encrypted connection.
enum Failure {
    /// The client speaks something else.
    NotTls(TcpStream),
    Broken(io::Error),
    Busy,
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Broken(error)
    }
}

/// Speaks TLS on a new connection. `None`: it has ended.
pub(super) async fn handshake(
    stream: TcpStream,
    service: &Service,
    worker: &Worker,
) -> Option<Secured> {
    let tls = service.tls.as_deref()?;
    let end = Instant::now() + service.settings.header_timeout;
    // Boxed: what a handshake needs is not needed afterwards.
    match timeout_at(end, Box::pin(shake(stream, tls, worker))).await {
        Ok(Ok(stream)) => {
            let (_, session) = stream.get_ref();
            let is_tls13 = session.protocol_version() == Some(ProtocolVersion::TLSv1_3);
            let resumed = session.handshake_kind() == Some(HandshakeKind::Resumed);
            worker.tally.shook_hands(is_tls13, resumed);
            let is_h2 = session.alpn_protocol() == Some(H2);
            let subject = session.peer_certificates().and_then(tls::subject);
            return Some(Secured { io: Transport::secured(stream), is_h2, subject });
        }
        Ok(Err(Failure::NotTls(stream))) => {
            worker.tally.handshake_failed(HandshakeFailure::NotTls);
            hint(stream, end).await;
        }
        Ok(Err(Failure::Broken(error))) => {
            worker.tally.handshake_failed(reason(&error));
            tracing::debug!(%error, "a handshake failed");
        }
        Ok(Err(Failure::Busy)) => {
            worker.tally.handshake_failed(HandshakeFailure::Busy);
            worker.tally.refused(Refused::Handshakes);
            tracing::debug!("too many handshakes in progress: closed");
        }
        Err(_) => {
            worker.tally.handshake_failed(HandshakeFailure::TimedOut);
            worker.tally.timed_out(Timeout::Handshake);
            tracing::debug!("a handshake took too long");
        }
    }
    None
}

/// Why a handshake failed, as it is counted.
fn reason(error: &io::Error) -> HandshakeFailure {
    match error.get_ref().and_then(|inner| inner.downcast_ref()) {
        Some(rustls::Error::AlertReceived(_)) => HandshakeFailure::Alert,
        Some(rustls::Error::PeerIncompatible(_) | rustls::Error::NoApplicationProtocol) => {
            HandshakeFailure::Incompatible
        }
        Some(rustls::Error::NoCertificatesPresented | rustls::Error::InvalidCertificate(_)) => {
            HandshakeFailure::ClientCertificate
        }
        Some(
            rustls::Error::InvalidMessage(_)
            | rustls::Error::PeerMisbehaved(_)
            | rustls::Error::InappropriateMessage { .. }
            | rustls::Error::InappropriateHandshakeMessage { .. }
            | rustls::Error::DecryptError
            | rustls::Error::PeerSentOversizedRecord,
        ) => HandshakeFailure::Malformed,
        Some(_) => HandshakeFailure::Other,
        // Not what was sent, but that nothing more came.
        None => HandshakeFailure::Closed,
    }
}

async fn shake(
    stream: TcpStream,
    tls: &Tls,
    worker: &Worker,
) -> Result<TlsStream<TcpStream>, Failure> {
    stream.readable().await?;
    let _place = worker.begin_handshake().ok_or(Failure::Busy)?;
    let mut acceptor = Acceptor::default();
    let mut is_first = true;
    let accepted = loop {
        match read_hello(&stream, &mut acceptor, is_first)? {
            Hello::Whole(accepted) => break *accepted,
            Hello::NotTls => return Err(Failure::NotTls(stream)),
            Hello::Part => is_first = false,
            Hello::Nothing => stream.readable().await?,
        }
    };
    Ok(StartHandshake::from_parts(accepted, stream).into_stream(tls.config()).await?)
}

/// What there is of a client's first message.
enum Hello {
    Whole(Box<Accepted>),
    Part,
    Nothing,
    NotTls,
}

/// Reads once.
fn read_hello(stream: &TcpStream, acceptor: &mut Acceptor, is_first: bool) -> io::Result<Hello> {
    let mut flight = [0; FLIGHT];
    let count = match stream.try_read(&mut flight) {
        Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
        Ok(count) => count,
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Hello::Nothing),
        Err(error) => return Err(error),
    };
    if is_first && flight[0] != HANDSHAKE {
        return Ok(Hello::NotTls);
    }
    let mut bytes = &flight[..count];
    while !bytes.is_empty() {
        acceptor.read_tls(&mut bytes)?;
    }
    let accepted = acceptor.accept().map_err(|(error, mut alert)| {
        // What fits into the buffer of a new socket, or nothing: it is a courtesy.
        let mut message = Vec::new();
        let _ = alert.write_all(&mut message);
        let _ = stream.try_write(&message);
        io::Error::new(io::ErrorKind::InvalidData, error)
    })?;
    Ok(accepted.map_or(Hello::Part, |accepted| Hello::Whole(Box::new(accepted))))
}

async fn hint(stream: TcpStream, end: Instant) {
    let mut io = Transport::Tcp(stream.into());
    let answer = plain_answer(StatusCode::BAD_REQUEST, HINT, None);
    let slices = [IoSlice::new(&answer)];
    let written = poll_fn(|context| io.poll_write(context, &slices, false));
    if matches!(timeout_at(end, written).await, Ok(Ok(_))) {
        linger(&mut io).await;
    }
}
