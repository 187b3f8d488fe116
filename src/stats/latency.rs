//! How long things take: log-linear histograms in microseconds.

use std::time::Duration;

use histogram::{AtomicHistogram, Config, Histogram};

use super::counter::Counter;
use super::snapshot::{Bucket, HEAT_BANDS, Latency, Percentiles};

/// Each power of two is divided into 2^7 buckets: values are known to within 1/128.
const GROUPING: u8 = 7;

/// Up to 2^36 microseconds, 19 hours; what takes longer counts as that.
const LONGEST: u8 = 36;

/// The steps of what is handed to other programs, in microseconds.
const STEPS: [u64; 18] = [
    50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    1_000_000, 2_500_000, 5_000_000, 10_000_000, 60_000_000,
];

/// The end of the first band of a heat map, in microseconds.
const FIRST_BAND: u64 = 16;

fn config() -> Config {
    #[expect(clippy::expect_used, reason = "constants, which a test tries")]
    Config::new(GROUPING, LONGEST).expect("the bounds of histograms fit each other")
}

/// How long something took, as one worker counts it.
pub(super) struct Durations {
    buckets: AtomicHistogram,
    sum: Counter,
}

impl Default for Durations {
    fn default() -> Self {
        Self { buckets: AtomicHistogram::with_config(&config()), sum: Counter::default() }
    }
}

impl Durations {
    /// Counts something that took `duration`, `count` times.
    pub(super) fn add(&self, duration: Duration, count: u64) {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let micros = micros.min((1 << LONGEST) - 1);
        // Never beyond the last bucket.
        let _ = self.buckets.add(micros, count);
        self.sum.add(micros.saturating_mul(count));
    }
}

/// The same of all workers, at one moment.
#[derive(Clone)]
pub(super) struct Distribution {
    buckets: Histogram,
    sum: u64,
}

impl Distribution {
    pub(super) fn of<'a>(all: impl Iterator<Item = &'a Durations>) -> Self {
        let mut whole = Self { buckets: Histogram::with_config(&config()), sum: 0 };
        for one in all {
            let counts = one.buckets.load();
            for (sum, count) in whole.buckets.as_mut_slice().iter_mut().zip(counts.as_slice()) {
                *sum = sum.wrapping_add(*count);
            }
            whole.sum = whole.sum.wrapping_add(one.sum.get());
        }
        whole
    }

    /// What was added since `before`.
    pub(super) fn since(&self, before: &Self) -> Self {
        Self {
            buckets: self
                .buckets
                .wrapping_sub(&before.buckets)
                .unwrap_or_else(|_| Histogram::with_config(&config())),
            sum: self.sum.wrapping_sub(before.sum),
        }
    }

    fn counted(&self) -> impl Iterator<Item = (u64, u64)> {
        let buckets = self.buckets.iter().filter(|bucket| bucket.count() > 0);
        buckets.map(|bucket| (bucket.end(), bucket.count()))
    }

    /// What was counted, without what was not: microseconds and how often, ascending.
    pub(super) fn sparse(&self) -> Box<[(u64, u64)]> {
        self.counted().collect()
    }

    pub(super) fn percentiles(&self) -> Percentiles {
        percentiles(&self.sparse())
    }

    /// Everything that is told of it.
    pub(super) fn latency(&self) -> Latency {
        let mut counts = [0; STEPS.len()];
        let mut total = 0;
        for (micros, count) in self.counted() {
            total += count;
            if let Some(at) = STEPS.iter().position(|step| micros <= *step) {
                counts[at] += count;
            }
        }
        let mut sum = 0;
        let buckets = STEPS.iter().zip(counts).map(|(&step, count)| {
            sum += count;
            Bucket { le_seconds: seconds(step), count: sum }
        });
        Latency {
            count: total,
            buckets: buckets.collect(),
            sum_seconds: seconds(self.sum),
            percentiles: self.percentiles(),
        }
    }

    /// How many fall into each band of a heat map.
    pub(super) fn bands(&self) -> [u32; HEAT_BANDS] {
        let mut bands = [0_u32; HEAT_BANDS];
        for (micros, count) in self.counted() {
            let band = micros.div_ceil(FIRST_BAND).max(1).next_power_of_two().ilog2() as usize;
            let band = &mut bands[band.min(HEAT_BANDS - 1)];
            *band = band.saturating_add(u32::try_from(count).unwrap_or(u32::MAX));
        }
        bands
    }
}

