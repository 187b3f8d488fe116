//! What came of it, as data. Its JSON is described in the README; within a format fields are only
//! added.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::bars::{Bar, bars};
use super::baseline::Comparison;
use crate::load::{Extent, Failure, Latency, Outcome, Plan};

/// The form of the JSON.
pub(super) const FORMAT: u32 = 1;

/// Bars of the histogram at most.
const BARS: usize = 12;

/// A thread that is busy for more of its time than that holds up the measuring.
const BUSY: f64 = 0.9;

/// A rate that is kept to that part is kept.
const KEPT: f64 = 0.99;

/// What came of it.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Report {
    pub(super) format: u32,
    pub(super) salver: String,
    pub(super) url: String,
    pub(super) load: Load,
    /// How long it was counted.
    pub(super) seconds: f64,
    /// Answers, of whatever status.
    pub(super) requests: u64,
    pub(super) requests_per_second: f64,
    /// Content of the answers as it was sent, also of those that were not complete.
    pub(super) bytes: u64,
    pub(super) bytes_per_second: f64,
    /// Nothing without an answer.
    pub(super) latency_seconds: Option<Times>,
    pub(super) histogram: Vec<Bar>,
    pub(super) statuses: BTreeMap<u16, u64>,
    pub(super) errors: BTreeMap<String, u64>,
    /// The first of each kind, in words.
    pub(super) error_reasons: BTreeMap<String, String>,
    /// Errors to all that were answered or failed.
    pub(super) error_rate: f64,
    /// Without an answer when it ended.
    pub(super) unanswered: u64,
    pub(super) longest_unanswered_seconds: f64,
    pub(super) connections_opened: u64,
    pub(super) client: Client,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) baseline: Option<Comparison>,
}

/// What was asked of the server.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(super) struct Load {
    pub(super) urls: usize,
    pub(super) connections: usize,
    pub(super) threads: usize,
    pub(super) http2: bool,
    pub(super) keep_alive: bool,
    /// Requests at once on a connection.
    pub(super) at_once: usize,
    pub(super) rate: Option<f64>,
    pub(super) seconds: Option<f64>,
    pub(super) requests: Option<u64>,
}

/// How long answers took, in seconds.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(super) struct Times {
    pub(super) min: f64,
    pub(super) mean: f64,
    pub(super) p50: f64,
    pub(super) p75: f64,
    pub(super) p90: f64,
    pub(super) p95: f64,
    pub(super) p99: f64,
    #[serde(rename = "p99.9")]
    pub(super) p99_9: f64,
    pub(super) max: f64,
}

/// What measuring has cost.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Client {
    pub(super) cpu_seconds: f64,
    /// Part of the time that the busiest thread was at work.
    pub(super) busiest_thread: f64,
}

impl Report {
    pub(super) fn of(plan: &Plan, outcome: &Outcome) -> Self {
        let tally = &outcome.tally;
        let seconds = outcome.elapsed.as_secs_f64();
        let (answers, failed) = (tally.answers(), tally.failed());
        let kinds = || Failure::ALL.into_iter();
        let reason = |kind: Failure| Some((kind.name().to_owned(), tally.reason(kind)?.to_owned()));
        Self {
            format: FORMAT,
            salver: env!("CARGO_PKG_VERSION").to_owned(),
            url: plan.origin.to_string(),
            load: Load::of(plan),
            seconds,
            requests: answers,
            requests_per_second: per(answers, seconds),
            bytes: tally.bytes,
            bytes_per_second: per(tally.bytes, seconds),
            latency_seconds: Times::of(&tally.latency),
            histogram: bars(&tally.latency, BARS),
            statuses: tally.statuses().collect(),
            errors: kinds().map(|kind| (kind.name().to_owned(), tally.failures(kind))).collect(),
            error_reasons: kinds().filter_map(reason).collect(),
            error_rate: part(failed, answers + failed),
            unanswered: tally.unanswered,
            longest_unanswered_seconds: tally.longest_wait.as_secs_f64(),
            connections_opened: tally.connections,
            client: Client {
                cpu_seconds: outcome.cpu.as_secs_f64(),
                busiest_thread: outcome.busiest,
            },
            baseline: None,
        }
    }

    /// Requests that failed, in whatever way.
    pub(super) fn failed(&self) -> u64 {
        self.errors.values().sum()
    }

    /// Answers whose status is neither 2xx nor 304, of all.
    pub(super) fn non_2xx(&self) -> f64 {
        let is_good = |status: u16| (200..300).contains(&status) || status == 304;
        let good: u64 = self
            .statuses
            .iter()
            .filter(|(status, _)| is_good(**status))
            .map(|(_, count)| count)
            .sum();
        part(self.requests - good.min(self.requests), self.requests)
    }

    /// Whether the figures are those of this program rather than of the server.
    pub(super) fn is_client_busy(&self) -> bool {
        self.client.busiest_thread > BUSY
    }

