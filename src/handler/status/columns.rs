//! Steps of time, gathered into as many columns as a chart has room for.
//!
//! A column begins where the clock is a multiple of its width, not where the window does: as the
//! window moves on, the same steps stay together, and the curve moves without changing its form.

use std::ops::Range;

use super::shown::{float, sane, unix_seconds};
use crate::stats::snapshot::History;

/// The time that a chart shows, from its left edge to its right. All in steps of the history, which
/// are counted from 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    /// Seconds of one step.
    pub(super) step_seconds: u64,
    /// Steps from edge to edge; more than are known as long as the server is young.
    pub(super) steps: u64,
    /// The step after the last.
    pub(super) end: u64,
    /// Steps that are known, the last of the window.
    known: u64,
}

/// The columns of a [`Window`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Columns {
    window: Window,
    /// Steps of one column.
    pub(super) every: u64,
}

/// One column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Column {
    /// Where its steps are in the lists of the history.
    pub(super) steps: Range<usize>,
    /// Its left edge, in steps from the left edge of the window.
    pub(super) left: u64,
    /// Its right edge.
    pub(super) right: u64,
}

impl Window {
    /// The window of a history.
    pub(super) fn new(history: &History) -> Self {
        let step_seconds = u64::from(history.step_seconds.max(1));
        let known = history.requests.len() as u64;
        let full = match history.range.as_str() {
            "2h" => 720,
            "24h" => 1440,
            _ => 600,
        };
        // Times before the first steps were possible do not matter; the sums below must not wrap.
        let end = (unix_seconds(&history.end) / step_seconds).max(known.max(full));
        Self { step_seconds, steps: known.max(full), end, known }
    }

    /// The last so many steps.
    pub(super) fn last(self, steps: u64) -> Self {
        Self { steps: self.steps.min(steps), known: self.known.min(steps), ..self }
    }

    /// The step at the left edge.
    pub(super) fn start(self) -> u64 {
        self.end - self.steps
    }

    /// As few steps to a column as make at most so many columns.
    pub(super) fn columns(self, most: u64) -> Columns {
        Columns { window: self, every: self.steps.div_ceil(most.max(1)).max(1) }
    }
}

impl Columns {
    /// The step with which the first column begins, also when its first steps are not known.
    pub(super) fn first(&self) -> u64 {
        let window = self.window;
        (window.end - window.known) / self.every * self.every
    }

    /// All that are known, the oldest first; of lists of that many steps.
    pub(super) fn of(&self, len: usize) -> impl Iterator<Item = Column> + use<> {
        let Self { window, every } = *self;
        let known_from = window.end - window.known;
        let offset = len as u64 - window.known.min(len as u64);
        (self.first()..window.end).step_by(usize::try_from(every).unwrap_or(1)).map(move |at| {
            let (from, to) = (at.max(known_from), (at + every).min(window.end));
            let index = |step: u64| {
                usize::try_from(offset + step - known_from).unwrap_or(usize::MAX).min(len)
            };
            let x = |step: u64| step - window.start();
            Column { steps: index(from)..index(to), left: x(from), right: x(to) }
        })
    }

    /// What happened per second, on the average of each column: their sum stays what it was.
    pub(super) fn rates<T: Copy>(&self, list: &[T], value: impl Fn(T) -> f64) -> Vec<Option<f64>> {
        let seconds = float(self.window.step_seconds);
        self.gather(list, |steps| {
            let sum: f64 = steps.iter().map(|&step| sane(value(step))).sum();
            Some(sum / (float(steps.len() as u64) * seconds))
        })
    }

    /// What happened per second in the busiest step of each column.
    pub(super) fn peaks<T: Copy>(&self, list: &[T], value: impl Fn(T) -> f64) -> Vec<Option<f64>> {
        let seconds = float(self.window.step_seconds);
        let highest = self.maxima(list, |step| Some(value(step)));
        highest.into_iter().map(|highest| highest.map(|highest| highest / seconds)).collect()
    }

