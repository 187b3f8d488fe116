//! `/server-status?auto`: the status under the names that Apache httpd's `mod_status` gives it, for
//! collectors that were written for that.
//!
//! A worker there is a place for one request. Here a connection that reads or answers a request
//! takes one, and those that could still begin are the idle ones: at most [`SPARE`], as httpd too
//! keeps no more in readiness.

use std::collections::HashSet;
use std::fmt::{Display, Write};

use time::OffsetDateTime;

use super::times;
use crate::stats::snapshot::Snapshot;

/// Letters in the scoreboard at most.
const PLACES: u64 = 400;

/// Idle workers at most.
const SPARE: u64 = 100;

/// The status as lines of `Key: value`.
pub(super) fn auto(snapshot: &Snapshot) -> String {
    let mut lines = Lines(String::new());
    server(&mut lines, snapshot);
    totals(&mut lines, snapshot);
    connections(&mut lines, snapshot);
    lines.0
}

struct Lines(String);

impl Lines {
    // Writing to a string cannot fail.
    fn add(&mut self, key: &str, value: impl Display) {
        let _ = writeln!(self.0, "{key}: {value}");
    }

    /// A number with a fraction, never in powers of ten; nothing when it is not known.
    fn measure(&mut self, key: &str, value: Option<f64>) {
        if let Some(value) = value.filter(|value| value.is_finite()) {
            // Six digits behind the point, those that are zero left out.
            let digits = format!("{value:.6}");
            self.add(key, digits.trim_end_matches('0').trim_end_matches('.'));
        }
    }
}

fn server(lines: &mut Lines, snapshot: &Snapshot) {
    let server = &snapshot.server;
    let name: String = server.host.chars().filter(|c| !c.is_control() && *c != ':').collect();
    lines.0.push_str(&name);
    lines.0.push('\n');
    // Collectors take three numbers out of this.
    let numbers = server.version.split(['-', '+']).next().unwrap_or_default();
    lines.add("ServerVersion", format_args!("salver/{numbers} (Unix)"));
    // Whose connections wait without a worker; what collectors show of connections hangs on it.
    lines.add("ServerMPM", "event");
    match &server.commit {
        Some(commit) => lines.add("Server Built", format_args!("commit {commit}")),
        None => lines.add("Server Built", "unknown"),
    }
    for (key, time) in [("CurrentTime", &snapshot.time), ("RestartTime", &server.started)] {
        if let Some(time) = times::parse(time) {
            lines.add(key, date(time));
        }
    }
    lines.add("ParentServerConfigGeneration", 1);
    lines.add("ParentServerMPMGeneration", 0);
    lines.add("ServerUptimeSeconds", server.uptime_seconds);
    lines.add("ServerUptime", in_words(server.uptime_seconds));
    let load = snapshot.process.load_average;
    for (key, minutes) in [("Load1", 0), ("Load5", 1), ("Load15", 2)] {
        lines.measure(key, load.and_then(|load| load.get(minutes).copied()));
    }
}

/// `Friday, 21-Aug-2020 18:41:34 UTC`.
fn date(time: OffsetDateTime) -> String {
    let month: String = time.month().to_string().chars().take(3).collect();
    let (hour, minute, second) = time.to_hms();
    format!(
        "{}, {:02}-{month}-{:04} {hour:02}:{minute:02}:{second:02} UTC",
        time.weekday(),
        time.day(),
        time.year(),
    )
}

/// `1 day 2 hours 2 minutes 6 seconds`, from the first that is not zero.
fn in_words(seconds: u64) -> String {
    let parts = [
        (seconds / 86_400, "day"),
        (seconds / 3600 % 24, "hour"),
        (seconds / 60 % 60, "minute"),
        (seconds % 60, "second"),
    ];
    let parts = parts.iter().enumerate().filter(|(at, (count, _))| *count > 0 || *at == 3);
    let words: Vec<_> = parts
        .map(|(_, (count, unit))| format!("{count} {unit}{}", if *count == 1 { "" } else { "s" }))
        .collect();
    words.join(" ")
}

