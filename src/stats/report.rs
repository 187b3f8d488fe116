//! From what was counted to what is told.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

use arc_swap::ArcSwap;
use tokio::sync::watch;

use super::board::{Board, shown_client};
use super::events::Refused;
use super::first;
use super::flight::oldest;
use super::health::{Signs, examine, with_configuration};
use super::history::Range;
use super::latency::Distribution;
use super::observed::{Disks, Observed};
use super::process::Usage;
use super::snapshot::{
    AccessLogState, Cache, Connections, FORMAT, History, LimitsHit, MAX_IN_FLIGHT, MAX_TOP,
    Monitoring, OpenClient, Recent, Requests, ServerInfo, Snapshot, State, Tls, Traffic, Uploads,
};
use super::tally::Tally;
use super::time::rfc3339;
use super::totals::{self, Totals};

/// What a [`Stats`] needs to know.
#[derive(Clone, Copy, Debug)]
pub struct StatsOptions {
    /// Worker threads.
    pub workers: usize,
    /// What may be wrong with a request's head, in the order of the numbers that
    /// [`Answered::malformed`](super::Answered::malformed) is.
    pub malformed: &'static [&'static str],
}

/// What the server does and did. It outlives the site: a configuration that changes loses no count.
pub struct Stats {
    tallies: Box<[Arc<Tally>]>,
    malformed: &'static [&'static str],
    begun: Instant,
    started: SystemTime,
    info: ArcSwap<ServerInfo>,
    board: Mutex<Board>,
    /// Seconds that are history.
    ticked: AtomicU64,
    draining: AtomicBool,
    closed: AtomicBool,
    /// The number of seconds counted; whoever watches it is told of each.
    seconds: watch::Sender<u64>,
}

impl Stats {
    /// Nothing has happened yet.
    pub fn new(options: StatsOptions) -> Arc<Self> {
        let StatsOptions { workers, malformed } = options;
        let tallies: Box<[_]> =
            (0..workers).map(|_| Arc::new(Tally::new(malformed.len()))).collect();
        let (begun, started) = (Instant::now(), SystemTime::now());
        Arc::new(Self {
            board: Mutex::new(Board::new(&tallies, begun, started)),
            tallies,
            malformed,
            begun,
            started,
            info: ArcSwap::default(),
            ticked: AtomicU64::new(0),
            draining: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            seconds: watch::Sender::new(0),
        })
    }

    /// Where a worker counts.
    pub fn tally(&self, worker: usize) -> Arc<Tally> {
        Arc::clone(&self.tallies[worker % self.tallies.len()])
    }

    /// Says who is counting, and what came of the configuration last read: health agrees at once.
    pub fn introduce(&self, info: ServerInfo) {
        let mut board = self.board();
        let health = with_configuration(&board.health, info.configuration.fault.as_deref());
        // Under the lock: what is told of both is told of the same moment.
        self.info.store(Arc::new(info));
        board.take(health);
    }

    /// The server is about to stop.
    pub fn announce_end(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// The server takes no more requests: nobody is told of any more seconds.
    pub fn close(&self) {
        self.draining.store(true, Ordering::Relaxed);
        self.closed.store(true, Ordering::Relaxed);
        self.seconds.send_modify(|_| {});
    }

    /// Whether it takes no more requests.
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// Whether it is.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Is told of every second, and of the end.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.seconds.subscribe()
    }

    /// Pages that are told.
    pub fn watchers(&self) -> usize {
        self.seconds.receiver_count()
    }

    /// How well the server is, as of the last second or the last configuration.
    pub fn state(&self) -> State {
        self.board().health.state
    }

    /// What the disks look like. To be called every second, as far as the disks answer.
    pub fn look_at_disks(&self, disks: Disks) {
        let mut board = self.board();
        board.disks = disks;
        board.disks_looked_at = Instant::now();
    }

    /// What is known before the first second is over.
    pub fn observe(&self, observed: Observed) {
        self.board().observed = observed;
    }

    /// A second is over: what happened in it becomes history. To be called once a second.
    pub fn tick(&self, observed: Observed) {
        let (now, wall) = (Instant::now(), SystemTime::now());
        let seconds = self.seconds_since_tick(now);
        let totals = Totals::of(&self.tallies);
        let mut board = self.board();
        let usage = Usage::now(&board.usage);
        board.collect(&self.tallies, now, wall);
        board.rings.tick(&totals, &usage, seconds);
        board.usage = usage;
        let unaccepted = totals::total(&self.tallies, |tally| {
            &tally.limits.refusals[Refused::Descriptors as usize]
        });
        let unaccepted = board.unaccepted.note(unaccepted);
        let refused = totals::total(&self.tallies, |tally| {
            &tally.limits.refusals[Refused::Connections as usize]
        });
        let refused = board.refused.note(refused);
        let lost_lines = board.lost_lines.note(observed.dropped_log_lines.unwrap_or(0));
        board.observed = observed;
        let (answers, faults) = last_minute(&board);
        let info = self.info.load();
        let health = examine(&Signs {
            configuration_fault: info.configuration.fault.as_deref(),
            observed: &board.observed,
            disks: &board.disks,
            disks_age: now.saturating_duration_since(board.disks_looked_at),
            usage: &board.usage,
            open_connections: totals.open(),
            refused,
            answers,
            faults,
            lost_lines,
            unaccepted,
            draining: self.is_draining(),
        });
        board.take(health);
        drop(board);
        self.seconds.send_modify(|seconds| *seconds += 1);
    }

