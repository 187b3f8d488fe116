//! The page that is up to date: server-sent events (HTML standard, section 9.2), one a second.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;
use tokio::sync::watch;

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

    /// The event of a second. May take some milliseconds.
    fn event(&self, range: Range, second: u64) -> Bytes {
        // Whoever comes second waits for the first one to finish, and takes the same.
        let mut latest = self.latest[range as usize].lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((made, event)) = &*latest
            && *made == second
        {
            return event.clone();
        }
        let html = page::live(&self.stats.snapshot(), &self.stats.history(range));
        let event = event(&html);
        *latest = Some((second, event.clone()));
        event
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
        if seconds.changed().await.is_err() || live.stats.is_draining() {
            return (seconds, None);
        }
        let second = *seconds.borrow_and_update();
        let made = tokio::task::spawn_blocking(move || live.event(range, second)).await;
        (seconds, made.ok())
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
