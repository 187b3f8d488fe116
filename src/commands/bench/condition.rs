//! What must not be: `p99>50ms`.

use super::error::BenchError;
use super::figure::{FIGURES, Figure, Unit, find};
use super::report::Report;

/// Something that must not be.
#[derive(Clone, Debug)]
pub(super) struct Condition {
    figure: &'static Figure,
    comparison: Comparison,
    bound: Bound,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    More,
    AtLeast,
    Less,
    AtMost,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Bound {
    Value(f64),
    /// Of what it was in the baseline.
    OfBaseline(f64),
}

/// Reads all that were typed.
pub(super) fn all(
    given: &[String],
    baseline: Option<&Report>,
) -> Result<Vec<Condition>, BenchError> {
    let read = |text: &String| {
        read(text, baseline).map_err(|reason| BenchError::Condition {
            given: text.escape_debug().to_string(),
            reason,
        })
    };
    given.iter().map(read).collect()
}

fn read(text: &str, baseline: Option<&Report>) -> Result<Condition, String> {
    let example = "it looks like 'p99>50ms'";
    let at = text.find(['<', '>']).ok_or_else(|| format!("there is no > or < in it; {example}"))?;
    let (name, rest) = text.split_at(at);
    let name = name.trim();
    let figure = find(name).ok_or_else(|| {
        let names: Vec<_> = FIGURES.iter().map(|figure| figure.name).collect();
        format!("there is no figure '{name}'; there are {}", names.join(" "))
    })?;
    let operators = [
        (">=", Comparison::AtLeast),
        ("<=", Comparison::AtMost),
        (">", Comparison::More),
        ("<", Comparison::Less),
    ];
    let operator = operators.iter().find_map(|(sign, comparison)| {
        rest.strip_prefix(sign).map(|value| (*comparison, value.trim()))
    });
    let (comparison, value) = operator.ok_or_else(|| example.to_owned())?;
    let bound = bound(figure.unit, value)?;
    if matches!(bound, Bound::OfBaseline(_)) {
        let Some(baseline) = baseline else {
            return Err("a percentage of what it was needs --baseline".to_owned());
        };
        if (figure.of)(baseline).is_none() {
            return Err(format!("the baseline has no {name}: nothing was answered then"));
        }
    }
    Ok(Condition { figure, comparison, bound })
}

fn bound(unit: Unit, text: &str) -> Result<Bound, String> {
    let number_at = text.find(|c: char| c != '.' && !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, suffix) = text.split_at(number_at);
    let takes = || match unit {
        Unit::Time => format!("'{text}' is no time; it looks like 50ms, 200us or 1.5s"),
        Unit::Part => format!("'{text}' is no percentage; it looks like 1%"),
        Unit::Number | Unit::Bytes => format!("'{text}' is no number"),
    };
    let number: f64 = number.parse().map_err(|_| takes())?;
    Ok(match (unit, suffix.trim()) {
        (Unit::Part, "%") => Bound::Value(number / 100.0),
        (_, "%") => Bound::OfBaseline(number / 100.0),
        (Unit::Time, "ns") => Bound::Value(number / 1e9),
        (Unit::Time, "us") => Bound::Value(number / 1e6),
        (Unit::Time, "ms") => Bound::Value(number / 1e3),
        (Unit::Time, "s") | (Unit::Number | Unit::Bytes, "") => Bound::Value(number),
        _ => return Err(takes()),
    })
}

impl Condition {
    /// If it holds: what is so, and should not be.
    pub(super) fn holds(&self, report: &Report) -> Option<String> {
        let value = (self.figure.of)(report)?;
        let bound = match self.bound {
            Bound::Value(bound) => bound,
            Bound::OfBaseline(part) => {
                let baseline = report.baseline.as_ref()?;
                baseline.before(self.figure.name)? * part
            }
        };
        let (holds, sign) = match self.comparison {
            Comparison::More => (value > bound, ">"),
            Comparison::AtLeast => (value >= bound, ">="),
            Comparison::Less => (value < bound, "<"),
            Comparison::AtMost => (value <= bound, "<="),
        };
        let Figure { name, unit, .. } = self.figure;
        holds.then(|| {
            format!("{name} is {}, which is {sign} {}", unit.show(value), unit.show(bound))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::baseline;
    use super::super::report::sample;
    use super::*;

    fn holds(text: &str, report: &Report) -> Option<String> {
        read(text, Some(report)).unwrap().holds(report)
    }

    #[test]
    fn figures_are_compared_in_their_units() {
        let report = sample();
        for (text, expected) in [
            ("p99>4ms", true),
            ("p99 > 5ms", false),
            ("p99>=5ms", true),
            ("p99.9<12.4ms", true),
            ("p50<=1000us", true),
            ("max>0.2s", false),
            ("rps<40001", true),
            ("rps<40000", false),
            ("errors>0", false),
            ("error-rate>=0%", true),
            ("non-2xx>24.9%", true),
            ("bytes<1000", false),
        ] {
            assert_eq!(holds(text, &report).is_some(), expected, "{text}");
        }
        assert_eq!(holds("p99>4ms", &report).unwrap(), "p99 is 5.00 ms, which is > 4.00 ms");
        let nothing = Report { latency_seconds: None, ..report };
        assert_eq!(holds("p99>=0ms", &nothing), None);
    }

    #[test]
    fn a_percentage_is_of_what_it_was() {
        let mut report = sample();
        let before = Report { requests_per_second: 50_000.0, ..report.clone() };
        report.baseline = Some(baseline::Comparison::of(&report, &before));
        assert!(holds("rps<81%", &report).is_some() && holds("rps<79%", &report).is_none());
        assert!(holds("p99>99%", &report).is_some() && holds("p99>100%", &report).is_none());
        assert!(read("p99>110%", None).unwrap_err().contains("--baseline"));
        let nothing = Report { latency_seconds: None, ..report };
        assert!(read("p99>110%", Some(&nothing)).unwrap_err().contains("has no p99"));
    }

    #[test]
    fn what_is_no_condition_is_told() {
        for (text, reason) in [
            ("", "there is no > or <"),
            ("p99=5ms", "there is no > or <"),
            ("p98>5ms", "there is no figure 'p98'; there are rps bytes min"),
            ("p99>5", "'5' is no time"),
            ("p99>5m", "'5m' is no time"),
            ("p99>", "'' is no time"),
            ("p99>>5ms", "'>5ms' is no time"),
            ("rps<1k", "'1k' is no number"),
            ("error-rate>0.01", "'0.01' is no percentage"),
            ("p99>-5ms", "'-5ms' is no time"),
        ] {
            let error = read(text, Some(&sample())).unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
