//! What a path names, and what is read of it.

use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use rustix::io::Errno;

use super::siblings::in_coding;
use super::{Inner, Wanted};
use crate::content::charset::SAMPLE_LENGTH;
use crate::content::coding::Accepted;
use crate::content::etag::EntityTag;
use crate::content::media_type;
use crate::store::cached::{Loaded, Seen, Siblings};
use crate::store::object::{Content, Facts, Object, Representation};
use crate::store::opened::Opened;
use crate::store::resolve::Patience;
use crate::store::version::{Kind, Node, Version};
use crate::store::{Folder, Found, StoreError};

/// How often a file that changes while it is read is read again.
const READ_ATTEMPTS: u32 = 3;

impl Inner {
    /// What the path names, by metadata alone.
    pub(super) fn look(&self, wanted: Wanted<'_>, patience: Patience) -> Result<Seen, Errno> {
        if wanted.is_folder {
            for (number, name) in self.index_files.iter().enumerate() {
                let node = self.root().probe(&join(wanted.relative, name), patience);
                match absent_is_none(node)? {
                    Some(node) if node.kind == Kind::File => {
                        return Ok(Seen::File { version: node.version, index: Some(number) });
                    }
                    _ => {}
                }
            }
        }
        let node = absent_is_none(self.root().probe(wanted.relative, patience))?;
        Ok(match node {
            Some(Node { kind, version }) => match kind {
                Kind::Folder => Seen::Folder(version),
                Kind::File if !wanted.is_folder => Seen::File { version, index: None },
                Kind::File | Kind::Other => Seen::Nothing,
            },
            None => Seen::Nothing,
        })
    }

    pub(super) fn find(&self, wanted: Wanted<'_>, patience: Patience) -> Result<Found, Errno> {
        match self.look(wanted, patience)? {
            Seen::Nothing => Err(Errno::NOENT),
            Seen::Folder(version) => Ok(folder(version)),
            Seen::File { index, .. } => {
                let opened = self.open(wanted, index, patience)?;
                // Whether there are siblings is not worth a look for each of them.
                Ok(Found::File(self.describe(opened, self.codings, patience)?))
            }
        }
    }

    /// The same, or a precompressed sibling that is accepted.
    pub(super) fn find_coded(
        &self,
        wanted: Wanted<'_>,
        accepted: Accepted,
        patience: Patience,
    ) -> Result<Found, Errno> {
        let Seen::File { index, .. } = self.look(wanted, patience)? else {
            return self.find(wanted, patience);
        };
        let opened = self.open(wanted, index, patience)?;
        let (path, version) = (opened.path.clone(), opened.version);
        let plain = self.describe(opened, self.codings, patience)?;
        if !self.codings || plain.meta.is_sandboxed {
            return Ok(Found::File(plain));
        }
        for coding in accepted.codings() {
            if let Some(sibling) = self.open_sibling(&path, version, coding, patience)?
                && let Some(coded) = in_coding(&plain.meta, sibling, coding, None)?
            {
                return Ok(Found::File(coded));
            }
        }
        Ok(Found::File(plain))
    }

    /// What the path names, the content in memory when it is at most `limit` bytes.
    pub(super) fn load(&self, wanted: Wanted<'_>, limit: u64) -> Result<Loaded, Errno> {
        for _ in 0..READ_ATTEMPTS {
            let begun = SystemTime::now();
            let index = match self.look(wanted, Patience::Any)? {
                Seen::Nothing => return Err(Errno::NOENT),
                Seen::Folder(version) => {
                    return Ok(Loaded {
                        found: folder(version),
                        seen: recognisable(Seen::Folder(version), [version], begun),
                        siblings: None,
                    });
                }
                Seen::File { index, .. } => index,
            };
            let opened = self.open(wanted, index, Patience::Any)?;
            let version = opened.version;
            let siblings = self.siblings(&opened);
            let has_siblings = siblings.iter().any(Option::is_some);
            let object = if version.size <= limit {
                match self.read(&opened, has_siblings)? {
                    Some(object) => object,
                    None => continue,
                }
            } else {
                self.describe(opened, has_siblings, Patience::Any)?
            };
            let of = Seen::File { version, index };
            let versions = siblings.into_iter().flatten().chain([version]);
            return Ok(Loaded {
                found: Found::File(object),
                seen: recognisable(of, versions, begun),
                siblings: has_siblings.then(|| Box::new(Siblings { of, versions: siblings })),
            });
        }
        // It never holds still: the reader gets it as it comes.
        Ok(Loaded { found: self.find(wanted, Patience::Any)?, seen: None, siblings: None })
    }

