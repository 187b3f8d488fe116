//! The configuration: one table of keys, four sources, one typed [`Config`].
//!
//! | module | what it knows |
//! | --- | --- |
//! | `keys` | the table: each key with its type, default, kind and help, named once. [`Config`] is made of it |
//! | `key` | what a key is: its names as a flag and a variable, finding one, the nearest one |
//! | `kinds` | what a value may be: read from JSON or a text, shown as JSON, described for people and editors |
//! | `values` | types that the standard library has no name for |
//! | `sources` | default < file < environment < flag, and where each value comes from |
//! | `file`, `jsonc` | the file: JSON with comments and trailing commas, by line and column |
//! | `combinations` | values that are impossible together |
//! | `schema` | the JSON Schema of the file |
//! | `error` | what is wrong, where, and what to do |
//!
//! Nothing is clamped or ignored: what cannot be taken as it stands is an error. A key whose
//! feature this version does not have takes only the value that does not ask for it.

mod combinations;
mod error;
mod file;
mod full_path;
mod jsonc;
mod key;
mod keys;
mod kinds;
mod schema;
mod sources;
mod values;

#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
mod tests;

pub use error::{ConfigError, Fault};
pub use key::{Key, find};
pub use keys::{Config, KEYS};
pub use kinds::{About, Flag};
pub use schema::schema;
pub use sources::{Loaded, Origin, Override, Overrides, load};
pub use values::{
    AccessLog, AccessLogFormat, Certificate, ClientAuth, ColoredLogging, CorsOrigin,
    FollowSymlinks, HeaderRule, LogFormat, Rotation, Sandbox, Secret, TlsVersion, UploadConflict,
    Word,
};
