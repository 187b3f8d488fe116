use std::time::{Duration, UNIX_EPOCH};

use http::{HeaderMap, HeaderValue};
use proptest::prelude::*;

use super::Verdict::{NotModified, PreconditionFailed, Proceed};
use super::*;

const EARLIER: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
const SAME: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const LATER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

/// Half a second after [`SAME`].
fn modified() -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(784_111_777_500)
}

/// `"0-1"`
fn own_tag() -> EntityTag {
    EntityTag::of_file(1, UNIX_EPOCH)
}

fn fields(lines: &[(&str, &str)]) -> HeaderMap {
    let pairs = lines.iter().map(|(name, value)| {
        (HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap())
    });
    let mut map = HeaderMap::new();
    pairs.for_each(|(name, value)| {
        map.append(name, value);
    });
    map
}

fn verdict(method: &Method, lines: &[(&str, &str)]) -> Verdict {
    let etag = own_tag();
    let current = Validators { etag: &etag, modified: Some(modified()) };
    check(method, Fields::Map(&fields(lines)), &current)
}

#[test]
fn each_field_alone() {
    // value, verdict for GET, verdict for PUT
    let rows = [
        // RFC 9110 13.1.1: strong comparison; "*" matches any current representation.
        ("if-match", "\"0-1\"", Proceed, Proceed),
        ("if-match", "\"x\", \"0-1\"", Proceed, Proceed),
        ("if-match", "*", Proceed, Proceed),
        ("if-match", "\"x\"", PreconditionFailed, PreconditionFailed),
        ("if-match", "W/\"0-1\"", PreconditionFailed, PreconditionFailed),
        ("if-match", "", PreconditionFailed, PreconditionFailed),
        ("if-match", "0-1", PreconditionFailed, PreconditionFailed),
        // RFC 9110 13.1.2: weak comparison.
        ("if-none-match", "\"0-1\"", NotModified, PreconditionFailed),
        ("if-none-match", "W/\"0-1\"", NotModified, PreconditionFailed),
        ("if-none-match", "\"a,b\", \"0-1\"", NotModified, PreconditionFailed),
        ("if-none-match", "*", NotModified, PreconditionFailed),
        ("if-none-match", "\"x\"", Proceed, Proceed),
        ("if-none-match", "\"0-1", Proceed, Proceed),
        ("if-none-match", "*, \"x\"", Proceed, Proceed),
        // RFC 9110 13.1.3: "earlier or equal to the date provided in the field value, the
        // condition is false".
        ("if-modified-since", SAME, NotModified, Proceed),
        ("if-modified-since", LATER, NotModified, Proceed),
        ("if-modified-since", EARLIER, Proceed, Proceed),
        ("if-modified-since", "Sunday, 06-Nov-94 08:49:37 GMT", NotModified, Proceed),
        ("if-modified-since", "Sun Nov  6 08:49:37 1994", NotModified, Proceed),
        ("if-modified-since", "1994-11-06", Proceed, Proceed),
        // RFC 9110 13.1.4: "earlier than or equal to the date provided in the field value,
        // the condition is true".
        ("if-unmodified-since", SAME, Proceed, Proceed),
        ("if-unmodified-since", LATER, Proceed, Proceed),
        ("if-unmodified-since", EARLIER, PreconditionFailed, PreconditionFailed),
        ("if-unmodified-since", "never", Proceed, Proceed),
        ("host", "a", Proceed, Proceed),
    ];
    for (name, value, get, put) in rows {
        let lines = [(name, value)];
        assert_eq!(verdict(&Method::GET, &lines), get, "GET {name}: {value}");
        assert_eq!(verdict(&Method::HEAD, &lines), get, "HEAD {name}: {value}");
        assert_eq!(verdict(&Method::PUT, &lines), put, "PUT {name}: {value}");
        assert_eq!(verdict(&Method::DELETE, &lines), put, "DELETE {name}: {value}");
        // RFC 9110 13.2.1: "A server MUST ignore the conditional request header fields ... when
        // received with a request method that does not involve the selection or modification of
        // a selected representation, such as CONNECT, OPTIONS, or TRACE."
        assert_eq!(verdict(&Method::OPTIONS, &lines), Proceed, "OPTIONS {name}: {value}");
    }
}

#[test]
fn lines_of_one_name_are_one_list_and_two_dates_are_none() {
    let two = |name, first, second| verdict(&Method::GET, &[(name, first), (name, second)]);
    assert_eq!(two("if-none-match", "\"x\"", "\"0-1\""), NotModified);
    assert_eq!(two("if-match", "\"x\"", "\"0-1\""), Proceed);
    assert_eq!(two("if-match", "\"x\"", "\"y\""), PreconditionFailed);
    // "*" stands alone or is nothing.
    assert_eq!(two("if-none-match", "*", "\"x\""), Proceed);
    assert_eq!(two("if-match", "\"x\"", "*"), PreconditionFailed);
    assert_eq!(two("if-modified-since", SAME, SAME), Proceed);
    assert_eq!(two("if-unmodified-since", EARLIER, EARLIER), Proceed);
}

#[test]
fn a_representation_without_a_date_ignores_dates() {
    let etag = own_tag();
    for modified in [None, Some(UNIX_EPOCH - Duration::from_secs(1))] {
        let current = Validators { etag: &etag, modified };
        for name in ["if-modified-since", "if-unmodified-since"] {
            let map = fields(&[(name, SAME)]);
            assert_eq!(check(&Method::GET, Fields::Map(&map), &current), Proceed);
        }
        for value in [SAME, "soon"] {
            let map = fields(&[("if-range", value)]);
            assert!(!if_range_holds(Fields::Map(&map), &current));
        }
    }
}

