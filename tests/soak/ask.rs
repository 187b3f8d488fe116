//! A client in one of the ways that there are, which keeps its connection where it can.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::client::SendRequest;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;

use crate::support::over::{self, Over};
use crate::support::{Client, PATIENCE, Response, Server};

/// Answers that were looked at.
pub static ANSWERS: AtomicU64 = AtomicU64::new(0);

/// A connection that was quiet for longer may have been ended.
const FRESH: Duration = Duration::from_secs(2);

/// Several large answers at once take a while where everything else goes on, too.
const STALLED: Duration = PATIENCE.saturating_mul(3);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// A connection for each request.
    Close,
    KeepAlive,
    Http2,
}

pub type Field<'a> = (&'a str, &'a str);

pub struct Asker<'s> {
    pub server: &'s Server,
    pub over: Over,
    pub way: Way,
    http1: Option<Client>,
    http2: Option<Http2>,
    used: Instant,
}

impl<'s> Asker<'s> {
    pub fn new(server: &'s Server, over: Over, way: Way) -> Self {
        Self { server, over, way, http1: None, http2: None, used: Instant::now() }
    }

    /// Lets go of its connections.
    pub fn forget(&mut self) {
        self.http1 = None;
        self.http2 = None;
    }

    pub fn get(&mut self, target: &str, fields: &[Field<'_>]) -> Response {
        self.ask("GET", target, fields, b"")
    }

    pub fn ask(
        &mut self,
        method: &str,
        target: &str,
        fields: &[Field<'_>],
        body: &[u8],
    ) -> Response {
        if self.used.elapsed() > FRESH {
            self.forget();
        }
        let response = match self.way {
            Way::Http2 => self.ask_http2(method, target, fields, body),
            Way::Close | Way::KeepAlive => self.ask_http1(method, target, fields, body),
        };
        self.used = Instant::now();
        looked_at(target, response)
    }

    fn ask_http1(
        &mut self,
        method: &str,
        target: &str,
        fields: &[Field<'_>],
        body: &[u8],
    ) -> Response {
        let mut client = self.http1.take().unwrap_or_else(|| self.server.connect());
        let mut head = format!("{method} {target} HTTP/1.1\r\nHost: t\r\n");
        for (name, value) in fields {
            head.extend([name, ": ", value, "\r\n"]);
        }
        if !body.is_empty() || !matches!(method, "GET" | "HEAD" | "OPTIONS" | "DELETE") {
            let length = body.len().to_string();
            head.extend(["Content-Length: ", &length, "\r\n"]);
        }
        if self.way == Way::Close {
            head.push_str("Connection: close\r\n");
        }
        head.push_str("\r\n");
        // What is refused is not taken whole.
        let sent = client.try_send([head.as_bytes(), body].concat());
        let response = client.response_to(method);
        if sent.is_ok() && response.field("connection") != Some("close") {
            self.http1 = Some(client);
        }
        response
    }

    /// Several requests at once on one connection; answered in the same order.
    pub fn pipeline(&mut self, targets: &[&str]) -> Vec<Response> {
        let mut client = self.server.connect();
        let heads =
            targets.iter().map(|target| format!("GET {target} HTTP/1.1\r\nHost: t\r\n\r\n"));
        client.send(heads.collect::<String>());
        targets.iter().map(|target| looked_at(target, client.response())).collect()
    }

    fn ask_http2(
        &mut self,
        method: &str,
        target: &str,
        fields: &[Field<'_>],
        body: &[u8],
    ) -> Response {
        for _ in 0..2 {
            let http2 = self.http2();
            let request = request(method, target, fields);
            let asked = exchange(http2.client.clone(), request, Bytes::copy_from_slice(body));
            match http2.run(&format!("{method} {target}"), asked) {
                Ok(response) => return response,
                // Goodbye: this one was not looked at, and may be sent again.
                Err(error) if error.is_go_away() && error.is_remote() => self.http2 = None,
                Err(error) => panic!("{method} {target}: {error}"),
            }
        }
        panic!("{method} {target}: two goodbyes");
    }

    /// Several requests at once, each on a stream of its own; some are given up in between.
    pub fn streams(&mut self, targets: &[&str], given_up: usize) -> Vec<Option<Response>> {
        self.http2 = None;
        let http2 = self.http2();
        let client = http2.client.clone();
        let ask =
            |target: &&str| exchange(client.clone(), request("GET", target, &[]), Bytes::new());
        let asked: Vec<_> = targets.iter().map(ask).collect();
        let answers = http2.run(&format!("{targets:?}, {given_up} given up"), async move {
            let mut running = JoinSet::new();
            for (place, asked) in asked.into_iter().enumerate() {
                let handle = running.spawn(async move { (place, asked.await) });
                if place < given_up {
                    tokio::task::yield_now().await;
                    handle.abort();
                }
            }
            let mut answers = Vec::new();
            while let Some(done) = running.join_next().await {
                answers.extend(done.ok());
            }
            answers
        });
        let mut all: Vec<_> = targets.iter().map(|_| None).collect();
        for (place, answer) in answers {
            let answer = answer.unwrap_or_else(|error| panic!("{}: {error}", targets[place]));
            all[place] = Some(looked_at(targets[place], answer));
        }
        all
    }

    fn http2(&mut self) -> &mut Http2 {
        let (address, over) = (self.server.address, self.over);
        self.http2.get_or_insert_with(|| Http2::connect(address, over))
    }
}

/// Nothing here is a fault of the server's.
fn looked_at(target: &str, response: Response) -> Response {
    ANSWERS.fetch_add(1, Ordering::Relaxed);
    let text = || String::from_utf8_lossy(&response.body).into_owned();
    assert!(
        response.status < 500,
        "{target}: {} {:?} {}",
        response.status,
        response.fields,
        text()
    );
    response
}

struct Http2 {
    runtime: Runtime,
    client: SendRequest<Bytes>,
}

impl Http2 {
    fn connect(address: SocketAddr, over: Over) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().expect("an event loop");
        let client = runtime.block_on(async {
            tokio::time::timeout(PATIENCE, greet(address, over)).await.expect("a greeting in time")
        });
        Self { runtime, client }
    }

    fn run<T>(&self, what: &str, future: impl Future<Output = T>) -> T {
        let in_time = async { tokio::time::timeout(STALLED, future).await };
        self.runtime.block_on(in_time).unwrap_or_else(|_| panic!("{what}: no answer in time"))
    }
}

async fn greet(address: SocketAddr, over: Over) -> SendRequest<Bytes> {
    let stream = TcpStream::connect(address).await.expect("a connection");
    if over.is_secure() {
        let connector = TlsConnector::from(over::config("h2"));
        handshake(connector.connect(over::name(), stream).await.expect("TLS")).await
    } else {
        handshake(stream).await
    }
}

async fn handshake<S>(stream: S) -> SendRequest<Bytes>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (client, connection) = h2::client::handshake(stream).await.expect("HTTP/2");
    tokio::spawn(connection);
    client
}

fn request(method: &str, target: &str, fields: &[Field<'_>]) -> http::Request<()> {
    let mut request = http::Request::builder().method(method).uri(format!("https://t{target}"));
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    request.body(()).expect("a request")
}

async fn exchange(
    client: SendRequest<Bytes>,
    request: http::Request<()>,
    body: Bytes,
) -> Result<Response, h2::Error> {
    let mut client = client.ready().await?;
    let (response, mut content) = client.send_request(request, body.is_empty())?;
    if !body.is_empty() {
        // What is refused early is not taken whole.
        let _ = content.send_data(body, true);
    }
    let (head, mut content) = response.await?.into_parts();
    let mut body = Vec::new();
    while let Some(piece) = content.data().await {
        let piece = piece?;
        content.flow_control().release_capacity(piece.len())?;
        body.extend_from_slice(&piece);
    }
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let fields = head.headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value)));
    Ok(Response {
        status: head.status.as_u16(),
        version: "HTTP/2.0".to_owned(),
        fields: fields.collect(),
        body,
    })
}
