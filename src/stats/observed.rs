//! What others found out and the page tells.

use super::snapshot::{Cache, Certificate};

/// What the site and its surroundings look like; found out once a second or so.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Observed {
    /// The file cache, if there is one. Hits and misses are counted elsewhere.
    pub cache: Option<Cache>,
    /// The certificates in use; `None` without TLS.
    pub certificates: Option<Vec<Certificate>>,
    /// Why certificates that were to take their place could not be used.
    pub certificate_fault: Option<String>,
    /// Files and bytes that were uploaded; `None` where nothing can be.
    pub uploaded: Option<Uploaded>,
    /// Lines of the access log that were lost; `None` without one.
    pub dropped_log_lines: Option<u64>,
    /// As many connections as may be open.
    pub max_connections: u64,
}

/// What was uploaded since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Uploaded {
    /// Files.
    pub files: u64,
    /// Bytes in them.
    pub bytes: u64,
}

/// What the disks look like; finding that out may take as long as a disk likes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Disks {
    /// Why the document root cannot be read, if it cannot.
    pub root_fault: Option<String>,
    /// The file system of the document root.
    pub root: Option<Space>,
    /// Why nothing can be uploaded, if it is to be and cannot.
    pub uploads_fault: Option<String>,
    /// Where uploads land; `None` where nothing can be uploaded.
    pub uploads: Option<Space>,
}

/// Room on a file system, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Space {
    /// What is left for this process.
    pub free: u64,
    /// What there is in all.
    pub total: u64,
}