// Rates of numbers beyond 2^53 may well be rounded.
#[allow(clippy::cast_precision_loss)]
fn totals(lines: &mut Lines, snapshot: &Snapshot) {
    let (requests, traffic, process) = (&snapshot.requests, &snapshot.traffic, &snapshot.process);
    let sent = traffic.sent_content_bytes.saturating_add(traffic.sent_head_bytes);
    let (count, bytes) = (requests.total as f64, sent as f64);
    let millis = snapshot.duration.sum_seconds * 1000.0;
    lines.add("Total Accesses", requests.total);
    lines.add("Total kBytes", sent / 1024);
    lines.add("Total Duration", format_args!("{millis:.0}"));
    let up = Some(snapshot.server.uptime_seconds as f64).filter(|up| *up > 0.0);
    let (user, system) = (process.cpu_user_seconds, process.cpu_system_seconds);
    lines.measure("CPUUser", user);
    lines.measure("CPUSystem", system);
    lines.measure("CPUChildrenUser", user.map(|_| 0.0));
    lines.measure("CPUChildrenSystem", system.map(|_| 0.0));
    let cpu = user.zip(system).map(|(user, system)| user + system);
    lines.measure("CPULoad", cpu.zip(up).map(|(cpu, up)| cpu / up * 100.0));
    lines.add("Uptime", snapshot.server.uptime_seconds);
    lines.measure("ReqPerSec", up.map(|up| count / up));
    lines.measure("BytesPerSec", up.map(|up| bytes / up));
    if requests.total > 0 {
        lines.measure("BytesPerReq", Some(bytes / count));
        lines.measure("DurationPerReq", Some(millis / count));
    }
}

fn connections(lines: &mut Lines, snapshot: &Snapshot) {
    let (connections, states) = (&snapshot.connections, &snapshot.connections.states);
    let http2 = busy_http2(snapshot);
    let reading = states.starting.saturating_add(states.reading);
    let writing = states.answering.saturating_add(http2);
    let busy = reading.saturating_add(writing);
    let free = connections.limit.saturating_sub(connections.open);
    let idle = free.min(SPARE);
    lines.add("BusyWorkers", busy);
    lines.add("IdleWorkers", idle);
    lines.add("Processes", 1);
    lines.add("Stopping", u8::from(snapshot.server.draining));
    lines.add("ConnsTotal", connections.open);
    lines.add("ConnsAsyncWriting", writing);
    lines.add("ConnsAsyncKeepAlive", states.idle.saturating_add(states.http2 - http2));
    lines.add("ConnsAsyncClosing", states.closing);
    lines.add("Scoreboard", scoreboard(reading, writing, idle, free - idle));
}

/// Connections over which something is asked by HTTP/2, as far as requests are listed; the others
/// are taken to be idle.
fn busy_http2(snapshot: &Snapshot) -> u64 {
    let requests = snapshot.in_flight.iter().filter(|request| request.protocol == "HTTP/2.0");
    let clients: HashSet<_> = requests.map(|request| &request.client).collect();
    let clients = clients.len().try_into().unwrap_or(u64::MAX);
    snapshot.connections.states.http2.min(clients)
}

