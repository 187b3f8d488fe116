//! `salver status [URL]`: what a server is doing, in the terminal.
//!
//! | file | what it knows |
//! | --- | --- |
//! | `report` | what a server answers, and whether that is a status |
//! | `page` | a status as lines |
//! | `lists` | those of its lists |
//! | `watch` | again and again, in place |

mod lists;
mod page;
mod report;
mod watch;

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use self::report::{Report, Source, StatusError};
use crate::cli::StatusOptions;
use crate::commands::{complain, terminal};
use crate::stats::snapshot::State;

/// Exit status without a status.
const FAILED: u8 = 1;
/// Exit status of wrong usage.
const WRONG: u8 = 2;
/// Exit status of a server that somebody should look at.
const AMBER: u8 = 3;
/// Exit status of one that does not do what it is there for.
const RED: u8 = 4;

/// How long lookups of names that nobody waits for any more may hold up the end.
const LEAVE: Duration = Duration::from_millis(10);

/// Asks, and prints the answer on standard output; what went wrong is one line on standard error.
/// The exit status says how the server is, as `--help` tells.
pub fn run(options: &StatusOptions) -> ExitCode {
    let on_terminal = io::stdout().is_terminal();
    if options.watch.is_some() && !options.json && !on_terminal {
        complain(
            &"--watch draws on a terminal, and standard output is none; add --json for one \
                   answer after the other, or leave --watch out",
        );
        return ExitCode::from(WRONG);
    }
    match show(options, on_terminal) {
        Ok(code) => code,
        Err(StatusError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            // Whoever reads has seen enough.
            ExitCode::SUCCESS
        }
        Err(error) => {
            complain(&error);
            ExitCode::from(if error.is_usage() { WRONG } else { FAILED })
        }
    }
}

fn show(options: &StatusOptions, on_terminal: bool) -> Result<ExitCode, StatusError> {
    let source = Source::new(&options.url, options.insecure)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(StatusError::Setup)?;
    let shown = runtime.block_on(async {
        match options.watch {
            None => once(&source, options, on_terminal).await,
            Some(every) if options.json => watch::as_json(&source, every).await,
            Some(every) => watch::on_terminal(&source, every, options.no_color).await,
        }
    });
    runtime.shutdown_timeout(LEAVE);
    shown
}

async fn once(
    source: &Source,
    options: &StatusOptions,
    on_terminal: bool,
) -> Result<ExitCode, StatusError> {
    let report = source.ask().await?;
    let mut out = io::stdout();
    if options.json {
        print_json(&report, &mut out)?;
    } else {
        let screen = terminal::screen(on_terminal, options.no_color);
        let lines = page::page(&report.snapshot, report.history.as_ref(), screen.width);
        let text: String = lines.iter().map(|line| line.print(&screen) + "\n").collect();
        out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(StatusError::Output)?;
    }
    Ok(code_of(report.snapshot.health.state))
}

/// The answer as it came, and a line end if it has none.
fn print_json(report: &Report, out: &mut impl Write) -> Result<(), StatusError> {
    let json = &report.json;
    let end: &[u8] = if json.ends_with(b"\n") { b"" } else { b"\n" };
    let written = out.write_all(json).and_then(|()| out.write_all(end));
    written.and_then(|()| out.flush()).map_err(StatusError::Output)
}

fn code_of(state: State) -> ExitCode {
    match state {
        State::Green => ExitCode::SUCCESS,
        State::Amber => ExitCode::from(AMBER),
        State::Red => ExitCode::from(RED),
    }
}
