//! Fields that make browsers careful.

use http::{HeaderName, HeaderValue, header};

/// `Cross-Origin-Opener-Policy`, which the `http` crate has no constant for.
const CROSS_ORIGIN_OPENER_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-opener-policy");

/// How long browsers ask for nothing but https: a year (RFC 6797).
const STRICT_TRANSPORT: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// The usual fields, with some of them changed, left out (`None`) or added. Where the site is
/// served over TLS alone, with a certificate that somebody vouches for, browsers are told so.
pub fn security_fields(
    is_certified: bool,
    changes: &[(HeaderName, Option<HeaderValue>)],
) -> Vec<(HeaderName, HeaderValue)> {
    let mut fields = vec![
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::X_FRAME_OPTIONS, HeaderValue::from_static("SAMEORIGIN")),
        (header::REFERRER_POLICY, HeaderValue::from_static("strict-origin-when-cross-origin")),
        (CROSS_ORIGIN_OPENER_POLICY, HeaderValue::from_static("same-origin")),
    ];
    if is_certified {
        fields.push((header::STRICT_TRANSPORT_SECURITY, STRICT_TRANSPORT));
    }
    for (name, value) in changes {
        fields.retain(|(known, _)| known != name);
        if let Some(value) = value {
            fields.push((name.clone(), value.clone()));
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_changed_left_out_and_added() {
        let changes = [
            (header::X_FRAME_OPTIONS, Some(HeaderValue::from_static("DENY"))),
            (header::REFERRER_POLICY, None),
            (header::CONTENT_SECURITY_POLICY, Some(HeaderValue::from_static("default-src 'self'"))),
        ];
        let fields = security_fields(false, &changes);
        let value = |name: HeaderName| {
            let found: Vec<_> = fields.iter().filter(|(known, _)| *known == name).collect();
            assert!(found.len() < 2, "{name} is there twice");
            found.first().map(|(_, value)| value.to_str().unwrap())
        };
        assert_eq!(value(header::X_CONTENT_TYPE_OPTIONS), Some("nosniff"));
        assert_eq!(value(header::X_FRAME_OPTIONS), Some("DENY"));
        assert_eq!(value(header::REFERRER_POLICY), None);
        assert_eq!(value(header::STRICT_TRANSPORT_SECURITY), None);
        let hsts = |changes: &[_]| {
            let fields = security_fields(true, changes);
            let found = fields.into_iter().find(|(name, _)| name == "strict-transport-security");
            found.map(|(_, value)| value)
        };
        assert_eq!(hsts(&[]), Some(STRICT_TRANSPORT));
        assert_eq!(hsts(&[(header::STRICT_TRANSPORT_SECURITY, None)]), None);
        assert_eq!(value(header::CONTENT_SECURITY_POLICY), Some("default-src 'self'"));
    }
}
