//! The terminal, and what else standard output and standard error may be. Everything that is
//! printed goes through here, so that it does not run into the bars.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use rustix::fs::FileType;
use rustix::termios::tcgetwinsize;

use super::bar::Bar;
use crate::commands::complaint;
use crate::commands::harmless::harmless;
use crate::commands::terminal::line::Screen;
use crate::log;

/// How often a bar moves that is waited for.
const TICK: Duration = Duration::from_millis(200);

#[derive(Clone, Debug)]
pub(super) struct Console {
    bars: MultiProgress,
    /// Whether standard output is a terminal.
    pub(super) is_terminal: bool,
    /// Whether standard output is a pipe or a file.
    pub(super) is_read: bool,
    pub(super) colors: bool,
}

impl Console {
    pub(super) fn new(no_color: bool) -> Self {
        let is_terminal = io::stdout().is_terminal();
        let colors = log::colors(no_color.then_some(false), is_terminal);
        let kind = rustix::fs::fstat(io::stdout())
            .map_or(FileType::Unknown, |stat| FileType::from_raw_mode(stat.st_mode));
        let is_read = matches!(kind, FileType::Fifo | FileType::Socket | FileType::RegularFile);
        Self { bars: MultiProgress::new(), is_terminal, is_read, colors }
    }

    /// Writes to standard output.
    pub(super) fn print(&self, bytes: &[u8]) -> io::Result<()> {
        self.bars.suspend(|| {
            let mut out = io::stdout().lock();
            out.write_all(bytes).and_then(|()| out.flush())
        })
    }

    /// A line on standard error.
    pub(super) fn say(&self, line: &str) {
        self.bars.suspend(|| {
            let _ = writeln!(io::stderr(), "{line}");
        });
    }

    /// What went wrong, on standard error.
    pub(super) fn complain(&self, what: &dyn std::fmt::Display) {
        self.say(&complaint(what));
    }

    /// A bar of what is on its way; none is seen unless standard error is a terminal.
    pub(super) fn bar(&self, name: &str, done: u64, total: Option<u64>) -> ProgressBar {
        let bar = match total {
            Some(total) => ProgressBar::new(total),
            None => ProgressBar::no_length(),
        };
        let line = Bar::new(harmless(name).into_owned(), width, done);
        if let Ok(style) = ProgressStyle::with_template("{line}") {
            bar.set_style(style.with_key("line", line));
        }
        let bar = self.bars.add(bar.with_position(done));
        bar.enable_steady_tick(TICK);
        bar
    }
}

/// Columns of the terminal that bars are on. The last one stays free: some break the line there.
fn width() -> usize {
    let size = tcgetwinsize(io::stderr()).ok().filter(|size| size.ws_col > 0);
    size.map_or(Screen::USUAL_WIDTH, |size| size.ws_col.into()).saturating_sub(1)
}
