//! The line of a download on its way: what has come, how fast, and how long it still takes.

use std::collections::VecDeque;
use std::fmt;
use std::time::{Duration, Instant};

use indicatif::ProgressState;
use indicatif::style::ProgressTracker;
use unicode_width::UnicodeWidthStr;

use crate::commands::terminal::line::{Line, Screen, Style, left, right};
use crate::commands::terminal::units::{size, size_rate, span};

/// Columns of a name that are shown at least, if it is as long.
const NAME: usize = 10;
/// Columns of the bar, without its ends.
const BAR: usize = 8;

/// Of so long the rate is told.
const LATELY: Duration = Duration::from_secs(5);

/// What writes the line again and again.
#[derive(Clone, Debug)]
pub(super) struct Bar {
    name: String,
    /// Columns that there are now.
    width: fn() -> usize,
    seen: Seen,
}

impl Bar {
    /// The bar of a download of which so many bytes are there.
    pub(super) fn new(name: String, width: fn() -> usize, done: u64) -> Self {
        Self { name, width, seen: Seen(VecDeque::from([(Instant::now(), done)])) }
    }
}

impl ProgressTracker for Bar {
    fn clone_box(&self) -> Box<dyn ProgressTracker> {
        Box::new(self.clone())
    }

    fn tick(&mut self, state: &ProgressState, now: Instant) {
        self.seen.add(now, state.pos());
    }

    fn reset(&mut self, _: &ProgressState, _: Instant) {}

    fn write(&self, state: &ProgressState, out: &mut dyn fmt::Write) {
        let (done, total, elapsed) = (state.pos(), state.len(), state.elapsed().as_secs());
        let moved = Moved { done, total, rate: self.seen.rate(), elapsed };
        // Nobody is told when that fails.
        let _ = out.write_str(&moved.line(&self.name, (self.width)()));
    }
}

/// How many bytes were there when, lately.
#[derive(Clone, Debug)]
struct Seen(VecDeque<(Instant, u64)>);

impl Seen {
    fn add(&mut self, now: Instant, done: u64) {
        // One that is older stays: from there to here it is all of the time.
        while self.0.get(1).is_some_and(|(at, _)| now.duration_since(*at) >= LATELY) {
            self.0.pop_front();
        }
        self.0.push_back((now, done));
    }

    /// Bytes a second.
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    fn rate(&self) -> f64 {
        let (Some((from, first)), Some((to, last))) = (self.0.front(), self.0.back()) else {
            return 0.0;
        };
        let time = to.duration_since(*from).as_secs_f64();
        if time > 0.0 { last.saturating_sub(*first) as f64 / time } else { 0.0 }
    }
}

/// How far a download is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moved {
    pub(super) done: u64,
    pub(super) total: Option<u64>,
    /// Bytes a second, lately.
    pub(super) rate: f64,
    /// Seconds since it was begun.
    pub(super) elapsed: u64,
}

impl Moved {
    /// It as a line of so many columns: the fewer, the less is said.
    pub(super) fn line(&self, name: &str, width: usize) -> String {
        let needed = name.width().min(NAME);
        let layouts = self.layouts();
        let fits = |layout: &&Vec<String>| room(layout, width).is_some_and(|room| room >= needed);
        let Some(layout) = layouts.iter().find(fits).or(layouts.last()) else {
            return String::new();
        };
        let room = room(layout, width).unwrap_or_default();
        let screen = Screen { width: room, height: None, cut: true, colors: false };
        let name = left(&Line::of(Style::Plain, name).print(&screen), room);
        let line = [&[name][..], layout].concat().join("  ");
        let screen = Screen { width, ..screen };
        Line::of(Style::Plain, &line).print(&screen)
    }

