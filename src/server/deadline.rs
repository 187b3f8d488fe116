//! When a connection must have got on: moved by every request without touching a timer.

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use super::clock;
use super::timers::Timer;

/// A moment that nearly always moves to later before it has come. A timer is set only when it is
/// waited for, and set anew only when it has run out or the moment comes closer.
pub(super) struct Deadline {
    due: Instant,
    timer: Option<Timer>,
}

impl Deadline {
    pub(super) fn after(duration: Duration) -> Self {
        Self { due: clock::now() + duration, timer: None }
    }

    pub(super) fn set_after(&mut self, duration: Duration) {
        let due = clock::now() + duration;
        if due < self.due {
            self.timer = None;
        }
        self.due = due;
    }

    /// Whether somebody is to be woken.
    pub(super) fn is_waited_for(&self) -> bool {
        self.timer.is_some()
    }

    /// Ready when the moment has passed. Always to be polled by the same task, but for a first time
    /// by one that nobody can wake.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if self.timer.as_ref().is_some_and(Timer::is_set) {
            return Poll::Pending;
        }
        // Fresh enough: what wakes at a deadline has read the clock.
        if self.due <= clock::last() {
            self.timer = None;
            return Poll::Ready(());
        }
        if !context.waker().will_wake(Waker::noop()) {
            self.timer = Some(Timer::set(self.due, context.waker()));
        }
        Poll::Pending
    }
}

/// How long one step of a body, in or out, may make no progress.
pub(super) struct Pace<'a> {
    pub(super) deadline: &'a mut Deadline,
    pub(super) patience: Duration,
}

/// Waits for one step of I/O. The clock starts when the step turns out to have to wait.
pub(super) async fn in_time<T>(
    pace: &mut Pace<'_>,
    mut step: impl FnMut(&mut Context<'_>) -> Poll<io::Result<T>>,
) -> io::Result<T> {
    let mut waiting = false;
    poll_fn(|context| {
        if let Poll::Ready(done) = step(context) {
            return Poll::Ready(done);
        }
        if !waiting {
            waiting = true;
            pace.deadline.set_after(pace.patience);
        }
        pace.deadline.poll(context).map(|()| Err(io::ErrorKind::TimedOut.into()))
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn time_until(deadline: &mut Deadline) -> Duration {
        let start = tokio::time::Instant::now();
        poll_fn(|context| deadline.poll(context)).await;
        start.elapsed()
    }

    /// Timers work in whole ticks.
    fn about(measured: Duration, seconds: u64) -> bool {
        let wanted = Duration::from_secs(seconds);
        measured >= wanted && measured <= wanted + Duration::from_millis(60)
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_moves_to_later_and_to_sooner() {
        clock::has_aged();
        let mut deadline = Deadline::after(Duration::from_secs(10));
        deadline.set_after(Duration::from_secs(30));
        assert!(about(time_until(&mut deadline).await, 30));

        clock::has_aged();
        deadline.set_after(Duration::from_secs(90));
        deadline.set_after(Duration::from_secs(1));
        assert!(about(time_until(&mut deadline).await, 1));
    }
}
