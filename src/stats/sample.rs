//! Single requests that are worth remembering: some of all, the errors, the slow ones.
//!
//! A worker writes them down without waiting: when the one who collects them is at it, a request is
//! left out. What is written down between two collections is of fixed size; when it is more, every
//! second request is left out, then three of four, and so on, and those that stay count for more.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use super::counter::Countdown;
use super::text::Short;

/// Bytes of a path that are remembered.
pub(super) type Path = Short<111>;

/// Requests remembered between two collections.
const REQUESTS: usize = 256;

/// Errors, and slow requests.
const ODD: usize = 32;

/// Of a flood of errors, those that are left out between two that are written down.
const SKIPPED_ERRORS: u64 = 15;

/// What one worker has written down.
#[derive(Default)]
pub(super) struct Samples {
    /// Requests to leave out until the next one is written down.
    skip: Countdown,
    /// Errors to leave out until the next one is written down.
    skip_errors: Countdown,
    enough_errors: AtomicBool,
    enough_slow: AtomicBool,
    /// Microseconds to the first byte from which a request counts as slow.
    slow_from: AtomicU64,
    notes: Mutex<Notes>,
}

/// What was written down since the last collection.
#[derive(Default)]
pub(super) struct Notes {
    /// For how many requests each of `requests` stands, as a power of two.
    stride: u32,
    requests: Vec<Request>,
    pub(super) errors: Vec<Error>,
    /// Where the next error is written when there is no more room: over the oldest.
    oldest_error: usize,
    /// Errors of 500 and above, which no flood of others is to hide.
    pub(super) faults: Vec<Error>,
    pub(super) slow: Vec<Slow>,
}

#[derive(Clone, Copy)]
pub(super) struct Request {
    pub(super) client: IpAddr,
    pub(super) path: Path,
    pub(super) bytes: u64,
}

#[derive(Clone, Copy)]
pub(super) struct Error {
    pub(super) time: SystemTime,
    pub(super) client: IpAddr,
    pub(super) method: Option<&'static str>,
    pub(super) path: Path,
    pub(super) status: u16,
    /// In which way its head was malformed, if it was.
    pub(super) malformed: Option<usize>,
}

#[derive(Clone, Copy)]
pub(super) struct Slow {
    pub(super) time: SystemTime,
    pub(super) client: IpAddr,
    pub(super) method: &'static str,
    pub(super) path: Path,
    pub(super) status: u16,
    pub(super) first_byte: Duration,
    pub(super) duration: Duration,
    pub(super) bytes: u64,
}

impl Samples {
    /// Notes a request, if it is its turn.
    #[inline]
    pub(super) fn request(&self, make: impl FnOnce() -> Request) {
        if self.skip.is_spent() {
            self.take(make());
        }
    }

    #[cold]
    fn take(&self, request: Request) {
        let Ok(mut notes) = self.notes.try_lock() else { return };
        if notes.requests.len() >= REQUESTS {
            let mut odd = false;
            notes.requests.retain(|_| {
                odd = !odd;
                odd
            });
            notes.stride = (notes.stride + 1).min(32);
        }
        notes.requests.push(request);
        self.skip.set((1 << notes.stride) - 1);
    }

    /// Notes an error; when there were many since the last collection, only some of those that
    /// follow, in the place of the oldest.
    #[inline]
    pub(super) fn error(&self, status: u16, make: impl FnOnce() -> Error) {
        if status >= 500 {
            self.take_fault(make());
        } else if !self.enough_errors.load(Ordering::Relaxed) || self.skip_errors.is_spent() {
            self.take_error(make());
        }
    }

    #[cold]
    fn take_fault(&self, error: Error) {
        let Ok(mut notes) = self.notes.try_lock() else { return };
        if notes.faults.len() < ODD {
            notes.faults.push(error);
        }
    }

    #[cold]
    fn take_error(&self, error: Error) {
        let Ok(mut notes) = self.notes.try_lock() else { return };
        if notes.errors.len() < ODD {
            notes.errors.push(error);
        } else {
            let at = notes.oldest_error;
            notes.errors[at] = error;
            notes.oldest_error = (at + 1) % ODD;
            self.skip_errors.set(SKIPPED_ERRORS);
        }
        self.enough_errors.store(notes.errors.len() >= ODD, Ordering::Relaxed);
    }

    /// Notes a request that took long, unless there were many since the last collection.
    pub(super) fn slow(&self, slow: Slow) {
        let micros = slow.first_byte.as_micros();
        if micros <= u128::from(self.slow_from.load(Ordering::Relaxed))
            || self.enough_slow.load(Ordering::Relaxed)
        {
            return;
        }
        let Ok(mut notes) = self.notes.try_lock() else { return };
        notes.slow.push(slow);
        self.enough_slow.store(notes.slow.len() >= ODD, Ordering::Relaxed);
    }

