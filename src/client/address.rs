//! What people type for a URL.

use std::borrow::Cow;

pub use url::Url;

use super::ClientError;

/// Reads a URL, or what is left of one without its scheme: `localhost:8000`, `[::1]:8000/a`. That
/// is then `http`.
pub fn address(given: &str) -> Result<Url, ClientError> {
    let wrong = |reason: &str| ClientError::Address {
        given: given.escape_debug().to_string(),
        reason: reason.to_owned(),
    };
    let whole = if given.contains("://") {
        Cow::Borrowed(given)
    } else {
        Cow::Owned(format!("http://{given}"))
    };
    let mut url = Url::parse(&whole).map_err(|error| wrong(&error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong("only http and https are spoken"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("a name and password in it would not be sent"));
    }
    url.set_fragment(None);
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_with_and_without_a_scheme() {
        for (given, url) in [
            ("127.0.0.1:8000", "http://127.0.0.1:8000/"),
            ("localhost:8000", "http://localhost:8000/"),
            ("localhost", "http://localhost/"),
            ("[::1]:8000/a?b#c", "http://[::1]:8000/a?b"),
            ("example.org/server-status", "http://example.org/server-status"),
            ("https://example.org:8443", "https://example.org:8443/"),
        ] {
            assert_eq!(address(given).unwrap().as_str(), url, "{given}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused_with_the_reason() {
        for (given, reason) in [
            ("", "empty host"),
            ("http://", "empty host"),
            ("localhost:port", "invalid port"),
            ("ftp://example.org", "only http and https"),
            ("http://me:secret@example.org", "would not be sent"),
            ("a\u{1b}[2J b", "invalid"),
        ] {
            let error = address(given).unwrap_err().to_string();
            assert!(error.contains(reason) && !error.contains('\u{1b}'), "{given}: {error}");
        }
    }
}
