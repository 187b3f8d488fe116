//! Who compresses what the server makes, where, and how many at once.

use std::io;
use std::sync::Arc;
use std::thread;

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use tokio::sync::Semaphore;
use tokio::task;

use super::not_acceptable;
use super::stream::Coded;
use crate::content::coding::{Accepted, Coding};
use crate::content::compress::{self, Encoder};
use crate::content::vary::vary;
use crate::message::{Body, Chunks, Fields, Request, Response};

/// Bytes that are compressed on the thread of the connection: it takes as long as two answers from
/// memory, and going to another thread and back half of that (`benches/COMPRESSION.md`).
pub(super) const NEAR: usize = 8 * 1024;

/// Those who compress a page or wait for it, per processor. Who comes then gets it as it is.
const SEATS: usize = 16;

/// Pages compressed while they are sent, at the same time: each has an encoder of some MiB, also
/// while its client is slow.
pub(in crate::handler) const STREAMS: usize = 32;

/// Whether and how what the server makes is compressed. Off by default.
#[derive(Clone, Debug, Default)]
pub struct Codings(Option<Arc<Limits>>);

#[derive(Debug)]
struct Limits {
    seats: Semaphore,
    turns: Arc<Semaphore>,
    streams: Arc<Semaphore>,
}

impl Codings {
    /// Compresses what is worth it, if `are_on`.
    pub fn new(are_on: bool) -> Self {
        Self(are_on.then(|| {
            let processors = thread::available_parallelism().map_or(1, usize::from);
            Arc::new(Limits {
                seats: Semaphore::new(processors * SEATS),
                turns: Arc::new(Semaphore::new(processors)),
                streams: Arc::new(Semaphore::new(STREAMS)),
            })
        }))
    }

    pub(super) fn are_on(&self) -> bool {
        self.0.is_some()
    }

    /// What a client takes of what there may be.
    pub(super) fn accepted(&self, fields: Fields<'_>) -> Accepted {
        if self.are_on() { Accepted::of(fields) } else { Accepted::IDENTITY }
    }

    /// The coding for a page that is made for this request alone; whether it pays its length tells.
    pub(in crate::handler) fn wanted(&self, request: &Request<'_>) -> Option<Coding> {
        self.accepted(request.fields).fastest()
    }

    /// Compresses a page on a thread that has time for it. `None` when too many wait for that, or when it
    /// fails; who needs it waits with all the others.
    pub(super) async fn compress(
        &self,
        coding: Coding,
        bytes: Bytes,
        is_needed: bool,
    ) -> Option<Vec<u8>> {
        let limits = self.0.as_ref()?;
        let _seat = match limits.seats.try_acquire() {
            Ok(seat) => Some(seat),
            Err(_) if is_needed => None,
            Err(_) => return None,
        };
        let turn = Arc::clone(&limits.turns).acquire_owned().await.ok()?;
        let compressed = task::spawn_blocking(move || {
            // Taken until it is done, also when nobody waits for it any more.
            let _turn = turn;
            compress::compress_fast(coding, &bytes)
        });
        match compressed.await {
            Ok(Ok(compressed)) => Some(compressed),
            Ok(Err(error)) => {
                tracing::warn!(%error, coding = coding.name(), "a page cannot be compressed");
                None
            }
            Err(_) => {
                tracing::error!(coding = coding.name(), "compressing a page failed");
                None
            }
        }
    }

    /// A text that is sent while it comes into being, with the fields that say what it is.
    pub(in crate::handler) fn stream(
        &self,
        request: &Request<'_>,
        media_type: &'static str,
        by_accept: bool,
        chunks: Chunks,
    ) -> Response {
        let accepted = self.accepted(request.fields);
        let coding = accepted.fastest();
        if coding.is_none() && !accepted.identity() {
            return not_acceptable();
        }
        let mut response = Response::new(StatusCode::OK)
            .with(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
        response.fields.own.extend(vary(by_accept, self.are_on()));
        let encoder = coding.and_then(|coding| Some((coding, self.encoder(coding)?)));
        let chunks = match encoder {
            Some((coding, (encoder, permit))) => {
                response.fields.push(header::CONTENT_ENCODING, coding.value());
                Chunks::new(Coded::new(chunks, encoder, permit))
            }
            None if accepted.identity() => chunks,
            None => return super::busy(),
        };
        response.body = Body::Stream { length: None, chunks };
        response
    }

    /// An encoder, and leave to have it.
    fn encoder(
        &self,
        coding: Coding,
    ) -> Option<(Encoder<Vec<u8>>, tokio::sync::OwnedSemaphorePermit)> {
        let permit = Arc::clone(&self.0.as_ref()?.streams).try_acquire_owned().ok()?;
        let encoder: io::Result<_> = Encoder::fast(coding, Vec::new());
        Some((encoder.ok()?, permit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_full_house_sends_away_all_but_those_who_need_it() {
        let codings = Codings::new(true);
        let seats = &codings.0.as_ref().unwrap().seats;
        let all = u32::try_from(seats.available_permits()).unwrap();
        let taken = seats.acquire_many(all).await.unwrap();
        let text = Bytes::from_static(b"text");
        assert!(codings.compress(Coding::Gzip, text.clone(), false).await.is_none());
        assert!(codings.compress(Coding::Gzip, text.clone(), true).await.is_some());
        drop(taken);
        assert!(codings.compress(Coding::Gzip, text, false).await.is_some());
        assert_eq!(u32::try_from(seats.available_permits()).unwrap(), all);
    }
}
