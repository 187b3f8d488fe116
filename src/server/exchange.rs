//! What a request asked, kept to be counted and logged after the request was handed on.

use std::fmt;
use std::mem;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use http::{HeaderName, Method, StatusCode, Version, header};
use tracing::Span;

use super::gate::{Admission, Refusal};
use super::service::Service;
use super::worker::{Presence, Worker};
use super::{clock, timing};
use crate::http1::{Head, HeadError};
use crate::log::{Entry, RequestId};
use crate::message::{CacheUse, Fields, Peer, Request, RequestBody, Response, Target, Traffic};
use crate::site::Site;
use crate::stats::{Answered, Boarding, ConnectionState, Departure, Visit, method_name};
use crate::tls::Tls;

/// What others before this server may have named a request.
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The parts of a request that outlive it.
pub(super) struct Asked<'a> {
    /// Its number on this server.
    pub(super) id: u64,
    pub(super) method: Method,
    pub(super) version: Version,
    pub(super) target: Target<'a>,
    pub(super) fields: Fields<'a>,
    pub(super) received: Instant,
    /// Bytes of its head; 0 when they are not known.
    head: u64,
    /// What the diagnostics name it by.
    pub(super) span: Span,
}

/// What was answered, as far as it is counted.
#[derive(Clone, Copy)]
pub(super) struct Outcome {
    pub(super) status: StatusCode,
    pub(super) cache: Option<CacheUse>,
    pub(super) traffic: Traffic,
    pub(super) taken: Taken,
    /// Bytes of the answer's head; 0 when they are not known.
    pub(super) head: u64,
    /// Bytes of its content that were sent, or are gathered to be sent with others.
    pub(super) sent: u64,
    /// Whether the latter were counted while they were sent.
    pub(super) is_metered: bool,
}

/// What came with a request.
#[derive(Clone, Copy)]
pub(super) struct Taken {
    /// Bytes of content that were read before it was answered.
    pub(super) bytes: u64,
    /// When the last of the request came: of its content, else of its head.
    pub(super) at: Instant,
}

impl Outcome {
    /// What is known before anything was sent.
    pub(super) fn of(response: &Response, taken: Taken) -> Self {
        let Response { status, cache, traffic, .. } = *response;
        Self { status, cache, traffic, taken, head: 0, sent: 0, is_metered: false }
    }

    /// How long the client has been waiting for the answer, by the system's clock.
    pub(super) fn wait(&self) -> Duration {
        clock::has_aged();
        clock::now().saturating_duration_since(self.taken.at)
    }
}

/// How long an answer took.
#[derive(Clone, Copy)]
pub(super) enum Took {
    /// A moment.
    Moment,
    /// So long to its first byte.
    Long(Duration),
}

/// What the requests of a connection have in common. For as long as it lives, the connection is
/// one of those that are open.
pub(super) struct Exchanges {
    pub(super) worker: Presence,
    pub(super) peer: Peer,
    /// Whom the client's certificate names.
    pub(super) subject: Option<Arc<str>>,
    visit: Visit,
    admission: Admission,
}

impl Drop for Exchanges {
    fn drop(&mut self) {
        let client = self.peer.address.ip();
        self.worker.tally.left(&self.visit, client);
        self.worker.gate.leave(client, self.admission);
    }
}

impl Exchanges {
    /// Those of a new connection, if the gate lets it in.
    pub(super) fn begin(worker: &Arc<Worker>, peer: Peer) -> Result<Self, Refusal> {
        let client = peer.address.ip();
        let admission = worker.gate.admit(client)?;
        let visit = worker.tally.connected(client);
        Ok(Self { worker: worker.enter(), peer, subject: None, visit, admission })
    }

    /// Goes by the newest edition from now on; false when the client [may not](Self::may_stay).
    #[inline]
    pub(super) fn renew(&self, service: &mut Arc<Service>) -> bool {
        !self.worker.has_newer(service.edition) || self.turn_to_newest(service)
    }

    #[cold]
    fn turn_to_newest(&self, service: &mut Arc<Service>) -> bool {
        let before = mem::replace(service, self.worker.service(service.role));
        self.may_stay(before.tls.as_ref(), service)
    }

