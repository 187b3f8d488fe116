//! Finds the first byte that ends an element of a head, many bytes at a time.
//!
//! A class of bytes is defined once, over [`Lane`]: over one byte, and over a word of eight. Blocks
//! of sixteen bytes are skipped while none of their bytes is in the class: comparisons without a
//! branch, which compile to a few vector instructions. Then words tell where the byte is. The end
//! of a slice is read with its last whole word, shifted, so nothing is read a byte at a time.

use std::ops::{BitAnd, BitOr, Not};

/// The first control byte: what may not be in a field value, and HTAB, which may.
#[inline]
pub(super) fn control(bytes: &[u8], from: usize) -> usize {
    find::<Control>(bytes, from)
}

/// The first byte that is neither a letter nor `-`, so not in almost any field name.
#[inline]
pub(super) fn not_plain_name(bytes: &[u8], from: usize) -> usize {
    find::<NotPlainName>(bytes, from)
}

/// The first byte that ends a path: `?`, and what no request target holds.
#[inline]
pub(super) fn path_stop(bytes: &[u8], from: usize) -> usize {
    find::<PathStop>(bytes, from)
}

/// The first byte that no request target holds: controls, space, `#`.
#[inline]
pub(super) fn target_stop(bytes: &[u8], from: usize) -> usize {
    find::<TargetStop>(bytes, from)
}

/// A class of bytes.
trait Class {
    fn has<L: Lane>(lane: L) -> L::Answer;
}

struct Control;
struct NotPlainName;
struct PathStop;
struct TargetStop;

impl Class for Control {
    #[inline]
    fn has<L: Lane>(lane: L) -> L::Answer {
        lane.below(b' ') | lane.is(0x7f)
    }
}

impl Class for NotPlainName {
    #[inline]
    fn has<L: Lane>(lane: L) -> L::Answer {
        !(lane.is_letter() | lane.is(b'-'))
    }
}

impl Class for PathStop {
    #[inline]
    fn has<L: Lane>(lane: L) -> L::Answer {
        TargetStop::has(lane) | lane.is(b'?')
    }
}

impl Class for TargetStop {
    #[inline]
    fn has<L: Lane>(lane: L) -> L::Answer {
        lane.below(b' ' + 1) | lane.is(0x7f) | lane.is(b'#')
    }
}

/// The first byte of the class at or after `from`; `bytes.len()` without one.
#[inline]
fn find<C: Class>(bytes: &[u8], from: usize) -> usize {
    let Some(mut rest) = bytes.get(from..) else {
        return bytes.len();
    };
    let mut at = from;
    while let Some((block, after)) = rest.split_first_chunk() {
        if block.iter().fold(false, |any, &byte| any | C::has(byte)) {
            return at + find_in_block::<C>(*block);
        }
        rest = after;
        at += BLOCK;
    }
    find_in_end::<C>(bytes, at)
}

/// The first byte of the class in a block that has one.
#[expect(clippy::cast_possible_truncation, reason = "a half is what is wanted")]
#[inline]
fn find_in_block<C: Class>(block: [u8; BLOCK]) -> usize {
    let block = u128::from_le_bytes(block);
    match members::<C>(block as u64) {
        0 => WORD + first(members::<C>((block >> 64) as u64)),
        found => first(found),
    }
}

/// [`find`] where less than a block is left.
#[inline(never)]
fn find_in_end<C: Class>(bytes: &[u8], mut at: usize) -> usize {
    if let Some(word) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
        let found = members::<C>(u64::from_le_bytes(*word));
        if found != 0 {
            return at + first(found);
        }
        at += WORD;
    }
    let Some(end @ [_, ..]) = bytes.get(at..) else {
        return bytes.len();
    };
    let word = bytes.last_chunk().copied().unwrap_or_else(|| {
        let mut short = [0; WORD];
        short[WORD - end.len()..].copy_from_slice(end);
        short
    });
    let found = members::<C>(u64::from_le_bytes(word)) >> (8 * (WORD - end.len()));
    at + first(found).min(end.len())
}

/// The highest bit of each byte of `word` that is in the class; the first byte is lowest.
#[inline]
fn members<C: Class>(word: u64) -> u64 {
    let Mask(ascii) = C::has(Word(word & LOW_BITS));
    let members = if C::has(0x80_u8) { ascii | word } else { ascii & !word };
    members & HIGH_BITS
}

/// The number of the first byte with a bit; 8 without one.
#[inline]
fn first(members: u64) -> usize {
    members.trailing_zeros() as usize / 8
}

/// One byte, or several side by side, each compared with the same one below 0x80. All bytes from
/// 0x80 on are in a class, or none is.
trait Lane: Copy {
    /// Yes or no for each byte.
    type Answer: BitAnd<Output = Self::Answer>
        + BitOr<Output = Self::Answer>
        + Not<Output = Self::Answer>;

    fn below(self, bound: u8) -> Self::Answer;
    fn is(self, byte: u8) -> Self::Answer;
    fn is_letter(self) -> Self::Answer;
}

impl Lane for u8 {
    type Answer = bool;

    #[inline]
    fn below(self, bound: u8) -> bool {
        self < bound
    }

    #[inline]
    fn is(self, byte: u8) -> bool {
        self == byte
    }

    #[inline]
    fn is_letter(self) -> bool {
        (self | 0x20).wrapping_sub(b'a') < 26
    }
}

const BLOCK: usize = 16;
const WORD: usize = 8;
const HIGH_BITS: u64 = splat(0x80);
const LOW_BITS: u64 = !HIGH_BITS;

const fn splat(byte: u8) -> u64 {
    u64::from_le_bytes([byte; WORD])
}

/// Eight bytes below 0x80. Comparisons add seven bits to seven bits: no carry reaches the next byte.
#[derive(Clone, Copy)]
struct Word(u64);

/// The highest bit of each byte for which the answer is yes. The other bits mean nothing.
#[derive(Clone, Copy)]
struct Mask(u64);

impl Lane for Word {
    type Answer = Mask;

    #[inline]
    fn below(self, bound: u8) -> Mask {
        Mask(!(self.0 + splat(0x80 - bound)))
    }

    #[inline]
    fn is(self, byte: u8) -> Mask {
        Self(self.0 ^ splat(byte)).below(1)
    }

    #[inline]
    fn is_letter(self) -> Mask {
        let lower = Self(self.0 | splat(0x20));
        lower.below(b'z' + 1) & !lower.below(b'a')
    }
}

impl BitAnd for Mask {
    type Output = Self;

    #[inline]
    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl BitOr for Mask {
    type Output = Self;

    #[inline]
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl Not for Mask {
    type Output = Self;

    #[inline]
    fn not(self) -> Self {
        Self(!self.0)
    }
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
