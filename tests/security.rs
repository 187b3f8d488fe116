//! `SECURITY.md` names tests that there are.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::PathBuf;

#[test]
fn each_test_that_it_names_is_there() {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let promises = fs::read_to_string(here.join("SECURITY.md")).unwrap();
    let named: Vec<&str> =
        promises.split('`').skip(1).step_by(2).filter(|word| word.contains("::")).collect();
    assert!(named.len() > 40);
    let mut missing = Vec::new();
    for name in named {
        let (module, test) = name.rsplit_once("::").unwrap();
        let path = here.join("tests").join(module.replace("::", "/"));
        let source = fs::read_to_string(path.with_extension("rs"))
            .or_else(|_| fs::read_to_string(path.join("main.rs")))
            .unwrap_or_default();
        // Some are in a file beside the one that is run.
        let beside = fs::read_dir(&path).into_iter().flatten().flatten();
        let beside = beside.filter_map(|entry| fs::read_to_string(entry.path()).ok());
        let is_in = |source: &String| {
            source.split_once(&format!("fn {test}(")).is_some_and(|(before, _)| {
                let last = before.rsplit_once("\n}").map_or(before, |(_, last)| last);
                last.contains("#[test]")
            })
        };
        if !beside.chain([source]).any(|source| is_in(&source)) {
            missing.push(name);
        }
    }
    assert!(missing.is_empty(), "{missing:?}");
}
