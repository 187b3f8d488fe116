//! Words that shells complete. They are no more than that: whether a value is right is found out where it
//! is read, with where it comes from.

use std::ffi::{OsStr, OsString};

use clap::builder::{PossibleValue, TypedValueParser};
use clap::{Arg, Command as Parser, Error};
use serde_json::Value;

/// Takes any value, and suggests some.
#[derive(Clone)]
pub(super) struct Suggested(Vec<String>);

impl Suggested {
    /// The words that a schema names, if it is a list of them.
    pub(super) fn by(schema: &Value) -> Option<Self> {
        let words = schema.get("enum")?.as_array()?.iter();
        Some(Self(words.filter_map(Value::as_str).map(str::to_owned).collect()))
    }
}

impl TypedValueParser for Suggested {
    type Value = OsString;

    fn parse_ref(&self, _: &Parser, _: Option<&Arg>, value: &OsStr) -> Result<OsString, Error> {
        Ok(value.to_owned())
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(self.0.iter().map(PossibleValue::new)))
    }
}
