//! The section of a page by which files are added.

use askama::Template;
use http::{HeaderValue, header};

use super::generated::Facts;
use super::own_page::{Frame, SCRIPT, content_security_policy};
use crate::content::page_security::{NO_DEVICES, PERMISSIONS_POLICY};
use crate::content::path::SitePath;
use crate::content::shown::{Link, Size};
use crate::message::Request;

/// What can be uploaded, and where to.
#[derive(Clone, Debug)]
pub struct UploadPanel {
    /// The folder that takes uploads, if it is served; those below it do as well.
    pub place: Option<SitePath<'static>>,
    /// Bytes of one request at most.
    pub max_size: u64,
    /// What happens to a name that is taken: `reject`, `rename` or `replace`.
    pub conflict: &'static str,
    /// Where resumable uploads are made.
    pub resumable: Option<&'static str>,
}

/// A page with the section and nothing else.
#[derive(Template)]
#[template(path = "upload.html")]
struct Page<'a> {
    frame: Frame<'a>,
    section: &'a str,
    script: &'static str,
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
        self.place.as_ref().is_some_and(|place| path.starts_with(place.as_bytes()))
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

    /// A page that takes uploads at the path of the request, wherever they go.
    pub(super) fn page(&self, request: &Request<'_>) -> Facts {
        let path = request.target.path;
        let section = self.section(path, &Self::origin(request));
        let page = Page { frame: Frame::new(path), section: &section, script: SCRIPT };
        Facts {
            fields: vec![
                (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
                (header::CONTENT_SECURITY_POLICY, content_security_policy()),
                (PERMISSIONS_POLICY, NO_DEVICES),
            ],
            // Writing to memory does not fail.
            ..Facts::of_now("text/html; charset=utf-8", page.render().unwrap_or_default())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use http::{Method, Version};

    use super::*;
    use crate::message::{Fields, Peer, RequestBody, Target};

    fn panel(resumable: Option<&'static str>) -> UploadPanel {
        let place = SitePath::parse(b"/up loads/").unwrap().into_owned();
        UploadPanel { place: Some(place), max_size: 10 << 20, conflict: "rename", resumable }
    }

    #[test]
    fn folders_at_and_under_the_place_have_the_section() {
        let panel = panel(Some("/upload/tus"));
        for (path, is_for) in
            [("/up loads/", true), ("/up loads/a/", true), ("/up load/", false), ("/", false)]
        {
            assert_eq!(panel.is_for(path.as_bytes()), is_for, "{path}");
        }
        let section = panel.section(b"/up loads/<a>/", "http://h");
        for part in [
            "data-max=10485760 data-conflict=rename data-tus=\"/upload/tus\" \
             data-folder=\"/up%20loads/%3Ca%3E/\">",
            "Up to 10.0 MiB in one go.",
            "curl -F file=@FILE http://h/up%20loads/%3Ca%3E/</code>",
        ] {
            assert!(section.contains(part), "{part}\n{section}");
        }
    }

    #[test]
    fn the_page_takes_uploads_where_it_is() {
        let request = Request {
            method: Method::GET,
            target: Target { authority: Some(b"h\">:1"), ..Target::origin(b"/upload") },
            version: Version::HTTP_11,
            fields: Fields::EMPTY,
            received: Instant::now(),
            peer: Peer { address: ([127, 0, 0, 1], 1).into(), secure: true },
            body: RequestBody::None,
        };
        let page = String::from_utf8(panel(None).page(&request).text).unwrap();
        assert!(page.contains("https://h&#34;&#62;:1/upload</code>"), "{page}");
        assert!(page.contains("data-folder=\"/upload\"") && !page.contains("data-tus"), "{page}");
        assert!(page.contains("<title>/upload - salver</title>") && !page.contains("<table"));
    }
}
