//! What keeps the server's own pages from doing more than they should.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use http::{HeaderName, HeaderValue};
use sha2::{Digest, Sha256};

/// `Permissions-Policy`, which the `http` crate has no constant for.
pub const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");

/// The source that stands for one inline style or script in a content security policy
/// (CSP level 3, section 2.3.1): what is between its tags, hashed.
pub fn sha256_source(inline: &str) -> String {
    format!("'sha256-{}'", BASE64_STANDARD.encode(Sha256::digest(inline)))
}

/// Keeps a page of our own from devices that it has no use for.
pub const NO_DEVICES: HeaderValue =
    HeaderValue::from_static("camera=(), microphone=(), geolocation=()");

/// What a page that somebody uploaded may do: nothing, in an origin of its own.
pub const SANDBOX: HeaderValue = HeaderValue::from_static("sandbox; default-src 'none'");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_the_hash_of_the_text() {
        // The script that the specification takes as its example.
        assert_eq!(
            sha256_source("alert('Hello, world.');"),
            "'sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng='"
        );
    }
}
