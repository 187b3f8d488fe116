//! Numbers, times and names as the status page shows them: in the unit that a person would choose,
//! with as many digits as can be read at a glance.

#![allow(
    clippy::trivially_copy_pass_by_ref,
    clippy::ref_option,
    reason = "templates hand their values over by reference"
)]

use std::fmt::{self, Display, Formatter};

use time::{Date, Month, UtcDateTime};

use crate::content::shown::{Grouped, Name, Size};

/// Characters of a name that are shown before it is cut.
const LONGEST: usize = 64;

/// Text from elsewhere, escaped, with what could deceive made visible.
pub(super) fn name(text: &str) -> Name<'_> {
    Name(text.as_bytes())
}

/// A name from the metrics, such as `bare_lf`, in words; escaped.
pub(super) fn words(text: &str) -> Safe {
    Safe(name(text).to_string().replace('_', " "))
}

/// Text from elsewhere, cut in the middle when it is long: beginning and end of a path say most.
pub(super) fn cut(text: &str) -> Cut<'_> {
    Cut(text)
}

/// `12,345`
pub(super) fn count(number: &u64) -> Grouped {
    Grouped(*number)
}

/// `4.2 MiB`
pub(super) fn size(bytes: &u64) -> Size {
    Size(*bytes)
}

/// `4.2 MiB`, or a dash.
pub(super) fn maybe_size(bytes: &Option<u64>) -> String {
    bytes.map_or_else(unknown, |bytes| Size(bytes).to_string())
}

/// `12,345`, or a dash.
pub(super) fn maybe_count(number: &Option<u64>) -> String {
    number.map_or_else(unknown, |number| Grouped(number).to_string())
}

/// `340 µs`, or a dash.
pub(super) fn maybe_seconds(seconds: &Option<f64>) -> String {
    seconds.map_or_else(unknown, |seconds| self::seconds(&seconds))
}

/// The load of the machine, as `uptime` has it: `0.52 0.48 0.40`.
pub(super) fn load(averages: &[f64; 3]) -> String {
    averages.map(|average| format!("{:.2}", sane(average))).join(" ")
}

/// What stands where nothing is known.
pub(super) fn unknown() -> String {
    "\u{2013}".to_owned()
}

/// A number of which the first three digits matter: `1,234`, `56.7`, `0.25`, `0`.
pub(super) fn number(value: &f64) -> String {
    let value = sane(*value);
    match value {
        0.0 => "0".to_owned(),
        ..0.01 => "< 0.01".to_owned(),
        // What would be rounded up to the next form is written in that form.
        ..0.995 => format!("{value:.2}"),
        ..99.95 => trimmed(format!("{value:.1}")),
        _ => Grouped(whole(value)).to_string(),
    }
}

/// `12.3 MiB/s`
pub(super) fn byte_rate(bytes_per_second: &f64) -> String {
    format!("{}/s", Size(whole(*bytes_per_second)))
}

/// A part of a whole: `12.3 %`. Only nothing is `0 %`, and only everything is `100 %`.
pub(super) fn percent(ratio: &f64) -> String {
    let percent = sane(*ratio).min(1.0) * 100.0;
    match percent {
        0.0 => "0 %".to_owned(),
        ..0.05 => "< 0.1 %".to_owned(),
        100.0 => "100 %".to_owned(),
        99.95.. => "> 99.9 %".to_owned(),
        _ => format!("{percent:.1} %"),
    }
}

/// A part of a whole, as far as there is a whole: 0 to 1.
pub(super) fn ratio(part: u64, of: u64) -> Option<f64> {
    (of > 0).then(|| (float(part) / float(of)).min(1.0))
}

/// How long something took: `340 µs`, `12.3 ms`, `4.56 s`, `2 min 3 s`.
pub(super) fn seconds(seconds: &f64) -> String {
    let seconds = sane(*seconds);
    let micros = seconds * 1e6;
    match micros {
        0.0 => "0 s".to_owned(),
        ..0.95 => "< 1 \u{b5}s".to_owned(),
        ..999.5 => format!("{micros:.0} \u{b5}s"),
        ..9_995.0 => format!("{:.2} ms", micros / 1e3),
        ..99_950.0 => format!("{:.1} ms", micros / 1e3),
        ..999_500.0 => format!("{:.0} ms", micros / 1e3),
        ..9_995_000.0 => format!("{seconds:.2} s"),
        ..59_950_000.0 => format!("{seconds:.1} s"),
        _ => age(&whole(seconds)),
    }
}