    /// Whether the client, let in where `tls` was spoken, would be let in now.
    pub(super) fn may_stay(&self, tls: Option<&Arc<Tls>>, now: &Service) -> bool {
        now.takes_over(tls) && self.worker.gate.allows(self.peer.address.ip())
    }

    /// What the connection does now.
    #[inline]
    pub(super) fn set(&mut self, state: ConnectionState) {
        self.visit.set(&self.worker.tally, state);
    }

    /// Something was asked.
    #[inline]
    pub(super) fn asked(&self, traffic: Traffic) {
        self.visit.asked(&self.worker.tally, traffic);
    }

    /// Whether the connection is one of somebody who looks at the server itself.
    pub(super) fn is_monitoring(&self) -> bool {
        self.visit.is_monitoring()
    }

    /// Shows a request among those in flight, unless it is one that asks for them; `expected`: bytes
    /// of its content, when known.
    pub(super) fn board(
        &self,
        site: &Site,
        asked: &Asked<'_>,
        expected: Option<u64>,
    ) -> Option<Boarding> {
        let is_shown = !site.is_monitoring(asked.target.path);
        is_shown.then(|| {
            self.worker.tally.depart(Departure {
                id: asked.request_id().to_string(),
                client: self.peer.address,
                method: method_name(&asked.method),
                path: asked.target.path,
                protocol: protocol(asked.version),
                received: asked.received,
                expected,
            })
        })
    }
}

impl<'a> Asked<'a> {
    pub(super) fn new(worker: &Worker, head: Head, bytes: &'a [u8], fields: Fields<'a>) -> Self {
        let mut asked = Self {
            id: worker.next_id(),
            version: head.version,
            target: head.target(bytes),
            method: head.method,
            fields,
            received: clock::now(),
            head: head.length as u64,
            span: Span::none(),
        };
        asked.span = asked.named();
        asked
    }

    /// The same of HTTP/2, where nobody knows how long a head was.
    pub(super) fn over_http2(
        worker: &Worker,
        method: Method,
        target: Target<'a>,
        fields: Fields<'a>,
    ) -> Self {
        let mut asked = Self {
            id: worker.next_id(),
            method,
            version: Version::HTTP_2,
            target,
            fields,
            received: clock::now(),
            head: 0,
            span: Span::none(),
        };
        asked.span = asked.named();
        asked
    }

    pub(super) fn request(&self, peer: Peer, body: RequestBody<'a>) -> Request<'a> {
        Request {
            method: self.method.clone(),
            target: self.target,
            version: self.version,
            fields: self.fields,
            received: self.received,
            peer,
            body,
        }
    }

    /// What the request is called: what somebody before this server called it, if that is a name,
    /// else by its number.
    pub(super) fn request_id(&self) -> RequestId<'a> {
        let given = self.fields.get(&X_REQUEST_ID).and_then(RequestId::given);
        given.unwrap_or(RequestId::Made(self.id))
    }

    /// What the diagnostics name it by, at DEBUG, in what is said of it.
    #[inline]
    fn named(&self) -> Span {
        tracing::debug_span!(
            "request",
            id = %self.request_id(),
            method = %self.method,
            target = %Shown(self.target.raw),
        )
    }

    /// What came with it when it has no content.
    pub(super) fn bare(&self) -> Taken {
        Taken { bytes: 0, at: self.received }
    }

    /// How long it has been here, by the system's clock: to be asked only of what took more than a
    /// moment.
    pub(super) fn age(&self) -> Duration {
        clock::has_aged();
        clock::now().saturating_duration_since(self.received)
    }

