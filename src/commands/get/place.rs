//! Where an answer goes.

use std::fs;
use std::path::{Path, PathBuf};

use http::HeaderMap;
use http::header::CONTENT_DISPOSITION;

use super::error::GetError;
use super::text::Kind;
use crate::cli::GetOptions;
use crate::content::disposition;

/// What the command line says of where it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// To standard output if it is text, else into a file that the server names.
    AsItIs,
    /// Into a file that the server names.
    Remote,
    /// Into this file.
    File(PathBuf),
    /// Into this, which is no file: a device or a pipe.
    Device(PathBuf),
    /// To standard output, bytes as they are.
    Output,
}

impl Place {
    pub(super) fn of(options: &GetOptions) -> Result<Self, GetError> {
        let Some(path) = &options.output else {
            return Ok(if options.remote_name { Self::Remote } else { Self::AsItIs });
        };
        if path == Path::new("-") {
            return if options.resume {
                Err(GetError::Usage("-C goes on in a file, not on standard output".to_owned()))
            } else {
                Ok(Self::Output)
            };
        }
        if options.urls.len() > 1 {
            let text = "-o names one file, and there are several URLs; -O saves each under its own \
                        name";
            return Err(GetError::Usage(text.to_owned()));
        }
        match fs::metadata(path) {
            Ok(meta) if meta.is_dir() => {
                let text = format!("'{}' is a folder; name a file in it", path.display());
                Err(GetError::Usage(text))
            }
            Ok(meta) if !meta.is_file() => Ok(Self::Device(path.clone())),
            _ if path.file_name().is_none() => {
                Err(GetError::Usage(format!("'{}' names no file", path.display())))
            }
            _ => Ok(Self::File(path.clone())),
        }
    }

    /// Whether an answer is shown rather than saved.
    pub(super) fn shows(&self, kind: Kind, fields: &HeaderMap) -> bool {
        let is_offered = fields
            .get(CONTENT_DISPOSITION)
            .is_some_and(|value| disposition::is_attachment(value.as_bytes()));
        *self == Self::AsItIs && kind != Kind::Binary && !is_offered
    }
}

/// Refuses a name that something has.
pub(super) fn free(path: &Path, force: bool) -> Result<(), GetError> {
    match fs::symlink_metadata(path) {
        Ok(meta) if meta.is_dir() => {
            let source = std::io::ErrorKind::IsADirectory.into();
            Err(GetError::File { path: path.to_owned(), source })
        }
        Ok(_) if !force => Err(GetError::There { path: path.to_owned() }),
        _ => Ok(()),
    }
}
