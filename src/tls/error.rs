//! What can be wrong with certificates and keys, as whoever set them up reads it.

use std::fmt::{self, Display};
use std::io;
use std::path::{Path, PathBuf};

use tokio_rustls::rustls;

/// Why TLS cannot be spoken.
#[derive(Debug)]
pub enum TlsError {
    /// Something is wrong with a file.
    File {
        /// Its path.
        path: PathBuf,
        /// What is wrong, and what to do.
        fault: Fault,
    },
    /// A self-signed certificate could not be made.
    SelfSigned(String),
    /// The TLS library refused.
    Setup(rustls::Error),
}

/// What is wrong with a file.
#[derive(Debug)]
pub enum Fault {
    /// It cannot be read.
    Unreadable(io::Error),
    /// It cannot be written.
    Unwritable(io::Error),
    /// It is not PEM.
    NotPem(String),
    /// No certificate is in it.
    NoCertificate,
    /// No private key is in it.
    NoKey,
    /// Its key is encrypted, and there is no password.
    Encrypted,
    /// Its key is encrypted in the way of old versions of openssl.
    EncryptedTheOldWay,
    /// The password is not the one that its key was encrypted with.
    WrongPassword,
    /// Its key is of a kind that is not known, or broken.
    BadKey(String),
    /// Its certificate is not one that can be used.
    BadCertificate(String),
    /// Its key is not the one of the certificate.
    OtherKey(PathBuf),
}

impl TlsError {
    pub(super) fn new(path: &Path, fault: Fault) -> Self {
        Self::File { path: path.to_owned(), fault }
    }

    /// An authority for client certificates cannot be used.
    pub(super) fn authority(path: &Path, error: &impl Display) -> Self {
        Self::new(path, Fault::BadCertificate(error.to_string()))
    }
}

impl Display for TlsError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (path, fault) = match self {
            Self::File { path, fault } => (path.display(), fault),
            Self::SelfSigned(error) => {
                return write!(
                    formatter,
                    "cannot make a self-signed certificate: {error}; name one with ssl_cert and \
                     ssl_key"
                );
            }
            Self::Setup(error) => return write!(formatter, "cannot set TLS up: {error}"),
        };
        match fault {
            Fault::Unreadable(error) => write!(formatter, "cannot read {path}: {error}"),
            Fault::Unwritable(error) => write!(formatter, "cannot write {path}: {error}"),
            Fault::NotPem(error) => write!(
                formatter,
                "{path} is not a PEM file: {error}; openssl can convert it (-outform PEM)"
            ),
            Fault::NoCertificate => {
                write!(formatter, "{path} holds no certificate (BEGIN CERTIFICATE): is it the key?")
            }
            Fault::NoKey => write!(
                formatter,
                "{path} holds no private key (BEGIN PRIVATE KEY): is it the certificate?"
            ),
            Fault::Encrypted => write!(
                formatter,
                "the key in {path} is encrypted: give its password in SALVER_SSL_PASSWORD or \
                 ssl_password"
            ),
            Fault::EncryptedTheOldWay => write!(
                formatter,
                "the key in {path} is encrypted in a way of old that is not safe: convert it with \
                 openssl pkcs8 -topk8"
            ),
            Fault::WrongPassword => {
                write!(formatter, "ssl_password is not the password of the key in {path}")
            }
            Fault::BadKey(error) => write!(formatter, "the key in {path} cannot be used: {error}"),
            Fault::BadCertificate(error) => {
                write!(formatter, "the certificate in {path} cannot be used: {error}")
            }
            Fault::OtherKey(key) => write!(
                formatter,
                "the key in {} does not belong to the certificate in {path}: ssl_cert and ssl_key \
                 must be a pair, the server's own certificate first in its file",
                key.display()
            ),
        }
    }
}

impl std::error::Error for TlsError {}