    /// Counts the answer, and notes it in the access log.
    #[inline]
    pub(super) fn record(&self, exchanges: &Exchanges, outcome: &Outcome, took: Took) {
        let Exchanges { worker, peer, subject, .. } = exchanges;
        let client = peer.address.ip();
        match outcome.traffic {
            Traffic::Monitoring => worker.tally.monitored(outcome.sent),
            Traffic::Visitors => {
                let answered = Answered {
                    method: Some(&self.method),
                    path: self.target.path,
                    version: self.version,
                    secure: peer.secure,
                    client,
                    status: outcome.status,
                    malformed: None,
                    cache: outcome.cache,
                    received_head: self.head,
                    sent_head: outcome.head,
                    sent_content: outcome.sent,
                    is_metered: outcome.is_metered,
                };
                worker.tally.answered(&answered, clock::wall);
                match took {
                    Took::Moment => timing::answered(&worker.tally, self.received),
                    Took::Long(first_byte) => {
                        let wall = clock::wall();
                        worker.tally.took_long(&answered, first_byte, self.age(), wall);
                    }
                }
            }
        }
        if !self.span.is_disabled() {
            let (status, bytes) = (outcome.status.as_u16(), outcome.sent);
            self.span.in_scope(|| tracing::debug!(status, bytes, "answered"));
        }
        worker.record(|recorder| {
            let duration = if recorder.tells_durations() {
                self.age()
            } else {
                clock::now().saturating_duration_since(self.received)
            };
            recorder.record(&Entry {
                client: client.to_canonical(),
                time: clock::wall() - duration,
                method: Some(self.method.as_str()),
                target: self.target.raw,
                protocol: protocol(self.version),
                status: outcome.status.as_u16(),
                bytes_out: outcome.sent,
                bytes_in: outcome.taken.bytes,
                referer: self.fields.get(&header::REFERER),
                user_agent: self.fields.get(&header::USER_AGENT),
                host: self.target.authority.or_else(|| self.fields.get(&header::HOST)),
                duration: Some(duration),
                request_id: self.request_id(),
                cache: outcome.cache.map(name_of),
                subject: subject.as_deref(),
            });
        });
    }
}

/// Counts an answer and notes it in the access log when it is dropped: a server that ends drops
/// what is still being sent, and that is to be noted too.
pub(super) struct Note<'a> {
    pub(super) exchanges: &'a Exchanges,
    pub(super) asked: &'a Asked<'a>,
    pub(super) outcome: Outcome,
    /// How long it took until the first byte.
    pub(super) first_byte: Duration,
    /// Bytes sent, and how many of them came before the content.
    pub(super) sent: Arc<AtomicU64>,
    pub(super) before: u64,
}

impl Drop for Note<'_> {
    fn drop(&mut self) {
        self.outcome.sent = self.sent.load(Ordering::Relaxed).saturating_sub(self.before);
        self.asked.record(self.exchanges, &self.outcome, Took::Long(self.first_byte));
    }
}

/// Counts the answer to what could not be understood, and notes it in the access log.
pub(super) fn record_refusal(
    exchanges: &Exchanges,
    error: Option<HeadError>,
    status: StatusCode,
    head: u64,
    sent: u64,
) {
    let Exchanges { worker, peer, .. } = exchanges;
    let client: IpAddr = peer.address.ip();
    let received = clock::now();
    let answered = Answered {
        method: None,
        path: b"",
        version: Version::HTTP_11,
        secure: peer.secure,
        client,
        status,
        malformed: error.map(|error| error as usize),
        cache: None,
        received_head: 0,
        sent_head: head,
        sent_content: sent,
        is_metered: false,
    };
    worker.tally.answered(&answered, clock::wall);
    timing::answered(&worker.tally, received);
    worker.record(|recorder| {
        recorder.record(&Entry {
            client: client.to_canonical(),
            time: clock::wall(),
            method: None,
            target: b"",
            protocol: protocol(Version::HTTP_11),
            status: status.as_u16(),
            bytes_out: sent,
            bytes_in: 0,
            referer: None,
            user_agent: None,
            host: None,
            duration: None,
            request_id: RequestId::Made(worker.next_id()),
            cache: None,
            subject: None,
        });
    });
}

/// Bytes from a client as text in which nothing can act on a terminal.
struct Shown<'a>(&'a [u8]);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.escape_ascii().fmt(formatter)
    }
}

fn name_of(cache: CacheUse) -> &'static str {
    match cache {
        CacheUse::Hit => "hit",
        CacheUse::Revalidated => "revalidated",
        CacheUse::Miss => "miss",
    }
}

fn protocol(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_2 => "HTTP/2.0",
        _ => "HTTP/1.1",
    }
}
