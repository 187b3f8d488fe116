//! What a form brings: text fields, and files that nobody sees yet.

use http::StatusCode;

use super::content::{Content, ContentError};
use super::multipart::{MAX_PARTS, Multipart, MultipartError, Part};
use crate::content::upload_name::UploadName;
use crate::handler::landing::{Refused, bad_name};
use crate::store::upload::{Conflict, Draft, Place, UploadFolder};

/// Bytes that the text fields of a form may have together, names and values.
pub(super) const MAX_TEXT: usize = 1024 * 1024;

/// The name by which a form tells its charset (RFC 7578 section 4.6); browsers fill it in. It is
/// no field of the form.
const CHARSET_FIELD: &str = "_charset_";

/// What was sent.
#[derive(Debug, Default)]
pub(super) struct Form {
    /// Names and values in the order of the form; a name may be there several times.
    pub(super) fields: Vec<(String, String)>,
    /// Files to be published, and the field that each belongs to.
    pub(super) files: Vec<(String, Draft, Place)>,
}

/// Where the files of a form go.
#[derive(Debug)]
pub(super) struct Destination<'a> {
    pub(super) uploads: &'a UploadFolder,
    /// The names of the folders below it.
    pub(super) folder: Vec<Box<[u8]>>,
    pub(super) conflict: Conflict,
}

/// Reads a `multipart/form-data` body. What it returns came whole.
pub(super) async fn multipart(
    content: &mut Content<'_>,
    boundary: String,
    destination: &Destination<'_>,
) -> Result<Form, Refused> {
    let mut form = Form::default();
    let mut text = 0;
    let mut left = content.left();
    let mut parts = Multipart::new(content, boundary);
    while let Some(mut part) = parts.next().await? {
        if let Some(sent) = part.disposition.file_name.take() {
            let file = receive(&mut part, &sent, left, destination).await?;
            let Some((draft, place)) = file else { continue };
            left = left.map(|left| left.saturating_sub(draft.received()));
            form.files.push((part.disposition.name, draft, place));
        } else {
            let value = read_text(&mut part, &mut text).await?;
            form.add(part.disposition.name, value);
        }
    }
    drop(parts);
    content.finish().await?;
    Ok(form)
}

/// Takes a file. `None` for an input that was left empty: browsers send it without a name.
async fn receive(
    part: &mut Part<'_>,
    sent: &[u8],
    expected: Option<u64>,
    destination: &Destination<'_>,
) -> Result<Option<(Draft, Place)>, Refused> {
    let mut piece = part.piece().await?;
    if sent.is_empty() && piece.is_none() {
        return Ok(None);
    }
    let name = UploadName::parse(sent).map_err(|error| bad_name(sent, error))?;
    let mut draft = destination.uploads.draft(expected).await?;
    while let Some(bytes) = piece {
        draft.write(bytes).await?;
        piece = part.piece().await?;
    }
    draft.settle().await?;
    let folder = destination.folder.clone();
    Ok(Some((draft, Place { folder, name, conflict: destination.conflict })))
}

/// The value of a text field; `total` is what all of them have come to.
async fn read_text(part: &mut Part<'_>, total: &mut usize) -> Result<String, Refused> {
    *total += part.disposition.name.len();
    let mut value = Vec::new();
    loop {
        if *total > MAX_TEXT {
            return Err(too_much_text());
        }
        let Some(piece) = part.piece().await? else { break };
        *total += piece.len();
        value.extend_from_slice(&piece);
    }
    String::from_utf8(value).map_err(|_| not_utf8())
}

/// Reads an `application/x-www-form-urlencoded` body.
pub(super) async fn urlencoded(content: &mut Content<'_>) -> Result<Form, Refused> {
    let body = match content.whole(MAX_TEXT).await {
        Err(ContentError::TooLong(limit)) if limit == MAX_TEXT as u64 => {
            return Err(too_much_text());
        }
        other => other?,
    };
    parse_urlencoded(&body)
}

fn parse_urlencoded(body: &[u8]) -> Result<Form, Refused> {
    // The delimiters are ASCII: the whole is UTF-8 when each name and value is. The parser would
    // put U+FFFD in the place of what is not, and nobody would ever know.
    if percent_encoding::percent_decode(body).decode_utf8().is_err() {
        return Err(not_utf8());
    }
    let mut form = Form::default();
    for (count, (name, value)) in form_urlencoded::parse(body).enumerate() {
        if count == MAX_PARTS {
            let sentence = format!("the form has more than {MAX_PARTS} fields");
            return Err(Refused::new(StatusCode::PAYLOAD_TOO_LARGE, sentence));
        }
        form.add(name.into_owned(), value.into_owned());
    }
    Ok(form)
}

impl Form {
    fn add(&mut self, name: String, value: String) {
        if name != CHARSET_FIELD {
            self.fields.push((name, value));
        }
    }
}

fn too_much_text() -> Refused {
    let sentence = format!("the text of a form may have {MAX_TEXT} bytes at most");
    Refused::new(StatusCode::PAYLOAD_TOO_LARGE, sentence)
}

fn not_utf8() -> Refused {
    Refused::bad_request("the text of the form is not UTF-8")
}

impl From<MultipartError> for Refused {
    fn from(error: MultipartError) -> Self {
        match error {
            MultipartError::Content(error) => error.into(),
            // The form may be well-formed: it is more than this server cares to take.
            MultipartError::TooMany => Self::new(StatusCode::PAYLOAD_TOO_LARGE, error.to_string()),
            _ => Self::bad_request(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urlencoded_forms_are_read() {
        let rows: &[(&str, &[(&str, &str)])] = &[
            ("", &[]),
            ("a=1&b=2", &[("a", "1"), ("b", "2")]),
            ("a=1&a=2&a", &[("a", "1"), ("a", "2"), ("a", "")]),
            ("a+b=%2B%26%3D+c", &[("a b", "+&= c")]),
            ("%C3%A9=\u{20ac}", &[("\u{e9}", "\u{20ac}")]),
            ("a=100%&b=%zz", &[("a", "100%"), ("b", "%zz")]),
            ("&&=x&", &[("", "x")]),
            ("_charset_=UTF-8&a=1", &[("a", "1")]),
            ("a=%EF%BF%BD", &[("a", "\u{fffd}")]),
        ];
        for (body, expected) in rows {
            let form = parse_urlencoded(body.as_bytes()).unwrap();
            let found: Vec<_> = form.fields.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
            assert_eq!(found, *expected, "{body}");
        }
    }

    #[test]
    fn urlencoded_forms_that_are_refused() {
        let status = |body: &[u8]| parse_urlencoded(body).unwrap_err().0.status.as_u16();
        assert_eq!(status(b"a=%ff"), 400);
        assert_eq!(status(b"\xff=a"), 400);
        assert_eq!(status(b"a=%c3&b=%a9"), 400);
        let fields = |count| "a&".repeat(count);
        assert_eq!(parse_urlencoded(fields(1000).as_bytes()).unwrap().fields.len(), 1000);
        assert_eq!(status(fields(1001).as_bytes()), 413);
    }
}
