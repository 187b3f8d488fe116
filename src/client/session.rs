//! A request goes out, an answer comes in.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::header::ACCEPT;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::{CaptureConnection, HttpConnector, capture_connection};
use hyper_util::rt::TokioExecutor;

use super::connecting::InTime;
use super::content::Sending;
use super::error::name;
use super::redirect::{next, sent_on};
use super::{ClientError, Request, Response, Trust, Url};

/// How often one may be sent on, where nobody says otherwise.
const REDIRECTS: usize = 5;

/// Which HTTP is spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/2 or HTTP/1.1 over TLS, as the server likes; HTTP/1.1 else.
    #[default]
    Agreed,
    /// HTTP/1.1.
    Http1,
    /// HTTP/2, also on a plain connection, where the server has to know that beforehand.
    Http2,
}

/// How servers are asked.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Who is believed.
    pub trust: Trust,
    /// What is spoken.
    pub protocol: Protocol,
    /// How long a connection may take to come about, with the agreement on TLS.
    pub connect_timeout: Duration,
    /// How long nothing may move.
    pub patience: Duration,
}

/// Asks servers, and keeps connections for the next time. To be used within a tokio runtime.
#[derive(Clone, Debug)]
pub struct Client {
    inner: legacy::Client<InTime, Sending>,
    protocol: Protocol,
    patience: Duration,
}

/// What a server said, with all of it.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The URL that answered: after redirects, another than was asked.
    pub url: Url,
    /// The status.
    pub status: StatusCode,
    /// The header fields.
    pub fields: HeaderMap,
    /// All of the content.
    pub content: Bytes,
}

impl Client {
    /// A client that waits at most that long for an answer to be complete.
    pub fn new(trust: Trust, patience: Duration) -> Result<Self, ClientError> {
        let protocol = Protocol::default();
        Self::with(&Settings { trust, protocol, connect_timeout: patience, patience })
    }

    /// A client with these settings.
    pub fn with(settings: &Settings) -> Result<Self, ClientError> {
        let config = settings.trust.config().map_err(ClientError::Setup)?;
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(settings.connect_timeout));
        let builder = HttpsConnectorBuilder::new().with_tls_config(config).https_or_http();
        let connector = match settings.protocol {
            Protocol::Agreed => builder.enable_http1().enable_http2().wrap_connector(connector),
            Protocol::Http1 => builder.enable_http1().wrap_connector(connector),
            Protocol::Http2 => builder.enable_http2().wrap_connector(connector),
        };
        let inner = legacy::Client::builder(TokioExecutor::new())
            .http2_only(settings.protocol == Protocol::Http2)
            .build(InTime::new(connector, settings.connect_timeout));
        Ok(Self { inner, protocol: settings.protocol, patience: settings.patience })
    }

    /// GETs a URL, following redirects. The content may have at most `limit` bytes.
    pub async fn get(&self, url: &Url, accept: &str, limit: usize) -> Result<Answer, ClientError> {
        let accept = HeaderValue::from_str(accept).map_err(|error| ClientError::of(url, &error))?;
        let request = Request::new(Method::GET, url.clone()).with(ACCEPT, accept);
        let asked = async {
            let response = self.follow(request, REDIRECTS, |_, _| {}).await?;
            let (url, status) = (response.url.clone(), response.status);
            let fields = response.fields.clone();
            let content = response.content(limit).await?;
            Ok(Answer { url, status, fields, content })
        };
        match tokio::time::timeout(self.patience, asked).await {
            Ok(answer) => answer,
            Err(_) => Err(ClientError::Timeout { to: name(url), after: self.patience }),
        }
    }

    /// Asks, and goes where it is sent on to, at most so many times; with 0, what sends on is the
    /// answer. Each status and where it leads is told.
    pub async fn follow(
        &self,
        request: Request,
        redirects: usize,
        mut tell: impl FnMut(StatusCode, &Url),
    ) -> Result<Response, ClientError> {
        let by = name(&request.url);
        let mut request = request;
        for _ in 0..=redirects {
            let response = self.send(&request).await?;
            if redirects == 0 {
                return Ok(response);
            }
            match next(&response.url, response.status, &response.fields)? {
                Some(next) => {
                    tell(response.status, &next);
                    request = sent_on(request, response.status, next);
                }
                None => return Ok(response),
            }
        }
        Err(ClientError::SentOnTooOften { by, limit: redirects, next: request.url.to_string() })
    }

    /// Asks once. As long as something of the request goes out, the answer is waited for.
    pub async fn send(&self, request: &Request) -> Result<Response, ClientError> {
        let url = &request.url;
        let uri: Uri = url.as_str().parse().map_err(|error| ClientError::of(url, &error))?;
        let moved = Arc::new(AtomicU64::new(0));
        let mut outgoing = http::Request::new(request.content.open(Arc::clone(&moved)));
        *outgoing.method_mut() = request.method.clone();
        *outgoing.uri_mut() = uri;
        *outgoing.headers_mut() = request.fields.clone();
        let connection = capture_connection(&mut outgoing);
        let mut refused = pin!(self.http2_refused(url, connection));
        let mut asked = pin!(self.inner.request(outgoing));
        loop {
            let before = moved.load(Ordering::Relaxed);
            let answer = async {
                tokio::select! {
                    biased;
                    () = &mut refused => Err(ClientError::NoHttp2 { by: name(url) }),
                    answer = &mut asked => answer.map_err(|error| self.failed(url, &error)),
                }
            };
            match tokio::time::timeout(self.patience, answer).await {
                Ok(answer) => return Response::new(request, answer?, self.patience),
                Err(_) if moved.load(Ordering::Relaxed) != before => {}
                Err(_) => {
                    return Err(ClientError::Timeout { to: name(url), after: self.patience });
                }
            }
        }
    }

    fn failed(&self, url: &Url, error: &legacy::Error) -> ClientError {
        match self.protocol {
            Protocol::Http2 => ClientError::of_http2(url, error),
            Protocol::Agreed | Protocol::Http1 => ClientError::of(url, error),
        }
    }

    /// Ends when there is a connection over TLS on which HTTP/2 was to be agreed on and was not. A
    /// server that never heard of it would wait for a request that it can read.
    async fn http2_refused(&self, url: &Url, mut connection: CaptureConnection) {
        if self.protocol == Protocol::Http2 && url.scheme() == "https" {
            let connected = connection.wait_for_connection_metadata().await;
            if connected.as_ref().is_some_and(|connected| !connected.is_negotiated_h2()) {
                return;
            }
        }
        std::future::pending::<()>().await;
    }
}
