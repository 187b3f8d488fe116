//! Which connection may ask, and since when its answer is waited for.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::schedule::Schedule;
use super::timer::Timer;

/// How late a timer may be. That is this program's doing, not the server's: a request that found a
/// connection waiting for it counts from when it was sent, unless it is later than that.
const LATE: Duration = Duration::from_millis(1);

/// Groups in which turns that nobody took are told, about: their times are known well enough.
const GROUPS: u64 = 65_536;

/// Hands out turns: without a schedule to whoever is ready, with one when each is due.
pub(super) struct Pace {
    counted_from: Instant,
    /// Requests that are counted and may still begin; nothing for no end.
    left: Cell<Option<u64>>,
    timed: Option<Timed>,
}

struct Timed {
    begin: Instant,
    schedule: Schedule,
    /// The number of the next turn.
    next: Cell<u64>,
    /// Who has nothing to do, longest first.
    idle: RefCell<VecDeque<Rc<Seat>>>,
    /// The first of these has come.
    arrived: Notify,
}

/// Where a turn is handed to one that waits for it.
#[derive(Default)]
pub(super) struct Seat {
    turn: Cell<Option<Instant>>,
    is_waiting: Cell<bool>,
    waker: Cell<Option<Waker>>,
}

impl Seat {
    /// A turn that was handed out and never taken.
    pub(super) fn take(&self) -> Option<Instant> {
        self.turn.take()
    }

