//! Times of a snapshot, for forms that write them in their own way.

use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

/// Reads a time as snapshots have it, RFC 3339. `None` when it is none.
pub(super) fn parse(text: &str) -> Option<OffsetDateTime> {
    let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    Some(time.to_offset(UtcOffset::UTC))
}

/// Seconds since 1970 with their fraction, to the microsecond.
pub(super) fn seconds_since_1970(text: &str) -> Option<f64> {
    const MILLION: i64 = 1_000_000;

    let micros = i64::try_from(parse(text)?.unix_timestamp_nanos() / 1000).ok()?;
    // Both are below 2^53, so nothing is lost before the sum is.
    #[allow(clippy::cast_precision_loss)]
    let (whole, rest) = ((micros / MILLION) as f64, (micros % MILLION) as f64);
    Some(whole + rest / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_with_their_fraction_and_offset() {
        assert_eq!(seconds_since_1970("1970-01-01T00:00:00Z"), Some(0.0));
        assert_eq!(seconds_since_1970("2026-03-13T13:07:20.250Z"), Some(1_773_407_240.25));
        assert_eq!(seconds_since_1970("2026-03-13T14:07:20.250+01:00"), Some(1_773_407_240.25));
        for wrong in ["", "yesterday", "2026-02-30T00:00:00Z", "2026-03-13"] {
            assert_eq!(seconds_since_1970(wrong), None, "{wrong}");
        }
    }
}
