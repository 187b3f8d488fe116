//! Times as bars.

use serde::{Deserialize, Serialize};

use crate::commands::terminal::line::{Line, Style, left, right};
use crate::commands::terminal::units::{count, precise};
use crate::load::Latency;

/// The widest bar, in letters.
const WIDEST: usize = 40;

/// How many took as long: more than those of the bar before, and no more than that.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(super) struct Bar {
    pub(super) le_seconds: f64,
    pub(super) count: u64,
}

/// Times in at most so many bars, each of which ends at the same multiple of the one before; the last
/// with the longest.
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
pub(super) fn bars(latency: &Latency, most: usize) -> Vec<Bar> {
    let (Some(min), Some(max)) = (latency.min(), latency.max()) else { return Vec::new() };
    let (min, max) = (min.as_secs_f64().max(1e-9), max.as_secs_f64().max(1e-9));
    // Narrower ones than an eighth of their height say nothing.
    let wanted = ((max / min).ln() / 1.125_f64.ln()).ceil();
    let rows = (wanted as usize).clamp(1, most.max(1));
    let step = (max / min).ln() / rows as f64;
    let mut bars: Vec<_> = (1..=rows)
        .map(|row| Bar { le_seconds: min * (step * row as f64).exp(), count: 0 })
        .collect();
    for (time, count) in latency.counted() {
        let at = bars.iter().position(|bar| time.as_secs_f64() <= bar.le_seconds);
        if let Some(bar) = bars.get_mut(at.unwrap_or(rows - 1)) {
            bar.count += count;
        }
    }
    if let Some(last) = bars.last_mut() {
        last.le_seconds = max;
    }
    bars
}

/// The same as lines: until when, how many.
pub(super) fn lines(bars: &[Bar]) -> Vec<Line> {
    let highest = bars.iter().map(|bar| bar.count).max().unwrap_or_default();
    let line = |bar: &Bar| {
        Line::of(Style::Dim, &format!("  {}  ", right(&precise(bar.le_seconds), 9)))
            .and(Style::Graph, &left(&letters(bar.count, highest), WIDEST))
            .and(Style::Plain, &format!("  {}", count(bar.count)))
    };
    bars.iter().map(line).collect()
}

/// A bar in eighths of a letter; what is there shall be seen.
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn letters(count: u64, highest: u64) -> String {
    const PARTS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

    let part = count as f64 / highest.max(1) as f64;
    let eighths = (part * WIDEST as f64 * 8.0).ceil() as usize;
    "█".repeat(eighths / 8) + PARTS.get(eighths % 8).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_long_as_it_is_of_the_longest() {
        assert_eq!(letters(10, 10), "█".repeat(40));
        assert_eq!(letters(5, 10), "█".repeat(20));
        assert_eq!(
            (letters(1, 1_000_000), letters(0, 5), letters(0, 0)),
            ("▏".to_owned(), String::new(), String::new())
        );
        let lines =
            lines(&[Bar { le_seconds: 0.001, count: 4000 }, Bar { le_seconds: 0.01, count: 1 }]);
        let screen = crate::commands::terminal::line::Screen {
            width: 80,
            height: None,
            cut: true,
            colors: false,
        };
        assert_eq!(lines[1].print(&screen), format!("    10.0 ms  ▏{}  1", " ".repeat(39)));
    }
}
