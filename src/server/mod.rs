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
mod outbox;
mod pieces;
mod queue;
mod reply;
mod request_body;
mod rewound;
mod socket;
mod timers;
mod timing;
mod transport;
mod worker;

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;
use std::{fmt, io};

use tokio::runtime::Runtime;
use tokio::sync::{mpsc, watch};

use self::gate::{Gate, GateOptions};
pub use self::listener::BindError;
use self::worker::Worker;
use crate::config::Config;
use crate::descriptors;
use crate::http1::{HeadError, Limits};
use crate::log::AccessLog;
use crate::site::Site;
use crate::stats::{Stats, StatsOptions};
use crate::tls::Tls;

/// Threads that may wait for a disk, per worker.
const BLOCKING_THREADS: usize = 64;

/// What every connection goes by.
#[derive(Clone, Copy, Debug)]
struct Settings {
    head_limits: Limits,
    header_timeout: Duration,
    request_timeout: Duration,
    keep_alive_timeout: Duration,
    keep_alive_requests: u64,
    /// Whether HTTP/2 is spoken with clients that begin with it.
    http2: bool,
}

impl From<&Config> for Settings {
    fn from(config: &Config) -> Self {
        let head_bytes = u16::try_from(config.max_header_size).unwrap_or(u16::MAX);
        Self {
            head_limits: Limits {
                head_bytes,
                // A target that leaves no room for fields is too long by itself.
                target_bytes: head_bytes / 2,
                ..Limits::default()
            },
            header_timeout: config.header_timeout,
            request_timeout: config.request_timeout,
            keep_alive_timeout: config.keep_alive_timeout,
            keep_alive_requests: config.keep_alive_requests,
            http2: config.enable_http2,
        }
    }
}

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
    let workers = worker_count(config.max_threads);
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

/// What is served.
#[derive(Clone)]
pub struct Services {
    /// The site.
    pub site: Arc<Site>,
    /// What its connections are encrypted with, if they are.
    pub tls: Option<Arc<Tls>>,
    /// What is at the port where plain requests are sent on to https.
    pub redirect: Option<Arc<Site>>,
}

/// What is behind a listening socket.
#[derive(Clone)]
struct Service {
    site: Arc<Site>,
    tls: Option<Arc<Tls>>,
}

/// Which of the [`Services`] a socket is for.
#[derive(Clone, Copy)]
enum Role {
    Site,
    Redirect,
}

impl Services {
    fn behind(&self, role: Role) -> Service {
        let site = match role {
            Role::Site => return Service { site: Arc::clone(&self.site), tls: self.tls.clone() },
            Role::Redirect => self.redirect.as_ref().unwrap_or(&self.site),
        };
        Service { site: Arc::clone(site), tls: None }
    }
}

/// A server whose sockets listen; connections wait in their queues until [`start`](Self::start).
pub struct Bound {
    /// Those of each worker.
    sockets: Vec<Vec<(Role, std::net::TcpListener)>>,
    addresses: Vec<SocketAddr>,
    settings: Settings,
    gate: Arc<Gate>,
}

impl Bound {
    /// Listens on every address of the configuration. With port 0 all of them get the one port
    /// that the first found free.
    pub fn bind(config: &Config) -> Result<Self, StartError> {
        let workers = worker_count(config.max_threads);
        let options = listener::Options {
            backlog: i32::try_from(config.connection_queue).unwrap_or(i32::MAX),
            workers,
            only_v6: config.host.iter().any(std::net::IpAddr::is_ipv4),
        };
        let mut sockets: Vec<_> = (0..workers).map(|_| Vec::new()).collect();
        let mut addresses = Vec::new();
        let mut port = config.port;
        for &host in &config.host {
            let bound =
                listener::bind(SocketAddr::new(host, port), options).map_err(StartError::Bind)?;
            let address = bound[0].local_addr().map_err(StartError::Worker)?;
            port = address.port();
            addresses.push(address);
            for (worker, socket) in sockets.iter_mut().zip(bound) {
                worker.push((Role::Site, socket));
            }
            if let Some(port) = config.ssl_redirect_port.filter(|_| config.enable_ssl) {
                let bound = listener::bind(SocketAddr::new(host, port), options)
                    .map_err(StartError::Bind)?;
                for (worker, socket) in sockets.iter_mut().zip(bound) {
                    worker.push((Role::Redirect, socket));
                }
            }
        }
        let gate = Gate::new(GateOptions {
            allowed: config.address_filter.clone(),
            max_connections: match config.max_connections {
                0 => descriptors::shares().connections,
                some => some,
            },
            max_connections_per_ip: config.max_connections_per_ip,
            accept_limit: config.accept_limit,
        });
        Ok(Self { sockets, addresses, settings: config.into(), gate })
    }

    /// The addresses listened on, with their actual port.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// As many connections as may be open.
    pub fn max_connections(&self) -> usize {
        self.gate.max_connections()
    }

    /// Starts the workers.
    pub fn start(
        self,
        services: &Services,
        stats: &Arc<Stats>,
        log: Option<&AccessLog>,
    ) -> Result<Server, StartError> {
        let (phase, _) = watch::channel(Phase::Serving);
        let (limit_reached, limit) = mpsc::channel(1);
        let mut threads = Vec::new();
        for (number, sockets) in self.sockets.into_iter().enumerate() {
            let recorder = log.map(AccessLog::recorder);
            let worker =
                Worker::new(self.settings, stats.tally(number), recorder, Arc::clone(&self.gate));
            let sockets: Vec<_> =
                sockets.into_iter().map(|(role, socket)| (services.behind(role), socket)).collect();
            let crew = accept::Crew {
                worker: Arc::new(worker),
                limit_reached: limit_reached.clone(),
                phase: phase.subscribe(),
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
        Ok(Server { phase, limit, threads, stats: Arc::clone(stats) })
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

fn worker_count(wanted: usize) -> usize {
    match wanted {
        0 => thread::available_parallelism().map_or(1, usize::from),
        some => some,
    }
}

/// A running server.
pub struct Server {
    phase: watch::Sender<Phase>,
    limit: mpsc::Receiver<()>,
    threads: Vec<JoinHandle<()>>,
    stats: Arc<Stats>,
}

impl Server {
    /// Resolves when `accept_limit` connections have been accepted.
    pub async fn accept_limit_reached(&mut self) {
        if self.limit.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
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
