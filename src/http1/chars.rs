//! Byte classes as tables, each with the grammar it stands for (RFC 9110, RFC 3986).

const ALPHANUMERIC: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        table[byte as usize] = byte.is_ascii_alphanumeric();
        byte += 1;
    }
    table
};

/// ```abnf
/// token = 1*tchar
/// tchar = "!" / "#" / "$" / "%" / "&" / "'" / "*" / "+" / "-" / "."
///       / "^" / "_" / "`" / "|" / "~" / DIGIT / ALPHA
/// ```
/// RFC 9110 section 5.6.2.
static TOKEN: [bool; 256] = with(ALPHANUMERIC, b"!#$%&'*+-.^_`|~");

/// ```abnf
/// reg-name   = *( unreserved / pct-encoded / sub-delims )
/// unreserved = ALPHA / DIGIT / "-" / "." / "_" / "~"
/// sub-delims = "!" / "$" / "&" / "'" / "(" / ")" / "*" / "+" / "," / ";" / "="
/// ```
/// RFC 3986 section 3.2.2, without `pct-encoded`, which is not a single byte.
static REG_NAME: [bool; 256] = with(ALPHANUMERIC, b"-._~!$&'()*+,;=");

const fn with(mut table: [bool; 256], others: &[u8]) -> [bool; 256] {
    let mut at = 0;
    while at < others.len() {
        table[others[at] as usize] = true;
        at += 1;
    }
    table
}

/// A byte of a token: of a method, a field name, a coding.
#[inline]
pub(super) fn is_token(byte: u8) -> bool {
    TOKEN[usize::from(byte)]
}

/// A byte of a host name.
#[inline]
pub(super) fn is_reg_name(byte: u8) -> bool {
    REG_NAME[usize::from(byte)]
}

/// `CTL = %x00-1F / %x7F` (RFC 5234 appendix B.1).
#[inline]
pub(super) fn is_control(byte: u8) -> bool {
    byte < b' ' || byte == 0x7f
}

/// `OWS = *( SP / HTAB )` (RFC 9110 section 5.6.3).
#[inline]
pub(super) fn is_space(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

/// A byte of a field value.
///
/// ```abnf
/// field-value   = *field-content
/// field-content = field-vchar [ 1*( SP / HTAB / field-vchar ) field-vchar ]
/// field-vchar   = VCHAR / obs-text
/// obs-text      = %x80-FF
/// ```
/// RFC 9110 section 5.5.
#[inline]
pub(super) fn is_field_value(byte: u8) -> bool {
    byte == b'\t' || !is_control(byte)
}

/// `bytes` without the optional white space around it.
#[inline]
pub(super) fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = bytes
        && is_space(*first)
    {
        bytes = rest;
    }
    while let [rest @ .., last] = bytes
        && is_space(*last)
    {
        bytes = rest;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(class: fn(u8) -> bool) -> usize {
        (0..=255).filter(|&byte| class(byte)).count()
    }

    #[test]
    fn the_classes_have_as_many_members_as_the_grammar() {
        assert_eq!(members(is_token), 15 + 10 + 52);
        assert_eq!(members(is_reg_name), 4 + 11 + 10 + 52);
        assert_eq!(members(is_control), 33);
        assert_eq!(members(is_field_value), 256 - 33 + 1);
    }

    #[test]
    fn delimiters_are_in_no_token() {
        assert!(b"\"(),/:;<=>?@[\\]{} \t".iter().all(|&b| !is_token(b)));
        assert!((0x80..=0xff).all(|byte| !is_token(byte) && !is_reg_name(byte)));
    }

    #[test]
    fn trimming_takes_spaces_and_tabs_at_both_ends_only() {
        assert_eq!(trim(b" \t a b\t "), b"a b");
        assert_eq!(trim(b" \t "), b"");
    }
}
