//! Kinds of values: what a key takes, how it is read from a file or a text, how it is shown.
//!
//! The functions here are the words of the third column of the table in `keys.rs`; they combine:
//! `list(network())`, `or_null(path())`, `at_start(switch())`.

mod certificates;
mod combine;
mod files;
mod header_rules;
mod headers;
mod network;
mod numbers;
mod objects;
mod raw;
mod words;

pub(super) use certificates::certificates;
pub(super) use combine::{at_start, list, one_or_more, or_null};
pub(super) use files::{access_log, file_name, path};
pub(super) use header_rules::header_rules;
pub(super) use headers::{cors_origin, header_name, header_overrides, method, product};
pub(super) use network::{addresses, network};
pub(super) use numbers::{bytes, kib, mib, seconds, whole, whole_seconds};
pub(super) use raw::{Mismatch, Raw, Reason};
use serde_json::Value;
pub(super) use words::{account, log_filter, one_of, password, switch};

/// How a kind of value is read, shown and described.
pub(super) trait Kind {
    /// The type it is read into.
    type Value;

    /// Reads a value.
    fn read(&self, raw: Raw<'_>) -> Result<Self::Value, Mismatch>;

    /// The value as the file would say it.
    fn show(&self, value: &Self::Value) -> Value;

    /// What it takes.
    fn about(&self) -> About;
}

/// What a kind of value is like.
#[derive(Clone, Debug)]
pub struct About {
    /// What a value may be, to be read after "takes".
    pub takes: String,
    /// The JSON Schema of a value.
    pub schema: Value,
    /// How it is written as a flag.
    pub flag: Flag,
    /// Whether it counts at the start only.
    pub is_at_start: bool,
}

impl About {
    /// A value that is written after its flag, where the help calls it `name`.
    fn new(takes: impl Into<String>, schema: Value, name: &'static str) -> Self {
        Self { takes: takes.into(), schema, flag: Flag::Value(name), is_at_start: false }
    }
}

/// How a value is written as a flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flag {
    /// `--port 80`; what the help calls the value.
    Value(&'static str),
    /// `--enable-cache` means true, `--enable-cache=false` false.
    Switch,
    /// `--host a,b` or `--host a --host b`; what the help calls one value.
    List(&'static str),
}

/// What a kind is like, its type parameters found from the type of the field.
pub(super) fn about<T, K: Kind<Value = T>>(kind: &K) -> About {
    kind.about()
}
