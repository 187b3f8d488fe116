//! Bytes gathered to blocks. While one block is hashed and written on a thread that may wait for
//! the disk, the next is gathered: memory is bounded by two blocks per file.
//!
//! Blocks of a large file go to the disk directly, where the file system lets them: the page cache
//! would take a copy, hold on to memory that somebody else needs, and have it all to write at the
//! end, when the client waits for its answer.

use std::fs::File;
use std::io::{self, Write};
use std::mem;

use bytes::Bytes;
use sha2::{Digest, Sha256};
use tokio::task::JoinHandle;

use super::UploadError;
use super::block::{ALIGNMENT, Block};
use super::folder::Writing;

/// Bytes in a block, at least and at most.
const SMALLEST: usize = 32 * 1024;
const LARGEST: usize = 1024 * 1024;

/// Bytes in the first block of a file: most files are small.
const FIRST: usize = 64 * 1024;

/// Bytes in the blocks being gathered, of all files together, as long as they can be that few.
const ALL_BLOCKS: usize = 2 * 1024 * 1024;

/// Bytes of memory that so many files take while they are written: each gathers one block while another is
/// on its way.
pub fn memory(files: u64) -> u64 {
    2 * (files * (FIRST + ALIGNMENT) as u64 + ALL_BLOCKS as u64)
}

/// Blocks of at least so many bytes go to the disk directly: fewer are better collected.
const DIRECT: usize = 256 * 1024;

/// Bytes after which what the page cache has is sent on to the disk, so that the last sync is
/// short.
const SYNC_EVERY: u64 = 64 * 1024 * 1024;

/// Something that holds the file that is written.
pub(super) trait Target: Send + 'static {
    /// The file; written at its own position.
    fn file(&self) -> &File;
}

/// Writes to a target, and hashes what it writes.
pub(super) struct Writer<T: Target> {
    at: Option<Sink<T>>,
    flight: Option<JoinHandle<Landed<T>>>,
    block: Block,
    /// One that is not in use.
    spare: Block,
    writing: Option<Writing>,
}

/// What a thread gives back that has written a block.
struct Landed<T> {
    sink: Sink<T>,
    block: Block,
    result: io::Result<()>,
}

/// A target and how far it is written.
pub(super) struct Sink<T> {
    pub(super) target: T,
    /// None when the first bytes were not hashed.
    pub(super) hash: Option<Sha256>,
    /// Bytes written.
    pub(super) written: u64,
    /// Where in the file the next byte comes.
    position: u64,
    /// Bytes that the page cache has.
    unsynced: u64,
    /// Whether writing directly is worth a try.
    can_be_direct: bool,
    is_direct: bool,
}

impl<T: Target> Writer<T> {
    /// Writes to a target that is at `position`.
    pub(super) fn new(target: T, hash: Option<Sha256>, position: u64, writing: Writing) -> Self {
        let sink = Sink {
            target,
            hash,
            written: 0,
            position,
            unsynced: 0,
            can_be_direct: true,
            is_direct: false,
        };
        let (block, spare) = Default::default();
        Self { at: Some(sink), flight: None, block, spare, writing: Some(writing) }
    }

    /// Takes a piece. An error may be that of an earlier piece; after one nothing more is taken.
    pub(super) async fn write(&mut self, piece: Bytes) -> Result<(), UploadError> {
        let mut rest = &piece[..];
        loop {
            let taken = self.block.fill(rest);
            rest = &rest[taken..];
            if rest.is_empty() {
                return Ok(());
            }
            self.next_block().await?;
        }
    }

    /// Sends the block on its way and begins another.
    async fn next_block(&mut self) -> Result<(), UploadError> {
        if self.block.capacity() == 0 {
            self.block = Block::new(self.share().min(FIRST));
            return Ok(());
        }
        let mut sink = self.land().await?;
        let capacity = self.block.capacity().saturating_mul(4).min(self.share());
        let next = mem::take(&mut self.spare).renew(capacity);
        let block = mem::replace(&mut self.block, next);
        self.flight = Some(tokio::task::spawn_blocking(move || {
            let result = sink.write(block.bytes());
            Landed { sink, block, result }
        }));
        Ok(())
    }

    /// Bytes that a block of this file may have, now that so many are written.
    fn share(&self) -> usize {
        let count = self.writing.as_ref().map_or(1, Writing::count);
        let share = (ALL_BLOCKS / count).clamp(SMALLEST, LARGEST);
        share - share % ALIGNMENT
    }

