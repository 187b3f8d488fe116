//! The time, as one worker thread knows it: read once for many uses.
//!
//! Asking the system for the time costs as much as parsing a short request. A worker needs it
//! several times a request, but never to better than some milliseconds, so it is read anew only
//! when the event loop wakes up and after every [`USES`] questions in between.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant, SystemTime};

use http::HeaderValue;

/// How often one reading is handed out while the event loop does not sleep.
const USES: u32 = 32;

/// Bytes of a date in the preferred form of RFC 9110 section 5.6.7.
pub(super) const DATE_LENGTH: usize = 29;

thread_local! {
    static CLOCK: Clock = Clock::new();
}

struct Clock {
    now: Cell<Instant>,
    uses_left: Cell<u32>,
    /// Until when `wall` and `date` are right.
    date_ends: Cell<Instant>,
    /// The system's time at an instant.
    wall: Cell<(Instant, SystemTime)>,
    date: Cell<[u8; DATE_LENGTH]>,
    /// The same, for those who share it.
    date_value: RefCell<HeaderValue>,
}

impl Clock {
    fn new() -> Self {
        let now = read();
        Self {
            now: Cell::new(now),
            uses_left: Cell::new(0),
            date_ends: Cell::new(now),
            wall: Cell::new((now, SystemTime::now())),
            date: Cell::new([b' '; DATE_LENGTH]),
            date_value: RefCell::new(HeaderValue::from_static("")),
        }
    }

    fn now(&self) -> Instant {
        if let Some(left) = self.uses_left.get().checked_sub(1) {
            self.uses_left.set(left);
        } else {
            self.now.set(read());
            self.uses_left.set(USES);
        }
        self.now.get()
    }

    fn wall(&self) -> SystemTime {
        self.look_at_the_wall();
        let (then, wall) = self.wall.get();
        wall + self.now.get().saturating_duration_since(then)
    }

    fn date(&self) -> [u8; DATE_LENGTH] {
        self.look_at_the_wall();
        self.date.get()
    }

    /// Reads the system's time at the start of each of its seconds.
    fn look_at_the_wall(&self) {
        let now = self.now.get();
        if now >= self.date_ends.get() {
            let wall = SystemTime::now();
            let since_epoch = wall.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            let rest = Duration::from_nanos(1_000_000_000 - u64::from(since_epoch.subsec_nanos()));
            self.wall.set((now, wall));
            let date = format_date(wall);
            self.date.set(date);
            if let Ok(value) = HeaderValue::from_bytes(&date) {
                self.date_value.replace(value);
            }
            self.date_ends.set(now + rest);
        }
    }
}

/// The present, at most some milliseconds old.
#[inline]
pub(super) fn now() -> Instant {
    CLOCK.with(Clock::now)
}

/// The last reading.
pub(super) fn last() -> Instant {
    CLOCK.with(|clock| clock.now.get())
}

/// The present for the `Date` field; as old as the last [`now`] of this thread.
#[inline]
pub(super) fn date() -> [u8; DATE_LENGTH] {
    CLOCK.with(Clock::date)
}

/// [`date`] as a field value.
pub(super) fn date_value() -> HeaderValue {
    CLOCK.with(|clock| {
        clock.look_at_the_wall();
        clock.date_value.borrow().clone()
    })
}

/// The present as the system's clock has it; as old as the last [`now`] of this thread.
pub(super) fn wall() -> SystemTime {
    CLOCK.with(Clock::wall)
}

/// Makes the next [`now`] ask the system: the event loop has slept, or done something long.
pub(super) fn has_aged() {
    CLOCK.with(|clock| clock.uses_left.set(0));
}

/// The tokio clock, so that tests can stop it.
fn read() -> Instant {
    tokio::time::Instant::now().into_std()
}

fn format_date(wall: SystemTime) -> [u8; DATE_LENGTH] {
    let mut date = *b"Thu, 01 Jan 1970 00:00:00 GMT";
    let text = httpdate::fmt_http_date(wall);
    if text.len() == DATE_LENGTH {
        date.copy_from_slice(text.as_bytes());
    }
    date
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn time_stands_still_between_readings_and_moves_after_a_sleep() {
        has_aged();
        let first = now();
        tokio::time::advance(Duration::from_millis(5)).await;
        assert_eq!(now(), first);
        has_aged();
        assert_eq!(now(), first + Duration::from_millis(5));
    }

    #[tokio::test(start_paused = true)]
    async fn a_busy_loop_reads_the_time_again_after_a_while() {
        has_aged();
        let first = now();
        tokio::time::advance(Duration::from_millis(5)).await;
        assert!((0..=USES).any(|_| now() > first));
    }

    #[test]
    fn the_date_is_one_that_http_understands() {
        now();
        let date = date();
        assert!(httpdate::parse_http_date(std::str::from_utf8(&date).unwrap()).is_ok());
    }
}
