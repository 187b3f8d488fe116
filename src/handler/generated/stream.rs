//! A stream in a coding: each piece is compressed when it comes, and sent on.

use std::io::{self, Write};
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::{self, JoinHandle};

use super::codings::NEAR;
use crate::content::compress::Encoder;
use crate::message::Chunks;

/// Pieces in a coding. It asks for the next one when it is asked for it, and holds none back.
pub(super) struct Coded {
    source: Chunks,
    state: State,
    _permit: OwnedSemaphorePermit,
}

type Memory = Encoder<Vec<u8>>;

enum State {
    Waiting(Box<Memory>),
    /// On another thread.
    Compressing(JoinHandle<io::Result<(Box<Memory>, Bytes)>>),
    Ended,
}

impl Coded {
    pub(super) fn new(source: Chunks, encoder: Memory, permit: OwnedSemaphorePermit) -> Self {
        Self { source, state: State::Waiting(Box::new(encoder)), _permit: permit }
    }
}

/// What a piece becomes; all of it can be decoded without what comes later.
fn compress(mut encoder: Box<Memory>, piece: &[u8]) -> io::Result<(Box<Memory>, Bytes)> {
    encoder.write_all(piece)?;
    encoder.flush()?;
    let coded = mem::take(encoder.get_mut());
    Ok((encoder, coded.into()))
}

impl Stream for Coded {
    type Item = io::Result<Bytes>;

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Bytes>>> {
        loop {
            let compressed = match mem::replace(&mut self.state, State::Ended) {
                State::Waiting(encoder) => match self.source.poll_next(context) {
                    Poll::Pending => {
                        self.state = State::Waiting(encoder);
                        return Poll::Pending;
                    }
                    Poll::Ready(Some(Ok(piece))) if piece.len() > NEAR => {
                        let job = task::spawn_blocking(move || compress(encoder, &piece));
                        self.state = State::Compressing(job);
                        continue;
                    }
                    Poll::Ready(Some(Ok(piece))) => compress(encoder, &piece),
                    Poll::Ready(Some(Err(error))) => Err(error),
                    Poll::Ready(None) => {
                        return Poll::Ready(Some(encoder.finish().map(Bytes::from)));
                    }
                },
                State::Compressing(mut job) => match Pin::new(&mut job).poll(context) {
                    Poll::Pending => {
                        self.state = State::Compressing(job);
                        return Poll::Pending;
                    }
                    Poll::Ready(done) => done.unwrap_or_else(|error| Err(io::Error::other(error))),
                },
                State::Ended => return Poll::Ready(None),
            };
            match compressed {
                Ok((encoder, coded)) => {
                    self.state = State::Waiting(encoder);
                    if !coded.is_empty() {
                        return Poll::Ready(Some(Ok(coded)));
                    }
                }
                Err(error) => return Poll::Ready(Some(Err(error))),
            }
        }
    }
}
