//! A regular file that is open, and reading from it.

use std::fs::File;
use std::io::Read;

use bytes::Bytes;
use rustix::fs::fstat;
use rustix::io::Errno;

use crate::content::charset::SAMPLE_LENGTH;
use crate::content::media_type;

use super::resolve::Patience;
use super::version::{Node, Version};

/// A regular file, open.
pub(super) struct Opened {
    pub(super) file: File,
    pub(super) version: Version,
    /// Its path relative to the root.
    pub(super) path: Vec<u8>,
}

impl Opened {
    pub(super) fn name(&self) -> &[u8] {
        self.path
            .rsplit(|&byte| byte == b'/')
            .next()
            .unwrap_or(&self.path)
    }

    /// The first bytes, as many as telling the type takes: of most files none.
    pub(super) fn sample(&self, patience: Patience) -> Result<Vec<u8>, Errno> {
        if !media_type::is_text(media_type::by_extension(self.name())) {
            return Ok(Vec::new());
        }
        let size = usize::try_from(self.version.size).unwrap_or(usize::MAX);
        let mut sample = vec![0; size.min(SAMPLE_LENGTH)];
        let mut filled = 0;
        while filled < sample.len() {
            let space = &mut sample[filled..];
            match read_at(&self.file, space, filled as u64, patience) {
                // It became shorter.
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(Errno::INTR) => {}
                Err(error) => return Err(error),
            }
        }
        sample.truncate(filled);
        Ok(sample)
    }

    /// All bytes; `None` when they may be of more than one version.
    pub(super) fn read_whole(&self) -> Result<Option<Bytes>, Errno> {
        let size = self.version.size;
        let mut bytes = Vec::with_capacity(usize::try_from(size).map_err(|_| Errno::NOMEM)?);
        (&self.file)
            .take(size)
            .read_to_end(&mut bytes)
            .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
        let after = Node::from(&fstat(&self.file)?).version;
        let whole = bytes.len() as u64 == size && after == self.version;
        Ok(whole.then(|| bytes.into()))
    }
}

#[cfg(target_os = "linux")]
fn read_at(file: &File, space: &mut [u8], offset: u64, patience: Patience) -> Result<usize, Errno> {
    use rustix::io::{ReadWriteFlags, pread, preadv2};

    if patience == Patience::Any {
        return pread(file, space, offset);
    }
    let mut spaces = [std::io::IoSliceMut::new(space)];
    match preadv2(file, &mut spaces, offset, ReadWriteFlags::NOWAIT) {
        // The file system cannot tell without waiting.
        Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => Err(Errno::AGAIN),
        other => other,
    }
}

#[cfg(not(target_os = "linux"))]
fn read_at(file: &File, space: &mut [u8], offset: u64, patience: Patience) -> Result<usize, Errno> {
    if patience == Patience::None {
        return Err(Errno::AGAIN);
    }
    rustix::io::pread(file, space, offset)
}
