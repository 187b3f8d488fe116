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
        self.path.rsplit(|&byte| byte == b'/').next().unwrap_or(&self.path)
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

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::time::SystemTime;

    use super::*;
    use crate::store::Symlinks;
    use crate::store::resolve::Root;

    fn open(folder: &Path, name: &str) -> Opened {
        let root = Root::open(folder, Symlinks::Never).unwrap();
        let (file, node) = root.open_file(name.as_bytes(), Patience::Any).unwrap();
        Opened { file: file.into(), version: node.version, path: name.into() }
    }

    #[test]
    fn bytes_of_two_versions_are_not_put_together() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let writer = || fs::File::options().write(true).open(&path).unwrap();
        let changes: [&dyn Fn(); 4] = [
            &|| writer().set_len(3).unwrap(),
            &|| writer().set_len(9).unwrap(),
            &|| writer().set_modified(SystemTime::UNIX_EPOCH).unwrap(),
            &|| fs::remove_file(&path).unwrap(),
        ];
        for change in changes {
            fs::write(&path, "12345").unwrap();
            let whole = open(folder.path(), "a").read_whole().unwrap();
            assert_eq!(whole.unwrap(), "12345");
            let opened = open(folder.path(), "a");
            change();
            assert_eq!(opened.read_whole().unwrap(), None);
        }
    }

    #[test]
    fn a_sample_is_taken_of_text_only_and_of_its_start_only() {
        let folder = tempfile::tempdir().unwrap();
        for (name, length, expected) in [
            ("a.txt", 10, 10),
            ("b.txt", SAMPLE_LENGTH + 1, SAMPLE_LENGTH),
            ("c.png", 10, 0),
            ("d.txt", 0, 0),
        ] {
            fs::write(folder.path().join(name), vec![b'x'; length]).unwrap();
            let opened = open(folder.path(), name);
            assert_eq!(opened.sample(Patience::Any).unwrap().len(), expected);
        }
        let opened = open(folder.path(), "a.txt");
        fs::write(folder.path().join("a.txt"), "123").unwrap();
        assert_eq!(opened.sample(Patience::Any).unwrap(), b"123");
    }
}
