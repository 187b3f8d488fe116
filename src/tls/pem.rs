//! Files of certificates and keys. The only place that knows PEM.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use pkcs8::EncryptedPrivateKeyInfoRef;
use rustls_pemfile::Item;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use super::error::{Fault, TlsError};
use crate::opening;

/// Bytes of a file that are read at most: no chain is longer.
const MAX: u64 = 4 * 1024 * 1024;

/// The state of a file, to tell that it was replaced or written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    changed: (i64, i64),
}

impl Stamp {
    /// `None` when there is no file to be seen.
    pub(super) fn of(path: &Path) -> Option<Self> {
        let state = |file: Metadata| Self {
            device: file.dev(),
            inode: file.ino(),
            size: file.size(),
            changed: (file.ctime(), file.ctime_nsec()),
        };
        fs::metadata(path).ok().map(state)
    }
}

/// The certificates of a file, in their order; at least one.
pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let mut certificates = Vec::new();
    for item in items(&read(path)?) {
        if let Item::X509Certificate(certificate) = item.map_err(|error| not_pem(path, &error))? {
            certificates.push(certificate);
        }
    }
    if certificates.is_empty() {
        return Err(TlsError::new(path, Fault::NoCertificate));
    }
    Ok(certificates)
}

/// The first private key of a file: PKCS #8 (RFC 5958, also encrypted), PKCS #1 (RFC 8017) or
/// SEC 1 (RFC 5915).
pub(super) fn key(path: &Path, password: Option<&str>) -> Result<PrivateKeyDer<'static>, TlsError> {
    let text = read(path)?;
    if contains(&text, b"-----BEGIN ENCRYPTED PRIVATE KEY-----") {
        return decrypt(path, &text, password);
    }
    if contains(&text, b"Proc-Type: 4,ENCRYPTED") {
        return Err(TlsError::new(path, Fault::EncryptedTheOldWay));
    }
    for item in items(&text) {
        match item.map_err(|error| not_pem(path, &error))? {
            Item::Pkcs8Key(key) => return Ok(key.into()),
            Item::Pkcs1Key(key) => return Ok(key.into()),
            Item::Sec1Key(key) => return Ok(key.into()),
            _ => {}
        }
    }
    Err(TlsError::new(path, Fault::NoKey))
}

fn decrypt(
    path: &Path,
    text: &[u8],
    password: Option<&str>,
) -> Result<PrivateKeyDer<'static>, TlsError> {
    let password = password.ok_or_else(|| TlsError::new(path, Fault::Encrypted))?;
    let broken = |error: String| TlsError::new(path, Fault::BadKey(error));
    let text = String::from_utf8_lossy(text);
    let start = text.find("-----BEGIN ENCRYPTED PRIVATE KEY-----").unwrap_or(0);
    let (_, document) = pkcs8::SecretDocument::from_pem(&text[start..])
        .map_err(|error| broken(error.to_string()))?;
    let encrypted = EncryptedPrivateKeyInfoRef::try_from(document.as_bytes())
        .map_err(|error| broken(error.to_string()))?;
    let key = encrypted.decrypt(password).map_err(|_| TlsError::new(path, Fault::WrongPassword))?;
    Ok(PrivatePkcs8KeyDer::from(key.as_bytes().to_vec()).into())
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    let text = opening::read(path, MAX).and_then(|text| {
        if text.len() as u64 > MAX {
            return Err(io::Error::other("it is too long for a certificate or key"));
        }
        Ok(text)
    });
    text.map_err(|error| TlsError::new(path, Fault::Unreadable(error)))
}

fn items(mut text: &[u8]) -> impl Iterator<Item = io::Result<Item>> {
    std::iter::from_fn(move || rustls_pemfile::read_one(&mut text).transpose())
}

fn not_pem(path: &Path, error: &io::Error) -> TlsError {
    TlsError::new(path, Fault::NotPem(error.to_string()))
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    memchr::memmem::find(text, part).is_some()
}
