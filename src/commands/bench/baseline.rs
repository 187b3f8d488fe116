//! A report beside an earlier one.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::error::BenchError;
use super::figure::FIGURES;
use super::report::{FORMAT, Load, Report};
use crate::commands::terminal::line::{Line, Style, left, right};

/// What has become of each figure.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Comparison {
    /// By their names.
    figures: BTreeMap<String, Change>,
    /// What was asked then, if it was something else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    other_load: Option<Load>,
    /// What was different then, in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    differences: Vec<String>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
struct Change {
    before: f64,
    now: f64,
    /// Of what it was; nothing of nothing.
    ratio: Option<f64>,
}

/// Reads the JSON of an earlier run.
pub(super) fn read(file: &Path) -> Result<Report, BenchError> {
    let wrong = |reason: String| BenchError::File { file: file.to_owned(), reason };
    let text = fs::read_to_string(file).map_err(|error| wrong(error.to_string()))?;
    let report: Report = serde_json::from_str(&text)
        .map_err(|error| wrong(format!("is not what salver bench --json prints: {error}")))?;
    if report.format != FORMAT {
        return Err(wrong(format!("is of format {}, and {FORMAT} is known", report.format)));
    }
    Ok(report)
}

impl Comparison {
    pub(super) fn of(now: &Report, before: &Report) -> Self {
        let figures = FIGURES.iter().filter_map(|figure| {
            let (now, before) = ((figure.of)(now)?, (figure.of)(before)?);
            let ratio = (before > 0.0).then(|| now / before);
            Some((figure.name.to_owned(), Change { before, now, ratio }))
        });
        // Cores may differ without anything being asked differently.
        let then = Load { threads: now.load.threads, ..before.load.clone() };
        let differences = differences(now, before);
        let other_load = (then != now.load).then(|| before.load.clone());
        Self { figures: figures.collect(), other_load, differences }
    }

    /// What a figure was.
    pub(super) fn before(&self, name: &str) -> Option<f64> {
        self.figures.get(name).map(|change| change.before)
    }

    /// The figures one below the other.
    pub(super) fn lines(&self) -> Vec<Line> {
        let head = format!(
            "{}{}{}{}",
            left("Baseline", 12),
            right("now", 12),
            right("before", 14),
            right("change", 11)
        );
        let mut lines = vec![Line::of(Style::Bold, &head)];
        for figure in FIGURES {
            let Some(change) = self.figures.get(figure.name) else { continue };
            let percent = change
                .ratio
                .map_or_else(String::new, |ratio| format!("{:+.1} %", (ratio - 1.0) * 100.0));
            let row = [
                (figure.unit.show(change.now), 12),
                (figure.unit.show(change.before), 14),
                (percent, 11),
            ];
            let row: String = row.iter().map(|(text, width)| right(text, *width)).collect();
            lines.push(Line::of(Style::Plain, &format!("  {}{row}", left(figure.name, 10))));
        }
        if !self.differences.is_empty() {
            let different = self.differences.join(", ");
            let text = format!("Not the same was asked then ({different}): compare with care.");
            lines.push(Line::of(Style::Amber, &text));
        }
        lines
    }
}

/// What was asked differently. Cores may differ without anything being so.
fn differences(now: &Report, before: &Report) -> Vec<String> {
    let (after, then) = (&now.load, &before.load);
    let all = [
        ("URL", now.url != before.url || after.urls != then.urls),
        ("connections", after.connections != then.connections),
        ("HTTP/2", after.http2 != then.http2),
        ("keep-alive", after.keep_alive != then.keep_alive),
        ("requests at once", after.at_once != then.at_once),
        ("rate", after.rate != then.rate),
        ("duration", after.seconds != then.seconds || after.requests != then.requests),
    ];
    let different = all.iter().filter(|(_, is_different)| *is_different);
    different.map(|(name, _)| (*name).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::report::sample;
    use super::*;

    #[test]
    fn each_figure_is_beside_what_it_was() {
        let now = sample();
        let mut before =
            Report { requests_per_second: 50_000.0, latency_seconds: None, ..sample() };
        before.load.threads = 9;
        let comparison = Comparison::of(&now, &before);
        assert_eq!(comparison.before("rps"), Some(50_000.0));
        assert_eq!(comparison.before("p99"), None);
        let screen = crate::commands::terminal::line::Screen {
            width: 80,
            height: None,
            cut: true,
            colors: false,
        };
        let text: Vec<_> = comparison.lines().iter().map(|line| line.print(&screen)).collect();
        assert_eq!(text[1], "  rps             40,000        50,000    -20.0 %");
        assert!(!text.iter().any(|line| line.contains("p99") || line.contains("care")), "{text:?}");
        assert!(
            text.iter().any(|line| line.ends_with("errors               0             0")),
            "{text:?}"
        );

        before.load.connections = 1;
        let text = Comparison::of(&now, &before).lines().last().unwrap().print(&screen);
        assert!(text.starts_with("Not the same was asked then (connections): "), "{text}");
        before.url = "http://127.0.0.1:8000/other".to_owned();
        let text = Comparison::of(&now, &before).lines().last().unwrap().print(&screen);
        assert!(text.contains("(URL, connections)"), "{text}");
    }
}
