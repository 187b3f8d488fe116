//! Byte ranges (RFC 9110 section 14): which bytes of a representation are sent.
//!
//! `Range` has a meaning in GET only (section 14.2), only when [`if_range_holds`], and only once:
//! a caller ignores it otherwise.
//!
//! [`if_range_holds`]: super::conditions::if_range_holds

use std::ops::Range;

use http::HeaderValue;

use super::field_value;

/// Ranges in one request that are honoured; a request for more gets the whole.
pub const MAX_RANGES: usize = 16;

/// The bytes that a `Range` field selects. Every range is inside the representation and not empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// All, as if there were no `Range`: 200.
    Whole,
    /// One piece: 206 with [`content_range`].
    One(Range<u64>),
    /// Several pieces in the order they were asked for: 206 with `multipart/byteranges`.
    Many(Vec<Range<u64>>),
    /// None of the pieces exists: 416 with [`unsatisfied`].
    Unsatisfiable,
}

/// Reads the value of a `Range` field for a representation of `length` bytes.
///
/// Another unit than bytes, and a value that is not well-formed, are ignored. So is a request for
/// more than [`MAX_RANGES`] ranges or for more bytes than the whole has (section 14.2 lets a server
/// refuse 'many small ranges' and overlapping ones). Ranges are neither sorted nor joined; those
/// that do not exist are left out. Numbers beyond 64 bits count as the largest.
///
/// Of an empty representation a suffix selects the whole, since `Content-Range` cannot say an empty
/// range; positions select nothing.
pub fn select(value: &[u8], length: u64) -> Selection {
    let (mut count, mut total) = (0, 0);
    // Nearly always there is one, which takes no list.
    let (mut first, mut others) = (None, Vec::new());
    for member in members(value) {
        count += 1;
        let spec = Spec::parse(member).filter(|_| count <= MAX_RANGES);
        match spec {
            None => return Selection::Whole,
            Some(Spec::Suffix(1..)) if length == 0 => return Selection::Whole,
            Some(spec) => {
                let Some(range) = spec.within(length) else { continue };
                // Sixteen ranges of 64 bits each need more than 64 bits together.
                total += u128::from(range.end - range.start);
                match first {
                    None => first = Some(range),
                    Some(_) => others.push(range),
                }
            }
        }
    }
    match first {
        _ if count == 0 || total > u128::from(length) => Selection::Whole,
        None => Selection::Unsatisfiable,
        Some(only) if others.is_empty() => Selection::One(only),
        Some(first) => {
            others.insert(0, first);
            Selection::Many(others)
        }
    }
}

/// The `Content-Range` of a piece: `bytes 0-99/1234`. The range must not be empty.
pub fn content_range(range: &Range<u64>, length: u64) -> HeaderValue {
    field_value(content_range_text(range, length))
}

/// The `Content-Range` of a 416: `bytes */1234`.
pub fn unsatisfied(length: u64) -> HeaderValue {
    field_value(format!("bytes */{length}"))
}

pub(super) fn content_range_text(range: &Range<u64>, length: u64) -> String {
    const LONGEST: usize = "bytes -/".len() + 3 * "18446744073709551615".len();
    let mut text = String::with_capacity(LONGEST);
    let parts = [("bytes ", range.start), ("-", range.end.saturating_sub(1)), ("/", length)];
    for (before, number) in parts {
        text.push_str(before);
        text.push_str(itoa::Buffer::new().format(number));
    }
    text
}

/// One member of a range set.
enum Spec {
    /// `first-last`, the last included; `first-` ends at the largest number.
    Positions(u64, u64),
    /// `-count`: so many bytes at the end.
    Suffix(u64),
}

impl Spec {
    /// `int-range = first-pos "-" [ last-pos ]`, `suffix-range = "-" suffix-length`.
    fn parse(text: &[u8]) -> Option<Self> {
        let dash = memchr::memchr(b'-', text)?;
        match (&text[..dash], &text[dash + 1..]) {
            ([], count) => number(count).map(Self::Suffix),
            (first, []) => number(first).map(|first| Self::Positions(first, u64::MAX)),
            (first, last) => {
                let (first, last) = (number(first)?, number(last)?);
                (first <= last).then_some(Self::Positions(first, last))
            }
        }
    }

    /// The bytes of it that a representation has; `None` when none.
    fn within(&self, length: u64) -> Option<Range<u64>> {
        let range = match *self {
            Self::Positions(first, last) => first..last.saturating_add(1).min(length),
            Self::Suffix(count) => length.saturating_sub(count)..length,
        };
        (range.start < range.end).then_some(range)
    }
}

