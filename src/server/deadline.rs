//! When a connection must have got on: moved by every request without touching a timer.

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use super::clock;
use super::send_queue::SendQueue;
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

/// The time that a client has for moving content, in or out. It runs while the client is waited for;
/// each byte that moves makes it longer again, but never longer than it was at first. So a client that
/// stalls is given up, and so is one that moves a byte now and then.
#[derive(Clone, Copy)]
pub(super) struct Allowance {
    full: Duration,
    /// Bytes that are worth a second; with none, each byte is worth all of `full`.
    rate: u32,
    left: Duration,
    waiting_since: Option<Instant>,
    end: Option<Instant>,
    /// What the client had acknowledged when last looked at.
    acknowledged: Option<i64>,
    /// Bytes that counted when they were acknowledged: as many do not count again when they are sent.
    counted: u64,
}

impl Allowance {
    /// `full` at first and at most; with a `rate` in bytes per second, else a byte makes it full again.
    pub(super) fn new(full: Duration, rate: u32) -> Self {
        Self {
            full,
            rate,
            left: full,
            waiting_since: None,
            end: None,
            acknowledged: None,
            counted: 0,
        }
    }

    /// The same, over at a moment that no byte puts off.
    pub(super) fn until(self, end: Option<Instant>) -> Self {
        Self { end, ..self }
    }

    /// Whether the moment that no byte puts off has come.
    pub(super) fn is_over(&self) -> bool {
        self.end.is_some_and(|end| end <= clock::last())
    }

    /// The client is waited for.
    pub(super) fn wait(&mut self, deadline: &mut Deadline) {
        if self.waiting_since.is_none() {
            // A server that stood still before it came here is nobody's fault.
            clock::has_aged();
            let now = clock::now();
            self.waiting_since = Some(now);
            let end = self.end.map(|end| end.saturating_duration_since(now));
            deadline.set_after(end.unwrap_or(self.left).min(self.left));
        }
    }

    /// The client is waited for. Ready when it has been for too long, although what it reads of that which
    /// the kernel keeps for it counts as well: `acknowledged` says how much that is, from any start.
    #[cold]
    pub(super) fn poll_wait(
        &mut self,
        context: &mut Context<'_>,
        deadline: &mut Deadline,
        acknowledged: impl Fn() -> Option<i64>,
    ) -> Poll<()> {
        if self.waiting_since.is_none() {
            self.acknowledged = acknowledged();
        }
        self.wait(deadline);
        while deadline.poll(context).is_ready() {
            let now = acknowledged();
            let before = std::mem::replace(&mut self.acknowledged, now);
            let read = before.zip(now).map_or(0, |(before, now)| now.saturating_sub(before));
            let read = u64::try_from(read).unwrap_or(0);
            let is_ended = self.end.is_some_and(|end| end <= clock::now());
            self.earn(read);
            self.counted = self.counted.saturating_add(read);
            if self.left.is_zero() || is_ended {
                return Poll::Ready(());
            }
            self.wait(deadline);
        }
        Poll::Pending
    }

    /// The client has moved so many bytes.
    pub(super) fn moved(&mut self, count: u64) {
        let known = self.counted.min(count);
        self.counted -= known;
        self.earn(count - known);
    }

    #[inline]
    fn earn(&mut self, count: u64) {
        // Nearly always nobody had to be waited for.
        if self.waiting_since.is_some() || self.left < self.full {
            self.settle(count);
        }
    }

    #[cold]
    fn settle(&mut self, count: u64) {
        if let Some(since) = self.waiting_since.take() {
            let waited = clock::now().saturating_duration_since(since);
            self.left = self.left.saturating_sub(waited);
        }
        let nanoseconds = count.saturating_mul(1_000_000_000).checked_div(self.rate.into());
        let earned = match nanoseconds {
            None if count == 0 => Duration::ZERO,
            None => self.full,
            Some(nanoseconds) => Duration::from_nanos(nanoseconds),
        };
        self.left = self.left.saturating_add(earned).min(self.full);
    }
}

/// How slowly content may move, in or out.
pub(super) struct Pace<'a> {
    pub(super) deadline: &'a mut Deadline,
    pub(super) allowance: Allowance,
}

impl Pace<'_> {
    /// Ready, with an error, when a step of sending has waited for too long.
    #[cold]
    fn poll_stalled<T: SendQueue>(&mut self, io: &T, context: &mut Context<'_>) -> Poll<io::Error> {
        let acknowledged = || io.unacknowledged().map(|bytes| 0_i64.saturating_sub_unsigned(bytes));
        let waited = self.allowance.poll_wait(context, self.deadline, acknowledged);
        waited.map(|()| io::ErrorKind::TimedOut.into())
    }
}

