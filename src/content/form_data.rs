//! The fields of `multipart/form-data` (RFC 7578): the boundary between its parts, and what a part
//! is called.

use std::borrow::Cow;
use std::fmt;

use percent_encoding::percent_decode;

/// Bytes that a boundary may have (RFC 2046 section 5.1.1).
const LONGEST_BOUNDARY: usize = 70;

/// What is wrong with a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldError {
    /// A parameter has no value, no end, or is there twice.
    Malformed,
    /// There is no boundary.
    NoBoundary,
    /// The boundary is empty, longer than 70 bytes, or holds bytes that none may have.
    BadBoundary,
    /// The disposition is not `form-data`.
    NotFormData,
    /// The part has no name.
    NoName,
    /// A name is not UTF-8, or in a charset that is not known.
    NotUtf8,
}

impl fmt::Display for FieldError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Malformed => "its parameters are not well-formed",
            Self::NoBoundary => "it names no boundary",
            Self::BadBoundary => {
                "its boundary must be 1 to 70 letters, digits and '()+_,-./:=? and not end with a \
                 space"
            }
            Self::NotFormData => "it is not form-data",
            Self::NoName => "it names no field",
            Self::NotUtf8 => "a name in it is not UTF-8",
        })
    }
}

impl std::error::Error for FieldError {}

/// What a part is called: its `Content-Disposition`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disposition {
    /// The field of the form.
    pub name: String,
    /// What the sender calls the file; also when that is nothing. `None`: it is no file.
    pub file_name: Option<Vec<u8>>,
}

/// The media type that a `Content-Type` names, without its parameters.
pub fn essence(content_type: &[u8]) -> &[u8] {
    let end = memchr::memchr(b';', content_type).unwrap_or(content_type.len());
    content_type[..end].trim_ascii()
}

/// The boundary that a `Content-Type` names.
pub fn boundary(content_type: &[u8]) -> Result<String, FieldError> {
    let value = single(content_type, b"boundary")?.ok_or(FieldError::NoBoundary)?;
    let is_good = (1..=LONGEST_BOUNDARY).contains(&value.len())
        && value.iter().all(|&byte| is_boundary_byte(byte))
        && value.last() != Some(&b' ');
    match std::str::from_utf8(&value) {
        Ok(text) if is_good => Ok(text.to_owned()),
        _ => Err(FieldError::BadBoundary),
    }
}

/// `bchars` of RFC 2046 section 5.1.1.
fn is_boundary_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(&byte)
}

impl Disposition {
    /// Reads the `Content-Disposition` of a part.
    ///
    /// Names are as browsers write them (the HTML standard, section 'Multipart form data'): UTF-8,
    /// in quotation marks, with `%22` for a quotation mark; other programs write `\"`. No other
    /// escape is decoded, since browsers do not escape `%`: `100%25` is what the file is called.
    /// `filename*` (RFC 8187), which RFC 7578 has forbidden, counts more than `filename`.
    pub fn parse(value: &[u8]) -> Result<Self, FieldError> {
        if !essence(value).eq_ignore_ascii_case(b"form-data") {
            return Err(FieldError::NotFormData);
        }
        let name = single(value, b"name")?.ok_or(FieldError::NoName)?;
        let name = String::from_utf8(with_quotes(&name)).map_err(|_| FieldError::NotUtf8)?;
        let plain = single(value, b"filename")?;
        let file_name = match single(value, b"filename*")? {
            Some(extended) => Some(extended_value(&extended)?),
            None => plain.map(|plain| with_quotes(&plain)),
        };
        Ok(Self { name, file_name })
    }
}

/// `%22` as the quotation mark that it stands for.
fn with_quotes(name: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(name.len());
    let mut rest = name;
    while let Some(at) = memchr::memmem::find(rest, b"%22") {
        out.extend_from_slice(&rest[..at]);
        out.push(b'"');
        rest = &rest[at + 3..];
    }
    out.extend_from_slice(rest);
    out
}

/// `ext-value` of RFC 8187 section 3.2.1: charset, language, percent-encoded text.
fn extended_value(value: &[u8]) -> Result<Vec<u8>, FieldError> {
    let mut pieces = value.splitn(3, |&byte| byte == b'\'');
    let (Some(charset), Some(_), Some(text)) = (pieces.next(), pieces.next(), pieces.next()) else {
        return Err(FieldError::Malformed);
    };
    let decoded = percent_decode(text);
    if charset.eq_ignore_ascii_case(b"utf-8") {
        Ok(decoded.collect())
    } else if charset.eq_ignore_ascii_case(b"iso-8859-1") {
        Ok(decoded.map(char::from).collect::<String>().into_bytes())
    } else {
        Err(FieldError::NotUtf8)
    }
}