    /// What happened in the steps of a range.
    pub fn history(&self, range: Range) -> History {
        self.board().rings.history(range, SystemTime::now())
    }

    /// Everything, now.
    pub fn snapshot(&self) -> Snapshot {
        let (now, wall) = (Instant::now(), SystemTime::now());
        let mut board = self.board();
        board.collect(&self.tallies, now, wall);
        // Before the totals: what is shown of these is in them.
        let mut flights = Vec::new();
        self.tallies.iter().for_each(|tally| tally.flights.collect(&mut flights));
        let in_flight = oldest(flights, MAX_IN_FLIGHT, now);
        let totals = Totals::of(&self.tallies);
        let recent = recent(&board);
        let cpu = board.rings.latest().next().map(|step| f64::from(step.cpu));
        let mut process = board.usage.shown(cpu);
        process.disk_free_bytes = board.disks.root.map(|space| space.free);
        process.disk_total_bytes = board.disks.root.map(|space| space.total);
        let observed = &board.observed;
        Snapshot {
            format: FORMAT,
            time: rfc3339(wall),
            server: self.server(now),
            health: board.health.clone(),
            requests: Requests {
                total: totals.requests(),
                by_status: totals.by_status(),
                by_method: totals::methods(&self.tallies),
                by_protocol: totals::protocols(&self.tallies),
                encrypted: totals::total(&self.tallies, |tally| &tally.visitors.encrypted),
                in_flight: totals.in_flight,
            },
            recent,
            traffic: Traffic {
                received_content_bytes: totals.received[1],
                received_head_bytes: totals.received[0],
                sent_content_bytes: totals.sent[1],
                sent_head_bytes: totals.sent[0],
            },
            time_to_first_byte: totals.first_byte.latency(),
            duration: Distribution::of(self.tallies.iter().map(|tally| &tally.whole)).latency(),
            connections: Connections {
                total: totals.connections,
                open: totals.open(),
                limit: observed.max_connections,
                states: totals.states,
                clients: self.clients(),
            },
            in_flight,
            top: board.top(self.malformed),
            cache: observed.cache.clone().map(|cache| Cache {
                hits: totals.cache[0] + totals.cache[1],
                revalidated: totals.cache[1],
                misses: totals.cache[2],
                ..cache
            }),
            uploads: observed.uploaded.map(|uploaded| Uploads {
                running: totals.receiving,
                stored_files: uploaded.files,
                stored_bytes: uploaded.bytes,
                refused: totals::by_status(&self.tallies, |tally| &tally.visitors.refused_content),
                free_bytes: board.disks.uploads.map(|space| space.free),
            }),
            tls: observed.certificates.clone().map(|certificates| self.tls(certificates)),
            limits: self.limits(&totals),
            process,
            access_log: observed
                .dropped_log_lines
                .map(|dropped_lines| AccessLogState { dropped_lines }),
            monitoring: self.monitoring(),
        }
    }

