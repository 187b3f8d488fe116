//! The README's table of keys says what the keys' own table says.
//!
//! `UPDATE_README=1 cargo test --test readme` writes it anew.

#![allow(clippy::expect_used)]

use std::fmt::Write;
use std::{env, fs};

use salver::config::KEYS;
use serde_json::Value;

const START: &str =
    "<!-- keys: made from src/config/keys.rs by UPDATE_README=1 cargo test --test readme -->\n";
const END: &str = "<!-- end of keys -->\n";

#[test]
fn the_table_of_keys_is_fresh() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    let readme = fs::read_to_string(path).expect("the README");
    let (before, rest) = readme.split_once(START).expect("the start of the table");
    let (table, after) = rest.split_once(END).expect("the end of the table");
    let fresh = fresh_table();
    if env::var_os("UPDATE_README").is_some() {
        let whole = format!("{before}{START}{fresh}{END}{after}");
        fs::write(path, whole).expect("the README is written");
    } else {
        assert_eq!(table, fresh, "stale: UPDATE_README=1 cargo test --test readme");
    }
}

fn fresh_table() -> String {
    let mut out = String::from("\n| key | default | meaning |\n| --- | --- | --- |\n");
    let mut section = "";
    for key in KEYS {
        if key.section != section {
            section = key.section;
            let _ = writeln!(out, "| **{section}** | | |");
        }
        let default = match key.default_value() {
            Value::Null => "null".to_owned(),
            Value::String(text) => format!("`{text}`"),
            other => format!("`{other}`"),
        };
        let aliases: Vec<_> = key.aliases.iter().map(|old| format!(" (or `{old}`)")).collect();
        let aliases = aliases.concat();
        let help = key.help().replace('|', "\\|");
        let about = key.about();
        let takes = about.takes.replace('|', "\\|");
        let restart = if about.is_at_start { " A change takes a restart." } else { "" };
        let _ = writeln!(
            out,
            "| `{}`{aliases} | {default} | {help} Takes {takes}.{restart} |",
            key.name
        );
    }
    out.push('\n');
    out
}
