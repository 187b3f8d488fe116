//! Bytes gathered to blocks. While one block is written and hashed on a thread that may wait for
//! the disk, the next is gathered: memory is bounded by two blocks per file.

use std::fs::File;
use std::io::{self, IoSlice, Write};

use bytes::{Bytes, BytesMut};
use sha2::{Digest, Sha256};
use tokio::task::JoinHandle;

use super::UploadError;
use super::folder::Writing;

/// Bytes in a block, at least and at most.
const BLOCK: std::ops::RangeInclusive<usize> = 64 * 1024..=256 * 1024;

/// Bytes in the blocks being gathered, of all files together, as long as they can be that few.
const ALL_BLOCKS: usize = 2 * 1024 * 1024;

/// Pieces shorter than this are copied together: each piece costs a slot and a slice to write.
const SHORT: usize = 4 * 1024;

/// Bytes after which what was written is sent on to the disk, so that the last sync is short.
const SYNC_EVERY: u64 = 64 * 1024 * 1024;

/// Something that holds the file that is written.
pub(super) trait Target: Send + 'static {
    /// The file; written at its own position.
    fn file(&self) -> &File;
}

/// Writes to a target, and hashes what it writes.
pub(super) struct Writer<T: Target> {
    at: Option<Sink<T>>,
    flight: Option<JoinHandle<(Sink<T>, io::Result<()>)>>,
    block: Block,
    writing: Writing,
}

/// A target and how far it is written.
pub(super) struct Sink<T> {
    pub(super) target: T,
    /// None when the first bytes were not hashed.
    pub(super) hash: Option<Sha256>,
    pub(super) written: u64,
    synced: u64,
}

/// Pieces that are written together.
#[derive(Default)]
struct Block {
    pieces: Vec<Bytes>,
    short: BytesMut,
    length: usize,
}

impl<T: Target> Writer<T> {
    pub(super) fn new(target: T, hash: Option<Sha256>, writing: Writing) -> Self {
        let sink = Sink { target, hash, written: 0, synced: 0 };
        Self { at: Some(sink), flight: None, block: Block::default(), writing }
    }

    /// Takes a piece. An error may be that of an earlier piece; after one nothing more is taken.
    pub(super) async fn write(&mut self, piece: Bytes) -> Result<(), UploadError> {
        self.block.push(piece);
        let enough = (ALL_BLOCKS / self.writing.count()).clamp(*BLOCK.start(), *BLOCK.end());
        if self.block.length < enough {
            return Ok(());
        }
        let mut sink = self.land().await?;
        let block = std::mem::take(&mut self.block);
        self.flight = Some(tokio::task::spawn_blocking(move || {
            let result = sink.write(block);
            (sink, result)
        }));
        Ok(())
    }

    /// Waits for the block under way.
    async fn land(&mut self) -> Result<Sink<T>, UploadError> {
        if let Some(flight) = &mut self.flight {
            let landed = flight.await;
            self.flight = None;
            let (sink, result) = landed.map_err(io::Error::other)?;
            result?;
            return Ok(sink);
        }
        self.at.take().ok_or_else(|| UploadError::Unavailable(io::ErrorKind::BrokenPipe.into()))
    }

    /// Ends writing. What is returned still has to write its last block, on a thread that may
    /// wait for the disk.
    pub(super) async fn finish(mut self) -> Result<Finishing<T>, UploadError> {
        let sink = self.land().await?;
        Ok(Finishing { sink, block: std::mem::take(&mut self.block) })
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
                    Some(flight) => flight.await.ok().map(|(sink, _)| sink),
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
        sink.write(block)?;
        sink.target.file().sync_data()?;
        Ok(sink)
    }

    /// Leaves the rest unwritten.
    pub(super) fn give_up(self) -> T {
        self.sink.target
    }
}

impl<T: Target> Sink<T> {
    fn write(&mut self, block: Block) -> io::Result<()> {
        let pieces = block.into_pieces();
        if let Some(hash) = &mut self.hash {
            for piece in &pieces {
                hash.update(piece);
            }
        }
        write_all(self.target.file(), &pieces)?;
        self.written += pieces.iter().map(|piece| piece.len() as u64).sum::<u64>();
        if self.written - self.synced >= SYNC_EVERY {
            self.target.file().sync_data()?;
            self.synced = self.written;
        }
        Ok(())
    }
}

impl Block {
    fn push(&mut self, piece: Bytes) {
        self.length += piece.len();
        if piece.len() < SHORT {
            self.short.extend_from_slice(&piece);
        } else {
            self.end_short();
            self.pieces.push(piece);
        }
    }

    fn end_short(&mut self) {
        if !self.short.is_empty() {
            self.pieces.push(self.short.split().freeze());
        }
    }

    fn into_pieces(mut self) -> Vec<Bytes> {
        self.end_short();
        self.pieces
    }
}

fn write_all(mut file: &File, pieces: &[Bytes]) -> io::Result<()> {
    let mut slices: Vec<_> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
    let mut slices = &mut slices[..];
    while !slices.is_empty() {
        match file.write_vectored(slices) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => IoSlice::advance_slices(&mut slices, count),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
