//! The page that is up to date: server-sent events (HTML standard, section 9.2), one a second.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;
use tokio::sync::{Mutex, watch};

use super::page;
use crate::message::BoxFuture;
use crate::stats::{Range, Stats};

/// What is sent to all pages that show the same range: made once a second.
pub(super) struct Live {
    stats: Arc<Stats>,
    latest: [Mutex<Option<(u64, Bytes)>>; Range::ALL.len()],
}

impl Live {
    pub(super) fn new(stats: Arc<Stats>) -> Self {
        Self { stats, latest: Default::default() }
    }

    /// An event for every second, until the server stops.
    pub(super) fn events(self: &Arc<Self>, range: Range) -> Events {
        let mut seconds = self.stats.watch();
        // The first event comes at once.
        seconds.mark_changed();
        Events { live: Arc::clone(self), range, next: next(Arc::clone(self), range, seconds) }
    }

    /// The event of a second; `None` when it could not be made.
    async fn event(&self, range: Range, second: u64) -> Option<Bytes> {
        // Whoever comes second waits for the first one to finish, and takes the same.
        let mut latest = self.latest[range as usize].lock().await;
        if let Some((made, event)) = &*latest
            && *made == second
        {
            return Some(event.clone());
        }
        let stats = Arc::clone(&self.stats);
        // It takes some milliseconds, in which others want to be served.
        let made = tokio::task::spawn_blocking(move || {
            event(&page::live(&stats.snapshot(), &stats.history(range)))
        });
        let event = made.await.ok()?;
        *latest = Some((second, event.clone()));
        Some(event)
    }
}

/// A text as an event: every line is said to be data.
fn event(text: &str) -> Bytes {
    let mut event = String::with_capacity(text.len() + text.len() / 16 + 32);
    for line in text.lines() {
        event.push_str("data: ");
        event.push_str(line);
        event.push('\n');
    }
    event.push('\n');
    event.into()
}

/// What the next event is; `None` at the end. Gives back the receiver.
type Next = (watch::Receiver<u64>, Option<Bytes>);

fn next(
    live: Arc<Live>,
    range: Range,
    mut seconds: watch::Receiver<u64>,
) -> BoxFuture<'static, Next> {
    Box::pin(async move {
        if seconds.changed().await.is_err() || live.stats.is_closed() {
            return (seconds, None);
        }
        let second = *seconds.borrow_and_update();
        let event = live.event(range, second).await;
        (seconds, event)
    })
}

/// The stream of events.
pub(super) struct Events {
    live: Arc<Live>,
    range: Range,
    next: BoxFuture<'static, Next>,
}

impl Stream for Events {
    type Item = io::Result<Bytes>;

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Bytes>>> {
        let (seconds, event) = ready!(self.next.as_mut().poll(context));
        self.next = match &event {
            Some(_) => next(Arc::clone(&self.live), self.range, seconds),
            None => Box::pin(std::future::pending()),
        };
        Poll::Ready(event.map(Ok))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_an_event_is_data_and_its_end_an_empty_line() {
        assert_eq!(event("<p>a\n\nb"), "data: <p>a\ndata: \ndata: b\n\n");
    }
}
