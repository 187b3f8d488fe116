//! A status as lines: how the server is, its figures, then its lists.

use super::lists;
use crate::commands::terminal::line::{Line, Style, left, right, wrapped};
use crate::commands::terminal::spark::spark;
use crate::commands::terminal::units::{
    clock, count, percent, rate, seconds, size, size_rate, span,
};
use crate::stats::snapshot::{Health, History, Snapshot, State, Tls, Uploads};

/// Columns of the label and the value of a figure.
const LABEL: usize = 12;
const VALUE: usize = 13;
/// Columns that a figure leaves for its remark when there is little room.
const REMARK: usize = 33;
/// A graph is so wide.
const GRAPH: std::ops::RangeInclusive<usize> = 8..=60;

/// All there is to show, for so many columns.
pub(super) fn page(snapshot: &Snapshot, history: Option<&History>, width: usize) -> Vec<Line> {
    let mut lines = vec![title(snapshot), place(snapshot)];
    lines.extend(restart(snapshot, width));
    lines.push(Line::default());
    lines.extend(health(&snapshot.health, width));
    lines.push(Line::default());
    let room = width.saturating_sub(LABEL + VALUE + 5 + REMARK);
    let graph = history.map(|_| room.clamp(*GRAPH.start(), *GRAPH.end()));
    let mut figures = Figures { lines, graph };
    work(&mut figures, snapshot, history);
    machine(&mut figures, snapshot, history);
    let mut lines = figures.lines;
    lines.extend(remarks(snapshot));
    lines.extend(lists::lists(snapshot));
    lines
}

/// How a state is written and coloured.
pub(super) fn style_of(state: State) -> (Style, &'static str) {
    match state {
        State::Green => (Style::Green, "green"),
        State::Amber => (Style::Amber, "amber"),
        State::Red => (Style::Red, "red"),
    }
}

fn title(snapshot: &Snapshot) -> Line {
    let server = &snapshot.server;
    let (style, word) = style_of(snapshot.health.state);
    let line = Line::of(Style::Bold, &format!("salver {}", server.version))
        .and(Style::Plain, &format!(" on {}  ", server.host))
        .and(style, &word.to_uppercase())
        .and(Style::Plain, &format!("  up {}", span(server.uptime_seconds)))
        .and(Style::Dim, &format!("  {} UTC", clock(&snapshot.time)));
    if server.draining { line.and(Style::Amber, "  finishing its last requests") } else { line }
}

fn place(snapshot: &Snapshot) -> Line {
    let server = &snapshot.server;
    let listeners = server.listeners.join(" ");
    Line::of(Style::Dim, &format!("{listeners}  {}  pid {}", server.document_root, server.pid))
}

/// The keys whose new values are not in use yet, if there are any.
fn restart(snapshot: &Snapshot, width: usize) -> Vec<Line> {
    let keys = &snapshot.server.configuration.restart_needed;
    if keys.is_empty() {
        return Vec::new();
    }
    let text = format!("a restart is needed for a change of {}", keys.join(", "));
    wrapped(&text, width).iter().map(|row| Line::of(Style::Amber, row)).collect()
}

/// What is not green in full, the rest by name.
fn health(health: &Health, width: usize) -> Vec<Line> {
    /// Columns of the word of a state.
    const STATE: usize = 7;

    let mut lines = Vec::new();
    let mut well: Vec<&str> = Vec::new();
    // Several may have one name, such as those of several certificates.
    let is_well = |name: &str| {
        health.checks.iter().all(|check| check.name != name || check.state == State::Green)
    };
    for check in &health.checks {
        let (style, word) = style_of(check.state);
        if check.state == State::Green {
            if is_well(&check.name) && !well.contains(&check.name.as_str()) {
                well.push(&check.name);
            }
            continue;
        }
        let room = width.saturating_sub(STATE + LABEL + 1);
        for (row, text) in wrapped(&check.text, room).iter().enumerate() {
            // What is told in several rows is named in the first.
            let (word, name) = if row == 0 { (word, check.name.as_str()) } else { ("", "") };
            lines.push(
                Line::of(style, &left(word, STATE))
                    .and(Style::Bold, &left(name, LABEL))
                    .and(Style::Plain, &format!(" {text}")),
            );
        }
    }
    if !well.is_empty() {
        let line = Line::of(Style::Green, &left("green", STATE));
        lines.push(line.and(Style::Plain, &well.join(", ")));
    }
    lines
}