    fn wake(&self) {
        self.is_waiting.set(false);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

impl Pace {
    /// Turns from `begin` on. Those from `counted_from` on are `left` at most.
    pub(super) fn new(
        begin: Instant,
        counted_from: Instant,
        left: Option<u64>,
        schedule: Option<Schedule>,
    ) -> Self {
        let timed = schedule.map(|schedule| Timed {
            begin,
            schedule,
            next: Cell::new(0),
            idle: RefCell::default(),
            arrived: Notify::new(),
        });
        Self { counted_from, left: Cell::new(left), timed }
    }

    /// The next turn of whoever sits there: when its request begins to count; nothing once there are
    /// no more. `now` is when it would be sent.
    pub(super) fn poll_turn(
        &self,
        seat: &Rc<Seat>,
        now: Instant,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Instant>> {
        let Some(timed) = &self.timed else {
            return Poll::Ready(self.count(now).then_some(now));
        };
        if let Some(start) = seat.take() {
            return Poll::Ready(Some(start));
        }
        if self.left.get() == Some(0) {
            return Poll::Ready(None);
        }
        let mut idle = timed.idle.borrow_mut();
        if !seat.is_waiting.get() {
            // Who waits already comes first.
            let due = timed.due();
            if idle.is_empty() && due <= now {
                drop(idle);
                timed.advance();
                self.count(due);
                self.end_if_over(timed);
                return Poll::Ready(Some(due));
            }
            seat.is_waiting.set(true);
            idle.push_back(Rc::clone(seat));
            if idle.len() == 1 {
                timed.arrived.notify_one();
            }
        }
        seat.waker.set(Some(cx.waker().clone()));
        Poll::Pending
    }

    /// Whether there is no turn any more for whoever sits there.
    pub(super) fn is_over(&self, seat: &Seat) -> bool {
        self.left.get() == Some(0) && seat.turn.get().is_none()
    }

    /// Whoever sits there waits no longer.
    pub(super) fn leave(&self, seat: &Rc<Seat>) {
        if let Some(timed) = &self.timed
            && seat.is_waiting.replace(false)
        {
            timed.idle.borrow_mut().retain(|other| !Rc::ptr_eq(seat, other));
        }
    }

    /// Hands out turns when they are due, to those who wait.
    pub(super) async fn run(&self) -> io::Result<()> {
        let Some(timed) = &self.timed else { return Ok(()) };
        let alarm = Timer::new()?;
        loop {
            self.hand_out(timed, Instant::now());
            if timed.idle.borrow().is_empty() {
                timed.arrived.notified().await;
            } else {
                alarm.until(timed.due()).await?;
            }
        }
    }

    fn hand_out(&self, timed: &Timed, now: Instant) {
        loop {
            let due = timed.due();
            if due > now || self.left.get() == Some(0) {
                return;
            }
            let Some(seat) = timed.idle.borrow_mut().pop_front() else { return };
            timed.advance();
            let start = if now - due < LATE { now } else { due };
            self.count(start);
            seat.turn.set(Some(start));
            seat.wake();
            self.end_if_over(timed);
        }
    }

    /// The last turn is given: the others need not wait.
    fn end_if_over(&self, timed: &Timed) {
        if self.left.get() == Some(0) {
            let idle = timed.idle.take();
            for seat in &idle {
                seat.wake();
            }
        }
    }

    /// Whether there is a turn, which is then taken.
    fn count(&self, start: Instant) -> bool {
        match self.left.get() {
            Some(left) if start >= self.counted_from => {
                self.left.set(Some(left.saturating_sub(1)));
                left > 0
            }
            _ => true,
        }
    }

    /// When the turns were due that nobody had taken at the end, and how many at a time: very many are
    /// told in groups.
    pub(super) fn overdue(&self, end: Instant) -> impl Iterator<Item = (Instant, u64)> {
        let left = self.left.get().unwrap_or(u64::MAX);
        self.timed.iter().flat_map(move |timed| {
            let first = timed.next.get();
            let count = timed.count_before(end).min(left);
            let step = (count / GROUPS).max(1);
            (0..count).step_by(usize::try_from(step).unwrap_or(usize::MAX)).map(move |n| {
                let of_group = step.min(count - n);
                (timed.due_of(first + n + of_group / 2), of_group)
            })
        })
    }
}

impl Timed {
    fn due(&self) -> Instant {
        self.due_of(self.next.get())
    }

    fn due_of(&self, n: u64) -> Instant {
        // A rate so slow that its next request is beyond all time never comes.
        const NEVER: Duration = Duration::from_hours(24 * 365);
        let due = self.begin.checked_add(self.schedule.due(n));
        due.unwrap_or_else(|| self.begin + NEVER)
    }

    /// Turns that nobody has taken, and that are due before `end`.
    fn count_before(&self, end: Instant) -> u64 {
        let first = self.next.get();
        let is_before = |count: u64| self.due_of(first + count) < end;
        let mut above = 1;
        while is_before(above - 1) && above < u64::MAX / 4 {
            above *= 2;
        }
        // The first of `0..above` that is not due by then.
        let (mut low, mut high) = (0, above);
        while low < high {
            let middle = low.midpoint(high);
            if is_before(middle) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    fn advance(&self) {
        self.next.set(self.next.get() + 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ago(seconds: u64) -> Instant {
        let now = Instant::now();
        now.checked_sub(Duration::from_secs(seconds)).unwrap_or(now)
    }

    fn timed(rate: f64, left: Option<u64>) -> (Pace, Instant) {
        let begin = ago(1);
        (Pace::new(begin, begin, left, Some(Schedule::new(rate, 0, 1))), begin)
    }

    fn poll(pace: &Pace, seat: &Rc<Seat>) -> Poll<Option<Instant>> {
        pace.poll_turn(seat, Instant::now(), &mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn what_was_due_while_nobody_was_free_counts_from_then() {
        let (pace, begin) = timed(100.0, None);
        let seat = Rc::default();
        for n in 0..5 {
            let due = begin + Duration::from_millis(10) * n;
            assert_eq!(poll(&pace, &seat), Poll::Ready(Some(due)));
        }
        let end = begin + Duration::from_millis(75);
        let overdue: Vec<_> = pace.overdue(end).map(|(due, count)| (end - due, count)).collect();
        assert_eq!(overdue, [25, 15, 5].map(|ms| (Duration::from_millis(ms), 1)));
    }

    #[test]
    fn very_many_that_nobody_took_are_told_in_groups() {
        let (pace, begin) = timed(1e8, None);
        let end = begin + Duration::from_secs(3);
        let groups: Vec<_> = pace.overdue(end).collect();
        assert!((60_000..70_000).contains(&groups.len()), "{}", groups.len());
        assert_eq!(groups.iter().map(|(_, count)| count).sum::<u64>(), 300_000_000);
        assert!(groups.iter().all(|(due, _)| *due >= begin && *due < end));
        let (pace, begin) = timed(1e8, Some(5));
        assert_eq!(pace.overdue(begin + Duration::from_secs(3)).count(), 5);
        assert_eq!(pace.overdue(begin).count(), 0);
    }

    #[test]
    fn who_waits_gets_a_turn_when_it_is_due_and_the_lateness_of_a_timer_is_not_the_servers() {
        let (pace, begin) = timed(0.5, None);
        let (one, other) = (Rc::default(), Rc::default());
        assert!(matches!(poll(&pace, &one), Poll::Ready(Some(start)) if start == begin));
        assert!(poll(&pace, &one).is_pending() && poll(&pace, &other).is_pending());
        let due = begin + Duration::from_secs(2);
        let timed = pace.timed.as_ref().unwrap();
        pace.hand_out(timed, begin + Duration::from_millis(1999));
        assert!(poll(&pace, &one).is_pending());
        let late = due + LATE / 2;
        pace.hand_out(timed, late);
        assert!(poll(&pace, &other).is_pending());
        assert_eq!(poll(&pace, &one), Poll::Ready(Some(late)));
        pace.hand_out(timed, due + Duration::from_secs(3));
        assert_eq!(poll(&pace, &other), Poll::Ready(Some(due + Duration::from_secs(2))));
    }

    #[test]
    fn turns_end_with_the_last_one_that_is_counted() {
        let (before, now) = (ago(1), Instant::now());
        let seat = Rc::default();
        let pace = Pace::new(before, now, Some(2), None);
        let turn = |at| pace.poll_turn(&seat, at, &mut Context::from_waker(Waker::noop()));
        for _ in 0..3 {
            assert!(matches!(turn(before), Poll::Ready(Some(_))));
        }
        assert!(
            matches!(turn(now), Poll::Ready(Some(_))) && matches!(turn(now), Poll::Ready(Some(_)))
        );
        assert_eq!(turn(now), Poll::Ready(None));

        let (pace, _) = timed(1.0, Some(2));
        let (one, other) = (Rc::default(), Rc::default());
        assert!(matches!(poll(&pace, &one), Poll::Ready(Some(_))));
        // The second is due now, the third never comes.
        assert!(matches!(poll(&pace, &one), Poll::Ready(Some(_))));
        assert_eq!(
            (poll(&pace, &one), poll(&pace, &other)),
            (Poll::Ready(None), Poll::Ready(None))
        );
    }

    #[test]
    fn who_has_left_gets_no_turn() {
        let (pace, begin) = timed(0.5, None);
        let (one, other) = (Rc::default(), Rc::default());
        assert!(poll(&pace, &one).is_ready());
        assert!(poll(&pace, &one).is_pending() && poll(&pace, &other).is_pending());
        pace.leave(&one);
        pace.hand_out(pace.timed.as_ref().unwrap(), begin + Duration::from_secs(2));
        assert_eq!(one.take(), None);
        assert!(poll(&pace, &other).is_ready());
    }
}
