//! Preconditions (RFC 9110 section 13): whether a request is carried out.

#[cfg(test)]
mod tests;

use std::time::SystemTime;

use http::{HeaderName, Method, header};

use crate::message::{Fields, SeenNames};

use super::date;
use super::etag::{self, EntityTag, Tag};

static IF_MATCH: HeaderName = header::IF_MATCH;
static IF_UNMODIFIED_SINCE: HeaderName = header::IF_UNMODIFIED_SINCE;
static IF_NONE_MATCH: HeaderName = header::IF_NONE_MATCH;
static IF_MODIFIED_SINCE: HeaderName = header::IF_MODIFIED_SINCE;
static IF_RANGE: HeaderName = header::IF_RANGE;

/// The fields that hold a precondition.
const PRECONDITIONS: SeenNames =
    SeenNames::of(&[b"if-match", b"if-unmodified-since", b"if-none-match", b"if-modified-since"]);

/// What tells the current representation from an earlier one.
#[derive(Clone, Copy, Debug)]
pub struct Validators<'a> {
    /// Its entity tag.
    pub etag: &'a EntityTag,
    /// When it was last changed. A time that no HTTP date can say counts as none.
    pub modified: Option<SystemTime>,
}

/// What the preconditions of a request come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Carry it out.
    Proceed,
    /// 304: the client has it already. Only for GET and HEAD.
    NotModified,
    /// 412: not carried out.
    PreconditionFailed,
}

/// Evaluates the preconditions of a request for a representation that exists, in the order of
/// RFC 9110 section 13.2.2:
///
/// 1. `If-Match`, by strong comparison; false is 412.
/// 2. Without it `If-Unmodified-Since`; false is 412.
/// 3. `If-None-Match`, by weak comparison; false is 304 for GET and HEAD, else 412.
/// 4. Without it, for GET and HEAD, `If-Modified-Since`; false is 304.
/// 5. `If-Range` is for the caller, when it has a `Range`: [`if_range_holds`].
///
/// Several lines of `If-Match` or `If-None-Match` are one list. A date that is not valid, or not
/// alone, is ignored. Preconditions apply only to a request whose answer would otherwise be 2xx
/// (section 13.2.1): the caller asks once it knows. CONNECT, OPTIONS and TRACE have none.
#[inline]
pub fn check(method: &Method, fields: Fields<'_>, current: &Validators<'_>) -> Verdict {
    if !fields.may_contain_any(PRECONDITIONS) {
        return Verdict::Proceed;
    }
    evaluate(method, fields, Some(current))
}

/// Evaluates the preconditions of a request for a resource that has no representation yet: a PUT
/// that would create a file. `If-Match` is then false, `If-None-Match` true, and dates are ignored.
pub fn check_absent(method: &Method, fields: Fields<'_>) -> Verdict {
    evaluate(method, fields, None)
}

#[expect(clippy::redundant_closure_for_method_calls, reason = "its lifetimes are not general")]
fn evaluate(method: &Method, fields: Fields<'_>, current: Option<&Validators<'_>>) -> Verdict {
    if matches!(*method, Method::CONNECT | Method::OPTIONS | Method::TRACE) {
        return Verdict::Proceed;
    }
    let reads = matches!(*method, Method::GET | Method::HEAD);
    let modified = current.and_then(|validators| validators.modified);
    let wanted = if has(fields, &IF_MATCH) {
        current.is_some_and(|validators| {
            is_named(fields, &IF_MATCH, validators, |sent, own| sent.strong_eq(own))
        })
    } else {
        unchanged_since(fields, &IF_UNMODIFIED_SINCE, modified) != Some(false)
    };
    if !wanted {
        return Verdict::PreconditionFailed;
    }
    let known = if has(fields, &IF_NONE_MATCH) {
        current.is_some_and(|validators| {
            is_named(fields, &IF_NONE_MATCH, validators, |sent, own| sent.weak_eq(own))
        })
    } else {
        reads && unchanged_since(fields, &IF_MODIFIED_SINCE, modified) == Some(true)
    };
    match (known, reads) {
        (false, _) => Verdict::Proceed,
        (true, true) => Verdict::NotModified,
        (true, false) => Verdict::PreconditionFailed,
    }
}

/// Whether `Range` may be honoured: `If-Range` is absent, or names the current representation
/// (RFC 9110 section 13.1.5). When not, the whole is sent.
///
/// An entity tag is compared strongly. A date must be the `Last-Modified` that is sent, to the
/// second; an earlier or later one does not do. That it is a strong validator (section 8.8.2.2) is
/// taken from the client: a date that it received within the second of the change must not be sent
/// here. A client of ours need never send one, since every file has a strong entity tag.
/// Anything else, and more than one line, does not hold.
pub fn if_range_holds(fields: Fields<'_>, current: &Validators<'_>) -> bool {
    let mut lines = fields.lines(&IF_RANGE);
    let Some(value) = lines.next() else {
        return true;
    };
    if lines.next().is_some() {
        return false;
    }
    if let Some(tag) = Tag::parse(value) {
        return tag.strong_eq(current.etag.tag());
    }
    let modified = current.modified.and_then(date::whole_seconds);
    modified.is_some() && date::parse(value) == modified
}

#[inline]
fn has(fields: Fields<'_>, name: &HeaderName) -> bool {
    fields.get(name).is_some()
}

/// Whether the current tag is among those of a field, or the field is `*`.
fn is_named(
    fields: Fields<'_>,
    name: &'static HeaderName,
    current: &Validators<'_>,
    equal: fn(Tag<'_>, Tag<'_>) -> bool,
) -> bool {
    let own = current.etag.as_bytes();
    let current = current.etag.tag();
    // What nearly every client sends: the one tag it was given.
    if fields.get(name) == Some(own) {
        return equal(current, current);
    }
    let mut lines = fields.lines(name);
    let is_any = lines.next().is_some_and(etag::is_any) && lines.next().is_none();
    is_any || fields.lines(name).flat_map(etag::list).any(|tag| equal(tag, current))
}

/// Whether the representation is not newer than the date of a field. `None` when there is no
/// such field, no valid date in it, more than one line of it, or no modification time
/// (RFC 9110 sections 13.1.3 and 13.1.4: the field is then ignored).
#[inline]
fn unchanged_since(
    fields: Fields<'_>,
    name: &'static HeaderName,
    modified: Option<SystemTime>,
) -> Option<bool> {
    let first = fields.get(name)?;
    if fields.lines(name).nth(1).is_some() {
        return None;
    }
    let modified = date::whole_seconds(modified?)?;
    Some(modified <= date::parse(first)?)
}