    /// Waits for the block under way.
    async fn land(&mut self) -> Result<Sink<T>, UploadError> {
        if let Some(flight) = &mut self.flight {
            let landed = flight.await;
            self.flight = None;
            let Landed { sink, block, result } = landed.map_err(io::Error::other)?;
            result?;
            self.spare = block;
            return Ok(sink);
        }
        self.at.take().ok_or_else(|| UploadError::Unavailable(io::ErrorKind::BrokenPipe.into()))
    }

    /// Says that nothing more comes: what was gathered goes on its way, and its memory is given
    /// back.
    pub(super) async fn settle(&mut self) -> Result<(), UploadError> {
        let mut sink = self.land().await?;
        let block = mem::take(&mut self.block);
        self.spare = Block::default();
        self.writing = None;
        self.flight = Some(tokio::task::spawn_blocking(move || {
            let result = sink.write(block.bytes());
            Landed { sink, block: Block::default(), result }
        }));
        Ok(())
    }

    /// Ends writing. What is returned still has to write its last block, on a thread that may
    /// wait for the disk.
    pub(super) async fn finish(mut self) -> Result<Finishing<T>, UploadError> {
        let sink = self.land().await?;
        Ok(Finishing { sink, block: mem::take(&mut self.block) })
    }
}

impl<T: Target> Drop for Writer<T> {
    /// To let go of a large file that was not published takes time: the disk's, not ours.
    fn drop(&mut self) {
        let (at, flight) = (self.at.take(), self.flight.take());
        if at.is_none() && flight.is_none() {
            return;
        }
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                let landed = match flight {
                    Some(flight) => flight.await.ok(),
                    None => None,
                };
                tokio::task::spawn_blocking(move || drop((at, landed)));
            });
        }
    }
}

/// A file of which all is known, but not all written.
pub(super) struct Finishing<T> {
    sink: Sink<T>,
    block: Block,
}

impl<T: Target> Finishing<T> {
    /// Writes what is left, and all of it to the disk.
    pub(super) fn finish(self) -> io::Result<Sink<T>> {
        let Self { mut sink, block } = self;
        sink.write(block.bytes())?;
        sink.set_direct(false);
        sink.target.file().sync_data()?;
        Ok(sink)
    }

    /// Leaves the rest unwritten.
    pub(super) fn give_up(mut self) -> T {
        self.sink.set_direct(false);
        self.sink.target
    }
}

impl<T: Target> Sink<T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Some(hash) = &mut self.hash {
            hash.update(bytes);
        }
        let (direct, rest) = bytes.split_at(self.direct_part(bytes.len()));
        let written = if direct.is_empty() { 0 } else { self.write_direct(direct)? };
        let rest = if written < direct.len() { &bytes[written..] } else { rest };
        if !rest.is_empty() {
            self.set_direct(false);
            self.target.file().write_all(rest)?;
            self.position += rest.len() as u64;
            self.unsynced += rest.len() as u64;
        }
        self.written += bytes.len() as u64;
        if self.unsynced >= SYNC_EVERY {
            self.target.file().sync_data()?;
            self.unsynced = 0;
        }
        Ok(())
    }

    /// How many of so many bytes can go to the disk directly.
    fn direct_part(&self, length: usize) -> usize {
        let fits = length >= DIRECT && self.position.is_multiple_of(ALIGNMENT as u64);
        if fits && self.can_be_direct { length - length % ALIGNMENT } else { 0 }
    }

    /// Writes to the disk directly. Returns how many bytes it took: all, unless the file system
    /// wants it otherwise.
    fn write_direct(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.set_direct(true) {
            self.can_be_direct = false;
            return Ok(0);
        }
        let mut written = 0;
        while written < bytes.len() {
            match self.target.file().write(&bytes[written..]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => {
                    written += count;
                    self.position += count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
                    self.can_be_direct = false;
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(written)
    }

    /// Chooses whether writes go by the page cache. False when the file system has no choice.
    fn set_direct(&mut self, wanted: bool) -> bool {
        if self.is_direct != wanted && set_direct(self.target.file(), wanted) {
            self.is_direct = wanted;
        }
        self.is_direct == wanted
    }
}

#[cfg(target_os = "linux")]
fn set_direct(file: &File, wanted: bool) -> bool {
    use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

    let Ok(mut flags) = fcntl_getfl(file) else { return false };
    flags.set(OFlags::DIRECT, wanted);
    fcntl_setfl(file, flags).is_ok()
}

#[cfg(not(target_os = "linux"))]
fn set_direct(_: &File, wanted: bool) -> bool {
    !wanted
}
