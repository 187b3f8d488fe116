//! What the tests speak: `SALVER_TEST_OVER` is `plain`, `tls` or `h2`.
//!
//! Tests that speak bytes are about HTTP/1.1; over `h2` they speak it over TLS, and whole requests
//! go over HTTP/2.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::Bytes;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::{PATIENCE, Response};

/// What is under HTTP, and which HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    Plain,
    Tls,
    H2,
}

impl Over {
    pub fn chosen() -> Self {
        match std::env::var("SALVER_TEST_OVER").as_deref() {
            Err(_) | Ok("plain") => Self::Plain,
            Ok("tls") => Self::Tls,
            Ok("h2") => Self::H2,
            Ok(other) => panic!("SALVER_TEST_OVER={other}: plain, tls or h2"),
        }
    }

    pub fn is_secure(self) -> bool {
        self != Self::Plain
    }
}

/// A certificate for this machine, and its key.
static CERTIFICATE: LazyLock<rcgen::CertifiedKey<rcgen::KeyPair>> = LazyLock::new(|| {
    let names = ["localhost", "127.0.0.1", "t"].map(str::to_owned);
    rcgen::generate_simple_self_signed(names).expect("a certificate")
});

/// SHA-256 of the certificate's public key in Base64, by which browsers are told to trust it.
pub fn key_pin() -> String {
    use base64::prelude::{BASE64_STANDARD, Engine};
    use rcgen::PublicKeyData;
    use sha2::{Digest, Sha256};
    BASE64_STANDARD.encode(Sha256::digest(CERTIFICATE.signing_key.subject_public_key_info()))
}

/// Writes the files of the certificate; the flags that name them.
pub fn certify(folder: &Path) -> Vec<String> {
    let (cert, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    std::fs::write(&cert, CERTIFICATE.cert.pem()).expect("a file");
    std::fs::write(&key, CERTIFICATE.signing_key.serialize_pem()).expect("a file");
    let flag = |name: &str, path: &Path| format!("--{name}={}", path.display());
    vec!["--ssl".to_owned(), flag("ssl-cert", &cert), flag("ssl-key", &key)]
}

pub fn config(protocol: &str) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CERTIFICATE.cert.der().clone()).expect("an authority");
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
    Arc::new(config)
}

pub fn name() -> ServerName<'static> {
    ServerName::try_from("localhost").expect("a name")
}

/// A connection, encrypted or not.
pub enum Wire {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Wire {
    pub fn to(address: SocketAddr, over: Over) -> Self {
        let stream = TcpStream::connect(address).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
        stream.set_nodelay(true).expect("no delay");
        if !over.is_secure() {
            return Self::Plain(stream);
        }
        let session = ClientConnection::new(config("http/1.1"), name()).expect("a session");
        Self::Tls(Box::new(StreamOwned::new(session, stream)))
    }

    pub fn socket(&self) -> &TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => &stream.sock,
        }
    }

    /// Says that nothing more comes.
    pub fn finish(&mut self) -> io::Result<()> {
        if let Self::Tls(stream) = self {
            stream.conn.send_close_notify();
            stream.flush()?;
        }
        self.socket().shutdown(Shutdown::Write)
    }

    /// Whether nothing comes for a while, not even the end.
    pub fn is_quiet_for(&mut self, time: Duration) -> bool {
        self.socket().set_read_timeout(Some(time)).expect("a time-out");
        let quiet = match self {
            Self::Plain(stream) => stream.peek(&mut [0]).is_err(),
            Self::Tls(stream) => stream.read(&mut [0]).is_err(),
        };
        self.socket().set_read_timeout(Some(PATIENCE)).expect("a time-out");
        quiet
    }
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(buffer),
            Self::Tls(stream) => read_tls(stream, buffer),
        }
    }
}

/// Reads also where what was written before cannot be sent any more: the server's last words may
/// be there all the same.
fn read_tls(
    stream: &mut StreamOwned<ClientConnection, TcpStream>,
    buffer: &mut [u8],
) -> io::Result<usize> {
    let StreamOwned { conn, sock } = stream;
    loop {
        while conn.wants_write() && conn.write_tls(sock).is_ok() {}
        match conn.reader().read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            done => return done,
        }
        conn.read_tls(sock)?;
        conn.process_new_packets().map_err(io::Error::other)?;
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

/// Sends one request over HTTP/2. `None` when it is one that HTTP/2 clients cannot send.
pub fn request_h2(
    address: SocketAddr,
    method: &str,
    target: &str,
    fields: &[(&str, &str)],
    body: &[u8],
) -> Option<Response> {
    let host = fields.iter().find(|(name, _)| name.eq_ignore_ascii_case("host"));
    let host = host.map_or("t", |(_, value)| value);
    let mut request =
        http::Request::builder().method(method).uri(format!("https://{host}{target}"));
    for (name, value) in fields {
        if !name.eq_ignore_ascii_case("host") && !name.eq_ignore_ascii_case("connection") {
            request = request.header(*name, *value);
        }
    }
    let request = request.body(()).ok()?;
    if request.uri().path_and_query().is_none_or(|path| path.as_str() != target) {
        return None;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let exchange = async {
        let exchange = exchange(address, request, body);
        tokio::time::timeout(PATIENCE, exchange).await.expect("an answer in time")
    };
    Some(runtime.expect("an event loop").block_on(exchange))
}

async fn exchange(address: SocketAddr, request: http::Request<()>, body: &[u8]) -> Response {
    let stream = tokio::net::TcpStream::connect(address).await.expect("a connection");
    let stream = TlsConnector::from(config("h2")).connect(name(), stream).await;
    let (mut client, connection) =
        h2::client::handshake(stream.expect("TLS")).await.expect("HTTP/2");
    tokio::spawn(connection);
    let (response, mut content) =
        client.send_request(request, body.is_empty()).expect("a request is sent");
    if !body.is_empty() {
        // What is refused early is not taken whole.
        let _ = content.send_data(Bytes::copy_from_slice(body), true);
    }
    let (head, mut content) = response.await.expect("a response").into_parts();
    let mut body = Vec::new();
    while let Some(piece) = content.data().await {
        let piece = piece.expect("content");
        content.flow_control().release_capacity(piece.len()).expect("room");
        body.extend_from_slice(&piece);
    }
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let fields = head.headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value)));
    Response {
        status: head.status.as_u16(),
        version: "HTTP/2.0".to_owned(),
        fields: fields.collect(),
        body,
    }
}