struct Figures {
    lines: Vec<Line>,
    /// Columns of the graphs, if there are any.
    graph: Option<usize>,
}

impl Figures {
    fn add(
        &mut self,
        label: &str,
        (style, value): (Style, &str),
        past: Option<Vec<Option<f64>>>,
        remark: &str,
    ) {
        let mut line = Line::of(Style::Dim, &left(label, LABEL))
            .and(style, &format!(" {}  ", right(value, VALUE)));
        if let Some(width) = self.graph {
            line = line.and(Style::Graph, &spark(&past.unwrap_or_default(), width));
            line = line.and(Style::Plain, "  ");
        }
        self.lines.push(line.and(Style::Plain, remark));
    }

    fn plain(&mut self, label: &str, value: &str, past: Option<Vec<Option<f64>>>, remark: &str) {
        self.add(label, (Style::Plain, value), past, remark);
    }
}

/// A list of the history as a graph takes it.
fn past<T: Copy>(
    history: Option<&History>,
    list: impl Fn(&History) -> &[T],
    number: impl Fn(T) -> f64,
) -> Option<Vec<Option<f64>>> {
    let history = history?;
    Some(list(history).iter().map(|value| Some(number(*value))).collect())
}

#[allow(clippy::cast_precision_loss)] // a graph has eight heights
fn bytes(value: u64) -> f64 {
    value as f64
}

fn work(figures: &mut Figures, snapshot: &Snapshot, history: Option<&History>) {
    let (recent, requests, traffic) = (&snapshot.recent, &snapshot.requests, &snapshot.traffic);
    let answers =
        past(history, |past| &past.requests, |classes| classes.map(f64::from).iter().sum());
    let remark = format!(
        "{} over 1 min, {} in all",
        rate(recent.requests_per_second_1m),
        count(requests.total)
    );
    let now = rate(recent.requests_per_second);
    figures.add("requests", (Style::Bold, &now), answers, &remark);

    let style = if recent.server_error_ratio_1m > 0.0 { Style::Red } else { Style::Plain };
    figures.add(
        "errors",
        (style, &format!("{} 5xx", percent(recent.server_error_ratio_1m))),
        past(history, |past| &past.requests, |[.., five]| f64::from(five)),
        &format!("{} 4xx, over 1 min", percent(recent.client_error_ratio_1m)),
    );

    let first_byte = &recent.time_to_first_byte_1m;
    let known = |time: Option<f64>| time.map_or_else(|| "-".to_owned(), seconds);
    figures.plain(
        "first byte",
        &format!("{} p50", known(first_byte.p50_seconds)),
        history.map(|past| past.p99_seconds.iter().map(|time| time.map(f64::from)).collect()),
        &format!("p99 {}, max {}", known(first_byte.p99_seconds), known(first_byte.max_seconds)),
    );

    let total = |head: u64, content: u64| size(head.saturating_add(content));
    figures.plain(
        "sent",
        &size_rate(recent.sent_bytes_per_second),
        past(history, |past| &past.sent_bytes, bytes),
        &format!("{} in all", total(traffic.sent_head_bytes, traffic.sent_content_bytes)),
    );
    figures.plain(
        "received",
        &size_rate(recent.received_bytes_per_second),
        past(history, |past| &past.received_bytes, bytes),
        &format!("{} in all", total(traffic.received_head_bytes, traffic.received_content_bytes)),
    );
    let connections = &snapshot.connections;
    figures.plain(
        "connections",
        &count(connections.open),
        past(history, |past| &past.open, f64::from),
        &format!("of {}; {} new", count(connections.limit), rate(recent.connections_per_second)),
    );
    if let Some(cache) = &snapshot.cache {
        let hits = recent.cache_hit_ratio_1m.map_or_else(|| "-".to_owned(), percent);
        let ratios = history.map(|past| {
            let pairs = past.cache_hits.iter().zip(&past.cache_misses);
            let parts = pairs.map(|(hits, misses)| (f64::from(*hits), f64::from(*misses)));
            parts
                .map(|(hits, misses)| Some(hits / (hits + misses)).filter(|r| r.is_finite()))
                .collect()
        });
        let remark = format!(
            "{} of {}, {} entries",
            size(cache.bytes),
            size(cache.limit_bytes),
            count(cache.entries)
        );
        figures.plain("cache hits", &hits, ratios, &remark);
    }
}

