//! A certificate with its key, and what it is good for.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio_rustls::rustls::crypto::CryptoProvider;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{Error, InconsistentKeys};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::CertificateFiles;
use super::error::{Fault, TlsError};
use super::pem;

/// A certificate that can be used.
#[derive(Debug)]
pub(super) struct Chain {
    pub(super) key: Arc<CertifiedKey>,
    /// The DNS names it answers for, in lower case; `*.example.com` for one label more.
    pub(super) names: Vec<String>,
    from: SystemTime,
    pub(super) until: SystemTime,
    /// Whether its own key has signed it.
    pub(super) is_self_signed: bool,
    what: String,
}

impl Chain {
    /// Reads it from its files.
    pub(super) fn read(
        files: &CertificateFiles,
        password: Option<&str>,
        provider: &CryptoProvider,
    ) -> Result<Self, TlsError> {
        let certificates = pem::certificates(&files.cert)?;
        let key = pem::key(&files.key, password)?;
        let mut chain = Self::new(certificates, key, provider).map_err(|error| match error {
            Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                TlsError::new(&files.cert, Fault::OtherKey(files.key.clone()))
            }
            Error::InvalidCertificate(error) => {
                TlsError::new(&files.cert, Fault::BadCertificate(error.to_string()))
            }
            error => TlsError::new(&files.key, Fault::BadKey(error.to_string())),
        })?;
        if !files.names.is_empty() {
            chain.names = files.names.iter().map(|name| name.to_ascii_lowercase()).collect();
        }
        chain.what = files.cert.display().to_string();
        Ok(chain)
    }

    /// Puts certificates and key together.
    pub(super) fn new(
        certificates: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
        provider: &CryptoProvider,
    ) -> Result<Self, Error> {
        let key = CertifiedKey::from_der(certificates, key, provider)?;
        let (_, own) = X509Certificate::from_der(key.end_entity_cert()?)
            .map_err(|error| Error::General(error.to_string()))?;
        let validity = own.validity();
        let (from, until) = (time(validity.not_before), time(validity.not_after));
        let names = names(&own);
        let is_self_signed = is_self_signed(&own, provider);
        let what = String::new();
        Ok(Self { key: Arc::new(key), names, from, until, is_self_signed, what })
    }

    /// Says so when browsers will not take it: a person has to see to that, and what is served
    /// meanwhile is better than nothing.
    pub(super) fn warn_of_validity(&self, now: SystemTime) {
        let day = |time: SystemTime| httpdate::fmt_http_date(time);
        if now > self.until {
            let until = day(self.until);
            tracing::warn!("the certificate in {} has expired, on {until}: renew it", self.what);
        } else if now < self.from {
            let from = day(self.from);
            tracing::warn!(
                "the certificate in {} is not valid before {from}: is the clock right?",
                self.what
            );
        }
    }
}

/// Whether it names its subject as its issuer, and the subject's key has made the signature: one that
/// only bears the name of an authority is not its own.
fn is_self_signed(certificate: &X509Certificate<'_>, provider: &CryptoProvider) -> bool {
    let key = &certificate.public_key().subject_public_key.data;
    let signed = certificate.tbs_certificate.as_ref();
    let signature = &certificate.signature_value.data;
    certificate.issuer().as_raw() == certificate.subject().as_raw()
        && provider
            .signature_verification_algorithms
            .all
            .iter()
            .any(|algorithm| algorithm.verify_signature(key, signed, signature).is_ok())
}

fn time(time: x509_parser::time::ASN1Time) -> SystemTime {
    let seconds = u64::try_from(time.timestamp()).unwrap_or(0);
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(extension)) = certificate.subject_alternative_name() else { return Vec::new() };
    let names = extension.value.general_names.iter();
    names
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
            _ => None,
        })
        .collect()
}

/// Whom a certificate names, as RFC 4514 writes it: `CN=alice, O=Example`.
pub(super) fn subject(certificate: &CertificateDer<'_>) -> Option<String> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    Some(certificate.subject().to_string())
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, CertifiedIssuer, KeyPair};
    use tokio_rustls::rustls::crypto::aws_lc_rs;

    use super::*;

    #[test]
    fn only_a_certificate_that_its_own_key_has_signed_is_self_signed() {
        let provider = aws_lc_rs::default_provider();
        let is_self_signed = |certificate: &CertificateDer<'static>, key: &KeyPair| {
            let der = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
            Chain::new(vec![certificate.clone()], der, &provider).unwrap().is_self_signed
        };
        for algorithm in [&rcgen::PKCS_ECDSA_P256_SHA256, &rcgen::PKCS_ED25519] {
            let key = || KeyPair::generate_for(algorithm).unwrap();
            let params = || CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
            let own = key();
            assert!(is_self_signed(params().self_signed(&own).unwrap().der(), &own));
            // The authority has the same name, and another key.
            let authority = CertifiedIssuer::self_signed(params(), key()).unwrap();
            let issued = key();
            let certificate = params().signed_by(&issued, &authority).unwrap();
            assert!(!is_self_signed(certificate.der(), &issued));
        }
    }
}
