//! What a server says, piece by piece.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode, Version};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};

use super::error::name;
use super::redirect::{location, sends_on};
use super::{ClientError, Url};

/// What a server says. The content is still to be read.
#[derive(Debug)]
pub struct Response {
    /// The URL that answered: after redirects, another than was asked.
    pub url: Url,
    /// The protocol that it was said in.
    pub version: Version,
    /// The status.
    pub status: StatusCode,
    /// The header fields.
    pub fields: HeaderMap,
    body: Incoming,
    patience: Duration,
}

impl Response {
    pub(super) fn new(url: Url, response: http::Response<Incoming>, patience: Duration) -> Self {
        let (head, body) = response.into_parts();
        Self {
            url,
            version: head.version,
            status: head.status,
            fields: head.headers,
            body,
            patience,
        }
    }

    /// Where it sends on to, if it does.
    pub fn sends_on_to(&self) -> Option<Url> {
        sends_on(self.status).then(|| location(&self.url, &self.fields))?
    }

    /// Bytes that are still to come, where that is known.
    pub fn length(&self) -> Option<u64> {
        self.body.size_hint().exact()
    }

    /// The next bytes of the content; nothing at its end. An end that comes too early is an error.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, ClientError> {
        loop {
            let frame = tokio::time::timeout(self.patience, self.body.frame()).await;
            let stalled = |_| ClientError::Stalled { by: name(&self.url), after: self.patience };
            match frame.map_err(stalled)? {
                None => return Ok(None),
                Some(Err(error)) => return Err(ClientError::of(&self.url, &error)),
                // Trailers say nothing that anybody here wants to know.
                Some(Ok(frame)) => {
                    if let Ok(bytes) = frame.into_data() {
                        return Ok(Some(bytes));
                    }
                }
            }
        }
    }

    /// All of the content, of which there may be at most `limit` bytes.
    pub async fn content(mut self, limit: usize) -> Result<Bytes, ClientError> {
        let mut content = Vec::new();
        while let Some(bytes) = self.chunk().await? {
            if content.len() + bytes.len() > limit {
                return Err(ClientError::TooLarge { of: name(&self.url), limit });
            }
            content.extend_from_slice(&bytes);
        }
        Ok(content.into())
    }
}
