//! Whether a download that broke off can go on (RFC 9110 sections 13.1.5 and 14.4).

use std::time::Duration;

use http::header::{
    ACCEPT_RANGES, CONTENT_ENCODING, CONTENT_RANGE, CONTENT_TYPE, DATE, ETAG, LAST_MODIFIED,
};
use http::{HeaderMap, HeaderName, StatusCode};

use super::partial::Partial;

/// A file that was changed later than this before the answer may have been changed again since.
const SETTLED: Duration = Duration::from_secs(1);

/// What an answer to a request for the rest is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rest {
    /// The rest.
    Follows,
    /// Nothing is missing.
    IsThere,
    /// The whole of another version, or of one that is not sent in parts.
    Whole,
    /// Something that does not fit; the whole is to be asked for.
    DoesNotFit,
    /// No content.
    Refused,
}

/// What is said of a download, to ask for the rest of it later. Nothing where the rest could be of
/// something else.
pub(super) fn validator(fields: &HeaderMap) -> Option<String> {
    let refuses =
        text(fields, &ACCEPT_RANGES).is_some_and(|value| value.eq_ignore_ascii_case("none"));
    if refuses || fields.contains_key(CONTENT_ENCODING) {
        return None;
    }
    if let Some(tag) = text(fields, &ETAG) {
        let is_strong = tag.len() > 1 && tag.starts_with('"') && tag.ends_with('"');
        return is_strong.then(|| tag.to_owned());
    }
    let modified = text(fields, &LAST_MODIFIED)?;
    let time = |text| httpdate::parse_http_date(text).ok();
    let age = time(text(fields, &DATE)?)?.duration_since(time(modified)?).ok()?;
    (age >= SETTLED).then(|| modified.to_owned())
}

/// Whether what comes is several parts of something, with what says which is which.
pub(super) fn is_in_parts(fields: &HeaderMap) -> bool {
    text(fields, &CONTENT_TYPE)
        .is_some_and(|value| value.to_ascii_lowercase().starts_with("multipart/byteranges"))
}

/// What came for a partial download.
pub(super) fn rest(partial: &Partial, status: StatusCode, fields: &HeaderMap) -> Rest {
    let length = partial.length();
    let total = partial.record().and_then(|record| record.total);
    let is_same = partial.record().is_some_and(|record| {
        // A weak date does not say that it is another one.
        text(fields, &ETAG)
            .is_none_or(|tag| !record.validator.starts_with('"') || tag == record.validator)
    });
    let of_total = |whole: Option<u64>| total.is_none() || whole.is_none() || total == whole;
    let range = text(fields, &CONTENT_RANGE).and_then(ContentRange::parse);
    match (status, range) {
        (StatusCode::PARTIAL_CONTENT, Some(ContentRange { first: Some(first), total: whole }))
            if first == length && is_same && of_total(whole) && !is_in_parts(fields) =>
        {
            Rest::Follows
        }
        (StatusCode::RANGE_NOT_SATISFIABLE, Some(ContentRange { first: None, total: whole }))
            if whole == Some(length) && is_same && of_total(whole) =>
        {
            Rest::IsThere
        }
        (StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE, _) => Rest::DoesNotFit,
        (status, _) if status.is_success() => Rest::Whole,
        _ => Rest::Refused,
    }
}

/// `bytes 5-9/10`, `bytes 5-9/*`, `bytes */10`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ContentRange {
    first: Option<u64>,
    total: Option<u64>,
}

impl ContentRange {
    fn parse(value: &str) -> Option<Self> {
        let (range, total) = value.strip_prefix("bytes ")?.trim().split_once('/')?;
        let total = if total == "*" { None } else { Some(number(total)?) };
        if range == "*" {
            return Some(Self { first: None, total });
        }
        let (first, last) = range.split_once('-')?;
        let (first, last) = (number(first)?, number(last)?);
        // The rest goes to the end.
        let is_rest = first <= last && total.is_none_or(|total| last.checked_add(1) == Some(total));
        is_rest.then_some(Self { first: Some(first), total })
    }
}

