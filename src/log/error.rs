//! Why a log could not be set up.

use std::path::PathBuf;
use std::{error, fmt, io};

/// Why a log could not be set up. The text is one line for a person: what happened, to what, and
/// what to do.
#[derive(Debug)]
pub enum LogError {
    /// The file cannot be created or written to.
    File {
        /// The configuration key that names it.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The log level is neither a level nor a filter.
    Filter {
        /// What was given.
        given: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The thread that writes the log could not be started.
    Thread(io::Error),
    /// Diagnostics were set up before, in this process.
    AlreadySetUp,
}

impl fmt::Display for LogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { key, path, source } => write!(
                f,
                "cannot write to {} ({key}): {source}; make it writable for this user or name \
                 another file",
                path.display()
            ),
            Self::Filter { given, reason } => write!(
                f,
                "log_level {given:?} is not understood: {reason}; use ERROR, WARNING, INFO, DEBUG, \
                 TRACE, or a filter like \"info,salver::server=debug\""
            ),
            Self::Thread(source) => write!(
                f,
                "cannot start the thread that writes the access log: {source}; raise the limit of \
                 threads or set access_log to off"
            ),
            Self::AlreadySetUp => f.write_str(
                "diagnostics are already set up in this process; call log::init only once",
            ),
        }
    }
}

impl error::Error for LogError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::File { source, .. } | Self::Thread(source) => Some(source),
            Self::Filter { .. } | Self::AlreadySetUp => None,
        }
    }
}
