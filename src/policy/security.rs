//! Fields that make browsers careful.

use http::{HeaderName, HeaderValue, header};

/// `Cross-Origin-Opener-Policy`, which the `http` crate has no constant for.
const CROSS_ORIGIN_OPENER_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-opener-policy");

/// The usual fields, with some of them changed, left out (`None`) or added.
pub fn security_fields(
    changes: &[(HeaderName, Option<HeaderValue>)],
) -> Vec<(HeaderName, HeaderValue)> {
    let mut fields = vec![
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::X_FRAME_OPTIONS, HeaderValue::from_static("SAMEORIGIN")),
        (header::REFERRER_POLICY, HeaderValue::from_static("strict-origin-when-cross-origin")),
        (CROSS_ORIGIN_OPENER_POLICY, HeaderValue::from_static("same-origin")),
    ];
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
        let fields = security_fields(&changes);
        let value = |name: HeaderName| {
            let found: Vec<_> = fields.iter().filter(|(known, _)| *known == name).collect();
            assert!(found.len() < 2, "{name} is there twice");
            found.first().map(|(_, value)| value.to_str().unwrap())
        };
        assert_eq!(value(header::X_CONTENT_TYPE_OPTIONS), Some("nosniff"));
        assert_eq!(value(header::X_FRAME_OPTIONS), Some("DENY"));
        assert_eq!(value(header::REFERRER_POLICY), None);
        assert_eq!(value(header::CONTENT_SECURITY_POLICY), Some("default-src 'self'"));
    }
}