/// The members behind `bytes=`; none of what is in another unit. Empty ones are skipped and white
/// space around members is left out (section 5.6.1.2).
fn members(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let set = match value.split_at_checked(6) {
        Some((unit, set)) if unit.eq_ignore_ascii_case(b"bytes=") => set,
        _ => &[],
    };
    set.split(|&byte| byte == b',').map(trimmed).filter(|member| !member.is_empty())
}

/// Without the spaces and tabs around it.
fn trimmed(member: &[u8]) -> &[u8] {
    let is_text = |byte: &u8| !matches!(byte, b' ' | b'\t');
    let start = member.iter().position(is_text).unwrap_or(member.len());
    let end = member.iter().rposition(is_text).map_or(start, |at| at + 1);
    &member[start..end]
}

/// `1*DIGIT`; what 64 bits cannot hold is the largest number.
fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let add = |value: u64, byte: &u8| value.checked_mul(10)?.checked_add(u64::from(byte - b'0'));
    Some(digits.iter().try_fold(0, add).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Selection::{Many, One, Unsatisfiable, Whole};
    use super::*;

    #[test]
    fn the_examples_of_the_rfc() {
        // RFC 9110 14.1.2, "assuming a representation of length 10000".
        let rows = [
            ("bytes=0-499", One(0..500)),
            ("bytes=500-999", One(500..1000)),
            ("bytes=-500", One(9500..10000)),
            ("bytes=9500-", One(9500..10000)),
            ("bytes=0-0,-1", Many(vec![0..1, 9999..10000])),
            ("bytes= 0-999, 4500-5499, -1000", Many(vec![0..1000, 4500..5500, 9000..10000])),
            ("bytes=500-600,601-999", Many(vec![500..601, 601..1000])),
            ("bytes=500-700,601-999", Many(vec![500..701, 601..1000])),
        ];
        for (value, expected) in rows {
            assert_eq!(select(value.as_bytes(), 10_000), expected, "{value}");
        }
    }

    #[test]
    fn ranges_are_clipped_to_the_content() {
        let rows = [
            ("bytes=0-", 100, One(0..100)),
            ("bytes=0-99", 100, One(0..100)),
            ("bytes=0-100", 100, One(0..100)),
            ("bytes=99-", 100, One(99..100)),
            ("bytes=100-", 100, Unsatisfiable),
            ("bytes=100-200", 100, Unsatisfiable),
            // "If the selected representation is shorter than the specified suffix-length, the
            // entire representation is used."
            ("bytes=-101", 100, One(0..100)),
            ("bytes=-0", 100, Unsatisfiable),
            ("bytes=-0,-1", 100, One(99..100)),
            ("bytes=200-,5-9,300-", 100, One(5..10)),
            ("bytes=200-,-0", 100, Unsatisfiable),
            // The order asked for is kept.
            ("bytes=50-59,0-9", 100, Many(vec![50..60, 0..10])),
            // Beyond 64 bits.
            ("bytes=0-99999999999999999999", 100, One(0..100)),
            ("bytes=-99999999999999999999", 100, One(0..100)),
            ("bytes=99999999999999999999-", 100, Unsatisfiable),
            ("bytes=0-18446744073709551615", u64::MAX, One(0..u64::MAX)),
            ("bytes=000-0001", 100, One(0..2)),
            // Nothing to select from.
            ("bytes=0-", 0, Unsatisfiable),
            ("bytes=0-0", 0, Unsatisfiable),
            ("bytes=-0", 0, Unsatisfiable),
            ("bytes=-1", 0, Whole),
            ("bytes=0-,-1", 0, Whole),
        ];
        for (value, length, expected) in rows {
            assert_eq!(select(value.as_bytes(), length), expected, "{value} of {length}");
        }
    }

    #[test]
    fn what_is_not_a_byte_range_is_ignored() {
        // RFC 9110 14.2: "An origin server MUST ignore a Range header field that contains a range
        // unit it does not understand." 14.1.1: "A ranges-specifier is invalid if it contains any
        // range-spec that is invalid".
        let rows = [
            "",
            "bytes",
            "bytes=",
            "bytes=,",
            "bytes= , ,",
            "bytes=-",
            "bytes=--1",
            "bytes=1",
            "bytes=a-b",
            "bytes=0-1x",
            "bytes=+0-1",
            "bytes=0-+1",
            "bytes=0x0-1",
            "bytes=5-4",
            "bytes=0-1,5-4",
            "bytes=0-1,x",
            "bytes=0 - 1",
            "bytes=0-1 2-3",
            "bytes=0-1;2-3",
            "bytes =0-1",
            " bytes=0-1",
            "items=0-1",
            "none=0-1",
            "0-1",
            "bytes=0\u{2013}1",
            "bytes=0-1\u{b}",
        ];
        for value in rows {
            assert_eq!(select(value.as_bytes(), 100), Whole, "{value}");
        }
    }

    #[test]
    fn the_unit_and_the_list_are_read_leniently() {
        // RFC 9110 14.1: "range unit names are case-insensitive"; 5.6.1.2: empty list members.
        for value in ["Bytes=0-1", "BYTES=0-1", "bytes=,, 0-1\t,", "bytes= 0-1 "] {
            assert_eq!(select(value.as_bytes(), 100), One(0..2), "{value}");
        }
    }

    #[test]
    fn a_request_that_costs_too_much_gets_the_whole() {
        let small = |count: u64| {
            let specs: Vec<_> = (0..count).map(|at| format!("{at}-{at}")).collect();
            select(format!("bytes={}", specs.join(",")).as_bytes(), 1000)
        };
        assert!(matches!(small(16), Many(ranges) if ranges.len() == 16));
        assert_eq!(small(17), Whole);
        // Those that do not exist count too.
        let absent = format!("bytes=0-0{}", ",2000-".repeat(16));
        assert_eq!(select(absent.as_bytes(), 1000), Whole);
        // As many bytes as the whole, one more, and far more.
        assert_eq!(select(b"bytes=0-59,60-99", 100), Many(vec![0..60, 60..100]));
        assert_eq!(select(b"bytes=0-60,60-99", 100), Whole);
        assert_eq!(select(b"bytes=0-,0-,0-", u64::MAX), Whole);
    }

    #[test]
    fn the_fields_of_an_answer() {
        // RFC 9110 14.4, its examples.
        assert_eq!(content_range(&(42..1234), 1234), "bytes 42-1233/1234");
        assert_eq!(unsatisfied(1234), "bytes */1234");
        assert_eq!(
            content_range(&(u64::MAX - 1..u64::MAX), u64::MAX),
            "bytes 18446744073709551614-18446744073709551614/18446744073709551615"
        );
    }

    /// The bytes that one well-formed member selects, marked one by one.
    fn marked(first: Option<u64>, last: Option<u64>, length: u64) -> Vec<bool> {
        let is_in = |at: u64| match (first, last) {
            (Some(first), last) => at >= first && last.is_none_or(|last| at <= last),
            (None, Some(suffix)) => at + suffix >= length,
            (None, None) => false,
        };
        (0..length).map(is_in).collect()
    }

    fn count(marks: &[bool]) -> usize {
        marks.iter().filter(|&&mark| mark).count()
    }

    /// `first-last`, `first-` or `-last`, never the other way round.
    fn member() -> impl Strategy<Value = (Option<u64>, Option<u64>)> {
        prop_oneof![
            (0u64..320, 0u64..320).prop_map(|(a, b)| (Some(a.min(b)), Some(a.max(b)))),
            (0u64..320).prop_map(|first| (Some(first), None)),
            (0u64..320).prop_map(|suffix| (None, Some(suffix))),
        ]
    }

    proptest! {
        #[test]
        fn ranges_select_the_bytes_that_a_naive_model_marks(
            members in prop::collection::vec(member(), 1..20),
            length in 1u64..300,
        ) {
            let text = |number: Option<u64>| number.map_or(String::new(), |n| n.to_string());
            let specs: Vec<_> = members
                .iter()
                .map(|&(first, last)| format!("{}-{}", text(first), text(last)))
                .collect();
            let value = format!("bytes={}", specs.join(", "));

            let expected: Vec<_> = members
                .iter()
                .map(|&(first, last)| marked(first, last, length))
                .filter(|marks| count(marks) > 0)
                .collect();
            let total: usize = expected.iter().map(|marks| count(marks)).sum();
            let too_much = members.len() > MAX_RANGES || total > usize::try_from(length).unwrap();

            let ranges = match select(value.as_bytes(), length) {
                Whole => {
                    prop_assert!(too_much);
                    return Ok(());
                }
                Unsatisfiable => vec![],
                One(range) => vec![range],
                Many(ranges) => {
                    prop_assert!(ranges.len() > 1);
                    ranges
                }
            };
            prop_assert!(!too_much);
            let marks: Vec<Vec<bool>> = ranges
                .iter()
                .map(|range| (0..length).map(|at| range.contains(&at)).collect())
                .collect();
            prop_assert_eq!(marks, expected);
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(
            value in "(bytes=)?[0-9, \t\u{e9}-]{0,60}",
            length in any::<u64>(),
        ) {
            let ranges = match select(value.as_bytes(), length) {
                Whole | Unsatisfiable => vec![],
                One(range) => vec![range],
                Many(ranges) => ranges,
            };
            for range in ranges {
                prop_assert!(range.start < range.end && range.end <= length);
            }
        }
    }
}
