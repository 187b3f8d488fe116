//! What the pages have in common that the server makes itself: style, script, and the policy that
//! lets these two run and nothing else.

use std::fmt::Write;
use std::sync::LazyLock;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::HeaderValue;
use sha2::{Digest, Sha256};

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
    fn the_policy_is_a_field_value_and_the_texts_end_no_element() {
        assert!(content_security_policy().to_str().unwrap().starts_with("default-src 'none'; "));
        assert!(!STYLE.contains("</style") && !SCRIPT.contains("</script"));
        assert!(!STYLE.contains('\r') && !SCRIPT.contains('\r'), "parsers would change it");
    }
}
