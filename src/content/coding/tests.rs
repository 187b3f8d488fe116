use http::HeaderMap;
use proptest::prelude::*;

use super::*;

fn accepted(lines: &[&str]) -> Accepted {
    let mut map = HeaderMap::new();
    for line in lines {
        map.append(header::ACCEPT_ENCODING, HeaderValue::from_str(line).unwrap());
    }
    Accepted::of(Fields::Map(&map))
}

fn in_words(accepted: Accepted) -> String {
    let mut words: Vec<_> = accepted.codings().map(Coding::name).collect();
    words.extend(accepted.identity().then_some("identity"));
    words.join(" ")
}

#[test]
fn codings_are_tried_in_the_order_that_the_client_asks_for() {
    let rows = [
        // RFC 9110 12.5.3: "An Accept-Encoding header field with a field value that is empty
        // implies that the user agent does not want any content coding in response."
        ("", "identity"),
        // Browsers, and curl.
        ("gzip, deflate, br, zstd", "br zstd gzip identity"),
        ("gzip, deflate, br", "br gzip identity"),
        ("gzip, deflate", "gzip identity"),
        ("deflate, gzip, br, zstd", "br zstd gzip identity"),
        // The examples of RFC 9110 12.5.3.
        ("compress, gzip", "gzip identity"),
        ("*", "br zstd gzip identity"),
        ("compress;q=0.5, gzip;q=1.0", "gzip identity"),
        ("gzip;q=1.0, identity; q=0.5, *;q=0", "gzip identity"),
        // "If the representation's content coding is one of the content codings listed in the
        // Accept-Encoding field value, then it is acceptable unless it is accompanied by a qvalue
        // of 0."
        ("gzip;q=0", "identity"),
        ("br;q=0.0, gzip", "gzip identity"),
        // "the representation is acceptable by default unless specifically excluded by the
        // Accept-Encoding header field stating either "identity;q=0" or "*;q=0" without a more
        // specific entry for "identity"."
        ("identity;q=0", ""),
        ("*;q=0", ""),
        ("gzip, *;q=0", "gzip"),
        ("br, identity;q=0", "br"),
        ("identity;q=0, *", "br zstd gzip"),
        ("identity;q=0.1, *;q=0", "identity"),
        // "the symbol "*" matches any available content coding not explicitly listed in the field"
        ("gzip;q=0.5, *;q=0.8", "br zstd gzip identity"),
        ("gzip;q=0.8, *;q=0.5", "gzip br zstd identity"),
        ("gzip;q=0, *", "br zstd identity"),
        // "the non-zero qvalue that is highest is preferred", 12.4.2
        ("gzip;q=1.0, br;q=0.9, zstd;q=0.95", "gzip zstd br identity"),
        ("br;q=0.001, gzip;q=0.002", "gzip br identity"),
        ("identity, gzip;q=0.5", "identity"),
        ("identity;q=0.5, gzip;q=0.5, br;q=0.4", "gzip identity"),
        // 12.5.3: "All content codings are case-insensitive", 8.4.1.3: "A recipient SHOULD
        // consider "x-gzip" to be equivalent to "gzip"."
        ("X-GZip", "gzip identity"),
        ("x-gzip;q=0, gzip", "gzip identity"),
        ("BR;Q=1", "br identity"),
        // OWS around what separates.
        ("\tgzip ;  q=0.3 ,br;q=0.2", "gzip br identity"),
        // Empty members, unknown ones, and qualities that are none.
        (",, gzip,", "gzip identity"),
        ("gzip2, brr, bzip2, b, x", "identity"),
        ("gzip;q=2, br", "br identity"),
        ("gzip;q=1.001", "identity"),
        ("gzip;q=", "identity"),
        ("gzip;q", "identity"),
        ("gzip;level=1", "identity"),
        ("gzip;q=0.5;q=1", "identity"),
        ("identity;q=x", "identity"),
        ("*;q=-0, br", "br identity"),
        ("gzip br", "identity"),
    ];
    for (line, expected) in rows {
        assert_eq!(in_words(accepted(&[line])), expected, "{line:?}");
    }
}

#[test]
fn the_fastest_is_one_of_those_liked_best() {
    for (line, expected) in [
        ("gzip, deflate, br, zstd", Some(Coding::Zstd)),
        ("gzip, br", Some(Coding::Gzip)),
        ("br", Some(Coding::Br)),
        ("br, gzip;q=0.9, zstd;q=0.9", Some(Coding::Br)),
        ("br;q=0.5, gzip;q=0.9, zstd;q=0.9", Some(Coding::Zstd)),
        ("identity", None),
    ] {
        assert_eq!(accepted(&[line]).fastest(), expected, "{line}");
    }
}

#[test]
fn what_is_usual_means_what_reading_it_says() {
    let mut usual = 0;
    for line in ["gzip, deflate, br, zstd", "gzip, deflate, br", "gzip, deflate", "gzip", "br"] {
        let mut map = HeaderMap::new();
        map.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(line));
        let read = Accepted::read(Fields::Map(&map));
        assert_eq!(accepted(&[line]), read, "{line}");
        usual += usize::from(Accepted::usual(line.as_bytes()).is_some());
    }
    assert_eq!(usual, 4);
}

#[test]
fn no_field_is_identity_and_several_lines_are_one_list() {
    assert_eq!(Accepted::of(Fields::EMPTY), Accepted::IDENTITY);
    assert_eq!(in_words(accepted(&["gzip;q=0.5", "br;q=0.6, identity;q=0"])), "br gzip");
}

proptest! {
    #[test]
    fn any_line_is_read_and_no_coding_is_there_twice(
        line in "(gzip|br|zstd|x-gzip|identity|\\*|;q=|[01]|\\.[0-9]{0,4}|[ ,;=q]|[\\x21-\\x7e]){0,12}"
    ) {
        let accepted = accepted(&[&line]);
        let codings: Vec<_> = accepted.codings().collect();
        for (at, coding) in codings.iter().enumerate() {
            prop_assert!(!codings[..at].contains(coding));
        }
        prop_assert_eq!(accepted.first(), codings.first().copied());
    }

    #[test]
    fn the_order_of_the_members_does_not_matter(
        mut members in prop::collection::vec(
            ("(gzip|br|zstd|identity|\\*)", "(;q=(0|1|0\\.[0-9]{1,3}))?"), 0..5),
        by in 0usize..5,
    ) {
        let line = |members: &[(String, String)]| {
            members.iter().map(|(name, q)| format!("{name}{q}")).collect::<Vec<_>>().join(", ")
        };
        let before = accepted(&[&line(&members)]);
        let by = by % members.len().max(1);
        members.rotate_left(by);
        prop_assert_eq!(accepted(&[&line(&members)]), before);
    }
}