/// How long something has been: `45 s`, `4 min 10 s`, `2 h 5 min`, `3 d 4 h`.
pub(super) fn age(seconds: &u64) -> String {
    let (days, hours) = (seconds / 86_400, seconds / 3600 % 24);
    let (minutes, seconds) = (seconds / 60 % 60, seconds % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {seconds} s"),
        (0, _, _) => format!("{hours} h {minutes} min"),
        _ => format!("{} d {hours} h", Grouped(days)),
    }
}

/// `<time>` with the time of day: `12:34:56`.
pub(super) fn clock(time: &str) -> Moment<'_> {
    Moment { time, shown: time.get(11..19).unwrap_or(time) }
}

/// `<time>` with the date and the time to the minute: `2026-11-21 08:20`.
pub(super) fn minute(time: &str) -> Moment<'_> {
    Moment { time, shown: time.get(..16).unwrap_or(time) }
}

/// Seconds since 1970 of a time in RFC 3339 and UTC; 0 when it is none.
pub(super) fn unix_seconds(time: &str) -> u64 {
    parse(time).and_then(|seconds| u64::try_from(seconds).ok()).unwrap_or_default()
}

fn parse(time: &str) -> Option<i64> {
    let part = |from: usize, to: usize| time.get(from..to)?.parse::<u8>().ok();
    let month = Month::try_from(part(5, 7)?).ok()?;
    let date = Date::from_calendar_date(time.get(..4)?.parse().ok()?, month, part(8, 10)?).ok()?;
    let time = time::Time::from_hms(part(11, 13)?, part(14, 16)?, part(17, 19)?).ok()?;
    Some(UtcDateTime::new(date, time).unix_timestamp())
}

/// What is no number, negative or endless is nothing.
pub(super) fn sane(value: f64) -> f64 {
    if value.is_finite() { value.max(0.0) } else { 0.0 }
}

/// The nearest whole number.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "made sane before")]
pub(super) fn whole(value: f64) -> u64 {
    sane(value).round() as u64
}

/// A count that is drawn: what is lost beyond 53 bits is less than a pixel.
#[allow(clippy::cast_precision_loss)]
pub(super) fn float(number: u64) -> f64 {
    number as f64
}

/// `12.0` is `12`.
fn trimmed(text: String) -> String {
    text.strip_suffix(".0").map(ToOwned::to_owned).unwrap_or(text)
}

/// Text that needs no further escaping.
pub(super) struct Safe(String);

impl askama::filters::HtmlSafe for Safe {}

impl Display for Safe {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// See [`cut`].
pub(super) struct Cut<'a>(&'a str);

impl askama::filters::HtmlSafe for Cut<'_> {}

impl Display for Cut<'_> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let text = self.0;
        let at = |index: usize| text.char_indices().nth(index).map(|(at, _)| at);
        if at(LONGEST).is_none() {
            return write!(formatter, "{}", name(text));
        }
        let tail = LONGEST / 3;
        let (head_end, _) = text.char_indices().nth(LONGEST - tail).unwrap_or_default();
        let (tail_start, _) = text.char_indices().nth_back(tail - 1).unwrap_or_default();
        let (head, end) = (name(&text[..head_end]), name(&text[tail_start..]));
        write!(formatter, "<span title=\"{}\">{head}\u{2026}{end}</span>", name(text))
    }
}

/// See [`clock`] and [`minute`].
pub(super) struct Moment<'a> {
    time: &'a str,
    shown: &'a str,
}

impl askama::filters::HtmlSafe for Moment<'_> {}

