//! The figures at the top of the page, each with its last minutes as a small curve.

use std::fmt::Write;

use super::columns::{Columns, Window};
use super::rows::Part;
use super::shown::{self, float, whole};
use crate::content::shown::{Grouped, Size};
use crate::stats::snapshot::{History, Snapshot, State};

/// Points of a curve at most.
const POINTS: u64 = 90;

/// Height of a curve in the units it is drawn in.
const TALL: f64 = 60.0;

/// A figure.
pub(super) struct Tile {
    /// Its colour in the style sheet, too.
    pub(super) id: &'static str,
    pub(super) name: &'static str,
    pub(super) value: String,
    pub(super) unit: String,
    /// What else there is to say: in small letters.
    pub(super) note: String,
    /// The worst of the checks that look at this.
    pub(super) state: State,
    /// The curve, as SVG.
    pub(super) spark: String,
    /// What a whole is divided into: drawn as one bar.
    pub(super) parts: Vec<Part>,
}

/// All of them, in the order in which they are read.
pub(super) fn tiles(snapshot: &Snapshot, history: &History) -> Vec<Tile> {
    let maker = Maker::new(snapshot, history);
    let tiles = [
        Some(maker.requests()),
        Some(maker.errors()),
        Some(maker.latency()),
        Some(maker.in_flight()),
        Some(maker.connections()),
        Some(maker.sent()),
        Some(maker.received()),
        maker.cache(),
        Some(maker.cpu()),
        Some(maker.memory()),
        Some(maker.open_files()),
        Some(maker.disk()),
    ];
    tiles.into_iter().flatten().collect()
}

struct Maker<'a> {
    snapshot: &'a Snapshot,
    history: &'a History,
    columns: Columns,
    points: u64,
}

impl<'a> Maker<'a> {
    fn new(snapshot: &'a Snapshot, history: &'a History) -> Self {
        let window = Window::new(history);
        // The seconds are enough for a look; of longer steps all are shown.
        let window = if window.step_seconds == 1 { window.last(POINTS) } else { window };
        let columns = window.columns(POINTS);
        Self { snapshot, history, columns, points: window.steps.div_ceil(columns.every) }
    }

    fn requests(&self) -> Tile {
        let recent = &self.snapshot.recent;
        let all = |step: [u32; 5]| step.iter().map(|count| f64::from(*count)).sum();
        let curve = self.columns.peaks(&self.history.requests, all);
        let value = format!("{} /s", shown::number(&recent.requests_per_second));
        let note = format!("{} /s over a minute", shown::number(&recent.requests_per_second_1m));
        self.tile("requests", "Requests", &value, note, &curve)
    }

    fn errors(&self) -> Tile {
        let recent = &self.snapshot.recent;
        let server = |step: [u32; 5]| f64::from(step[4]);
        let curve = self.columns.peaks(&self.history.requests, server);
        let value = shown::percent(&recent.server_error_ratio_1m);
        let note = format!("5xx; 4xx {}", shown::percent(&recent.client_error_ratio_1m));
        self.tile("errors", "Errors, 1 min", &value, note, &curve)
    }

    fn latency(&self) -> Tile {
        let recent = &self.snapshot.recent.time_to_first_byte_1m;
        let curve = self.columns.maxima(&self.history.p99_seconds, |step| step.map(f64::from));
        let value = shown::maybe_seconds(&recent.p50_seconds);
        let [p95, p99] =
            [recent.p95_seconds, recent.p99_seconds].map(|time| shown::maybe_seconds(&time));
        let note = format!("p95 {p95}, p99 {p99}");
        self.tile("latency", "First byte, median", &value, note, &curve)
    }

    fn in_flight(&self) -> Tile {
        let flights = &self.snapshot.in_flight;
        let curve = self.columns.maxima(&self.history.in_flight, |step| Some(f64::from(step)));
        // The list is cut.
        let number = self.snapshot.requests.in_flight;
        let oldest = flights.iter().map(|flight| flight.age_seconds).fold(0.0, f64::max);
        let note = match flights.len() {
            0 => "nothing being answered".to_owned(),
            _ => format!("the oldest for {}", shown::seconds(&oldest)),
        };
        self.tile("flights", "In flight", &Grouped(number).to_string(), note, &curve)
    }

