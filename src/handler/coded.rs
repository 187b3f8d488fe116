//! Files that are compressed while they are sent, since nobody keeps them compressed.
//!
//! A thread that may block reads and compresses; it waits when the client is slow, so memory is that
//! of a few pieces and the encoder's window. A file that changes while it is read ends the connection.

use std::io;
use std::sync::Arc;

use tokio::sync::Semaphore;

use super::pipe;
use super::unchanging::Unchanging;
use crate::content::coding::Coding;
use crate::content::compress::Encoder;
use crate::message::{Body, Chunks};
use crate::store::{Object, Representation};

/// Files compressed at the same time: each has a thread and some MiB, also while its client is slow.
pub(super) const AT_ONCE: usize = 32;

/// What compresses.
pub(super) struct Streams(Arc<Semaphore>);

impl Default for Streams {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

impl Streams {
    /// What is said about a file when it is compressed while it is sent.
    pub(super) fn describe(object: &Object, coding: Coding) -> Representation {
        let meta = &object.meta;
        meta.in_coding(coding, meta.length, &meta.etag, meta.written)
    }

    /// The content in a coding; for HEAD nothing is read. `None` when too many are at it.
    pub(super) fn stream(&self, object: &Object, coding: Coding, is_head: bool) -> Option<Body> {
        let permit = Arc::clone(&self.0).try_acquire_owned().ok()?;
        let (writer, chunks) = pipe::pipe();
        if !is_head {
            let mut content =
                Unchanging::new(object.content.clone(), object.meta.length, object.meta.written);
            tokio::task::spawn_blocking(move || {
                let _permit = permit;
                writer.run("a compressed file", |out| {
                    let mut encoder = Encoder::new(coding, out)?;
                    io::copy(&mut content, &mut encoder)?;
                    encoder.finish().map(drop)
                });
            });
        }
        Some(Body::Stream { length: None, chunks: Chunks::new(chunks) })
    }
}
