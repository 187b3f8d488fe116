//! Sockets and time: listeners, workers, connections, and how they end.
//!
//! Each worker is a thread with an event loop and listening sockets of its own; the kernel spreads
//! the connections. Workers share the gate that counts connections, the site, and nothing else
//! that is written to.

mod accept;
mod clock;
mod deadline;
mod defer_accept;
mod exchange;
mod file_read;
mod gate;
mod handshake;
mod http1;
mod http2;
mod inbox;
mod intake;
mod linger;
mod listener;
mod listening;
mod memory;
mod outbox;
mod pieces;
mod queue;
mod reply;
mod request_body;
mod rewound;
mod send_queue;
mod service;
mod socket;
mod timers;
mod timing;
mod transport;
mod turn_away;
mod worker;

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;
use std::{fmt, io};

use tokio::runtime::Runtime;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use self::accept::{Crew, Order, Turn};
use self::gate::{Gate, Rules};
pub use self::gate::{limit_warnings, max_connections};
pub use self::listener::BindError;
use self::listening::Listening;
pub use self::listening::{Move, Passed};
pub use self::memory::connection_memory;
use self::service::{Edition, Settings};
pub use self::service::{Role, Services};
use self::worker::Worker;
use crate::config::Config;
use crate::descriptors::{self, Shares};
use crate::http1::HeadError;
use crate::log::AccessLog;
use crate::stats::{Stats, StatsOptions};

/// Threads that may wait for a disk, per worker.
const BLOCKING_THREADS: usize = 64;

/// How far the server has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Serving,
    /// No new connections; those at hand finish their request.
    Draining,
    /// Whatever is still open is cut.
    Ended,
}

/// Where a server with this configuration counts what it does.
pub fn stats(config: &Config) -> Arc<Stats> {
    let workers = descriptors::shares(config.max_threads).workers;
    Stats::new(StatsOptions { workers, malformed: HeadError::NAMES })
}

/// Why the server could not start.
#[derive(Debug)]
pub enum StartError {
    /// An address could not be listened on.
    Bind(BindError),
    /// The system refused a thread or an event loop.
    Worker(io::Error),
}

impl std::error::Error for StartError {}

impl fmt::Display for StartError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bind(error) => error.fmt(formatter),
            Self::Worker(error) => write!(
                formatter,
                "cannot start a worker thread: {error}; fewer may do (--max-threads)"
            ),
        }
    }
}

/// A server whose sockets listen; connections wait in their queues until [`start`](Self::start).
pub struct Bound {
    listening: Listening,
    first: Move,
    settings: Settings,
    gate: Arc<Gate>,
    /// As in [`descriptors::Shares`].
    turned_away: usize,
}

impl Bound {
    /// Listens on every address of the configuration. With port 0 all of them get the one port
    /// that the first found free.
    pub fn bind(config: &Config) -> Result<Self, BindError> {
        let shares = descriptors::shares(config.max_threads);
        let mut listening = Listening::new(shares.workers);
        let first = listening.prepare(config)?;
        listening.moved(&first);
        Ok(Self::new(config, shares, listening, first))
    }

    /// Listens on these sockets in place of the addresses of the configuration, and of any later one.
    pub fn passed(config: &Config, sockets: Vec<Passed>) -> Result<Self, BindError> {
        let shares = descriptors::shares(config.max_threads);
        let (listening, first) = Listening::passed(shares.workers, config, sockets)?;
        Ok(Self::new(config, shares, listening, first))
    }

    fn new(config: &Config, shares: Shares, listening: Listening, first: Move) -> Self {
        let gate = Gate::new(Rules::of(config));
        let turned_away = shares.turned_away;
        Self { listening, first, settings: config.into(), gate, turned_away }
    }

    /// The addresses listened on, with their actual port.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listening.addresses()
    }

    /// Starts the workers.
    pub fn start(
        self,
        services: &Services,
        stats: &Arc<Stats>,
        log: Option<&AccessLog>,
    ) -> Result<Server, StartError> {
        let (phase, _) = watch::channel(Phase::Serving);
        let limit_reached = CancellationToken::new();
        let mut crews = Vec::new();
        let mut threads = Vec::new();
        for (number, sockets) in self.first.for_each_worker().enumerate() {
            let worker = Worker::new(
                Edition::new(0, self.settings, services),
                stats.tally(number),
                log.map(AccessLog::recorder),
                Arc::clone(&self.gate),
                self.turned_away,
            );
            let (orders, received) = mpsc::unbounded_channel();
            crews.push(orders);
            let crew = Crew {
                worker: Arc::new(worker),
                limit_reached: limit_reached.clone(),
                phase: phase.subscribe(),
                orders: received,
            };
            let runtime = runtime(&crew.worker).map_err(StartError::Worker)?;
            let worker = Arc::clone(&crew.worker);
            let thread = thread::Builder::new()
                .name(format!("worker-{number}"))
                .spawn(move || {
                    runtime.block_on(crew.run(sockets));
                    // A thread that waits for a disk must not keep the server from ending.
                    runtime.shutdown_background();
                    // What was cut is noted just now; a thread that still waits for a disk may keep
                    // the worker beyond the end of this one.
                    worker.record(crate::log::Recorder::flush);
                })
                .map_err(StartError::Worker)?;
            threads.push(thread);
        }
        let Self { listening, gate, .. } = self;
        let stats = Arc::clone(stats);
        Ok(Server { phase, limit_reached, crews, threads, stats, listening, gate, edition: 0 })
    }
}

