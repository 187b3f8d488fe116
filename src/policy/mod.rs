//! What is added to answers whatever the handler.

pub mod error_pages;
mod security;

use std::borrow::Cow;

use http::{HeaderName, HeaderValue};

use crate::message::{Block, ResponseFields};

pub use self::security::security_fields;

/// The fields that every answer of a site carries. A handler that sets one of them itself wins.
#[derive(Debug, Default)]
pub struct Policy {
    fixed: Block,
}

impl Policy {
    /// A policy of these fields.
    pub fn new(fixed: impl IntoIterator<Item = (HeaderName, HeaderValue)>) -> Self {
        Self { fixed: fixed.into_iter().collect() }
    }

    /// The fields to add to those of a response, as a list.
    pub fn fields(&self) -> &[(HeaderName, HeaderValue)] {
        self.fixed.list()
    }

    /// The field lines to add to those of a response.
    #[inline]
    pub fn fixed(&self, fields: &ResponseFields) -> Cow<'_, [u8]> {
        // Shared blocks describe representations; they never hold a field of a policy.
        if fields.own.is_empty() {
            return Cow::Borrowed(self.fixed.wire());
        }
        self.fixed.wire_without(|name| fields.own.iter().any(|(own, _)| own == name))
    }
}
