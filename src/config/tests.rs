//! The sources together: precedence, and every key from everywhere.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::samples::{SAMPLES, companions};
use super::*;

mod errors;
mod properties;
mod values;

/// What a file of that content means.
fn file(text: &str) -> Result<Loaded, ConfigError> {
    let mut loaded = Loaded::default();
    file::apply(&mut loaded, Path::new("config.json"), text.as_bytes())?;
    combinations::check(&loaded)?;
    Ok(loaded)
}

/// What these variables mean.
fn environment(variables: &[(&str, &str)]) -> Result<Loaded, ConfigError> {
    load(&Overrides::default(), owned(variables))
}

fn owned(variables: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
    variables.iter().map(|(name, value)| (name.into(), value.into())).collect()
}

/// The text of an error; a value that is taken is shown instead.
fn said(result: Result<Loaded, ConfigError>) -> String {
    result.map_or_else(|error| error.to_string(), |loaded| format!("fine: {:?}", loaded.config))
}

fn flag(key: &'static str, value: &str) -> Override {
    Override { key, flag: format!("--{}", key.replace('_', "-")).into(), value: value.into() }
}

#[test]
fn the_samples_are_of_every_key_and_of_no_default() {
    let sampled: Vec<_> = SAMPLES.iter().map(|(key, ..)| *key).collect();
    let known: Vec<_> = KEYS.iter().map(|key| key.name).collect();
    assert_eq!(sampled, known);
    for ((name, json, _), key) in SAMPLES.iter().zip(KEYS) {
        let sample: Value = serde_json::from_str(json).unwrap();
        assert_ne!(sample, key.default_value(), "{name}");
    }
}

#[test]
fn every_default_is_taken_by_its_own_key() {
    for key in KEYS.iter().filter(|key| key.name != "ssl_password") {
        let default = key.default_value();
        let loaded = file(&format!("{{\"{}\": {default}}}", key.name)).unwrap();
        let mut expected = Config::default();
        if key.name == "document_root" {
            // A relative path in a file is made absolute.
            expected.document_root = std::path::absolute(expected.document_root).unwrap();
        }
        assert_eq!(loaded.config, expected, "{}", key.name);
    }
}

#[test]
fn every_key_goes_through_a_file_and_the_environment() {
    for ((name, json, text), key) in SAMPLES.iter().zip(KEYS) {
        let companions = companions(name);
        let mut variables = companions.to_vec();
        let variable = key.variable();
        variables.push((&variable, text));
        let mut members = vec![format!("\"{}\": {json}", name.replace('_', "-"))];
        members.extend(companions.iter().map(|(variable, value)| {
            let value = if *value == "true" { value.to_string() } else { format!("\"{value}\"") };
            format!("\"{}\": {value}", variable.trim_start_matches("SALVER_").to_lowercase())
        }));
        for result in [file(&format!("{{{}}}", members.join(","))), environment(&variables)] {
            let shown = key.show(&result.unwrap().config).to_string();
            assert_eq!(shown, *json, "{name}");
        }
    }
}

