//! One load for all who ask for the same thing while it is under way.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::OnceCell;

/// The loads under way, by path.
pub(super) struct Flights<T> {
    under_way: Mutex<UnderWay<T>>,
}

/// With the last change there was when it took off.
type UnderWay<T> = HashMap<Box<[u8]>, (u64, Arc<OnceCell<T>>)>;

impl<T> Default for Flights<T> {
    fn default() -> Self {
        Self { under_way: Mutex::default() }
    }
}

impl<T: Clone> Flights<T> {
    /// What the load of `path` gives: a load that is under way, unless something was changed since
    /// it took off, else the given one.
    ///
    /// Whoever is dropped while it loads (its client went away) leaves the load to one of those
    /// who wait.
    pub(super) async fn join<F: Future<Output = T>>(
        &self,
        path: &[u8],
        change: u64,
        load: impl FnOnce() -> F,
    ) -> T {
        let seat = self.seat(path, change);
        seat.cell.get_or_init(load).await.clone()
    }

    fn seat<'f>(&'f self, path: &'f [u8], change: u64) -> Seat<'f, T> {
        let mut under_way = self.lock();
        let known = under_way.get(path).filter(|(then, _)| *then == change);
        let known = known.map(|(_, cell)| Arc::clone(cell));
        let cell = known.unwrap_or_else(|| {
            let cell = Arc::new(OnceCell::new());
            under_way.insert(path.into(), (change, Arc::clone(&cell)));
            cell
        });
        Seat { flights: self, path, cell }
    }
}

impl<T> Flights<T> {
    fn lock(&self) -> MutexGuard<'_, UnderWay<T>> {
        // Nothing in here can panic half-way.
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place in a flight. Giving it up ends the flight when it has landed or was the last one.
struct Seat<'f, T> {
    flights: &'f Flights<T>,
    path: &'f [u8],
    cell: Arc<OnceCell<T>>,
}

impl<T> Drop for Seat<'_, T> {
    fn drop(&mut self) {
        let mut under_way = self.flights.lock();
        // Seats are taken under the lock, so this count cannot grow now: the table's and ours.
        let is_last = Arc::strong_count(&self.cell) == 2;
        let is_ours =
            under_way.get(self.path).is_some_and(|(_, cell)| Arc::ptr_eq(cell, &self.cell));
        if is_ours && (is_last || self.cell.initialized()) {
            under_way.remove(self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::Notify;

    use super::*;

    #[tokio::test]
    async fn a_load_that_took_off_before_a_change_is_not_joined() {
        let flights = Flights::default();
        let (before, after) = tokio::join!(
            flights.join(b"a", 0, || async { 1 }),
            flights.join(b"a", 1, || async { 2 })
        );
        assert_eq!((before, after), (1, 2));
        assert!(flights.lock().is_empty());
    }

    #[tokio::test]
    async fn many_who_wait_cause_one_load() {
        let flights = Flights::default();
        let loads = AtomicUsize::new(0);
        let go = Notify::new();
        let load = || async {
            loads.fetch_add(1, Ordering::Relaxed);
            go.notified().await;
            7
        };
        let start = async {
            tokio::task::yield_now().await;
            go.notify_one();
        };
        let (one, two, other, ()) = tokio::join!(
            flights.join(b"a", 0, load),
            flights.join(b"a", 0, load),
            flights.join(b"b", 0, || async { 8 }),
            start
        );
        assert_eq!((one, two, other), (7, 7, 8));
        assert_eq!(loads.load(Ordering::Relaxed), 1);
        assert!(flights.lock().is_empty());
    }

    #[tokio::test]
    async fn one_who_waits_goes_on_with_a_load_that_was_dropped() {
        let flights = Flights::default();
        let mut first = Box::pin(flights.join(b"a", 0, std::future::pending::<u32>));
        let mut second = Box::pin(flights.join(b"a", 0, || async { 2 }));
        let waiting = std::future::poll_fn(|context| {
            let first = first.as_mut().poll(context).is_pending();
            let second = second.as_mut().poll(context).is_pending();
            std::task::Poll::Ready(first && second)
        });
        assert!(waiting.await);
        drop(first);
        assert_eq!(second.await, 2);
        assert!(flights.lock().is_empty());
    }

    #[tokio::test]
    async fn a_load_that_everybody_left_is_forgotten() {
        let flights = Flights::default();
        {
            let mut only = Box::pin(flights.join(b"a", 0, std::future::pending::<u32>));
            let poll = std::future::poll_fn(|context| {
                std::task::Poll::Ready(only.as_mut().poll(context).is_pending())
            });
            assert!(poll.await);
            assert_eq!(flights.lock().len(), 1);
        }
        assert!(flights.lock().is_empty());
    }
}
