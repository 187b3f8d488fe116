//! What is added to answers whatever the handler.
//!
//! | module | what it adds |
//! | --- | --- |
//! | [`error_pages`] | content, to errors without any |
//! | `security` | fields that make browsers careful |
//! | `header_rules` | fields that the configuration sets for some paths |

pub mod error_pages;
mod header_rules;
mod security;

use std::borrow::Cow;
use std::sync::Arc;

use http::{HeaderName, HeaderValue, header};

use crate::content::cors::Cors;
use crate::content::page_security::SANDBOX;
use crate::content::path::SitePath;
use crate::message::{Block, Fields, Response, ResponseFields};

pub use self::header_rules::HeaderRules;
pub use self::security::security_fields;

/// The fields that every answer of a site carries, and what is changed in some. A handler that sets
/// one of the fields itself wins; rules of the configuration win over all.
#[derive(Debug, Default)]
pub struct Policy {
    fixed: Block,
    varying: Option<Box<Varying>>,
}

/// What depends on the request. `None` costs the usual site nothing.
#[derive(Debug, Default)]
pub struct Varying {
    /// For pages of some other origins.
    pub cors: Option<Arc<Cors>>,
    /// For some paths.
    pub rules: Option<HeaderRules>,
    /// The folder whose files may have been put there by anybody: their pages can do nothing.
    pub sandboxed: Option<SitePath<'static>>,
}

impl Policy {
    /// A policy of these fields.
    pub fn new(fixed: impl IntoIterator<Item = (HeaderName, HeaderValue)>) -> Self {
        Self { fixed: fixed.into_iter().collect(), varying: None }
    }

    /// Adds what depends on the request.
    #[must_use]
    pub fn with_varying(self, varying: Varying) -> Self {
        let is_used =
            varying.cors.is_some() || varying.rules.is_some() || varying.sandboxed.is_some();
        Self { varying: is_used.then(|| Box::new(varying)), ..self }
    }

    /// Changes an answer as the path and the fields of its request ask for.
    #[inline]
    pub fn apply(&self, response: &mut Response, path: &[u8], fields: Fields<'_>) {
        if let Some(varying) = &self.varying {
            varying.apply(response, path, fields, &self.fixed);
        }
    }

    /// The fields to add to those of a response.
    pub fn fields(
        &self,
        fields: &ResponseFields,
    ) -> impl Iterator<Item = &(HeaderName, HeaderValue)> {
        let fixed = if fields.complete { &[] } else { self.fixed.list() };
        let may_yield = fields.may_override(&self.fixed);
        fixed.iter().filter(move |(name, _)| !(may_yield && yields(name, fields)))
    }

    /// The same as field lines.
    #[inline]
    pub fn fixed(&self, fields: &ResponseFields) -> Cow<'_, [u8]> {
        if fields.complete {
            return Cow::Borrowed(&[]);
        }
        if !fields.may_override(&self.fixed) {
            return Cow::Borrowed(self.fixed.wire());
        }
        self.fixed.wire_without(|name| yields(name, fields))
    }
}

/// Whether a field of the policy makes way for one of the answer. `Vary` does not: an answer that
/// varies for one more reason varies still for this one.
fn yields(name: &HeaderName, fields: &ResponseFields) -> bool {
    *name != header::VARY && fields.overrides(name)
}

impl Varying {
    fn apply(&self, response: &mut Response, path: &[u8], fields: Fields<'_>, fixed: &Block) {
        if let Some(cors) = &self.cors
            && let Some(origin) = fields.get(&header::ORIGIN)
        {
            response.fields.own.extend_from_slice(cors.fields_for(origin));
        }
        if self.rules.is_none() && self.sandboxed.is_none() {
            return;
        }
        let Ok(path) = SitePath::parse(path) else { return };
        if self.is_sandboxed(&path) && !response.fields.contains(&header::CONTENT_SECURITY_POLICY) {
            response.fields.push(header::CONTENT_SECURITY_POLICY, SANDBOX);
        }
        if let Some(rules) = &self.rules {
            let mut changes = rules.changes(path.as_bytes(), response.status);
            // What keeps uploads and our own pages harmless is not for a pattern of paths to say.
            if response.fields.contains(&header::CONTENT_SECURITY_POLICY) {
                changes.retain(|(name, _)| *name != header::CONTENT_SECURITY_POLICY);
            }
            rewrite(&mut response.fields, &changes, fixed);
        }
    }

    fn is_sandboxed(&self, path: &SitePath<'_>) -> bool {
        let place = self.sandboxed.as_ref();
        place.is_some_and(|place| path.as_bytes().starts_with(place.as_bytes()))
    }
}

/// Makes the changes, also to the fields that every answer carries.
fn rewrite(
    fields: &mut ResponseFields,
    changes: &[(&HeaderName, Option<&HeaderValue>)],
    fixed: &Block,
) {
    if changes.is_empty() {
        return;
    }
    let kept = |(name, _): &&(HeaderName, HeaderValue)| {
        !yields(name, fields)
            && (*name == header::VARY || !changes.iter().any(|(changed, _)| *changed == name))
    };
    let mut own: Vec<_> = fixed.list().iter().filter(kept).cloned().collect();
    // An answer varies still for what it varied before: a cache that does not know gives a compressed
    // one to somebody who cannot read it.
    for (name, _) in changes.iter().filter(|(name, _)| **name != header::VARY) {
        fields.remove(name);
    }
    own.append(&mut fields.own);
    let set = changes.iter().filter_map(|(name, value)| Some(((*name).clone(), (*value)?.clone())));
    own.extend(set);
    fields.own = own;
    fields.complete = true;
}

#[cfg(test)]
mod tests;
