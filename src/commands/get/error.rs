//! What went wrong with one URL, and what that is as an exit status.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use http::StatusCode;

use crate::client::ClientError;
use crate::commands::harmless::harmless;
use crate::content::shown::Size;

/// How it ended, worst last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Ending {
    Fine,
    SentOn,
    ClientError,
    ServerError,
    Failed,
    Usage,
    /// By a signal of that number.
    Stopped(u8),
}

impl Ending {
    pub(super) fn of(status: StatusCode) -> Self {
        match status.as_u16() {
            300..=399 => Self::SentOn,
            400..=499 => Self::ClientError,
            500.. => Self::ServerError,
            _ => Self::Fine,
        }
    }

    pub(super) fn code(self) -> ExitCode {
        match self {
            Self::Fine => ExitCode::SUCCESS,
            Self::Failed => ExitCode::from(1),
            Self::Usage => ExitCode::from(2),
            Self::SentOn => ExitCode::from(3),
            Self::ClientError => ExitCode::from(4),
            Self::ServerError => ExitCode::from(5),
            Self::Stopped(signal) => ExitCode::from(128_u8.saturating_add(signal)),
        }
    }
}

/// Why a URL was not got.
#[derive(Debug)]
pub(super) enum GetError {
    /// No answer, or not all of it.
    Client(ClientError),
    /// The command line asks for what cannot be.
    Usage(String),
    /// An answer that is not worth saving.
    Answered { url: String, status: StatusCode, said: String },
    /// The whole came where a part was asked for.
    NoPart { url: String },
    /// Something has that name.
    There { path: PathBuf },
    /// Something has that name, and is no download that broke off.
    Complete { path: PathBuf },
    /// That is no folder.
    NoFolder { path: PathBuf },
    /// Somebody is writing it.
    Busy { path: PathBuf },
    /// A file could not be made, written or named.
    File { path: PathBuf, source: io::Error },
    /// What came is not in the coding that it is said to be in, or not for a terminal.
    Content { url: String, reason: String },
    /// Standard output takes no more.
    Output(io::Error),
    /// A signal of that number came.
    Stopped(u8),
    /// That, and what has come so far is kept.
    Kept { error: Box<Self>, path: PathBuf, length: u64 },
    /// The system gave no means to ask.
    Setup(io::Error),
}

impl GetError {
    pub(super) fn ending(&self) -> Ending {
        match self {
            Self::Usage(_) | Self::Client(ClientError::Address { .. }) => Ending::Usage,
            // Also what is no error may be of no use here.
            Self::Answered { status, .. } => match Ending::of(*status) {
                Ending::Fine => Ending::Failed,
                other => other,
            },
            Self::Stopped(signal) => Ending::Stopped(*signal),
            Self::Kept { error, .. } => error.ending(),
            // Whoever reads has seen enough.
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => Ending::Fine,
            _ => Ending::Failed,
        }
    }

    /// Whether there is something to say of it.
    pub(super) fn is_silent(&self) -> bool {
        match self {
            Self::Output(error) => error.kind() == io::ErrorKind::BrokenPipe,
            Self::Stopped(_) => true,
            _ => false,
        }
    }
}

impl From<ClientError> for GetError {
    fn from(error: ClientError) -> Self {
        Self::Client(error)
    }
}

impl fmt::Display for GetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |path: &PathBuf| harmless(&path.to_string_lossy()).into_owned();
        match self {
            Self::Client(error @ ClientError::SentOnTooOften { .. }) => {
                write!(f, "{error}; --max-redirects COUNT lets it be sent on more often")
            }
            Self::Client(error) => error.fmt(f),
            Self::Usage(text) => f.write_str(text),
            Self::Answered { url, said, .. } => write!(f, "{url}: {said}; nothing is saved"),
            Self::NoPart { url } => write!(
                f,
                "{url}: the server sends the whole, not the part; leave --range out to have it"
            ),
            Self::There { path } => write!(
                f,
                "'{}' is there already; --force replaces it, -o FILE gives another name",
                shown(path)
            ),
            Self::Complete { path } => write!(
                f,
                "'{}' is there already, and with it nothing that broke off: it is taken to be \
                 complete; --force fetches it anew",
                shown(path)
            ),
            Self::NoFolder { path } => {
                write!(f, "there is no folder '{}' to save into; make it first", shown(path))
            }
            Self::Busy { path } => write!(
                f,
                "'{}' is being written by another download; wait for it, or give another name with \
                 -o FILE",
                shown(path)
            ),
            Self::File { path, source } if source.kind() == io::ErrorKind::StorageFull => {
                write!(f, "'{}' cannot be written: the disk is full; make room", shown(path))
            }
            Self::File { path, source } => {
                write!(f, "'{}' cannot be written: {source}", shown(path))
            }
            Self::Content { url, reason } => write!(f, "{url}: {reason}"),
            Self::Output(error) => write!(f, "cannot write to standard output: {error}"),
            Self::Stopped(_) => f.write_str("stopped"),
            Self::Kept { error, path, length } => write!(
                f,
                "{error}. {} are kept in '{}': the same command with -C goes on there",
                Size(*length),
                shown(path)
            ),
            Self::Setup(error) => write!(f, "nothing can be asked: {error}"),
        }
    }
}

impl std::error::Error for GetError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Client(error) => Some(error),
            Self::File { source, .. } => Some(source),
            Self::Output(error) | Self::Setup(error) => Some(error),
            Self::Kept { error, .. } => Some(&**error),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_counts() {
        let of = |status| Ending::of(StatusCode::from_u16(status).unwrap());
        let mut all = [Ending::Failed, of(503), of(200), Ending::Stopped(2), of(404), of(302)];
        all.sort();
        let sorted = [
            Ending::Fine,
            Ending::SentOn,
            Ending::ClientError,
            Ending::ServerError,
            Ending::Failed,
            Ending::Stopped(2),
        ];
        assert_eq!(all, sorted);
    }
}
