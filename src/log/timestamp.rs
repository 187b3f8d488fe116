//! Dates as text, in UTC.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;

/// The last second of the year 9999: four digits have to do.
const LAST_SECOND: u64 = 253_402_300_799;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Time since 1970; an earlier time is 1970, a later one than 9999 the end of that year.
fn since_epoch(time: SystemTime) -> Duration {
    let passed = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    passed.min(Duration::from_secs(LAST_SECOND))
}

/// The calendar date of a second since 1970.
pub(super) fn calendar(second: u64) -> OffsetDateTime {
    i64::try_from(second.min(LAST_SECOND))
        .ok()
        .and_then(|second| OffsetDateTime::from_unix_timestamp(second).ok())
        .unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// Whole seconds since 1970.
pub(super) fn seconds(time: SystemTime) -> u64 {
    since_epoch(time).as_secs()
}

/// The two ways in which logs write a time, both made once per second: making a date is most of
/// the cost of a line.
#[derive(Debug, Default)]
pub(super) struct Timestamp {
    second: Option<u64>,
    common: String,
    rfc3339: String,
}

impl Timestamp {
    /// As in the Common Log Format: `10/Oct/2000:13:55:36 +0000`.
    pub(super) fn common(&mut self, time: SystemTime) -> &str {
        self.refresh(seconds(time));
        &self.common
    }

    /// As in RFC 3339, with milliseconds: `2000-10-10T13:55:36.000Z`.
    pub(super) fn rfc3339(&mut self, time: SystemTime) -> &str {
        const UP_TO_SECONDS: usize = "2000-10-10T13:55:36".len();

        let passed = since_epoch(time);
        self.refresh(passed.as_secs());
        self.rfc3339.truncate(UP_TO_SECONDS);
        // Writing to a string cannot fail.
        let _ = write!(self.rfc3339, ".{:03}Z", passed.subsec_millis());
        &self.rfc3339
    }

    fn refresh(&mut self, second: u64) {
        if self.second == Some(second) {
            return;
        }
        self.second = Some(second);
        let date = calendar(second);
        let (year, month, day) = (date.year(), u8::from(date.month()), date.day());
        let (hour, minute, second) = (date.hour(), date.minute(), date.second());
        let month_name = MONTHS.get(usize::from(month) - 1).copied().unwrap_or("-");
        self.common.clear();
        self.rfc3339.clear();
        // Writing to a string cannot fail.
        let _ = write!(
            self.common,
            "{day:02}/{month_name}/{year:04}:{hour:02}:{minute:02}:{second:02} +0000"
        );
        let _ =
            write!(self.rfc3339, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64, millis: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds) + Duration::from_millis(millis)
    }

    #[test]
    fn times_are_written_in_both_forms() {
        let rows = [
            (at(0, 0), "01/Jan/1970:00:00:00 +0000", "1970-01-01T00:00:00.000Z"),
            (at(951_782_400, 7), "29/Feb/2000:00:00:00 +0000", "2000-02-29T00:00:00.007Z"),
            (at(951_782_400, 999), "29/Feb/2000:00:00:00 +0000", "2000-02-29T00:00:00.999Z"),
            (at(971_186_136, 0), "10/Oct/2000:13:55:36 +0000", "2000-10-10T13:55:36.000Z"),
            (at(4_107_542_399, 50), "28/Feb/2100:23:59:59 +0000", "2100-02-28T23:59:59.050Z"),
            (at(951_782_400, 1), "29/Feb/2000:00:00:00 +0000", "2000-02-29T00:00:00.001Z"),
        ];
        // One value for all rows: what is kept from one must not show in the next.
        let mut timestamp = Timestamp::default();
        for (time, common, rfc3339) in rows {
            assert_eq!(timestamp.common(time), common);
            assert_eq!(timestamp.rfc3339(time), rfc3339);
        }
    }

    #[test]
    fn times_out_of_range_are_the_nearest_that_fits() {
        let mut timestamp = Timestamp::default();
        let early = UNIX_EPOCH - Duration::from_secs(1);
        assert_eq!(timestamp.rfc3339(early), "1970-01-01T00:00:00.000Z");
        let late = at(LAST_SECOND + 1, 5);
        assert_eq!(timestamp.rfc3339(late), "9999-12-31T23:59:59.000Z");
    }
}
