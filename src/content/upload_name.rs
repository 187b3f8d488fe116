//! The name of an uploaded file.

use std::fmt;

/// A name that a file may be stored under: one component, neither `.` nor `..`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadName(Box<[u8]>);

/// Why a file cannot have a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameError;

impl UploadName {
    /// Reads the last component of a name.
    pub fn parse(name: &[u8]) -> Result<Self, NameError> {
        let last = name.rsplit(|byte| matches!(byte, b'/' | b'\\')).next().unwrap_or_default();
        if last.is_empty() || last.starts_with(b".") || last.len() > 255 || last.contains(&0) {
            return Err(NameError);
        }
        Ok(Self(last.into()))
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for NameError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("no file can have that name")
    }
}

impl std::error::Error for NameError {}
