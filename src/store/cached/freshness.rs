//! How long an answer may be given again without a look at where it came from.

use std::time::{Duration, Instant};

use super::{Changes, WatchState};

/// How long an answer is given again unchecked. An edit must be seen after 50 ms, and the clock
/// that callers pass in may be a few milliseconds behind.
pub(in crate::store) const FRESH: Duration = Duration::from_millis(45);

/// The same while a watch says that nothing happened, which does not see all there is.
pub(super) const WATCHED: Duration = Duration::from_secs(1);

/// How long after one attempt to watch it the next is made.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// When an answer was last compared with where it came from, and what has been watched since.
pub(super) struct Freshness {
    pub(super) checked: Instant,
    /// The same of what lies beside it in codings.
    beside: Instant,
    /// The state of the watch before it was compared, at a time that is here too.
    watched: Option<(WatchState, Instant)>,
    asked: Option<Instant>,
}

/// What all answers are measured by at the time of a request.
#[derive(Clone, Copy)]
pub(super) struct Moment<'a> {
    pub(super) now: Instant,
    pub(super) watch: Option<WatchState>,
    pub(super) changes: &'a Changes,
}

impl Freshness {
    /// Of what was loaded at `now`.
    pub(super) fn new(now: Instant) -> Self {
        Self { checked: now, beside: now, watched: None, asked: None }
    }

    /// Whether the answer need not be looked at before it is given again.
    #[inline]
    pub(super) fn holds(&self, moment: &Moment<'_>) -> bool {
        let age = moment.now.saturating_duration_since(self.checked);
        (age < FRESH || (age < WATCHED && self.is_watched(moment)))
            && !moment.changes.any_since(self.checked)
    }

    /// The same of what lies beside it.
    #[inline]
    pub(super) fn holds_beside(&self, moment: &Moment<'_>) -> bool {
        let age = moment.now.saturating_duration_since(self.beside);
        age < FRESH
            || (age < WATCHED
                && self.is_watched(moment)
                && self.watched.is_some_and(|(_, since)| self.beside >= since))
    }

    #[inline]
    fn is_watched(&self, moment: &Moment<'_>) -> bool {
        moment.watch.is_some() && self.watched.map(|(state, _)| state) == moment.watch
    }

    /// Whether it is time to ask for a watch.
    pub(super) fn asks(&mut self, moment: &Moment<'_>) -> bool {
        let long = |asked| moment.now.saturating_duration_since(asked) >= ASK_AGAIN;
        let asks = self.is_watched(moment) || self.asked.is_none_or(long);
        if asks {
            self.asked = Some(moment.now);
        }
        asks
    }

    /// Notes that the answer was compared at `now`, and is watched since before.
    pub(super) fn confirm(&mut self, now: Instant, watch: Option<WatchState>) {
        self.checked = self.checked.max(now);
        match (watch, self.watched) {
            // What lies beside it is watched since then too.
            (Some(state), Some((known, _))) if state == known => {}
            _ => self.watched = watch.map(|state| (state, now)),
        }
    }

    /// The same of what lies beside it.
    pub(super) fn confirm_beside(&mut self, now: Instant) {
        self.beside = self.beside.max(now);
    }
}
