//! A thread: an event loop, its connections, and what they count.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::{JoinSet, spawn_local};
use tokio_util::sync::CancellationToken;

use super::pace::Pace;
use super::reach::Place;
use super::response::HEAD_BYTES;
use super::schedule::Schedule;
use super::{Ask, Extent, Plan, Tally, http1, http2};

/// Bytes that are read at once, at least.
const READ: usize = 128 * 1024;

/// One worker, and what its connections share. It is used by one thread alone.
pub(super) struct Worker {
    pub(super) plan: Arc<Plan>,
    pub(super) place: Arc<Place>,
    pub(super) pace: Pace,
    pub(super) tally: RefCell<Tally>,
    /// What all connections read into, one after the other.
    pub(super) buffer: Cell<Vec<u8>>,
    counted_from: Instant,
    next_ask: Cell<usize>,
    end: Cell<Option<Instant>>,
}

/// What a worker is told.
pub(super) struct Orders {
    pub(super) plan: Arc<Plan>,
    pub(super) place: Arc<Place>,
    /// Which one it is.
    pub(super) number: usize,
    pub(super) begin: Instant,
    pub(super) stop: CancellationToken,
    /// Who wants to know what is counted, and how often.
    pub(super) watched: (Duration, UnboundedSender<(usize, Tally)>),
}

/// What came of it.
pub(super) struct Done {
    pub(super) tally: Tally,
    /// How long it was counted.
    pub(super) elapsed: Duration,
    /// Processor time of this thread meanwhile.
    pub(super) cpu: Duration,
}

/// Runs until the plan has come to its end or is told to stop.
pub(super) fn run(orders: &Orders) -> io::Result<Done> {
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default())?;
    let worker = Rc::new(Worker::new(orders));
    let (end, cpu) = runtime.block_on(worker.work(orders))?;
    worker.end.set(Some(end));
    // With it the connections go, and say what they still waited for.
    drop(runtime);
    worker.pace.overdue(end).for_each(|(due, count)| worker.unanswered(due, count));
    let elapsed = end.saturating_duration_since(worker.counted_from);
    Ok(Done { tally: worker.tally.take(), elapsed, cpu })
}

/// The part of `all` for one of several workers.
fn share(all: u64, number: usize, workers: usize) -> u64 {
    let (number, workers) = (number as u64, workers.max(1) as u64);
    all / workers + u64::from(number < all % workers)
}

impl Worker {
    fn new(orders: &Orders) -> Self {
        let plan = &orders.plan;
        let counted_from = orders.begin + plan.warm_up;
        let left = match plan.extent {
            Extent::Requests(all) => Some(share(all, orders.number, plan.threads)),
            Extent::Time(_) => None,
        };
        let schedule = plan.rate.map(|rate| Schedule::new(rate, orders.number, plan.threads));
        Self {
            plan: Arc::clone(plan),
            place: Arc::clone(&orders.place),
            pace: Pace::new(orders.begin, counted_from, left, schedule),
            tally: RefCell::default(),
            buffer: Cell::new(vec![0; READ + HEAD_BYTES]),
            counted_from,
            next_ask: Cell::new(orders.number),
            end: Cell::new(None),
        }
    }

    /// Until when it worked, and the processor time that took.
    async fn work(self: &Rc<Self>, orders: &Orders) -> io::Result<(Instant, Duration)> {
        tokio::time::sleep_until(orders.begin.into()).await;
        let before = Rc::new(Cell::new(cpu_time()));
        if !self.plan.warm_up.is_zero() {
            let (before, counted_from) = (Rc::clone(&before), self.counted_from);
            spawn_local(async move {
                tokio::time::sleep_until(counted_from.into()).await;
                before.set(cpu_time());
            });
        }
        let (worker, number, watched) = (Rc::clone(self), orders.number, orders.watched.clone());
        spawn_local(async move { worker.show(number, watched).await });
        let mut connections = JoinSet::new();
        let share = share(self.plan.connections as u64, orders.number, self.plan.threads);
        for _ in 0..share {
            let worker = Rc::clone(self);
            if self.plan.http2 {
                connections.spawn_local(http2::keep_asking(worker));
            } else {
                connections.spawn_local(http1::keep_asking(worker));
            }
        }
        let all = async { while connections.join_next().await.is_some() {} };
        let end = tokio::select! {
            biased;
            () = self.deadline() => self.counted_until(),
            () = orders.stop.cancelled() => Instant::now(),
            () = all => Instant::now(),
            failed = self.out_of_time() => return Err(failed),
        };
        Ok((end, cpu_time().saturating_sub(before.get())))
    }

    /// Hands out turns; comes back only if there are no timers.
    async fn out_of_time(&self) -> io::Error {
        match self.pace.run().await {
            Ok(()) => std::future::pending().await,
            Err(error) => error,
        }
    }

    fn counted_until(&self) -> Instant {
        match self.plan.extent {
            Extent::Time(time) => self.counted_from + time,
            Extent::Requests(_) => Instant::now(),
        }
    }

    async fn deadline(&self) {
        match self.plan.extent {
            Extent::Time(_) => tokio::time::sleep_until(self.counted_until().into()).await,
            Extent::Requests(_) => std::future::pending().await,
        }
    }

    async fn show(&self, number: usize, watched: (Duration, UnboundedSender<(usize, Tally)>)) {
        let (every, sender) = watched;
        loop {
            tokio::time::sleep(every).await;
            let tally = self.tally.borrow().clone();
            if sender.send((number, tally)).is_err() {
                return;
            }
        }
    }

    /// Counts something of a request that began then, unless that was while warming up.
    pub(super) fn count(&self, start: Instant, count: impl FnOnce(&mut Tally)) {
        if start >= self.counted_from {
            count(&mut self.tally.borrow_mut());
        }
    }

    /// So many requests, due then, were not answered when it ended.
    pub(super) fn unanswered(&self, start: Instant, count: u64) {
        if let Some(end) = self.end.get() {
            let waited = end.saturating_duration_since(start);
            let is_timed = self.plan.rate.is_some();
            self.count(start, |tally| tally.unanswered(waited, count, is_timed));
        }
    }

    /// What to ask next: one after the other.
    pub(super) fn next_ask(&self) -> &Ask {
        let asks = &self.plan.asks;
        let at = self.next_ask.get();
        // Workers begin at different ones, and take turns.
        self.next_ask.set(at.wrapping_add(self.plan.threads));
        #[expect(clippy::indexing_slicing, reason = "within the length, and there is one at least")]
        &asks[at % asks.len()]
    }
}

/// Processor time of this thread so far.
fn cpu_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_come_to_the_whole() {
        for all in [0, 1, 7, 1000] {
            for workers in 1..5 {
                let shares = (0..workers).map(|number| share(all, number, workers));
                assert_eq!(shares.sum::<u64>(), all);
            }
        }
    }
}