impl Display for Moment<'_> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        if self.time.is_empty() {
            return formatter.write_str("\u{2013}");
        }
        let (date, clock) = self.shown.split_once('T').unwrap_or(("", self.shown));
        let space = if date.is_empty() { "" } else { " " };
        let (date, clock) = (name(date), name(clock));
        write!(formatter, "<time datetime=\"{}\">{date}{space}{clock}</time>", name(self.time))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_have_the_digits_that_matter() {
        let rows = [
            (0.0, "0"),
            (0.004, "< 0.01"),
            (0.25, "0.25"),
            (0.996, "1"),
            (12.0, "12"),
            (12.34, "12.3"),
            (99.96, "100"),
            (1234.4, "1,234"),
            (f64::NAN, "0"),
            (-1.0, "0"),
            (f64::INFINITY, "0"),
        ];
        for (value, expected) in rows {
            assert_eq!(number(&value), expected, "{value}");
        }
    }

    #[test]
    fn times_have_the_unit_a_person_would_choose() {
        let rows = [
            (0.0, "0 s"),
            (0.000_000_1, "< 1 \u{b5}s"),
            (0.000_34, "340 \u{b5}s"),
            (0.000_999_6, "1.00 ms"),
            (0.012_34, "12.3 ms"),
            (0.250, "250 ms"),
            (1.5, "1.50 s"),
            (12.34, "12.3 s"),
            (123.4, "2 min 3 s"),
            (7500.0, "2 h 5 min"),
            (273_600.0, "3 d 4 h"),
        ];
        for (value, expected) in rows {
            assert_eq!(seconds(&value), expected, "{value}");
        }
    }

    #[test]
    fn only_nothing_is_no_percent_and_only_everything_all() {
        let rows = [
            (0.0, "0 %"),
            (0.000_01, "< 0.1 %"),
            (0.5, "50.0 %"),
            (0.999_99, "> 99.9 %"),
            (1.0, "100 %"),
            (1.7, "100 %"),
            (f64::NAN, "0 %"),
        ];
        for (value, expected) in rows {
            assert_eq!(percent(&value), expected, "{value}");
        }
    }

    #[test]
    fn long_names_keep_their_ends_and_are_whole_in_the_title() {
        assert_eq!(cut("/a<b>").to_string(), "/a&lt;b&gt;");
        let long = format!("/{}/end\u{202e}.html", "\u{e9}".repeat(90));
        let shown = cut(&long).to_string();
        assert!(shown.starts_with("<span title=\"/\u{e9}"), "{shown}");
        assert!(shown.contains('\u{2026}') && shown.ends_with("/end\u{fffd}.html</span>"));
        assert!(!shown.contains('\u{202e}'));
    }

    #[test]
    fn times_are_read_and_shown() {
        assert_eq!(unix_seconds("2026-11-21T08:20:19Z"), 1_795_249_219);
        assert_eq!(unix_seconds("2026-11-21T08:20:19.25Z"), 1_795_249_219);
        for wrong in ["", "yesterday", "2026-13-21T08:20:19Z", "2026-11-21", "\u{e9}\u{e9}\u{e9}"] {
            assert_eq!(unix_seconds(wrong), 0, "{wrong}");
        }
        let time = "2026-11-21T08:20:19Z";
        let expected = "<time datetime=\"2026-11-21T08:20:19Z\">08:20:19</time>";
        assert_eq!(clock(time).to_string(), expected);
        assert!(minute(time).to_string().ends_with(">2026-11-21 08:20</time>"));
        assert_eq!(clock("").to_string(), "\u{2013}");
    }

    proptest! {
        #[test]
        fn any_number_is_shown_shortly(value: f64) {
            prop_assert!(number(&value.min(1e12)).len() <= 17);
            prop_assert!(percent(&value).len() <= 8);
            prop_assert!(seconds(&value.min(1e12)).len() <= 20);
        }

        #[test]
        fn no_name_becomes_markup(text in "\\PC{0,120}") {
            let shown = cut(&text).to_string();
            let inner = shown.strip_prefix("<span title=\"").unwrap_or(&shown);
            let inner = inner.strip_suffix("</span>").unwrap_or(inner).replacen("\">", "", 1);
            prop_assert!(!inner.contains(['<', '"', '\'']) );
        }
    }
}
