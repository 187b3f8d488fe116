//! What is known so far, in place.

use std::collections::VecDeque;
use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use super::bars::{self, bars};
use super::report::{self, Load, Times};
use super::{REFRESH, summary};
use crate::commands::terminal::endings::Endings;
use crate::commands::terminal::frame::Terminal;
use crate::commands::terminal::line::{Line, Style, left, right};
use crate::commands::terminal::screen;
use crate::commands::terminal::spark::spark;
use crate::commands::terminal::units::{count, percent, precise, rate};
use crate::load::{Extent, Failure, Plan, Running, Tally};

/// Bars of the histogram, letters of the progress, and of the history.
const BARS: usize = 8;
const PROGRESS: usize = 30;
const HISTORY: usize = 60;

/// Draws until all is over. A signal ends it before its time.
pub(super) async fn show(
    plan: &Plan,
    running: &mut Running,
    endings: &mut Endings,
    no_color: bool,
) -> io::Result<()> {
    let mut terminal = Terminal::enter()?;
    let mut view = View::new(plan);
    let mut ticks = tokio::time::interval(REFRESH);
    loop {
        tokio::select! {
            goes_on = running.next() => if !goes_on { return Ok(()) },
            () = endings.next() => running.stop(),
            _ = ticks.tick() => {
                let (tally, elapsed) = running.so_far();
                view.note(tally.answers(), Instant::now());
                let lines = view.lines(&tally, elapsed);
                terminal.draw(&lines, &screen(io::stdout().is_terminal(), no_color))?;
            }
        }
    }
}

/// What is drawn, and what it takes to know what happens now.
struct View<'a> {
    plan: &'a Plan,
    load: Load,
    /// Answers at the last look, and when that was.
    last: Option<(u64, Instant)>,
    /// Requests a second, newest last.
    history: VecDeque<Option<f64>>,
}

impl<'a> View<'a> {
    fn new(plan: &'a Plan) -> Self {
        Self { plan, load: Load::of(plan), last: None, history: VecDeque::new() }
    }

    fn note(&mut self, answers: u64, now: Instant) {
        if let Some((before, then)) = self.last {
            self.history.push_back(Some(report::rate(answers.saturating_sub(before), now - then)));
        }
        self.last = Some((answers, now));
        if self.history.len() > HISTORY {
            self.history.pop_front();
        }
    }

    fn lines(&self, tally: &Tally, elapsed: Duration) -> Vec<Line> {
        let mut lines = vec![
            summary::title(self.plan.origin.as_str(), &self.load, elapsed.as_secs_f64()),
            self.progress(tally, elapsed),
            Line::default(),
        ];
        let now = self.history.back().copied().flatten().unwrap_or_default();
        let history: Vec<_> = self.history.iter().copied().collect();
        lines.push(
            Line::of(Style::Bold, &right(&rate(now), 12))
                .and(Style::Plain, "  ")
                .and(Style::Graph, spark(&history, HISTORY).trim_start()),
        );
        lines.push(Line::default());
        if let Some(times) = Times::of(&tally.latency) {
            lines.extend(summary::latency(&times));
            lines.push(Line::default());
            lines.extend(bars::lines(&bars(&tally.latency, BARS)));
            lines.push(Line::default());
        }
        lines.extend(summary::statuses(tally.statuses()));
        for kind in Failure::ALL.into_iter().filter(|kind| tally.failures(*kind) > 0) {
            let reason = tally.reason(kind).unwrap_or_default();
            lines.push(summary::error(kind.name(), tally.failures(kind), reason));
        }
        lines.push(Line::of(Style::Dim, "Ctrl+C ends it, and shows what there is"));
        lines
    }

    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    fn progress(&self, tally: &Tally, elapsed: Duration) -> Line {
        if self.last.is_some() && elapsed.is_zero() {
            return Line::of(Style::Dim, "warming up");
        }
        let (part, of) = match self.plan.extent {
            Extent::Time(time) => (
                elapsed.as_secs_f64() / time.as_secs_f64(),
                format!("{} of {}", precise(elapsed.as_secs_f64()), precise(time.as_secs_f64())),
            ),
            Extent::Requests(all) => {
                let done = tally.answers() + tally.failed();
                (done as f64 / all as f64, format!("{} of {}", count(done), count(all)))
            }
        };
        let part = part.clamp(0.0, 1.0);
        let bar = "━".repeat((part * PROGRESS as f64) as usize);
        Line::of(Style::Graph, &left(&bar, PROGRESS))
            .and(Style::Plain, &format!("  {}  ", percent(part)))
            .and(Style::Dim, &of)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::Method;

    use super::*;
    use crate::client::{Trust, Url};
    use crate::commands::terminal::line::Screen;
    use crate::load::{Ask, Tls};

    fn plan(extent: Extent) -> Plan {
        let origin = Url::parse("http://h:1/").unwrap();
        Plan {
            asks: vec![Ask::new(&origin, &Method::GET, &[], &Bytes::new(), true).unwrap()],
            origin,
            tls: Tls { trust: Trust::System, cipher: None, group: None },
            http2: false,
            connections: 3,
            threads: 1,
            at_once: 1,
            keep_alive: true,
            rate: None,
            extent,
            warm_up: Duration::ZERO,
            timeout: Duration::from_secs(1),
        }
    }

    fn text(view: &View<'_>, elapsed: Duration) -> String {
        let screen = Screen { width: 80, height: None, cut: true, colors: false };
        let lines = view.lines(&Tally::default(), elapsed);
        lines.iter().map(|line| line.print(&screen) + "\n").collect()
    }

    #[test]
    fn what_happens_now_is_what_came_since_the_last_look() {
        let plan = plan(Extent::Time(Duration::from_secs(10)));
        let mut view = View::new(&plan);
        let begin = Instant::now();
        view.note(0, begin);
        assert!(text(&view, Duration::ZERO).contains("\nwarming up\n"));
        for (quarter, answers) in (1..).zip([100, 300, 350]) {
            view.note(answers, begin + REFRESH * quarter);
        }
        let text = text(&view, Duration::from_millis(2500));
        assert!(text.contains("\n       200/s  ▅█▃\n"), "{text}");
        assert!(
            text.contains("━━━━━━━                         25.0 %  2.50 s of 10.0 s\n"),
            "{text}"
        );
        for n in 0..200 {
            view.note(n, begin + REFRESH * 10);
        }
        assert_eq!(view.history.len(), HISTORY);
    }

    #[test]
    fn progress_is_of_requests_where_these_are_counted() {
        let plan = plan(Extent::Requests(5));
        let text = text(&View::new(&plan), Duration::from_secs(1));
        assert!(text.contains("  0.0 %  0 of 5\n"), "{text}");
    }
}
