//! Quality values (RFC 9110 section 12.4.2).

/// A quality in thousandths; `None` when it is not well-formed.
///
/// `qvalue = ( "0" [ "." 0*3DIGIT ] ) / ( "1" [ "." 0*3("0") ] )`
pub(super) fn thousandths(quality: &[u8]) -> Option<u16> {
    let (one, decimals) = match quality {
        [one @ (b'0' | b'1')] => (*one, &[][..]),
        [one @ (b'0' | b'1'), b'.', decimals @ ..] if decimals.len() <= 3 => (*one, decimals),
        _ => return None,
    };
    if !decimals.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let digits = decimals.iter().chain(b"000").take(3);
    let value =
        digits.fold(u16::from(one - b'0'), |value, digit| value * 10 + u16::from(digit - b'0'));
    (value <= 1000).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quality_is_read_in_thousandths_or_not_at_all() {
        let rows: &[(&[u8], Option<u16>)] = &[
            (b"0", Some(0)),
            (b"1", Some(1000)),
            (b"0.", Some(0)),
            (b"0.5", Some(500)),
            (b"0.001", Some(1)),
            (b"1.000", Some(1000)),
            (b"1.001", None),
            (b"0.1234", None),
            (b"2", None),
            (b"", None),
            (b".5", None),
            (b"0.x", None),
            (b"-0", None),
        ];
        for (text, expected) in rows {
            assert_eq!(thousandths(text), *expected, "{}", text.escape_ascii());
        }
    }
}