    /// The rate that was wanted, if it was missed.
    pub(super) fn missed_rate(&self) -> Option<f64> {
        self.load
            .rate
            .filter(|rate| self.load.seconds.is_some() && self.requests_per_second < rate * KEPT)
    }

    /// Why there is no answer at all.
    pub(super) fn why_nothing(&self) -> String {
        let reasons: Vec<_> =
            self.error_reasons.iter().map(|(kind, reason)| format!("{kind}: {reason}")).collect();
        match (reasons.is_empty(), self.unanswered) {
            (false, _) => format!("{}: no answer ({})", self.url, reasons.join("; ")),
            (true, 0) => format!("{}: nothing was asked in that time", self.url),
            (true, _) => format!("{}: no answer in {:.1} s", self.url, self.seconds),
        }
    }
}

impl Load {
    pub(super) fn of(plan: &Plan) -> Self {
        let (seconds, requests) = match plan.extent {
            Extent::Time(time) => (Some(time.as_secs_f64()), None),
            Extent::Requests(count) => (None, Some(count)),
        };
        Self {
            urls: plan.asks.len(),
            connections: plan.connections,
            threads: plan.threads,
            http2: plan.http2,
            keep_alive: plan.keep_alive,
            at_once: plan.at_once,
            rate: plan.rate,
            seconds,
            requests,
        }
    }
}

impl Times {
    pub(super) fn of(latency: &Latency) -> Option<Self> {
        let quantile = |part| latency.quantile(part).map(|time| time.as_secs_f64());
        Some(Self {
            min: latency.min()?.as_secs_f64(),
            mean: latency.mean()?.as_secs_f64(),
            p50: quantile(0.5)?,
            p75: quantile(0.75)?,
            p90: quantile(0.9)?,
            p95: quantile(0.95)?,
            p99: quantile(0.99)?,
            p99_9: quantile(0.999)?,
            max: latency.max()?.as_secs_f64(),
        })
    }
}

#[allow(clippy::cast_precision_loss)]
fn per(count: u64, seconds: f64) -> f64 {
    if seconds > 0.0 { count as f64 / seconds } else { 0.0 }
}

#[allow(clippy::cast_precision_loss)]
fn part(count: u64, all: u64) -> f64 {
    if all > 0 { count as f64 / all as f64 } else { 0.0 }
}

/// The rate of what happened between two looks.
pub(super) fn rate(count: u64, time: Duration) -> f64 {
    per(count, time.as_secs_f64())
}

#[cfg(test)]
pub(super) fn sample() -> Report {
    Report {
        format: FORMAT,
        salver: "0.1.0".to_owned(),
        url: "http://127.0.0.1:8000/".to_owned(),
        load: Load {
            urls: 1,
            connections: 50,
            threads: 2,
            http2: false,
            keep_alive: true,
            at_once: 1,
            rate: None,
            seconds: Some(10.0),
            requests: None,
        },
        seconds: 10.0,
        requests: 400_000,
        requests_per_second: 40_000.0,
        bytes: 400 << 20,
        bytes_per_second: f64::from(40 << 20),
        latency_seconds: Some(Times {
            min: 0.000_3,
            mean: 0.001_2,
            p50: 0.001,
            p75: 0.001_25,
            p90: 0.002,
            p95: 0.003,
            p99: 0.005,
            p99_9: 0.012_3,
            max: 0.1,
        }),
        histogram: vec![
            Bar { le_seconds: 0.001, count: 200_000 },
            Bar { le_seconds: 0.01, count: 199_990 },
            Bar { le_seconds: 0.1, count: 10 },
        ],
        statuses: BTreeMap::from([(200, 300_000), (404, 100_000)]),
        errors: Failure::ALL.into_iter().map(|kind| (kind.name().to_owned(), 0)).collect(),
        error_reasons: BTreeMap::new(),
        error_rate: 0.0,
        unanswered: 50,
        longest_unanswered_seconds: 0.002,
        connections_opened: 50,
        client: Client { cpu_seconds: 4.0, busiest_thread: 0.25 },
        baseline: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_reads_back() {
        let json = serde_json::to_string(&sample()).unwrap();
        let back: Report = serde_json::from_str(&json).unwrap();
        assert_eq!(serde_json::to_string(&back).unwrap(), json);
        assert!(json.contains(r#""p99.9":0.0123"#) && !json.contains("baseline"), "{json}");
    }

    #[test]
    fn what_is_wrong_is_seen() {
        let mut report = sample();
        assert!((report.non_2xx() - 0.25).abs() < 1e-9 && !report.is_client_busy());
        assert_eq!(report.missed_rate(), None);
        report.load.rate = Some(50_000.0);
        report.client.busiest_thread = 0.95;
        assert!(report.missed_rate() == Some(50_000.0) && report.is_client_busy());
        assert!(report.why_nothing().contains("no answer in 10.0 s"));
        report.error_reasons.insert("read".to_owned(), "reset".to_owned());
        assert!(report.why_nothing().ends_with("no answer (read: reset)"));
    }
}