    fn connections(&self) -> Tile {
        let connections = &self.snapshot.connections;
        let curve = self.columns.maxima(&self.history.open, |step| Some(f64::from(step)));
        let new = shown::number(&self.snapshot.recent.connections_per_second);
        let note = match connections.limit {
            0 => format!("{new} /s new"),
            limit => format!("of {}, {new} /s new", Grouped(limit)),
        };
        let value = Grouped(connections.open).to_string();
        let tile = self.tile("connections", "Connections", &value, note, &curve);
        Tile { parts: super::rows::connection_states(&self.snapshot.connections), ..tile }
    }

    fn sent(&self) -> Tile {
        let traffic = &self.snapshot.traffic;
        let curve = self.columns.peaks(&self.history.sent_bytes, float);
        let value = shown::byte_rate(&self.snapshot.recent.sent_bytes_per_second);
        let all = traffic.sent_content_bytes.saturating_add(traffic.sent_head_bytes);
        self.tile("out", "Sent", &value, format!("{} in all", Size(all)), &curve)
    }

    fn received(&self) -> Tile {
        let traffic = &self.snapshot.traffic;
        let curve = self.columns.peaks(&self.history.received_bytes, float);
        let value = shown::byte_rate(&self.snapshot.recent.received_bytes_per_second);
        let all = traffic.received_content_bytes.saturating_add(traffic.received_head_bytes);
        self.tile("in", "Received", &value, format!("{} in all", Size(all)), &curve)
    }

    fn cache(&self) -> Option<Tile> {
        let cache = self.snapshot.cache.as_ref()?;
        let hits = self.columns.rates(&self.history.cache_hits, f64::from);
        let misses = self.columns.rates(&self.history.cache_misses, f64::from);
        let ratio = |(hits, misses): (&Option<f64>, &Option<f64>)| {
            let (hits, misses) = ((*hits)?, (*misses)?);
            (hits + misses > 0.0).then(|| hits / (hits + misses))
        };
        let curve: Vec<_> = hits.iter().zip(&misses).map(ratio).collect();
        let recent = self.snapshot.recent.cache_hit_ratio_1m;
        let value = recent.map_or_else(shown::unknown, |ratio| shown::percent(&ratio));
        let note = format!("{} kept", Size(cache.bytes));
        Some(self.tile("hits", "Cache hits, 1 min", &value, note, &curve))
    }

    fn cpu(&self) -> Tile {
        let process = &self.snapshot.process;
        let curve = self.columns.maxima(&self.history.cpu_usage, |step| Some(f64::from(step)));
        // Of one core, as `top` has it: more than 100 % is possible.
        let percent = |usage: f64| format!("{} %", shown::number(&(usage * 100.0)));
        let value = process.cpu_usage.map_or_else(shown::unknown, percent);
        let note = match process.load_average {
            Some([one, ..]) => format!("of a core; load {:.2}", shown::sane(one)),
            None => "of a core".to_owned(),
        };
        self.tile("cpu", "CPU", &value, note, &curve)
    }

    fn memory(&self) -> Tile {
        let process = &self.snapshot.process;
        let curve = self.columns.maxima(&self.history.resident_bytes, |step| Some(float(step)));
        let value = shown::maybe_size(&process.resident_bytes);
        let note = process.threads.map(|threads| format!("{} threads", Grouped(threads)));
        self.tile("memory", "Memory", &value, note.unwrap_or_default(), &curve)
    }

    fn open_files(&self) -> Tile {
        let process = &self.snapshot.process;
        let curve = self.columns.maxima(&self.history.open_files, |step| Some(f64::from(step)));
        let value = shown::maybe_count(&process.open_files);
        let note = process.open_files_limit.map(|limit| format!("of {}", Grouped(limit)));
        let tile = self.tile("files", "Open files", &value, note.unwrap_or_default(), &curve);
        Tile { parts: used(process.open_files, process.open_files_limit), ..tile }
    }

    fn disk(&self) -> Tile {
        let process = &self.snapshot.process;
        let value = shown::maybe_size(&process.disk_free_bytes);
        let note = process.disk_total_bytes.map(|total| format!("of {}", Size(total)));
        let tile = self.tile("disk", "Disk free", &value, note.unwrap_or_default(), &[]);
        let used_bytes = process.disk_total_bytes.zip(process.disk_free_bytes);
        let used_bytes = used_bytes.map(|(total, free)| total.saturating_sub(free));
        Tile { parts: used(used_bytes, process.disk_total_bytes), ..tile }
    }

