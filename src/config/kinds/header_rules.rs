//! Rules for the header fields of some paths: `[{"match": "/assets/**", "set": {…}}]`.

use globset::{Glob, GlobBuilder, GlobSet};
use jsonc_parser::common::Ranged;
use serde_json::{Value, json};

use super::headers::header_overrides;
use super::{About, Kind, Mismatch, Raw, Reason};
use crate::config::jsonc;
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
        if raw.is_text() {
            return read_text(raw);
        }
        raw.elements().ok_or_else(|| raw.wrong())?.into_iter().map(rule).collect()
    }

    fn show(&self, rules: &Vec<HeaderRule>) -> Value {
        let show = |rule: &HeaderRule| json!({"match": rule.paths.glob(), "set": header_overrides().show(&rule.set)});
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

fn read_text(raw: Raw<'_>) -> Result<Vec<HeaderRule>, Mismatch> {
    let text = raw.string().ok_or_else(|| raw.wrong())?;
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let value = jsonc::parse(text).map_err(|_| raw.wrong())?;
    // Where in the text it is wrong would be taken for a place in a file.
    header_rules()
        .read(Raw::json(&value, raw.base()))
        .map_err(|mismatch| Mismatch { at: None, ..mismatch })
}

fn rule(raw: Raw<'_>) -> Result<HeaderRule, Mismatch> {
    let object = raw.object().ok_or_else(|| raw.wrong())?;
    let (mut paths, mut set) = (None, None);
    for property in &object.properties {
        let value = Raw::json(&property.value, raw.base());
        let is_new = match property.name.as_str() {
            "match" => paths.replace(pattern(value)?).is_none(),
            "set" => set.replace(header_overrides().read(value)?).is_none(),
            other => {
                let why = format!("a rule has \"match\" and \"set\", no {other:?}");
                return Err(refused(property.range().start, why));
            }
        };
        if !is_new {
            let why = format!("{:?} is there twice", property.name.as_str());
            return Err(refused(property.range().start, why));
        }
    }
    match (paths, set) {
        (Some(paths), Some(set)) => Ok(HeaderRule { paths, set }),
        (None, _) => Err(raw.refused("a rule without \"match\" says nothing of its paths")),
        (_, None) => Err(raw.refused("a rule without \"set\" sets nothing")),
    }
}

/// `*` and `?` stay within a segment, `**` crosses them.
fn pattern(raw: Raw<'_>) -> Result<Glob, Mismatch> {
    let pattern = raw.string().ok_or_else(|| raw.wrong())?;
    if !pattern.starts_with('/') {
        let why = format!("the pattern {pattern:?} matches no path: all begin with \"/\"");
        return Err(raw.refused(why));
    }
    GlobBuilder::new(pattern)
        .literal_separator(true)
        .backslash_escape(true)
        .build()
        .and_then(|glob| GlobSet::new([glob.clone()]).map(|_| glob))
        .map_err(|error| raw.refused(format!("the pattern {pattern:?} is wrong: {}", error.kind())))
}

fn refused(at: usize, why: String) -> Mismatch {
    Mismatch { at: Some(at), reason: Reason::Refused(why) }
}
