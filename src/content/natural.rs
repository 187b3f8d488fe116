//! The natural order of file names: `lesson 2` before `lesson 10`.

use std::cmp::Ordering;

/// Compares two names as a person would:
///
/// 1. runs of ASCII digits by their value, of whatever length;
/// 2. everything else byte by byte, ASCII letters without regard to case;
/// 3. names that are alike so far (`a1`, `A01`) by their bytes.
///
/// A total order: two names are equal only when all their bytes are.
#[inline]
pub fn compare(one: &[u8], other: &[u8]) -> Ordering {
    alike(one, other).then_with(|| one.cmp(other))
}

/// Steps 1 and 2. A number stands where its first digit would: every number lies between the same
/// two other bytes, so the order of the pieces is one, and so is that of the names.
fn alike(one: &[u8], other: &[u8]) -> Ordering {
    let start = common_start(one, other);
    let (mut one_at, mut other_at) = (start, start);
    loop {
        let (left, right) = match (one.get(one_at), other.get(other_at)) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(left), Some(right)) => (*left, *right),
        };
        let order = if left.is_ascii_digit() && right.is_ascii_digit() {
            let (left, right) = (number(one, one_at), number(other, other_at));
            (one_at, other_at) = (one_at + left.len(), other_at + right.len());
            by_value(left, right)
        } else {
            (one_at, other_at) = (one_at + 1, other_at + 1);
            left.to_ascii_lowercase().cmp(&right.to_ascii_lowercase())
        };
        if order.is_ne() {
            return order;
        }
    }
}

/// How many bytes at the start are the same in both and end no number half-way.
fn common_start(one: &[u8], other: &[u8]) -> usize {
    let same = one.iter().zip(other).take_while(|(left, right)| left == right).count();
    let digits = one[..same].iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    same - digits
}

/// The run of digits that begins at `start`.
fn number(name: &[u8], start: usize) -> &[u8] {
    let digits = name[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    &name[start..start + digits]
}

fn by_value(one: &[u8], other: &[u8]) -> Ordering {
    let (one, other) = (without_zeros(one), without_zeros(other));
    one.len().cmp(&other.len()).then_with(|| one.cmp(other))
}

fn without_zeros(digits: &[u8]) -> &[u8] {
    let zeros = digits.iter().take_while(|&&digit| digit == b'0').count();
    &digits[zeros..]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_in_the_order_a_person_expects() {
        let ordered: &[&[u8]] = &[
            b"",
            b" 1",
            b"-",
            b"01",
            b"1",
            b"1.txt",
            b"1a",
            b"002",
            b"2",
            b"10",
            b"99999999999999999999999999999999",
            b"100000000000000000000000000000000",
            b"A",
            b"a",
            b"a 2 b 3",
            b"a 2 b 10",
            b"a-1",
            b"a1",
            b"a01b",
            b"a1b",
            b"A2",
            b"a10",
            b"ab",
            b"B",
            b"b",
            b"v1.2.9",
            b"v1.2.10",
            b"v1.10.0",
            b"z",
            b"\xc3\xa4",
            b"\xff",
        ];
        for (number, one) in ordered.iter().enumerate() {
            for (place, other) in ordered.iter().enumerate() {
                let names = (String::from_utf8_lossy(one), String::from_utf8_lossy(other));
                assert_eq!(compare(one, other), number.cmp(&place), "{names:?}");
            }
        }
    }

    fn name() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            "[aAbB. -]{0,3}".prop_map(String::into_bytes),
            "0{0,2}[0-9]{0,3}".prop_map(String::into_bytes),
            prop::collection::vec(any::<u8>(), 0..2),
        ];
        prop::collection::vec(piece, 0..4).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn the_order_is_total(one in name(), two in name(), three in name()) {
            prop_assert_eq!(compare(&one, &two), compare(&two, &one).reverse());
            prop_assert_eq!(compare(&one, &two).is_eq(), one == two);
            if compare(&one, &two).is_le() && compare(&two, &three).is_le() {
                prop_assert!(compare(&one, &three).is_le());
            }
        }

        #[test]
        fn numbers_are_ordered_by_value(one: u64, two: u64) {
            let names = (format!("a{one}b"), format!("A{two}B"));
            if one != two {
                prop_assert_eq!(compare(names.0.as_bytes(), names.1.as_bytes()), one.cmp(&two));
            }
        }
    }
}
