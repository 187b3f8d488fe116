//! Names, connections, TLS.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{self, Error};

use super::{Plan, http2};
use crate::client::{ClientError, Url};

/// Where the server is, and how it is spoken to.
pub(super) struct Place {
    address: SocketAddr,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    http2: bool,
    timeout: Duration,
}

/// A connection.
pub(super) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Place {
    /// Looks the server up and connects once, so that what is wrong is known before the load begins.
    pub(super) async fn find(plan: &Plan) -> Result<Self, ClientError> {
        let url = &plan.origin;
        let connect = |source| ClientError::Connect { to: name(url), source };
        let host = url.host_str().unwrap_or_default();
        let unbracketed = host.trim_start_matches('[').trim_end_matches(']');
        let port = url.port_or_known_default().unwrap_or_default();
        let tls = if url.scheme() == "https" {
            let config = plan.tls.config(plan.http2)?;
            let server = ServerName::try_from(unbracketed.to_owned());
            let server = server.map_err(|error| connect(io::Error::other(error)))?;
            Some((TlsConnector::from(config), server))
        } else {
            None
        };
        let mut place = Self {
            address: SocketAddr::from(([0; 4], 0)),
            tls,
            http2: plan.http2,
            timeout: plan.timeout,
        };
        let mut failed = io::Error::new(io::ErrorKind::NotFound, "the name stands for no address");
        for address in lookup_host((unbracketed, port)).await.map_err(connect)? {
            place.address = address;
            match tokio::time::timeout(plan.timeout, place.greet()).await {
                Ok(Ok(())) => return Ok(place),
                Ok(Err(error)) => failed = error,
                Err(_) => failed = io::ErrorKind::TimedOut.into(),
            }
        }
        Err(explained(url, plan.timeout, failed))
    }

    /// A new connection, with TLS if that is spoken.
    pub(super) async fn connect(&self) -> io::Result<Stream> {
        match tokio::time::timeout(self.timeout, self.open()).await {
            Ok(stream) => stream,
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        }
    }

    /// Connects, and sees that the server speaks what it is to speak.
    async fn greet(&self) -> io::Result<()> {
        let is_spoken = match self.connect().await? {
            _ if !self.http2 => true,
            Stream::Plain(stream) => http2::is_spoken(stream).await,
            Stream::Tls(stream) => http2::is_spoken(stream).await,
        };
        if is_spoken { Ok(()) } else { Err(not_spoken()) }
    }

    async fn open(&self) -> io::Result<Stream> {
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let Some((connector, server)) = &self.tls else { return Ok(Stream::Plain(stream)) };
        let stream = connector.connect(server.clone(), stream).await?;
        if self.http2 && stream.get_ref().1.alpn_protocol() != Some(b"h2") {
            return Err(not_spoken());
        }
        Ok(Stream::Tls(Box::new(stream)))
    }
}

fn not_spoken() -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, "it does not speak HTTP/2")
}

/// A server as it is named in errors.
fn name(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// What it means that the first connection failed.
fn explained(url: &Url, timeout: Duration, error: io::Error) -> ClientError {
    let who = name(url);
    if error.kind() == io::ErrorKind::TimedOut && error.raw_os_error().is_none() {
        return ClientError::Timeout { to: who, after: timeout };
    }
    if error.kind() == io::ErrorKind::Unsupported && error.raw_os_error().is_none() {
        return ClientError::NoHttp2 { by: who };
    }
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(Error::InvalidCertificate(source)) => {
            ClientError::Certificate { of: who, source: source.clone() }
        }
        Some(source) => ClientError::Tls { with: who, source: source.clone() },
        None => ClientError::Connect { to: who, source: error },
    }
}