    /// What may stand behind the name, most first.
    fn layouts(&self) -> Vec<Vec<String>> {
        let done = right(&size(self.done), 10);
        let rate = right(&if self.moves() { size_rate(self.rate) } else { String::new() }, 12);
        let Some(total) = self.total else {
            let elapsed = right(&span(self.elapsed), 9);
            return vec![
                vec![done.clone(), rate.clone(), elapsed],
                vec![done.clone(), rate],
                vec![done],
            ];
        };
        let of_total = format!("{done} of {}", left(&size(total), 10));
        let percent = format!("{:>3} %", share(self.done, total, 100));
        let (rest, bar) = (right(&self.rest(total), 14), bar(self.done, total));
        vec![
            vec![of_total.clone(), rate.clone(), rest.clone(), bar],
            vec![of_total, rate.clone(), rest.clone()],
            vec![percent.clone(), rate, rest.clone()],
            vec![percent.clone(), rest],
            vec![percent],
        ]
    }

    /// Whether there is a rate to speak of.
    fn moves(&self) -> bool {
        self.rate >= 1.0
    }

    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an estimate, in whole seconds"
    )]
    fn rest(&self, total: u64) -> String {
        if !self.moves() {
            return String::new();
        }
        let seconds = total.saturating_sub(self.done) as f64 / self.rate;
        format!("{} left", span(seconds.ceil() as u64))
    }
}

/// Columns for the name beside these.
fn room(layout: &[String], width: usize) -> Option<usize> {
    let taken: usize = layout.iter().map(|piece| piece.width() + 2).sum();
    width.checked_sub(taken)
}

fn bar(done: u64, total: u64) -> String {
    let full = share(done, total, BAR);
    format!("[{}{}]", "#".repeat(full), "-".repeat(BAR - full))
}

/// How many of so many are done; all of nothing.
fn share(done: u64, total: u64, of: usize) -> usize {
    let share = u128::from(done.min(total)) * of as u128;
    share.checked_div(total.into()).and_then(|share| usize::try_from(share).ok()).unwrap_or(of)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::float_cmp, reason = "whole numbers")]

    use super::*;

    const MOVED: Moved =
        Moved { done: 512 << 20, total: Some(2 << 30), rate: 10_485_760.0, elapsed: 51 };

    #[test]
    fn it_fits_and_says_less_on_narrow_terminals() {
        for (width, expected) in [
            (79, "debian-13.…   512.0 MiB of 2.0 GiB       10.0 MiB/s   2 m 34 s left  [##------]"),
            (59, "debian-13.2.0-amd64-n…   25 %    10.0 MiB/s   2 m 34 s left"),
            (39, "debian-13.2.0-a…   25 %   2 m 34 s left"),
            (12, "debi…   25 %"),
        ] {
            let line = MOVED.line("debian-13.2.0-amd64-netinst.iso", width);
            assert_eq!(line, expected, "{width}");
        }
        let largest = Moved { done: u64::MAX / 2, total: Some(u64::MAX), rate: 1.0, elapsed: 0 };
        let endless = Moved { total: None, ..MOVED };
        for width in 0..200 {
            for moved in [MOVED, largest, endless] {
                for name in ["a", "いろはにほへと ちりぬるを.iso"] {
                    assert!(moved.line(name, width).width() <= width.max(1), "{width} {moved:?}");
                }
            }
        }
        assert_eq!(endless.line("a", 39), "a    512.0 MiB    10.0 MiB/s       51 s");
    }

    #[test]
    fn the_rate_is_that_of_the_last_seconds() {
        let (start, there) = (Instant::now(), 1 << 40);
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut seen = Seen([(start, there)].into());
        let mut rate = |seconds, more: u64| {
            seen.add(at(seconds), there + more);
            seen.rate()
        };
        // What was there before does not count.
        assert_eq!(rate(0, 0), 0.0);
        assert_eq!(rate(1, 1000), 1000.0);
        assert_eq!(rate(2, 2000), 1000.0);
        for second in 3..=10 {
            rate(second, 2000 + (second - 2) * 500);
        }
        assert_eq!(rate(11, 6500), 500.0);
        assert_eq!(rate(16, 6500), 0.0);
        assert!(seen.0.len() < 20);
    }

    #[test]
    fn before_anything_comes_no_rate_is_told() {
        for total in [Some(1 << 30), None] {
            let line = Moved { done: 0, total, rate: 0.0, elapsed: 0 }.line("a.iso", 79);
            assert!(!line.contains("/s") && !line.contains("left"), "{line}");
        }
    }
}
