//! `salver bench URL`: many clients at once, and what the server makes of them.
//!
//! | file | what it knows |
//! | --- | --- |
//! | `prepare` | from the options to a plan |
//! | `report` | what came of it, as data; this is the JSON |
//! | `figure` | the figures of a report by their names |
//! | `condition` | what must not be (`--fail-if`) |
//! | `baseline` | a report beside an earlier one |
//! | `bars` | times as bars |
//! | `summary` | a report as lines |
//! | `live` | what is known so far, in place |
//! | `error` | why there is no report |

mod bars;
mod baseline;
mod condition;
mod error;
mod figure;
mod live;
mod prepare;
mod report;
mod summary;

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use self::baseline::Comparison;
use self::error::BenchError;
use self::report::Report;
use super::complain;
use crate::cli::BenchOptions;
use crate::commands::terminal::{endings::Endings, line::Screen, screen};
use crate::load::{self, Outcome, Plan, Running};

/// Exit status without an answer.
const FAILED: u8 = 1;
/// Exit status of wrong usage.
const WRONG: u8 = 2;
/// Exit status when a condition holds.
const HOLDS: u8 = 3;

/// How often what is known so far is drawn.
const REFRESH: Duration = Duration::from_millis(250);

/// How long lookups of names that nobody waits for any more may hold up the end.
const LEAVE: Duration = Duration::from_millis(10);

/// Measures, and prints what came of it on standard output; what went wrong goes to standard error.
/// The exit status is as `--help` tells.
pub fn run(options: &BenchOptions) -> ExitCode {
    match measured(options) {
        Ok(code) => code,
        Err(error) => {
            complain(&error);
            ExitCode::from(if error.is_usage() { WRONG } else { FAILED })
        }
    }
}

fn measured(options: &BenchOptions) -> Result<ExitCode, BenchError> {
    let before = options.baseline.as_deref().map(baseline::read).transpose()?;
    let conditions = condition::all(&options.fail_if, before.as_ref())?;
    let plan = prepare::plan(options)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(BenchError::System)?;
    let outcome = runtime.block_on(load(plan.clone(), options));
    runtime.shutdown_timeout(LEAVE);
    let mut report = Report::of(&plan, &outcome?);
    report.baseline = before.map(|before| Comparison::of(&report, &before));
    match print(&report, options) {
        // Whoever reads has seen enough; whoever looks at the exit status has not.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        printed => printed.map_err(BenchError::Output)?,
    }
    if report.requests == 0 {
        complain(&report.why_nothing());
        return Ok(ExitCode::from(FAILED));
    }
    let held: Vec<_> = conditions.iter().filter_map(|condition| condition.holds(&report)).collect();
    for what in &held {
        complain(what);
    }
    Ok(if held.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(HOLDS) })
}

async fn load(plan: Plan, options: &BenchOptions) -> Result<Outcome, BenchError> {
    let mut endings = Endings::watch().map_err(BenchError::System)?;
    let is_live = io::stdout().is_terminal() && !options.json;
    let mut running = tokio::select! {
        started = load::start(plan.clone(), REFRESH) => started.map_err(BenchError::Client)?,
        () = endings.next() => return Err(BenchError::Interrupted),
    };
    if is_live {
        live::show(&plan, &mut running, &mut endings, options.no_color)
            .await
            .map_err(BenchError::Output)?;
    } else {
        until_over(&mut running, &mut endings).await;
    }
    running.finish().map_err(BenchError::System)
}

/// Waits until it is over; a signal ends it before its time.
async fn until_over(running: &mut Running, endings: &mut Endings) {
    loop {
        tokio::select! {
            goes_on = running.next() => if !goes_on { return },
            () = endings.next() => running.stop(),
        }
    }
}

fn print(report: &Report, options: &BenchOptions) -> io::Result<()> {
    let mut out = io::stdout();
    let text = if options.json {
        serde_json::to_string_pretty(report)? + "\n"
    } else {
        // What stays is whole: a narrow terminal breaks its lines.
        let screen = Screen { cut: false, ..screen(out.is_terminal(), options.no_color) };
        summary::lines(report).iter().map(|line| line.print(&screen) + "\n").collect()
    };
    out.write_all(text.as_bytes()).and_then(|()| out.flush())
}
