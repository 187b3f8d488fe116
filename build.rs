//! Tells the program which commit it is built from, where that can be known, and the linker to pack
//! what the loader corrects at each start, where both can.

use std::path::Path;
use std::process::Command;

/// What `salver --version` reads, and what a packager may set.
const VARIABLE: &str = "SALVER_COMMIT";

/// The first glibc that reads packed relocations.
const PACKED_SINCE: (u32, u32) = (2, 36);

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if can_pack() {
        println!("cargo:rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
    commit();
}

/// Whether what is built here is for a machine like this one, and its libc knows them. They are 0.8
/// MB less to read at each start. A program made so needs such a libc wherever it runs; one that is
/// to run on older systems is built on one of those, and has none.
fn can_pack() -> bool {
    let variable = |name| std::env::var(name).unwrap_or_default();
    let target = variable("TARGET");
    target == "x86_64-unknown-linux-gnu"
        && variable("HOST") == target
        && glibc().is_some_and(|version| version >= PACKED_SINCE)
}

/// The version of the C library, if it is that of GNU.
fn glibc() -> Option<(u32, u32)> {
    let line = line_of("getconf", &["GNU_LIBC_VERSION"])?;
    let (major, minor) = line.strip_prefix("glibc ")?.split_once('.')?;
    let minor = minor.split('.').next()?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

fn commit() {
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

fn git(arguments: &[&str]) -> Option<String> {
    line_of("git", arguments)
}

/// The one line that a program answers; nothing without the program, or where it fails.
fn line_of(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let line = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !line.is_empty()).then_some(line)
}
