//! Fields that make browsers careful.

use http::{HeaderName, HeaderValue, header};

use crate::config::Config;

/// `Cross-Origin-Opener-Policy`, which the `http` crate has no constant for.
const CROSS_ORIGIN_OPENER_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-opener-policy");

/// The fields of `enable_security_headers`, changed by what `security_headers` says.
pub fn security_fields(config: &Config) -> Vec<(HeaderName, HeaderValue)> {
    if !config.enable_security_headers {
        return Vec::new();
    }
    let mut fields = vec![
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::X_FRAME_OPTIONS, HeaderValue::from_static("SAMEORIGIN")),
        (header::REFERRER_POLICY, HeaderValue::from_static("strict-origin-when-cross-origin")),
        (CROSS_ORIGIN_OPENER_POLICY, HeaderValue::from_static("same-origin")),
    ];
    for (name, value) in &config.security_headers {
        fields.retain(|(known, _)| known != name);
        if let Some(value) = value {
            fields.push((name.clone(), value.clone()));
        }
    }
    fields
}
