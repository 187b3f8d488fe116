//! What happened in the last ten minutes, two hours and day: rings of steps of 1, 10 and 60 seconds.

use std::collections::{BTreeMap, VecDeque};
use std::time::SystemTime;

use super::latency;
use super::process::Usage;
use super::snapshot::{HEAT_BANDS, History, Percentiles};
use super::time::rfc3339;
use super::totals::Totals;

/// How far back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Range {
    /// Ten minutes, by the second.
    #[default]
    TenMinutes,
    /// Two hours, in steps of ten seconds.
    TwoHours,
    /// A day, by the minute.
    Day,
}

impl Range {
    /// All of them, the shortest first.
    pub const ALL: [Self; 3] = [Self::TenMinutes, Self::TwoHours, Self::Day];

    /// `10m`, `2h` or `24h`.
    pub fn name(self) -> &'static str {
        match self {
            Self::TenMinutes => "10m",
            Self::TwoHours => "2h",
            Self::Day => "24h",
        }
    }

    /// The range of that name.
    pub fn named(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|range| range.name().as_bytes() == name)
    }

    /// Seconds of a step.
    fn step(self) -> u32 {
        match self {
            Self::TenMinutes => 1,
            Self::TwoHours => 10,
            Self::Day => 60,
        }
    }

    fn steps(self) -> usize {
        match self {
            Self::TenMinutes => 600,
            Self::TwoHours => 720,
            Self::Day => 1440,
        }
    }
}

/// What happened in one step.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) requests: [u32; 5],
    pub(super) received: u64,
    pub(super) sent: u64,
    pub(super) accepted: u32,
    open: u32,
    in_flight: u32,
    pub(super) cache_hits: u32,
    pub(super) cache_misses: u32,
    /// p50, p95, p99 in seconds.
    quantiles: [Option<f32>; 3],
    bands: [u32; HEAT_BANDS],
    resident: u64,
    pub(super) cpu: f32,
    open_files: u32,
    /// Of the requests, those that failed by the server's fault.
    pub(super) faults: u64,
}

/// Seconds of a pause that history shows; after a longer one nothing of before would be left.
const LONGEST_PAUSE: u32 = 86_400;

/// One ring.
struct Ring {
    range: Range,
    steps: VecDeque<Step>,
    /// How it stood when the current step began.
    before: Totals,
    cpu_before: f64,
    seconds: u32,
}

/// All of them.
pub(super) struct Rings {
    rings: [Ring; 3],
    /// Times to the first byte, by the second, over the last minute.
    minute: VecDeque<Box<[(u64, u64)]>>,
}

impl Rings {
    pub(super) fn new(totals: &Totals, usage: &Usage) -> Self {
        Self {
            rings: Range::ALL.map(|range| Ring {
                range,
                steps: VecDeque::new(),
                before: totals.clone(),
                cpu_before: usage.cpu(),
                seconds: 0,
            }),
            minute: VecDeque::new(),
        }
    }

    /// So many seconds are over. Usually that is one; after a pause of the whole process it is more,
    /// and what was done is taken to have been done in the last of them.
    pub(super) fn tick(&mut self, totals: &Totals, usage: &Usage, seconds: u32) {
        for _ in 1..seconds.min(LONGEST_PAUSE) {
            let before = self.rings[0].before.clone();
            self.tick_once(&before, usage);
        }
        self.tick_once(totals, usage);
    }

    fn tick_once(&mut self, totals: &Totals, usage: &Usage) {
        let second = totals.first_byte.since(&self.rings[0].before.first_byte).sparse();
        if self.minute.len() >= 60 {
            self.minute.pop_front();
        }
        self.minute.push_back(second);
        for ring in &mut self.rings {
            ring.tick(totals, usage);
        }
    }

    /// Times to the first byte over the last minute.
    pub(super) fn last_minute(&self) -> Percentiles {
        let mut counts = BTreeMap::new();
        for (micros, count) in self.minute.iter().flatten() {
            *counts.entry(*micros).or_insert(0) += count;
        }
        latency::percentiles(&counts.into_iter().collect::<Vec<_>>())
    }

    /// The steps of the last seconds, the latest first.
    pub(super) fn latest(&self) -> impl Iterator<Item = &Step> {
        self.rings[0].steps.iter().rev()
    }

    pub(super) fn history(&self, range: Range, end: SystemTime) -> History {
        let ring = &self.rings[range as usize];
        let steps = || ring.steps.iter();
        History {
            range: range.name().to_owned(),
            step_seconds: range.step(),
            end: rfc3339(end),
            requests: steps().map(|step| step.requests).collect(),
            received_bytes: steps().map(|step| step.received).collect(),
            sent_bytes: steps().map(|step| step.sent).collect(),
            accepted: steps().map(|step| step.accepted).collect(),
            open: steps().map(|step| step.open).collect(),
            in_flight: steps().map(|step| step.in_flight).collect(),
            cache_hits: steps().map(|step| step.cache_hits).collect(),
            cache_misses: steps().map(|step| step.cache_misses).collect(),
            p50_seconds: steps().map(|step| step.quantiles[0]).collect(),
            p95_seconds: steps().map(|step| step.quantiles[1]).collect(),
            p99_seconds: steps().map(|step| step.quantiles[2]).collect(),
            latency_bands: steps().map(|step| step.bands.to_vec()).collect(),
            resident_bytes: steps().map(|step| step.resident).collect(),
            cpu_usage: steps().map(|step| step.cpu).collect(),
            open_files: steps().map(|step| step.open_files).collect(),
        }
    }
}

