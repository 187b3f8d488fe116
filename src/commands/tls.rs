//! From the configuration to what TLS is spoken with.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use super::banner;
use crate::config::{self, Config};
use crate::tls::{self, CertificateFiles, SelfSigned, TlsOptions};

/// The folder that a self-signed certificate is kept in, beside the configuration.
const FOLDER: &str = "certs";

/// What TLS is spoken with, if it is.
pub(super) fn options(config: &Config, config_file: Option<&Path>) -> Option<TlsOptions> {
    if !config.enable_ssl {
        return None;
    }
    let first = config.ssl_cert.clone().zip(config.ssl_key.clone());
    let first = first.map(|(cert, key)| CertificateFiles { cert, key, names: Vec::new() });
    let more = config.ssl_certificates.iter().cloned();
    let more =
        more.map(|config::Certificate { cert, key, names }| CertificateFiles { cert, key, names });
    let certificates: Vec<_> = first.into_iter().chain(more).collect();
    // What it would be for changes with the addresses of the machine: nothing that others are to notice.
    let self_signed = if certificates.is_empty() {
        self_signed(config, config_file)
    } else {
        SelfSigned::default()
    };
    let http2 = config.enable_http2.then_some("h2");
    Some(TlsOptions {
        certificates,
        self_signed,
        password: config.ssl_password.as_ref().map(|password| password.expose().to_owned()),
        with_tls12: config.ssl_min_version == config::TlsVersion::V1_2,
        client_auth: config.ssl_client_ca.clone().map(|authorities| tls::ClientAuth {
            authorities,
            required: config.ssl_client_auth == config::ClientAuth::Required,
        }),
        protocols: http2.into_iter().chain(["http/1.1"]).collect(),
    })
}

fn self_signed(config: &Config, config_file: Option<&Path>) -> SelfSigned {
    let mut names = vec!["localhost".to_owned()];
    if let Ok(name) = gethostname::gethostname().into_string() {
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
        if !name.is_empty() && name.bytes().all(is_name) && !names.contains(&name) {
            names.push(name);
        }
    }
    let mut addresses = banner::interfaces();
    addresses.extend(config.host.iter().copied().filter(|host| !host.is_unspecified()));
    addresses.sort();
    addresses.dedup();
    // The address of a link is known with its interface alone, which no certificate can name.
    addresses.retain(|address| !is_link_local(*address));
    SelfSigned { folder: folder(config, config_file), names, addresses }
}

/// Beside the configuration file, or in the current folder; but never where it is served: then in
/// the folder that programs keep the like in, if there is one.
fn folder(config: &Config, config_file: Option<&Path>) -> Option<PathBuf> {
    let beside = config_file.and_then(Path::parent).unwrap_or(Path::new(""));
    let here = std::path::absolute(beside.join(FOLDER)).ok()?;
    let root = config.document_root.canonicalize().ok()?;
    let parent = here.parent()?.canonicalize().ok()?;
    if !parent.starts_with(&root) {
        return Some(here);
    }
    let state = std::env::var_os("XDG_STATE_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".local/state")))?;
    let own = state.join("salver");
    let is_served = state.canonicalize().is_ok_and(|state| state.starts_with(&root));
    (state.is_absolute() && !is_served).then_some(own)
}

fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(four) => four.is_link_local(),
        IpAddr::V6(six) => six.is_unicast_link_local(),
    }
}
