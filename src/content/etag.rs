//! Entity tags (RFC 9110 section 8.8.3): made, compared, and read from a list.

use std::time::{SystemTime, UNIX_EPOCH};

use http::HeaderValue;
use xxhash_rust::xxh3::xxh3_128;

use super::coding::Coding;
use super::field_value;

/// The entity tag of a representation, ready to be sent. Cloning it copies no bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntityTag(HeaderValue);

impl EntityTag {
    /// A strong tag: a 128-bit hash of the content.
    pub fn of_content(content: &[u8]) -> Self {
        let hash = xxh3_128(content);
        let mut text = String::with_capacity(24);
        text.push('"');
        text.extend((0..22).map(|digit| base64_digit(hash >> (6 * digit))));
        text.push('"');
        Self(field_value(text))
    }

    /// A strong tag: size in bytes and modification time to the nanosecond. The same on every
    /// machine that the file is copied to with its time.
    pub fn of_file(size: u64, modified: SystemTime) -> Self {
        let (sign, distance) = match modified.duration_since(UNIX_EPOCH) {
            Ok(after) => ("", after),
            Err(before) => ("-", before.duration()),
        };
        let nanoseconds = distance.as_nanos();
        Self(field_value(format!("\"{sign}{nanoseconds:x}-{size:x}\"")))
    }

    /// The tag of the same state in a coding: another one, since its bytes are others (RFC 9110
    /// section 8.8.3.3).
    #[must_use]
    pub fn in_coding(&self, coding: Coding) -> Self {
        let inner = self.0.as_bytes();
        let inner = inner.strip_suffix(b"\"").unwrap_or(inner);
        let text = [inner, b"-", coding.name().as_bytes(), b"\""].concat();
        // A valid value stays valid with a word in it.
        HeaderValue::try_from(text).map_or_else(|_| self.clone(), Self)
    }

    /// The weak tag of the same text: for a representation that means the same but may differ in
    /// its bytes.
    #[must_use]
    pub fn to_weak(&self) -> Self {
        if self.is_weak() {
            return self.clone();
        }
        let mut text = b"W/".to_vec();
        text.extend_from_slice(self.0.as_bytes());
        // A valid value stays valid with `W/` in front.
        HeaderValue::try_from(text).map_or_else(|_| self.clone(), Self)
    }

    /// Whether it is weak.
    pub fn is_weak(&self) -> bool {
        self.0.as_bytes().starts_with(b"W/")
    }

    /// The tag as it is sent, quotes and all.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// The value of the `ETag` field.
    pub fn value(&self) -> &HeaderValue {
        &self.0
    }

    /// The tag as a view, to be compared.
    pub fn tag(&self) -> Tag<'_> {
        let bytes = self.0.as_bytes();
        match bytes.strip_prefix(b"W/") {
            Some(opaque) => Tag { weak: true, opaque },
            None => Tag { weak: false, opaque: bytes },
        }
    }
}

/// A digit of the URL-safe base64 alphabet (RFC 4648 section 5) for the lowest six bits.
fn base64_digit(bits: u128) -> char {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    char::from(DIGITS[(bits & 63) as usize])
}

/// An entity tag that somebody sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag<'a> {
    weak: bool,
    /// With its quotes.
    opaque: &'a [u8],
}

impl<'a> Tag<'a> {
    /// Reads a value that is exactly one entity tag.
    pub fn parse(value: &'a [u8]) -> Option<Self> {
        match Self::at_start(value)? {
            (tag, []) => Some(tag),
            _ => None,
        }
    }

    /// Strong comparison (RFC 9110 section 8.8.3.2): the same text and neither is weak.
    pub fn strong_eq(self, other: Tag<'_>) -> bool {
        !self.weak && !other.weak && self.opaque == other.opaque
    }

    /// Weak comparison (RFC 9110 section 8.8.3.2): the same text, weak or not.
    pub fn weak_eq(self, other: Tag<'_>) -> bool {
        self.opaque == other.opaque
    }

