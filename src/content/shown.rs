//! Names, sizes and times as pages show them: each a value that writes itself, so that a row of a
//! listing costs no allocation.
//!
//! What these types write needs no further escaping in HTML.

use std::fmt::{self, Display, Formatter, Write};
use std::time::{SystemTime, UNIX_EPOCH};

/// Declares that what a type displays may go into HTML as it is, and how askama writes it.
macro_rules! safe_in_html {
    ($($type:ty),*) => {$(
        impl askama::filters::HtmlSafe for $type {}
        impl askama::FastWritable for $type {
            #[inline]
            fn write_into(
                &self,
                out: &mut dyn Write,
                _: &dyn askama::Values,
            ) -> askama::Result<()> {
                (*self).write_to(out)?;
                Ok(())
            }
        }
        impl Display for $type {
            fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
                (*self).write_to(formatter)
            }
        }
    )*};
}

safe_in_html!(Name<'_>, Link<'_>, Size, Grouped, Time, Minute);

/// A file name for people, escaped for HTML text and attributes of any quoting.
///
/// Bytes that are not UTF-8 are shown as U+FFFD. So are the characters that would let a name lie
/// about itself: those that turn the direction of writing (`photo<U+202E>gpj.exe`), invisible
/// line ends and the controls of U+0080 to U+009F. Control characters are shown by their pictures (`␊`).
#[derive(Clone, Copy, Debug)]
pub struct Name<'a>(pub &'a [u8]);

impl Name<'_> {
    fn write_to(self, out: &mut dyn Write) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            write_text(out, chunk.valid())?;
            if !chunk.invalid().is_empty() {
                out.write_char(char::REPLACEMENT_CHARACTER)?;
            }
        }
        Ok(())
    }
}

fn write_text(out: &mut dyn Write, text: &str) -> fmt::Result {
    let mut plain_from = 0;
    for (at, byte) in text.bytes().enumerate() {
        // U+2028 to U+202E and U+2066 to U+2069 all begin with the last of these bytes, U+0080 to
        // U+009F with the one before it.
        let is_special =
            byte < b' ' || matches!(byte, b'&' | b'<' | b'>' | b'"' | b'\'' | 0x7f | 0xc2 | 0xe2);
        if !is_special {
            continue;
        }
        let Some(character) = text[at..].chars().next() else { continue };
        let mut picture = [0; 4];
        let Some(instead) = replacement(character, &mut picture) else { continue };
        out.write_str(&text[plain_from..at])?;
        out.write_str(instead)?;
        plain_from = at + character.len_utf8();
    }
    out.write_str(&text[plain_from..])
}

fn replacement(character: char, picture: &mut [u8; 4]) -> Option<&str> {
    Some(match character {
        '&' => "&amp;",
        '<' => "&lt;",
        '>' => "&gt;",
        '"' => "&#34;",
        '\'' => "&#39;",
        '\u{7f}' => "\u{2421}",
        '\u{80}'..='\u{9f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => "\u{fffd}",
        control if control < ' ' => {
            char::from_u32(0x2400 + u32::from(control))?.encode_utf8(picture)
        }
        _ => return None,
    })
}

/// A path or file name percent-encoded for a link; see [`encode`](super::path::encode).
#[derive(Clone, Copy, Debug)]
pub struct Link<'a>(pub &'a [u8]);

impl Link<'_> {
    fn write_to(self, out: &mut dyn Write) -> fmt::Result {
        super::path::escapes(self.0).try_for_each(|piece| out.write_str(piece))
    }
}

/// A number of bytes in the unit that a person would choose: `0 B`, `999 B`, `12.1 KiB`,
/// `4.2 MiB`. Rounded to the nearest tenth.
#[derive(Clone, Copy, Debug)]
pub struct Size(pub u64);

impl Size {
    fn write_to(self, out: &mut dyn Write) -> fmt::Result {
        const UNITS: [&str; 6] = [" KiB", " MiB", " GiB", " TiB", " PiB", " EiB"];
        let mut digits = itoa::Buffer::new();
        if self.0 < 1024 {
            out.write_str(digits.format(self.0))?;
            return out.write_str(" B");
        }
        let mut unit = 0;
        let mut size = 1u128 << 10;
        let bytes = u128::from(self.0);
        let tenths = loop {
            let tenths = (bytes * 10 + size / 2) / size;
            // 1023.95 KiB are 1.0 MiB.
            if tenths < 10240 || unit + 1 == UNITS.len() {
                break tenths;
            }
            unit += 1;
            size <<= 10;
        };
        let tenths = u64::try_from(tenths).unwrap_or(u64::MAX);
        out.write_str(digits.format(tenths / 10))?;
        out.write_char('.')?;
        out.write_str(digits.format(tenths % 10))?;
        out.write_str(UNITS[unit])
    }
}

/// A number with its thousands grouped: `12,345`.
#[derive(Clone, Copy, Debug)]
pub struct Grouped(pub u64);

impl Grouped {
    fn write_to(self, out: &mut dyn Write) -> fmt::Result {
        let mut digits = itoa::Buffer::new();
        let text = digits.format(self.0);
        let mut from = 0;
        for to in (0..=text.len()).filter(|to| *to > 0 && (text.len() - to).is_multiple_of(3)) {
            if from > 0 {
                out.write_char(',')?;
            }
            out.write_str(&text[from..to])?;
            from = to;
        }
        Ok(())
    }
}

