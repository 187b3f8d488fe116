//! What is wrong with a configuration: where, which key, what it takes.

use std::io;
use std::path::PathBuf;
use std::{error, fmt};

use super::key;
use super::kinds::{Mismatch, Reason};
use super::sources::Origin;

/// What is wrong with a configuration, where. Its text is one line that says what to do.
#[derive(Debug)]
pub struct ConfigError {
    /// Where the fault is.
    pub origin: Origin,
    /// What it is.
    pub fault: Fault,
}

/// What can be wrong.
#[derive(Debug)]
#[non_exhaustive]
pub enum Fault {
    /// Two keys exclude each other.
    Conflict {
        /// What does not go together, and what to change.
        advice: &'static str,
    },
    /// The file is no JSON object.
    NoObject,
    /// A value is right in form and cannot be taken all the same.
    Refused {
        /// The key.
        key: &'static str,
        /// What is wrong with the value.
        why: String,
        /// What it takes.
        takes: String,
    },
    /// The file is not JSON (RFC 8259; comments and trailing commas are allowed).
    Syntax {
        /// What the parser says.
        what: String,
    },
    /// The file is larger than a configuration ever is.
    TooLarge {
        /// The bytes that are read at most.
        most: u64,
    },
    /// A key is set twice in one place, perhaps by its older name.
    Twice {
        /// The key.
        key: &'static str,
        /// Where it was set first.
        first: Origin,
    },
    /// There is no such key.
    Unknown {
        /// The name as it was written.
        name: String,
        /// The known name that was most likely meant.
        nearest: Option<String>,
    },
    /// The file cannot be read.
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A value has the wrong type or is out of range.
    Wrong {
        /// The key.
        key: &'static str,
        /// What it takes.
        takes: String,
        /// The value, in a few words.
        given: String,
    },
}

impl ConfigError {
    /// A value that its key does not take.
    pub(super) fn value(origin: Origin, key: &key::Key, mismatch: Mismatch) -> Self {
        let takes = key.about().takes;
        let key = key.name;
        let fault = match mismatch.reason {
            Reason::Wrong(given) => Fault::Wrong { key, takes, given },
            Reason::Refused(why) => Fault::Refused { key, why, takes },
        };
        Self { origin, fault }
    }

    /// The key at fault, where it is one.
    pub fn key(&self) -> Option<&str> {
        match &self.fault {
            Fault::Refused { key, .. } | Fault::Twice { key, .. } | Fault::Wrong { key, .. } => {
                Some(key)
            }
            Fault::Unknown { name, .. } => Some(name),
            Fault::Conflict { .. }
            | Fault::NoObject
            | Fault::Syntax { .. }
            | Fault::TooLarge { .. }
            | Fault::Unreadable { .. } => None,
        }
    }
}

impl error::Error for ConfigError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match &self.fault {
            Fault::Unreadable { source, .. } => Some(source),
            _ => None,
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match &self.origin {
            // As compilers write it, so that editors jump there.
            Origin::File { path, line, column } => {
                format!("{}:{line}:{column}: {}", path.display(), self.fault)
            }
            origin => format!("{origin}: {}", self.fault),
        };
        // Names and values come from outside; none of them may begin a second line.
        for c in text.chars() {
            if c.is_control() {
                write!(f, "{}", c.escape_default())?;
            } else {
                write!(f, "{c}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Conflict { advice } => f.write_str(advice),
            Self::NoObject => {
                f.write_str("the file is not a JSON object; write { \"port\": 8000 } or the like")
            }
            Self::Refused { key, why, takes } => write!(f, "{key}: {why}; it takes {takes}"),
            Self::Syntax { what } => write!(
                f,
                "{what}; the file is JSON in which comments and trailing commas are allowed"
            ),
            Self::TooLarge { most } => {
                write!(f, "the file has more than {most} bytes; is it the right one?")
            }
            Self::Twice { key, first } => {
                write!(f, "{key} is already set by {first}; keep one of the two")
            }
            Self::Unknown { name, nearest: Some(nearest) } => {
                write!(f, "there is no key {name:?}; did you mean {nearest:?}?")
            }
            Self::Unknown { name, nearest: None } => {
                write!(f, "there is no key {name:?}; `salver check` shows them all")
            }
            Self::Unreadable { path, source } => {
                write!(f, "cannot read {}: {source}; name a file that can be read", path.display())
            }
            Self::Wrong { key, takes, given } => write!(f, "{key} takes {takes}, not {given}"),
        }
    }
}
