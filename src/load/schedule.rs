//! When each request is due: the open model. Requests begin at a constant rate, like those of people
//! who do not know of each other, and not when the server has answered the one before. A request that
//! has to wait because others are not answered has waited all the same: a client that only sends when it
//! is its turn, and then looks at the clock, leaves that out ("coordinated omission").

use std::time::Duration;

/// The requests of one worker: every `step`th of those that are due at a constant rate.
#[derive(Clone, Copy, Debug)]
pub(super) struct Schedule {
    rate: f64,
    first: u64,
    step: u64,
}

impl Schedule {
    /// The schedule of worker `number` of `workers`, at `rate` requests a second in all.
    pub(super) fn new(rate: f64, number: usize, workers: usize) -> Self {
        Self { rate, first: number as u64, step: workers.max(1) as u64 }
    }

    /// When its `n`th request is due, counted from 0, after the beginning of all.
    #[allow(clippy::cast_precision_loss)] // exact for the first 2^53 requests
    pub(super) fn due(&self, n: u64) -> Duration {
        let number = n.saturating_mul(self.step).saturating_add(self.first);
        Duration::try_from_secs_f64(number as f64 / self.rate).unwrap_or(Duration::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workers_together_keep_the_rate() {
        for workers in [1, 2, 3] {
            let mut all: Vec<_> = (0..workers)
                .flat_map(|number| {
                    let schedule = Schedule::new(500.0, number, workers);
                    (0..1000).map(move |n| schedule.due(n))
                })
                .collect();
            all.sort();
            assert_eq!(all.len(), 1000 * workers);
            for (n, due) in (0_u32..).zip(all) {
                assert_eq!(due, Duration::from_millis(2) * n);
            }
        }
    }

    #[test]
    fn a_rate_does_not_drift_and_may_be_slow() {
        let odd = Schedule::new(3.0, 0, 1);
        assert_eq!(odd.due(3_000_000_000), Duration::from_secs(1_000_000_000));
        assert_eq!(Schedule::new(0.5, 0, 1).due(3), Duration::from_secs(6));
        assert_eq!(Schedule::new(1e-300, 0, 1).due(u64::MAX), Duration::MAX);
    }
}