#[test]
fn a_file_that_does_not_exist_yet() {
    let rows = [
        // RFC 9110 13.1.2: "*" is how a client creates without overwriting.
        ("if-none-match", "*", Proceed),
        ("if-none-match", "\"x\"", Proceed),
        ("if-match", "*", PreconditionFailed),
        ("if-match", "\"x\"", PreconditionFailed),
        ("if-unmodified-since", EARLIER, Proceed),
        ("if-modified-since", SAME, Proceed),
    ];
    for (name, value, expected) in rows {
        let map = fields(&[(name, value)]);
        let found = check_absent(&Method::PUT, Fields::Map(&map));
        assert_eq!(found, expected, "{name}: {value}");
    }
    assert_eq!(check_absent(&Method::PUT, Fields::EMPTY), Proceed);
}

#[test]
fn if_range_holds_for_the_current_representation_only() {
    let etag = own_tag();
    let weak = etag.to_weak();
    let rows = [
        ("\"0-1\"", true),
        ("\"x\"", false),
        // RFC 9110 13.1.5: "using the strong comparison function".
        ("W/\"0-1\"", false),
        ("\"0-1\", \"x\"", false),
        ("*", false),
        ("0-1", false),
        ("", false),
        // "If the HTTP-date validator provided exactly matches the Last-Modified"
        (SAME, true),
        (EARLIER, false),
        (LATER, false),
        ("soon", false),
    ];
    for (value, expected) in rows {
        let map = fields(&[("if-range", value)]);
        let current = Validators { etag: &etag, modified: Some(modified()) };
        assert_eq!(if_range_holds(Fields::Map(&map), &current), expected, "{value}");
        let current = Validators { etag: &weak, ..current };
        let expected = expected && value == SAME;
        assert_eq!(if_range_holds(Fields::Map(&map), &current), expected, "weak, {value}");
    }
    let current = Validators { etag: &etag, modified: None };
    assert!(if_range_holds(Fields::EMPTY, &current));
    let twice = fields(&[("if-range", "\"0-1\""), ("if-range", "\"0-1\"")]);
    assert!(!if_range_holds(Fields::Map(&twice), &current));
}

/// A field line and whether its condition is true; `None` when the field is ignored.
type Condition = (&'static str, Option<bool>);

fn if_match() -> impl Strategy<Value = Option<Condition>> {
    prop::option::of(prop::sample::select(vec![
        ("*", Some(true)),
        ("\"0-1\"", Some(true)),
        ("W/\"0-1\"", Some(false)),
        ("\"no\",\"0-1\"", Some(true)),
        ("\"no\"", Some(false)),
        ("no", Some(false)),
    ]))
}

fn if_none_match() -> impl Strategy<Value = Option<Condition>> {
    prop::option::of(prop::sample::select(vec![
        ("*", Some(false)),
        ("\"0-1\"", Some(false)),
        ("W/\"0-1\"", Some(false)),
        ("\"no\",\"0-1\"", Some(false)),
        ("\"no\"", Some(true)),
        ("no", Some(true)),
    ]))
}

fn if_unmodified_since() -> impl Strategy<Value = Option<Condition>> {
    let conditions =
        vec![(EARLIER, Some(false)), (SAME, Some(true)), (LATER, Some(true)), ("x", None)];
    prop::option::of(prop::sample::select(conditions))
}

fn if_modified_since() -> impl Strategy<Value = Option<Condition>> {
    let conditions =
        vec![(EARLIER, Some(true)), (SAME, Some(false)), (LATER, Some(false)), ("x", None)];
    prop::option::of(prop::sample::select(conditions))
}

/// The steps of RFC 9110 section 13.2.2 as it writes them, over conditions already judged.
fn reference(
    reads: bool,
    if_match: Option<Condition>,
    if_unmodified_since: Option<Condition>,
    if_none_match: Option<Condition>,
    if_modified_since: Option<Condition>,
) -> Verdict {
    // 1. and 2.
    if let Some((_, condition)) = if_match {
        if condition == Some(false) {
            return PreconditionFailed;
        }
    } else if let Some((_, Some(false))) = if_unmodified_since {
        return PreconditionFailed;
    }
    // 3. and 4.
    if let Some((_, condition)) = if_none_match {
        if condition == Some(false) {
            return if reads { NotModified } else { PreconditionFailed };
        }
    } else if reads && let Some((_, Some(false))) = if_modified_since {
        return NotModified;
    }
    Proceed
}

proptest! {
    #[test]
    fn every_combination_follows_the_order_of_the_rfc(
        method in prop::sample::select(vec![Method::GET, Method::HEAD, Method::PUT, Method::POST]),
        if_match in if_match(),
        if_unmodified_since in if_unmodified_since(),
        if_none_match in if_none_match(),
        if_modified_since in if_modified_since(),
    ) {
        let named = [
            ("if-modified-since", if_modified_since),
            ("if-none-match", if_none_match),
            ("if-unmodified-since", if_unmodified_since),
            ("if-match", if_match),
        ];
        let lines: Vec<_> = named
            .iter()
            .filter_map(|(name, condition)| Some((*name, (*condition)?.0)))
            .collect();
        let reads = matches!(method, Method::GET | Method::HEAD);
        let expected = reference(
            reads,
            if_match,
            if_unmodified_since,
            if_none_match,
            if_modified_since,
        );
        prop_assert_eq!(verdict(&method, &lines), expected);
    }
}