fn number(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

fn text<'a>(fields: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    fields.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use http::HeaderValue;

    use super::super::partial::Record;
    use super::*;

    fn fields(rows: &[(HeaderName, &'static str)]) -> HeaderMap {
        rows.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect()
    }

    const EARLIER: &str = "Sat, 21 Nov 2026 08:00:00 GMT";
    const NOW: &str = "Sat, 21 Nov 2026 08:00:01 GMT";

    #[test]
    fn only_what_names_one_version_is_kept() {
        for (rows, expected) in [
            (&[(ETAG, "\"a\"")][..], Some("\"a\"")),
            (&[(ETAG, "W/\"a\""), (LAST_MODIFIED, EARLIER), (DATE, NOW)], None),
            (&[(LAST_MODIFIED, EARLIER), (DATE, NOW)], Some(EARLIER)),
            (&[(LAST_MODIFIED, NOW), (DATE, NOW)], None),
            (&[(LAST_MODIFIED, EARLIER)], None),
            (&[(LAST_MODIFIED, "yesterday"), (DATE, NOW)], None),
            (&[(ETAG, "\"a\""), (ACCEPT_RANGES, "none")], None),
            (&[(ETAG, "\"a\""), (CONTENT_ENCODING, "gzip")], None),
            (&[], None),
        ] {
            assert_eq!(validator(&fields(rows)).as_deref(), expected, "{rows:?}");
        }
    }

    /// Four bytes of nine.
    fn partial(folder: &std::path::Path) -> Partial {
        let record = Record {
            url: "http://h/a".to_owned(),
            name: "a".to_owned(),
            validator: "\"1\"".to_owned(),
            total: Some(9),
        };
        let mut partial = Partial::begin(&folder.join("a")).unwrap();
        partial.restart(Some(record)).unwrap();
        partial.end().unwrap().write_all(b"1234").unwrap();
        drop(partial);
        Partial::existing(&folder.join("a")).unwrap().unwrap()
    }

    #[test]
    fn only_the_rest_of_the_same_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let partial = partial(folder.path());
        for (status, rows, expected) in [
            (206, &[(CONTENT_RANGE, "bytes 4-8/9")][..], Rest::Follows),
            (206, &[(CONTENT_RANGE, "bytes 4-8/*"), (ETAG, "\"1\"")], Rest::Follows),
            (206, &[(CONTENT_RANGE, "bytes 4-8/9"), (ETAG, "\"2\"")], Rest::DoesNotFit),
            (206, &[(CONTENT_RANGE, "bytes 4-9/10")], Rest::DoesNotFit),
            (206, &[(CONTENT_RANGE, "bytes 4-7/9")], Rest::DoesNotFit),
            (206, &[(CONTENT_RANGE, "bytes 0-8/9")], Rest::DoesNotFit),
            (206, &[(CONTENT_RANGE, "bytes 4-3/9")], Rest::DoesNotFit),
            (206, &[(CONTENT_RANGE, "bytes +4-8/9")], Rest::DoesNotFit),
            (206, &[], Rest::DoesNotFit),
            (416, &[(CONTENT_RANGE, "bytes */4")], Rest::DoesNotFit),
            (416, &[(CONTENT_RANGE, "bytes */9")], Rest::DoesNotFit),
            (200, &[], Rest::Whole),
            (404, &[], Rest::Refused),
            (302, &[], Rest::Refused),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(rest(&partial, status, &fields(rows)), expected, "{status} {rows:?}");
        }
        partial.end().unwrap().write_all(b"56789").unwrap();
        drop(partial);
        let whole = Partial::existing(&folder.path().join("a")).unwrap().unwrap();
        let status = StatusCode::RANGE_NOT_SATISFIABLE;
        for (range, expected) in [("bytes */9", Rest::IsThere), ("bytes */8", Rest::DoesNotFit)] {
            assert_eq!(rest(&whole, status, &fields(&[(CONTENT_RANGE, range)])), expected);
        }
    }
}
