//! Again and again: in place on a terminal, or one answer after the other.

use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::report::{Report, Source, StatusError};
use super::{complain, page, print_json};
use crate::commands::terminal::endings::Endings;
use crate::commands::terminal::frame::Terminal;
use crate::commands::terminal::line::{Line, Style, wrapped};
use crate::commands::terminal::screen;
use crate::commands::terminal::units::clock;

/// One answer after the other, on standard output. Goes on when the server is away; that is said on
/// standard error.
pub(super) async fn as_json(source: &Source, every: Duration) -> Result<ExitCode, StatusError> {
    let mut endings = Endings::watch().map_err(StatusError::Setup)?;
    let mut tick = ticks(every);
    loop {
        tokio::select! {
            () = endings.next() => return Ok(ExitCode::SUCCESS),
            asked = next(source, &mut tick) => match asked {
                Ok(report) => print_json(&report, &mut io::stdout())?,
                Err(error) => complain(&error),
            },
        }
    }
}

/// In place, until a signal ends it. Goes on when the server is away, and says so.
pub(super) async fn on_terminal(
    source: &Source,
    every: Duration,
    no_color: bool,
) -> Result<ExitCode, StatusError> {
    let mut endings = Endings::watch().map_err(StatusError::Setup)?;
    let mut tick = ticks(every);
    let mut resized = signal(SignalKind::window_change()).map_err(StatusError::Setup)?;
    let mut seen = Seen { asked: source.name(), ..Seen::default() };
    let mut terminal = Terminal::enter().map_err(StatusError::Output)?;
    loop {
        let screen = screen(io::stdout().is_terminal(), no_color);
        let drawn = terminal.draw(&seen.lines(screen.width), &screen);
        drawn.map_err(StatusError::Output)?;
        tokio::select! {
            () = endings.next() => return Ok(ExitCode::SUCCESS),
            _ = resized.recv() => {}
            asked = next(source, &mut tick) => seen.note(asked),
        }
    }
}

fn ticks(every: Duration) -> Interval {
    let mut ticks = interval(every);
    // After a server was slow, what was missed is not made up for.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

async fn next(source: &Source, tick: &mut Interval) -> Result<Report, StatusError> {
    tick.tick().await;
    source.ask().await
}

/// What has been learned so far.
#[derive(Default)]
struct Seen {
    asked: String,
    report: Option<Report>,
    /// Why there is nothing newer.
    error: Option<StatusError>,
}

impl Seen {
    fn note(&mut self, asked: Result<Report, StatusError>) {
        match asked {
            Ok(report) => (self.report, self.error) = (Some(report), None),
            Err(error) => self.error = Some(error),
        }
    }

    fn lines(&self, width: usize) -> Vec<Line> {
        let mut lines = Vec::new();
        if let Some(error) = &self.error {
            let rows = wrapped(&format!("NO STATUS  {error}"), width);
            lines.extend(rows.iter().map(|row| Line::of(Style::Red, row)));
            let last = self.report.as_ref().map_or_else(
                || "no status yet".to_owned(),
                |report| format!("below is the status of {}", clock(&report.snapshot.time)),
            );
            lines.push(Line::of(Style::Dim, &format!("trying again; {last}; Ctrl+C ends")));
            lines.push(Line::default());
        }
        match (&self.report, &self.error) {
            (Some(report), _) => {
                lines.extend(page::page(&report.snapshot, report.history.as_ref(), width));
            }
            (None, None) => lines.push(Line::of(Style::Dim, &format!("asking {}", self.asked))),
            (None, Some(_)) => {}
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::terminal::line::Screen;

    #[test]
    fn a_server_that_is_away_leaves_its_last_status_below() {
        let mut seen = Seen { asked: "http://h/server-status".to_owned(), ..Seen::default() };
        let text = |seen: &Seen| {
            let screen = Screen { width: 80, height: None, cut: false, colors: false };
            let lines = seen.lines(80);
            lines.iter().map(|line| line.print(&screen) + "\n").collect::<String>()
        };
        assert_eq!(text(&seen), "asking http://h/server-status\n");
        let away = || Err(StatusError::NotThere { url: "http://h/server-status".to_owned() });
        seen.note(away());
        assert!(text(&seen).contains("NO STATUS  http://h/server-status: there is no status"));
        assert!(text(&seen).contains("trying again; no status yet; Ctrl+C ends\n"));
        let json = include_bytes!("../../../tests/status.json");
        seen.note(Ok(Report {
            json: bytes::Bytes::from_static(json),
            snapshot: serde_json::from_slice(json).unwrap(),
            history: None,
        }));
        assert!(text(&seen).starts_with("salver 0.1.0 on web1"));
        seen.note(away());
        let away = text(&seen);
        assert!(
            away.starts_with("NO STATUS  ") && away.contains("\nsalver 0.1.0 on web1"),
            "{away}"
        );
        assert!(away.contains("below is the status of 15:09:26"), "{away}");
    }
}