/// One letter per worker; when they are too many, one for several, but for no state none.
fn scoreboard(reading: u64, writing: u64, idle: u64, unused: u64) -> String {
    let all = reading.saturating_add(writing).saturating_add(idle);
    // Two letters are kept for what rounding up adds.
    let per_letter = if all <= PLACES { 1 } else { all.div_ceil(PLACES - 2) };
    let mut letters = String::new();
    for (letter, count) in [("R", reading), ("W", writing), ("_", idle)] {
        let count = usize::try_from(count.div_ceil(per_letter)).unwrap_or(0);
        letters.push_str(&letter.repeat(count));
    }
    let room = usize::try_from(PLACES).unwrap_or(0).saturating_sub(letters.len());
    letters.push_str(&".".repeat(usize::try_from(unused).unwrap_or(room).min(room)));
    letters
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::handler::status::fixture;

    /// As collectors split it.
    fn values(text: &str) -> BTreeMap<&str, &str> {
        text.lines().filter_map(|line| line.split_once(": ")).collect()
    }

    #[test]
    fn everything_has_the_name_and_the_unit_that_collectors_know() {
        let text = auto(&fixture::snapshot());
        let (before, scoreboard) = text.split_once("Scoreboard: ").unwrap();
        assert_eq!(
            before,
            "\
web1
ServerVersion: salver/0.1.0 (Unix)
ServerMPM: event
Server Built: commit 0123abc
CurrentTime: Saturday, 14-Mar-2026 15:09:26 UTC
RestartTime: Friday, 13-Mar-2026 13:07:20 UTC
ParentServerConfigGeneration: 1
ParentServerMPMGeneration: 0
ServerUptimeSeconds: 93726
ServerUptime: 1 day 2 hours 2 minutes 6 seconds
Load1: 0.52
Load5: 0.4
Load15: 0.31
Total Accesses: 9007199254740993
Total kBytes: 5244780
Total Duration: 65250
CPUUser: 120.25
CPUSystem: 60.5
CPUChildrenUser: 0
CPUChildrenSystem: 0
CPULoad: 0.192849
Uptime: 93726
ReqPerSec: 96101394007.436478
BytesPerSec: 57301.652903
BytesPerReq: 0.000001
DurationPerReq: 0
BusyWorkers: 10
IdleWorkers: 100
Processes: 1
Stopping: 0
ConnsTotal: 42
ConnsAsyncWriting: 7
ConnsAsyncKeepAlive: 29
ConnsAsyncClosing: 3
"
        );
        assert_eq!(scoreboard.len(), 401);
        assert!(scoreboard.starts_with("RRRWWWWWWW____"), "{scoreboard}");
        assert!(scoreboard.ends_with(".\n"));
    }

    #[test]
    fn the_scoreboard_is_bounded_and_agrees_with_the_counts() {
        for (reading, answering, open, limit) in [
            (0, 0, 0, 0),
            (0, 0, 0, 1),
            (1, 2, 3, 3),
            (1, 2, 50, 60),
            (1, 299, 300, 100_000),
            (1, 300, 301, 100_000),
            (40_000, 1, 40_001, 100_000),
            (1 << 60, 1 << 60, 1 << 61, 1 << 62),
        ] {
            let mut snapshot = Snapshot::default();
            snapshot.connections.states.reading = reading;
            snapshot.connections.states.answering = answering;
            snapshot.connections.open = open;
            snapshot.connections.limit = limit;
            let text = auto(&snapshot);
            let values = values(&text);
            let letters = values["Scoreboard"];
            let count = |letter| letters.matches(letter).count() as u64;
            let (busy, idle) = (count("R") + count("W"), count("_"));
            assert!(letters.len() <= 400, "{reading} {answering}: {}", letters.len());
            if values["BusyWorkers"].parse::<u64>().unwrap() <= 300 {
                assert_eq!(values["BusyWorkers"], busy.to_string());
                assert_eq!(values["IdleWorkers"], idle.to_string());
                assert!(idle + count(".") <= limit - open);
            } else {
                assert!(count("R") > 0 && count("W") > 0, "{letters}");
            }
        }
    }

    #[test]
    fn collectors_can_take_a_version_apart() {
        for (version, expected) in [
            ("1.2.3", "salver/1.2.3 (Unix)"),
            ("1.2.3-rc.1", "salver/1.2.3 (Unix)"),
            ("1.2.3+build", "salver/1.2.3 (Unix)"),
        ] {
            let mut snapshot = fixture::snapshot();
            snapshot.server.version = version.to_owned();
            assert_eq!(values(&auto(&snapshot))["ServerVersion"], expected);
        }
    }

    #[test]
    fn what_is_not_known_is_left_out() {
        let text = auto(&Snapshot::default());
        let keys: Vec<_> = values(&text).into_keys().collect();
        for absent in ["Load1", "CPULoad", "CPUUser", "ReqPerSec", "BytesPerReq", "CurrentTime"] {
            assert!(!keys.contains(&absent), "{absent}");
        }
        assert_eq!(values(&text)["ServerUptime"], "0 seconds");
        assert!(!text.contains("NaN") && !text.contains("inf"), "{text}");
    }

    #[test]
    fn durations_are_told_from_the_first_unit_that_is_there() {
        for (seconds, words) in [
            (0, "0 seconds"),
            (1, "1 second"),
            (61, "1 minute 1 second"),
            (3600, "1 hour 0 seconds"),
            (172_800, "2 days 0 seconds"),
        ] {
            assert_eq!(in_words(seconds), words);
        }
    }

    #[test]
    fn a_name_makes_no_lines() {
        let mut snapshot = fixture::snapshot();
        snapshot.server.host = "a\nTotal Accesses: 7".to_owned();
        let text = auto(&snapshot);
        assert_eq!(text.matches("Total Accesses: ").count(), 1);
    }
}
