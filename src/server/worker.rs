//! What the connections of one worker thread share.

use std::hash::{BuildHasher, RandomState};
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use super::gate::Gate;
use super::http1::Conversation;
use super::inbox::Inbox;
use super::outbox::Outbox;
use super::service::{Edition, Role, Service};
use super::timers;
use super::turn_away::TurnedAway;
use crate::http1::{HeadParser, Limits};
use crate::log::Recorder;
use crate::stats::Tally;

/// Sets of buffers kept for connections to come.
const DESKS_KEPT: usize = 256;

/// Handshakes in progress at the same time; further connections are closed. Each takes some tens of
/// KiB, and `header_timeout` at most.
const HANDSHAKES: usize = 4096;

/// One worker: a thread with an event loop of its own. Everything in here is used by that thread
/// alone, so its locks are never waited for; they are there because tasks must be `Send`.
pub(super) struct Worker {
    edition: Mutex<Edition>,
    /// Its number.
    edition_number: AtomicU64,
    pub(super) tally: Arc<Tally>,
    pub(super) gate: Arc<Gate>,
    recorder: Mutex<Option<Recorder>>,
    /// Whether there is a recorder: a look that costs less than a lock.
    is_recorded: AtomicBool,
    next_id: AtomicU64,
    desks: Mutex<Desks>,
    connections: AtomicUsize,
    turned_away: Mutex<TurnedAway>,
    /// Permits to begin an encrypted connection.
    handshakes: Arc<Semaphore>,
    last_one_gone: Notify,
    stopping: AtomicBool,
    stop: Notify,
}

/// How long those who watch the server have to read that it stops.
const MOMENT: Duration = Duration::from_secs(1);

type Desks = Vec<(Box<Desk>, Conversation)>;

/// What a connection needs while a request is on it, and gives back while it is idle.
pub(super) struct Desk {
    pub(super) inbox: Inbox,
    pub(super) parser: HeadParser,
    pub(super) outbox: Outbox,
}

impl Worker {
    pub(super) fn new(
        edition: Edition,
        tally: Arc<Tally>,
        recorder: Option<Recorder>,
        gate: Arc<Gate>,
        turned_away: usize,
    ) -> Self {
        Self {
            edition_number: AtomicU64::new(edition.number),
            edition: Mutex::new(edition),
            gate,
            tally,
            next_id: AtomicU64::new(RandomState::new().hash_one(0)),
            is_recorded: AtomicBool::new(recorder.is_some()),
            recorder: Mutex::new(recorder),
            desks: Mutex::default(),
            connections: AtomicUsize::new(0),
            turned_away: Mutex::new(TurnedAway::new(turned_away)),
            handshakes: Arc::new(Semaphore::new(HANDSHAKES)),
            last_one_gone: Notify::new(),
            stopping: AtomicBool::new(false),
            stop: Notify::new(),
        }
    }

    /// What a new connection or request is served with; the last that there was for its role.
    pub(super) fn service(&self, role: Role) -> Arc<Service> {
        let edition = self.edition.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(edition.service(role))
    }

    /// Whether there is a newer edition than this one.
    #[inline]
    pub(super) fn has_newer(&self, edition: u64) -> bool {
        edition != self.edition_number.load(Ordering::Relaxed)
    }

    /// Serves with another edition from the next request on, and notes it elsewhere. To be called on
    /// the worker's thread.
    pub(super) fn adopt(&self, edition: Edition, recorder: Option<Recorder>) {
        {
            let mut current = self.edition.lock().unwrap_or_else(PoisonError::into_inner);
            self.edition_number.store(edition.number, Ordering::Relaxed);
            current.turn_to(edition);
        }
        self.record(Recorder::flush);
        self.is_recorded.store(recorder.is_some(), Ordering::Relaxed);
        *self.recorder.lock().unwrap_or_else(PoisonError::into_inner) = recorder;
        // Those that wait would keep what they were served with, and all that is in its cache.
        timers::wake_all();
    }

    /// A set of buffers: used, with a conversation that is over, or new.
    pub(super) fn desk(&self, limits: Limits) -> (Box<Desk>, Option<Conversation>) {
        if let Some((mut desk, conversation)) = self.desks().pop() {
            desk.parser.limit(limits);
            return (desk, Some(conversation));
        }
        let desk = Desk {
            inbox: Inbox::new(),
            parser: HeadParser::new(limits),
            outbox: Outbox::default(),
        };
        (Box::new(desk), None)
    }

    /// Takes buffers back, emptied and of their first size; and the memory of a conversation.
    pub(super) fn keep(&self, desk: Box<Desk>, conversation: Conversation) {
        let mut desks = self.desks();
        if desks.len() < DESKS_KEPT && desk.inbox.is_fresh() && desk.outbox.is_empty() {
            desks.push((desk, conversation));
        }
    }

    fn desks(&self) -> MutexGuard<'_, Desks> {
        self.desks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes to the access log, if there is one.
    #[inline]
    pub(super) fn record(&self, write: impl FnOnce(&mut Recorder)) {
        if self.is_recorded.load(Ordering::Relaxed)
            && let Some(recorder) =
                &mut *self.recorder.lock().unwrap_or_else(PoisonError::into_inner)
        {
            write(recorder);
        }
    }

    /// The number of the next request; where they begin is chosen at random.
    #[inline]
    pub(super) fn next_id(&self) -> u64 {
        let id = self.next_id.load(Ordering::Relaxed);
        self.next_id.store(id.wrapping_add(1), Ordering::Relaxed);
        id
    }

    /// Counts a connection for as long as its presence lives.
    pub(super) fn enter(self: &Arc<Self>) -> Presence {
        self.connections.fetch_add(1, Ordering::Relaxed);
        Presence(Arc::clone(self))
    }

    /// Those for whom there is no room.
    pub(super) fn turned_away(&self) -> MutexGuard<'_, TurnedAway> {
        self.turned_away.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a handshake; `None` when too many are in progress.
    pub(super) fn begin_handshake(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.handshakes).try_acquire_owned().ok()
    }

    /// Ends idle connections, and the others after the request they are at. To be called on the
    /// worker's thread.
    pub(super) fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
        self.stop.notify_waiters();
        timers::wake_all();
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Resolves when the worker stops.
    pub(super) async fn stopped(&self) {
        let notified = self.stop.notified();
        if !self.is_stopping() {
            notified.await;
        }
    }

    /// Resolves when the worker has been stopping for a moment: whoever only watches is not waited
    /// for longer.
    pub(super) async fn stopped_for_a_moment(&self) {
        self.stopped().await;
        tokio::time::sleep(MOMENT).await;
    }

    /// Resolves when no connection is left.
    pub(super) async fn emptied(&self) {
        loop {
            let gone = self.last_one_gone.notified();
            if self.connections.load(Ordering::Relaxed) == 0 {
                return;
            }
            gone.await;
        }
    }
}

/// The worker of one connection, which counts it for as long as this lives.
pub(super) struct Presence(Arc<Worker>);

impl Deref for Presence {
    type Target = Arc<Worker>;

    fn deref(&self) -> &Arc<Worker> {
        &self.0
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        if self.0.connections.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.0.last_one_gone.notify_one();
        }
    }
}
