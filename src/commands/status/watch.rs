//! Again and again: in place on a terminal, or one answer after the other.

use std::io::{self, IsTerminal, Stdout, Write};
use std::process::ExitCode;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::line::{Line, Screen, Style, wrapped};
use super::report::{Report, Source, StatusError};
use super::units::clock;
use super::{complain, page, print_json, screen};

/// The other screen, without a cursor; and back.
const ENTER: &str = "\x1b[?1049h\x1b[?25l";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";
/// From here on nothing is shown until all of it is there, on terminals that know this.
const HOLD: &str = "\x1b[?2026h\x1b[H";
/// What is left of the last time goes; then all is shown.
const SHOW: &str = "\x1b[J\x1b[?2026l";
/// The rest of a line goes.
const CLEAR: &str = "\x1b[K";

/// One answer after the other, on standard output. Goes on when the server is away; that is said on
/// standard error.
pub(super) async fn as_json(source: &Source, every: Duration) -> Result<ExitCode, StatusError> {
    let mut endings = Endings::watch()?;
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
    let mut endings = Endings::watch()?;
    let mut tick = ticks(every);
    let mut resized = watch(SignalKind::window_change())?;
    let mut seen = Seen { asked: source.name(), ..Seen::default() };
    let mut terminal = Terminal::enter()?;
    loop {
        let screen = screen(io::stdout().is_terminal(), no_color);
        terminal.draw(&seen.lines(screen.width), &screen)?;
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

/// The other screen of the terminal; left when dropped, whatever was the reason.
struct Terminal(Stdout);

impl Terminal {
    fn enter() -> Result<Self, StatusError> {
        let mut terminal = Self(io::stdout());
        terminal.write(ENTER)?;
        Ok(terminal)
    }

    /// All in one write, over what is there: nothing is cleared before it is replaced.
    fn draw(&mut self, lines: &[Line], screen: &Screen) -> Result<(), StatusError> {
        self.write(&frame(lines, screen))
    }

    fn write(&mut self, text: &str) -> Result<(), StatusError> {
        let written = self.0.write_all(text.as_bytes()).and_then(|()| self.0.flush());
        written.map_err(StatusError::Output)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.write(LEAVE);
    }
}

/// What draws these lines, as far as there are rows for them.
fn frame(lines: &[Line], screen: &Screen) -> String {
    let rows = screen.height.unwrap_or(usize::MAX);
    let hidden = lines.len().saturating_sub(rows);
    // The last row says what is missing.
    let shown = if hidden == 0 { lines.len() } else { rows.saturating_sub(1) };
    let more = (hidden > 0).then(|| {
        Line::of(Style::Dim, &format!("... {} more lines; a taller window has them", hidden + 1))
    });
    let rows: Vec<_> = lines
        .iter()
        .take(shown)
        .chain(more.as_ref())
        .map(|line| line.print(screen) + CLEAR)
        .collect();
    format!("{HOLD}{}{SHOW}", rows.join("\r\n"))
}

/// What ends it.
struct Endings([Signal; 3]);

impl Endings {
    fn watch() -> Result<Self, StatusError> {
        Ok(Self([
            watch(SignalKind::interrupt())?,
            watch(SignalKind::terminate())?,
            watch(SignalKind::hangup())?,
        ]))
    }

    async fn next(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}

fn watch(kind: SignalKind) -> Result<Signal, StatusError> {
    signal(kind).map_err(StatusError::Setup)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(height: Option<usize>) -> String {
        let lines: Vec<_> = ["a", "b", "c"].map(|text| Line::of(Style::Plain, text)).into();
        frame(&lines, &Screen { width: 80, height, cut: true, colors: false })
    }

    #[test]
    fn a_frame_is_drawn_over_the_last_one_and_clears_only_what_it_leaves() {
        let all = "\x1b[?2026h\x1b[Ha\x1b[K\r\nb\x1b[K\r\nc\x1b[K\x1b[J\x1b[?2026l";
        assert_eq!(rows(None), all);
        assert_eq!(rows(Some(3)), all);
    }

    #[test]
    fn what_has_no_row_is_counted_in_the_last_one() {
        let two = rows(Some(2));
        assert!(two.contains("Ha\x1b[K\r\n... 2 more lines") && !two.contains('b'), "{two}");
        assert!(rows(Some(1)).contains("H... 3 more lines"));
    }

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
