//! A folder and what is below it, depth first, one entry at a time.

use std::io::{self, Read};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use tokio::runtime::Handle;

use crate::content::path::SitePath;
use crate::handler::pipe::Attention;
use crate::handler::unchanging::Unchanging;
use crate::store::{Entry, EntryKind, Found, Store, StoreError};

/// Where a walk is. Symbolic links are not followed; what is not served is not seen.
pub(super) struct Walk {
    store: Arc<dyn Store>,
    runtime: Handle,
    /// The site path of the folder that is packed, and the name it has in the archive.
    top: SitePath<'static>,
    name: Vec<u8>,
    /// The folders the walk is in: path below the top, what is left of it.
    open: Vec<(Vec<u8>, std::vec::IntoIter<Entry>)>,
    begun: bool,
    attention: Attention,
}

/// What goes into an archive.
pub(super) enum Item {
    /// A folder.
    Folder { name: Vec<u8>, modified: Option<SystemTime> },
    /// A file, to be read to its end.
    File { name: Vec<u8>, modified: Option<SystemTime>, content: Attended },
}

impl Walk {
    /// Begins with the folder at `top`, which is called `name` in the archive. To be made on a
    /// thread of the runtime.
    pub(super) fn new(
        store: Arc<dyn Store>,
        top: SitePath<'static>,
        name: Vec<u8>,
        attention: Attention,
    ) -> Self {
        let runtime = Handle::current();
        Self { store, runtime, top, name, open: Vec::new(), begun: false, attention }
    }

    /// The next one; `None` at the end. An error when nobody wants it any more.
    pub(super) fn next(&mut self) -> io::Result<Option<Item>> {
        self.attention.check()?;
        if !self.begun {
            self.begun = true;
            return self.enter(Vec::new(), None);
        }
        while let Some((folder, entries)) = self.open.last_mut() {
            let Some(entry) = entries.next() else {
                self.open.pop();
                continue;
            };
            if entry.is_link {
                continue;
            }
            let below = [folder.as_slice(), &entry.name].concat();
            let item = match entry.kind {
                EntryKind::Folder => {
                    self.enter([below.as_slice(), b"/"].concat(), entry.modified)?
                }
                EntryKind::File => self.file(&below, &entry)?,
            };
            if item.is_some() {
                return Ok(item);
            }
        }
        Ok(None)
    }

    /// A folder that is still there. The one at the top must be.
    fn enter(&mut self, below: Vec<u8>, modified: Option<SystemTime>) -> io::Result<Option<Item>> {
        let path = SitePath::of_entry(self.top.as_bytes(), &below);
        let entries = match self.runtime.block_on(self.store.list(&path)) {
            Err(StoreError::NotFound | StoreError::Denied) if !below.is_empty() => return Ok(None),
            other => other.map_err(io::Error::other)?,
        };
        let name = self.name_of(&below);
        self.open.push((below, entries.into_iter()));
        Ok(Some(Item::Folder { name, modified }))
    }

    /// A file that is still there.
    fn file(&self, below: &[u8], entry: &Entry) -> io::Result<Option<Item>> {
        let path = SitePath::of_entry(self.top.as_bytes(), below);
        let found = self.store.find(&path, Instant::now()).wait();
        match self.runtime.block_on(found) {
            Ok(Found::File(object)) => {
                let modified = object.meta.modified.or(entry.modified);
                let content = Attended {
                    content: Unchanging::new(object.content, object.meta.length, modified),
                    attention: self.attention.clone(),
                };
                Ok(Some(Item::File { name: self.name_of(below), modified, content }))
            }
            // Removed meanwhile, or not for everybody.
            Ok(Found::Folder(_)) | Err(StoreError::NotFound | StoreError::Denied) => Ok(None),
            Err(error) => Err(io::Error::other(error)),
        }
    }

    fn name_of(&self, below: &[u8]) -> Vec<u8> {
        [self.name.as_slice(), b"/", below].concat()
    }
}

/// The content of a file, for as long as somebody wants it: of what compresses well much is read
/// before anything is sent.
pub(super) struct Attended {
    content: Unchanging,
    attention: Attention,
}

impl Attended {
    /// Bytes in all.
    pub(super) fn length(&self) -> u64 {
        self.content.length()
    }
}

impl Read for Attended {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.attention.check()?;
        self.content.read(buffer)
    }
}
