//! A certificate for those who have none: browsers warn of it once, and it encrypts all the same.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::net::IpAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair, SanType,
};
use sha2::{Digest, Sha256};
use tokio_rustls::rustls::crypto::CryptoProvider;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::CertificateFiles;
use super::chain::Chain;
use super::error::{Fault, TlsError};

/// How long it is valid: browsers take no certificate of more than 398 days.
const VALID: Duration = Duration::from_hours(365 * 24);

/// It is made anew when it has less than that to go.
const RENEW_BEFORE: Duration = Duration::from_hours(30 * 24);

/// Clocks of other machines may be behind.
const LEEWAY: Duration = Duration::from_hours(24);

/// Where a self-signed certificate is kept, and for whom it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SelfSigned {
    /// The folder; made if it is not there. `None`: it is kept in memory alone.
    pub folder: Option<PathBuf>,
    /// Host names.
    pub names: Vec<String>,
    /// Addresses.
    pub addresses: Vec<IpAddr>,
}

/// SHA-256 of a certificate, by which people compare it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    pub(super) fn of(certificate: &CertificateDer<'_>) -> Self {
        Self(Sha256::digest(certificate).into())
    }
}

impl fmt::Display for Fingerprint {
    /// `AB:CD:…`, as browsers and openssl show it.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, byte) in self.0.iter().enumerate() {
            let colon = if at > 0 { ":" } else { "" };
            write!(formatter, "{colon}{byte:02X}")?;
        }
        Ok(())
    }
}

/// When a certificate has to be made anew.
pub(super) fn renewal_of(chain: &Chain) -> SystemTime {
    chain.until - RENEW_BEFORE
}

impl SelfSigned {
    /// The certificate that is kept, if it is still good for a while; else a new one.
    pub(super) fn chain(&self, provider: &CryptoProvider) -> Result<Chain, TlsError> {
        let kept = self.files().map(|files| Chain::read(&files, None, provider));
        match kept {
            Some(Ok(chain)) if SystemTime::now() < renewal_of(&chain) => Ok(chain),
            _ => self.make(provider),
        }
    }

    fn files(&self) -> Option<CertificateFiles> {
        let folder = self.folder.as_ref()?;
        let file = |name| folder.join(name);
        Some(CertificateFiles {
            cert: file("self-signed.pem"),
            key: file("self-signed.key.pem"),
            names: Vec::new(),
        })
    }

    fn make(&self, provider: &CryptoProvider) -> Result<Chain, TlsError> {
        let failed = |error: rcgen::Error| TlsError::SelfSigned(error.to_string());
        let mut params = CertificateParams::new(self.names.clone()).map_err(failed)?;
        let addresses = self.addresses.iter().copied().map(SanType::IpAddress);
        params.subject_alt_names.extend(addresses);
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "salver, self-signed");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let now = SystemTime::now();
        params.not_before = (now - LEEWAY).into();
        params.not_after = (now - LEEWAY + VALID).into();
        let key = KeyPair::generate().map_err(failed)?;
        let certificate = params.self_signed(&key).map_err(failed)?;
        if let Some(files) = self.files() {
            write(&files.key, key.serialize_pem().as_bytes(), 0o600)?;
            write(&files.cert, certificate.pem().as_bytes(), 0o644)?;
        }
        let der = PrivateKeyDer::try_from(key.serialize_der())
            .map_err(|error| TlsError::SelfSigned(error.to_owned()))?;
        Chain::new(vec![certificate.der().clone()], der, provider).map_err(TlsError::Setup)
    }
}

/// Writes a file that appears whole.
fn write(path: &Path, content: &[u8], mode: u32) -> Result<(), TlsError> {
    let new = path.with_extension("new");
    let done = || -> io::Result<()> {
        if let Some(folder) = path.parent() {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        let _ = fs::remove_file(&new);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&new)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&new, path)
    };
    done().map_err(|error| TlsError::new(path, Fault::Unwritable(error)))
}
