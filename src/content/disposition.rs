//! `Content-Disposition` (RFC 6266): the name under which a client saves what it gets.

use http::HeaderValue;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::field_value;

/// What stays as it is in `filename*`: `attr-char` of RFC 8187 section 3.2.1.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// Tells a client to save the content under that name: `attachment; filename="..."`, and, when
/// plain ASCII cannot say the name, `filename*=UTF-8''...` after it for clients that read it.
///
/// Any bytes will do: what is not UTF-8 becomes U+FFFD, control characters and slashes become `_`,
/// and no name at all becomes `download`. In `filename` also `"`, `\` and `%` become `_`, which
/// clients read differently (RFC 6266 appendix D).
pub fn attachment(name: &[u8]) -> HeaderValue {
    let name: String = String::from_utf8_lossy(name)
        .chars()
        .map(|char| if char.is_control() || char == '/' { '_' } else { char })
        .collect();
    let name = if name.is_empty() { "download" } else { &name };
    let ascii: String = name.chars().map(|char| if is_plain(char) { char } else { '_' }).collect();
    if ascii == name {
        return field_value(format!("attachment; filename=\"{ascii}\""));
    }
    let encoded = utf8_percent_encode(name, ENCODED);
    field_value(format!("attachment; filename=\"{ascii}\"; filename*=UTF-8''{encoded}"))
}

/// Whether every client reads the character alike inside a quoted string.
fn is_plain(char: char) -> bool {
    matches!(char, ' '..='~') && !matches!(char, '"' | '\\' | '%')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_written_for_old_and_new_clients() {
        let rows: &[(&[u8], &str)] = &[
            (b"a b.txt", "attachment; filename=\"a b.txt\""),
            (b"it's (1), [x]; y=z.txt", "attachment; filename=\"it's (1), [x]; y=z.txt\""),
            // RFC 6266 5, its last example, in our spelling.
            (
                "\u{20ac} rates.txt".as_bytes(),
                "attachment; filename=\"_ rates.txt\"; filename*=UTF-8''%E2%82%AC%20rates.txt",
            ),
            (b"50%.txt", "attachment; filename=\"50_.txt\"; filename*=UTF-8''50%25.txt"),
            (
                b"a\"b\\c*'(",
                "attachment; filename=\"a_b_c*'(\"; filename*=UTF-8''a%22b%5Cc%2A%27%28",
            ),
            (b"a\r\nX: y", "attachment; filename=\"a__X: y\""),
            (b"a/b", "attachment; filename=\"a_b\""),
            (b"\xff.bin", "attachment; filename=\"_.bin\"; filename*=UTF-8''%EF%BF%BD.bin"),
            (b"", "attachment; filename=\"download\""),
        ];
        for (name, expected) in rows {
            assert_eq!(attachment(name), expected);
        }
    }

    proptest! {
        #[test]
        fn any_name_is_a_value_of_two_parameters_at_most(
            name in prop::collection::vec(any::<u8>(), 0..60)
        ) {
            let value = attachment(&name);
            let value = value.to_str().unwrap();
            let rest = value.strip_prefix("attachment; filename=\"").unwrap();
            let (_, after) = rest.split_once('"').unwrap();
            prop_assert!(!after.contains('"'));
            prop_assert!(after.is_empty() || after.starts_with("; filename*=UTF-8''"));
        }

        #[test]
        fn a_text_name_is_read_back(name in "[^\\p{Cc}/]{1,30}") {
            let value = attachment(name.as_bytes());
            let value = value.to_str().unwrap();
            let back = match value.split_once("; filename*=UTF-8''") {
                Some((_, encoded)) => percent_encoding::percent_decode_str(encoded)
                    .decode_utf8()
                    .unwrap()
                    .into_owned(),
                None => value["attachment; filename=\"".len()..value.len() - 1].to_owned(),
            };
            prop_assert_eq!(back, name);
        }
    }
}
