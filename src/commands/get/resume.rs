//! Whether a download that broke off can go on (RFC 9110 sections 13.1.5 and 14.4).

use std::time::Duration;

use http::header::{
    ACCEPT_RANGES, CONTENT_ENCODING, CONTENT_RANGE, CONTENT_TYPE, DATE, ETAG, LAST_MODIFIED,
};
use http::{HeaderMap, HeaderName, StatusCode};

use super::partial::{Partial, Record};

/// A file that was changed later than this before the answer may have been changed again since.
const SETTLED: Duration = Duration::from_secs(1);

/// What an answer to a request for the rest is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rest {
    /// The rest, so many bytes.
    Follows(u64),
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
    let is_same = partial.record().is_some_and(|record| is_same(record, fields));
    // An error may say nothing of what it is about.
    let is_another = fields.contains_key(ETAG) && !is_same;
    let of_total = |whole: Option<u64>| total.is_none() || whole.is_none() || total == whole;
    let range = text(fields, &CONTENT_RANGE).and_then(ContentRange::parse);
    let is_plain = !is_in_parts(fields) && !fields.contains_key(CONTENT_ENCODING);
    match (status, range) {
        (
            StatusCode::PARTIAL_CONTENT,
            Some(ContentRange { bytes: Some((first, last)), total: whole }),
        ) if first == length
                && is_same
                && is_plain
                && of_total(whole)
                // The rest goes to the end.
                && whole.or(total).is_some_and(|total| last.checked_add(1) == Some(total)) =>
        {
            Rest::Follows((last - first).saturating_add(1))
        }
        (StatusCode::RANGE_NOT_SATISFIABLE, Some(ContentRange { bytes: None, total: whole }))
            if whole == Some(length) && of_total(whole) && !is_another =>
        {
            Rest::IsThere
        }
        (StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE, _) => Rest::DoesNotFit,
        (StatusCode::OK | StatusCode::NON_AUTHORITATIVE_INFORMATION, _) => Rest::Whole,
        _ => Rest::Refused,
    }
}

/// Whether a part is of the version that the record is of. A part has the entity tag that the whole
/// would have (RFC 9110 section 15.3.7); its date may be left out.
fn is_same(record: &Record, fields: &HeaderMap) -> bool {
    let (tag, modified) = (text(fields, &ETAG), text(fields, &LAST_MODIFIED));
    if record.validator.starts_with('"') {
        tag == Some(&record.validator)
    } else {
        tag.is_none() && modified.is_none_or(|modified| modified == record.validator)
    }
}

/// Bytes of a part, by what is said of it; several parts have no length.
pub(super) fn part_length(fields: &HeaderMap) -> Option<u64> {
    let (first, last) = text(fields, &CONTENT_RANGE).and_then(ContentRange::parse)?.bytes?;
    (!is_in_parts(fields)).then(|| (last - first).saturating_add(1))
}

/// Whether a part is the one that this range asks for: `0-99`, `500-` or `-100`. Where nobody knows how
/// much there is, it may be shorter. Of several nothing is said here.
pub(super) fn is_part_of(range: &str, fields: &HeaderMap) -> bool {
    if range.contains(',') {
        return true;
    }
    let came = text(fields, &CONTENT_RANGE).and_then(ContentRange::parse);
    let (Some(ContentRange { bytes: Some((first, last)), total }), Some((from, to))) =
        (came, range.trim().split_once('-'))
    else {
        return false;
    };
    let end = last.saturating_add(1);
    match (number(from), number(to)) {
        (Some(from), to) => {
            let wanted = to.map_or(u64::MAX, |to| to.saturating_add(1));
            first == from && total.map_or(end <= wanted, |total| end == wanted.min(total))
        }
        (None, Some(count)) => total.map_or(end - first <= count, |total| {
            end == total && first == total.saturating_sub(count)
        }),
        (None, None) => false,
    }
}

/// `bytes 5-9/10`, `bytes 5-9/*`, `bytes */10`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ContentRange {
    /// The first and the last.
    bytes: Option<(u64, u64)>,
    total: Option<u64>,
}

impl ContentRange {
    fn parse(value: &str) -> Option<Self> {
        let (range, total) = value.strip_prefix("bytes ")?.trim().split_once('/')?;
        let total = if total == "*" { None } else { Some(number(total)?) };
        if range == "*" {
            return Some(Self { bytes: None, total });
        }
        let (first, last) = range.split_once('-')?;
        let (first, last) = (number(first)?, number(last)?);
        let is_range = first <= last && total.is_none_or(|total| last < total);
        is_range.then_some(Self { bytes: Some((first, last)), total })
    }
}

fn number(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok())?
}

