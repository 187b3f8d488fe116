//! Requests that are being answered. Only those that take more than a moment are written down: what
//! is answered from memory is over before anybody could look.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use slab::Slab;

use super::first;
use super::snapshot::InFlight;
use super::text::Short;

/// The requests of one worker that are being answered.
#[derive(Default)]
pub(super) struct Flights(Mutex<Slab<Arc<Flight>>>);

/// A request that is being answered, and how far that has come.
pub struct Flight {
    id: Box<str>,
    client: SocketAddr,
    method: &'static str,
    path: Short<255>,
    protocol: &'static str,
    received: Instant,
    state: AtomicU8,
    expected: u64,
    taken: AtomicU64,
    /// Bytes that the connection has sent, and how many of them came before this answer's content.
    sent: OnceLock<(Arc<AtomicU64>, u64)>,
    length: AtomicU64,
}

/// What a [`Flight`] is about.
pub struct Departure<'a> {
    /// What the request is called in the log.
    pub id: String,
    /// Who asks.
    pub client: SocketAddr,
    /// Its method.
    pub method: &'static str,
    /// Its path, without the query.
    pub path: &'a [u8],
    /// The protocol, as in a log.
    pub protocol: &'static str,
    /// When it came.
    pub received: Instant,
    /// Bytes of content that come with it; `None` when that is not known.
    pub expected: Option<u64>,
}

/// Stands for a number that is not known.
const UNKNOWN: u64 = u64::MAX;

const WAITING: u8 = 0;
const RECEIVING: u8 = 1;
const SENDING: u8 = 2;

impl Flight {
    fn new(departure: Departure<'_>) -> Self {
        let expected = departure.expected.unwrap_or(UNKNOWN);
        Self {
            id: departure.id.into(),
            client: departure.client,
            method: departure.method,
            path: Short::new(departure.path),
            protocol: departure.protocol,
            received: departure.received,
            state: AtomicU8::new(if expected == 0 { WAITING } else { RECEIVING }),
            expected,
            taken: AtomicU64::new(0),
            sent: OnceLock::new(),
            length: AtomicU64::new(UNKNOWN),
        }
    }

    /// Content arrived.
    pub fn take(&self, bytes: u64) {
        self.taken.fetch_add(bytes, Ordering::Relaxed);
    }

    /// The answer's content begins to be sent: `sent` counts the bytes that leave, `before` of them
    /// are not of it.
    pub fn send(&self, sent: Arc<AtomicU64>, before: u64, length: Option<u64>) {
        // An answer begins once.
        let _ = self.sent.set((sent, before));
        self.length.store(length.unwrap_or(UNKNOWN), Ordering::Relaxed);
        self.state.store(SENDING, Ordering::Relaxed);
    }

    fn is_receiving(&self) -> bool {
        self.state.load(Ordering::Relaxed) == RECEIVING
    }

    fn shown(&self, now: Instant) -> InFlight {
        let known = |count: u64| (count != UNKNOWN).then_some(count);
        let received_bytes = self.taken.load(Ordering::Relaxed);
        let sent = self.sent.get();
        let sent_bytes =
            sent.map_or(0, |(sent, before)| sent.load(Ordering::Relaxed).saturating_sub(*before));
        let age = now.saturating_duration_since(self.received).as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "a rate")]
        let moved = (received_bytes + sent_bytes) as f64;
        InFlight {
            id: self.id.to_string(),
            client: self.client.to_string(),
            method: self.method.to_owned(),
            path: self.path.shown(),
            protocol: self.protocol.to_owned(),
            state: match self.state.load(Ordering::Relaxed) {
                RECEIVING => "receiving",
                SENDING => "sending",
                _ => "waiting",
            }
            .to_owned(),
            age_seconds: age,
            received_bytes,
            received_of_bytes: known(self.expected).filter(|_| self.expected > 0),
            sent_bytes,
            sent_of_bytes: known(self.length.load(Ordering::Relaxed)),
            bytes_per_second: if age > 0.0 { moved / age } else { 0.0 },
        }
    }
}

impl Flights {
    fn lock(&self) -> MutexGuard<'_, Slab<Arc<Flight>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn begin(&self, departure: Departure<'_>) -> (usize, Arc<Flight>) {
        let flight = Arc::new(Flight::new(departure));
        (self.lock().insert(Arc::clone(&flight)), flight)
    }

    pub(super) fn end(&self, place: usize) {
        self.lock().try_remove(place);
    }

    /// How many there are, and how many of them send content.
    pub(super) fn count(&self) -> (u64, u64) {
        let flights = self.lock();
        let receiving = flights.iter().filter(|(_, flight)| flight.is_receiving()).count();
        (flights.len() as u64, receiving as u64)
    }

    /// All of them.
    pub(super) fn collect(&self, into: &mut Vec<Arc<Flight>>) {
        into.extend(self.lock().iter().map(|(_, flight)| Arc::clone(flight)));
    }
}

/// The oldest of them, as they are told of.
pub(super) fn oldest(flights: Vec<Arc<Flight>>, most: usize, now: Instant) -> Vec<InFlight> {
    let oldest = first(flights, most, |one, two| one.received.cmp(&two.received));
    oldest.iter().map(|flight| flight.shown(now)).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn departure(received: Instant, expected: Option<u64>) -> Departure<'static> {
        Departure {
            id: "7".to_owned(),
            client: "[::1]:80".parse().unwrap(),
            method: "GET",
            path: b"/a",
            protocol: "HTTP/1.1",
            received,
            expected,
        }
    }

    #[test]
    fn a_flight_is_followed_from_its_content_to_the_end_of_its_answer() {
        let flights = Flights::default();
        let start = Instant::now();
        let (place, flight) = flights.begin(departure(start, Some(100)));
        assert_eq!(flights.count(), (1, 1));
        flight.take(40);
        let later = start + Duration::from_secs(2);
        let shown = flight.shown(later);
        assert_eq!((shown.state.as_str(), shown.received_bytes), ("receiving", 40));
        assert_eq!(shown.received_of_bytes, Some(100));
        assert!((shown.bytes_per_second - 20.0).abs() < 1e-9);

        let sent = Arc::new(AtomicU64::new(1000));
        flight.send(Arc::clone(&sent), 1000, Some(500));
        sent.store(1250, Ordering::Relaxed);
        let shown = flight.shown(later);
        assert_eq!((shown.sent_bytes, shown.sent_of_bytes), (250, Some(500)));
        assert_eq!(flights.count(), (1, 0));
        flights.end(place);
        flights.end(place);
        assert_eq!(flights.count(), (0, 0));
    }

    #[test]
    fn the_oldest_come_first() {
        let start = Instant::now();
        let now = start + Duration::from_secs(10);
        let at =
            |second| Arc::new(Flight::new(departure(start + Duration::from_secs(second), Some(0))));
        let shown = oldest(vec![at(9), at(5), at(7)], 2, now);
        let ages: Vec<_> = shown.iter().map(|flight| flight.age_seconds.round()).collect();
        assert_eq!(ages, [5.0, 3.0]);
        assert_eq!((shown[0].state.as_str(), shown[0].received_of_bytes), ("waiting", None));
    }
}
