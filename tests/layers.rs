//! The arrows between the layers: a `use crate::…` that is not in this table fails.

#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::fs;
use std::path::Path;

/// Each layer and what it may know. A layer may always know itself.
const ARROWS: &[(&str, &[&str])] = &[
    ("message", &[]),
    ("content", &["message"]),
    ("http1", &["message"]),
    ("store", &["message", "content"]),
    ("opening", &[]),
    ("config", &["opening"]),
    ("log", &["content", "opening"]),
    ("stats", &["message"]),
    ("descriptors", &[]),
    ("allocator", &[]),
    ("confine", &[]),
    ("handler", &["message", "content", "opening", "stats", "store"]),
    ("policy", &["message", "content"]),
    (
        "site",
        &["message", "content", "store", "config", "descriptors", "handler", "policy", "stats"],
    ),
    ("tls", &["opening"]),
    ("client", &[]),
    ("load", &["http1", "client"]),
    ("systemd", &[]),
    (
        "server",
        &["message", "content", "http1", "config", "descriptors", "log", "site", "stats", "tls"],
    ),
    ("cli", &["config"]),
    (
        "commands",
        &[
            "allocator",
            "content",
            "config",
            "confine",
            "descriptors",
            "log",
            "opening",
            "stats",
            "server",
            "site",
            "tls",
            "client",
            "load",
            "cli",
            "systemd",
        ],
    ),
];

#[test]
fn no_arrow_points_up() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = Vec::new();
    visit(&source, &mut |file| {
        let relative = file.strip_prefix(&source).expect("a source file");
        let first = relative.components().next().expect("a name").as_os_str();
        let layer = first.to_string_lossy().trim_end_matches(".rs").to_owned();
        if matches!(layer.as_str(), "main" | "lib") {
            return;
        }
        let row = ARROWS.iter().find(|(name, _)| *name == layer);
        let (_, known) = row.unwrap_or_else(|| panic!("{layer} is not in the table"));
        for used in uses(&fs::read_to_string(file).expect("text")) {
            if used != layer && !known.contains(&used.as_str()) {
                wrong.push(format!("{}: {layer} -> {used}", relative.display()));
            }
        }
    });
    assert!(wrong.is_empty(), "arrows that are not in the table:\n{}", wrong.join("\n"));
}

/// The layers named after `crate::`, also in braces.
fn uses(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for rest in text.split("crate::").skip(1) {
        let names = match rest.strip_prefix('{') {
            Some(list) => list.split('}').next().unwrap_or_default(),
            None => rest,
        };
        let ends = if rest.starts_with('{') { names.split(',').collect() } else { vec![names] };
        for name in ends {
            let name: String =
                name.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            if !name.is_empty() {
                found.push(name);
            }
        }
    }
    found
}

fn visit(folder: &Path, look: &mut impl FnMut(&Path)) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            visit(&path, look);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            look(&path);
        }
    }
}