fn text<'a>(fields: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    fields.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use http::HeaderValue;

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
        let mut partial = Partial::begin(&folder.join("a"), false).unwrap();
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
            (206, &[(CONTENT_RANGE, "bytes 4-8/9"), (ETAG, "\"1\"")][..], Rest::Follows(5)),
            (206, &[(CONTENT_RANGE, "bytes 4-8/*"), (ETAG, "\"1\"")], Rest::Follows(5)),
            (206, &[(CONTENT_RANGE, "bytes 4-6/*"), (ETAG, "\"1\"")], Rest::DoesNotFit),
            (206, &[(CONTENT_RANGE, "bytes 4-8/9")], Rest::DoesNotFit),
            (206, &[(CONTENT_RANGE, "bytes 4-8/9"), (LAST_MODIFIED, NOW)], Rest::DoesNotFit),
            (206, &[(CONTENT_RANGE, "bytes 4-8/9"), (ETAG, "\"2\"")], Rest::DoesNotFit),
            (206, &[(CONTENT_RANGE, "bytes 4-8/9"), (ETAG, "W/\"1\"")], Rest::DoesNotFit),
            (
                206,
                &[(CONTENT_RANGE, "bytes 4-8/9"), (ETAG, "\"1\""), (CONTENT_ENCODING, "gzip")],
                Rest::DoesNotFit,
            ),
            (206, &[(CONTENT_RANGE, "bytes 4-9/10"), (ETAG, "\"1\"")], Rest::DoesNotFit),
            (206, &[(CONTENT_RANGE, "bytes 4-7/9"), (ETAG, "\"1\"")], Rest::DoesNotFit),
            (206, &[(CONTENT_RANGE, "bytes 0-8/9"), (ETAG, "\"1\"")], Rest::DoesNotFit),
            (206, &[(CONTENT_RANGE, "bytes 4-3/9"), (ETAG, "\"1\"")], Rest::DoesNotFit),
            (206, &[(CONTENT_RANGE, "bytes +4-8/9"), (ETAG, "\"1\"")], Rest::DoesNotFit),
            (206, &[(ETAG, "\"1\"")], Rest::DoesNotFit),
            (416, &[(CONTENT_RANGE, "bytes */4")], Rest::DoesNotFit),
            (416, &[(CONTENT_RANGE, "bytes */9")], Rest::DoesNotFit),
            (202, &[], Rest::Refused),
            (204, &[], Rest::Refused),
            (205, &[], Rest::Refused),
            (200, &[], Rest::Whole),
            (404, &[], Rest::Refused),
            (302, &[], Rest::Refused),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(rest(&partial, status, &fields(rows)), expected, "{status} {rows:?}");
        }
        // The same by its date.
        let dated = Record {
            url: "http://h/a".to_owned(),
            name: "a".to_owned(),
            validator: EARLIER.to_owned(),
            total: None,
        };
        for (rows, expected) in [
            (&[][..], true),
            (&[(LAST_MODIFIED, EARLIER)], true),
            (&[(LAST_MODIFIED, NOW)], false),
            (&[(ETAG, "\"1\"")], false),
        ] {
            assert_eq!(is_same(&dated, &fields(rows)), expected, "{rows:?}");
        }
        partial.end().unwrap().write_all(b"56789").unwrap();
        drop(partial);
        let whole = Partial::existing(&folder.path().join("a")).unwrap().unwrap();
        let status = StatusCode::RANGE_NOT_SATISFIABLE;
        for (range, expected) in [("bytes */9", Rest::IsThere), ("bytes */8", Rest::DoesNotFit)] {
            assert_eq!(rest(&whole, status, &fields(&[(CONTENT_RANGE, range)])), expected);
        }
    }

    #[test]
    fn a_part_is_what_was_asked_for() {
        for (range, came, expected) in [
            ("0-3", "bytes 0-3/9", true),
            ("0-30", "bytes 0-8/9", true),
            ("0-3", "bytes 0-4/9", false),
            ("0-3", "bytes 0-2/9", false),
            ("0-30", "bytes 0-7/9", false),
            ("0-3", "bytes 0-2/*", true),
            ("0-3", "bytes 0-4/*", false),
            ("0-3", "bytes 5-8/9", false),
            ("5-", "bytes 5-8/9", true),
            ("5-", "bytes 5-6/9", false),
            ("5-", "bytes 5-6/*", true),
            ("-2", "bytes 7-8/9", true),
            ("-2", "bytes 8-8/9", false),
            ("-2", "bytes 8-8/*", true),
            ("-2", "bytes 6-8/9", false),
            ("-20", "bytes 0-8/9", true),
            ("-20", "bytes 1-8/9", false),
            ("-2", "bytes 0-1/9", false),
            ("0-3", "bytes */9", false),
            ("0-3", "4", false),
            ("0-3,5-6", "4", true),
        ] {
            assert_eq!(
                is_part_of(range, &fields(&[(CONTENT_RANGE, came)])),
                expected,
                "{range} {came}"
            );
        }
    }
}
