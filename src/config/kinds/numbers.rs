//! Counts, times and sizes.

use std::marker::PhantomData;
use std::ops::RangeInclusive;
use std::time::Duration;

use serde_json::{Value, json};

use super::{About, Kind, Mismatch, Raw};

/// A whole number in a range.
pub(in crate::config) fn whole<T>(range: RangeInclusive<u64>) -> Whole<T> {
    Whole { range, scale: 1, unit: "", name: "NUMBER", number: PhantomData }
}

/// A number of bytes.
pub(in crate::config) fn bytes<T>(range: RangeInclusive<u64>) -> Whole<T> {
    Whole { unit: " of bytes", name: "BYTES", ..whole(range) }
}

/// A number of KiB, read into bytes.
pub(in crate::config) fn kib<T>(range: RangeInclusive<u64>) -> Whole<T> {
    Whole { scale: 1 << 10, unit: " of KiB", name: "KIB", ..whole(range) }
}

/// A number of MiB, read into bytes.
pub(in crate::config) fn mib<T>(range: RangeInclusive<u64>) -> Whole<T> {
    Whole { scale: 1 << 20, unit: " of MiB", name: "MIB", ..whole(range) }
}

/// See [`whole`]: `range` counts units of `scale`, the value is in ones.
pub(in crate::config) struct Whole<T> {
    range: RangeInclusive<u64>,
    scale: u64,
    unit: &'static str,
    name: &'static str,
    number: PhantomData<T>,
}

impl<T: Copy + TryFrom<u64> + TryInto<u64>> Kind for Whole<T> {
    type Value = T;

    fn read(&self, raw: Raw<'_>) -> Result<T, Mismatch> {
        raw.number()
            .and_then(|digits| digits.parse().ok())
            .filter(|number| self.range.contains(number))
            .and_then(|number: u64| T::try_from(number.checked_mul(self.scale)?).ok())
            .ok_or_else(|| raw.wrong())
    }

    fn show(&self, value: &T) -> Value {
        let ones: Option<u64> = (*value).try_into().ok();
        ones.map_or(Value::Null, |ones| (ones / self.scale).into())
    }

    fn about(&self) -> About {
        let (least, most) = (self.range.start(), self.range.end());
        let takes = if *most == u64::MAX {
            format!("a whole number{} from {least}", self.unit)
        } else {
            format!("a whole number{} from {least} to {most}", self.unit)
        };
        let schema = json!({"type": "integer", "minimum": least, "maximum": most});
        About::new(takes, schema, self.name)
    }
}

/// A time in seconds, fractions allowed, to the nanosecond.
pub(in crate::config) fn seconds(range: RangeInclusive<f64>) -> Seconds {
    Seconds(range)
}

/// See [`seconds`].
pub(in crate::config) struct Seconds(RangeInclusive<f64>);

impl Kind for Seconds {
    type Value = Duration;

    fn read(&self, raw: Raw<'_>) -> Result<Duration, Mismatch> {
        raw.number()
            .and_then(|digits| digits.parse().ok())
            .filter(|seconds| self.0.contains(seconds))
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
            .ok_or_else(|| raw.wrong())
    }

    fn show(&self, value: &Duration) -> Value {
        if value.subsec_nanos() == 0 { value.as_secs().into() } else { value.as_secs_f64().into() }
    }

    fn about(&self) -> About {
        let (least, most) = (self.0.start(), self.0.end());
        About::new(
            format!("a number of seconds from {least} to {most}"),
            json!({"type": "number", "minimum": least, "maximum": most}),
            "SECONDS",
        )
    }
}

/// A time in whole seconds, as a header field says it.
pub(in crate::config) fn whole_seconds(range: RangeInclusive<u64>) -> WholeSeconds {
    WholeSeconds(Whole { unit: " of seconds", name: "SECONDS", ..whole(range) })
}

/// See [`whole_seconds`].
pub(in crate::config) struct WholeSeconds(Whole<u64>);

impl Kind for WholeSeconds {
    type Value = Duration;

    fn read(&self, raw: Raw<'_>) -> Result<Duration, Mismatch> {
        self.0.read(raw).map(Duration::from_secs)
    }

    fn show(&self, value: &Duration) -> Value {
        value.as_secs().into()
    }

    fn about(&self) -> About {
        self.0.about()
    }
}
