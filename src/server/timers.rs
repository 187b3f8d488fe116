//! The moments at which this thread's connections want to be woken.
//!
//! A connection that waits costs one waker here, kept with those of the same tick, and is woken
//! only when its tick has come. One task sleeps until the first of them, while there is one.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::mem;
use std::num::NonZeroU32;
use std::pin::pin;
use std::task::{Context, Poll, Waker, ready};
use std::time::{Duration, Instant};

use slab::Slab;
use tokio::time::sleep_until;

use super::clock;

/// How late a waker may be, at most, unless the process was held up.
const TICK: Duration = Duration::from_millis(50);

/// What is later than this was held up: by a busy thread, or by a system that stopped the process.
const HELD_UP: Duration = Duration::from_millis(500);

thread_local! {
    static TIMERS: RefCell<Timers> = RefCell::default();
    /// The latest tick that has come.
    static PAST: Cell<u32> = const { Cell::new(0) };
}

#[derive(Default)]
struct Timers {
    /// The moment from which ticks are counted.
    start: Option<Instant>,
    ticks: BTreeMap<Tick, Slab<Waker>>,
    runner: Option<Runner>,
}

/// A number of ticks since the start.
type Tick = NonZeroU32;

/// The task that sleeps.
struct Runner {
    until: Tick,
    waker: Waker,
}

/// A waker that waits for its tick.
#[derive(Debug)]
pub(super) struct Timer {
    tick: Tick,
    place: u32,
}

impl Timer {
    /// Has `waker` woken at `due` or up to a tick later.
    pub(super) fn set(due: Instant, waker: &Waker) -> Self {
        TIMERS.with_borrow_mut(|timers| {
            let tick = timers.tick(due);
            let place = timers.ticks.entry(tick).or_default().insert(waker.clone());
            match &timers.runner {
                Some(runner) if runner.until <= tick => {}
                Some(runner) => runner.waker.wake_by_ref(),
                None => {
                    timers.runner = Some(Runner { until: tick, waker: Waker::noop().clone() });
                    tokio::spawn(run());
                }
            }
            Self { tick, place: u32::try_from(place).unwrap_or(u32::MAX) }
        })
    }

    /// Whether its tick is still to come.
    pub(super) fn is_set(&self) -> bool {
        self.tick.get() > PAST.get()
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        // The waker may be the last to know its task: dropped here it would end more connections.
        let _waker = TIMERS.try_with(|timers| timers.borrow_mut().remove(self));
    }
}

/// Wakes everything that waits for its tick. The wakers stay.
pub(super) fn wake_all() {
    TIMERS.with_borrow(|timers| {
        timers.ticks.values().flatten().for_each(|(_, waker)| waker.wake_by_ref());
    });
}

impl Timers {
    /// The first tick to come that is not before `moment`.
    fn tick(&mut self, moment: Instant) -> Tick {
        let start = *self.start.get_or_insert_with(clock::now);
        let ticks = moment.saturating_duration_since(start).as_nanos().div_ceil(TICK.as_nanos());
        let next = Tick::MIN.saturating_add(PAST.get());
        let ticks = u32::try_from(ticks).ok().and_then(Tick::new);
        ticks.map_or(next, |ticks| ticks.max(next))
    }

    fn moment(&self, tick: Tick) -> Instant {
        let start = self.start.unwrap_or_else(clock::last);
        start + TICK * tick.get()
    }

    fn remove(&mut self, timer: &Timer) -> Option<Waker> {
        let wakers = self.ticks.get_mut(&timer.tick)?;
        let waker = wakers.try_remove(timer.place as usize);
        if wakers.is_empty() {
            self.ticks.remove(&timer.tick);
        }
        waker
    }

    /// Takes out the wakers whose tick has come.
    fn due(&mut self, now: Instant) -> Vec<Slab<Waker>> {
        let mut due = Vec::new();
        while let Some((&tick, _)) = self.ticks.first_key_value()
            && self.moment(tick) <= now
        {
            PAST.set(tick.get());
            due.extend(self.ticks.remove(&tick));
        }
        due
    }

    /// Notes until when the runner sleeps; `None` when it need not run any more.
    fn sleep(&mut self, context: &Context<'_>) -> Option<Instant> {
        let Some(&until) = self.ticks.keys().next() else {
            self.runner = None;
            return None;
        };
        self.runner = Some(Runner { until, waker: context.waker().clone() });
        Some(self.moment(until))
    }
}

/// Wakes what is due until nothing waits.
async fn run() {
    let _end = End;
    let mut sleep = pin!(sleep_until(clock::now().into()));
    let mut next = poll_fn(|context| {
        loop {
            clock::has_aged();
            let now = clock::now();
            let until = TIMERS.with_borrow_mut(|timers| timers.sleep(context));
            let Some(until) = until else { return Poll::Ready(None) };
            if until <= now {
                return Poll::Ready(Some(now - until));
            }
            if sleep.deadline().into_std() != until {
                sleep.as_mut().reset(until.into());
            }
            ready!(sleep.as_mut().poll(context));
        }
    });
    while let Some(lateness) = (&mut next).await {
        if lateness > HELD_UP {
            // What came meanwhile came in time: the event loop looks at the sockets first.
            tokio::task::yield_now().await;
        }
        // What is woken looks at the same clock, and must not find it behind.
        clock::has_aged();
        let now = clock::now();
        let due = TIMERS.with_borrow_mut(|timers| timers.due(now));
        due.into_iter().flatten().for_each(|(_, waker)| waker.wake());
    }
}

/// Notes the end of the runner, also when its event loop ends.
struct End;

impl Drop for End {
    fn drop(&mut self) {
        let _runner = TIMERS.try_with(|timers| mem::take(&mut timers.borrow_mut().runner));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    impl Woken {
        fn count(&self) -> usize {
            self.0.load(Ordering::Relaxed)
        }
    }

    fn after(seconds: u64, woken: &Arc<Woken>) -> Timer {
        clock::has_aged();
        Timer::set(clock::now() + Duration::from_secs(seconds), &Arc::clone(woken).into())
    }

    #[tokio::test(start_paused = true)]
    async fn a_waker_is_woken_in_its_tick_and_not_before() {
        let woken = Arc::<Woken>::default();
        let _late = after(20, &woken);
        let _soon = after(10, &woken);
        tokio::time::sleep(Duration::from_secs(10)).await;
        tokio::time::sleep(TICK * 2).await;
        assert_eq!(woken.count(), 1);
        tokio::time::sleep(Duration::from_millis(9_800)).await;
        assert_eq!(woken.count(), 1);
        tokio::time::sleep(TICK * 4).await;
        assert_eq!(woken.count(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_dropped_is_not_woken_and_leaves_nothing_behind() {
        let woken = Arc::<Woken>::default();
        let dropped = after(10, &woken);
        wake_all();
        assert_eq!(woken.count(), 1);
        drop(dropped);
        wake_all();
        tokio::time::sleep(Duration::from_secs(11)).await;
        assert_eq!(woken.count(), 1);
        TIMERS.with_borrow(|timers| {
            assert!(timers.ticks.is_empty());
            assert!(timers.runner.is_none());
        });
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_of_many_is_waited_for_again_after_a_pause() {
        let woken = Arc::<Woken>::default();
        for turn in 1..=2 {
            let _timer = after(3, &woken);
            tokio::time::sleep(Duration::from_secs(4)).await;
            assert_eq!(woken.count(), turn);
        }
    }
}
