//! A value as it was given, before it is known to be right.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use jsonc_parser::ast::{Object, Value};
use jsonc_parser::common::Ranged;

use crate::config::full_path::full;

/// A value as it was given: JSON in a file, or a text on the command line or in the environment.
#[derive(Clone, Copy)]
pub(in crate::config) struct Raw<'a> {
    given: Given<'a>,
    /// The folder that relative paths start from; empty for the current one.
    base: &'a Path,
}

#[derive(Clone, Copy)]
enum Given<'a> {
    Json(&'a Value<'a>),
    Text(&'a OsStr),
}

impl<'a> Raw<'a> {
    /// A value in a file; its relative paths start from `base`.
    pub(in crate::config) fn json(value: &'a Value<'a>, base: &'a Path) -> Self {
        Self { given: Given::Json(value), base }
    }

    /// A value of a flag or an environment variable.
    pub(in crate::config) fn text(text: &'a OsStr) -> Self {
        Self { given: Given::Text(text), base: Path::new("") }
    }

    pub(super) fn base(self) -> &'a Path {
        self.base
    }

    /// A path that starts from where it was given.
    pub(super) fn path(self, path: &OsStr) -> PathBuf {
        match self.given {
            Given::Json(_) => full(&self.base.join(path)),
            Given::Text(_) => self.base.join(path),
        }
    }

    /// Whether it stands for nothing: `null`, or an empty text.
    pub(super) fn is_nothing(self) -> bool {
        match self.given {
            Given::Json(value) => matches!(value, Value::NullKeyword(_)),
            Given::Text(text) => text.is_empty(),
        }
    }

    pub(super) fn boolean(self) -> Option<bool> {
        match self.given {
            Given::Json(Value::BooleanLit(literal)) => Some(literal.value),
            Given::Json(_) => None,
            Given::Text(text) => text.to_str()?.parse().ok(),
        }
    }

    /// A number, not yet read.
    pub(super) fn number(self) -> Option<&'a str> {
        match self.given {
            Given::Json(Value::NumberLit(literal)) => Some(literal.value),
            Given::Json(_) => None,
            Given::Text(text) => text.to_str(),
        }
    }

    pub(super) fn string(self) -> Option<&'a str> {
        match self.given {
            Given::Json(Value::StringLit(literal)) => Some(&literal.value),
            Given::Json(_) => None,
            Given::Text(text) => text.to_str(),
        }
    }

    /// A string that need not be UTF-8.
    pub(super) fn os_string(self) -> Option<&'a OsStr> {
        match self.given {
            Given::Json(_) => self.string().map(OsStr::new),
            Given::Text(text) => Some(text),
        }
    }

    /// A string, a number or a boolean as it was written: `true` and `"true"` are the same word.
    pub(super) fn word(self) -> Option<&'a str> {
        match self.given {
            Given::Json(Value::BooleanLit(literal)) => {
                Some(if literal.value { "true" } else { "false" })
            }
            Given::Json(_) => self.number().or_else(|| self.string()),
            Given::Text(text) => text.to_str(),
        }
    }

    /// The elements of an array, or of a text with commas.
    pub(super) fn elements(self) -> Option<Vec<Self>> {
        match self.given {
            Given::Json(Value::Array(array)) => {
                Some(array.elements.iter().map(|value| Self::json(value, self.base)).collect())
            }
            Given::Json(_) => None,
            Given::Text(text) if text.is_empty() => Some(Vec::new()),
            Given::Text(text) => {
                let parts = text.to_str()?.split(',');
                Some(parts.map(|part| Self::text(OsStr::new(part.trim()))).collect())
            }
        }
    }

    /// The elements of an array, or the value alone.
    pub(super) fn elements_or_self(self) -> Vec<Self> {
        self.elements().unwrap_or_else(|| vec![self])
    }

    pub(super) fn object(self) -> Option<&'a Object<'a>> {
        match self.given {
            Given::Json(Value::Object(object)) => Some(object),
            _ => None,
        }
    }

    /// Whether it is a text, in which JSON would have to be read first.
    pub(super) fn is_text(self) -> bool {
        matches!(self.given, Given::Text(_))
    }

    /// This is not what is taken here.
    pub(super) fn wrong(self) -> Mismatch {
        Mismatch { at: self.offset(), reason: Reason::Wrong(self.describe()) }
    }

    /// This cannot be taken, for a reason that `takes` does not say.
    pub(super) fn refused(self, why: impl Into<String>) -> Mismatch {
        Mismatch { at: self.offset(), reason: Reason::Refused(why.into()) }
    }

    fn offset(self) -> Option<usize> {
        match self.given {
            Given::Json(value) => Some(value.range().start),
            Given::Text(_) => None,
        }
    }

    /// The value in a few words, for a message of one line.
    fn describe(self) -> String {
        let quoted = |text: Cow<'_, str>| match text.char_indices().nth(LONGEST_QUOTE) {
            Some((end, _)) => format!("{:?}...", &text[..end]),
            None => format!("{text:?}"),
        };
        match self.given {
            Given::Json(Value::StringLit(literal)) => quoted(Cow::Borrowed(&literal.value)),
            Given::Json(Value::NumberLit(literal)) => {
                literal.value.chars().take(LONGEST_QUOTE).collect()
            }
            Given::Json(Value::BooleanLit(literal)) => literal.value.to_string(),
            Given::Json(Value::NullKeyword(_)) => "null".to_owned(),
            Given::Json(Value::Array(_)) => "a list".to_owned(),
            Given::Json(Value::Object(_)) => "an object".to_owned(),
            Given::Text(text) => quoted(text.to_string_lossy()),
        }
    }
}

/// Characters of a wrong value that a message repeats.
const LONGEST_QUOTE: usize = 60;

/// Why a value is not taken.
#[derive(Debug)]
pub(in crate::config) struct Mismatch {
    /// Where the fault is, in bytes from the start of the file.
    pub(in crate::config) at: Option<usize>,
    pub(in crate::config) reason: Reason,
}

#[derive(Debug)]
pub(in crate::config) enum Reason {
    /// It is not what is taken: the value in a few words.
    Wrong(String),
    /// It looks right and is not: why.
    Refused(String),
}
