//! A chart as a piece of HTML: heading, legend with the latest values, and the curves as SVG.
//!
//! The curves are drawn in a box of their own, [`TALL`] high and as wide as the window has steps,
//! which is stretched to the place that the page has; lines across, labels and clock times are
//! placed around it in percent, and so are never out of shape. Points are whole numbers, each
//! relative to the one before: that is a third of the size.
//!
//! The values of each curve go with its entry in the legend, for the script's crosshair.

use std::fmt::Write;
use std::ops::Range;

use super::axis::{Axis, Unit, ticks};
use super::columns::{Column, Columns, Window};
use super::shown::{sane, whole};

/// Pixels from the bottom line to the top.
pub(super) const HEIGHT: u64 = 150;

/// The same in the units of the curves.
const TALL: f64 = 400.0;

/// A chart over time.
pub(super) struct Chart {
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    /// What is drawn, in small letters.
    pub(super) note: &'static str,
    pub(super) unit: Unit,
    pub(super) window: Window,
    pub(super) columns: Columns,
    /// Steps that the history has.
    pub(super) len: usize,
    /// From the bottom up.
    pub(super) series: Vec<Series>,
    /// Columns that are marked below the axis, however little of them can be seen above it: the
    /// values of one of the series.
    pub(super) marked: Option<usize>,
}

/// One curve.
pub(super) struct Series {
    /// Its colour in the style sheet.
    pub(super) class: &'static str,
    pub(super) name: &'static str,
    pub(super) form: Form,
    /// One value for each column.
    pub(super) values: Vec<Option<f64>>,
}

/// How a curve is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// An area on top of those before it.
    Stacked,
    /// An area of its own that others can be seen through.
    Area,
    /// A line.
    Line,
    /// A line that is less important than what is below it.
    Thin,
}

impl Chart {
    /// Writes all of it.
    pub(super) fn write(&self, out: &mut String) {
        let tops = self.tops();
        let axis = Axis::new(self.unit, tops.iter().flatten().copied().flatten());
        figure(out, self.id, self.title, self.note);
        self.legend(out);
        let _ = write!(out, "</figcaption>");
        plot(out, self.window, &self.columns);
        let lines = axis.lines.iter().map(|line| (axis.height(*line), axis.label(*line)));
        frame(out, &self.summary(), self.window, lines);
        let (wide, tall) = (self.window.steps, TALL);
        let _ = write!(
            out,
            "<svg width=\"100%\" height=\"{HEIGHT}\" viewBox=\"0 0 {wide} {tall}\" \
             preserveAspectRatio=\"none\">"
        );
        let columns: Vec<_> = self.columns.of(self.len).collect();
        // The highest area first, so that those below cover its foot.
        for (series, tops) in self.series.iter().zip(&tops).rev() {
            series.draw(out, &columns, tops, &axis);
        }
        out.push_str("</svg>");
        self.marks(out, &columns);
        end(out);
    }

    /// Where the upper edge of each series is.
    fn tops(&self) -> Vec<Vec<Option<f64>>> {
        let mut below: Vec<f64> = Vec::new();
        let top = |series: &Series| {
            if series.form != Form::Stacked {
                return series.values.clone();
            }
            below.resize(below.len().max(series.values.len()), 0.0);
            let summed = series.values.iter().zip(&mut below).map(|(value, below)| {
                *below += value.unwrap_or_default();
                value.map(|_| *below)
            });
            summed.collect()
        };
        self.series.iter().map(top).collect()
    }

    fn legend(&self, out: &mut String) {
        let unit = match self.unit {
            Unit::Count => "count",
            Unit::Rate => "rate",
            Unit::ByteRate => "bytes",
            Unit::Seconds => "time",
        };
        let _ = write!(out, "<ul class=\"legend\" data-unit=\"{unit}\">");
        // As they are seen: the upper first.
        for series in self.series.iter().rev() {
            let Series { class, name, form, values } = series;
            let form = if *form == Form::Thin { " thin" } else { "" };
            let _ = write!(out, "<li class=\"{class}{form}\" data-values=\"");
            for (index, value) in values.iter().enumerate() {
                let comma = if index > 0 { "," } else { "" };
                out.push_str(comma);
                if let Some(value) = value {
                    compact(out, if self.unit == Unit::Seconds { value * 1e6 } else { *value });
                }
            }
            let latest = values.last().copied().flatten();
            let latest = latest.map_or_else(super::shown::unknown, |value| self.unit.text(value));
            let _ = write!(out, "\"><span>{name}</span> <b>{latest}</b></li>");
        }
        out.push_str("</ul>");
    }

    /// The chart in a sentence, for those who cannot see it.
    fn summary(&self) -> String {
        let mut text = String::from(self.title);
        for series in self.series.iter().rev() {
            let known = || series.values.iter().copied().flatten();
            let (Some(latest), highest) = (known().last(), known().fold(0.0, f64::max)) else {
                continue;
            };
            let (name, unit) = (series.name, self.unit);
            let (latest, highest) = (unit.text(latest), unit.text(highest));
            let _ = write!(text, "; {name}: {latest}, at most {highest}");
        }
        // "< 1 µs" is text here.
        text.replace('<', "less than")
    }

