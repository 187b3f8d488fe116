//! What is counted.

use std::time::Duration;

use super::Latency;

/// The statuses that a three-digit number can be.
const STATUSES: usize = 1000;

/// Why a request has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// No connection, or no agreement on TLS.
    Connect,
    /// The request could not be sent.
    Write,
    /// The connection ended before the answer was complete.
    Read,
    /// It took longer than the timeout.
    Timeout,
    /// What came is no HTTP.
    Protocol,
}

impl Failure {
    /// Every kind.
    pub const ALL: [Self; 5] =
        [Self::Connect, Self::Write, Self::Read, Self::Timeout, Self::Protocol];

    /// Its name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Write => "write",
            Self::Read => "read",
            Self::Timeout => "timeout",
            Self::Protocol => "protocol",
        }
    }
}

/// What one worker has counted, or all of them.
#[derive(Clone, Debug)]
pub struct Tally {
    /// How long each answer took; with a rate, also how long those have waited that never came.
    pub latency: Latency,
    /// Bytes of content, also of answers that were not complete.
    pub bytes: u64,
    /// Connections that were made.
    pub connections: u64,
    /// Requests without an answer when it ended.
    pub unanswered: u64,
    /// How long the one of these has waited that has waited longest.
    pub longest_wait: Duration,
    statuses: Box<[u64]>,
    failures: [u64; Failure::ALL.len()],
    /// What was said of the first of each kind.
    reasons: [Option<String>; Failure::ALL.len()],
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            latency: Latency::default(),
            bytes: 0,
            connections: 0,
            unanswered: 0,
            longest_wait: Duration::ZERO,
            statuses: vec![0; STATUSES].into(),
            failures: Default::default(),
            reasons: Default::default(),
        }
    }
}

impl Tally {
    pub(super) fn answer(&mut self, status: u16, took: Duration) {
        self.latency.add(took);
        if let Some(count) = self.statuses.get_mut(usize::from(status)) {
            *count += 1;
        }
    }

    pub(super) fn failure(&mut self, kind: Failure, reason: &dyn ToString) {
        self.failures[kind as usize] += 1;
        self.reasons[kind as usize].get_or_insert_with(|| reason.to_string());
    }

    /// A request that had no answer when it ended. With a rate it counts as one that took that long,
    /// which is too little; but one that waited for less than any answer took says nothing.
    pub(super) fn unanswered(&mut self, waited: Duration, count: u64, counts: bool) {
        self.unanswered += count;
        self.longest_wait = self.longest_wait.max(waited);
        if counts && self.latency.min().is_none_or(|min| waited > min) {
            self.latency.add_many(waited, count);
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.latency.merge(&other.latency);
        self.bytes += other.bytes;
        self.connections += other.connections;
        self.unanswered += other.unanswered;
        self.longest_wait = self.longest_wait.max(other.longest_wait);
        let statuses = self.statuses.iter_mut().zip(&other.statuses);
        statuses.for_each(|(sum, count)| *sum += count);
        let failures = self.failures.iter_mut().zip(&other.failures);
        failures.for_each(|(sum, count)| *sum += count);
        for (reason, other) in self.reasons.iter_mut().zip(&other.reasons) {
            if reason.is_none() {
                reason.clone_from(other);
            }
        }
    }

    /// Requests that were answered, with whatever status.
    pub fn answers(&self) -> u64 {
        self.statuses.iter().sum()
    }

    /// The statuses that came, each with how often, ascending.
    pub fn statuses(&self) -> impl Iterator<Item = (u16, u64)> {
        (0_u16..)
            .zip(&self.statuses)
            .filter(|(_, count)| **count > 0)
            .map(|(at, count)| (at, *count))
    }

    /// Requests that failed so.
    pub fn failures(&self, kind: Failure) -> u64 {
        self.failures[kind as usize]
    }

    /// Requests that failed in any way.
    pub fn failed(&self) -> u64 {
        self.failures.iter().sum()
    }

    /// What was said of the first that failed so.
    pub fn reason(&self, kind: Failure) -> Option<&str> {
        self.reasons[kind as usize].as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_workers_count_is_added_up() {
        let (mut one, mut other) = (Tally::default(), Tally::default());
        one.answer(200, Duration::from_millis(1));
        other.answer(200, Duration::from_millis(2));
        other.answer(999, Duration::from_millis(3));
        other.failure(Failure::Read, &"reset");
        other.failure(Failure::Read, &"another");
        other.unanswered(Duration::from_secs(1), 1, false);
        one.unanswered(Duration::from_secs(3), 1, true);
        one.unanswered(Duration::from_micros(3), 1, true);
        one.merge(&other);
        assert_eq!(one.statuses().collect::<Vec<_>>(), [(200, 2), (999, 1)]);
        assert_eq!((one.answers(), one.failed(), one.failures(Failure::Read)), (3, 2, 2));
        assert_eq!((one.reason(Failure::Read), one.reason(Failure::Write)), (Some("reset"), None));
        assert_eq!((one.unanswered, one.longest_wait), (3, Duration::from_secs(3)));
        assert_eq!(one.latency.count(), 4);
        for (at, kind) in Failure::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, at);
        }
    }
}