fn machine(figures: &mut Figures, snapshot: &Snapshot, history: Option<&History>) {
    let process = &snapshot.process;
    if let Some(used) = process.resident_bytes {
        let resident = past(history, |past| &past.resident_bytes, bytes);
        let threads = process.threads.map(|threads| format!("{threads} threads"));
        figures.plain("memory", &size(used), resident, &threads.unwrap_or_default());
    }
    if let Some(usage) = process.cpu_usage {
        let load = process.load_average.map(|load| load.map(|load| format!("{load:.2}")).join(" "));
        figures.plain(
            "cpu",
            &format!("{usage:.2} cores"),
            past(history, |past| &past.cpu_usage, f64::from),
            &load.map(|load| format!("load {load}")).unwrap_or_default(),
        );
    }
    if let Some(open) = process.open_files {
        let limit = process.open_files_limit.map(|limit| format!("of {}", count(limit)));
        figures.plain(
            "open files",
            &count(open),
            past(history, |past| &past.open_files, f64::from),
            &limit.unwrap_or_default(),
        );
    }
}

/// What has no graph: a label, and words.
fn remarks(snapshot: &Snapshot) -> Vec<Line> {
    let mut rows = vec![("answers", numbered(&snapshot.requests.by_status))];
    let states = &snapshot.connections.states;
    let states = [
        ("starting", states.starting),
        ("reading", states.reading),
        ("answering", states.answering),
        ("idle", states.idle),
        ("HTTP/2", states.http2),
        ("closing", states.closing),
    ];
    rows.push(("open", numbered(states.iter().map(|(name, count)| (name, count)))));
    rows.extend(snapshot.uploads.as_ref().map(|uploads| ("uploads", told_of_uploads(uploads))));
    rows.extend(snapshot.tls.as_ref().map(|tls| ("TLS", told_of_tls(tls))));
    let process = &snapshot.process;
    if let (Some(free), Some(total)) = (process.disk_free_bytes, process.disk_total_bytes) {
        rows.push(("disk", format!("{} free of {}", size(free), size(total))));
    }
    rows.extend(limits(snapshot));
    let rows = rows.into_iter().filter(|(_, text)| !text.is_empty());
    rows.map(|(label, text)| {
        Line::of(Style::Dim, &left(label, LABEL)).and(Style::Plain, &format!(" {text}"))
    })
    .collect()
}

fn told_of_uploads(uploads: &Uploads) -> String {
    let mut parts = vec![
        format!("{} running", count(uploads.running)),
        format!("{} files stored", count(uploads.stored_files)),
        size(uploads.stored_bytes),
    ];
    let refused = numbered(&uploads.refused);
    parts.extend((!refused.is_empty()).then(|| format!("refused ({refused})")));
    parts.join(", ")
}

fn told_of_tls(tls: &Tls) -> String {
    let mut parts = vec![
        format!("{} handshakes", count(tls.handshakes)),
        format!("{} resumed", count(tls.resumed)),
    ];
    let failed = numbered(&tls.failures);
    parts.extend((!failed.is_empty()).then(|| format!("failed ({failed})")));
    let first = tls.certificates.iter().map(|certificate| certificate.days_left).min();
    parts.extend(first.map(|days| format!("a certificate ends in {days} d")));
    parts.join(", ")
}

fn limits(snapshot: &Snapshot) -> Vec<(&'static str, String)> {
    let limits = &snapshot.limits;
    let too_much = [
        ("cut short", limits.aborted_responses),
        ("413", limits.content_too_large),
        ("414", limits.uri_too_long),
        ("416", limits.range_not_satisfiable),
        ("431", limits.head_too_large),
    ];
    let mut rows = vec![
        ("timeouts", numbered(&limits.timeouts)),
        ("refused", numbered(&limits.refused_connections)),
        ("malformed", numbered(&limits.malformed_requests)),
        ("limits", numbered(too_much.iter().map(|(name, count)| (name, count)))),
    ];
    if let Some(log) = snapshot.access_log.filter(|log| log.dropped_lines > 0) {
        rows.push(("access log", format!("{} lines lost", count(log.dropped_lines))));
    }
    rows
}

/// `keep_alive: 77, request_head: 5`: those that are not zero.
fn numbered<'a, T: ToString>(counts: impl IntoIterator<Item = (T, &'a u64)>) -> String {
    let there = counts.into_iter().filter(|(_, count)| **count > 0);
    let words: Vec<_> =
        there.map(|(name, number)| format!("{}: {}", name.to_string(), count(*number))).collect();
    words.join(", ")
}

#[cfg(test)]
mod tests;
