//! Reading a file that shall not change meanwhile.

use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;
use std::time::SystemTime;

use bytes::{Buf, Bytes};

use crate::store::Content;

/// The content of a file as it was when it was found; that it was changed since is an error.
pub(super) struct Unchanging {
    source: Source,
    length: u64,
    left: u64,
    modified: Option<SystemTime>,
}

enum Source {
    Bytes(Bytes),
    File(Arc<File>),
}

impl Unchanging {
    /// The content of a file that has `length` bytes and was last written at `modified`.
    pub(super) fn new(content: Content, length: u64, modified: Option<SystemTime>) -> Self {
        let source = match content {
            Content::Bytes(bytes) => Source::Bytes(bytes),
            Content::File(file) => Source::File(file),
        };
        Self { source, length, left: length, modified }
    }

    /// Bytes in all.
    pub(super) fn length(&self) -> u64 {
        self.length
    }
}

impl Read for Unchanging {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        if most == 0 {
            return Ok(0);
        }
        let count = match &mut self.source {
            Source::Bytes(bytes) => {
                bytes.copy_to_slice(&mut buffer[..most]);
                most
            }
            Source::File(file) => {
                let at = self.length - self.left;
                std::os::unix::fs::FileExt::read_at(&**file, &mut buffer[..most], at)?
            }
        };
        if count == 0 {
            return Err(changed());
        }
        self.left -= count as u64;
        if let (Source::File(file), 0) = (&self.source, self.left)
            && file.metadata()?.modified().ok() != self.modified
        {
            return Err(changed());
        }
        Ok(count)
    }
}

fn changed() -> io::Error {
    io::Error::other("a file changed while it was read")
}
