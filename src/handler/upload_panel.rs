//! The section of a page by which files are added.

use askama::Template;
use http::header;

use crate::content::path::SitePath;
use crate::content::shown::{Link, Size};
use crate::message::Request;

/// What can be uploaded, and where to.
#[derive(Clone, Debug)]
pub struct UploadPanel {
    /// The folder that takes uploads; those below it do as well.
    pub place: SitePath<'static>,
    /// Bytes of one request at most.
    pub max_size: u64,
    /// What happens to a name that is taken: `reject`, `rename` or `replace`.
    pub conflict: &'static str,
    /// Where resumable uploads are made.
    pub resumable: Option<&'static str>,
}

#[derive(Template)]
#[template(path = "upload_panel.html")]
struct Section<'a> {
    max: u64,
    conflict: &'static str,
    resumable: Option<&'static str>,
    folder: Link<'a>,
    limit: Size,
    origin: &'a str,
}

impl UploadPanel {
    /// Where a request was sent to: `http://host`, as far as it says.
    pub fn origin(request: &Request<'_>) -> String {
        let scheme = if request.peer.secure { "https" } else { "http" };
        let named = request.target.authority.or_else(|| request.fields.get(&header::HOST));
        let host = String::from_utf8_lossy(named.unwrap_or(b"HOST"));
        format!("{scheme}://{host}")
    }

    /// Whether the folder at `path` takes uploads.
    pub fn is_for(&self, path: &[u8]) -> bool {
        path.starts_with(self.place.as_bytes())
    }

    /// The section for the folder at `path`, which is asked for at `origin` (`http://host`).
    pub fn section(&self, path: &[u8], origin: &str) -> String {
        let section = Section {
            max: self.max_size,
            conflict: self.conflict,
            resumable: self.resumable,
            folder: Link(path),
            limit: Size(self.max_size),
            origin,
        };
        // Writing to memory does not fail.
        section.render().unwrap_or_default()
    }
}
