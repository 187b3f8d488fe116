//! What is remembered beside the counts: history, lists, and what others found out.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::first;
use super::history::Rings;
use super::observed::{Disks, Observed};
use super::process::Usage;
use super::sample::{Error, Path, Slow};
use super::snapshot::{Health, MAX_ERRORS, MAX_TOP, RecentError, SlowRequest, State, TopEntry};
use super::tally::Tally;
use super::time::rfc3339;
use super::top::Top;
use super::totals::Totals;

/// How long one set of lists is filled: what is shown is the current one and the one before.
const TURN: Duration = Duration::from_mins(10);

/// What is remembered.
pub(super) struct Board {
    pub(super) rings: Rings,
    pub(super) observed: Observed,
    pub(super) disks: Disks,
    pub(super) disks_looked_at: Instant,
    pub(super) usage: Usage,
    pub(super) health: Health,
    pub(super) lost_lines: LastMinute,
    /// Times that no connection could be accepted.
    pub(super) unaccepted: LastMinute,
    /// Connections refused since there was no room for anybody.
    pub(super) refused: LastMinute,
    lists: Lists,
    previous: Lists,
    errors: Vec<Error>,
    /// Those of 500 and above.
    faults: Vec<Error>,
}

/// Who and what was asked most since a time.
#[derive(Clone)]
struct Lists {
    since: SystemTime,
    begun: Instant,
    is_estimate: bool,
    paths: Top<Vec<u8>>,
    clients: Top<IpAddr>,
    slowest: Vec<Slow>,
}

impl Lists {
    fn new(since: SystemTime, begun: Instant) -> Self {
        Self {
            since,
            begun,
            is_estimate: false,
            paths: Top::default(),
            clients: Top::default(),
            slowest: Vec::new(),
        }
    }
}

/// How much a count grew in the last minute.
#[derive(Default)]
pub(super) struct LastMinute(VecDeque<u64>);

impl LastMinute {
    /// Notes how much it is now, once a second; how much of that came in the last minute.
    pub(super) fn note(&mut self, now: u64) -> u64 {
        self.0.push_back(now);
        if self.0.len() > 61 {
            self.0.pop_front();
        }
        now.saturating_sub(self.0.front().copied().unwrap_or(0))
    }
}

impl Board {
    pub(super) fn new(tallies: &[Arc<Tally>], now: Instant, wall: SystemTime) -> Self {
        let usage = Usage::now(&Usage::default());
        Self {
            rings: Rings::new(&Totals::of(tallies), &usage),
            observed: Observed::default(),
            disks: Disks::default(),
            disks_looked_at: now,
            usage,
            health: Health::default(),
            lost_lines: LastMinute::default(),
            unaccepted: LastMinute::default(),
            refused: LastMinute::default(),
            lists: Lists::new(wall, now),
            previous: Lists::new(wall, now),
            errors: Vec::new(),
            faults: Vec::new(),
        }
    }

    /// Notes how well the server is, and tells of a state that is new.
    pub(super) fn take(&mut self, health: Health) {
        if health.state != self.health.state {
            tell(&health);
        }
        self.health = health;
    }

    /// Takes what the workers have written down.
    pub(super) fn collect(&mut self, tallies: &[Arc<Tally>], now: Instant, wall: SystemTime) {
        if now.saturating_duration_since(self.lists.begun) >= TURN {
            self.previous = std::mem::replace(&mut self.lists, Lists::new(wall, now));
        }
        let lists = &mut self.lists;
        let is_full = lists.slowest.len() >= MAX_TOP;
        let slow_from = lists.slowest.last().filter(|_| is_full).map(|slow| slow.first_byte);
        for tally in tallies {
            let notes = tally.samples.collect(slow_from.unwrap_or_default());
            let (weight, requests) = notes.requests();
            lists.is_estimate |= weight > 1 && !requests.is_empty();
            for request in requests {
                let bytes = request.bytes.saturating_mul(weight);
                lists.paths.add(&request.path.as_bytes().to_vec(), weight, bytes);
                lists.clients.add(&request.client, weight, bytes);
            }
            lists.slowest.extend(notes.slow);
            self.errors.extend(notes.errors);
            self.faults.extend(notes.faults);
        }
        lists.slowest = slowest_of(lists.slowest.drain(..));
        keep_latest(&mut self.errors, MAX_ERRORS);
        keep_latest(&mut self.faults, MAX_ERRORS / 2);
    }

