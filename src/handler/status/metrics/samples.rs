//! Numbers that were counted elsewhere, as families of metrics.

use std::fmt;

use prometheus_client::encoding::{
    EncodeGaugeValue, EncodeMetric, GaugeValueEncoder, MetricEncoder, NoLabelSet,
};
use prometheus_client::metrics::MetricType;

use crate::stats::snapshot::Latency;

/// A number in its own precision: counts are exact to the last digit.
#[derive(Clone, Copy, Debug)]
pub(super) enum Number {
    Count(u64),
    Measure(f64),
}

impl EncodeGaugeValue for Number {
    fn encode(&self, encoder: &mut GaugeValueEncoder<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => count.encode(encoder),
            Self::Measure(measure) => measure.encode(encoder),
        }
    }
}

/// A name and a value of it.
pub(super) type Label = (&'static str, String);

/// What there is under one name. Without any sample the family is left out.
#[derive(Debug)]
pub(super) struct Samples {
    kind: MetricType,
    samples: Vec<(Vec<Label>, Number)>,
}

impl Samples {
    /// What only grows.
    pub(super) fn counter(samples: Vec<(Vec<Label>, Number)>) -> Self {
        Self { kind: MetricType::Counter, samples }
    }

    /// What goes up and down.
    pub(super) fn gauge(samples: Vec<(Vec<Label>, Number)>) -> Self {
        Self { kind: MetricType::Gauge, samples }
    }
}

impl EncodeMetric for Samples {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        for (labels, number) in &self.samples {
            // Counters too: as a counter a number would get `_total` behind its name, which in the
            // classic form is part of the name and has been said already.
            if labels.is_empty() {
                encoder.encode_gauge(number)?;
            } else {
                encoder.encode_family(labels)?.encode_gauge(number)?;
            }
        }
        Ok(())
    }

    fn metric_type(&self) -> MetricType {
        self.kind
    }

    fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }
}

/// How long something took.
#[derive(Debug)]
pub(super) struct Distribution {
    count: u64,
    sum_seconds: f64,
    /// Upper bounds, and how many are in each step alone.
    steps: Vec<(f64, u64)>,
}

impl From<&Latency> for Distribution {
    fn from(latency: &Latency) -> Self {
        let mut before = 0;
        let mut step = |up_to: u64| {
            let count = up_to.saturating_sub(before);
            before = before.max(up_to);
            count
        };
        let finite = latency.buckets.iter().filter(|bucket| bucket.le_seconds.is_finite());
        let mut steps: Vec<_> =
            finite.map(|bucket| (bucket.le_seconds, step(bucket.count))).collect();
        steps.push((f64::INFINITY, step(latency.count)));
        Self { count: latency.count, sum_seconds: latency.sum_seconds, steps }
    }
}

impl EncodeMetric for Distribution {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        encoder.encode_histogram::<NoLabelSet>(self.sum_seconds, self.count, &self.steps, None)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}
