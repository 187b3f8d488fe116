//! Numbers as people read them.

use crate::content::shown::{Grouped, Size};

pub(in crate::commands) fn count(number: u64) -> String {
    Grouped(number).to_string()
}

pub(in crate::commands) fn size(bytes: u64) -> String {
    Size(bytes).to_string()
}

/// The nearest whole number; what is no number is none.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn whole(number: f64) -> u64 {
    number.round() as u64
}

/// `0.001/s`, `0.04/s`, `1.5/s`, `1,234/s`.
pub(in crate::commands) fn rate(per_second: f64) -> String {
    match per_second {
        0.000_5..0.009_5 => format!("{per_second:.3}/s"),
        0.009_5..0.095 => format!("{per_second:.2}/s"),
        0.095..9.95 => format!("{per_second:.1}/s"),
        _ => format!("{}/s", count(whole(per_second))),
    }
}

pub(in crate::commands) fn size_rate(bytes_per_second: f64) -> String {
    format!("{}/s", size(whole(bytes_per_second)))
}

pub(in crate::commands) fn percent(part: f64) -> String {
    format!("{:.1} %", part * 100.0)
}

/// `118 us`, `4.2 ms`, `3.2 s`, `1 m 15 s`.
pub(in crate::commands) fn seconds(seconds: f64) -> String {
    match seconds {
        ..0.000_999_5 => format!("{:.0} us", seconds * 1e6),
        ..0.999_5 => {
            let millis = seconds * 1e3;
            if millis < 9.95 { format!("{millis:.1} ms") } else { format!("{millis:.0} ms") }
        }
        ..59.95 => format!("{seconds:.1} s"),
        _ => span(whole(seconds)),
    }
}

/// The same with three digits: `118 us`, `4.21 ms`, `3.20 s`.
pub(in crate::commands) fn precise(time: f64) -> String {
    let (number, unit) = match time {
        ..0.000_999_5 => (time * 1e6, "us"),
        ..0.999_5 => (time * 1e3, "ms"),
        ..599.5 => (time, "s"),
        _ => return seconds(time),
    };
    let digits = match number {
        ..9.995 => 2,
        ..99.95 => 1,
        _ => 0,
    };
    format!("{number:.digits$} {unit}")
}

/// The two largest units of a time: `1 d 2 h`, `2 h 3 m`, `1 m 15 s`, `5 s`.
pub(in crate::commands) fn span(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match seconds {
        ..60 => format!("{seconds} s"),
        60..3600 => format!("{minutes} m {} s", seconds % 60),
        3600..86_400 => format!("{hours} h {} m", minutes % 60),
        _ => format!("{days} d {} h", hours % 24),
    }
}

/// The time of day in an RFC 3339 time: `15:09:26`. Anything else as it is.
pub(in crate::commands) fn clock(time: &str) -> &str {
    const FROM: usize = "2000-10-10T".len();
    const TO: usize = "2000-10-10T13:55:36".len();

    time.get(FROM..TO).unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_unit_that_a_person_would_choose() {
        assert_eq!([0.0, 1.25, 9.96, 1234.4].map(rate), ["0/s", "1.2/s", "10/s", "1,234/s"]);
        assert_eq!(
            [0.000_4, 0.001, 0.009_4, 0.009_6, 0.04, 0.094, 0.096].map(rate),
            ["0/s", "0.001/s", "0.009/s", "0.01/s", "0.04/s", "0.09/s", "0.1/s"]
        );
        assert_eq!(
            [0.0, 0.000_118, 0.000_999_6, 0.0042, 0.25, 0.999_6, 3.2, 59.96, 75.5, 7380.0]
                .map(seconds),
            [
                "0 us", "118 us", "1.0 ms", "4.2 ms", "250 ms", "1.0 s", "3.2 s", "1 m 0 s",
                "1 m 16 s", "2 h 3 m"
            ]
        );
        assert_eq!(
            [0.000_000_4, 0.000_118, 0.000_999_6, 0.004_211, 0.25, 0.999_6, 99.96, 750.0]
                .map(precise),
            ["0.40 us", "118 us", "1.00 ms", "4.21 ms", "250 ms", "1.00 s", "100 s", "12 m 30 s"]
        );
        assert_eq!([0, 59, 60, 93_726].map(span), ["0 s", "59 s", "1 m 0 s", "1 d 2 h"]);
        assert_eq!([f64::NAN, -1.0, f64::INFINITY].map(|odd| rate(odd).len() < 30), [true; 3]);
        assert_eq!(size_rate(48_234_496.0), "46.0 MiB/s");
        assert_eq!(percent(0.0215), "2.1 %");
    }

    #[test]
    fn clocks_are_read_from_what_servers_say() {
        assert_eq!(clock("2026-03-14T15:09:26.535Z"), "15:09:26");
        for odd in ["", "soon", "éééééééééé"] {
            assert_eq!(clock(odd), odd);
        }
    }
}
