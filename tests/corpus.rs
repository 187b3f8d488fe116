//! Replays the seeds of every fuzz target: what fuzzing holds, `cargo test` holds without a fuzzer.

#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

#[path = "../fuzz/checks/chunked.rs"]
mod chunked;
#[path = "../fuzz/checks/conditions.rs"]
mod conditions;
#[path = "../fuzz/checks/config.rs"]
mod config;
#[path = "../fuzz/checks/connection.rs"]
mod connection;
#[path = "../fuzz/checks/folder.rs"]
mod folder;
#[path = "../fuzz/checks/head.rs"]
mod head;
#[path = "../fuzz/checks/http2.rs"]
mod http2;
#[path = "../fuzz/checks/path.rs"]
mod path;
#[path = "../fuzz/checks/range.rs"]
mod range;
#[path = "../fuzz/checks/served.rs"]
mod served;
#[path = "../fuzz/checks/tus.rs"]
mod tus;
#[path = "../fuzz/checks/upload.rs"]
mod upload;
#[path = "../fuzz/checks/upload_name.rs"]
mod upload_name;

/// Fails when an input does not hold.
type Check = fn(&[u8]);

/// Every target, with what it holds of any input.
const TARGETS: &[(&str, Check)] = &[
    ("chunked", chunked::check),
    ("conditions", conditions::check),
    ("config", config::check),
    ("connection", connection::check),
    ("head", head::check),
    ("http2", http2::check),
    ("path", path::check),
    ("range", range::check),
    ("tus", tus::check),
    ("upload", upload::check),
    ("upload_name", upload_name::check),
];

#[test]
fn every_seed_holds() {
    let mut failed = Vec::new();
    for (target, check) in TARGETS {
        let seeds = entries(&corpus().join(target));
        assert!(seeds.len() >= 10, "{target} has too few seeds");
        for seed in seeds {
            let input = fs::read(&seed).unwrap();
            if catch_unwind(|| check(&input)).is_err() {
                failed.push(seed);
            }
        }
    }
    assert!(failed.is_empty(), "these seeds fail: {failed:?}");
}

#[test]
fn every_corpus_has_its_target() {
    let mut found: Vec<_> = entries(&corpus())
        .iter()
        .map(|folder| folder.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    found.sort();
    let mut known: Vec<_> = TARGETS.iter().map(|(target, _)| *target).collect();
    known.sort_unstable();
    assert_eq!(found, known);
}

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus")
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    match fs::read_dir(folder) {
        Ok(entries) => entries.flatten().map(|entry| entry.path()).collect(),
        Err(error) => panic!("{} cannot be read: {error}", folder.display()),
    }
}
