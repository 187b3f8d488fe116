//! Where a file shall appear, from what its client says of it.

use http::StatusCode;

use super::TusOptions;
use crate::content::path::SitePath;
use crate::content::tus::Metadata;
use crate::content::upload_name::UploadName;
use crate::handler::landing::{self, Refused};
use crate::store::upload::Place;

/// What the upload page is called: files sent from it land at the top.
const UPLOAD_PAGE: &[u8] = b"/upload";

/// The place of a file.
pub(super) fn place(metadata: &Metadata, options: &TusOptions) -> Result<Place, Refused> {
    let name = metadata.file_name().ok_or_else(|| {
        Refused::bad_request("Upload-Metadata must have a filename: its name in Base64")
    })?;
    let name = parse_name(name)?;
    let mut folder = match metadata.get("folder") {
        Some(path) => base(path, options.place.as_ref())?,
        None => Vec::new(),
    };
    for name in metadata.folders() {
        folder.push(parse_name(name)?.as_bytes().into());
    }
    landing::check_folder(&folder)?;
    let conflict = landing::conflict(metadata.get("conflict"), options.max_conflict)?;
    Ok(Place { folder, name, conflict })
}

/// The names of a folder at or under the upload place.
fn base(path: &[u8], place: Option<&SitePath<'_>>) -> Result<Vec<Box<[u8]>>, Refused> {
    let outside =
        || Refused::new(StatusCode::FORBIDDEN, "the folder is not one that takes uploads");
    let path = SitePath::parse(path).map_err(|_| {
        Refused::bad_request("the folder in Upload-Metadata must be a path of this site")
    })?;
    if path.is_reserved() {
        return Err(outside());
    }
    if let Some(names) = place.and_then(|place| landing::names_below(&path, place)) {
        return Ok(names);
    }
    if path.as_bytes().strip_suffix(b"/").unwrap_or(path.as_bytes()) == UPLOAD_PAGE {
        return Ok(Vec::new());
    }
    Err(outside())
}

fn parse_name(name: &[u8]) -> Result<UploadName, Refused> {
    UploadName::parse(name).map_err(|error| Refused::bad_request(error.to_string()))
}

#[cfg(test)]
mod tests {
    use base64::prelude::{BASE64_STANDARD, Engine};

    use super::*;
    use crate::store::upload::Conflict;

    fn read(pairs: &[(&str, &str)], place: Option<&'static str>) -> Result<Place, u16> {
        let pairs: Vec<_> = pairs
            .iter()
            .map(|(key, value)| format!("{key} {}", BASE64_STANDARD.encode(value)))
            .collect();
        let metadata = Metadata::parse(pairs.join(",").as_bytes()).unwrap();
        let place = place.map(|path| SitePath::parse(path.as_bytes()).unwrap());
        let options = TusOptions { max_size: 1, place, max_conflict: Conflict::Rename };
        super::place(&metadata, &options).map_err(|refused| refused.0.status.as_u16())
    }

    #[test]
    fn the_place_is_at_or_under_the_upload_place() {
        let rows: &[(&str, &str, Result<&str, u16>)] = &[
            ("/up/", "", Ok("a")),
            ("/up", "", Ok("a")),
            ("/up/x%20y/", "", Ok("x y/a")),
            ("/up/x/../y/", "b/c.txt", Ok("y/b/a")),
            ("/up/x/", "b/c/c.txt", Ok("x/b/c/a")),
            ("/upload", "", Ok("a")),
            ("", "b/a", Ok("b/a")),
            ("/", "", Err(403)),
            ("/upper/", "", Err(403)),
            ("/up/../", "", Err(403)),
            ("/up/.salver-uploads/", "", Err(403)),
            ("/../up", "", Err(400)),
            ("up", "", Err(400)),
            ("/up/", "../a", Err(400)),
            ("/up/", "b/../../a", Err(400)),
            ("/up/", ".salver-uploads/a", Err(400)),
        ];
        for &(folder, relative, wanted) in rows {
            let pairs = [("filename", "a"), ("folder", folder), ("relativePath", relative)];
            let found = read(&pairs, Some("/up/")).map(|place| {
                let names = place.folder.iter().map(|name| &**name).chain([place.name.as_bytes()]);
                String::from_utf8(names.collect::<Vec<_>>().join(&b'/')).unwrap()
            });
            // Of "b/c.txt" the folder counts; the name is that of `filename`.
            assert_eq!(found.as_deref().map_err(|&status| status), wanted, "{folder} {relative}");
        }
        assert_eq!(read(&[("filename", "a"), ("folder", "/up/")], None).unwrap_err(), 403);
        assert!(read(&[("filename", "a"), ("folder", "/upload/")], None).is_ok());
        assert_eq!(read(&[], None).unwrap_err(), 400);
    }

    #[test]
    fn a_request_may_ask_for_less_but_not_for_more() {
        let rows = [
            ("reject", Ok(Conflict::Reject)),
            ("rename", Ok(Conflict::Rename)),
            ("", Ok(Conflict::Rename)),
            ("replace", Err(403)),
            ("x", Err(400)),
        ];
        for (wanted, result) in rows {
            let found = read(&[("filename", "a"), ("conflict", wanted)], None);
            assert_eq!(found.map(|place| place.conflict), result, "{wanted}");
        }
    }
}
