//! Fields together come to what RFC 9110 section 13.2.2 makes of each field alone.

use std::time::{Duration, UNIX_EPOCH};

use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use salver::content::conditions::{Validators, Verdict, check as verdict_of, if_range_holds};
use salver::content::etag::EntityTag;
use salver::message::Fields;

/// The input is a method, then lines of `Name: value`; each line ends with a line feed. They are
/// held against a file whose tag is `"0-1"` and whose date is `Sun, 06 Nov 1994 08:49:37 GMT`.
pub(crate) fn check(data: &[u8]) {
    let mut lines = data.split(|&byte| byte == b'\n');
    let method = lines.next().and_then(|line| Method::from_bytes(line).ok());
    let Some(method) = method else {
        return;
    };
    let mut fields = HeaderMap::new();
    for (name, value) in lines.filter_map(field) {
        fields.append(name, value);
    }
    let etag = EntityTag::of_file(1, UNIX_EPOCH);
    let current =
        Validators { etag: &etag, modified: Some(UNIX_EPOCH + Duration::from_secs(784_111_777)) };
    let judge = |fields: &HeaderMap| verdict_of(&method, Fields::Map(fields), &current);

    let verdict = judge(&fields);
    assert_eq!(verdict, combined(&fields, judge));
    if verdict == Verdict::NotModified {
        assert!(method == Method::GET || method == Method::HEAD);
    }
    own_tag_always_matches(&fields, &etag, judge);
    if_range_names_exactly_this(&fields, &current);
}

/// The steps of RFC 9110 section 13.2.2 over verdicts of one field each.
fn combined(fields: &HeaderMap, judge: impl Fn(&HeaderMap) -> Verdict) -> Verdict {
    let first = if fields.contains_key(header::IF_MATCH) {
        judge(&only(fields, &header::IF_MATCH))
    } else {
        judge(&only(fields, &header::IF_UNMODIFIED_SINCE))
    };
    if first != Verdict::Proceed {
        return first;
    }
    if fields.contains_key(header::IF_NONE_MATCH) {
        judge(&only(fields, &header::IF_NONE_MATCH))
    } else {
        judge(&only(fields, &header::IF_MODIFIED_SINCE))
    }
}

/// A tag of its own line is found whatever stands in the other lines of the list.
fn own_tag_always_matches(
    fields: &HeaderMap,
    etag: &EntityTag,
    judge: impl Fn(&HeaderMap) -> Verdict,
) {
    let with_own_tag = |name: &HeaderName| {
        let mut lines = only(fields, name);
        lines.append(name, etag.value().clone());
        judge(&lines)
    };
    assert_eq!(with_own_tag(&header::IF_MATCH), Verdict::Proceed);
    let ignores =
        judge(&HeaderMap::from_iter([(header::IF_NONE_MATCH, HeaderValue::from_static("*"))]));
    assert_eq!(with_own_tag(&header::IF_NONE_MATCH), ignores);
}

fn if_range_names_exactly_this(fields: &HeaderMap, current: &Validators<'_>) {
    if !if_range_holds(Fields::Map(fields), current) {
        return;
    }
    let mut lines = fields.get_all(header::IF_RANGE).iter();
    if let Some(value) = lines.next() {
        assert!(lines.next().is_none());
        let value = value.as_bytes();
        let is_tag = value == current.etag.as_bytes();
        assert!(is_tag || value.windows(8).any(|time| time == b"08:49:37"));
    }
}

fn only(fields: &HeaderMap, name: &HeaderName) -> HeaderMap {
    let mut kept = HeaderMap::new();
    for value in fields.get_all(name) {
        kept.append(name, value.clone());
    }
    kept
}

fn field(line: &[u8]) -> Option<(HeaderName, HeaderValue)> {
    let colon = line.iter().position(|&byte| byte == b':')?;
    let name = HeaderName::from_bytes(&line[..colon]).ok()?;
    let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).ok()?;
    Some((name, value))
}
