//! Precompressed siblings of a file on the disk: `app.js.br` beside `app.js`.

use std::sync::Arc;
use std::time::SystemTime;

use rustix::io::Errno;

use super::Inner;
use crate::content::coding::Coding;
use crate::content::etag::EntityTag;
use crate::store::object::{Content, Object, Representation};
use crate::store::opened::Opened;
use crate::store::resolve::Patience;
use crate::store::version::{Kind, Node, Version};

impl Inner {
    /// The precompressed siblings of a file, by coding. Who may put files there may not have them
    /// served in the place of others'.
    pub(super) fn siblings(&self, opened: &Opened) -> [Option<Version>; Coding::COUNT] {
        if !self.codings || self.is_sandboxed(opened) {
            return [None; Coding::COUNT];
        }
        Coding::ALL.map(|coding| {
            let path = &opened.path;
            self.look_sibling(path, opened.version, coding, Patience::Any).ok().flatten()
        })
    }

    /// The sibling in a coding of the file at `path`, if there is one that is not older.
    pub(super) fn look_sibling(
        &self,
        path: &[u8],
        of: Version,
        coding: Coding,
        patience: Patience,
    ) -> Result<Option<Version>, Errno> {
        match self.root().probe(&sibling_path(path, coding), patience) {
            Ok(Node { kind: Kind::File, version })
                if version.stands_for(&of, SystemTime::now()) =>
            {
                Ok(Some(version))
            }
            Err(Errno::AGAIN) if patience == Patience::None => Err(Errno::AGAIN),
            // What cannot be looked at is not there.
            Ok(_) | Err(_) => Ok(None),
        }
    }

    pub(super) fn open_sibling(
        &self,
        path: &[u8],
        of: Version,
        coding: Coding,
        patience: Patience,
    ) -> Result<Option<Opened>, Errno> {
        if self.look_sibling(path, of, coding, patience)?.is_none() {
            return Ok(None);
        }
        let path = sibling_path(path, coding);
        match self.root().open_file(&path, patience) {
            Ok((file, Node { kind: Kind::File, version }))
                if version.stands_for(&of, SystemTime::now()) =>
            {
                Ok(Some(Opened { file: file.into(), version, path }))
            }
            Err(Errno::AGAIN) if patience == Patience::None => Err(Errno::AGAIN),
            Err(error @ (Errno::MFILE | Errno::NFILE)) => Err(error),
            // What cannot be read is not there.
            Ok(_) | Err(_) => Ok(None),
        }
    }
}

/// The file that `plain` describes, with the content of its open sibling: in memory, `None` when
/// it is longer than `limit` or changed meanwhile; without a limit left where it is.
pub(super) fn in_coding(
    plain: &Representation,
    sibling: Opened,
    coding: Coding,
    limit: Option<u64>,
) -> Result<Option<Object>, Errno> {
    let version = sibling.version;
    let (content, etag) = match limit {
        Some(limit) if version.size > limit => return Ok(None),
        Some(_) => {
            let Some(bytes) = sibling.read_whole()? else { return Ok(None) };
            let etag = EntityTag::of_content(&bytes);
            (Content::Bytes(bytes), etag)
        }
        None => (Content::File(Arc::new(sibling.file)), version.etag()),
    };
    let meta = plain.in_coding(coding, version.size, &etag, version.modified());
    Ok(Some(Object::new(Arc::new(meta), content)))
}

pub(super) fn sibling_path(path: &[u8], coding: Coding) -> Vec<u8> {
    [path, coding.suffix().as_bytes()].concat()
}
