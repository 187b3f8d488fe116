//! One timer per connection, moved without touching the timer wheel.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use tokio::time::{Sleep, sleep_until};

use super::clock;

/// When the connection must have got on. Every request moves it, nearly always to later; the
/// timer underneath is set anew only when it has run out or the moment comes closer.
pub(super) struct Deadline {
    due: Instant,
    timer: Pin<Box<Sleep>>,
}

impl Deadline {
    pub(super) fn after(duration: Duration) -> Self {
        let due = clock::now() + duration;
        Self { due, timer: Box::pin(sleep_until(due.into())) }
    }

    pub(super) fn set_after(&mut self, duration: Duration) {
        self.due = clock::now() + duration;
        if self.due < self.timer.deadline().into_std() {
            self.timer.as_mut().reset(self.due.into());
        }
    }

    /// Ready when the moment has passed.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        loop {
            ready!(self.timer.as_mut().poll(context));
            if self.timer.deadline().into_std() >= self.due {
                return Poll::Ready(());
            }
            self.timer.as_mut().reset(self.due.into());
        }
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

    /// The wheel works in whole milliseconds.
    fn about(measured: Duration, seconds: u64) -> bool {
        let wanted = Duration::from_secs(seconds);
        measured >= wanted && measured <= wanted + Duration::from_millis(2)
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
