//! Round numbers and clock times for axes.

use super::columns::Window;
use super::shown;

/// What an axis counts: which numbers are round, and how they are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// So many.
    Count,
    /// So many per second.
    Rate,
    /// Bytes per second.
    ByteRate,
    /// Seconds, which reach from millionths to minutes: drawn by their logarithm.
    Seconds,
}

impl Unit {
    /// A value with its unit.
    pub(super) fn text(self, value: f64) -> String {
        match self {
            Self::Count => shown::number(&value),
            Self::Rate => format!("{}/s", shown::number(&value)),
            Self::ByteRate => shown::byte_rate(&value),
            Self::Seconds => shown::seconds(&value),
        }
    }

    /// A round value beside its line.
    fn label(self, value: f64) -> String {
        match self {
            Self::Count | Self::Rate => short(value),
            Self::ByteRate if value < 1.0 => "0".to_owned(),
            Self::ByteRate => format!("{}/s", crate::content::shown::Size(shown::whole(value)))
                .replace(".0 ", " "),
            Self::Seconds => decade(value),
        }
    }
}

/// An axis from bottom to top.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Axis {
    unit: Unit,
    low: f64,
    high: f64,
    /// The lines across, from the bottom up.
    pub(super) lines: Vec<f64>,
}

impl Axis {
    /// An axis with room for all of these, from 0 (or, for seconds, from the power of ten below).
    pub(super) fn new(unit: Unit, values: impl Iterator<Item = f64>) -> Self {
        let known = values.filter(|value| value.is_finite() && *value > 0.0);
        let (low, high) = known.fold((f64::INFINITY, 0.0), |(low, high): (f64, f64), value| {
            (low.min(value), high.max(value))
        });
        match unit {
            Unit::Seconds => Self::of_decades(low, high),
            _ => Self::from_zero(unit, high),
        }
    }

    fn from_zero(unit: Unit, high: f64) -> Self {
        let step = match unit {
            Unit::ByteRate => byte_step(high / 4.0),
            // There is no half connection.
            Unit::Count => round_step(high / 4.0).max(1.0),
            _ => round_step(high / 4.0),
        };
        let count = (high / step - 1e-9).ceil().clamp(1.0, 4.0);
        let lines = (0..=4_u32).map(f64::from).filter(|at| *at <= count).map(|at| at * step);
        Self { unit, low: 0.0, high: count * step, lines: lines.collect() }
    }

    fn of_decades(low: f64, high: f64) -> Self {
        let (low, high) = if high > 0.0 { (low, high) } else { (1e-4, 1e-2) };
        let bottom = low.max(1e-6).log10().floor();
        let top = high.max(1e-6).log10().ceil().max(bottom + 1.0);
        let lines = (-6..=6).map(|power| 10_f64.powi(power));
        let (low, high) = (10_f64.powf(bottom), 10_f64.powf(top));
        let inside = |line: &f64| *line > low * 0.99 && *line < high * 1.01;
        Self { unit: Unit::Seconds, low, high, lines: lines.filter(inside).collect() }
    }

    /// How high a value stands: 0 is the bottom, 1 the top.
    pub(super) fn height(&self, value: f64) -> f64 {
        let height = match self.unit {
            Unit::Seconds => (value.max(self.low) / self.low).ln() / (self.high / self.low).ln(),
            _ => (value - self.low) / (self.high - self.low),
        };
        shown::sane(height).min(1.0)
    }

    /// What stands beside a line.
    pub(super) fn label(&self, line: f64) -> String {
        self.unit.label(line)
    }
}

/// The least of 1, 2 or 5 times a power of ten that is not less.
fn round_step(least: f64) -> f64 {
    if !(least.is_finite() && least > 0.0) {
        return 1.0;
    }
    let power = 10_f64.powf(least.log10().floor());
    let round = [1.0, 2.0, 5.0, 10.0].map(|digit| digit * power);
    round.into_iter().find(|round| *round >= least * (1.0 - 1e-9)).unwrap_or(10.0 * power)
}

/// The same for bytes: 1, 2, 5, 10 ... 500 B, KiB, MiB and so on.
fn byte_step(least: f64) -> f64 {
    let mut unit = 1.0;
    while least > 500.0 * unit {
        unit *= 1024.0;
    }
    unit * round_step((least / unit).max(1.0))
}

