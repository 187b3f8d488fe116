//! What stands in tables, where it is more than a field of the data.

#![allow(clippy::trivially_copy_pass_by_ref, reason = "templates hand values over by reference")]

use std::collections::BTreeMap;

use http::StatusCode;

use super::shown::{self, float};
use crate::stats::first;
use crate::stats::snapshot::{
    Certificate, Check, Connections, InFlight, LimitsHit, State, TopEntry,
};

/// A part of a whole, drawn as a piece of a bar.
pub(super) struct Part {
    pub(super) class: &'static str,
    pub(super) name: &'static str,
    pub(super) count: u64,
    /// How much of the bar it takes.
    percent: f64,
    /// How much of it those before take.
    from: f64,
}

impl Part {
    pub(super) fn new(
        class: &'static str,
        name: &'static str,
        count: u64,
        percent: f64,
        from: f64,
    ) -> Self {
        Self { class, name, count, percent, from }
    }

    pub(super) fn width(&self) -> String {
        format!("{:.1}%", self.percent)
    }

    pub(super) fn left(&self) -> String {
        format!("{:.1}%", self.from)
    }
}

/// Open connections by what they do.
pub(super) fn connection_states(connections: &Connections) -> Vec<Part> {
    let states = &connections.states;
    let all = [
        ("answering", "answering", states.answering),
        ("reading", "reading", states.reading),
        ("http2", "HTTP/2", states.http2),
        ("starting", "starting", states.starting),
        ("closing", "closing", states.closing),
        ("idle", "idle", states.idle),
    ];
    let sum =
        all.iter().map(|(.., count)| count).fold(0, |sum: u64, count| sum.saturating_add(*count));
    let mut from = 0.0;
    let parts = all.into_iter().map(|(class, name, count)| {
        let percent = shown::ratio(count, sum).unwrap_or_default() * 100.0;
        let part = Part::new(class, name, count, percent, from);
        from += percent;
        part
    });
    parts.collect()
}

/// A name with how often it was counted.
pub(super) struct Counted {
    pub(super) name: String,
    pub(super) count: u64,
    /// How much of all, in words.
    pub(super) share: String,
}

/// What was counted by name, the most first.
pub(super) fn counted(by_name: &BTreeMap<String, u64>) -> Vec<Counted> {
    let sum = by_name.values().fold(0, |sum: u64, count| sum.saturating_add(*count));
    let rows = by_name.iter().map(|(name, &count)| Counted {
        // Names of reasons are written as in the metrics.
        name: name.replace('_', " "),
        count,
        share: share(&count, &sum),
    });
    first(rows, usize::MAX, |a, b| b.count.cmp(&a.count).then_with(|| a.name.cmp(&b.name)))
}

/// All of what was counted by name.
pub(super) fn total(by_name: &BTreeMap<String, u64>) -> u64 {
    by_name.values().fold(0, |sum: u64, count| sum.saturating_add(*count))
}

/// A part of a whole in percent, or a dash.
pub(super) fn share(part: &u64, of: &u64) -> String {
    shown::ratio(*part, *of).map_or_else(shown::unknown, |ratio| shown::percent(&ratio))
}

/// Limits of which there are several kinds, and what they are called together.
pub(super) fn reasons(limits: &LimitsHit) -> [(&'static str, &BTreeMap<String, u64>); 3] {
    [
        ("Timeouts", &limits.timeouts),
        ("Refused connections", &limits.refused_connections),
        ("Malformed requests", &limits.malformed_requests),
    ]
}

/// A status and how often it was given.
pub(super) struct Answered {
    pub(super) status: u16,
    pub(super) reason: &'static str,
    pub(super) count: u64,
    pub(super) share: String,
}

impl Answered {
    /// The colour of its class.
    pub(super) fn class(&self) -> &'static str {
        class(&self.status)
    }
}

/// What was answered, by status.
pub(super) fn answered(by_status: &BTreeMap<u16, u64>) -> Vec<Answered> {
    let sum = by_status.values().fold(0, |sum: u64, count| sum.saturating_add(*count));
    by_status
        .iter()
        .map(|(&status, &count)| Answered {
            status,
            reason: reason(&status),
            count,
            share: share(&count, &sum),
        })
        .collect()
}

/// What a status is called, by RFC 9110 where the library has older names.
pub(super) fn reason(status: &u16) -> &'static str {
    match status {
        413 => "Content Too Large",
        422 => "Unprocessable Content",
        _ => {
            let status = StatusCode::from_u16(*status).ok();
            status.and_then(|status| status.canonical_reason()).unwrap_or_default()
        }
    }
}

