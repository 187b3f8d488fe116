//! JSON with `//` and `/* */` comments and trailing commas, and places in it.

use jsonc_parser::ast::Value;
use jsonc_parser::errors::ParseErrorKind;
use jsonc_parser::{CollectOptions, ParseOptions, ParseStringErrorKind, parse_to_ast};

/// What is wrong with a text, and where: bytes from its start.
#[derive(Debug)]
pub(super) struct SyntaxError {
    pub(super) at: usize,
    pub(super) what: String,
}

/// Reads a text. Beyond RFC 8259 only comments and trailing commas are allowed.
pub(super) fn parse(text: &str) -> Result<Value<'_>, SyntaxError> {
    let options = ParseOptions {
        allow_comments: true,
        allow_trailing_commas: true,
        allow_loose_object_property_names: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    };
    match parse_to_ast(text, &CollectOptions::default(), &options) {
        Ok(parsed) => parsed.value.ok_or_else(|| SyntaxError {
            at: text.len(),
            what: "there is no value in it".to_owned(),
        }),
        Err(error) => Err(located(text, error.range().start, error.kind())),
    }
}

/// What the parser found, and where a person has to look: of a text that ends too soon, at its end.
fn located(text: &str, at: usize, kind: &ParseErrorKind) -> SyntaxError {
    let end = text.trim_end().len();
    let unfinished = match kind {
        ParseErrorKind::UnterminatedObject => Some("object"),
        ParseErrorKind::UnterminatedArray => Some("list"),
        ParseErrorKind::UnterminatedCommentBlock => Some("comment"),
        ParseErrorKind::String(ParseStringErrorKind::UnterminatedStringLiteral) => Some("string"),
        _ => None,
    };
    let what = match unfinished {
        Some(what) => {
            let (line, column) = line_and_column(text, at);
            format!("the text ends here, and the {what} that begins at {line}:{column} does not")
        }
        None if at >= end => format!("the text ends here: {}", lower(kind)),
        None => return SyntaxError { at, what: lower(kind) },
    };
    SyntaxError { at: end, what }
}

fn lower(kind: &ParseErrorKind) -> String {
    let text = kind.to_string();
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

/// Line and column of a byte, both from 1; columns count characters.
pub(super) fn line_and_column(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    let column = before.get(line_start..).unwrap_or_default().chars().count() + 1;
    (line, column)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_trailing_commas_are_fine_and_nothing_else_is() {
        for text in ["{}", "{\"a\": 1,}", "/* a */ {\"a\": [1, 2,], // b\n}", " [ ] // end"] {
            assert!(parse(text).is_ok(), "{text}");
        }
        for text in [
            "",
            "// only",
            "{a: 1}",
            "{'a': 1}",
            "{\"a\" 1}",
            "{\"a\": 1 \"b\": 2}",
            "{\"a\": 0x10}",
            "{\"a\": +1}",
            "{\"a\": .5}",
            "{\"a\": NaN}",
            "{\"a\": \"\\x41\"}",
            "{} {}",
            "{",
            "[1",
            "{\"a\": # 1}",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_text_that_ends_too_soon_is_wrong_where_it_ends() {
        for (text, place, what) in [
            ("{", (1, 2), "object that begins at 1:1"),
            ("{\n  \"a\": 1,\n", (2, 10), "object that begins at 1:1"),
            ("{\n  \"a\": [1,\n 2\n\n", (3, 3), "list that begins at 2:8"),
            ("{\"a\": {\"b\": 1", (1, 14), "object that begins at 1:7"),
            ("{\"a\": \"b", (1, 9), "string that begins at 1:7"),
            ("{} /* a\nb", (2, 2), "comment that begins at 1:4"),
            ("{\"a\":\n", (1, 6), "expected value"),
            ("{\"a\"\n", (1, 5), "expected colon"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.what.starts_with("the text ends here"), "{text:?}: {}", error.what);
            assert!(error.what.contains(what), "{text:?}: {}", error.what);
            assert_eq!(line_and_column(text, error.at), place, "{text:?}: {}", error.what);
        }
        let error = parse("{\"a\": 1 \"b\": 2}").unwrap_err();
        assert!(!error.what.contains("ends here"), "{}", error.what);
    }

    #[test]
    fn places_count_lines_and_characters() {
        for (text, at, place) in [
            ("", 0, (1, 1)),
            ("abc", 2, (1, 3)),
            ("a\nb", 2, (2, 1)),
            ("ä: x", 3, (1, 3)),
            ("a\r\nbc", 4, (2, 2)),
            ("a", 99, (1, 2)),
        ] {
            assert_eq!(line_and_column(text, at), place, "{text:?} {at}");
        }
    }
}
