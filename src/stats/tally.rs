//! What one worker counts. Its thread alone writes; whoever wants to know adds up the workers.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use http::{Method, StatusCode};

use super::counter::{Counter, Gauge};
use super::events::{ConnectionState, HandshakeFailure, Refused, Timeout};
use super::flight::Flights;
use super::latency::Durations;
use super::sample::{self, Path, Samples, Slow};
use crate::message::CacheUse;

/// One worker's counts.
///
/// On a line of its own in every cache: what lies beside it is not slowed down.
#[repr(align(128))]
#[derive(Default)]
pub struct Tally {
    pub(super) visitors: Answers,
    pub(super) monitoring: Monitoring,
    pub(super) connections: Connections,
    pub(super) handshakes: Handshakes,
    pub(super) limits: Limits,
    pub(super) first_byte: Durations,
    pub(super) whole: Durations,
    pub(super) samples: Samples,
    pub(super) flights: Flights,
    /// How often a head was malformed in each of the ways that the parser names.
    pub(super) malformed: Box<[Counter]>,
}

/// Statuses from 100 on.
pub(super) const STATUSES: usize = 500;

/// Methods that are told apart; the last stands for what could not be understood.
pub(super) const METHODS: [&str; 10] =
    ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT", "unknown"];

/// Protocols that are told apart.
pub(super) const PROTOCOLS: [&str; 3] = ["HTTP/1.1", "HTTP/2.0", "HTTP/1.0"];

/// What was answered.
pub(super) struct Answers {
    pub(super) statuses: [Counter; STATUSES],
    pub(super) methods: [Counter; METHODS.len()],
    pub(super) protocols: [Counter; PROTOCOLS.len()],
    pub(super) encrypted: Counter,
    pub(super) received_head: Counter,
    pub(super) received_content: Counter,
    pub(super) sent_head: Counter,
    pub(super) sent_content: Counter,
    pub(super) cache: [Counter; 3],
    /// Requests with content that were refused, by status.
    pub(super) refused_content: [Counter; STATUSES],
}

impl Default for Answers {
    fn default() -> Self {
        Self {
            statuses: Counter::many(),
            methods: Counter::many(),
            protocols: Counter::many(),
            encrypted: Counter::default(),
            received_head: Counter::default(),
            received_content: Counter::default(),
            sent_head: Counter::default(),
            sent_content: Counter::default(),
            cache: Counter::many(),
            refused_content: Counter::many(),
        }
    }
}

/// The same of those who look at the server.
#[derive(Default)]
pub(super) struct Monitoring {
    pub(super) requests: Counter,
    pub(super) sent_content: Counter,
    pub(super) connections: Counter,
}

#[derive(Default)]
pub(super) struct Connections {
    /// Those of visitors that have asked something or ended.
    pub(super) known: Counter,
    pub(super) states: [Gauge; ConnectionState::COUNT],
    /// Open ones by client. Locked when a connection is made or ends, by the worker, and when
    /// somebody asks.
    pub(super) clients: Mutex<HashMap<IpAddr, u64>>,
}

#[derive(Default)]
pub(super) struct Handshakes {
    pub(super) versions: [Counter; 2],
    pub(super) resumed: Counter,
    pub(super) failures: [Counter; HandshakeFailure::ALL.len()],
}

#[derive(Default)]
pub(super) struct Limits {
    pub(super) timeouts: [Counter; Timeout::ALL.len()],
    pub(super) refusals: [Counter; Refused::ALL.len()],
    pub(super) aborted: Counter,
}

/// A request that was answered.
pub struct Answered<'a> {
    /// Its method; `None` when it could not be understood.
    pub method: Option<&'a Method>,
    /// Its path, without the query.
    pub path: &'a [u8],
    /// The protocol it came by.
    pub version: http::Version,
    /// Whether it came encrypted.
    pub secure: bool,
    /// Who asked.
    pub client: IpAddr,
    /// The status of the answer.
    pub status: StatusCode,
    /// The number of the way in which its head was malformed, if it was.
    pub malformed: Option<usize>,
    /// What the cache did for it.
    pub cache: Option<CacheUse>,
    /// Bytes of the request's head; 0 where they are not known.
    pub received_head: u64,
    /// Bytes of the answer's head; 0 where they are not known.
    pub sent_head: u64,
    /// Bytes of its content.
    pub sent_content: u64,
    /// Whether these were counted by [`Tally::sending`] already.
    pub is_metered: bool,
}

impl Tally {
    /// `malformed`: in how many ways a head may be malformed.
    pub(super) fn new(malformed: usize) -> Self {
        Self { malformed: (0..malformed).map(|_| Counter::default()).collect(), ..Self::default() }
    }

