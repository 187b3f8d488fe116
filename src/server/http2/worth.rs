//! Whether what a client sends is worth its bytes.
//!
//! SETTINGS, PING, `WINDOW_UPDATE`, PRIORITY, empty DATA and frames that nobody knows cost work and
//! carry nothing. They are not counted one by one: bytes that arrive are set against what they are
//! for, which are requests, content, and content that is sent (of which windows are the cost).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crate::server::clock;

/// Bytes that may carry nothing: at the start, and again whenever time has gone by.
const FREE: u64 = 1 << 20;

/// Bytes that may carry nothing after much that did.
const MOST: u64 = 16 << 20;

/// Bytes that may carry nothing, for each second.
const PER_SECOND: u64 = 64 * 1024;

/// Bytes for a request, beside those of its fields.
const REQUEST: u64 = 512;

/// Bytes for each byte of a field, or of content that was received.
const RECEIVED: u64 = 2;

/// Bytes that are sent for each that may be received: whoever takes little at a time opens two windows for it.
const SENT: u64 = 4;

/// What the requests of a connection have carried. Copies are of the same.
#[derive(Clone, Default)]
pub(super) struct Carried(Arc<AtomicU64>);

impl Carried {
    /// A request whose fields have so many bytes.
    pub(super) fn request(&self, fields: u64) {
        self.add(REQUEST.saturating_add(fields.saturating_mul(RECEIVED)));
    }

    /// So many bytes of content.
    pub(super) fn content(&self, bytes: u64) {
        self.add(bytes.saturating_mul(RECEIVED));
    }

    fn add(&self, worth: u64) {
        self.0.fetch_add(worth, Ordering::Relaxed);
    }
}

/// What is left to a client of bytes that carry nothing.
pub(super) struct Worth {
    carried: Carried,
    left: u64,
    renewed: Instant,
    /// Totals up to now: received, sent, carried.
    seen: [u64; 3],
}

impl Worth {
    pub(super) fn new(carried: Carried) -> Self {
        Self { carried, left: FREE, renewed: clock::now(), seen: [0; 3] }
    }

    /// Whether, with so many bytes `received` and `sent` in all, too many carried nothing.
    pub(super) fn is_spent(&mut self, received: u64, sent: u64) -> bool {
        let totals = [received, sent / SENT, self.carried.0.load(Ordering::Relaxed)];
        if totals == self.seen {
            return false;
        }
        let [cost, for_sent, for_received] =
            [0, 1, 2].map(|at: usize| totals[at].saturating_sub(self.seen[at]));
        self.seen = totals;
        self.left = self.left.saturating_add(for_sent).saturating_add(for_received);
        if self.left < cost {
            self.renew();
        }
        let is_spent = self.left < cost;
        self.left = self.left.saturating_sub(cost).min(MOST);
        is_spent
    }

    fn renew(&mut self) {
        let now = clock::now();
        let seconds = now.saturating_duration_since(self.renewed).as_secs();
        if seconds > 0 {
            self.renewed = now;
            let more = seconds.saturating_mul(PER_SECOND).min(FREE);
            self.left = self.left.saturating_add(more);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many rounds a client is borne with that receives and sends so much in each.
    fn rounds(received: u64, sent: u64, in_round: impl Fn(&Carried)) -> u64 {
        let carried = Carried::default();
        let mut worth = Worth::new(carried.clone());
        (1..=1_000_000)
            .find(|round| {
                in_round(&carried);
                worth.is_spent(received * round, sent * round)
            })
            .unwrap_or(u64::MAX)
    }

    #[test]
    fn frames_that_carry_nothing_are_borne_with_for_a_while() {
        // SETTINGS and PING with their answers, a WINDOW_UPDATE, an unknown frame.
        for (received, sent) in [(9, 9), (17, 17), (13, 0), (16_393, 0)] {
            let bytes = received * rounds(received, sent, |_| {});
            assert!((FREE..2 * FREE).contains(&bytes), "{received}: {bytes}");
        }
    }

    #[test]
    fn requests_and_content_are_borne_with_forever() {
        assert_eq!(rounds(60, 100, |carried| carried.request(30)), u64::MAX);
        // A cookie as long as a head may be.
        assert_eq!(rounds(16_000, 100, |carried| carried.request(15_900)), u64::MAX);
        assert_eq!(rounds(16_393, 26, |carried| carried.content(16_384)), u64::MAX);
        // Two windows are opened for each little piece of a large file.
        assert_eq!(rounds(26, 200, |_| {}), u64::MAX);
    }

    #[tokio::test(start_paused = true)]
    async fn time_makes_up_for_it() {
        clock::has_aged();
        let mut worth = Worth::new(Carried::default());
        assert!(!worth.is_spent(FREE, 0));
        for minute in 1..10 {
            tokio::time::advance(std::time::Duration::from_mins(1)).await;
            clock::has_aged();
            assert!(!worth.is_spent(FREE + minute * FREE, 0), "{minute}");
        }
        assert!(worth.is_spent(FREE * 11, 0));
    }
}
