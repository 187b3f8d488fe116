//! What is asked, and what is sent with it.

use http::header::{HeaderName, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method};

use super::{Content, Url};

const AGENT: &str = concat!("salver/", env!("CARGO_PKG_VERSION"));

/// What a server is asked.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// Whom and for what.
    pub url: Url,
    /// The header fields, without those that say how the content is framed.
    pub fields: HeaderMap,
    /// What is sent with it.
    pub content: Content,
}

impl Request {
    /// A request without content.
    pub fn new(method: Method, url: Url) -> Self {
        let mut fields = HeaderMap::new();
        fields.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        Self { method, url, fields, content: Content::default() }
    }

    /// The same with a field of that name in the place of others.
    #[must_use]
    pub fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.fields.insert(name, value);
        self
    }
}