    /// Counts an answer to a visitor; `wall` tells the time, if that is needed.
    #[inline]
    pub fn answered(&self, answered: &Answered<'_>, wall: impl FnOnce() -> SystemTime) {
        if cfg!(feature = "uncounted") {
            return;
        }
        let counts = &self.visitors;
        let status = usize::from(answered.status.as_u16() - 100).min(STATUSES - 1);
        counts.statuses[status].add(1);
        counts.methods[answered.method.map_or(METHODS.len() - 1, method)].add(1);
        counts.protocols[protocol(answered.version)].add(1);
        if answered.secure {
            counts.encrypted.add(1);
        }
        counts.received_head.add(answered.received_head);
        counts.sent_head.add(answered.sent_head);
        if !answered.is_metered {
            counts.sent_content.add(answered.sent_content);
        }
        if let Some(cache) = answered.cache {
            counts.cache[cache as usize].add(1);
        }
        if answered.method.is_some() {
            self.samples.request(|| sample::Request {
                client: client_of(answered.client),
                path: Path::new(answered.path),
                bytes: answered.sent_content,
            });
        }
        if answered.status.as_u16() >= 400 {
            self.samples.error(answered.status.as_u16(), || sample::Error {
                time: wall(),
                client: answered.client,
                method: answered.method.map(method_name),
                path: Path::new(answered.path),
                status: answered.status.as_u16(),
                malformed: answered.malformed,
            });
            let counted = answered.malformed.and_then(|way| self.malformed.get(way));
            if let Some(count) = counted {
                count.add(1);
            }
        }
    }

    /// Counts an answer to somebody who looks at the server.
    pub fn monitored(&self, sent_content: u64) {
        self.monitoring.requests.add(1);
        self.monitoring.sent_content.add(sent_content);
    }

    /// A request with content was refused.
    pub fn refused_content(&self, status: StatusCode) {
        let status = usize::from(status.as_u16() - 100).min(STATUSES - 1);
        self.visitors.refused_content[status].add(1);
    }

    /// Bytes of the content of a request have come.
    pub fn receiving(&self, bytes: u64) {
        self.visitors.received_content.add(bytes);
    }

    /// Bytes of the content of an answer were sent, of which more may follow.
    pub fn sending(&self, bytes: u64) {
        self.visitors.sent_content.add(bytes);
    }

    /// `count` answers began, and ended, after `duration`.
    #[inline]
    pub fn took(&self, duration: Duration, count: u64) {
        if cfg!(feature = "uncounted") {
            return;
        }
        self.first_byte.add(duration, count);
        self.whole.add(duration, count);
    }

    /// One answer took longer than a moment, to its first byte and to its last.
    pub fn took_long(
        &self,
        answered: &Answered<'_>,
        first_byte: Duration,
        duration: Duration,
        wall: SystemTime,
    ) {
        self.first_byte.add(first_byte, 1);
        self.whole.add(duration, 1);
        self.samples.slow(Slow {
            time: wall,
            client: answered.client,
            method: answered.method.map_or("-", method_name),
            path: Path::new(answered.path),
            status: answered.status.as_u16(),
            first_byte,
            duration,
            bytes: answered.sent_content,
        });
    }

    /// Something took too long.
    pub fn timed_out(&self, what: Timeout) {
        self.limits.timeouts[what as usize].add(1);
    }

    /// A connection was refused.
    pub fn refused(&self, why: Refused) {
        self.limits.refusals[why as usize].add(1);
    }

    /// An answer was cut short.
    pub fn aborted(&self) {
        self.limits.aborted.add(1);
    }

    /// TLS was agreed on.
    pub fn shook_hands(&self, is_tls13: bool, resumed: bool) {
        self.handshakes.versions[usize::from(is_tls13)].add(1);
        self.handshakes.resumed.add(u64::from(resumed));
    }

    /// TLS was not agreed on.
    pub fn handshake_failed(&self, why: HandshakeFailure) {
        self.handshakes.failures[why as usize].add(1);
    }

    pub(super) fn clients(&self) -> MutexGuard<'_, HashMap<IpAddr, u64>> {
        self.connections.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What counts as one client: an IPv4 address, or an IPv6 network of 64 bits, since a single
/// machine commonly has all of those.
pub fn client_of(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(six) => match six.to_ipv4_mapped() {
            Some(four) => four.into(),
            None if six.is_loopback() => address,
            None => Ipv6Addr::from_bits(six.to_bits() & (!0 << 64)).into(),
        },
    }
}

#[inline]
fn method(method: &Method) -> usize {
    match *method {
        Method::GET => 0,
        Method::HEAD => 1,
        Method::POST => 2,
        Method::PUT => 3,
        Method::DELETE => 4,
        Method::OPTIONS => 5,
        Method::PATCH => 6,
        Method::TRACE => 7,
        Method::CONNECT => 8,
        _ => METHODS.len() - 1,
    }
}

/// The name of a method; `unknown` for one that this server does not know.
pub fn method_name(of: &Method) -> &'static str {
    METHODS[method(of)]
}

#[inline]
fn protocol(version: http::Version) -> usize {
    match version {
        http::Version::HTTP_2 => 1,
        http::Version::HTTP_10 => 2,
        _ => 0,
    }
}