    fn marks(&self, out: &mut String, columns: &[Column]) {
        let Some(series) = self.marked.and_then(|index| self.series.get(index)) else { return };
        let (wide, y) = (self.window.steps, HEIGHT + 2);
        let _ = write!(
            out,
            "<svg y=\"{y}\" width=\"100%\" height=\"5\" viewBox=\"0 0 {wide} 1\" \
             preserveAspectRatio=\"none\"><path class=\"{} mark\" d=\"",
            series.class
        );
        let values = series.values.iter().zip(columns);
        for (_, column) in values.filter(|(value, _)| value.is_some_and(|value| value > 0.0)) {
            let Column { left, right, .. } = column;
            let _ = write!(out, "M{left} 0H{right}V1H{left}z");
        }
        out.push_str("\"/></svg>");
    }
}

impl Series {
    fn draw(&self, out: &mut String, columns: &[Column], tops: &[Option<f64>], axis: &Axis) {
        let class = self.class;
        let runs = || runs(tops.iter().map(Option::is_some)).filter(|run| run.end <= columns.len());
        if matches!(self.form, Form::Stacked | Form::Area) {
            let faint = if self.form == Form::Area { " faint" } else { "" };
            let _ = write!(out, "<path class=\"{class} area{faint}\" d=\"");
            for run in runs() {
                let mut pen = Pen::new(out);
                outline(&mut pen, &columns[run.clone()], &tops[run], axis);
                pen.close();
            }
            out.push_str("\"/>");
        }
        if self.form != Form::Stacked {
            let thin = if self.form == Form::Thin { " thin" } else { "" };
            let _ = write!(out, "<path class=\"{class} line{thin}\" d=\"");
            for run in runs() {
                outline(&mut Pen::new(out), &columns[run.clone()], &tops[run], axis);
            }
            out.push_str("\"/>");
        }
    }
}

/// From the left edge of the first column over the middles of all to the right edge of the last.
fn outline(pen: &mut Pen<'_>, columns: &[Column], tops: &[Option<f64>], axis: &Axis) {
    let height = |top: &Option<f64>| down(axis.height(top.unwrap_or_default()));
    let [Some(first), Some(last)] = [columns.first(), columns.last()] else { return };
    let [Some(start), Some(end)] = [tops.first().map(height), tops.last().map(height)] else {
        return;
    };
    pen.to(signed(first.left), start);
    for (column, top) in columns.iter().zip(tops) {
        pen.to(signed(u64::midpoint(column.left, column.right)), height(top));
    }
    pen.to(signed(last.right), end);
}

/// A height as a distance from the upper edge.
fn down(height: f64) -> i64 {
    signed(whole((1.0 - sane(height)) * TALL))
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Stretches of `true`.
fn runs(known: impl Iterator<Item = bool>) -> impl Iterator<Item = Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for (index, _) in known.enumerate().filter(|(_, known)| *known) {
        match runs.last_mut() {
            Some(run) if run.end == index => run.end += 1,
            _ => runs.push(index..index + 1),
        }
    }
    runs.into_iter()
}

/// Draws a line through points, as the `d` of a `<path>`.
struct Pen<'o> {
    out: &'o mut String,
    start: Option<i64>,
    at: (i64, i64),
}

impl<'o> Pen<'o> {
    fn new(out: &'o mut String) -> Self {
        Self { out, start: None, at: (0, 0) }
    }

    fn to(&mut self, x: i64, y: i64) {
        let (dx, dy) = (x - self.at.0, y - self.at.1);
        let _ = match self.start {
            None => write!(self.out, "M{x} {y}l"),
            // A minus sign is separation enough.
            Some(_) if (dx, dy) == (0, 0) => return,
            Some(_) => {
                let before = if self.out.ends_with('l') || dx < 0 { "" } else { " " };
                let between = if dy < 0 { "" } else { " " };
                write!(self.out, "{before}{dx}{between}{dy}")
            }
        };
        self.start.get_or_insert(x);
        self.at = (x, y);
    }

    /// Down to the bottom line, back along it, and up again.
    fn close(&mut self) {
        if let Some(start) = self.start {
            let _ = write!(self.out, "V{TALL}H{start}z");
        }
    }
}

/// Three digits are enough to read off a curve.
fn compact(out: &mut String, value: f64) {
    let value = sane(value);
    let _ = match value {
        0.0 => write!(out, "0"),
        // Rounded first, lest 999.7 become four digits.
        999.5.. => {
            let text = format!("{value:.2e}");
            let (digits, power) = text.split_once('e').unwrap_or((&text, "0"));
            let digits = digits.trim_end_matches('0').trim_end_matches('.');
            write!(out, "{digits}e{power}")
        }
        ..9.995 => {
            let text = format!("{value:.2}");
            write!(out, "{}", text.trim_end_matches('0').trim_end_matches('.'))
        }
        _ => write!(out, "{value:.0}"),
    };
}

