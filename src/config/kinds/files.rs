//! Paths and file names.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{About, Kind, Mismatch, Raw};
use crate::config::values::AccessLog;

/// A path; a relative one starts from where it was given. One in a file is made absolute.
pub(in crate::config) fn path() -> FilePath {
    FilePath
}

/// See [`path`].
pub(in crate::config) struct FilePath;

impl Kind for FilePath {
    type Value = PathBuf;

    fn read(&self, raw: Raw<'_>) -> Result<PathBuf, Mismatch> {
        raw.os_string()
            .filter(|path| !path.is_empty() && !path.as_encoded_bytes().contains(&0))
            .map(|path| raw.path(path))
            .ok_or_else(|| raw.wrong())
    }

    fn show(&self, value: &PathBuf) -> Value {
        value.to_string_lossy().into()
    }

    fn about(&self) -> About {
        About::new("a path", json!({"type": "string", "minLength": 1}), "PATH")
    }
}

/// The name of a file, without a folder.
pub(in crate::config) fn file_name() -> FileName {
    FileName
}

/// See [`file_name`].
pub(in crate::config) struct FileName;

impl Kind for FileName {
    type Value = String;

    fn read(&self, raw: Raw<'_>) -> Result<String, Mismatch> {
        raw.string()
            .filter(|name| Path::new(name).file_name() == Some(OsStr::new(name)))
            .filter(|name| !name.contains('\0'))
            .map(str::to_owned)
            .ok_or_else(|| raw.wrong())
    }

    fn show(&self, value: &String) -> Value {
        value.as_str().into()
    }

    fn about(&self) -> About {
        let schema = json!({"type": "string", "minLength": 1, "pattern": "^[^/]+$"});
        About::new("a file name without a folder", schema, "NAME")
    }
}

/// Where the access log goes.
pub(in crate::config) fn access_log() -> AccessLogPlace {
    AccessLogPlace
}

/// See [`access_log`].
pub(in crate::config) struct AccessLogPlace;

impl Kind for AccessLogPlace {
    type Value = AccessLog;

    fn read(&self, raw: Raw<'_>) -> Result<AccessLog, Mismatch> {
        match raw.string() {
            Some("-") => Ok(AccessLog::Stdout),
            Some("off") => Ok(AccessLog::Off),
            _ => path().read(raw).map(AccessLog::File),
        }
    }

    fn show(&self, value: &AccessLog) -> Value {
        match value {
            AccessLog::Stdout => "-".into(),
            AccessLog::Off => "off".into(),
            AccessLog::File(file) => path().show(file),
        }
    }

    fn about(&self) -> About {
        let takes = "\"-\" for standard output, \"off\", or a path";
        About { takes: takes.to_owned(), ..path().about() }
    }
}
