//! The lists of a status as aligned columns.

use std::net::SocketAddr;

use unicode_width::UnicodeWidthStr;

use crate::commands::terminal::line::{Line, Style, left, right};
use crate::commands::terminal::units::{clock, count, percent, seconds, size, size_rate};
use crate::stats::snapshot::{InFlight, Snapshot};

/// Entries of one list at most: what happens now has more room than what has happened.
const RUNNING: usize = 12;
const PAST: usize = 5;

/// Every list that has something in it, each under its title.
pub(super) fn lists(snapshot: &Snapshot) -> Vec<Line> {
    let top = &snapshot.top;
    let since = clock(&top.since);
    let mut lines = Vec::new();
    let running = snapshot.in_flight.iter().take(RUNNING).map(in_flight).collect();
    let number = snapshot.in_flight.len();
    lines.extend(list(&format!("in flight ({number})"), "><>><<<", running));
    for (title, entries) in [("asked for most", &top.paths), ("asking most", &top.clients)] {
        let rows = entries
            .iter()
            .take(PAST)
            .map(|entry| vec![count(entry.requests), size(entry.bytes), entry.name.clone()]);
        lines.extend(list(&format!("{title} since {since}"), ">><", rows.collect()));
    }
    let slowest = top.slowest.iter().take(PAST).map(|slow| {
        vec![
            seconds(slow.time_to_first_byte_seconds),
            seconds(slow.duration_seconds),
            slow.status.to_string(),
            slow.method.clone(),
            slow.client.clone(),
            slow.path.clone(),
        ]
    });
    let title = format!("slowest to the first byte, and to the last, since {since}");
    lines.extend(list(&title, ">><<<<", slowest.collect()));
    let errors = top.errors.iter().take(PAST).map(|error| {
        vec![
            clock(&error.time).to_owned(),
            error.status.to_string(),
            error.method.clone(),
            error.client.clone(),
            error.reason.as_ref().map_or_else(|| error.path.clone(), |it| it.replace('_', " ")),
        ]
    });
    lines.extend(list("last errors", "<<<<<", errors.collect()));
    lines
}

fn in_flight(request: &InFlight) -> Vec<String> {
    let (done, all) = match request.state.as_str() {
        "receiving" => (request.received_bytes, request.received_of_bytes),
        _ => (request.sent_bytes, request.sent_of_bytes),
    };
    vec![
        seconds(request.age_seconds),
        request.state.clone(),
        progress(done, all),
        size_rate(request.bytes_per_second),
        request.method.clone(),
        address(&request.client),
        request.path.clone(),
    ]
}

/// Without the port, which has more columns than it tells.
fn address(client: &str) -> String {
    let address = client.parse::<SocketAddr>().map(|client| client.ip().to_string());
    address.unwrap_or_else(|_| client.to_owned())
}

#[allow(clippy::cast_precision_loss)] // a tenth of a percent is enough
fn progress(done: u64, all: Option<u64>) -> String {
    match all {
        Some(all) if all > 0 => percent(done as f64 / all as f64),
        _ => size(done),
    }
}

/// A title and rows, in columns that are aligned to the left or right as `alignment` says.
fn list(title: &str, alignment: &str, rows: Vec<Vec<String>>) -> Vec<Line> {
    if rows.is_empty() {
        return Vec::new();
    }
    let widths: Vec<usize> = (0..alignment.len())
        .map(|column| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.width()).max())
        .map(Option::unwrap_or_default)
        .collect();
    let mut lines = vec![Line::default(), Line::of(Style::Bold, title)];
    for row in rows {
        let cells = row.iter().zip(alignment.chars()).zip(&widths);
        let cells: Vec<_> = cells
            .enumerate()
            .map(|(column, ((cell, side), width))| match side {
                '>' => right(cell, *width),
                // Nothing is aligned behind the last one.
                _ if column + 1 == widths.len() => cell.clone(),
                _ => left(cell, *width),
            })
            .collect();
        lines.push(Line::of(Style::Plain, &format!("  {}", cells.join("  "))));
    }
    lines
}
