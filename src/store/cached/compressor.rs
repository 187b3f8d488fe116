//! Who compresses, and how many at once.
//!
//! As many at once as there are processors. A few times as many may wait for their turn; whoever comes
//! then gets the content as it is, which is quicker than waiting, and somebody who asks later has it
//! compressed: a crawl through all the files of a site can keep nobody waiting.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;

use bytes::Bytes;
use tokio::sync::{Semaphore, oneshot};

use crate::content::coding::Coding;
use crate::content::compress;

/// Those who compress or wait for it, per processor.
const SEATS: usize = 16;

/// Compresses on threads of its own: what a library takes for it would else be kept by each of the many
/// threads that wait for disks.
pub(super) struct Compressor {
    seats: Arc<Semaphore>,
    /// To the threads, which begin with the first job.
    jobs: OnceLock<Sender<Job>>,
    counts: Arc<Counts>,
}

type Job = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct Counts {
    times: AtomicU64,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
}

/// What was compressed since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CompressionReport {
    /// How often.
    pub times: u64,
    /// Bytes before.
    pub bytes_in: u64,
    /// Bytes after.
    pub bytes_out: u64,
}

/// What compressing gives.
pub(super) enum Compressed {
    Bytes(Bytes),
    /// Hardly less than there was.
    Useless,
    /// Too many are at it.
    Busy,
}

impl Compressor {
    pub(super) fn new() -> Self {
        Self {
            seats: Arc::new(Semaphore::new(processors() * SEATS)),
            jobs: OnceLock::new(),
            counts: Arc::default(),
        }
    }

    pub(super) async fn compress(&self, coding: Coding, bytes: Bytes) -> Compressed {
        let Ok(seat) = Arc::clone(&self.seats).try_acquire_owned() else {
            return Compressed::Busy;
        };
        let counts = Arc::clone(&self.counts);
        let (done, outcome) = oneshot::channel();
        let job = Box::new(move || {
            // Taken until it is done, also when nobody waits for it any more.
            let _seat = seat;
            if !done.is_closed() {
                let compressed = compress::compress(coding, &bytes).map(|compressed| {
                    counts.note(bytes.len(), compressed.len());
                    worth_it(&bytes, compressed)
                });
                // Whoever waited may have gone.
                let _ = done.send(compressed);
            }
        });
        if self.jobs.get_or_init(threads).send(job).is_err() {
            return Compressed::Busy;
        }
        match outcome.await {
            Ok(Ok(Some(bytes))) => Compressed::Bytes(bytes),
            Ok(Ok(None)) => Compressed::Useless,
            Ok(Err(error)) => {
                tracing::warn!(%error, coding = coding.name(), "a file cannot be compressed");
                Compressed::Useless
            }
            Err(_) => {
                tracing::error!(coding = coding.name(), "compressing a file failed");
                Compressed::Useless
            }
        }
    }

    /// What was done.
    pub(super) fn report(&self) -> CompressionReport {
        CompressionReport {
            times: self.counts.times.load(Ordering::Relaxed),
            bytes_in: self.counts.bytes_in.load(Ordering::Relaxed),
            bytes_out: self.counts.bytes_out.load(Ordering::Relaxed),
        }
    }
}

/// Threads that do jobs, as many as there are processors; they end with their `Sender`.
fn threads() -> Sender<Job> {
    let (sender, jobs) = mpsc::channel::<Job>();
    let jobs = Arc::new(Mutex::new(jobs));
    for number in 0..processors() {
        let jobs = Arc::clone(&jobs);
        let next = move || jobs.lock().unwrap_or_else(PoisonError::into_inner).recv().ok();
        let thread = thread::Builder::new().name(format!("compress-{number}"));
        let begun = thread.spawn(move || {
            while let Some(job) = next() {
                // A panic fails this job and no other.
                let _ = catch_unwind(AssertUnwindSafe(job));
            }
        });
        if let Err(error) = begun {
            tracing::warn!(%error, "no thread to compress with; fewer will do");
            break;
        }
    }
    sender
}

fn processors() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

impl Counts {
    fn note(&self, bytes_in: usize, bytes_out: usize) {
        self.times.fetch_add(1, Ordering::Relaxed);
        self.bytes_in.fetch_add(bytes_in as u64, Ordering::Relaxed);
        self.bytes_out.fetch_add(bytes_out as u64, Ordering::Relaxed);
    }
}

/// What was compressed, in no more memory than it takes, if it is less by a twentieth at least.
fn worth_it(plain: &[u8], mut compressed: Vec<u8>) -> Option<Bytes> {
    if compressed.len() > plain.len() - plain.len() / 20 {
        return None;
    }
    compressed.shrink_to_fit();
    Some(compressed.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_hardly_smaller_is_not_kept() {
        let compressor = Compressor::new();
        let mut state = 1u64;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            state.to_be_bytes()[0]
        })
        .take(10_000)
        .collect();
        let all = compressor.compress(Coding::Gzip, noise.clone().into()).await;
        assert!(matches!(all, Compressed::Useless));
        let half = [noise, vec![0; 10_000]].concat();
        let Compressed::Bytes(bytes) = compressor.compress(Coding::Gzip, half.into()).await else {
            panic!("half of it is nothing");
        };
        assert!(bytes.len() < 11_000);
        let report = compressor.report();
        assert_eq!((report.times, report.bytes_in), (2, 30_000));
    }

    #[tokio::test]
    async fn a_full_house_sends_people_away() {
        let compressor = Compressor::new();
        let all = u32::try_from(compressor.seats.available_permits()).unwrap();
        let taken = Arc::clone(&compressor.seats).acquire_many_owned(all).await.unwrap();
        let text = Bytes::from_static(b"text");
        assert!(matches!(compressor.compress(Coding::Br, text.clone()).await, Compressed::Busy));
        drop(taken);
        assert!(!matches!(compressor.compress(Coding::Br, text).await, Compressed::Busy));
    }
}
