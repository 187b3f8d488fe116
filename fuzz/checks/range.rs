//! Any `Range` selects pieces inside the content, no more than the whole, each as it would alone.

use std::ops::Range;

use salver::content::range::{MAX_RANGES, Selection, content_range, select};

/// The input is the length of the content in decimal, a line feed, and the value of the field.
pub(crate) fn check(data: &[u8]) {
    let mut pieces = data.splitn(2, |&byte| byte == b'\n');
    let length = pieces.next().and_then(number).unwrap_or(1000);
    let value = pieces.next().unwrap_or_default();

    let ranges = match select(value, length) {
        Selection::Whole => return,
        Selection::Unsatisfiable => vec![],
        Selection::One(range) => vec![range],
        Selection::Many(ranges) => {
            assert!(ranges.len() > 1 && ranges.len() <= MAX_RANGES);
            ranges
        }
    };
    for range in &ranges {
        assert!(range.start < range.end && range.end <= length);
        let expected = format!("bytes {}-{}/{length}", range.start, range.end - 1);
        assert_eq!(content_range(range, length), expected);
    }
    let total: u128 = ranges.iter().map(|range| u128::from(range.end - range.start)).sum();
    assert!(total <= u128::from(length));
    assert_eq!(ranges, one_by_one(value, length));
}

/// The pieces that each member of the list selects when it is the only one.
fn one_by_one(value: &[u8], length: u64) -> Vec<Range<u64>> {
    let (unit, list) = value.split_at("bytes=".len());
    list.split(|&byte| byte == b',')
        .filter_map(|member| match select(&[unit, member].concat(), length) {
            Selection::One(range) => Some(range),
            _ => None,
        })
        .collect()
}

fn number(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}
