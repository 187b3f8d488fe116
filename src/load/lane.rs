//! The requests that wait for their answers, in the order in which they were sent.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use super::pace::Seat;
use super::worker::Worker;
use super::{Ask, Failure};

/// The first pause after a failure; each further one doubles it, up to the longest.
const PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// What asks one thing after the other, or several at once, over one connection after the other.
pub(super) struct Lane {
    worker: Rc<Worker>,
    seat: Rc<Seat>,
    waiting: VecDeque<Waiting>,
    pause: Duration,
}

struct Waiting {
    /// Since when its time counts.
    start: Instant,
    /// Since when the server has it.
    sent: Instant,
}

impl Lane {
    pub(super) fn new(worker: &Rc<Worker>) -> Self {
        let worker = Rc::clone(worker);
        Self { worker, seat: Rc::default(), waiting: VecDeque::new(), pause: PAUSE }
    }

    /// Whether there is nothing to ask any more, and nothing to wait for.
    pub(super) fn is_over(&self) -> bool {
        self.waiting.is_empty() && self.worker.pace.is_over(&self.seat)
    }

    /// Requests without an answer.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Since when the server has the oldest of them.
    pub(super) fn oldest(&self) -> Option<Instant> {
        self.waiting.front().map(|waiting| waiting.sent)
    }

    /// Whether another request may begin, which is then to be sent; false once there are no more.
    pub(super) fn poll_turn(&mut self, now: Instant, cx: &mut Context<'_>) -> Poll<bool> {
        let turn = ready!(self.worker.pace.poll_turn(&self.seat, now, cx));
        Poll::Ready(turn.is_some_and(|start| {
            self.waiting.push_back(Waiting { start, sent: now });
            true
        }))
    }

    /// Waits until a request may begin, unless there is one; false once there are no more.
    pub(super) async fn turn(&mut self) -> bool {
        if self.waiting.is_empty() {
            return poll_fn(|cx| self.poll_turn(Instant::now(), cx)).await;
        }
        true
    }

    /// What to ask next.
    pub(super) fn ask(&self) -> &Ask {
        self.worker.next_ask()
    }

    /// All that have no answer are sent now, over a new connection.
    pub(super) fn send_again(&mut self) {
        let now = Instant::now();
        self.waiting.iter_mut().for_each(|waiting| waiting.sent = now);
    }

    /// The oldest is answered. False if nothing was asked.
    pub(super) fn answered(&mut self, status: u16, now: Instant) -> bool {
        let Some(waiting) = self.waiting.pop_front() else { return false };
        self.pause = PAUSE;
        let took = now.saturating_duration_since(waiting.start);
        self.worker.count(waiting.start, |tally| tally.answer(status, took));
        true
    }

    /// The oldest will have no answer.
    pub(super) fn failed(&mut self, kind: Failure, reason: &dyn ToString) {
        let Some(waiting) = self.waiting.pop_front() else { return };
        let is_timed = self.worker.plan.rate.is_some();
        self.worker.count(waiting.start, |tally| {
            tally.failure(kind, reason);
            if is_timed && kind == Failure::Timeout {
                tally.latency.add(waiting.start.elapsed());
            }
        });
    }

    /// Waits a while, longer each time until there is an answer: a server that is down is not
    /// hammered.
    pub(super) async fn pause(&mut self) {
        // What is due meanwhile, another may ask.
        self.worker.pace.leave(&self.seat);
        tokio::time::sleep(self.pause).await;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
    }
}

impl Drop for Lane {
    /// What is cut off by the end is no failure.
    fn drop(&mut self) {
        let handed_out = self.seat.take();
        let waiting = self.waiting.iter().map(|waiting| waiting.start);
        for start in waiting.chain(handed_out) {
            self.worker.unanswered(start, 1);
        }
    }
}