/// The colour of a status in the style sheet.
pub(super) fn class(status: &u16) -> &'static str {
    match status / 100 {
        1 => "s1",
        2 => "s2",
        3 => "s3",
        4 => "s4",
        _ => "s5",
    }
}

/// An entry of a list, with a bar as long as its part of the first.
pub(super) struct Ranked<'a> {
    pub(super) entry: &'a TopEntry,
    /// `73%`
    pub(super) width: String,
}

/// The entries of a list with their bars.
pub(super) fn ranked(entries: &[TopEntry]) -> Vec<Ranked<'_>> {
    let most = entries.iter().map(|entry| entry.requests).max().unwrap_or_default();
    let ranked = entries.iter().map(|entry| {
        let part = shown::ratio(entry.requests, most).unwrap_or_default();
        Ranked { entry, width: format!("{:.0}%", part * 100.0) }
    });
    ranked.collect()
}

/// How far a request in flight has come.
pub(super) struct Progress {
    /// Bytes that went over.
    pub(super) done: u64,
    /// Of so many; 0 when nobody knows.
    pub(super) of: u64,
}

impl Progress {
    /// `45.0 %`
    pub(super) fn share(&self) -> String {
        shown::percent(&(float(self.done) / float(self.of.max(1))))
    }
}

/// How far a request has come, in the direction in which its content goes.
pub(super) fn progress(flight: &InFlight) -> Progress {
    let (done, of) = match flight.state.as_str() {
        "receiving" => (flight.received_bytes, flight.received_of_bytes),
        _ => (flight.sent_bytes, flight.sent_of_bytes),
    };
    Progress { done, of: of.unwrap_or_default() }
}

/// The state as a word for people, and as a class.
pub(super) fn state(state: &State) -> &'static str {
    match state {
        State::Green => "green",
        State::Amber => "amber",
        State::Red => "red",
    }
}

/// What is wrong, the worst first.
pub(super) fn wrong(checks: &[Check]) -> Vec<&Check> {
    let wrong = checks.iter().filter(|check| check.state != State::Green);
    first(wrong, usize::MAX, |one, two| two.state.cmp(&one.state))
}

/// How a certificate stands, by the days that it has left.
pub(super) fn expiry(certificate: &Certificate) -> &'static str {
    match certificate.days_left {
        ..7 => "red",
        7..30 => "amber",
        _ => "green",
    }
}

/// The days that a certificate has left, in words.
pub(super) fn days_left(certificate: &Certificate) -> String {
    match certificate.days_left {
        ..=-1 => "expired".to_owned(),
        1 => "1 day left".to_owned(),
        days => format!("{days} days left"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_fill_the_bar() {
        let mut connections = Connections::default();
        assert!(connection_states(&connections).iter().all(|part| part.width() == "0.0%"));
        connections.states.idle = 3;
        connections.states.answering = 1;
        let parts = connection_states(&connections);
        assert_eq!((parts[0].left(), parts[0].width()), ("0.0%".to_owned(), "25.0%".to_owned()));
        assert_eq!((parts[5].left(), parts[5].width()), ("25.0%".to_owned(), "75.0%".to_owned()));
    }

    #[test]
    fn the_most_frequent_come_first() {
        let by_name = BTreeMap::from([("bare_lf".to_owned(), 1), ("no_host".to_owned(), 3)]);
        let rows = counted(&by_name);
        assert_eq!((rows[0].name.as_str(), rows[0].share.as_str()), ("no host", "75.0 %"));
    }

    #[test]
    fn progress_is_that_of_the_direction() {
        let mut flight = InFlight {
            state: "receiving".to_owned(),
            received_bytes: 50,
            received_of_bytes: Some(200),
            sent_of_bytes: Some(7),
            ..InFlight::default()
        };
        assert_eq!(progress(&flight).share(), "25.0 %");
        flight.state = "sending".to_owned();
        assert_eq!(progress(&flight).of, 7);
        flight.sent_of_bytes = None;
        assert_eq!(progress(&flight).share(), "0 %");
    }

    #[test]
    fn certificates_are_marked_in_time() {
        let row = |days_left| Certificate { days_left, ..Certificate::default() };
        let expected = [(-1, "red"), (6, "red"), (7, "amber"), (29, "amber"), (30, "green")];
        for (days, state) in expected {
            assert_eq!(expiry(&row(days)), state);
        }
        assert_eq!(days_left(&row(-1)), "expired");
        assert_eq!(days_left(&row(0)), "0 days left");
        assert_eq!(days_left(&row(1)), "1 day left");
    }
}
