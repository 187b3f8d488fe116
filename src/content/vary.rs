//! `Vary` (RFC 9110 section 12.5.5): what decided which answer it is.

use http::{HeaderName, HeaderValue, header};

/// The field of what has different codings.
pub const BY_CODING: (HeaderName, HeaderValue) =
    (header::VARY, HeaderValue::from_static("Accept-Encoding"));

/// The field of what was chosen by `Accept`, by `Accept-Encoding`, or by both.
pub fn vary(by_accept: bool, by_coding: bool) -> Option<(HeaderName, HeaderValue)> {
    let by_both = HeaderValue::from_static("Accept, Accept-Encoding");
    match (by_accept, by_coding) {
        (true, true) => Some((header::VARY, by_both)),
        (true, false) => Some((header::VARY, HeaderValue::from_static("Accept"))),
        (false, true) => Some(BY_CODING),
        (false, false) => None,
    }
}