    pub(super) fn top(&self, malformed: &[&str]) -> super::snapshot::Top {
        let slowest = slowest_of(self.previous.slowest.iter().chain(&self.lists.slowest).copied());
        // However many others there were, the server's own have their places.
        let others = self.errors.len().saturating_sub(MAX_ERRORS - self.faults.len());
        let errors = self.errors[others..].iter().chain(&self.faults).rev();
        let errors = first(errors, MAX_ERRORS, |one, two| two.time.cmp(&one.time));
        let entry = |name: String, count: super::top::Count| TopEntry {
            name,
            requests: count.requests,
            bytes: count.bytes,
        };
        let paths = self.lists.paths.first_with(&self.previous.paths, MAX_TOP).into_iter();
        let clients = self.lists.clients.first_with(&self.previous.clients, MAX_TOP).into_iter();
        super::snapshot::Top {
            since: rfc3339(self.previous.since),
            is_estimate: self.lists.is_estimate || self.previous.is_estimate,
            paths: paths.map(|(path, count)| entry(Path::new(&path).shown(), count)).collect(),
            clients: clients.map(|(client, count)| entry(shown_client(client), count)).collect(),
            slowest: slowest.iter().map(shown_slow).collect(),
            errors: errors.iter().map(|error| shown_error(error, malformed)).collect(),
        }
    }
}

fn tell(health: &Health) {
    let wrong = health.checks.iter().filter(|check| check.state != State::Green);
    let reasons: Vec<_> = wrong.map(|check| format!("{}: {}", check.name, check.text)).collect();
    let reasons = reasons.join("; ");
    match health.state {
        State::Green => tracing::info!("all is well again"),
        State::Amber => tracing::warn!("something should be looked at: {reasons}"),
        State::Red => tracing::error!("the server does not do what it is there for: {reasons}"),
    }
}

/// A client as it is counted: IPv6 is its network.
pub(super) fn shown_client(client: IpAddr) -> String {
    match client {
        IpAddr::V6(six) if !six.is_loopback() => format!("{six}/64"),
        _ => client.to_string(),
    }
}

fn keep_latest(errors: &mut Vec<Error>, most: usize) {
    *errors = first(errors.drain(..).rev(), most, |one, two| two.time.cmp(&one.time));
    errors.reverse();
}

fn slowest_of(all: impl Iterator<Item = Slow>) -> Vec<Slow> {
    first(all, MAX_TOP, |one, two| two.first_byte.cmp(&one.first_byte))
}

fn shown_slow(slow: &Slow) -> SlowRequest {
    SlowRequest {
        time: rfc3339(slow.time),
        client: slow.client.to_canonical().to_string(),
        method: slow.method.to_owned(),
        path: slow.path.shown(),
        status: slow.status,
        time_to_first_byte_seconds: slow.first_byte.as_secs_f64(),
        duration_seconds: slow.duration.as_secs_f64(),
        bytes: slow.bytes,
    }
}

fn shown_error(error: &Error, malformed: &[&str]) -> RecentError {
    RecentError {
        time: rfc3339(error.time),
        client: error.client.to_canonical().to_string(),
        method: error.method.unwrap_or("-").to_owned(),
        path: error.path.shown(),
        status: error.status,
        reason: error.malformed.and_then(|way| malformed.get(way)).map(|&name| name.to_owned()),
    }
}
