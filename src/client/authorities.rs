//! The certificates of a file: they are believed, and those whom they vouch for.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::client::{WebPkiServerVerifier, verify_server_name};
use tokio_rustls::rustls::crypto::CryptoProvider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::server::ParsedCertificate;
use tokio_rustls::rustls::{
    CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::ClientError;

/// The certificates of a file.
#[derive(Debug)]
pub struct Authorities {
    roots: Arc<RootCertStore>,
    given: Vec<CertificateDer<'static>>,
}

impl Authorities {
    /// Reads them from a PEM file.
    pub(super) fn read(file: &Path) -> Result<Self, ClientError> {
        let wrong = |reason: &dyn ToString| ClientError::Authorities {
            path: file.to_owned(),
            reason: reason.to_string(),
        };
        let (mut roots, mut given) = (RootCertStore::empty(), Vec::new());
        for certificate in CertificateDer::pem_file_iter(file).map_err(|error| wrong(&error))? {
            let certificate = certificate.map_err(|error| wrong(&error))?;
            roots.add(certificate.clone()).map_err(|error| wrong(&error))?;
            given.push(certificate);
        }
        if given.is_empty() {
            return Err(wrong(&"there is no certificate in it"));
        }
        Ok(Self { roots: Arc::new(roots), given })
    }

    /// What believes them alone.
    pub(super) fn verifier(
        &self,
        provider: Arc<CryptoProvider>,
    ) -> Result<Arc<dyn ServerCertVerifier>, Error> {
        let roots = Arc::clone(&self.roots);
        let vouched = WebPkiServerVerifier::builder_with_provider(roots, provider).build();
        let vouched = vouched.map_err(|error| Error::General(error.to_string()))?;
        Ok(Arc::new(Verifier { vouched, given: self.given.clone() }))
    }
}

/// Believes what an authority vouches for, and what is one of the given certificates itself: a
/// self-signed one is most often made as one of an authority, which no server may have otherwise.
#[derive(Debug)]
struct Verifier {
    vouched: Arc<WebPkiServerVerifier>,
    given: Vec<CertificateDer<'static>>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        own: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        status: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let vouched = self.vouched.verify_server_cert(own, others, name, status, now);
        if vouched.is_err() && self.given.iter().any(|given| given.as_ref() == own.as_ref()) {
            return is_good(own, name, now).map(|()| ServerCertVerified::assertion());
        }
        vouched
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.vouched.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.vouched.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.vouched.supported_verify_schemes()
    }
}

/// Whether a certificate that is known is good now, for servers, and for that one.
fn is_good(
    certificate: &CertificateDer<'_>,
    name: &ServerName<'_>,
    now: UnixTime,
) -> Result<(), Error> {
    let (_, parsed) =
        X509Certificate::from_der(certificate).map_err(|_| CertificateError::BadEncoding)?;
    let at = |time: i64| {
        UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(time).unwrap_or_default()))
    };
    let not_before = at(parsed.validity().not_before.timestamp());
    let not_after = at(parsed.validity().not_after.timestamp());
    if now.as_secs() < not_before.as_secs() {
        return Err(CertificateError::NotValidYetContext { time: now, not_before }.into());
    }
    if now.as_secs() > not_after.as_secs() {
        return Err(CertificateError::ExpiredContext { time: now, not_after }.into());
    }
    let usage = parsed.extended_key_usage().map_err(|_| CertificateError::BadEncoding)?;
    if usage.is_some_and(|usage| !usage.value.server_auth && !usage.value.any) {
        return Err(CertificateError::InvalidPurpose.into());
    }
    let named = verify_server_name(&ParsedCertificate::try_from(certificate)?, name);
    if named.is_err() && is_common_name(&parsed, name) {
        return Ok(());
    }
    named
}

/// Whether a certificate has its name where it once stood, and none where it stands now. Whoever
/// makes one by hand often does so; no authority does any more.
fn is_common_name(certificate: &X509Certificate<'_>, name: &ServerName<'_>) -> bool {
    let mut names = certificate.subject().iter_common_name();
    let (Some(common), None) = (names.next(), names.next()) else { return false };
    matches!(certificate.subject_alternative_name(), Ok(None))
        && common.as_str().is_ok_and(|common| common.eq_ignore_ascii_case(&name.to_str()))
}

#[cfg(test)]
mod tests {
    use rcgen::{
        BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
        SanType,
    };
    use tokio_rustls::rustls::crypto::aws_lc_rs;

    use super::super::certificate::words;
    use super::*;

    /// As `openssl req -x509` makes it: an authority's, signed by itself.
    fn made(change: impl FnOnce(&mut CertificateParams)) -> rcgen::Certificate {
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        change(&mut params);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap()
    }

    fn verified(given: &rcgen::Certificate, own: &rcgen::Certificate, name: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("given.pem");
        std::fs::write(&file, given.pem()).unwrap();
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier = Authorities::read(&file).unwrap().verifier(provider).unwrap();
        let name = ServerName::try_from(name.to_owned()).unwrap();
        match verifier.verify_server_cert(own.der(), &[], &name, &[], UnixTime::now()) {
            Ok(_) => "good".to_owned(),
            Err(Error::InvalidCertificate(error)) => words(&error),
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn a_self_signed_certificate_is_believed_for_its_name_in_its_time() {
        let own = made(|_| {});
        assert_eq!(verified(&own, &own, "localhost"), "good");
        assert_eq!(
            verified(&own, &own, "other.example"),
            "it is for localhost, not for other.example"
        );
        let other = made(|_| {});
        assert_ne!(verified(&other, &own, "localhost"), "good");
        let old = made(|params| params.not_after = rcgen::date_time_ymd(2020, 1, 2));
        assert_eq!(
            verified(&old, &old, "localhost"),
            "it expired on Thu, 02 Jan 2020 00:00:00 GMT"
        );
        let new = made(|params| params.not_before = rcgen::date_time_ymd(3000, 1, 2));
        assert!(verified(&new, &new, "localhost").starts_with("it is good from"));
        let client = made(|params| {
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        });
        assert_eq!(verified(&client, &client, "localhost"), "it is not one for servers");
        let nameless = made(|params| params.subject_alt_names.clear());
        assert!(verified(&nameless, &nameless, "localhost").contains("subjectAltName"));
        let common = |names: &[&str]| {
            made(|params| {
                params.subject_alt_names = names
                    .iter()
                    .map(|name| SanType::DnsName((*name).try_into().unwrap()))
                    .collect();
                params.distinguished_name.push(DnType::CommonName, "localhost");
            })
        };
        let (old, new) = (common(&[]), common(&["other.example"]));
        assert_eq!(verified(&old, &old, "Localhost"), "good");
        assert_ne!(verified(&old, &old, "other.example"), "good");
        assert_ne!(verified(&new, &new, "localhost"), "good");
    }

    #[test]
    fn one_that_is_no_authority_is_believed_itself() {
        let (issuer_key, key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = rcgen::Issuer::new(params, issuer_key);
        let own = CertificateParams::new(["localhost".to_owned()]).unwrap();
        let own = own.signed_by(&key, &issuer).unwrap();
        assert_eq!(verified(&own, &own, "localhost"), "good");
        let other = made(|_| {});
        assert!(verified(&other, &own, "localhost").contains("issuer it names"));
    }
}
