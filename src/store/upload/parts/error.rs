//! Why a resumable upload cannot go on.

use std::io;

use rustix::io::Errno;

use crate::store::upload::UploadError;

/// Why a resumable upload cannot go on.
#[derive(Debug)]
pub enum PartError {
    /// There is none of that name, or not any more.
    NotFound,
    /// Another request, newer than this one or of another process, is at it.
    Locked,
    /// The folder refused.
    Upload(UploadError),
}

impl From<UploadError> for PartError {
    fn from(error: UploadError) -> Self {
        Self::Upload(error)
    }
}

impl From<Errno> for PartError {
    fn from(error: Errno) -> Self {
        Self::Upload(error.into())
    }
}

impl From<io::Error> for PartError {
    fn from(error: io::Error) -> Self {
        Self::Upload(error.into())
    }
}

impl std::fmt::Display for PartError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotFound => formatter.write_str("there is no such upload, or not any more"),
            Self::Locked => formatter.write_str("another request is at this upload"),
            Self::Upload(error) => error.fmt(formatter),
        }
    }
}

impl std::error::Error for PartError {}

impl From<PartError> for UploadError {
    fn from(error: PartError) -> Self {
        match error {
            PartError::Upload(error) => error,
            PartError::NotFound | PartError::Locked => {
                Self::Unavailable(io::ErrorKind::ResourceBusy.into())
            }
        }
    }
}