/// The quantiles of what was counted so often: microseconds, ascending.
pub(super) fn percentiles(counted: &[(u64, u64)]) -> Percentiles {
    let total: u64 = counted.iter().map(|(_, count)| count).sum();
    let Some((longest, _)) = counted.last() else { return Percentiles::default() };
    // Per thousand, so that nothing is rounded: the first value that so many do not exceed.
    let quantile = |part: u64| {
        let wanted = (total * part).div_ceil(1000);
        let mut seen = 0;
        let found = counted.iter().find(|(_, count)| {
            seen += count;
            seen >= wanted
        });
        found.map(|(micros, _)| seconds(*micros))
    };
    Percentiles {
        p50_seconds: quantile(500),
        p90_seconds: quantile(900),
        p95_seconds: quantile(950),
        p99_seconds: quantile(990),
        p999_seconds: quantile(999),
        max_seconds: Some(seconds(*longest)),
    }
}

#[expect(clippy::cast_precision_loss, reason = "to within a part in 2^52")]
fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    fn distribution(micros: &[(u64, u64)]) -> Distribution {
        let durations = Durations::default();
        for (micros, count) in micros {
            durations.add(Duration::from_micros(*micros), *count);
        }
        Distribution::of(std::iter::once(&durations))
    }

    #[test]
    fn quantiles_are_right_to_within_one_percent() {
        let durations = Durations::default();
        for micros in 1..=100_000 {
            durations.add(Duration::from_micros(micros), 1);
        }
        let found = Distribution::of(std::iter::once(&durations)).percentiles();
        for (found, right) in [
            (found.p50_seconds, 0.05),
            (found.p90_seconds, 0.09),
            (found.p95_seconds, 0.095),
            (found.p99_seconds, 0.099),
            (found.p999_seconds, 0.0999),
            (found.max_seconds, 0.1),
        ] {
            let found = found.unwrap();
            assert!((found / right - 1.0).abs() < 0.01, "{found} {right}");
        }
        assert_eq!(distribution(&[]).percentiles(), Percentiles::default());
    }

    #[test]
    fn buckets_add_up_and_what_is_too_long_for_them_is_counted() {
        let latency = distribution(&[(10, 3), (900, 2), (70_000_000, 1), (u64::MAX, 1)]).latency();
        assert_eq!(latency.count, 7);
        let at =
            |micros| latency.buckets[STEPS.iter().position(|step| *step == micros).unwrap()].count;
        assert_eq!((at(50), at(500), at(1_000), at(60_000_000)), (3, 3, 5, 5));
        assert!(latency.sum_seconds > 68_000.0);
    }

    #[test]
    fn only_what_came_since_counts() {
        let durations = Durations::default();
        durations.add(Duration::from_micros(10), 5);
        let before = Distribution::of(std::iter::once(&durations));
        durations.add(Duration::from_micros(100), 2);
        let since = Distribution::of(std::iter::once(&durations)).since(&before);
        assert_eq!(since.latency().count, 2);
        assert_eq!(since.percentiles().p50_seconds, Some(0.0001));
    }

    #[test]
    fn bands_double_and_the_last_takes_the_rest() {
        let bands =
            distribution(&[(0, 1), (15, 1), (17, 1), (31, 1), (33, 1), (1 << 35, 9)]).bands();
        assert_eq!(bands[..4], [2, 2, 1, 0]);
        assert_eq!(bands[HEAT_BANDS - 1], 9);
    }
}