/// An event loop for one worker thread.
fn runtime(worker: &Arc<Worker>) -> io::Result<Runtime> {
    // The event loop cannot say that it got no thread; a thread of our own can.
    if thread::Builder::new().spawn(|| ())?.join().is_err() {
        return Err(io::ErrorKind::Other.into());
    }
    let worker = Arc::clone(worker);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .max_blocking_threads(BLOCKING_THREADS)
        .thread_keep_alive(Duration::from_secs(u32::MAX.into()))
        .on_thread_park(move || {
            timing::settle(&worker.tally);
            worker.record(crate::log::Recorder::flush);
        })
        .on_thread_unpark(clock::has_aged)
        .build()?;
    // With one thread that may block there is always one to wait for; without any, a system that
    // has no more threads to give would make every use of the disk panic.
    runtime.spawn_blocking(|| ());
    Ok(runtime)
}

/// Tells whether the workers of a server do not hang.
#[derive(Clone)]
pub struct Pulse {
    crews: Vec<mpsc::UnboundedSender<Order>>,
}

impl Pulse {
    /// Resolves when each worker has turned its event loop, or has nothing to accept any more.
    pub async fn beat(&self) {
        let (done, mut all_done) = mpsc::channel(1);
        for crew in &self.crews {
            let _ = crew.send(Order::Pulse(done.clone()));
        }
        drop(done);
        let _ = all_done.recv().await;
    }
}

/// A running server.
pub struct Server {
    phase: watch::Sender<Phase>,
    limit_reached: CancellationToken,
    crews: Vec<mpsc::UnboundedSender<Order>>,
    threads: Vec<JoinHandle<()>>,
    stats: Arc<Stats>,
    listening: Listening,
    gate: Arc<Gate>,
    /// Number of the last one.
    edition: u64,
}

impl Server {
    /// Resolves when `accept_limit` connections have been accepted.
    pub fn accept_limit_reached(&self) -> impl Future<Output = ()> + use<> {
        self.limit_reached.clone().cancelled_owned()
    }

    /// The addresses listened on, with their actual port.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listening.addresses()
    }

    /// Whether it listens on sockets that were passed to it, wherever the configuration says.
    pub fn is_passed(&self) -> bool {
        self.listening.is_passed()
    }

    /// A look at whether the workers do not hang.
    pub fn pulse(&self) -> Pulse {
        Pulse { crews: self.crews.clone() }
    }

    /// The same, and those that only send on to them.
    pub fn listened_on(&self) -> Vec<(Role, SocketAddr)> {
        self.listening.all()
    }

    /// Opens what another configuration listens on and this one does not. Nobody is let in there
    /// before [`turn_to`](Self::turn_to).
    pub fn prepare(&self, config: &Config) -> Result<Move, BindError> {
        self.listening.prepare(config)
    }

    /// Serves as another configuration says, from the next request and the next connection on.
    /// Sockets that both listen on stay open; who waits at one that is closed is served. Resolves
    /// when every worker has taken to it.
    pub async fn turn_to(
        &mut self,
        config: &Config,
        prepared: Move,
        services: &Services,
        log: Option<&AccessLog>,
    ) {
        self.edition += 1;
        self.gate.turn_to(Rules::of(config));
        self.listening.moved(&prepared);
        let closed = prepared.closed.clone();
        let turned = prepared.turned.clone();
        let (done, mut all_done) = mpsc::channel::<()>(1);
        for (crew, opened) in self.crews.iter().zip(prepared.for_each_worker()) {
            let order = Turn {
                edition: Edition::new(self.edition, config.into(), services),
                recorder: log.map(AccessLog::recorder),
                opened,
                closed: closed.clone(),
                turned: turned.clone(),
                done: done.clone(),
            };
            // A worker that is gone has nothing to serve.
            let _ = crew.send(Order::Turn(Box::new(order)));
        }
        drop(done);
        let _ = all_done.recv().await;
    }

    /// Says to those who ask for its health that it is about to stop.
    pub fn announce_end(&self) {
        self.stats.announce_end();
    }

    /// Closes the listening sockets and the idle connections; the others finish their request.
    pub fn drain(&self) {
        self.stats.close();
        self.phase.send_replace(Phase::Draining);
    }

    /// Resolves when the last connection has ended after [`drain`](Self::drain).
    pub async fn drained(&self) {
        self.phase.closed().await;
    }

    /// Cuts what is still open and waits for the workers.
    pub fn end(self) {
        self.phase.send_replace(Phase::Ended);
        for thread in self.threads {
            if thread.join().is_err() {
                tracing::error!("a worker thread panicked");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_worker_that_hangs_is_enough_for_no_pulse() {
        let (crew, mut orders) = mpsc::unbounded_channel();
        let (busy, mut unread) = mpsc::unbounded_channel();
        let (gone, _) = mpsc::unbounded_channel();
        let pulse = Pulse { crews: vec![crew, busy, gone] };
        let mut beat = std::pin::pin!(pulse.beat());
        let soon = tokio::time::timeout(Duration::ZERO, beat.as_mut()).await;
        assert!(soon.is_err());
        drop(orders.recv().await);
        let soon = tokio::time::timeout(Duration::ZERO, beat.as_mut()).await;
        assert!(soon.is_err());
        drop(unread.recv().await);
        beat.await;
    }
}