/// The value of a parameter that is there at most once.
fn single<'a>(field: &'a [u8], wanted: &[u8]) -> Result<Option<Cow<'a, [u8]>>, FieldError> {
    let mut found = None;
    for parameter in Parameters::of(field) {
        let (name, value) = parameter?;
        if name.eq_ignore_ascii_case(wanted) && found.replace(value).is_some() {
            return Err(FieldError::Malformed);
        }
    }
    Ok(found)
}

/// The parameters of a field: `; name=value; name="value"`.
struct Parameters<'a> {
    /// Empty, or from the next `;` on.
    rest: &'a [u8],
}

impl<'a> Parameters<'a> {
    fn of(field: &'a [u8]) -> Self {
        let start = memchr::memchr(b';', field).unwrap_or(field.len());
        Self { rest: &field[start..] }
    }

    fn parse(&mut self, parameter: &'a [u8]) -> Option<(&'a [u8], Cow<'a, [u8]>)> {
        let equals = memchr::memchr(b'=', parameter)?;
        let (name, value) = (parameter[..equals].trim_ascii(), &parameter[equals + 1..]);
        if name.is_empty() || memchr::memchr2(b';', b'"', name).is_some() {
            return None;
        }
        let value = value.trim_ascii_start();
        if let Some(quoted) = value.strip_prefix(b"\"") {
            let (value, rest) = unquoted(quoted)?;
            self.rest = rest.trim_ascii_start();
            return matches!(self.rest, [] | [b';', ..]).then_some((name, value));
        }
        let end = memchr::memchr(b';', value).unwrap_or(value.len());
        self.rest = &value[end..];
        Some((name, Cow::Borrowed(value[..end].trim_ascii_end())))
    }
}

impl<'a> Iterator for Parameters<'a> {
    type Item = Result<(&'a [u8], Cow<'a, [u8]>), FieldError>;

    fn next(&mut self) -> Option<Self::Item> {
        while let Some(rest) = self.rest.strip_prefix(b";") {
            self.rest = rest.trim_ascii_start();
        }
        if self.rest.is_empty() {
            return None;
        }
        let parameter = self.parse(self.rest);
        if parameter.is_none() {
            self.rest = &[];
        }
        Some(parameter.ok_or(FieldError::Malformed))
    }
}

