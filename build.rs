//! Tells the program which commit it is built from, where that can be known.

use std::path::Path;
use std::process::Command;

/// What `salver --version` reads, and what a packager may set.
const VARIABLE: &str = "SALVER_COMMIT";

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed={VARIABLE}");
    if std::env::var_os(VARIABLE).is_some() {
        return;
    }
    // A copy inside another project's repository is not at that project's commit.
    let ours = std::env::var("CARGO_MANIFEST_DIR").ok();
    if git(&["rev-parse", "--show-toplevel"]).zip(ours).is_none_or(|(top, ours)| !same(&top, &ours))
    {
        return;
    }
    if let Some(log) = git(&["rev-parse", "--git-path", "logs/HEAD"]) {
        println!("cargo:rerun-if-changed={log}");
    }
    if let Some(commit) = git(&["rev-parse", "--short=12", "HEAD"]) {
        println!("cargo:rustc-env={VARIABLE}={commit}");
    }
}

fn same(one: &str, other: &str) -> bool {
    Path::new(one).canonicalize().ok() == Path::new(other).canonicalize().ok()
}

/// The one line that git answers; nothing without git or a repository.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let line = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !line.is_empty()).then_some(line)
}
