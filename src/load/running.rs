//! All workers, from the beginning to the outcome.

use std::io;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio_util::sync::CancellationToken;

use super::reach::Place;
use super::worker::{self, Done, Orders};
use super::{Plan, Tally};
use crate::client::ClientError;

/// Time for all threads to be there before the first request.
const ASSEMBLY: Duration = Duration::from_millis(2);

/// A load that is under way.
pub struct Running {
    threads: Vec<JoinHandle<io::Result<Done>>>,
    /// Open as long as one of them runs.
    tallies: UnboundedReceiver<(usize, Tally)>,
    /// The last of each.
    latest: Vec<Tally>,
    counted_from: Instant,
    stop: CancellationToken,
}

/// What came of a load.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// All that was counted.
    pub tally: Tally,
    /// For how long.
    pub elapsed: Duration,
    /// Processor time that asking has taken, of all threads together.
    pub cpu: Duration,
    /// How much of the time the busiest thread was at work, from 0 to 1.
    pub busiest: f64,
}

/// Connects once, and begins. What is counted can be watched from time to time.
pub async fn start(plan: Plan, every: Duration) -> Result<Running, ClientError> {
    let place = Arc::new(Place::find(&plan).await?);
    let plan = Arc::new(plan);
    let begin = Instant::now() + ASSEMBLY;
    let stop = CancellationToken::new();
    let (sender, tallies) = unbounded_channel();
    let threads = (0..plan.threads).map(|number| {
        let orders = Orders {
            plan: Arc::clone(&plan),
            place: Arc::clone(&place),
            number,
            begin,
            stop: stop.clone(),
            watched: (every, sender.clone()),
        };
        thread::spawn(move || worker::run(&orders))
    });
    let latest = vec![Tally::default(); plan.threads];
    let counted_from = begin + plan.warm_up;
    Ok(Running { threads: threads.collect(), tallies, latest, counted_from, stop })
}

impl Running {
    /// Waits until there is something new to see; false when all is over.
    pub async fn next(&mut self) -> bool {
        let Some((number, tally)) = self.tallies.recv().await else { return false };
        if let Some(latest) = self.latest.get_mut(number) {
            *latest = tally;
        }
        true
    }

    /// What was counted so far, and for how long.
    pub fn so_far(&self) -> (Tally, Duration) {
        let mut sum = Tally::default();
        self.latest.iter().for_each(|tally| sum.merge(tally));
        (sum, self.counted_from.elapsed())
    }

    /// Ends it before its time.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Waits until all is over, and adds up. An error is one of the system's.
    pub fn finish(self) -> io::Result<Outcome> {
        let mut sum = Outcome {
            tally: Tally::default(),
            elapsed: Duration::ZERO,
            cpu: Duration::ZERO,
            busiest: 0.0,
        };
        for thread in self.threads {
            let done = thread.join().unwrap_or_else(|panic| resume_unwind(panic))?;
            sum.tally.merge(&done.tally);
            sum.elapsed = sum.elapsed.max(done.elapsed);
            sum.cpu += done.cpu;
            if !done.elapsed.is_zero() {
                sum.busiest = sum.busiest.max(done.cpu.as_secs_f64() / done.elapsed.as_secs_f64());
            }
        }
        Ok(sum)
    }
}
