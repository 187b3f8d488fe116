//! Why there is no answer.

use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;
use std::{fmt, io};

use tokio_rustls::rustls;

use super::Url;
use super::certificate::words;
use super::content::ContentError;

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
    /// The TLS library could not be set up.
    Setup(rustls::Error),
    /// That is no file of authorities.
    Authorities {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// What was to be sent could not be read.
    Content {
        /// To whom.
        to: String,
        /// Which file, and why.
        reason: String,
    },
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
    /// What came before the content has no end.
    HeadTooLong {
        /// Whose.
        of: String,
    },
    /// The connection ended, or the protocol was broken, before the answer was complete.
    Broken {
        /// By whom.
        by: String,
        /// What happened, in the words of the library.
        reason: String,
    },
    /// The answer is of a kind that nobody asked for.
    Unasked {
        /// By whom.
        by: String,
        /// What it does.
        what: String,
    },
    /// It took too long.
    Timeout {
        /// Who was asked.
        to: String,
        /// How long was waited.
        after: Duration,
    },
    /// Nothing more of the answer came.
    Stalled {
        /// Whose.
        by: String,
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
    /// Sent on to nowhere, or from TLS to plain text.
    Redirect {
        /// Who was asked.
        by: String,
        /// What is wrong.
        reason: String,
    },
    /// Sent on too often.
    SentOnTooOften {
        /// Who was asked first.
        by: String,
        /// How often one may be sent on.
        limit: usize,
        /// Where the last one sends on to.
        next: String,
    },
    /// HTTP/2 was wanted.
    NoHttp2 {
        /// Who does not speak it.
        by: String,
    },
}

impl ClientError {
    /// The same, where HTTP/2 was spoken before anything came: over TLS it was agreed on, if it was;
    /// else nobody has said that the server understands it.
    pub(super) fn of_http2(url: &Url, error: &(dyn Error + 'static)) -> Self {
        let refused = rustls::Error::AlertReceived(rustls::AlertDescription::NoApplicationProtocol);
        let is_refused = find::<rustls::Error>(error).is_some_and(|error| *error == refused);
        let is_connected = !find::<hyper_util::client::legacy::Error>(error)
            .is_some_and(hyper_util::client::legacy::Error::is_connect);
        // A server that takes back a stream, or says goodbye, speaks it.
        let is_spoken = find::<h2::Error>(error).is_some_and(h2::Error::is_remote);
        let is_content = find::<ContentError>(error).is_some();
        let is_guess = url.scheme() == "http" && is_connected && !is_spoken && !is_content;
        if is_refused || is_guess {
            return Self::NoHttp2 { by: name(url) };
        }
        Self::of(url, error)
    }

    /// What an error of the library, with all that is inside it, means.
    pub(super) fn of(url: &Url, error: &(dyn Error + 'static)) -> Self {
        let who = name(url);
        if let Some(unread) = find::<ContentError>(error) {
            return Self::Content { to: who, reason: unread.to_string() };
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
        match find::<hyper::Error>(error) {
            // A client is told apart by the words only.
            Some(error) if error.is_parse() && error.to_string().contains("too large") => {
                return Self::HeadTooLong { of: who };
            }
            Some(error) if error.is_parse() => return Self::NotHttp { from: who },
            _ => {}
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
            Self::Setup(error) => write!(f, "TLS cannot be used: {error}"),
            Self::Authorities { path, reason } => write!(
                f,
                "{}: no certificates can be taken from it: {reason}; name a file in PEM",
                path.display()
            ),
            Self::Content { to, reason } => write!(f, "{to}: not all was sent: {reason}"),
            Self::Connect { to, source } if source.kind() == io::ErrorKind::ConnectionRefused => {
                write!(f, "{to}: nothing listens there; start the server, or name its port")
            }
            // Connecting alone does not end like that.
            Self::Connect { to, source } if source.kind() == io::ErrorKind::UnexpectedEof => {
                write!(
                    f,
                    "{to}: it ended the connection before TLS was agreed on; is it http:// rather \
                     than https?"
                )
            }
            Self::Connect { to, source } => {
                write!(f, "{to}: cannot be reached: {source}; check the name and the network")
            }
            Self::Certificate { of, source } => {
                write!(
                    f,
                    "{of}: its certificate is not trusted: {}; --insecure takes any",
                    words(source)
                )
            }
            Self::Tls { with, source } => {
                write!(f, "{with}: no agreement on TLS: {source}; is it http:// rather than https?")
            }
            Self::NotHttp { from } => {
                write!(f, "{from}: what answers is no HTTP; is it https:// rather than http?")
            }
            Self::HeadTooLong { of } => {
                write!(f, "{of}: the head of the answer is too long; is this the right server?")
            }
            Self::Broken { by, reason } => {
                write!(f, "{by}: the answer is not complete: {reason}; try again")
            }
            Self::Unasked { by, what } => write!(f, "{by}: {what}; is this the right server?"),
            Self::Timeout { to, after } => {
                write!(f, "{to}: no answer within {} s; try again", after.as_secs_f64())
            }
            Self::Stalled { by, after } => {
                write!(f, "{by}: nothing more came for {} s; try again", after.as_secs_f64())
            }
            Self::TooLarge { of, limit } => {
                write!(f, "{of}: the answer has more than {limit} bytes; is this the right server?")
            }
            Self::Redirect { by, reason } => {
                write!(f, "{by}: {reason}; name the address it stands for")
            }
            Self::SentOnTooOften { by, limit, next } => {
                write!(f, "{by}: it sends on and on: {limit} times, and now to {next}")
            }
            Self::NoHttp2 { by } => {
                write!(f, "{by}: the server does not speak HTTP/2; leave --http2 out")
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