/// Waits for one step of sending, which moves so many bytes. The clock starts when the step turns out to
/// have to wait.
pub(super) async fn in_time<T: SendQueue>(
    pace: &mut Pace<'_>,
    io: &mut T,
    mut step: impl FnMut(&mut T, &mut Context<'_>) -> Poll<io::Result<usize>>,
) -> io::Result<usize> {
    poll_fn(|context| {
        let Poll::Ready(done) = step(io, context) else {
            return pace.poll_stalled(io, context).map(Err);
        };
        if let Ok(count) = done {
            pace.allowance.moved(count as u64);
        }
        Poll::Ready(done)
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

    #[tokio::test(start_paused = true)]
    async fn time_is_earned_by_bytes_and_never_more_than_at_first() {
        let second = Duration::from_secs(1);
        // Bytes per second that must move, that do move, and for how many seconds that goes well.
        for (rate, moved, expected) in [(100, 0, 10), (100, 90, 91), (100, 100, 200), (0, 1, 200)] {
            let mut deadline = Deadline::after(second);
            let mut allowance = Allowance::new(10 * second, rate);
            allowance.moved(1_000_000);
            let start = tokio::time::Instant::now();
            for _ in 0..200 {
                clock::has_aged();
                allowance.wait(&mut deadline);
                let step = tokio::time::timeout(second, poll_fn(|context| deadline.poll(context)));
                if step.await.is_ok() {
                    break;
                }
                clock::has_aged();
                allowance.moved(moved);
            }
            let took = start.elapsed().as_secs();
            assert!(took.abs_diff(expected) <= expected / 20, "{rate} {moved}: {took}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_client_reads_counts_although_nothing_more_can_be_sent() {
        let second = Duration::from_secs(1);
        // Bytes per second that must move, that are acknowledged, and for how long that goes well.
        for (rate, read, expected) in [(100, 0, 10), (100, 90, 100), (100, 100, 1000), (0, 1, 1000)]
        {
            clock::has_aged();
            let start = tokio::time::Instant::now();
            let mut deadline = Deadline::after(second);
            let mut allowance = Allowance::new(10 * second, rate);
            let acknowledged = || Some(start.elapsed().as_secs().cast_signed() * read - 1_000_000);
            let waited = poll_fn(|context| {
                clock::has_aged();
                allowance.poll_wait(context, &mut deadline, acknowledged)
            });
            let _ = tokio::time::timeout(1000 * second, waited).await;
            let took = start.elapsed().as_secs();
            assert!(took.abs_diff(expected) <= expected / 10, "{rate} {read}: {took}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_acknowledged_does_not_count_again_when_as_much_is_sent() {
        clock::has_aged();
        let second = Duration::from_secs(1);
        let mut deadline = Deadline::after(second);
        let mut allowance = Allowance::new(10 * second, 100);
        let start = tokio::time::Instant::now();
        let acknowledged = || Some(start.elapsed().as_secs().cast_signed() * 50);
        let waited = poll_fn(|context| {
            clock::has_aged();
            allowance.poll_wait(context, &mut deadline, acknowledged)
        });
        // After ten seconds 500 bytes made it last for five more.
        assert!(tokio::time::timeout(12 * second, waited).await.is_err());
        clock::has_aged();
        allowance.moved(500);
        let left = allowance.left;
        assert!(left <= 3 * second, "{left:?}");
        allowance.moved(100);
        assert_eq!(allowance.left, left + second);
    }

    #[tokio::test(start_paused = true)]
    async fn what_passes_before_the_client_is_waited_for_does_not_count() {
        let second = Duration::from_secs(1);
        clock::has_aged();
        let mut deadline = Deadline::after(second);
        let mut allowance = Allowance::new(10 * second, 100);
        tokio::time::advance(30 * second).await;
        allowance.wait(&mut deadline);
        assert!(about(time_until(&mut deadline).await, 10));
    }

    #[tokio::test(start_paused = true)]
    async fn an_end_is_an_end_however_much_moves() {
        clock::has_aged();
        let second = Duration::from_secs(1);
        let end = Some(clock::now() + 3 * second);
        let mut deadline = Deadline::after(second);
        let mut allowance = Allowance::new(10 * second, 0).until(end);
        allowance.moved(1 << 40);
        allowance.wait(&mut deadline);
        assert!(!allowance.is_over());
        assert!(about(time_until(&mut deadline).await, 3));
        assert!(allowance.is_over());
    }
}