    /// Whole seconds since the last tick, at least one.
    fn seconds_since_tick(&self, now: Instant) -> u32 {
        // Rounded, so that a thread that wakes a little early or late counts right.
        let passed = (now.saturating_duration_since(self.begun).as_millis() + 500) / 1000;
        let passed = u64::try_from(passed).unwrap_or(u64::MAX);
        let ticked = self.ticked.load(Ordering::Relaxed);
        let seconds = passed.saturating_sub(ticked).max(1);
        self.ticked.store(ticked + seconds, Ordering::Relaxed);
        u32::try_from(seconds).unwrap_or(u32::MAX)
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn server(&self, now: Instant) -> ServerInfo {
        ServerInfo {
            started: rfc3339(self.started),
            uptime_seconds: now.saturating_duration_since(self.begun).as_secs(),
            workers: self.tallies.len(),
            draining: self.is_draining(),
            ..ServerInfo::clone(&self.info.load())
        }
    }

    /// The clients with the most connections open.
    fn clients(&self) -> Vec<OpenClient> {
        let mut all: HashMap<IpAddr, u64> = HashMap::new();
        for tally in &self.tallies {
            for (client, open) in tally.clients().iter() {
                *all.entry(*client).or_insert(0) += open;
            }
        }
        let most = first(all, MAX_TOP, |(a, one), (b, two)| two.cmp(one).then_with(|| a.cmp(b)));
        let shown = most.into_iter();
        shown.map(|(client, open)| OpenClient { address: shown_client(client), open }).collect()
    }

    fn tls(&self, certificates: Vec<super::snapshot::Certificate>) -> Tls {
        let tallies = &self.tallies;
        let version = |at: usize| totals::total(tallies, |tally| &tally.handshakes.versions[at]);
        let versions = [("TLSv1.2", version(0)), ("TLSv1.3", version(1))];
        Tls {
            handshakes: version(0) + version(1),
            resumed: totals::total(tallies, |tally| &tally.handshakes.resumed),
            versions: versions.into_iter().map(|(name, count)| (name.to_owned(), count)).collect(),
            failures: totals::failed_handshakes(tallies),
            certificates,
        }
    }

    fn limits(&self, totals: &Totals) -> LimitsHit {
        let answered = |status: usize| totals.statuses[status - 100];
        LimitsHit {
            timeouts: totals::timeouts(&self.tallies),
            refused_connections: totals::refusals(&self.tallies),
            malformed_requests: totals::named(&self.tallies, self.malformed, |tally| {
                &tally.malformed
            }),
            aborted_responses: totals::total(&self.tallies, |tally| &tally.limits.aborted),
            content_too_large: answered(413),
            uri_too_long: answered(414),
            range_not_satisfiable: answered(416),
            head_too_large: answered(431),
        }
    }

    fn monitoring(&self) -> Monitoring {
        Monitoring {
            requests: totals::total(&self.tallies, |tally| &tally.monitoring.requests),
            connections: totals::total(&self.tallies, |tally| &tally.monitoring.connections),
            sent_content_bytes: totals::total(&self.tallies, |tally| {
                &tally.monitoring.sent_content
            }),
            live_pages: self.watchers() as u64,
        }
    }
}

impl fmt::Debug for Stats {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Stats")
            .field("workers", &self.tallies.len())
            .finish_non_exhaustive()
    }
}

/// Answers of the last minute, and how many of them failed by the server's fault.
fn last_minute(board: &Board) -> (u64, u64) {
    board
        .rings
        .latest()
        .take(60)
        .fold((0, 0), |(answers, faults), step| (answers + step.answers(), faults + step.faults))
}

#[expect(clippy::cast_precision_loss, reason = "rates and ratios")]
fn recent(board: &Board) -> Recent {
    let Some(last) = board.rings.latest().next() else { return Recent::default() };
    let minute = || board.rings.latest().take(60);
    let (answers, _) = last_minute(board);
    let server_errors: u64 = minute().map(|step| u64::from(step.requests[4])).sum();
    let client_errors: u64 = minute().map(|step| u64::from(step.requests[3])).sum();
    let hits: u64 = minute().map(|step| u64::from(step.cache_hits)).sum();
    let misses: u64 = minute().map(|step| u64::from(step.cache_misses)).sum();
    let ratio = |part: u64, whole: u64| if whole == 0 { 0.0 } else { part as f64 / whole as f64 };
    Recent {
        requests_per_second: last.answers() as f64,
        requests_per_second_1m: ratio(answers, minute().count() as u64),
        received_bytes_per_second: last.received as f64,
        sent_bytes_per_second: last.sent as f64,
        connections_per_second: f64::from(last.accepted),
        server_error_ratio_1m: ratio(server_errors, answers),
        client_error_ratio_1m: ratio(client_errors, answers),
        cache_hit_ratio_1m: (hits + misses > 0).then(|| ratio(hits, hits + misses)),
        time_to_first_byte_1m: board.rings.last_minute(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::snapshot::Configuration;

    fn stats() -> Arc<Stats> {
        let stats = Stats::new(StatsOptions { workers: 1, malformed: &[] });
        stats.tick(Observed { max_connections: 100, ..Observed::default() });
        stats
    }

    #[test]
    fn a_client_beyond_its_own_limit_is_no_fault_of_the_server() {
        let stats = stats();
        for (why, expected) in
            [(Refused::ConnectionsPerIp, State::Green), (Refused::Connections, State::Amber)]
        {
            stats.tally(0).refused(why);
            stats.tick(Observed { max_connections: 100, ..Observed::default() });
            assert_eq!(stats.state(), expected, "{why:?}");
        }
        let refused = stats.snapshot().limits.refused_connections;
        assert_eq!((refused["connections"], refused["connections_per_ip"]), (1, 1));
    }

    #[test]
    fn health_and_the_fault_of_the_configuration_agree_without_a_tick() {
        let stats = stats();
        for fault in [Some("no such key".to_owned()), None] {
            let configuration = Configuration { fault: fault.clone(), ..Configuration::default() };
            stats.introduce(ServerInfo { configuration, ..ServerInfo::default() });
            let expected = if fault.is_some() { State::Amber } else { State::Green };
            assert_eq!((stats.state(), stats.snapshot().health.state), (expected, expected));
        }
    }
}
