//! What a server says, piece by piece.

use std::time::Duration;

use bytes::Bytes;
use http::header::TRANSFER_ENCODING;
use http::{HeaderMap, StatusCode, Version};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};

use super::error::name;
use super::redirect::{location, sends_on};
use super::{ClientError, Request, Url};

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
    /// Bytes of content, if that was said, and those that have come.
    announced: Option<u64>,
    received: u64,
    /// Bytes that it must have, whatever was announced.
    exactly: Option<u64>,
    /// Whether the request had content.
    is_to_content: bool,
}

/// What is shorter is copied: else a few bytes would hold the whole buffer that they were read into.
const SHORT: usize = 1024;

impl Response {
    /// # Errors
    /// An answer that is none to this request: a protocol that nobody wanted to switch to, or a transfer
    /// coding that nobody offered to undo.
    pub(super) fn new(
        request: &Request,
        response: http::Response<Incoming>,
        patience: Duration,
    ) -> Result<Self, ClientError> {
        let (head, body) = response.into_parts();
        let unasked =
            |what: &str| ClientError::Unasked { by: name(&request.url), what: what.to_owned() };
        if head.status.is_informational() {
            return Err(unasked("it switches to a protocol that was not asked for"));
        }
        let mut codings = head.headers.get_all(TRANSFER_ENCODING).iter();
        if codings.any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"chunked")) {
            return Err(unasked("it uses a transfer coding that was not asked for"));
        }
        Ok(Self {
            url: request.url.clone(),
            version: head.version,
            status: head.status,
            fields: head.headers,
            announced: body.size_hint().exact(),
            received: 0,
            exactly: None,
            body,
            patience,
            is_to_content: !request.content.is_empty(),
        })
    }

    /// Where it sends on to, if it does.
    pub fn sends_on_to(&self) -> Option<Url> {
        sends_on(self.status).then(|| location(&self.url, &self.fields))?
    }

    /// Bytes of the content in all, if that was said.
    pub fn length(&self) -> Option<u64> {
        self.announced
    }

    /// From now on it is an error if the content has more bytes in all than these, or fewer.
    pub fn must_have(&mut self, bytes: u64) {
        self.exactly = Some(bytes);
    }

    /// The next bytes of the content; nothing at its end. An end that comes too early is an error.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, ClientError> {
        loop {
            let frame = tokio::time::timeout(self.patience, self.body.frame()).await;
            let stalled = |_| ClientError::Stalled { by: name(&self.url), after: self.patience };
            match frame.map_err(stalled)? {
                None if self.ends_early() => return Err(self.broken("the server has reset it")),
                None if self.exactly.is_some_and(|exactly| self.received < exactly) => {
                    return Err(self.broken("it has fewer bytes than it says"));
                }
                None => return Ok(None),
                Some(Err(error)) => return Err(ClientError::of(&self.url, &error)),
                // Trailers say nothing that anybody here wants to know.
                Some(Ok(frame)) => {
                    if let Ok(bytes) = frame.into_data() {
                        self.received += bytes.len() as u64;
                        if self.exactly.is_some_and(|exactly| self.received > exactly) {
                            return Err(self.broken("it has more bytes than it says"));
                        }
                        let is_short = bytes.len() < SHORT;
                        return Ok(Some(if is_short {
                            Bytes::copy_from_slice(&bytes)
                        } else {
                            bytes
                        }));
                    }
                }
            }
        }
    }

    fn broken(&self, reason: &str) -> ClientError {
        ClientError::Broken { by: name(&self.url), reason: reason.to_owned() }
    }

    /// Whether a stream of HTTP/2 was reset without an error before its end, which the library takes for
    /// the end: servers may reset a stream of which they need no more content (RFC 9113 section 8.1).
    fn ends_early(&self) -> bool {
        self.version == Version::HTTP_2
            && !self.body.is_end_stream()
            && self.announced.map_or(!self.is_to_content, |announced| self.received < announced)
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
