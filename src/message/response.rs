//! What is answered.

use std::borrow::Cow;

use http::{HeaderName, HeaderValue, StatusCode, header};

use super::{Body, ResponseFields};

/// An answer: an owned value that says nothing of how it is framed.
#[derive(Debug)]
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// The fields.
    pub fields: ResponseFields,
    /// The content. An error without content gets its page from the error page policy.
    pub body: Body,
    /// Of an error without content: what exactly went wrong, and what to do, in a sentence or two
    /// for whoever asked. `None`: the error page says what its status means in general.
    pub detail: Option<Cow<'static, str>>,
    /// What the file cache did for it, if it was asked.
    pub cache: Option<CacheUse>,
    /// Among whose traffic it counts.
    pub traffic: Traffic,
}

/// What the file cache did for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheUse {
    /// It had it.
    Hit,
    /// It had it, and looked whether the file is still the same.
    Revalidated,
    /// It had to load it.
    Miss,
}

/// Whose traffic something is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Traffic {
    /// Of those whom the site is for.
    #[default]
    Visitors,
    /// Of those who look at the server itself, which shall not change what they see.
    Monitoring,
}

impl Response {
    /// An answer without fields or content.
    pub fn new(status: StatusCode) -> Self {
        Self {
            status,
            fields: ResponseFields::default(),
            body: Body::Empty,
            detail: None,
            cache: None,
            traffic: Traffic::Visitors,
        }
    }

    /// Adds a field.
    #[must_use]
    pub fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.fields.push(name, value);
        self
    }

    /// Sets the content and its type.
    #[must_use]
    pub fn with_body(mut self, media_type: &'static str, body: impl Into<Body>) -> Self {
        self.fields.push(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
        self.body = body.into();
        self
    }

    /// Says what exactly went wrong; see [`Response::detail`].
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// 404.
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND)
    }

    /// 405 with the methods that the resource has.
    pub fn method_not_allowed(allow: &'static str) -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED)
            .with(header::ALLOW, HeaderValue::from_static(allow))
    }

    /// 308 to another place of this site.
    pub fn permanent_redirect(location: HeaderValue) -> Self {
        Self::new(StatusCode::PERMANENT_REDIRECT).with(header::LOCATION, location)
    }
}
