//! `Accept` (RFC 9110 section 12.5.1), as far as it matters for pages that the server makes itself.

use http::{HeaderName, header};

use super::quality::thousandths;
use crate::message::Fields;

static ACCEPT: HeaderName = header::ACCEPT;

/// The forms that a generated page comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Form {
    /// For a browser.
    Html,
    /// For a program.
    Json,
    /// For a person at a terminal.
    Text,
}

/// The form that a client prefers, by what it *names*: `*/*` and `text/*` name none.
///
/// JSON when `application/json` or a type ending in `+json` is accepted and HTML is less so;
/// else HTML when `text/html` or `application/xhtml+xml` is accepted; else text. A quality that is
/// not well-formed counts as 0.
pub fn preferred(fields: Fields<'_>) -> Form {
    match Qualities::read(fields) {
        Qualities { html: 0, json: 0, .. } => Form::Text,
        Qualities { html, json, .. } if json > html => Form::Json,
        _ => Form::Html,
    }
}

/// The form that a client names and likes best, `text/plain` counted as well; HTML before JSON
/// before text where it has no favourite. `None` when it names none of the three: then it is for
/// the page to say what it is at heart.
pub fn named(fields: Fields<'_>) -> Option<Form> {
    match Qualities::read(fields) {
        Qualities { html: 0, json: 0, text: 0 } => None,
        Qualities { html, json, text } if html >= json && html >= text => Some(Form::Html),
        Qualities { json, text, .. } if json >= text => Some(Form::Json),
        _ => Some(Form::Text),
    }
}

/// How much each form is wanted, in thousandths; 0 when it is not named.
#[derive(Default)]
struct Qualities {
    html: u16,
    json: u16,
    text: u16,
}

impl Qualities {
    fn read(fields: Fields<'_>) -> Self {
        let mut all = Self::default();
        for line in fields.lines(&ACCEPT) {
            for member in split_unquoted(line, b',') {
                let mut pieces = split_unquoted(member, b';').map(<[u8]>::trim_ascii);
                let media_type = pieces.next().unwrap_or_default();
                let quality = pieces
                    .find_map(quality_text)
                    .map_or(1000, |text| thousandths(text).unwrap_or(0));
                let known = if is_html(media_type) {
                    &mut all.html
                } else if is_json(media_type) {
                    &mut all.json
                } else if media_type.eq_ignore_ascii_case(b"text/plain") {
                    &mut all.text
                } else {
                    continue;
                };
                *known = quality.max(*known);
            }
        }
        all
    }
}

fn is_html(media_type: &[u8]) -> bool {
    media_type.eq_ignore_ascii_case(b"text/html")
        || media_type.eq_ignore_ascii_case(b"application/xhtml+xml")
}

fn is_json(media_type: &[u8]) -> bool {
    let suffix = media_type.len().saturating_sub(5);
    media_type.eq_ignore_ascii_case(b"application/json")
        || media_type[suffix..].eq_ignore_ascii_case(b"+json")
}

/// What stands after `q=`, when the parameter is that one.
fn quality_text(parameter: &[u8]) -> Option<&[u8]> {
    match parameter {
        [b'q' | b'Q', b'=', value @ ..] => Some(value),
        _ => None,
    }
}

/// Splits at a separator, but not inside a quoted string (RFC 9110 section 5.6.4).
fn split_unquoted(text: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let mut quoted = false;
    let mut escaped = false;
    text.split(move |&byte| {
        let splits = !quoted && byte == separator;
        if escaped {
            escaped = false;
        } else if quoted && byte == b'\\' {
            escaped = true;
        } else if byte == b'"' {
            quoted = !quoted;
        }
        splits
    })
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue};
    use proptest::prelude::*;

    use super::*;

    fn form(lines: &[&str]) -> Form {
        let mut map = HeaderMap::new();
        for line in lines {
            map.append(header::ACCEPT, HeaderValue::from_str(line).unwrap());
        }
        preferred(Fields::Map(&map))
    }

    #[test]
    fn the_form_is_the_one_that_is_named_and_preferred() {
        let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8";
        let rows = [
            ("", Form::Text),
            ("*/*", Form::Text),
            ("text/*", Form::Text),
            ("text/plain", Form::Text),
            ("image/png", Form::Text),
            (browser, Form::Html),
            ("text/html", Form::Html),
            ("TEXT/HTML;charset=utf-8", Form::Html),
            ("application/xhtml+xml", Form::Html),
            ("application/json", Form::Json),
            ("Application/JSON; charset=utf-8", Form::Json),
            ("application/problem+json", Form::Json),
            ("application/json, */*", Form::Json),
            ("application/json, text/plain, */*", Form::Json),
            // RFC 9110 12.4.2: qualities; absent is 1, 0 is 'not acceptable'.
            ("text/html;q=0.5, application/json", Form::Json),
            ("text/html;q=0.5, application/json;q=0.5", Form::Html),
            ("text/html, application/json", Form::Html),
            ("text/html;q=0.999, application/json;q=1.000", Form::Json),
            ("text/html;q=0.3, application/json;q=0.25", Form::Html),
            ("application/json;q=0", Form::Text),
            ("application/json;q=0.0, text/html;q=0", Form::Text),
            ("text/html;q=0, application/json;q=0.001", Form::Json),
            ("application/json ; Q=0.4 , text/html ; q=0.3", Form::Json),
            // Not a quality.
            ("application/json;q=2", Form::Text),
            ("application/json;q=1.001", Form::Text),
            ("application/json;q=0.1234", Form::Text),
            ("application/json;q=", Form::Text),
            ("application/json;q=-1", Form::Text),
            ("application/json;q=0.x", Form::Text),
            // A comma in quotes does not end the member.
            ("image/png;a=\",text/html\", application/json", Form::Json),
            ("image/png;a=\"\\\",text/html\", application/json", Form::Json),
            ("application/jsonp", Form::Text),
            (",,;,", Form::Text),
        ];
        for (line, expected) in rows {
            assert_eq!(form(&[line]), expected, "{line}");
        }
    }

    #[test]
    fn a_named_form_is_told_from_none() {
        let rows = [
            ("*/*", None),
            ("text/*, image/png", None),
            ("text/plain", Some(Form::Text)),
            ("text/plain, text/html;q=0.5", Some(Form::Text)),
            ("application/json, text/plain, */*", Some(Form::Json)),
            ("text/plain, application/json;q=0.9", Some(Form::Text)),
            ("text/html, text/plain, application/json", Some(Form::Html)),
            ("text/html;q=0, */*", None),
        ];
        for (line, expected) in rows {
            let mut map = HeaderMap::new();
            map.append(header::ACCEPT, HeaderValue::from_str(line).unwrap());
            assert_eq!(named(Fields::Map(&map)), expected, "{line}");
        }
        assert_eq!(named(Fields::EMPTY), None);
    }

    #[test]
    fn no_field_is_text_and_several_lines_are_one_list() {
        assert_eq!(form(&[]), Form::Text);
        assert_eq!(preferred(Fields::EMPTY), Form::Text);
        assert_eq!(form(&["text/html;q=0.1", "application/json"]), Form::Json);
    }

    proptest! {
        #[test]
        fn any_line_is_read_without_a_panic(line in "[a-z/+*;=q0-9., \"\\\\]{0,40}") {
            form(&[&line]);
        }
    }
}