/// The beginning of a chart, up to its legend.
pub(super) fn figure(out: &mut String, id: &str, title: &str, note: &str) {
    let _ = write!(
        out,
        "<figure class=\"chart\" id=\"{id}\"><figcaption><h3>{title} <small>{note}</small></h3>"
    );
}

/// The beginning of the drawing: what the script needs to know of the time it shows.
pub(super) fn plot(out: &mut String, window: Window, columns: &Columns) {
    let (end, first, every) = (window.end, columns.first(), columns.every);
    let Window { steps, step_seconds, .. } = window;
    let _ = write!(
        out,
        "<div class=\"plot\" data-end=\"{end}\" data-steps=\"{steps}\" \
         data-step=\"{step_seconds}\" data-first=\"{first}\" data-every=\"{every}\">"
    );
}

/// Lines across with what they stand for, and the clock below. The curves come behind this.
pub(super) fn frame(
    out: &mut String,
    summary: &str,
    window: Window,
    lines: impl Iterator<Item = (f64, String)>,
) {
    let tall = HEIGHT + 26;
    let _ = write!(
        out,
        "<svg class=\"frame\" width=\"100%\" height=\"{tall}\" role=\"img\" \
         aria-label=\"{summary}\"><g class=\"grid\">"
    );
    for (height, label) in lines {
        let y = HEIGHT - whole(height * super::shown::float(HEIGHT)).min(HEIGHT);
        let text = y + 4;
        let _ = write!(
            out,
            "<line x2=\"100%\" y1=\"{y}\" y2=\"{y}\"/><text x=\"-8\" y=\"{text}\">{label}</text>"
        );
    }
    out.push_str("</g><g class=\"clock\">");
    let (below, text) = (HEIGHT + 4, HEIGHT + 21);
    for tick in ticks(window) {
        let (percent, unix) = (tick.percent, tick.unix);
        let _ = write!(
            out,
            "<line x1=\"{percent:.2}%\" x2=\"{percent:.2}%\" y1=\"{HEIGHT}\" y2=\"{below}\"/>\
             <text x=\"{percent:.2}%\" y=\"{text}\" data-unix=\"{unix}\">{}</text>",
            tick.text
        );
    }
    out.push_str("</g>");
}

/// The end of the drawing and of the chart.
pub(super) fn end(out: &mut String) {
    out.push_str("</svg><i class=\"cross\" data-keep=\"\"></i></div></figure>\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::snapshot::History;

    fn chart(values: Vec<Option<f64>>, form: Form) -> String {
        let history = History {
            range: "10m".to_owned(),
            step_seconds: 1,
            end: "2026-11-21T08:20:00Z".to_owned(),
            requests: vec![[0; 5]; values.len()],
            ..History::default()
        };
        let window = Window::new(&history);
        let mut out = String::new();
        Chart {
            id: "test",
            title: "Test",
            note: "",
            unit: Unit::Rate,
            window,
            columns: window.columns(600),
            len: values.len(),
            series: vec![Series { class: "a", name: "A", form, values }],
            marked: Some(0),
        }
        .write(&mut out);
        out
    }

    #[test]
    fn curves_begin_and_end_at_the_edges_of_their_columns() {
        let text = chart(vec![Some(2.0), Some(4.0)], Form::Stacked);
        assert!(text.contains("d=\"M598 200l1-200 1 0V400H598z\""), "{text}");
        assert!(text.contains("data-values=\"2,4\""), "{text}");
        assert!(text.contains("aria-label=\"Test; A: 4/s, at most 4/s\""), "{text}");
    }

    #[test]
    fn a_gap_is_no_zero() {
        let text = chart(vec![Some(1.0), None, Some(1.0)], Form::Line);
        assert!(text.contains("d=\"M597 0l1 0M599 0l1 0\""), "{text}");
        assert!(text.contains("data-values=\"1,,1\""), "{text}");
    }

    #[test]
    fn nothing_is_drawn_of_nothing() {
        let text = chart(Vec::new(), Form::Area);
        assert!(text.contains("d=\"\""), "{text}");
        let text = chart(vec![None, Some(f64::NAN)], Form::Area);
        assert!(!text.contains("NaN") && !text.contains("inf"), "{text}");
    }

    #[test]
    fn values_have_three_digits() {
        let text = |value| {
            let mut out = String::new();
            compact(&mut out, value);
            out
        };
        let rows = [(0.0, "0"), (0.126, "0.13"), (9.5, "9.5"), (56.4, "56"), (1e6, "1e6")];
        for (value, expected) in rows {
            assert_eq!(text(value), expected);
        }
        assert_eq!(text(1_234_567.0), "1.23e6");
        assert_eq!(text(f64::NAN), "0");
    }
}
