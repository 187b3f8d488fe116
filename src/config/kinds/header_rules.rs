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
    fast_glob::validate(pattern)
        .map(|()| pattern.to_owned())
        .map_err(|error| raw.refused(format!("the pattern {pattern:?} is wrong: {error}")))
}
