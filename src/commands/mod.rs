//! What each command prints and returns.

pub mod banner;
pub mod bench;
mod care;
pub mod check;
pub mod get;
mod harmless;
pub mod healthcheck;
mod logging;
mod memory;
mod places;
mod prepare;
pub mod print;
mod reload;
mod running;
pub mod serve;
pub mod status;
mod terminal;
mod tls;
mod watchdog;

use std::fmt::Display;
use std::io::{self, Write};

/// Says on standard error what went wrong. Words of others in it do nothing to a terminal.
fn complain(what: &dyn Display) {
    let text = what.to_string();
    let lines: Vec<_> = text.split('\n').map(harmless::harmless).collect();
    let _ = writeln!(io::stderr(), "salver: {}", lines.join("\n"));
}
