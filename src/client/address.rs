//! What people type for a URL.

use std::borrow::Cow;

pub use url::Url;

use super::ClientError;

/// Reads a URL, or what is left of one without its scheme: `localhost:8000`, `[::1]:8000/a`. That
/// is then `http`.
pub fn address(given: &str) -> Result<Url, ClientError> {
    let wrong = |reason: &str| ClientError::Address {
        given: without_secrets(given).escape_debug().to_string(),
        reason: reason.to_owned(),
    };
    let whole = if has_scheme(given) {
        Cow::Borrowed(given)
    } else {
        Cow::Owned(format!("http://{given}"))
    };
    let mut url = Url::parse(&whole).map_err(|error| wrong(&error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong("only http and https are spoken"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong(
            "a name and a password in it are not sent; 'salver get' takes them with -u \
             NAME:PASSWORD",
        ));
    }
    url.set_fragment(None);
    Ok(url)
}

/// Whether a URL names its scheme. `://` may also stand in what follows the host: `h/?to=http://other`.
pub fn has_scheme(given: &str) -> bool {
    scheme_end(given).is_some()
}

/// Where the scheme ends, with its `://`.
fn scheme_end(given: &str) -> Option<usize> {
    let (scheme, _) = given.split_once("://")?;
    // Blanks and controls are left out of a URL, or it is none.
    let mut letters = scheme.chars().filter(|c| *c > ' ');
    let is_scheme = letters.all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    is_scheme.then_some(scheme.len() + "://".len())
}

/// What was typed, without the name and the password, which are nobody's business.
fn without_secrets(given: &str) -> String {
    let (scheme, rest) = given.split_at(scheme_end(given).unwrap_or_default());
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let secrets = authority.rfind('@').map_or(0, |at| at + 1);
    format!("{scheme}{}", &rest[secrets..])
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
            ("localhost:8000/go?to=https://x/", "http://localhost:8000/go?to=https://x/"),
            ("h?to=https://x/", "http://h/?to=https://x/"),
            ("https://h/go?to=http://x/", "https://h/go?to=http://x/"),
            (" http://h/", "http://h/"),
        ] {
            assert_eq!(address(given).unwrap().as_str(), url, "{given}");
        }
    }

    #[test]
    fn a_scheme_is_what_stands_before_the_host() {
        for (given, expected) in [
            ("http://h", true),
            ("HTTPS://h/?to=http://x", true),
            ("localhost:8000/go?to=https://x/", false),
            ("h/http://x", false),
            ("h#http://x", false),
            ("h", false),
        ] {
            assert_eq!(has_scheme(given), expected, "{given}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused_with_the_reason() {
        for (given, reason) in [
            ("", "empty host"),
            ("http://", "empty host"),
            ("localhost:port", "invalid port"),
            ("ftp://example.org", "only http and https"),
            ("http://me:secret@example.org", "-u NAME:PASSWORD"),
            ("me:secret@example.org", "-u NAME:PASSWORD"),
            ("me:secret@h/?u=http://x", "-u NAME:PASSWORD"),
            ("ht\ntp://me:secret@h/", "-u NAME:PASSWORD"),
            ("http://me:secret@example.org:port/a@b", "invalid port"),
            ("a\u{1b}[2J b", "invalid"),
        ] {
            let error = address(given).unwrap_err().to_string();
            assert!(error.contains(reason) && !error.contains('\u{1b}'), "{given}: {error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
