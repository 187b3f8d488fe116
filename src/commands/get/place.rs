//! Where an answer goes.

use std::fs;
use std::os::unix::ffi::OsStrExt;
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
    /// Into a file in this folder that the server names. The current one has no name here.
    Folder(PathBuf),
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
            return Ok(if options.remote_name {
                Self::Folder(PathBuf::new())
            } else {
                Self::AsItIs
            });
        };
        // To open that anew would begin a file that somebody else has begun.
        if path == Path::new("-") || path == Path::new("/dev/stdout") {
            return if options.resume {
                Err(GetError::Usage("-C goes on in a file, not on standard output".to_owned()))
            } else {
                Ok(Self::Output)
            };
        }
        let meta = fs::metadata(path);
        if meta.as_ref().is_ok_and(fs::Metadata::is_dir) {
            return Ok(Self::Folder(path.clone()));
        }
        if path.as_os_str().as_bytes().ends_with(b"/") {
            return Err(GetError::NoFolder { path: path.clone() });
        }
        if options.urls.len() > 1 {
            let text = "-o names one file, and there are several URLs; -O saves each under its own \
                        name, -o DIR/ in a folder";
            return Err(GetError::Usage(text.to_owned()));
        }
        match (meta, path.parent()) {
            (Ok(meta), _) if !meta.is_file() => Ok(Self::Device(path.clone())),
            _ if path.file_name().is_none() => {
                Err(GetError::Usage(format!("'{}' names no file", path.display())))
            }
            (_, Some(folder)) if !folder.join(".").is_dir() => {
                Err(GetError::NoFolder { path: folder.to_owned() })
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
