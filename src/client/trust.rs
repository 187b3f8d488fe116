//! Whose certificates are believed.

use std::path::Path;
use std::sync::Arc;

use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::crypto::{
    CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature,
};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};

use super::{Authorities, ClientError};

/// Whose certificates are believed.
#[derive(Clone, Debug)]
pub enum Trust {
    /// Those that the system's authorities vouch for; `SSL_CERT_FILE` and `SSL_CERT_DIR` name others.
    System,
    /// Those that these authorities vouch for, or that are these.
    Authorities(Arc<Authorities>),
    /// Everybody's: nobody can listen, but who answers is not known.
    Anybody,
}

impl Trust {
    /// Only those whom the certificates in a PEM file vouch for.
    pub fn authorities(file: &Path) -> Result<Self, ClientError> {
        Authorities::read(file).map(Arc::new).map(Self::Authorities)
    }

    /// What is spoken; which HTTP, the connection agrees on.
    pub(super) fn config(&self) -> Result<ClientConfig, Error> {
        self.config_with(|_| {})
    }

    /// The same, of less than there is.
    pub(crate) fn config_with(
        &self,
        choose: impl FnOnce(&mut CryptoProvider),
    ) -> Result<ClientConfig, Error> {
        let mut provider = aws_lc_rs::default_provider();
        choose(&mut provider);
        let provider = Arc::new(provider);
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()?;
        Ok(match self {
            Self::System => builder.with_root_certificates(system()),
            Self::Authorities(given) => {
                let verifier = given.verifier(provider)?;
                builder.dangerous().with_custom_certificate_verifier(verifier)
            }
            Self::Anybody => {
                builder.dangerous().with_custom_certificate_verifier(Arc::new(NoVerifier(provider)))
            }
        }
        .with_no_client_auth())
    }
}

/// What the system has. Without any, every certificate is refused, and that is then said.
fn system() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}

/// Believes every certificate, but wants its key to be there.
#[derive(Debug)]
struct NoVerifier(Arc<CryptoProvider>);

impl ServerCertVerifier for NoVerifier {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
