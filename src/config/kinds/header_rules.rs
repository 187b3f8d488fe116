//! Rules for the header fields of some paths: `[{"match": "/assets/**", "set": {…}}]`.

use serde_json::{Value, json};

use super::headers::header_overrides;
use super::objects::{members, objects};
use super::{About, Kind, Mismatch, Raw};
use crate::config::values::HeaderRule;

/// Rules for the fields of some paths. As a text, the same JSON array.
pub(in crate::config) fn header_rules() -> HeaderRules {
    HeaderRules
}

/// See [`header_rules`].
pub(in crate::config) struct HeaderRules;

impl Kind for HeaderRules {
    type Value = Vec<HeaderRule>;

    fn read(&self, raw: Raw<'_>) -> Result<Vec<HeaderRule>, Mismatch> {
        objects(raw, rule)
    }

    fn show(&self, rules: &Vec<HeaderRule>) -> Value {
        let show = |rule: &HeaderRule| json!({"match": rule.paths, "set": header_overrides().show(&rule.set)});
        rules.iter().map(show).collect()
    }

    fn about(&self) -> About {
        let rule = json!({
            "type": "object",
            "properties": {
                "match": {"type": "string", "pattern": "^/"},
                "set": header_overrides().about().schema,
            },
            "required": ["match", "set"],
            "additionalProperties": false,
        });
        About::new(
            "a list of objects, each with \"match\", a pattern of paths, and \"set\", an object of \
             header names, each with a string, or false to leave it out",
            json!({"type": "array", "items": rule}),
            "JSON",
        )
    }
}

fn rule(raw: Raw<'_>) -> Result<HeaderRule, Mismatch> {
    let [paths, set] = members(raw, ["match", "set"], "a rule has \"match\" and \"set\"")?;
    let paths = paths.map(pattern).transpose()?;
    let set = set.map(|set| header_overrides().read(set)).transpose()?;
    match (paths, set) {
        (Some(paths), Some(set)) => Ok(HeaderRule { paths, set }),
        (None, _) => Err(raw.refused("a rule without \"match\" says nothing of its paths")),
        (_, None) => Err(raw.refused("a rule without \"set\" sets nothing")),
    }
}

/// `*` and `?` stay within a segment, `**` crosses them.
fn pattern(raw: Raw<'_>) -> Result<String, Mismatch> {
    let pattern = raw.string().ok_or_else(|| raw.wrong())?;
    if !pattern.starts_with('/') {
        let why = format!("the pattern {pattern:?} matches no path: all begin with \"/\"");
        return Err(raw.refused(why));
    }
    if ways(pattern) > MAX_WAYS {
        return Err(raw.refused(format!(
            "the pattern {pattern:?} takes too long to match: there are more than {MAX_WAYS} ways \
             through its braces, where \"*\" counts as 16; make several rules of it"
        )));
    }
    fast_glob::validate(pattern)
        .map(|()| pattern.to_owned())
        .map_err(|error| raw.refused(format!("the pattern {pattern:?} is wrong: {error}")))
}

/// Ways through the braces of a pattern that are tried, at worst, for each place of a path.
const MAX_WAYS: usize = 2048;

/// The product of the alternatives in all braces, also in those within others.
fn ways(pattern: &str) -> usize {
    const STAR: usize = 16;
    let (mut open, mut product) = (Vec::new(), 1_usize);
    let mut bytes = pattern.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => drop(bytes.next()),
            b'{' => open.push(1_usize),
            b'}' => product = product.saturating_mul(open.pop().unwrap_or(1)),
            b',' => open.iter_mut().last().into_iter().for_each(|ways| *ways += 1),
            b'*' => open.iter_mut().last().into_iter().for_each(|ways| *ways += STAR),
            _ => {}
        }
    }
    product
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_that_take_long_are_told_from_those_that_people_write() {
        for (pattern, is_quick) in [
            ("/**", true),
            ("/**/*.{js,css,mjs,png,jpg,svg,woff,woff2}", true),
            ("/{assets,static}/**/*.{js,css}", true),
            ("/{a*,b*}", true),
            ("/{a,b/{c,d}}/**", true),
            ("/\\{a,*,*,*}{b,*}", true),
            ("/{a*,b*}{c*,d*}", true),
            ("/{a,*a,aa,a*a}{a,*a,aa,a*a}{a,*a,aa,a*a}b", false),
            ("/**/{a,aa}{a,aa}{a,aa}{a,aa}{a,aa}{a,aa}{a,aa}{a,aa}{a,aa,b}{a,aa,b}{a,aa,b}", false),
        ] {
            assert_eq!(ways(pattern) <= MAX_WAYS, is_quick, "{pattern}");
        }
    }
}
