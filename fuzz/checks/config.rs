//! Invariant: any bytes as configuration file are a configuration, which is shown as JSON that is
//! read as the same, or an error of one line that names a place inside the file.

use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};

use salver::config::{self, ConfigError, Loaded, Origin, Overrides};
use serde_json::{Map, Value};

use crate::folder::Folder;

thread_local! {
    static FOLDER: RefCell<Folder> = RefCell::new(Folder::new("config"));
}

pub(crate) fn check(data: &[u8]) {
    if may_name_hosts(data) {
        return;
    }
    FOLDER.with_borrow(|folder| {
        let file = folder.path().join("config.json");
        match load(&file, data) {
            Ok(loaded) => read_again(&file, &loaded),
            Err(error) => is_helpful(&error, &file, data),
        }
    });
}

/// Whether the file may say `host`, for which the network could be asked.
fn may_name_hosts(data: &[u8]) -> bool {
    let has = |what: &[u8]| data.windows(what.len()).any(|window| window == what);
    // Letters can be written by number.
    has(b"host") || has(b"\\u006") || has(b"\\u007")
}

fn load(file: &Path, content: &[u8]) -> Result<Loaded, ConfigError> {
    fs::write(file, content).unwrap();
    let overrides = Overrides { config_file: Some(PathBuf::from(file)), values: Vec::new() };
    config::load(&overrides, [])
}

/// What is shown of a configuration means the same.
fn read_again(file: &Path, loaded: &Loaded) {
    let shown: Map<String, Value> = loaded
        .entries()
        .filter(|(_, _, origin)| **origin != Origin::Default)
        .map(|(key, value, _)| (key.name.to_owned(), value))
        .collect();
    let again = match load(file, Value::from(shown.clone()).to_string().as_bytes()) {
        Ok(again) => again,
        Err(error) => panic!("{error}: {shown:?}"),
    };
    let values = |loaded: &Loaded| {
        loaded.entries().map(|(key, value, _)| (key.name, value)).collect::<Vec<_>>()
    };
    assert_eq!(values(loaded), values(&again));
}

fn is_helpful(error: &ConfigError, file: &Path, data: &[u8]) {
    let text = error.to_string();
    assert!(!text.contains(char::is_control), "{text:?}");
    match &error.origin {
        Origin::File { path, line, column } => {
            assert_eq!(path, file);
            let lines: Vec<_> = data.split(|&byte| byte == b'\n').collect();
            let place = lines.get(line - 1).map(|line| String::from_utf8_lossy(line));
            let Some(place) = place else { panic!("there is no line {line}: {text}") };
            // Just behind its last character, something may be missing.
            assert!(*column >= 1 && *column <= place.chars().count() + 1, "{text}");
        }
        // More than a configuration ever has, or values that exclude each other.
        origin => assert!(data.len() > 1 << 20, "{origin:?} {text}"),
    }
}
