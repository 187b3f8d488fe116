//! Where values come from: default < file < environment < flag.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::mem;
use std::path::PathBuf;

use serde_json::Value;

use super::error::{ConfigError, Fault};
use super::full_path::full;
use super::key::{self, Key};
use super::keys::{Config, KEYS};
use super::kinds::{Mismatch, Raw};
use super::{combinations, file};

/// Variables that begin like ours and are no keys: the file's name, and the commit at build time.
const CONFIG: &str = "SALVER_CONFIG";
const COMMIT: &str = "SALVER_COMMIT";

/// Where a value comes from, the weakest first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// The configuration file.
    File {
        /// The file, absolute.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The column in characters, from 1.
        column: usize,
    },
    /// A variable of the environment.
    Environment(String),
    /// A flag such as `--port`, or the argument `DIRECTORY`.
    Flag(Cow<'static, str>),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line, column } => {
                write!(f, "file {}:{line}:{column}", path.display())
            }
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::Flag(name) if name.starts_with('-') => write!(f, "flag {name}"),
            Self::Flag(name) => write!(f, "argument {name}"),
        }
    }
}

/// What the command line says, not yet read.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// The file that `--config` names.
    pub config_file: Option<PathBuf>,
    /// Values of keys, in no order.
    pub values: Vec<Override>,
}

/// One value that the command line gives.
#[derive(Clone, Debug)]
pub struct Override {
    /// The name of the key.
    pub key: &'static str,
    /// What gives it: `--port`, `DIRECTORY`.
    pub flag: Cow<'static, str>,
    /// The value as it was typed.
    pub value: OsString,
}

/// A configuration, and where each of its values comes from.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// The file that was read.
    pub file: Option<PathBuf>,
    /// Of every key that is not at its default.
    origins: BTreeMap<&'static str, Origin>,
}

impl Loaded {
    /// Where the value of a key comes from.
    pub fn origin(&self, key: &str) -> &Origin {
        self.origins.get(key).unwrap_or(&Origin::Default)
    }

    /// Every key with its value as JSON and where that comes from.
    pub fn entries(&self) -> impl Iterator<Item = (&'static Key, Value, &Origin)> {
        KEYS.iter().map(|key| (key, key.show(&self.config), self.origin(key.name)))
    }

    /// Notes that a key is set there. One place sets a key once only.
    pub(super) fn claim(&mut self, key: &'static Key, origin: Origin) -> Result<(), ConfigError> {
        let kind = mem::discriminant(&origin);
        match self.origins.insert(key.name, origin.clone()) {
            Some(first) if mem::discriminant(&first) == kind => {
                Err(ConfigError { origin, fault: Fault::Twice { key: key.name, first } })
            }
            _ => Ok(()),
        }
    }

    /// Takes over a value.
    pub(super) fn set(&mut self, key: &Key, value: Raw<'_>) -> Result<(), Mismatch> {
        (key.read)(&mut self.config, value)
    }

    fn set_text(
        &mut self,
        key: &'static Key,
        text: &OsStr,
        origin: Origin,
    ) -> Result<(), ConfigError> {
        self.claim(key, origin.clone())?;
        self.set(key, Raw::text(text)).map_err(|mismatch| ConfigError::value(origin, key, mismatch))
    }
}

/// Puts a configuration together from the defaults, the file that the overrides or the environment
/// name, the environment, and the overrides, each stronger than the one before. Values are checked
/// wherever they stand, also those that a stronger source replaces.
pub fn load(
    overrides: &Overrides,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Loaded, ConfigError> {
    let environment = ours(environment);
    let mut loaded = Loaded::default();
    if let Some((path, named_by)) = config_file(overrides, &environment) {
        let content = file::read(&path, named_by)?;
        let path = full(&path);
        file::apply(&mut loaded, &path, &content)?;
        loaded.file = Some(path);
    }
    for (name, value) in &environment {
        apply_variable(&mut loaded, name, value)?;
    }
    for given in &overrides.values {
        let origin = Origin::Flag(given.flag.clone());
        let key = key::find(given.key).ok_or_else(|| unknown(origin.clone(), given.key, None))?;
        loaded.set_text(key, &given.value, origin)?;
    }
    combinations::check(&loaded)?;
    Ok(loaded)
}

/// The variables that begin like ours, by name: errors must not depend on their order.
fn ours(environment: impl IntoIterator<Item = (OsString, OsString)>) -> BTreeMap<String, OsString> {
    environment
        .into_iter()
        .map(|(name, value)| (name.to_string_lossy().into_owned(), value))
        .filter(|(name, _)| name.starts_with(key::PREFIX))
        .collect()
}

/// The file to read, and what names it.
fn config_file(
    overrides: &Overrides,
    environment: &BTreeMap<String, OsString>,
) -> Option<(PathBuf, Origin)> {
    if let Some(path) = &overrides.config_file {
        return Some((path.clone(), Origin::Flag("--config".into())));
    }
    let path = environment.get(CONFIG).filter(|path| !path.is_empty())?;
    Some((path.into(), Origin::Environment(CONFIG.to_owned())))
}

fn apply_variable(loaded: &mut Loaded, name: &str, value: &OsStr) -> Result<(), ConfigError> {
    if matches!(name, CONFIG | COMMIT) {
        return Ok(());
    }
    let origin = Origin::Environment(name.to_owned());
    let wanted = name.strip_prefix(key::PREFIX).unwrap_or(name);
    // Only capitals: two spellings of one variable could differ.
    match key::find(&wanted.to_lowercase()).filter(|_| is_plain(wanted)) {
        Some(key) => loaded.set_text(key, value, origin),
        None => Err(unknown(origin, name, key::nearest(wanted).map(key::variable))),
    }
}

fn is_plain(name: &str) -> bool {
    name.bytes().all(|byte| matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b'_'))
}

fn unknown(origin: Origin, name: &str, nearest: Option<String>) -> ConfigError {
    ConfigError { origin, fault: Fault::Unknown { name: name.to_owned(), nearest } }
}
