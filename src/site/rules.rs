//! What is added to answers, and who else may read them.

use std::sync::Arc;

use http::{HeaderName, HeaderValue, header};

use crate::config::{Config, CorsOrigin};
use crate::content::cors::{Cors, CorsOptions};
use crate::content::path::SitePath;
use crate::policy::{HeaderRules, Policy, Varying, security_fields};

/// Whether the certificate is one that somebody else vouches for, as far as one can tell.
fn is_certified(config: &Config) -> bool {
    config.ssl_cert.is_some() || !config.ssl_certificates.is_empty()
}

/// What is added to answers.
pub(super) fn policy(
    config: &Config,
    cors: Option<Arc<Cors>>,
    sandboxed: Option<SitePath<'static>>,
) -> Policy {
    let mut fixed: Vec<_> = server_field(config).into_iter().collect();
    if config.enable_security_headers {
        // Not with a certificate of our own: a browser that has once heard of it lets nobody past
        // the warning (RFC 6797 section 12.1).
        let is_certified = config.enable_ssl && is_certified(config);
        fixed.extend(security_fields(is_certified, &config.security_headers));
    }
    if let Some(cors) = &cors {
        fixed.extend(cors.constant_fields());
    }
    let rules = config.headers.iter().map(|rule| (rule.paths.clone(), rule.set.clone()));
    let varying = Varying {
        cors: cors.filter(|cors| cors.varies()),
        rules: (!config.headers.is_empty()).then(|| HeaderRules::new(rules)),
        sandboxed,
    };
    Policy::new(fixed).with_varying(varying)
}

/// The rules for other origins. With uploads on, the fields of resumable ones may be sent and read
/// too; who may upload, the origins and methods say.
pub(super) fn cors(config: &Config) -> Cors {
    let any = config.cors_allow_origin.contains(&CorsOrigin::Any);
    let origin = |origin: &CorsOrigin| match origin {
        CorsOrigin::Any => None,
        CorsOrigin::Exact(origin) => Some(origin.clone()),
    };
    let with_uploads = |names: &[HeaderName], more: &[&'static str]| {
        let mut names = names.to_vec();
        let more = more.iter().copied().map(HeaderName::from_static);
        let more: Vec<_> = more.filter(|name| !names.contains(name)).collect();
        if config.enable_file_uploads {
            names.extend(more);
        }
        names
    };
    Cors::new(CorsOptions {
        origins: (!any).then(|| config.cors_allow_origin.iter().filter_map(origin).collect()),
        methods: config.cors_allow_methods.clone(),
        headers: with_uploads(&config.cors_allow_headers, UPLOAD_REQUEST_FIELDS),
        expose: with_uploads(&config.cors_expose_headers, UPLOAD_RESPONSE_FIELDS),
        credentials: config.cors_allow_credentials,
        max_age: config.cors_max_age.as_secs(),
    })
}

/// What resumable uploads send (tus 1.0).
const UPLOAD_REQUEST_FIELDS: &[&str] = &[
    "tus-resumable",
    "upload-checksum",
    "upload-concat",
    "upload-defer-length",
    "upload-length",
    "upload-metadata",
    "upload-offset",
];

/// What resumable uploads read.
const UPLOAD_RESPONSE_FIELDS: &[&str] = &[
    "location",
    "tus-checksum-algorithm",
    "tus-extension",
    "tus-max-size",
    "tus-resumable",
    "tus-version",
    "upload-expires",
    "upload-length",
    "upload-metadata",
    "upload-offset",
];

fn server_field(config: &Config) -> Option<(http::HeaderName, HeaderValue)> {
    if config.server_name.is_empty() {
        return None;
    }
    let product = if config.server_version.is_empty() {
        config.server_name.clone()
    } else {
        format!("{}/{}", config.server_name, config.server_version)
    };
    HeaderValue::try_from(product).ok().map(|product| (header::SERVER, product))
}