    /// The highest of each column; `None` where nothing is known.
    pub(super) fn maxima<T: Copy>(
        &self,
        list: &[T],
        value: impl Fn(T) -> Option<f64>,
    ) -> Vec<Option<f64>> {
        self.gather(list, |steps| {
            let known = steps.iter().filter_map(|&step| value(step)).map(sane);
            known.fold(None, |highest: Option<f64>, next| {
                Some(highest.map_or(next, |highest| highest.max(next)))
            })
        })
    }

    fn gather<T>(&self, list: &[T], whole: impl Fn(&[T]) -> Option<f64>) -> Vec<Option<f64>> {
        let steps = self.of(list.len()).map(|column| list.get(column.steps).unwrap_or_default());
        steps.map(|steps| if steps.is_empty() { None } else { whole(steps) }).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn history(range: &str, step_seconds: u32, len: usize) -> History {
        History {
            range: range.to_owned(),
            step_seconds,
            end: "2026-11-21T08:20:19Z".to_owned(),
            requests: vec![[0, 1, 0, 0, 0]; len],
            ..History::default()
        }
    }

    #[test]
    fn columns_begin_at_multiples_and_fill_the_window() {
        for (range, step, len) in
            [("10m", 1, 600), ("2h", 10, 720), ("24h", 60, 1440), ("10m", 1, 7)]
        {
            let window = Window::new(&history(range, step, len));
            let columns = window.columns(120);
            let all: Vec<_> = columns.of(len).collect();
            assert!(all.len() <= 121, "{}", all.len());
            assert_eq!(all.last().unwrap().right, window.steps);
            assert_eq!(all[0].left, window.steps - len as u64);
            assert_eq!(all[0].steps.start, 0);
            assert_eq!(all.last().unwrap().steps.end, len);
            for pair in all.windows(2) {
                assert_eq!(pair[0].right, pair[1].left);
                assert_eq!(pair[0].steps.end, pair[1].steps.start);
                assert_eq!((window.start() + pair[1].left) % columns.every, 0);
            }
        }
    }

    #[test]
    fn nothing_and_one_step_have_their_columns() {
        let window = Window::new(&History::default());
        assert_eq!(window.columns(120).of(0).count(), 0);
        let window = Window::new(&history("10m", 1, 1));
        assert_eq!(window.columns(120).rates(&[3_u32], f64::from), [Some(3.0)]);
    }

    #[test]
    fn lists_that_are_too_short_or_too_long_do_no_harm() {
        let window = Window::new(&history("10m", 1, 10));
        let columns = window.columns(600);
        assert_eq!(columns.rates(&[1_u32; 3], f64::from).len(), 10);
        assert_eq!(columns.rates(&[1_u32; 30], f64::from), vec![Some(1.0); 10]);
        assert_eq!(columns.rates(&[] as &[u32], f64::from), vec![None; 10]);
    }

    #[test]
    fn what_is_no_number_is_nothing() {
        let window = Window::new(&history("10m", 1, 2));
        let columns = window.columns(1200);
        assert_eq!(columns.maxima(&[Some(f64::NAN), None], |step| step), [Some(0.0), None]);
    }

    proptest! {
        #[test]
        fn sums_and_spikes_are_kept(
            list in prop::collection::vec(0_u32..1000, 1..700), most in 1_u64..300
        ) {
            let window = Window::new(&history("10m", 1, list.len()));
            let columns = window.columns(most);
            let seconds: Vec<f64> =
                columns.of(list.len()).map(|column| float(column.right - column.left)).collect();
            let rates = columns.rates(&list, f64::from);
            let sum: f64 = rates.iter().zip(&seconds).map(|(rate, s)| rate.unwrap_or(0.0) * s).sum();
            let expected: f64 = list.iter().copied().map(f64::from).sum();
            prop_assert!((sum - expected).abs() < 1e-6 * (1.0 + expected));
            let peak = columns.peaks(&list, f64::from).into_iter().flatten().fold(0.0, f64::max);
            prop_assert!((peak - list.iter().copied().map(f64::from).fold(0.0, f64::max)).abs() < 1e-9);
        }
    }
}