    /// Reads a tag and gives back what follows it.
    ///
    /// `entity-tag = [ "W/" ] DQUOTE *etagc DQUOTE`, `etagc = %x21 / %x23-7E / obs-text`: a comma
    /// may be part of a tag, a space may not. `W` is a capital.
    fn at_start(value: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (weak, quoted) = match value.strip_prefix(b"W/") {
            Some(quoted) => (true, quoted),
            None => (false, value),
        };
        let inner = quoted.strip_prefix(b"\"")?;
        let length = inner.iter().position(|&byte| !is_etagc(byte))?;
        if inner[length] != b'"' {
            return None;
        }
        let (opaque, rest) = quoted.split_at(length + 2);
        Some((Self { weak, opaque }, rest))
    }
}

fn is_etagc(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x7e | 0x80..)
}

/// The entity tags in one line of `If-Match` or `If-None-Match`. A member that is not an entity
/// tag is left out, up to the next comma. `*` is not a tag: see [`is_any`].
pub fn list(line: &[u8]) -> impl Iterator<Item = Tag<'_>> {
    let mut rest = line;
    std::iter::from_fn(move || {
        while !rest.is_empty() {
            let (tag, after) = member(rest);
            rest = after;
            if tag.is_some() {
                return tag;
            }
        }
        None
    })
}

/// Whether a value is `*`, which any current representation matches.
pub fn is_any(line: &[u8]) -> bool {
    line.trim_ascii() == b"*"
}