/// A time in UTC, as `<time datetime>` and JSON have it (RFC 3339): `2026-11-21T08:20:00Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time(Civil);

/// The same to the minute, for people: `2026-11-21 08:20`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Minute(Civil);

/// `YYYY-MM-DDThh:mm:ss`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Civil([u8; 19]);

impl Time {
    /// `None` outside of the years 0 to 9999, which four digits cannot say.
    pub fn new(time: SystemTime) -> Option<Self> {
        let seconds = match time.duration_since(UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_secs()).ok()?,
            Err(before) => {
                let before = before.duration();
                let up = i64::from(before.subsec_nanos() > 0);
                i64::try_from(before.as_secs()).ok()?.checked_neg()?.checked_sub(up)?
            }
        };
        Civil::new(seconds).map(Self)
    }

    /// The same to the minute.
    pub fn minute(&self) -> Minute {
        Minute(self.0)
    }

    fn write_to(self, out: &mut dyn Write) -> fmt::Result {
        out.write_str(self.0.text())?;
        out.write_char('Z')
    }
}

impl Minute {
    fn write_to(self, out: &mut dyn Write) -> fmt::Result {
        let text = self.0.text();
        out.write_str(text.get(..10).unwrap_or_default())?;
        out.write_char(' ')?;
        out.write_str(text.get(11..16).unwrap_or_default())
    }
}

impl Civil {
    fn new(seconds: i64) -> Option<Self> {
        let date = time::UtcDateTime::from_unix_timestamp(seconds).ok()?;
        let year = u16::try_from(date.year()).ok().filter(|year| *year <= 9999)?;
        let mut text = *b"0000-00-00T00:00:00";
        let [high, low] = [year / 100, year % 100].map(|part| u8::try_from(part).unwrap_or(0));
        let parts = [
            (0, high),
            (2, low),
            (5, u8::from(date.month())),
            (8, date.day()),
            (11, date.hour()),
            (14, date.minute()),
            (17, date.second()),
        ];
        for (at, value) in parts {
            text[at] = b'0' + value / 10;
            text[at + 1] = b'0' + value % 10;
        }
        Some(Self(text))
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_escaped_and_tell_no_lies() {
        let rows: &[(&[u8], &str)] = &[
            (b"a.txt", "a.txt"),
            (b"<b>&amp;\"'", "&lt;b&gt;&amp;amp;&#34;&#39;"),
            (b"a\nb\r\x7f", "a\u{240a}b\u{240d}\u{2421}"),
            (b"\xff\xfea", "\u{fffd}\u{fffd}a"),
            ("\u{202e}gpj\u{2069}\u{2026}".as_bytes(), "\u{fffd}gpj\u{fffd}\u{2026}"),
            ("\u{5d0} \u{4e00}\u{2603}".as_bytes(), "\u{5d0} \u{4e00}\u{2603}"),
        ];
        for (name, expected) in rows {
            assert_eq!(Name(name).to_string(), *expected);
        }
    }

    #[test]
    fn sizes_have_the_unit_a_person_would_choose() {
        let rows = [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (12_345, "12.1 KiB"),
            (1_048_524, "1023.9 KiB"),
            (1_048_525, "1.0 MiB"),
            (1 << 30, "1.0 GiB"),
            (u64::MAX, "16.0 EiB"),
        ];
        for (bytes, expected) in rows {
            assert_eq!(Size(bytes).to_string(), expected, "{bytes}");
        }
    }

    #[test]
    fn thousands_are_grouped() {
        let rows = [(0, "0"), (12, "12"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")];
        for (number, expected) in rows {
            assert_eq!(Grouped(number).to_string(), expected);
        }
    }

    #[test]
    fn times_are_written_in_utc() {
        let rows = [
            (0, "1970-01-01T00:00:00Z"),
            (1_795_249_219, "2026-11-21T08:20:19Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (253_402_300_799, "9999-12-31T23:59:59Z"),
        ];
        for (seconds, expected) in rows {
            let time = Time::new(UNIX_EPOCH + Duration::from_secs(seconds)).unwrap();
            assert_eq!(time.to_string(), expected);
            assert_eq!(
                time.minute().to_string(),
                format!("{} {}", &expected[..10], &expected[11..16])
            );
        }
        let before = UNIX_EPOCH - Duration::from_millis(1);
        assert_eq!(Time::new(before).unwrap().to_string(), "1969-12-31T23:59:59Z");
        let year_10000 = Duration::from_secs(253_402_300_799) + Duration::from_secs(1);
        assert_eq!(Time::new(UNIX_EPOCH + year_10000), None);
        assert_eq!(Time::new(UNIX_EPOCH - Duration::from_secs(1 << 40)), None);
    }

    proptest! {
        #[test]
        fn no_name_escapes_from_its_place(name in prop::collection::vec(any::<u8>(), 0..40)) {
            let shown = Name(&name).to_string();
            prop_assert!(!shown.contains(['<', '>', '"', '\'']));
            prop_assert!(!shown.chars().any(char::is_control) || name.contains(&0xc2));
        }

        #[test]
        fn any_time_and_size_is_written(seconds: u64, size: u64) {
            let time = UNIX_EPOCH.checked_add(Duration::from_secs(seconds)).and_then(Time::new);
            prop_assert!(time.is_none_or(|time| time.to_string().len() == 20));
            prop_assert!(Size(size).to_string().len() <= 10);
        }
    }
}
