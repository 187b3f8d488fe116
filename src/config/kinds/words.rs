//! Words: true and false, one of a few, log levels, passwords.

use std::marker::PhantomData;
use std::str::FromStr;

use serde_json::{Value, json};
use tracing_subscriber::filter::Targets;

use super::{About, Flag, Kind, Mismatch, Raw};
use crate::config::values::{Secret, Word};

/// True or false.
pub(in crate::config) fn switch() -> Switch {
    Switch
}

/// See [`switch`].
pub(in crate::config) struct Switch;

impl Kind for Switch {
    type Value = bool;

    fn read(&self, raw: Raw<'_>) -> Result<bool, Mismatch> {
        raw.boolean().ok_or_else(|| raw.wrong())
    }

    fn show(&self, value: &bool) -> Value {
        (*value).into()
    }

    fn about(&self) -> About {
        let schema = json!({"type": "boolean"});
        About { flag: Flag::Switch, ..About::new("true or false", schema, "") }
    }
}

/// One of the words of a type.
pub(in crate::config) fn one_of<T: Word>() -> OneOf<T> {
    OneOf(PhantomData)
}

/// See [`one_of`].
pub(in crate::config) struct OneOf<T>(PhantomData<T>);

impl<T: Word> Kind for OneOf<T> {
    type Value = T;

    fn read(&self, raw: Raw<'_>) -> Result<T, Mismatch> {
        raw.word()
            .and_then(|given| T::WORDS.iter().find(|(word, _)| *word == given))
            .map(|(_, value)| *value)
            .ok_or_else(|| raw.wrong())
    }

    fn show(&self, value: &T) -> Value {
        value.word().into()
    }

    fn about(&self) -> About {
        let words = T::WORDS.iter().map(|(word, _)| *word);
        let takes = words.clone().collect::<Vec<_>>().join(", ");
        // `true` and 1.2 may also stand there without quotes.
        let bare = words.clone().filter_map(|word| serde_json::from_str(word).ok());
        let all: Vec<Value> = words.clone().map(Value::from).chain(bare).collect();
        About::new(format!("one of {takes}"), json!({"enum": all}), "WORD")
    }
}

/// What is logged: a level or a filter of `tracing`.
pub(in crate::config) fn log_filter() -> LogFilter {
    LogFilter
}

/// See [`log_filter`].
pub(in crate::config) struct LogFilter;

impl Kind for LogFilter {
    type Value = String;

    fn read(&self, raw: Raw<'_>) -> Result<String, Mismatch> {
        let filter = raw.string().ok_or_else(|| raw.wrong())?;
        let directives: Vec<_> = filter.split(',').map(|part| directive(part.trim())).collect();
        for directive in &directives {
            if let Some(target) = bare_target(directive) {
                let why =
                    format!("{target:?} is no level; for a part of the program write target=level");
                return Err(raw.refused(why));
            }
            // Not understood, they would be taken for a part of the name.
            if directive.contains(['[', '{']) {
                let why = "spans and fields cannot be chosen, parts of the program can";
                return Err(raw.refused(why.to_owned()));
            }
            if Targets::from_str(directive).is_err() {
                return Err(raw.refused(format!("{directive:?} is no level and no target=level")));
            }
        }
        Ok(directives.join(","))
    }

    fn show(&self, value: &String) -> Value {
        value.as_str().into()
    }

    fn about(&self) -> About {
        let takes =
            "ERROR, WARNING, INFO, DEBUG, TRACE, or a filter such as INFO,salver::server=DEBUG";
        About::new(takes, json!({"type": "string", "minLength": 1}), "LEVEL")
    }
}

/// A part of a filter as `tracing` writes it, to which WARNING is unknown.
fn directive(part: &str) -> String {
    let (target, level) =
        part.rsplit_once('=').map_or(("", part), |(target, level)| (target, level));
    if !level.eq_ignore_ascii_case("warning") {
        part.to_owned()
    } else if target.is_empty() {
        "WARN".to_owned()
    } else {
        format!("{target}=WARN")
    }
}

/// The part, if `tracing` would take it for a target of which everything is logged: usually a
/// level that is misspelt.
fn bare_target(part: &str) -> Option<&str> {
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    let is_level = LEVELS.iter().any(|level| part.eq_ignore_ascii_case(level));
    let is_name = part.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | ':' | '-'));
    (is_name && !is_level).then_some(part)
}

/// A user or a group, by name or by number.
pub(in crate::config) fn account() -> Account {
    Account
}

/// See [`account`].
pub(in crate::config) struct Account;

impl Kind for Account {
    type Value = String;

    fn read(&self, raw: Raw<'_>) -> Result<String, Mismatch> {
        let is_name = |name: &&str| {
            !name.is_empty() && !name.contains(|c: char| c == ':' || c == '/' || c.is_control())
        };
        let name = raw.string().or_else(|| raw.number()).filter(is_name);
        name.map(str::to_owned).ok_or_else(|| raw.wrong())
    }

    fn show(&self, value: &String) -> Value {
        value.as_str().into()
    }

    fn about(&self) -> About {
        let schema = json!({
            "anyOf": [{"type": "string", "minLength": 1}, {"type": "integer", "minimum": 0}],
        });
        About::new("a name or a number", schema, "NAME")
    }
}

/// A text that is never shown.
pub(in crate::config) fn password() -> Password {
    Password
}

/// See [`password`].
pub(in crate::config) struct Password;

impl Kind for Password {
    type Value = Secret;

    fn read(&self, raw: Raw<'_>) -> Result<Secret, Mismatch> {
        // The message must not repeat what may be a password without its quotes.
        raw.string().map(Secret::new).ok_or_else(|| raw.refused("this is not a string"))
    }

    fn show(&self, _: &Secret) -> Value {
        Secret::MASK.into()
    }

    fn about(&self) -> About {
        About::new("a string", json!({"type": "string"}), "PASSWORD")
    }
}
