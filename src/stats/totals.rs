//! The counts of all workers together, at one moment.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::counter::Counter;
use super::events::{HandshakeFailure, Refused, Timeout};
use super::latency::Distribution;
use super::snapshot::ConnectionStates;
use super::tally::{METHODS, PROTOCOLS, STATUSES, Tally};

/// What the workers have counted.
#[derive(Clone)]
pub(super) struct Totals {
    pub(super) statuses: Box<[u64; STATUSES]>,
    pub(super) received: [u64; 2],
    pub(super) sent: [u64; 2],
    pub(super) cache: [u64; 3],
    /// Connections of visitors.
    pub(super) connections: u64,
    pub(super) states: ConnectionStates,
    pub(super) in_flight: u64,
    pub(super) receiving: u64,
    pub(super) first_byte: Distribution,
}

impl Totals {
    pub(super) fn of(tallies: &[Arc<Tally>]) -> Self {
        let sum = |count: fn(&Tally) -> &Counter| total(tallies, count);
        let mut statuses = Box::new([0; STATUSES]);
        for tally in tallies {
            for (sum, count) in statuses.iter_mut().zip(&tally.visitors.statuses) {
                *sum += count.get();
            }
        }
        let states = states(tallies);
        let flights = tallies.iter().map(|tally| tally.flights.count());
        let (in_flight, receiving) =
            flights.fold((0, 0), |(all, some), (more, also)| (all + more, some + also));
        Self {
            statuses,
            received: [
                sum(|tally| &tally.visitors.received_head),
                sum(|tally| &tally.visitors.received_content),
            ],
            sent: [
                sum(|tally| &tally.visitors.sent_head),
                sum(|tally| &tally.visitors.sent_content),
            ],
            cache: [0, 1, 2]
                .map(|use_of| tallies.iter().map(|tally| tally.visitors.cache[use_of].get()).sum()),
            connections: sum(|tally| &tally.connections.known),
            states,
            in_flight,
            receiving,
            first_byte: Distribution::of(tallies.iter().map(|tally| &tally.first_byte)),
        }
    }

    /// Answers of a class of statuses: 1 to 5.
    pub(super) fn class(&self, class: usize) -> u64 {
        self.statuses[(class - 1) * 100..class * 100].iter().sum()
    }

    /// Those that are not zero.
    pub(super) fn by_status(&self) -> BTreeMap<u16, u64> {
        (100..).zip(self.statuses.iter().copied()).filter(|(_, count)| *count > 0).collect()
    }

    /// Server errors that are the server's: not those that say what a client may not send.
    pub(super) fn faults(&self) -> u64 {
        const NOT_IMPLEMENTED: usize = 501;
        const VERSION_NOT_SUPPORTED: usize = 505;
        let asked_for = [NOT_IMPLEMENTED, VERSION_NOT_SUPPORTED];
        self.class(5) - asked_for.iter().map(|status| self.statuses[status - 100]).sum::<u64>()
    }

    pub(super) fn requests(&self) -> u64 {
        self.statuses.iter().sum()
    }

    pub(super) fn open(&self) -> u64 {
        let ConnectionStates { starting, reading, answering, idle, http2, closing } = self.states;
        starting + reading + answering + idle + http2 + closing
    }
}

/// One counter, over all workers.
pub(super) fn total(tallies: &[Arc<Tally>], count: impl Fn(&Tally) -> &Counter) -> u64 {
    tallies.iter().map(|tally| count(tally).get()).sum()
}

/// Named counters over all workers, those that are not zero.
pub(super) fn named<'t>(
    tallies: &'t [Arc<Tally>],
    names: &[&str],
    counts: impl Fn(&'t Tally) -> &'t [Counter],
) -> BTreeMap<String, u64> {
    let mut all = all_named(tallies, names, counts);
    all.retain(|_, count| *count > 0);
    all
}

/// Named counters over all workers.
fn all_named<'t>(
    tallies: &'t [Arc<Tally>],
    names: &[&str],
    counts: impl Fn(&'t Tally) -> &'t [Counter],
) -> BTreeMap<String, u64> {
    let sum = |at: usize| tallies.iter().map(|tally| counts(tally)[at].get()).sum::<u64>();
    names.iter().enumerate().map(|(at, name)| ((*name).to_owned(), sum(at))).collect()
}

/// Counters by status, those that are not zero.
pub(super) fn by_status<'t>(
    tallies: &'t [Arc<Tally>],
    counts: impl Fn(&'t Tally) -> &'t [Counter],
) -> BTreeMap<u16, u64> {
    let sum = |at: usize| tallies.iter().map(|tally| counts(tally)[at].get()).sum::<u64>();
    let all = (0..STATUSES).zip(100..).map(|(at, status)| (status, sum(at)));
    all.filter(|(_, count)| *count > 0).collect()
}

fn states(tallies: &[Arc<Tally>]) -> ConnectionStates {
    // While a connection goes from one state to the next it may be seen in none: then a gauge is one
    // too low, but never below nothing.
    let sum = |at: usize| {
        tallies
            .iter()
            .map(|tally| tally.connections.states[at].get().cast_signed().max(0))
            .sum::<i64>()
    };
    let sum = |at| sum(at).cast_unsigned();
    ConnectionStates {
        starting: sum(0),
        reading: sum(1),
        answering: sum(2),
        idle: sum(3),
        http2: sum(4),
        closing: sum(5),
    }
}

pub(super) fn methods(tallies: &[Arc<Tally>]) -> BTreeMap<String, u64> {
    named(tallies, &METHODS, |tally| &tally.visitors.methods)
}

pub(super) fn protocols(tallies: &[Arc<Tally>]) -> BTreeMap<String, u64> {
    named(tallies, &PROTOCOLS, |tally| &tally.visitors.protocols)
}

pub(super) fn timeouts(tallies: &[Arc<Tally>]) -> BTreeMap<String, u64> {
    all_named(tallies, Timeout::ALL, |tally| &tally.limits.timeouts)
}

pub(super) fn refusals(tallies: &[Arc<Tally>]) -> BTreeMap<String, u64> {
    all_named(tallies, Refused::ALL, |tally| &tally.limits.refusals)
}

pub(super) fn failed_handshakes(tallies: &[Arc<Tally>]) -> BTreeMap<String, u64> {
    named(tallies, HandshakeFailure::ALL, |tally| &tally.handshakes.failures)
}
