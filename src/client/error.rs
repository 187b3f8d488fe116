//! Why there is no answer.

use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;
use std::{fmt, io};

use http_body_util::LengthLimitError;
use tokio_rustls::rustls;

use super::Url;

/// Why there is no answer: what happened, with whom, and what to do about it.
#[derive(Debug)]
pub enum ClientError {
    /// That is no URL.
    Address {
        /// What was typed.
        given: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A file of authorities that cannot be used.
    Authorities {
        /// Which one.
        file: PathBuf,
        /// Why not.
        reason: String,
    },
    /// The TLS library could not be set up.
    Setup(rustls::Error),
    /// No connection.
    Connect {
        /// To whom.
        to: String,
        /// What the system said.
        source: io::Error,
    },
    /// The certificate is not believed.
    Certificate {
        /// Whose.
        of: String,
        /// Why not.
        source: rustls::CertificateError,
    },
    /// No agreement on TLS.
    Tls {
        /// With whom.
        with: String,
        /// What went wrong.
        source: rustls::Error,
    },
    /// What came is no HTTP.
    NotHttp {
        /// From whom.
        from: String,
    },
    /// The connection ended, or the protocol was broken, before the answer was complete.
    Broken {
        /// By whom.
        by: String,
        /// What happened, in the words of the library.
        reason: String,
    },
    /// It took too long.
    Timeout {
        /// Who was asked.
        to: String,
        /// How long was waited.
        after: Duration,
    },
    /// The answer is too large to be one.
    TooLarge {
        /// Whose.
        of: String,
        /// As many bytes as it may have.
        limit: usize,
    },
    /// Sent on too often, to nowhere, or from TLS to plain text.
    Redirect {
        /// Who was asked.
        by: String,
        /// What is wrong.
        reason: &'static str,
    },
}

impl ClientError {
    /// What an error of the library, with all that is inside it, means.
    pub(super) fn of(url: &Url, limit: usize, error: &(dyn Error + 'static)) -> Self {
        let who = name(url);
        if find::<LengthLimitError>(error).is_some() {
            return Self::TooLarge { of: who, limit };
        }
        match find::<rustls::Error>(error) {
            Some(rustls::Error::InvalidCertificate(source)) => {
                return Self::Certificate { of: who, source: source.clone() };
            }
            Some(source) => return Self::Tls { with: who, source: source.clone() },
            None => {}
        }
        let connecting = find::<hyper_util::client::legacy::Error>(error)
            .is_some_and(hyper_util::client::legacy::Error::is_connect);
        if let Some(source) = find_last::<io::Error>(error)
            && connecting
        {
            return Self::Connect { to: who, source: copy(source) };
        }
        if find::<hyper::Error>(error).is_some_and(hyper::Error::is_parse) {
            return Self::NotHttp { from: who };
        }
        let innermost = chain(error).last().map_or_else(|| error.to_string(), ToString::to_string);
        Self::Broken { by: who, reason: innermost }
    }
}

/// A URL as it is named in errors.
pub(super) fn name(url: &Url) -> String {
    format!("{}{}", url.origin().ascii_serialization(), url.path())
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address { given, reason } => write!(
                f,
                "'{given}' is no address: {reason}; it looks like http://127.0.0.1:8000 or \
                 127.0.0.1:8000"
            ),
            Self::Authorities { file, reason } => write!(
                f,
                "{}: no certificates to trust: {reason}; it takes a PEM file",
                file.display()
            ),
            Self::Setup(error) => write!(f, "TLS cannot be used: {error}"),
            Self::Connect { to, source } if source.kind() == io::ErrorKind::ConnectionRefused => {
                write!(f, "{to}: nothing listens there; start the server, or name its port")
            }
            Self::Connect { to, source } => {
                write!(f, "{to}: cannot be reached: {source}; check the name and the network")
            }
            Self::Certificate { of, source } => {
                write!(f, "{of}: its certificate is not trusted ({source}); --insecure takes any")
            }
            Self::Tls { with, source } => {
                write!(f, "{with}: no agreement on TLS: {source}; is it http:// rather than https?")
            }
            Self::NotHttp { from } => {
                write!(f, "{from}: what answers is no HTTP; is it https:// rather than http?")
            }
            Self::Broken { by, reason } => {
                write!(f, "{by}: the answer is not complete: {reason}; try again")
            }
            Self::Timeout { to, after } => {
                write!(f, "{to}: no answer within {} s; try again", after.as_secs())
            }
            Self::TooLarge { of, limit } => {
                write!(f, "{of}: the answer has more than {limit} bytes; is this the right server?")
            }
            Self::Redirect { by, reason } => {
                write!(f, "{by}: {reason}; name the address it stands for")
            }
        }
    }
}

impl Error for ClientError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Setup(source) | Self::Tls { source, .. } => Some(source),
            Self::Connect { source, .. } => Some(source),
            _ => None,
        }
    }
}

/// An error and those inside it. `io::Error` does not name the one it wraps as its source.
fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error: &&'a (dyn Error + 'static)| inside(*error))
}

fn inside<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(wrapped) => Some(wrapped),
        None => error.source(),
    }
}

fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    chain(error).find_map(|error| error.downcast_ref())
}

fn find_last<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    chain(error).filter_map(|error| error.downcast_ref()).last()
}

fn copy(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => io::Error::new(error.kind(), error.to_string()),
    }
}