impl Ring {
    fn tick(&mut self, totals: &Totals, usage: &Usage) {
        self.seconds += 1;
        if self.seconds < self.range.step() {
            return;
        }
        let step = Step::between(&self.before, totals, self.cpu_before, self.seconds, usage);
        self.before = totals.clone();
        self.cpu_before = usage.cpu();
        self.seconds = 0;
        if self.steps.len() >= self.range.steps() {
            self.steps.pop_front();
        }
        self.steps.push_back(step);
    }
}

impl Step {
    fn between(
        before: &Totals,
        now: &Totals,
        cpu_before: f64,
        seconds: u32,
        usage: &Usage,
    ) -> Self {
        let since = |before: u64, now: u64| now.saturating_sub(before);
        let all = |of: [u64; 2]| of[0] + of[1];
        let took = now.first_byte.since(&before.first_byte);
        let quantiles = took.percentiles();
        #[expect(clippy::cast_possible_truncation, reason = "enough for a chart")]
        let single = |value: Option<f64>| value.map(|value| value as f32);
        #[expect(clippy::cast_possible_truncation, reason = "enough for a chart")]
        let cpu = ((usage.cpu() - cpu_before) / f64::from(seconds)).max(0.0) as f32;
        Self {
            requests: [1, 2, 3, 4, 5]
                .map(|class| small(since(before.class(class), now.class(class)))),
            received: since(all(before.received), all(now.received)),
            sent: since(all(before.sent), all(now.sent)),
            accepted: small(since(before.connections, now.connections)),
            open: small(now.open()),
            in_flight: small(now.in_flight),
            cache_hits: small(since(
                before.cache[0] + before.cache[1],
                now.cache[0] + now.cache[1],
            )),
            cache_misses: small(since(before.cache[2], now.cache[2])),
            quantiles: [
                single(quantiles.p50_seconds),
                single(quantiles.p95_seconds),
                single(quantiles.p99_seconds),
            ],
            bands: took.bands(),
            resident: usage.resident.unwrap_or(0),
            cpu,
            faults: since(before.faults(), now.faults()),
            open_files: small(usage.open_files.unwrap_or(0)),
        }
    }

    pub(super) fn answers(&self) -> u64 {
        self.requests.iter().map(|count| u64::from(*count)).sum()
    }
}

fn small(count: u64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::sync::Arc;

    use http::{Method, StatusCode, Version};

    use super::*;
    use crate::stats::tally::{Answered, Tally};

    fn answer(tally: &Tally, status: u16) {
        let answered = Answered {
            method: Some(&Method::GET),
            path: b"/",
            version: Version::HTTP_11,
            secure: false,
            client: Ipv4Addr::LOCALHOST.into(),
            status: StatusCode::from_u16(status).unwrap(),
            malformed: None,
            cache: None,
            received_head: 10,
            sent_head: 100,
            sent_content: 1000,
            is_metered: false,
        };
        tally.answered(&answered, || SystemTime::UNIX_EPOCH);
    }

    #[test]
    fn each_ring_has_steps_of_its_length_that_together_have_everything() {
        let tallies = [Arc::new(Tally::new(0)), Arc::new(Tally::new(0))];
        let usage = Usage::default();
        let mut rings = Rings::new(&Totals::of(&tallies), &usage);
        for second in 0..7_200_usize {
            answer(&tallies[second % 2], if second % 100 == 0 { 503 } else { 200 });
            rings.tick(&Totals::of(&tallies), &usage, 1);
        }
        for (range, steps, each) in
            [(Range::TenMinutes, 600, 1), (Range::TwoHours, 720, 10), (Range::Day, 120, 60)]
        {
            let history = rings.history(range, SystemTime::UNIX_EPOCH);
            assert_eq!(history.requests.len(), steps, "{range:?}");
            let all: u64 = history.requests.iter().flatten().map(|count| u64::from(*count)).sum();
            assert_eq!(all, steps as u64 * each, "{range:?}");
            let errors: u64 = history.requests.iter().map(|classes| u64::from(classes[4])).sum();
            assert_eq!(errors, steps as u64 * each / 100, "{range:?}");
            assert_eq!(history.sent_bytes.iter().sum::<u64>(), all * 1100);
            assert_eq!(history.received_bytes.iter().sum::<u64>(), all * 10);
        }
        assert_eq!(rings.latest().count(), 600);
    }

    #[test]
    fn a_pause_is_a_gap_and_moves_nothing() {
        let tallies = [Arc::new(Tally::new(0))];
        let usage = Usage::default();
        let mut rings = Rings::new(&Totals::of(&tallies), &usage);
        answer(&tallies[0], 200);
        rings.tick(&Totals::of(&tallies), &usage, 1);
        answer(&tallies[0], 501);
        answer(&tallies[0], 500);
        rings.tick(&Totals::of(&tallies), &usage, 25);
        let history = rings.history(Range::TenMinutes, SystemTime::UNIX_EPOCH);
        let answers = |at: usize| history.requests[at].iter().sum::<u32>();
        assert_eq!((history.requests.len(), answers(0), answers(12), answers(25)), (26, 1, 0, 2));
        assert_eq!(rings.history(Range::TwoHours, SystemTime::UNIX_EPOCH).requests.len(), 2);
        assert_eq!(rings.latest().map(|step| step.faults).sum::<u64>(), 1);
    }

    #[test]
    fn ranges_are_known_by_their_names() {
        for range in Range::ALL {
            assert_eq!(Range::named(range.name().as_bytes()), Some(range));
        }
        assert_eq!(Range::named(b"1y"), None);
    }
}