/// Takes one member and its comma off a list.
fn member(list: &[u8]) -> (Option<Tag<'_>>, &[u8]) {
    let trimmed = list.trim_ascii_start();
    if let Some((tag, rest)) = Tag::at_start(trimmed) {
        match rest.trim_ascii_start() {
            [] => return (Some(tag), &[]),
            [b',', after @ ..] => return (Some(tag), after),
            _ => {}
        }
    }
    match memchr::memchr(b',', trimmed) {
        Some(comma) => (None, &trimmed[comma + 1..]),
        None => (None, &[]),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn texts(line: &str) -> Vec<String> {
        let written = |tag: Tag<'_>| {
            let prefix = if tag.weak { "W/" } else { "" };
            format!("{prefix}{}", String::from_utf8_lossy(tag.opaque))
        };
        list(line.as_bytes()).map(written).collect()
    }

    #[test]
    fn a_tag_of_content_changes_with_the_content() {
        let tag = EntityTag::of_content(b"a");
        assert_eq!(tag, EntityTag::of_content(b"a"));
        assert_ne!(tag, EntityTag::of_content(b"b"));
        assert_ne!(tag, EntityTag::of_content(b""));
        assert_eq!(tag.as_bytes().len(), 24);
        assert!(!tag.is_weak());
        assert!(Tag::parse(tag.as_bytes()).is_some());
    }

    #[test]
    fn a_tag_of_a_file_changes_with_size_and_nanosecond() {
        let time = UNIX_EPOCH + Duration::new(1, 5);
        let tag = EntityTag::of_file(255, time);
        assert_eq!(tag.as_bytes(), b"\"3b9aca05-ff\"");
        assert_ne!(tag, EntityTag::of_file(254, time));
        assert_ne!(tag, EntityTag::of_file(255, time + Duration::from_nanos(1)));
    }

    #[test]
    fn a_file_older_than_1970_has_a_tag_of_its_own() {
        let second = Duration::from_secs(1);
        let before = EntityTag::of_file(1, UNIX_EPOCH - second);
        assert_eq!(before.as_bytes(), b"\"-3b9aca00-1\"");
        assert!(Tag::parse(before.as_bytes()).is_some());
        assert_ne!(before, EntityTag::of_file(1, UNIX_EPOCH + second));
    }

    #[test]
    fn a_weak_tag_is_the_same_text_marked() {
        let weak = EntityTag::of_file(1, UNIX_EPOCH).to_weak();
        assert_eq!(weak.as_bytes(), b"W/\"0-1\"");
        assert!(weak.is_weak());
        assert_eq!(weak.to_weak(), weak);
    }

    #[test]
    fn tags_compare_as_the_table_of_the_rfc_says() {
        // RFC 9110 8.8.3.2: ETag 1, ETag 2, strong, weak
        let rows = [
            ("W/\"1\"", "W/\"1\"", false, true),
            ("W/\"1\"", "W/\"2\"", false, false),
            ("W/\"1\"", "\"1\"", false, true),
            ("\"1\"", "\"1\"", true, true),
        ];
        for (one, two, strong, weak) in rows {
            let one = Tag::parse(one.as_bytes()).unwrap();
            let two = Tag::parse(two.as_bytes()).unwrap();
            assert_eq!(one.strong_eq(two), strong, "{one:?} {two:?}");
            assert_eq!(two.strong_eq(one), strong, "{one:?} {two:?}");
            assert_eq!(one.weak_eq(two), weak, "{one:?} {two:?}");
            assert_eq!(two.weak_eq(one), weak, "{one:?} {two:?}");
        }
    }

    #[test]
    fn one_tag_is_read_whole_or_not_at_all() {
        for text in ["\"\"", "\"a\"", "W/\"a\"", "\"a,b\"", "\"W/\"", "\"\u{e9}\"", "\"\\\""] {
            assert!(Tag::parse(text.as_bytes()).is_some(), "{text}");
        }
        let wrong = [
            "",
            "a",
            "\"",
            "\"a",
            "a\"",
            "w/\"a\"",
            "W/",
            "W/a",
            "W/ \"a\"",
            "\"a b\"",
            "\"a\"b",
            "\"a\" ",
            "\"a\", \"b\"",
            "*",
            "\"\x7f\"",
        ];
        for text in wrong {
            assert_eq!(Tag::parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn a_list_is_read_member_by_member() {
        let rows: &[(&str, &[&str])] = &[
            // RFC 9110 13.1.2, its examples.
            ("\"xyzzy\"", &["\"xyzzy\""]),
            ("W/\"xyzzy\"", &["W/\"xyzzy\""]),
            (
                "\"xyzzy\", \"r2d2xxxx\", \"c3piozzzz\"",
                &["\"xyzzy\"", "\"r2d2xxxx\"", "\"c3piozzzz\""],
            ),
            // RFC 9110 5.6.1.2: empty members are skipped, white space around commas too.
            (", \"a\" ,\t,W/\"b\",", &["\"a\"", "W/\"b\""]),
            ("", &[]),
            (" , ", &[]),
            // A comma inside the quotes does not end the tag.
            ("\"a,b\",\"c\"", &["\"a,b\"", "\"c\""]),
            // Not entity tags.
            ("*", &[]),
            ("*, \"a\"", &["\"a\""]),
            ("a, \"b\"", &["\"b\""]),
            ("\"a\"x, \"b\"", &["\"b\""]),
            ("\"a\" \"b\", \"c\"", &["\"c\""]),
            ("\"a, \"b\"", &["\"b\""]),
            ("w/\"a\"", &[]),
            ("\"a", &[]),
        ];
        for (line, expected) in rows {
            assert_eq!(texts(line), *expected, "{line}");
        }
    }

    #[test]
    fn only_a_lone_star_is_any() {
        assert!(is_any(b"*"));
        assert!(is_any(b" *\t"));
        for line in ["", "**", "*, \"a\"", "\"*\""] {
            assert!(!is_any(line.as_bytes()), "{line}");
        }
    }

    proptest! {
        #[test]
        fn any_list_of_tags_is_read_back(
            tags in prop::collection::vec("(W/)?\"[!#-~\u{e9}]{0,6}\"", 0..8),
            separator in "[ \t]{0,2},[ \t,]{0,3}",
        ) {
            prop_assert_eq!(texts(&tags.join(&separator)), tags);
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(line in "[\"W/,* a\\\\\u{e9}]{0,24}") {
            for tag in list(line.as_bytes()) {
                prop_assert!(tag.opaque.len() >= 2);
            }
        }
    }
}
