//! How long answers took.

use std::time::Duration;

use histogram::{Config, Histogram};

/// Each power of two is divided into 2^8 buckets: values are known to within 0.4 %.
const GROUPING: u8 = 8;

/// Up to 2^43 nanoseconds, more than two hours; what takes longer counts as that.
const LONGEST: u8 = 43;

/// A distribution of times, each known to within 0.4 %; least, greatest and sum exactly.
#[derive(Clone, Debug)]
pub struct Latency {
    buckets: Histogram,
    count: u64,
    sum: u128,
    min: u64,
    max: u64,
}

impl Default for Latency {
    fn default() -> Self {
        #[expect(clippy::expect_used, reason = "constants, which a test tries")]
        let config =
            Config::new(GROUPING, LONGEST).expect("the bounds of histograms fit each other");
        let buckets = Histogram::with_config(&config);
        Self { buckets, count: 0, sum: 0, min: u64::MAX, max: 0 }
    }
}

impl Latency {
    /// Counts a time.
    pub(super) fn add(&mut self, time: Duration) {
        self.add_many(time, 1);
    }

    /// Counts a time that `count` answers took.
    pub(super) fn add_many(&mut self, time: Duration, count: u64) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX).min((1 << LONGEST) - 1);
        // Never beyond the last bucket.
        let _ = self.buckets.add(nanos, count);
        self.count += count;
        self.sum += u128::from(nanos) * u128::from(count);
        self.min = self.min.min(nanos);
        self.max = self.max.max(nanos);
    }

    /// Adds the times of another.
    pub(super) fn merge(&mut self, other: &Self) {
        // Both have the same buckets, and no counter comes near its end.
        let _ = self.buckets.checked_add_assign(&other.buckets);
        self.count += other.count;
        self.sum += other.sum;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }

    /// How many times were counted.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The time that the part `part` (from 0 to 1) of all does not exceed; none of nothing.
    pub fn quantile(&self, part: f64) -> Option<Duration> {
        let bucket = self.buckets.quantile_bucket(part).ok().flatten()?;
        // The middle of a bucket, but never beyond what there was.
        let middle = bucket.start().midpoint(bucket.end());
        Some(Duration::from_nanos(middle.clamp(self.min, self.max)))
    }

    /// The shortest.
    pub fn min(&self) -> Option<Duration> {
        (self.count > 0).then(|| Duration::from_nanos(self.min))
    }

    /// The longest.
    pub fn max(&self) -> Option<Duration> {
        (self.count > 0).then(|| Duration::from_nanos(self.max))
    }

    /// The mean.
    pub fn mean(&self) -> Option<Duration> {
        let mean = self.sum.checked_div(u128::from(self.count))?;
        u64::try_from(mean).ok().map(Duration::from_nanos)
    }

    /// The times that there were, each with how often, ascending.
    pub fn counted(&self) -> impl Iterator<Item = (Duration, u64)> {
        let (min, max) = (self.min, self.max);
        self.buckets.iter().filter(|bucket| bucket.count() > 0).map(move |bucket| {
            let middle = bucket.start().midpoint(bucket.end()).clamp(min, max);
            (Duration::from_nanos(middle), bucket.count())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_within_half_a_percent() {
        let mut latency = Latency::default();
        assert_eq!((latency.quantile(0.5), latency.min(), latency.mean()), (None, None, None));
        for millis in 1..=1000 {
            latency.add(Duration::from_millis(millis));
        }
        for (part, millis) in [(0.5, 500.0), (0.9, 900.0), (0.999, 999.0), (1.0, 1000.0)] {
            let found = latency.quantile(part).unwrap().as_secs_f64() * 1e3;
            assert!((found / millis - 1.0).abs() < 0.005, "{part}: {found}");
        }
        assert_eq!(latency.min(), Some(Duration::from_millis(1)));
        assert_eq!(latency.max(), Some(Duration::from_secs(1)));
        assert_eq!(latency.mean(), Some(Duration::from_micros(500_500)));
        assert_eq!(latency.counted().map(|(_, count)| count).sum::<u64>(), 1000);
    }

    #[test]
    fn those_of_two_are_those_of_both() {
        let (mut one, mut other) = (Latency::default(), Latency::default());
        one.add(Duration::from_micros(10));
        other.add(Duration::MAX);
        one.merge(&other);
        one.merge(&Latency::default());
        assert_eq!(one.count(), 2);
        assert_eq!(one.quantile(0.0), Some(Duration::from_micros(10)));
        assert_eq!(one.max(), Some(Duration::from_nanos((1 << LONGEST) - 1)));
    }
}