    /// Hands over what was written down, and says what counts as slow from now on.
    pub(super) fn collect(&self, slow_from: Duration) -> Notes {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        // What would have been enough for the last second is a fair guess for the next.
        let count = (notes.requests.len() as u64) << notes.stride;
        let stride = (count / REQUESTS as u64).checked_ilog2().map_or(0, |power| power + 1);
        if stride < notes.stride {
            // The owner may be at it just now; then it goes on counting, until the next time.
            self.skip.set(0);
        }
        let next = Notes { stride, ..Notes::default() };
        let collected = std::mem::replace(&mut *notes, next);
        self.enough_errors.store(false, Ordering::Relaxed);
        self.enough_slow.store(false, Ordering::Relaxed);
        let micros = u64::try_from(slow_from.as_micros()).unwrap_or(u64::MAX);
        self.slow_from.store(micros, Ordering::Relaxed);
        collected
    }
}

impl Notes {
    /// The requests, and for how many each stands.
    pub(super) fn requests(&self) -> (u64, &[Request]) {
        (1 << self.stride, &self.requests)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn request() -> Request {
        Request { client: Ipv4Addr::LOCALHOST.into(), path: Path::new(b"/a"), bytes: 1 }
    }

    fn counted(samples: &Samples) -> u64 {
        let notes = samples.collect(Duration::ZERO);
        let (weight, requests) = notes.requests();
        weight * requests.len() as u64
    }

    #[test]
    fn few_requests_are_all_written_down() {
        let samples = Samples::default();
        (0..REQUESTS).for_each(|_| samples.request(request));
        assert_eq!(counted(&samples), REQUESTS as u64);
        assert_eq!(counted(&samples), 0);
    }

    #[test]
    fn many_requests_are_estimated_from_a_fixed_number() {
        let samples = Samples::default();
        for _ in 0..5 {
            (0..1_000_000).for_each(|_| samples.request(request));
            let notes = samples.collect(Duration::ZERO);
            let (weight, requests) = notes.requests();
            assert!(requests.len() <= REQUESTS && requests.len() >= REQUESTS / 4);
            let counted = weight * requests.len() as u64;
            assert!((900_000..1_100_000).contains(&counted), "{counted}");
        }
        // When it is quiet again, everything is written down again.
        samples.collect(Duration::ZERO);
        (0..10).for_each(|_| samples.request(request));
        assert_eq!(counted(&samples), 10);
    }

    #[test]
    fn of_many_errors_the_last_are_kept_and_the_worst() {
        let samples = Samples::default();
        let error = |status| Error {
            time: SystemTime::UNIX_EPOCH,
            client: Ipv4Addr::LOCALHOST.into(),
            method: None,
            path: Path::new(b""),
            status,
            malformed: None,
        };
        for status in 400..480 {
            samples.error(status, || error(status));
        }
        samples.error(500, || error(500));
        let notes = samples.collect(Duration::ZERO);
        let last = notes.errors.iter().map(|error| error.status).max();
        let skipped = u16::try_from(SKIPPED_ERRORS).unwrap();
        assert!(last > Some(480 - 2 - skipped), "{last:?}");
        assert_eq!(notes.faults.len(), 1);
    }

    #[test]
    fn errors_and_slow_ones_are_bounded() {
        let samples = Samples::default();
        let error = || Error {
            time: SystemTime::UNIX_EPOCH,
            client: Ipv4Addr::LOCALHOST.into(),
            method: None,
            path: Path::new(b""),
            status: 400,
            malformed: None,
        };
        let slow = |micros| Slow {
            time: SystemTime::UNIX_EPOCH,
            client: Ipv4Addr::LOCALHOST.into(),
            method: "GET",
            path: Path::new(b"/"),
            status: 200,
            first_byte: Duration::from_micros(micros),
            duration: Duration::from_secs(1),
            bytes: 0,
        };
        for _ in 0..1000 {
            samples.error(400, error);
            samples.error(500, error);
            samples.slow(slow(1000));
        }
        let notes = samples.collect(Duration::from_micros(500));
        assert_eq!((notes.errors.len(), notes.slow.len()), (ODD, ODD));
        assert_eq!(notes.faults.len(), ODD);
        samples.error(404, error);
        samples.slow(slow(500));
        samples.slow(slow(501));
        let notes = samples.collect(Duration::ZERO);
        assert_eq!((notes.errors.len(), notes.slow.len()), (1, 1));
    }
}
