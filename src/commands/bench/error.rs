//! Why there is no report.

use std::path::PathBuf;
use std::{error, fmt, io};

use crate::client::ClientError;
use crate::load::AskError;

#[derive(Debug)]
pub(super) enum BenchError {
    /// The server, or its address.
    Client(ClientError),
    /// A request that cannot be made.
    Ask(AskError),
    /// A method that is none.
    Method(String),
    /// A file that cannot be read, or that says nothing.
    File { file: PathBuf, reason: String },
    /// A line of the file of URLs.
    Line { file: PathBuf, line: usize, reason: String },
    /// A condition that cannot be tested.
    Condition { given: String, reason: String },
    /// What does not go with what.
    Options(String),
    /// A signal came before it began.
    Interrupted,
    /// What it takes to run cannot be had.
    System(io::Error),
    /// What is printed cannot be.
    Output(io::Error),
}

impl BenchError {
    pub(super) fn is_usage(&self) -> bool {
        match self {
            Self::Client(error) => {
                matches!(error, ClientError::Address { .. } | ClientError::Authorities { .. })
            }
            Self::Interrupted | Self::System(_) | Self::Output(_) => false,
            _ => true,
        }
    }
}

impl fmt::Display for BenchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client(error) => error.fmt(f),
            Self::Ask(error) => error.fmt(f),
            Self::Method(given) => write!(f, "'{given}' is no method; it looks like GET"),
            Self::File { file, reason } => write!(f, "{}: {reason}", file.display()),
            Self::Line { file, line, reason } => write!(f, "{}:{line}: {reason}", file.display()),
            Self::Condition { given, reason } => write!(f, "--fail-if '{given}': {reason}"),
            Self::Options(text) => f.write_str(text),
            Self::Interrupted => f.write_str("ended before it began"),
            Self::System(error) => write!(f, "cannot measure: {error}"),
            Self::Output(error) => write!(f, "cannot print: {error}"),
        }
    }
}

impl error::Error for BenchError {}
