//! What is sent: `-d` and `-F` as content. Files are only named here; they are read while they are
//! sent.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use mime_guess::MimeGuess;

use super::error::GetError;
use crate::client::{Content, Piece};

/// Bytes that are taken from standard input.
const LONGEST_INPUT: u64 = 64 << 20;

/// Content, and the type that it has unless somebody says otherwise.
#[derive(Debug)]
pub(super) struct Form {
    pub(super) content: Content,
    pub(super) media_type: String,
}

/// `-d`: texts and files, joined by `&`.
pub(super) fn urlencoded(data: &[String]) -> Result<Form, GetError> {
    let (mut pieces, mut input) = (Vec::new(), Input::default());
    for item in data {
        if !pieces.is_empty() {
            pieces.push(Piece::Bytes(Bytes::from_static(b"&")));
        }
        pieces.push(match item.strip_prefix('@') {
            Some("-") => Piece::Bytes(input.take()?),
            Some(path) => file(Path::new(path))?,
            None => Piece::Bytes(Bytes::copy_from_slice(item.as_bytes())),
        });
    }
    let media_type = "application/x-www-form-urlencoded".to_owned();
    Ok(Form { content: Content::new(pieces), media_type })
}

/// `-F`: parts of `multipart/form-data` (RFC 7578).
pub(super) fn multipart(form: &[String]) -> Result<Form, GetError> {
    let boundary = boundary()?;
    let (mut pieces, mut input) = (Vec::new(), Input::default());
    for item in form {
        let part = Part::parse(item).ok_or_else(|| {
            GetError::Usage(format!(
                "'{}' is no part of a form; it looks like name=value or \
                name=@file",
                item.escape_debug()
            ))
        })?;
        pieces.push(Piece::Bytes(part.head(&boundary).into()));
        pieces.push(match part.value {
            Value::Text(text) => Piece::Bytes(Bytes::copy_from_slice(text.as_bytes())),
            Value::File { path, .. } if path == Path::new("-") => Piece::Bytes(input.take()?),
            Value::File { path, .. } => file(&path)?,
        });
        pieces.push(Piece::Bytes(Bytes::from_static(b"\r\n")));
    }
    pieces.push(Piece::Bytes(format!("--{boundary}--\r\n").into()));
    let media_type = format!("multipart/form-data; boundary={boundary}");
    Ok(Form { content: Content::new(pieces), media_type })
}

/// A part as it was typed.
#[derive(Debug, PartialEq)]
struct Part<'a> {
    name: &'a str,
    value: Value<'a>,
}

#[derive(Debug, PartialEq)]
enum Value<'a> {
    Text(&'a str),
    File { path: PathBuf, name: String, media_type: String },
}

impl<'a> Part<'a> {
    /// `name=text` or `name=@path;filename=name;type=media/type`.
    fn parse(item: &'a str) -> Option<Self> {
        let (name, value) = item.split_once('=').filter(|(name, _)| !name.is_empty())?;
        let Some(mut path) = value.strip_prefix('@') else {
            return Some(Self { name, value: Value::Text(value) });
        };
        let (mut file_name, mut media_type) = (None, None);
        while let Some((before, setting)) = path.rsplit_once(';') {
            let setting = setting.trim();
            if let Some(name) = setting.strip_prefix("filename=") {
                file_name.get_or_insert(name.trim_matches('"').to_owned());
            } else if let Some(kind) = setting.strip_prefix("type=") {
                media_type.get_or_insert(kind.to_owned());
            } else {
                // A semicolon of the path.
                break;
            }
            path = before;
        }
        let path = PathBuf::from(path);
        let own_name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        let name_sent = file_name.or(own_name)?;
        // Standard input has no name that says what it is.
        let telling = if path == Path::new("-") { Path::new(&name_sent) } else { &path };
        let guessed = MimeGuess::from_path(telling).first_or_octet_stream();
        let media_type = media_type.unwrap_or_else(|| guessed.to_string());
        let is_one_line = !media_type.chars().any(char::is_control);
        is_one_line
            .then_some(Self { name, value: Value::File { path, name: name_sent, media_type } })
    }

    fn head(&self, boundary: &str) -> String {
        let name = escaped(self.name);
        let start = format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"");
        match &self.value {
            Value::Text(_) => start + "\r\n\r\n",
            Value::File { name, media_type, .. } => {
                let name = escaped(name);
                format!("{start}; filename=\"{name}\"\r\nContent-Type: {media_type}\r\n\r\n")
            }
        }
    }
}

/// As the HTML standard writes names in forms.
fn escaped(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

fn boundary() -> Result<String, GetError> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|error| GetError::Setup(io::Error::other(error)))?;
    Ok(format!("salver-{:032x}", u128::from_ne_bytes(random)))
}

fn file(path: &Path) -> Result<Piece, GetError> {
    Piece::file(path)
        .map_err(|error| GetError::Usage(format!("'{}' cannot be sent: {error}", path.display())))
}

/// What comes on standard input, which can be read once.
#[derive(Default)]
struct Input {
    taken: bool,
}

impl Input {
    fn take(&mut self) -> Result<Bytes, GetError> {
        if std::mem::replace(&mut self.taken, true) {
            let text = "@- can be there once: standard input is read to its end; name a file";
            return Err(GetError::Usage(text.to_owned()));
        }
        let mut bytes = Vec::new();
        let read = io::stdin().lock().take(LONGEST_INPUT + 1).read_to_end(&mut bytes);
        read.map_err(|error| GetError::Usage(format!("standard input cannot be read: {error}")))?;
        if bytes.len() as u64 > LONGEST_INPUT {
            let text = "there are more than 64 MiB on standard input; send a file, with @FILE";
            return Err(GetError::Usage(text.to_owned()));
        }
        Ok(bytes.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file_part(item: &str) -> (String, String, String) {
        match Part::parse(item).unwrap().value {
            Value::File { path, name, media_type } => {
                (path.to_string_lossy().into_owned(), name, media_type)
            }
            Value::Text(text) => panic!("{text}"),
        }
    }

    #[test]
    fn parts_are_read_as_curl_reads_them() {
        assert_eq!(Part::parse("a=b=c").unwrap(), Part { name: "a", value: Value::Text("b=c") });
        assert_eq!(Part::parse("a=").unwrap(), Part { name: "a", value: Value::Text("") });
        assert_eq!((Part::parse("a"), Part::parse("=b"), Part::parse("a=@")), (None, None, None));
        for (item, path, name, media_type) in [
            ("a=@d/b.png", "d/b.png", "b.png", "image/png"),
            ("a=@b;c.txt", "b;c.txt", "b;c.txt", "text/plain"),
            ("a=@b;filename=c.txt;type=x/y", "b", "c.txt", "x/y"),
            ("a=@b; type=x/y; filename=\"c\"", "b", "c", "x/y"),
            ("a=@b", "b", "b", "application/octet-stream"),
            ("a=@-;filename=c.png", "-", "c.png", "image/png"),
        ] {
            let expected = (path.to_owned(), name.to_owned(), media_type.to_owned());
            assert_eq!(file_part(item), expected, "{item}");
        }
    }

    #[test]
    fn names_cannot_leave_their_quotes() {
        let part = Part::parse("a\"\r\nX: y=@b;filename=c\"d").unwrap();
        assert_eq!(
            part.head("B"),
            "--B\r\nContent-Disposition: form-data; name=\"a%22%0D%0AX: y\"; filename=\"c%22d\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n"
        );
        assert_eq!(Part::parse("a=@b;type=x/y\r\nX: y"), None);
    }
}
