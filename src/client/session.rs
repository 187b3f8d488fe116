//! A request goes out, an answer comes in.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, LOCATION, USER_AGENT};
use http::{HeaderMap, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use super::error::name;
use super::{ClientError, Trust, Url};

/// How often one may be sent on.
const REDIRECTS: usize = 5;

const AGENT: &str = concat!("salver/", env!("CARGO_PKG_VERSION"));

/// Asks servers, and keeps connections for the next time. To be used within a tokio runtime.
#[derive(Clone, Debug)]
pub struct Client {
    inner: legacy::Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
    patience: Duration,
}

/// What a server said.
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
    pub fn new(trust: &Trust, patience: Duration) -> Result<Self, ClientError> {
        let config = trust.config().map_err(ClientError::Setup)?;
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        connector.set_nodelay(true);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(config)
            .https_or_http()
            .enable_http1()
            .enable_http2()
            .wrap_connector(connector);
        let inner = legacy::Client::builder(TokioExecutor::new()).build(connector);
        Ok(Self { inner, patience })
    }

    /// GETs a URL, following redirects. The content may have at most `limit` bytes.
    pub async fn get(&self, url: &Url, accept: &str, limit: usize) -> Result<Answer, ClientError> {
        let asked = self.get_following(url, accept, limit);
        match tokio::time::timeout(self.patience, asked).await {
            Ok(answer) => answer,
            Err(_) => Err(ClientError::Timeout { to: name(url), after: self.patience }),
        }
    }

    async fn get_following(
        &self,
        url: &Url,
        accept: &str,
        limit: usize,
    ) -> Result<Answer, ClientError> {
        let mut url = url.clone();
        for _ in 0..=REDIRECTS {
            let answer = self.get_once(url, accept, limit).await?;
            match next(&answer)? {
                Some(next) => url = next,
                None => return Ok(answer),
            }
        }
        Err(ClientError::Redirect { by: name(&url), reason: "it sends on and on" })
    }

    async fn get_once(&self, url: Url, accept: &str, limit: usize) -> Result<Answer, ClientError> {
        let broken =
            |error: &(dyn std::error::Error + 'static)| ClientError::of(&url, limit, error);
        let uri: Uri = url.as_str().parse().map_err(|error| broken(&error))?;
        let request = Request::get(uri)
            .header(ACCEPT, accept)
            .header(USER_AGENT, AGENT)
            .body(Empty::new())
            .map_err(|error| broken(&error))?;
        let response = self.inner.request(request).await.map_err(|error| broken(&error))?;
        let (head, body) = response.into_parts();
        let content = Limited::new(body, limit).collect().await;
        let content = content.map_err(|error| broken(&*error))?.to_bytes();
        Ok(Answer { url, status: head.status, fields: head.headers, content })
    }
}

/// Where an answer sends on to, if it does.
fn next(answer: &Answer) -> Result<Option<Url>, ClientError> {
    let wrong = |reason| ClientError::Redirect { by: name(&answer.url), reason };
    if !matches!(answer.status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let location = answer.fields.get(LOCATION).and_then(|value| value.to_str().ok());
    let next = location.and_then(|location| answer.url.join(location).ok());
    let next = next.filter(|next| matches!(next.scheme(), "http" | "https"));
    let next = next.ok_or_else(|| wrong("it sends on to no address"))?;
    if answer.url.scheme() == "https" && next.scheme() == "http" {
        return Err(wrong("it sends on from TLS to plain text"));
    }
    Ok(Some(next))
}
