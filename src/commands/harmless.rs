//! What others wrote, made harmless for a terminal.

use std::borrow::Cow;

/// Text of one line in which nothing acts on the terminal or turns the direction of writing: paths,
/// names and fields are whatever others sent.
pub(super) fn harmless(text: &str) -> Cow<'_, str> {
    replaced(text, instead_of)
}

/// Text of many lines in which nothing acts on the terminal. Languages written from right to left,
/// and joined signs, stay as they are.
pub(super) fn harmless_lines(text: &str) -> Cow<'_, str> {
    replaced(text, |c| match c {
        '\n' | '\t' => None,
        _ => instead_of_control(c),
    })
}

fn replaced(text: &str, instead: impl Fn(char) -> Option<char>) -> Cow<'_, str> {
    if text.chars().all(|c| instead(c).is_none()) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().map(|c| instead(c).unwrap_or(c)).collect())
}

fn instead_of(c: char) -> Option<char> {
    match c {
        '\u{61c}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}' => Some(char::REPLACEMENT_CHARACTER),
        _ => instead_of_control(c),
    }
}

fn instead_of_control(c: char) -> Option<char> {
    match c {
        '\0'..='\x1f' => char::from_u32(0x2400 + u32::from(c)),
        '\x7f' => Some('\u{2421}'),
        '\u{80}'..='\u{9f}' => Some(char::REPLACEMENT_CHARACTER),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_stays_a_line() {
        let text = "a\x1b[2J\n\u{9b}31mb\u{202e}c\x7f\u{200b}é";
        assert_eq!(harmless(text), "a␛[2J␊\u{fffd}31mb\u{fffd}c␡\u{fffd}é");
    }

    #[test]
    fn lines_stay_lines_and_scripts_are_left_alone() {
        let text = "a\tb\r\n\x1b]0;x\x07\u{9d}\0می\u{200c}خواهم\u{feff}";
        let shown = "a\tb␍\n␛]0;x␇\u{fffd}␀می\u{200c}خواهم\u{feff}";
        assert_eq!(harmless_lines(text), shown);
    }
}
