//! What the pages have in common that the server makes itself: style, script, and the policy that
//! lets these two run and nothing else.

use std::fmt::Write;
use std::sync::LazyLock;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::HeaderValue;
use sha2::{Digest, Sha256};

use crate::content::shown::{Link, Name};

/// The style sheet of listings and upload pages.
pub(super) const STYLE: &str = include_str!("../pages/listing.css");

/// Their script.
pub(super) const SCRIPT: &str = include_str!("../pages/listing.js");

/// The `Content-Security-Policy` of pages with [`STYLE`] and [`SCRIPT`].
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    policy(&[
        ("default-src", "'none'"),
        ("script-src", &source(SCRIPT)),
        ("style-src", &source(STYLE)),
        ("img-src", "'self' data: blob:"),
        ("media-src", "'self' blob:"),
        ("frame-src", "'self' blob:"),
        ("object-src", "'self'"),
        ("connect-src", "'self'"),
        ("form-action", "'self'"),
        ("base-uri", "'none'"),
        ("frame-ancestors", "'self'"),
    ])
});

/// What stands at the top of a page: title and breadcrumbs.
pub(super) struct Frame<'a> {
    pub(super) path: Name<'a>,
    pub(super) address: Link<'a>,
    pub(super) style: &'static str,
    pub(super) crumbs: Vec<Crumb<'a>>,
}

/// A step of the way to a page.
pub(super) struct Crumb<'a> {
    pub(super) link: Link<'a>,
    pub(super) name: Name<'a>,
    /// Whether the name has more than ASCII and so perhaps another direction than the page.
    pub(super) is_wide: bool,
}

impl<'a> Frame<'a> {
    /// The top of the page at a path that begins with `/`.
    pub(super) fn new(path: &'a [u8]) -> Self {
        Self { path: Name(path), address: Link(path), style: STYLE, crumbs: crumbs(path) }
    }
}

/// Each folder on the way, from `/` on, and the page itself.
fn crumbs(path: &[u8]) -> Vec<Crumb<'_>> {
    let mut end = 0;
    path.split_inclusive(|&byte| byte == b'/')
        .map(|step| {
            end += step.len();
            let name = step.strip_suffix(b"/").filter(|name| !name.is_empty()).unwrap_or(step);
            Crumb { link: Link(&path[..end]), name: Name(name), is_wide: !name.is_ascii() }
        })
        .collect()
}

/// The `Content-Security-Policy` of listings and upload pages.
pub(super) fn content_security_policy() -> HeaderValue {
    POLICY.clone()
}

/// A policy of these directives.
pub(super) fn policy(directives: &[(&str, &str)]) -> HeaderValue {
    let mut text = String::new();
    for (name, sources) in directives {
        let separator = if text.is_empty() { "" } else { "; " };
        let _ = write!(text, "{separator}{name} {sources}");
    }
    // What is not a field value allows nothing.
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("default-src 'none'"))
}

/// The source expression that stands for an element with exactly that text.
pub(super) fn source(text: &str) -> String {
    format!("'sha256-{}'", BASE64_STANDARD.encode(Sha256::digest(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_the_one_that_browsers_compute() {
        // The example of the Content Security Policy Level 3, section 8.3 of its drafts.
        assert_eq!(
            source("alert('Hello, world.');"),
            "'sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng='"
        );
    }

    #[test]
    fn each_step_of_a_path_has_its_crumb() {
        let steps = |path: &'static str| -> Vec<_> {
            let crumbs = crumbs(path.as_bytes());
            crumbs.iter().map(|crumb| format!("{} {}", crumb.link, crumb.name)).collect()
        };
        assert_eq!(steps("/"), ["/ /"]);
        assert_eq!(steps("/a b/c/"), ["/ /", "/a%20b/ a b", "/a%20b/c/ c"]);
        assert_eq!(steps("/upload"), ["/ /", "/upload upload"]);
    }

    #[test]
    fn the_policy_is_a_field_value_and_the_texts_end_no_element() {
        assert!(content_security_policy().to_str().unwrap().starts_with("default-src 'none'; "));
        assert!(!STYLE.contains("</style") && !SCRIPT.contains("</script"));
        assert!(!STYLE.contains('\r') && !SCRIPT.contains('\r'), "parsers would change it");
    }
}
