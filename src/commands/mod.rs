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

/// Says on standard error what went wrong.
fn complain(what: &dyn Display) {
    let _ = writeln!(io::stderr(), "{}", complaint(what));
}

/// What went wrong, for a terminal. Words of others in it do nothing there.
fn complaint(what: &dyn Display) -> String {
    let text = what.to_string();
    let lines: Vec<_> = text.split('\n').map(harmless::harmless).collect();
    format!("salver: {}", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_complaint_does_nothing_to_a_terminal() {
        let said = super::complaint(&"it is for a\u{1b}[2J.example\nsecond line");
        assert_eq!(said, "salver: it is for a\u{241b}[2J.example\nsecond line");
    }
}
