//! The configuration file.

use std::io;
use std::path::Path;

use jsonc_parser::ast::{ObjectProp, Value};
use jsonc_parser::common::Ranged;

use super::error::{ConfigError, Fault};
use super::full_path::full;
use super::jsonc;
use super::key;
use super::kinds::Raw;
use super::sources::{Loaded, Origin};
use crate::opening;

/// Bytes of a configuration file that are read at most.
const LARGEST: u64 = 1 << 20;

/// The key that tells editors which JSON Schema the file follows.
const SCHEMA: &str = "$schema";

/// Reads the file that `named_by` names.
pub(super) fn read(path: &Path, named_by: Origin) -> Result<Vec<u8>, ConfigError> {
    let fault = match opening::read(path, LARGEST) {
        Ok(content) if content.len() as u64 <= LARGEST => return Ok(content),
        Ok(_) => Fault::TooLarge { most: LARGEST },
        Err(source) => Fault::Unreadable { path: full(path), source },
    };
    Err(ConfigError { origin: named_by, fault })
}

/// Takes over what the content of a file says.
pub(super) fn apply(loaded: &mut Loaded, path: &Path, content: &[u8]) -> Result<(), ConfigError> {
    let source = Source::new(path, content)?;
    let value = jsonc::parse(source.text)
        .map_err(|error| source.fault(error.at, Fault::Syntax { what: error.what }))?;
    let Value::Object(object) = value else {
        return Err(source.fault(value.range().start, Fault::NoObject));
    };
    for property in &object.properties {
        if property.name.as_str() != SCHEMA {
            source.apply(loaded, property)?;
        }
    }
    Ok(())
}

/// A file and its text.
struct Source<'a> {
    path: &'a Path,
    text: &'a str,
    /// Where its relative paths start from.
    folder: &'a Path,
}

impl<'a> Source<'a> {
    fn new(path: &'a Path, content: &'a [u8]) -> Result<Self, ConfigError> {
        let folder = path.parent().unwrap_or(Path::new(""));
        let source = |text: &'a str| Self {
            path,
            text: text.strip_prefix('\u{feff}').unwrap_or(text),
            folder,
        };
        std::str::from_utf8(content).map(source).map_err(|error| {
            let valid = content.get(..error.valid_up_to()).unwrap_or_default();
            let valid = source(std::str::from_utf8(valid).unwrap_or_default());
            let error = io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8 from here on");
            valid
                .fault(valid.text.len(), Fault::Unreadable { path: path.to_owned(), source: error })
        })
    }

    fn apply(&self, loaded: &mut Loaded, property: &ObjectProp<'_>) -> Result<(), ConfigError> {
        let name = property.name.as_str();
        let place = property.range().start;
        let Some(key) = key::find(name) else {
            let nearest = key::nearest(name).map(str::to_owned);
            return Err(self.fault(place, Fault::Unknown { name: name.to_owned(), nearest }));
        };
        loaded.claim(key, self.origin(place))?;
        let value = Raw::json(&property.value, self.folder);
        loaded.set(key, value).map_err(|mismatch| {
            let at = mismatch.at.unwrap_or(place);
            ConfigError::value(self.origin(at), key, mismatch)
        })
    }

    fn origin(&self, at: usize) -> Origin {
        let (line, column) = jsonc::line_and_column(self.text, at);
        Origin::File { path: self.path.to_owned(), line, column }
    }

    fn fault(&self, at: usize, fault: Fault) -> ConfigError {
        ConfigError { origin: self.origin(at), fault }
    }
}
