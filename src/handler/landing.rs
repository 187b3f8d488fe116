//! What all ways of uploading have in common: what is asked for when a name is taken, why a file
//! is refused, and where it can be found afterwards.

use std::borrow::Cow;

use http::StatusCode;

use crate::content::path::{self, SitePath};
use crate::content::upload_name::{NameError, UploadName};
use crate::message::Response;
use crate::store::upload::{Conflict, Stored, UploadError};

/// Folders that a file may lie deep.
const MAX_DEPTH: usize = 64;

/// Bytes of the names of the folders together: what a system opens has a longest path (4,096 bytes
/// on Linux), of which the site's own part and the file's name need some.
const MAX_PATH: usize = 3072;

/// Why a request is not done: the answer to it.
#[derive(Debug)]
pub(super) struct Refused(pub(super) Box<Response>);

impl Refused {
    /// An error that says in a sentence what is wrong.
    pub(super) fn new(status: StatusCode, sentence: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Response::new(status).with_detail(sentence)))
    }

    /// 400.
    pub(super) fn bad_request(sentence: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, sentence)
    }
}

impl From<Response> for Refused {
    fn from(response: Response) -> Self {
        Self(Box::new(response))
    }
}

impl From<UploadError> for Refused {
    fn from(error: UploadError) -> Self {
        let status = match error {
            UploadError::Taken | UploadError::IsFolder => StatusCode::CONFLICT,
            UploadError::NoSpace | UploadError::TooManyParts => StatusCode::INSUFFICIENT_STORAGE,
            // The folder itself says why, once.
            UploadError::Denied => StatusCode::FORBIDDEN,
            UploadError::BadName => StatusCode::BAD_REQUEST,
            UploadError::Unavailable(error) => {
                tracing::error!(%error, "an upload cannot be stored");
                let sentence = "the file cannot be stored now";
                return Self::new(StatusCode::SERVICE_UNAVAILABLE, sentence);
            }
        };
        Self::new(status, error.to_string())
    }
}

/// What is done when a name is taken, by what a request asks for: no more than the server allows.
pub(super) fn conflict(wanted: Option<&[u8]>, most: Conflict) -> Result<Conflict, Refused> {
    let wanted = match wanted {
        None => return Ok(most),
        Some(b"reject") => Conflict::Reject,
        Some(b"rename") => Conflict::Rename,
        Some(b"replace") => Conflict::Replace,
        Some(_) => {
            return Err(Refused::bad_request("conflict must be reject, rename or replace"));
        }
    };
    if wanted > most {
        let sentence = "this server does not let uploads have that power over files that are there \
                        (upload_conflict)";
        return Err(Refused::new(StatusCode::FORBIDDEN, sentence));
    }
    Ok(wanted)
}

/// Whether files may be put into a folder of these names below the upload place; those that are not
/// there are made, so each has to be one that a file could have.
pub(super) fn check_folder(names: &[Box<[u8]>]) -> Result<(), Refused> {
    if names.len() > MAX_DEPTH {
        return Err(Refused::bad_request("the file lies too many folders deep"));
    }
    if names.iter().map(|name| name.len() + 1).sum::<usize>() > MAX_PATH {
        return Err(Refused::bad_request("the path of the file is too long"));
    }
    for name in names {
        if name.first() == Some(&b'.') {
            return Err(hidden());
        }
        UploadName::exact(name).map_err(|error| bad_name(name, error))?;
    }
    Ok(())
}

/// What begins with a dot is not for visitors to write to.
pub(super) fn hidden() -> Refused {
    Refused::new(
        StatusCode::FORBIDDEN,
        "hidden files and folders take no uploads: choose a name that does not begin with a dot",
    )
}

/// Says why a file or folder cannot have a name, and which.
pub(super) fn bad_name(sent: &[u8], error: NameError) -> Refused {
    let start = &sent[..sent.len().min(100)];
    let shown = String::from_utf8_lossy(start);
    Refused::bad_request(format!("{error}: {shown:?}"))
}

/// The names of a path below the upload place, outermost first; `None` when it lies elsewhere.
pub(super) fn names_below(path: &SitePath<'_>, place: &SitePath<'_>) -> Option<Vec<Box<[u8]>>> {
    let mut names = path.relative().split(|&byte| byte == b'/').filter(|name| !name.is_empty());
    let mut top = place.relative().split(|&byte| byte == b'/').filter(|name| !name.is_empty());
    if top.any(|name| names.next() != Some(name)) {
        return None;
    }
    Some(names.map(Into::into).collect())
}

/// The link to a file, when the upload folder is served at `place`.
pub(super) fn link(stored: &Stored, place: Option<&SitePath<'_>>) -> Option<String> {
    let mut path = place?.as_bytes().to_vec();
    for name in stored.folder.iter().chain([&stored.name]) {
        if path.last() != Some(&b'/') {
            path.push(b'/');
        }
        path.extend_from_slice(name);
    }
    Some(path::encode(&path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_may_ask_for_less_but_not_for_more() {
        let rows = [
            (Some("reject"), Ok(Conflict::Reject)),
            (Some("rename"), Ok(Conflict::Rename)),
            (None, Ok(Conflict::Rename)),
            (Some("replace"), Err(403)),
            (Some("x"), Err(400)),
            (Some(""), Err(400)),
        ];
        for (wanted, expected) in rows {
            let found = conflict(wanted.map(str::as_bytes), Conflict::Rename);
            assert_eq!(found.map_err(|refused| refused.0.status.as_u16()), expected, "{wanted:?}");
        }
    }

    #[test]
    fn a_stored_file_is_linked_below_its_place() {
        let stored = Stored {
            folder: vec![b"a b"[..].into()],
            name: b"c:d.txt"[..].into(),
            size: 0,
            sha256: [0; 32],
            replaced: false,
        };
        for (place, expected) in [("/", "/a%20b/c%3Ad.txt"), ("/u/", "/u/a%20b/c%3Ad.txt")] {
            let place = SitePath::parse(place.as_bytes()).unwrap();
            assert_eq!(link(&stored, Some(&place)).as_deref(), Some(expected));
        }
        assert_eq!(link(&stored, None), None);
    }
}
