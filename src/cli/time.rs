//! Times, as people type them.

use std::time::Duration;

const LONGEST: f64 = 7.0 * 24.0 * 3600.0;

/// A time above zero, of a week at most: a number and one of `us`, `ms`, `s`, `m`, `h`; seconds
/// without.
pub(super) fn time(text: &str) -> Result<Duration, String> {
    any_time(text).and_then(|time| if time.is_zero() { Err(takes()) } else { Ok(time) })
}

/// The same, or zero.
pub(super) fn any_time(text: &str) -> Result<Duration, String> {
    let unit_at = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let seconds = match unit {
        "us" => 1e-6,
        "ms" => 1e-3,
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err(takes()),
    };
    let time = number.parse::<f64>().ok().map(|number| number * seconds);
    let time = time.filter(|time| (0.0..=LONGEST).contains(time));
    time.map(Duration::from_secs_f64).ok_or_else(takes)
}

fn takes() -> String {
    "takes a time such as 10s, 500ms, 2m or 1h, of a week at most".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        for (text, millis) in
            [("10s", 10_000), ("500ms", 500), ("1.5m", 90_000), ("2h", 7_200_000), ("0.5", 500)]
        {
            assert_eq!(time(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        assert_eq!(time("250us"), Ok(Duration::from_micros(250)));
        for wrong in ["", "s", "0s", "-1s", "1d", "10 s", "inf", "NaN", "1e9h"] {
            assert!(time(wrong).is_err(), "{wrong}");
        }
        assert_eq!(any_time("0s"), Ok(Duration::ZERO));
    }
}
