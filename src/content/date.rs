//! HTTP dates (RFC 9110 section 5.6.7): whole seconds, from 1970 to the year 9999.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::HeaderValue;
use httpdate::HttpDate;

use super::field_value;

/// The first second that an HTTP date cannot say: 10000-01-01 00:00:00 UTC.
const END: u64 = 253_402_300_800;

/// Reads a date in any of the three forms: IMF-fixdate, RFC 850, asctime. `None` when it is none,
/// or no day of the calendar: the field is then ignored.
///
/// The two-digit years of RFC 850 are 1970 to 2069.
pub fn parse(value: &[u8]) -> Option<SystemTime> {
    let text = std::str::from_utf8(value).ok()?;
    text.parse::<HttpDate>().ok().map(SystemTime::from)
}

/// Writes a time as IMF-fixdate, a fraction of a second left out: `Sun, 06 Nov 1994 08:49:37 GMT`.
/// `None` before 1970 and after the year 9999: the field is then not sent.
pub fn format(time: SystemTime) -> Option<HeaderValue> {
    let date = HttpDate::from(whole_seconds(time)?);
    Some(field_value(date.to_string()))
}

/// The time as an HTTP date says it, without its fraction of a second. `None` when none can.
pub fn whole_seconds(time: SystemTime) -> Option<SystemTime> {
    let seconds = time.duration_since(UNIX_EPOCH).ok()?.as_secs();
    (seconds < END).then(|| UNIX_EPOCH + Duration::from_secs(seconds))
}

/// The time so many seconds and nanoseconds from 1970-01-01 00:00 UTC on, as file systems keep it.
/// `None` when the system's clock cannot say it.
pub fn from_unix(seconds: i64, nanoseconds: u32) -> Option<SystemTime> {
    let whole = Duration::from_secs(seconds.unsigned_abs());
    let start =
        if seconds < 0 { UNIX_EPOCH.checked_sub(whole)? } else { UNIX_EPOCH.checked_add(whole)? };
    start.checked_add(Duration::from_nanos(nanoseconds.into()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn the_three_forms_are_one_time() {
        // RFC 9110 5.6.7, its examples.
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
        ] {
            assert_eq!(parse(text.as_bytes()), Some(at(784_111_777)), "{text}");
        }
    }

    #[test]
    fn what_is_no_date_is_none() {
        let rows: &[&[u8]] = &[
            b"",
            b"0",
            b"yesterday",
            b"Sun, 06 Nov 1994 08:49:37",
            b"Sun, 06 Nov 1994 08:49:37 CET",
            b"Sun, 06 Nov 1994 08:49:60 GMT",
            b"Sun, 06 Nov 1994 24:00:00 GMT",
            b"Mon, 06 Nov 1994 08:49:37 GMT",
            b"Sun, 31 Feb 1994 08:49:37 GMT",
            b"Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT",
            b"Wed, 31 Dec 1969 23:59:59 GMT",
            b"\xff\xfe",
            "Sun, 06 Nov 1994 08:49:37 GM\u{e9}".as_bytes(),
        ];
        for text in rows {
            assert_eq!(parse(text), None, "{}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn a_time_is_written_in_whole_seconds() {
        let rows = [
            (UNIX_EPOCH, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (at(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT"),
            (at(784_111_777) + Duration::from_nanos(999_999_999), "Sun, 06 Nov 1994 08:49:37 GMT"),
            (at(951_782_400), "Tue, 29 Feb 2000 00:00:00 GMT"),
            (at(END - 1), "Fri, 31 Dec 9999 23:59:59 GMT"),
        ];
        for (time, text) in rows {
            assert_eq!(format(time).unwrap(), text);
        }
    }

    #[test]
    fn times_that_http_cannot_say_are_none() {
        for time in [
            UNIX_EPOCH - Duration::from_nanos(1),
            UNIX_EPOCH - Duration::from_secs(1 << 40),
            at(END),
            at(1 << 60),
        ] {
            assert_eq!(format(time), None);
            assert_eq!(whole_seconds(time), None);
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(seconds in 0..END, fraction in 0u32..1_000_000_000) {
            let text = format(UNIX_EPOCH + Duration::new(seconds, fraction)).unwrap();
            prop_assert_eq!(parse(text.as_bytes()), Some(at(seconds)));
        }

        #[test]
        fn any_text_is_read_without_a_panic(
            text in "(Sun|Sunday|Xyz)?,? ?[0-9 -]{0,4}(Nov|Feb|[a-z\u{e9}]{3})?[ -]?[0-9: ]{0,16}(GMT)?"
        ) {
            let _ = parse(text.as_bytes());
        }
    }
}