/// `0.5`, `200`, `15k`, `2M`
fn short(value: f64) -> String {
    let (value, suffix) = match value {
        1e9.. => (value / 1e9, "G"),
        1e6.. => (value / 1e6, "M"),
        1e4.. => (value / 1e3, "k"),
        _ => (value, ""),
    };
    // Steps of 1, 2, 5 need at most two places; binary fractions need no more.
    let text = format!("{value:.2}");
    format!("{}{suffix}", text.trim_end_matches('0').trim_end_matches('.'))
}

/// `10 ms`
fn decade(seconds: f64) -> String {
    match seconds {
        ..9e-4 => format!("{:.0} \u{b5}s", seconds * 1e6),
        ..0.9 => format!("{:.0} ms", seconds * 1e3),
        _ => format!("{seconds:.0} s"),
    }
}

/// A time of day on the axis from left to right.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tick {
    /// Where: 0 is the left edge, 100 the right.
    pub(super) percent: f64,
    /// Seconds since 1970.
    pub(super) unix: u64,
    /// `08:20`
    pub(super) text: String,
}

/// Full minutes, half hours or hours of a window.
pub(super) fn ticks(window: Window) -> Vec<Tick> {
    let (step, start) = (window.step_seconds, window.start());
    let seconds = window.steps * step;
    let every = match seconds {
        0..=900 => 120,
        901..=10_800 => 1800,
        _ => 14_400,
    };
    let (from, to) = (start * step, window.end * step);
    (from.div_ceil(every)..=to / every)
        .map(|number| number * every)
        .map(|unix| Tick {
            percent: shown::float(unix - from) * 100.0 / shown::float(seconds),
            unix,
            text: format!("{:02}:{:02}", unix / 3600 % 24, unix / 60 % 60),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::stats::snapshot::History;

    fn labels(unit: Unit, values: &[f64]) -> Vec<String> {
        let axis = Axis::new(unit, values.iter().copied());
        axis.lines.iter().map(|line| axis.label(*line)).collect()
    }

    #[test]
    fn lines_are_at_round_numbers() {
        assert_eq!(labels(Unit::Rate, &[3.0, 870.0]), ["0", "500", "1000"]);
        assert_eq!(labels(Unit::Rate, &[0.7]), ["0", "0.2", "0.4", "0.6", "0.8"]);
        assert_eq!(labels(Unit::Rate, &[61_000.0]), ["0", "20k", "40k", "60k", "80k"]);
        assert_eq!(labels(Unit::Count, &[1.0]), ["0", "1"]);
        let mebi = f64::from(1 << 20);
        let expected = ["0", "5 MiB/s", "10 MiB/s", "15 MiB/s"];
        assert_eq!(labels(Unit::ByteRate, &[13.0 * mebi]), expected);
        let expected = ["100 \u{b5}s", "1 ms", "10 ms", "100 ms", "1 s"];
        assert_eq!(labels(Unit::Seconds, &[0.000_3, 0.8]), expected);
    }

    #[test]
    fn an_axis_of_nothing_has_lines_too() {
        for unit in [Unit::Count, Unit::Rate, Unit::ByteRate, Unit::Seconds] {
            let axis = Axis::new(unit, [f64::NAN, -1.0, f64::INFINITY].into_iter());
            assert!(axis.lines.len() >= 2, "{unit:?}");
            assert!(axis.height(f64::NAN).abs() < 1e-9);
        }
    }

    #[test]
    fn ticks_are_at_full_minutes_inside_the_window() {
        let history = History {
            range: "10m".to_owned(),
            step_seconds: 1,
            end: "2026-11-21T08:21:30Z".to_owned(),
            ..History::default()
        };
        let ticks = ticks(Window::new(&history));
        let texts: Vec<_> = ticks.iter().map(|tick| tick.text.as_str()).collect();
        assert_eq!(texts, ["08:12", "08:14", "08:16", "08:18", "08:20"]);
        assert!((ticks[4].percent - 85.0).abs() < 1e-9);
    }

    proptest! {
        #[test]
        fn everything_has_its_place(values in prop::collection::vec(1e-9_f64..1e15, 1..20)) {
            for unit in [Unit::Count, Unit::Rate, Unit::ByteRate, Unit::Seconds] {
                if unit == Unit::Seconds && values.iter().any(|value| *value > 1e6) {
                    continue;
                }
                let axis = Axis::new(unit, values.iter().copied());
                let highest = values.iter().copied().fold(0.0, f64::max);
                prop_assert!(axis.lines.len() >= 2 && axis.lines.len() <= 13);
                prop_assert!(axis.high >= highest * 0.999_999, "{:?} {axis:?}", highest);
                for value in &values {
                    prop_assert!((0.0..=1.0).contains(&axis.height(*value)));
                }
            }
        }
    }
}