    fn tile(
        &self,
        id: &'static str,
        name: &'static str,
        text: &str,
        note: String,
        curve: &[Option<f64>],
    ) -> Tile {
        let (value, unit) = text.rsplit_once(' ').unwrap_or((text, ""));
        Tile {
            id,
            name,
            value: value.to_owned(),
            unit: unit.to_owned(),
            note,
            state: self.state(id),
            spark: spark(curve, self.points),
            parts: Vec::new(),
        }
    }

    /// How what a tile shows was found to be.
    fn state(&self, id: &str) -> State {
        let name = match id {
            "errors" => "server_errors",
            "files" => "open_files",
            same => same,
        };
        let checks = self.snapshot.health.checks.iter();
        let about = checks.filter(|check| check.name == name);
        about.map(|check| check.state).max().unwrap_or_default()
    }
}

/// A bar of which a part is used.
fn used(used: Option<u64>, limit: Option<u64>) -> Vec<Part> {
    let ratio = used.zip(limit).and_then(|(used, limit)| shown::ratio(used, limit));
    let part = |ratio: f64| Part::new("used", "used", used.unwrap_or_default(), ratio * 100.0, 0.0);
    ratio.map(part).into_iter().collect()
}

/// A curve from 0 to its own highest, as it moves and without axes.
fn spark(values: &[Option<f64>], points: u64) -> String {
    let highest = values.iter().flatten().copied().fold(0.0, f64::max);
    // A curve of zeros lies on the ground.
    let scale = if highest > 0.0 { (TALL - 4.0) / highest } else { 0.0 };
    let wide = points.max(values.len() as u64).saturating_sub(1).max(1);
    let from = (wide + 1) - (values.len() as u64).min(wide + 1);
    let (mut line, mut area, mut start) = (String::new(), String::new(), None);
    for (x, value) in (from..).zip(values) {
        if let Some(value) = value {
            let y = whole(TALL - 1.0 - value * scale);
            let command = if start.is_some() { ' ' } else { 'M' };
            let _ = write!(line, "{command}{x} {y}");
            start.get_or_insert(x);
        }
        let is_end = value.is_none() || x + 1 == from + values.len() as u64;
        if let Some(start) = start.take_if(|_| is_end) {
            let end = if value.is_none() { x - 1 } else { x };
            let from = line.rfind('M').unwrap_or_default();
            let _ = write!(area, "{}V{TALL}H{start}z", &line[from..]);
            // A point by itself would not be seen.
            if start == end {
                line.push_str("h.9");
            }
        }
    }
    if line.is_empty() {
        return String::new();
    }
    format!(
        "<svg class=\"spark\" viewBox=\"0 0 {wide} {TALL}\" preserveAspectRatio=\"none\" \
         aria-hidden=\"true\"><path class=\"area faint\" d=\"{area}\"/>\
         <path class=\"line\" d=\"{line}\"/></svg>"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_has_its_place_at_the_right_and_its_gaps() {
        assert_eq!(spark(&[], 90), "");
        assert_eq!(spark(&[None, None], 90), "");
        let text = spark(&[Some(1.0), Some(0.0), None, Some(1.0)], 10);
        assert!(text.contains("class=\"line\" d=\"M6 3 7 59M9 3h.9\""), "{text}");
        assert!(text.contains("d=\"M6 3 7 59V60H6zM9 3V60H9z\""), "{text}");
    }

    #[test]
    fn a_tile_has_the_state_of_its_checks() {
        let mut snapshot = Snapshot::default();
        let check = |name: &str, state| crate::stats::snapshot::Check {
            name: name.to_owned(),
            state,
            text: String::new(),
        };
        snapshot.health.checks =
            vec![check("disk", State::Red), check("disk_uploads", State::Amber)];
        let tiles = tiles(&snapshot, &History::default());
        let state = |id| tiles.iter().find(|tile| tile.id == id).map(|tile| tile.state);
        assert_eq!(state("disk"), Some(State::Red));
        assert_eq!(state("memory"), Some(State::Green));
    }
}
