//! `salver completions`, `salver man`: a text on standard output.

use std::io::{self, Write};
use std::process::ExitCode;

use super::complain;

/// Exit status when it cannot be written.
const FAILED: u8 = 1;

/// Prints a text.
pub fn run(text: &str) -> ExitCode {
    let mut out = io::stdout();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format_args!("cannot write: {error}"));
            ExitCode::from(FAILED)
        }
    }
}
