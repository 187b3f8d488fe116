//! Which curves the page shows over the chosen time.

use super::axis::Unit;
use super::chart::{Chart, Form, Series};
use super::columns::{Columns, Window};
use super::heat;
use super::shown::float;
use crate::stats::snapshot::History;

/// Columns of a curve at most.
const COLUMNS: u64 = 240;

/// All charts, one after the other.
pub(super) fn charts(history: &History, has_cache: bool) -> String {
    let all = Charts::new(history);
    let mut out = String::with_capacity(64 << 10);
    all.requests().write(&mut out);
    heat::write(&mut out, history, all.window);
    all.bandwidth().write(&mut out);
    all.latency().write(&mut out);
    all.connections().write(&mut out);
    if has_cache {
        all.cache().write(&mut out);
    }
    out
}

struct Charts<'a> {
    history: &'a History,
    window: Window,
    columns: Columns,
}

impl<'a> Charts<'a> {
    fn new(history: &'a History) -> Self {
        let window = Window::new(history);
        Self { history, window, columns: window.columns(COLUMNS) }
    }

    /// Errors stand on the bottom line, where the first of them can be seen; and are marked below
    /// it, where even one among millions can.
    fn requests(&self) -> Chart {
        let requests = &self.history.requests;
        let classes = [
            (4, "s5", "5xx"),
            (3, "s4", "4xx"),
            (2, "s3", "3xx"),
            (0, "s1", "1xx"),
            (1, "s2", "2xx"),
        ];
        let is_rare = |class: usize| class == 0 && requests.iter().all(|step| step[class] == 0);
        let mut series: Vec<_> = classes
            .into_iter()
            .filter(|(class, ..)| !is_rare(*class))
            .map(|(class, colour, name)| {
                let values = self.columns.rates(requests, |step| f64::from(step[class]));
                Series { class: colour, name, form: Form::Stacked, values }
            })
            .collect();
        let all = |step: [u32; 5]| step.iter().map(|count| f64::from(*count)).sum();
        let peaks = self.columns.peaks(requests, all);
        series.extend(self.busiest(["busiest second", "busiest 10 s", "busiest minute"], peaks));
        self.chart("requests", "Requests", "by status", Unit::Rate, series, Some(0))
    }

    fn bandwidth(&self) -> Chart {
        let History { received_bytes: received, sent_bytes: sent, .. } = self.history;
        let mut series = vec![
            area("out", "sent", self.columns.rates(sent, float)),
            area("in", "received", self.columns.rates(received, float)),
        ];
        let names = ["sent, busiest second", "sent, busiest 10 s", "sent, busiest minute"];
        series.extend(self.busiest(names, self.columns.peaks(sent, float)));
        self.chart("bandwidth", "Bandwidth", "without encryption", Unit::ByteRate, series, None)
    }

    fn latency(&self) -> Chart {
        let History { p50_seconds: p50, p95_seconds: p95, p99_seconds: p99, .. } = self.history;
        let line = |class, name, list: &[Option<f32>]| {
            let values = self.columns.maxima(list, |step: Option<f32>| step.map(f64::from));
            Series { class, name, form: Form::Line, values }
        };
        let series =
            vec![line("p50", "p50", p50), line("p95", "p95", p95), line("p99", "p99", p99)];
        let note = "percentiles, by powers of ten";
        self.chart("latency", "Time to first byte", note, Unit::Seconds, series, None)
    }

    fn connections(&self) -> Chart {
        let values = |list: &[u32]| self.columns.maxima(list, |step| Some(f64::from(step)));
        let open = area("open", "connections", values(&self.history.open));
        let flights = area("flights", "requests in flight", values(&self.history.in_flight));
        let series = vec![open, flights];
        self.chart("connections", "Connections", "open", Unit::Count, series, None)
    }

    fn cache(&self) -> Chart {
        let rates = |list: &[u32]| self.columns.rates(list, f64::from);
        let stacked = |class, name, values| Series { class, name, form: Form::Stacked, values };
        let misses = stacked("misses", "from disk", rates(&self.history.cache_misses));
        let hits = stacked("hits", "from memory", rates(&self.history.cache_hits));
        self.chart("cache", "File cache", "files served", Unit::Rate, vec![misses, hits], None)
    }

    fn chart(
        &self,
        id: &'static str,
        title: &'static str,
        note: &'static str,
        unit: Unit,
        series: Vec<Series>,
        marked: Option<usize>,
    ) -> Chart {
        let (window, columns, len) = (self.window, self.columns, self.history.requests.len());
        Chart { id, title, note, unit, window, columns, len, series, marked }
    }

    /// The busiest step of each column, where a column has more than one: no spike is lost in an
    /// average.
    fn busiest(&self, names: [&'static str; 3], values: Vec<Option<f64>>) -> Option<Series> {
        let name = match self.window.step_seconds {
            1 => names[0],
            10 => names[1],
            _ => names[2],
        };
        (self.columns.every > 1).then_some(Series { class: "peak", name, form: Form::Thin, values })
    }
}

fn area(class: &'static str, name: &'static str, values: Vec<Option<f64>>) -> Series {
    Series { class, name, form: Form::Area, values }
}