    /// The path of the file itself: of a folder that of its index file.
    pub(super) fn path_of(&self, wanted: Wanted<'_>, index: Option<usize>) -> Vec<u8> {
        match index.and_then(|number| self.index_files.get(number)) {
            Some(name) => join(wanted.relative, name),
            None => wanted.relative.to_vec(),
        }
    }

    fn open(
        &self,
        wanted: Wanted<'_>,
        index: Option<usize>,
        patience: Patience,
    ) -> Result<Opened, Errno> {
        let path = self.path_of(wanted, index);
        let (file, node) = self.root().open_file(&path, patience)?;
        if node.kind != Kind::File {
            return Err(Errno::NOENT);
        }
        Ok(Opened { file: file.into(), version: node.version, path })
    }

    /// Makes an object of an open file, its content left where it is.
    fn describe(
        &self,
        opened: Opened,
        has_siblings: bool,
        patience: Patience,
    ) -> Result<Object, Errno> {
        let meta = if let Some(known) = self.descriptions.recall(&opened, has_siblings) {
            known
        } else {
            let sample = opened.sample(patience)?;
            let etag = opened.version.etag();
            let meta = Arc::new(self.represent(&opened, etag, &sample, has_siblings));
            self.descriptions.remember(&opened, &meta);
            meta
        };
        Ok(Object::new(meta, Content::File(Arc::new(opened.file))))
    }

    /// Makes an object of an open file, its content read into memory; `None` when the file changed
    /// meanwhile.
    fn read(&self, opened: &Opened, has_siblings: bool) -> Result<Option<Object>, Errno> {
        let Some(bytes) = opened.read_whole()? else {
            return Ok(None);
        };
        let etag = EntityTag::of_content(&bytes);
        let sample = &bytes[..bytes.len().min(SAMPLE_LENGTH)];
        let meta = Arc::new(self.represent(opened, etag, sample, has_siblings));
        Ok(Some(Object::new(meta, Content::Bytes(bytes))))
    }

    /// Whether a file really lies in the folder that takes uploads.
    pub(super) fn is_sandboxed(&self, opened: &Opened) -> bool {
        let Some(folder) = &self.sandboxed else { return false };
        real_path(&opened.file).is_some_and(|path| path.starts_with(folder))
    }

    fn represent(
        &self,
        opened: &Opened,
        etag: EntityTag,
        sample: &[u8],
        has_siblings: bool,
    ) -> Representation {
        let content_type = media_type::content_type(opened.name(), sample);
        let is_compressible =
            self.codings && content_type.to_str().is_ok_and(media_type::is_compressible);
        Representation::new(Facts {
            name: opened.name(),
            length: opened.version.size,
            modified: opened.version.modified(),
            etag,
            content_type,
            is_compressible,
            has_siblings,
            cache_control: self.cache_control.as_ref(),
            is_sandboxed: self.is_sandboxed(opened),
        })
    }
}

/// Where an open file is; `None` where the system does not tell.
fn real_path(file: &impl AsRawFd) -> Option<PathBuf> {
    std::fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd())).ok()
}

pub(super) fn join(folder: &[u8], name: &str) -> Vec<u8> {
    let mut path = Vec::with_capacity(folder.len() + 1 + name.len());
    path.extend_from_slice(folder);
    if !folder.is_empty() {
        path.push(b'/');
    }
    path.extend_from_slice(name.as_bytes());
    path
}

fn folder(version: Version) -> Found {
    Found::Folder(Folder { modified: version.modified() })
}

/// What is seen of these versions, if seeing it again means that nothing changed since loading was
/// begun.
fn recognisable(
    seen: Seen,
    versions: impl IntoIterator<Item = Version>,
    begun: SystemTime,
) -> Option<Seen> {
    versions.into_iter().all(|version| version.is_settled(begun)).then_some(seen)
}

/// Takes 'not there' and 'not to be served' as an answer.
fn absent_is_none(node: Result<Node, Errno>) -> Result<Option<Node>, Errno> {
    match node {
        Ok(node) => Ok(Some(node)),
        Err(error) => match StoreError::from(error) {
            StoreError::NotFound => Ok(None),
            StoreError::Denied | StoreError::Unavailable(_) => Err(error),
        },
    }
}
