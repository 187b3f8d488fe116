//! Finds the first byte that ends an element of a head, sixteen bytes at a time.
//!
//! A class of bytes is a plain predicate. Applied to a block of sixteen bytes it becomes vector
//! code by itself, on every processor that has vectors: comparisons without a branch, and one
//! number that tells whether and where a byte belongs to the class. The end of a slice is read with
//! its last full block, shifted: nothing is read one byte at a time, and nothing behind the end.

const WIDTH: usize = 16;

/// What may not be in a field value, and HTAB, which may: `CTL` (RFC 5234).
#[inline]
pub(super) fn control(bytes: &[u8], from: usize) -> usize {
    find(bytes, from, is_control)
}

/// Whatever is neither a letter nor `-`, so not in almost any field name.
#[inline]
pub(super) fn not_plain_name(bytes: &[u8], from: usize) -> usize {
    find(bytes, from, |byte| !is_plain_name(byte))
}

/// Whatever is neither a letter, nor a digit, nor `-`, nor `.`.
#[inline]
pub(super) fn not_plain_host(bytes: &[u8], from: usize) -> usize {
    find(bytes, from, |byte| !is_plain_host(byte))
}

/// What ends a path: `?`, and what no request target holds (see [`target_stop`]).
#[inline]
pub(super) fn path_stop(bytes: &[u8], from: usize) -> usize {
    find(bytes, from, |byte| is_target_stop(byte) | (byte == b'?'))
}

/// What no request target holds: controls, space, `#`.
#[inline]
pub(super) fn target_stop(bytes: &[u8], from: usize) -> usize {
    find(bytes, from, is_target_stop)
}

// The operators are `|` and `&`, not `||` and `&&`: vectors have no branches.

fn is_control(byte: u8) -> bool {
    (byte < b' ') | (byte == 0x7f)
}

fn is_plain_name(byte: u8) -> bool {
    let letter = (byte | 0x20).wrapping_sub(b'a') < 26;
    letter | (byte == b'-')
}

fn is_plain_host(byte: u8) -> bool {
    is_plain_name(byte) | (byte == b'.') | (byte.wrapping_sub(b'0') < 10)
}

fn is_target_stop(byte: u8) -> bool {
    (byte <= b' ') | (byte == 0x7f) | (byte == b'#')
}

/// The first byte of `class` at or after `from`; `bytes.len()` without one.
#[inline]
fn find(bytes: &[u8], from: usize, class: impl Fn(u8) -> bool) -> usize {
    let mut at = from;
    while let Some(block) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
        let found = members(block, &class);
        if found != 0 {
            return at + first(found);
        }
        at += WIDTH;
    }
    find_in_rest(bytes, at, class)
}

/// [`find`] where less than one block is left.
#[inline]
fn find_in_rest(bytes: &[u8], at: usize, class: impl Fn(u8) -> bool) -> usize {
    let left = bytes.len().saturating_sub(at);
    if left == 0 {
        return bytes.len();
    }
    let found = if let Some(block) = bytes.last_chunk() {
        members(block, class) >> (8 * (WIDTH - left))
    } else {
        let mut block = [0; WIDTH];
        block[..left].copy_from_slice(&bytes[at..]);
        members(&block, class)
    };
    at + first(found).min(left)
}

/// A byte of ones for each byte of `block` that is in `class`, in the same order.
#[inline]
fn members(block: &[u8; WIDTH], class: impl Fn(u8) -> bool) -> u128 {
    u128::from_le_bytes(block.map(|byte| if class(byte) { 0xff } else { 0 }))
}

#[inline]
fn first(members: u128) -> usize {
    members.trailing_zeros() as usize / 8
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every byte at many places of slices of every length up to 40, from many starts.
    fn check(search: fn(&[u8], usize) -> usize, members: fn(u8) -> bool, harmless: u8) {
        assert!(!members(harmless));
        for byte in 0..=255 {
            for length in 0..40 {
                let mut bytes = vec![harmless; length];
                assert_eq!(search(&bytes, 0), length);
                for place in [0, 1, 7, 8, 15, 16, 17, 31, 33, 39] {
                    let Some(there) = bytes.get_mut(place) else {
                        break;
                    };
                    *there = byte;
                    let found = if members(byte) { place } else { length };
                    for from in [0, place / 2, place] {
                        assert_eq!(search(&bytes, from), found, "{byte} at {place}");
                    }
                    assert_eq!(search(&bytes, place + 1), length);
                    bytes[place] = harmless;
                }
            }
        }
    }

    #[test]
    fn the_first_member_of_each_class_is_found() {
        check(control, |b| b.is_ascii_control(), b' ');
        check(not_plain_name, |b| !b.is_ascii_alphabetic() && b != b'-', b'x');
        check(
            not_plain_host,
            |b| !b.is_ascii_alphanumeric() && !b"-.".contains(&b),
            b'.',
        );
        let target = |b: u8| b.is_ascii_control() || b" #".contains(&b);
        check(target_stop, target, b'?');
        let path = |b: u8| b.is_ascii_control() || b" #?".contains(&b);
        check(path_stop, path, 0xff);
    }

    #[test]
    fn only_the_first_member_counts() {
        assert_eq!(control(b"ab\r\n\r\n", 0), 2);
        assert_eq!(control(b"ab\r\n\r\n", 3), 3);
        assert_eq!(control(b"0123456789abcdef0123\r\n\r\n", 0), 20);
    }
}
