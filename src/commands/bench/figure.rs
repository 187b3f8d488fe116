//! The figures of a report by their names.

use super::report::{Report, Times};
use crate::commands::terminal::units::{count, precise, size_rate};

/// What is measured in what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// In seconds.
    Time,
    /// How many.
    Number,
    /// Bytes a second.
    Bytes,
    /// From 0 to 1.
    Part,
}

/// A figure: its name, its unit, and where it is in a report.
#[derive(Clone, Copy, Debug)]
pub(super) struct Figure {
    pub(super) name: &'static str,
    pub(super) unit: Unit,
    pub(super) of: fn(&Report) -> Option<f64>,
}

macro_rules! time {
    ($name:literal, $field:ident) => {
        Figure {
            name: $name,
            unit: Unit::Time,
            of: |report| of_times(report, |times| times.$field),
        }
    };
}

/// Every figure, in the order in which they are shown.
#[allow(clippy::cast_precision_loss)]
pub(super) const FIGURES: &[Figure] = &[
    Figure { name: "rps", unit: Unit::Number, of: |report| Some(report.requests_per_second) },
    Figure { name: "bytes", unit: Unit::Bytes, of: |report| Some(report.bytes_per_second) },
    time!("min", min),
    time!("mean", mean),
    time!("p50", p50),
    time!("p75", p75),
    time!("p90", p90),
    time!("p95", p95),
    time!("p99", p99),
    time!("p99.9", p99_9),
    time!("max", max),
    Figure { name: "errors", unit: Unit::Number, of: |report| Some(report.failed() as f64) },
    Figure { name: "error-rate", unit: Unit::Part, of: |report| Some(report.error_rate) },
    Figure { name: "non-2xx", unit: Unit::Part, of: |report| Some(report.non_2xx()) },
];

fn of_times(report: &Report, field: fn(&Times) -> f64) -> Option<f64> {
    report.latency_seconds.as_ref().map(field)
}

/// The figure of that name.
pub(super) fn find(name: &str) -> Option<&'static Figure> {
    FIGURES.iter().find(|figure| figure.name == name)
}

impl Unit {
    /// A value as people read it.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    pub(super) fn show(self, value: f64) -> String {
        match self {
            Self::Time => precise(value),
            Self::Number if value < 100.0 && value.fract() != 0.0 => format!("{value:.1}"),
            Self::Number => count(value.round() as u64),
            Self::Bytes => size_rate(value),
            Self::Part => format!("{:.2} %", value * 100.0),
        }
    }
}