#[test]
fn the_password_is_read_but_not_shown() {
    let loaded = environment(&[("SALVER_SSL_PASSWORD", "hunter2")]).unwrap();
    assert_eq!(loaded.config.ssl_password, Some(Secret::new("hunter2")));
    assert!(!format!("{loaded:?}").contains("hunter2"));
    assert!(!said(file(r#"{"ssl_password": 1234}"#)).contains("1234"));
}

#[test]
fn a_flag_outdoes_the_environment_which_outdoes_the_file_which_outdoes_the_default() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.json");
    let content =
        r#"{"port": 1, "max_threads": 1, "server_name": "file", "index_files": ["file"]}"#;
    fs::write(&path, content).unwrap();
    let variables =
        [("SALVER_PORT", "2"), ("SALVER_SERVER_NAME", "environment"), ("SALVER_INDEX_FILES", "e")];
    let flags = vec![flag("port", "3"), flag("index_files", "f")];
    let everything = Overrides { config_file: Some(path.clone()), values: flags };
    let loaded = load(&everything, owned(&variables)).unwrap();

    let at = format!("file {}:1:13", path.display());
    for (key, value, from) in [
        ("port", "3", "flag --port"),
        ("index_files", r#"["f"]"#, "flag --index-files"),
        ("server_name", r#""environment""#, "environment SALVER_SERVER_NAME"),
        ("max_threads", "1", at.as_str()),
        ("keep_alive_timeout", "60", "default"),
    ] {
        let shown = find(key).unwrap().show(&loaded.config).to_string();
        let origin = loaded.origin(key).to_string();
        assert_eq!((shown.as_str(), origin.as_str()), (value, from), "{key}");
    }
    assert_eq!(loaded.file, Some(path));
}

#[test]
fn the_environment_may_name_the_file_and_a_flag_outdoes_it() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (folder.path().join("1.json"), folder.path().join("2.json"));
    fs::write(&one, "{\"port\": 1}").unwrap();
    fs::write(&two, "{\"port\": 2}").unwrap();
    let named = [(OsString::from("SALVER_CONFIG"), one.into_os_string())];
    assert_eq!(load(&Overrides::default(), named.clone()).unwrap().config.port, 1);
    let flag = Overrides { config_file: Some(two), values: Vec::new() };
    assert_eq!(load(&flag, named).unwrap().config.port, 2);
    assert_eq!(environment(&[("SALVER_CONFIG", "")]).unwrap().config, Config::default());
}

#[test]
fn paths_in_a_file_start_from_its_folder_and_others_from_the_current_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.json");
    fs::write(&path, r#"{"document_root": "site", "log_file": "/var/log/x", "access_log": "a"}"#)
        .unwrap();
    let overrides = Overrides { config_file: Some(path), values: Vec::new() };
    let config = load(&overrides, owned(&[("SALVER_UPLOAD_DIR", "up")])).unwrap().config;
    assert_eq!(config.document_root, folder.path().join("site"));
    assert_eq!(config.log_file, Some(PathBuf::from("/var/log/x")));
    assert_eq!(config.access_log, AccessLog::File(folder.path().join("a")));
    assert_eq!(config.upload_dir, Some(PathBuf::from("up")));
    let here = std::env::current_dir().unwrap();
    assert_eq!(file(r#"{"directory": "s"}"#).unwrap().config.document_root, here.join("s"));
    // Whoever reads the log does not know where the server was started.
    let overrides = Overrides { config_file: Some("no/such.json".into()), values: Vec::new() };
    let error = load(&overrides, []).unwrap_err().to_string();
    assert!(error.contains(here.join("no/such.json").to_str().unwrap()), "{error}");
}

#[test]
fn variables_that_are_not_ours_are_left_alone() {
    let loaded = environment(&[("PORT", "x"), ("salver_port", "x"), ("SALVER_COMMIT", "abc")]);
    assert_eq!(loaded.unwrap().config, Config::default());
}

#[test]
fn a_byte_order_mark_and_a_schema_are_fine() {
    let loaded = file("\u{feff}{\"$schema\": \"./config.schema.json\", \"port\": 1,}").unwrap();
    assert_eq!(loaded.config.port, 1);
    assert_eq!(loaded.origin("port").to_string(), "file config.json:1:37");
}

#[test]
fn the_example_of_the_repository_is_fine() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config.json");
    let overrides = Overrides { config_file: Some(path), values: Vec::new() };
    let config = load(&overrides, []).unwrap().config;
    assert_eq!(config.host, ["0.0.0.0".parse::<std::net::IpAddr>().unwrap()]);
    assert_eq!(config.document_root, Path::new(env!("CARGO_MANIFEST_DIR")).join("htdocs"));
}