/// The text up to the closing quotation mark, and what follows that. A backslash escapes a
/// quotation mark and itself, and nothing else: some browsers send `C:\x` as it is.
fn unquoted(text: &[u8]) -> Option<(Cow<'_, [u8]>, &[u8])> {
    let mut value = Cow::Borrowed(&text[..0]);
    let mut at = 0;
    loop {
        let end = at + memchr::memchr2(b'"', b'\\', &text[at..])?;
        let is_escape = text[end] == b'\\' && matches!(text.get(end + 1), Some(b'"' | b'\\'));
        let plain = if text[end] == b'\\' && !is_escape { end + 1 } else { end };
        match &mut value {
            Cow::Borrowed(known) => *known = &text[..plain],
            Cow::Owned(known) => known.extend_from_slice(&text[at..plain]),
        }
        if is_escape {
            value.to_mut().push(text[end + 1]);
            at = end + 2;
        } else if text[end] == b'"' {
            return Some((value, &text[end + 1..]));
        } else {
            at = plain;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn boundaries() {
        let longest = "x".repeat(70);
        let rows: &[(String, Result<&str, FieldError>)] = &[
            ("multipart/form-data; boundary=abc".into(), Ok("abc")),
            ("multipart/form-data;BOUNDARY=\"a b\"".into(), Ok("a b")),
            ("multipart/form-data ; charset=utf-8 ; boundary=abc ; x=y".into(), Ok("abc")),
            ("multipart/form-data;; boundary=abc;".into(), Ok("abc")),
            ("m/f; boundary=----=_Part_1?(:,'+./)".into(), Ok("----=_Part_1?(:,'+./)")),
            (format!("m/f; boundary={longest}"), Ok(&longest)),
            (format!("m/f; boundary={longest}x"), Err(FieldError::BadBoundary)),
            ("m/f".into(), Err(FieldError::NoBoundary)),
            ("m/f; x=boundary".into(), Err(FieldError::NoBoundary)),
            ("m/f; xboundary=abc".into(), Err(FieldError::NoBoundary)),
            ("m/f; x=\"; boundary=abc\"".into(), Err(FieldError::NoBoundary)),
            ("m/f; boundary=".into(), Err(FieldError::BadBoundary)),
            ("m/f; boundary=\"\"".into(), Err(FieldError::BadBoundary)),
            ("m/f; boundary=\"a \"".into(), Err(FieldError::BadBoundary)),
            ("m/f; boundary=a*b".into(), Err(FieldError::BadBoundary)),
            ("m/f; boundary=\u{e9}".into(), Err(FieldError::BadBoundary)),
            ("m/f; boundary=\"a\\\"b\"".into(), Err(FieldError::BadBoundary)),
            ("m/f; boundary".into(), Err(FieldError::Malformed)),
            ("m/f; boundary=\"abc".into(), Err(FieldError::Malformed)),
            ("m/f; boundary=\"a\"b".into(), Err(FieldError::Malformed)),
            ("m/f; boundary=a; boundary=b".into(), Err(FieldError::Malformed)),
        ];
        for (content_type, expected) in rows {
            let found = boundary(content_type.as_bytes());
            assert_eq!(found.as_deref().map_err(|error| *error), *expected, "{content_type}");
        }
    }

    #[test]
    fn names_of_parts() {
        let rows: &[(&str, &str, Option<&str>)] = &[
            ("form-data; name=\"a\"", "a", None),
            ("Form-Data;name=a", "a", None),
            ("form-data; name=\"\"", "", None),
            ("form-data; name=\"a\"; filename=\"b.txt\"", "a", Some("b.txt")),
            ("form-data; filename=b.txt; name=a", "a", Some("b.txt")),
            ("form-data; name=a; filename=\"\"", "a", Some("")),
            ("form-data; name=a; filename=", "a", Some("")),
            ("form-data; NAME=a; FileName=\"b c;d\"", "a", Some("b c;d")),
            ("form-data; name=\"\u{e9}\"; filename=\"\u{1f600}\"", "\u{e9}", Some("\u{1f600}")),
            // Chromium and Firefox, curl before 7.81, Windows.
            ("form-data; name=a; filename=\"x%22y\"", "a", Some("x\"y")),
            ("form-data; name=a; filename=\"x\\\"y\\\\z\"", "a", Some("x\"y\\z")),
            ("form-data; name=a; filename=\"C:\\dir\\x\"", "a", Some("C:\\dir\\x")),
            ("form-data; name=a; filename=\"100%25%0A\"", "a", Some("100%25%0A")),
            ("form-data; name=\"x%22y\"", "x\"y", None),
            ("form-data; name=a; filename*=UTF-8''%e2%82%ac", "a", Some("\u{20ac}")),
            ("form-data; name=a; filename=b; filename*=utf-8'en'c", "a", Some("c")),
            ("form-data; name=a; filename*=iso-8859-1''%e9", "a", Some("\u{e9}")),
            ("form-data; name=\"; filename=x\"", "; filename=x", None),
            ("form-data; xname=b; name=a", "a", None),
        ];
        for (value, name, file_name) in rows {
            let found = Disposition::parse(value.as_bytes()).unwrap();
            assert_eq!(found.name, *name, "{value}");
            assert_eq!(found.file_name.as_deref(), file_name.map(str::as_bytes), "{value}");
        }
        let found = Disposition::parse(b"form-data; name=a; filename=\"\xff\"").unwrap();
        assert_eq!(found.file_name.as_deref(), Some(&b"\xff"[..]));
    }

    #[test]
    fn parts_without_a_proper_name_are_refused() {
        let rows: &[(&[u8], FieldError)] = &[
            (b"", FieldError::NotFormData),
            (b"attachment; name=a", FieldError::NotFormData),
            (b"form-data", FieldError::NoName),
            (b"form-data; filename=x", FieldError::NoName),
            (b"form-data; name=\"\xff\"", FieldError::NotUtf8),
            (b"form-data; name=a; filename*=koi8-r''x", FieldError::NotUtf8),
            (b"form-data; name=a; filename*=x", FieldError::Malformed),
            (b"form-data; name=a; name=b", FieldError::Malformed),
            (b"form-data; name=a; filename=b; filename=c", FieldError::Malformed),
            (b"form-data; name=\"a", FieldError::Malformed),
            (b"form-data; name=\"a\\\"", FieldError::Malformed),
            (b"form-data; name", FieldError::Malformed),
            (b"form-data; =a", FieldError::Malformed),
        ];
        for (value, error) in rows {
            let value_text = String::from_utf8_lossy(value);
            assert_eq!(Disposition::parse(value), Err(*error), "{value_text}");
        }
    }

    proptest! {
        #[test]
        fn a_name_in_quotes_is_read_back(name in "[ -~\u{e9}\u{20ac}]{0,20}") {
            let written = name.replace('\\', "\\\\").replace('"', "\\\"");
            let value = format!("form-data; name=\"{written}\"; filename=\"{written}\"");
            let found = Disposition::parse(value.as_bytes()).unwrap();
            let name = name.replace("%22", "\"");
            prop_assert_eq!(&found.name, &name);
            prop_assert_eq!(found.file_name, Some(name.into_bytes()));
        }

        #[test]
        fn any_bytes_are_a_name_or_an_error(value in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = Disposition::parse(&[b"form-data;", &value[..]].concat());
            let _ = boundary(&value);
        }
    }
}
