//! The terminal, and what else standard output and standard error may be. Everything that is
//! printed goes through here, so that it does not run into the bars.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::commands::harmless::harmless;
use crate::log;

/// How often a bar moves that is waited for.
const TICK: Duration = Duration::from_millis(200);

const WITH_END: &str = "{wide_msg} {binary_bytes:>11} of {binary_total_bytes}  \
                        {binary_bytes_per_sec:>12}  {eta:>4} left [{bar:20}]";
const WITHOUT_END: &str = "{wide_msg} {binary_bytes:>11}  {binary_bytes_per_sec:>12}  {elapsed}";

#[derive(Clone, Debug)]
pub(super) struct Console {
    bars: MultiProgress,
    /// Whether standard output is a terminal.
    pub(super) is_terminal: bool,
    pub(super) colors: bool,
}

impl Console {
    pub(super) fn new(no_color: bool) -> Self {
        let is_terminal = io::stdout().is_terminal();
        let unwanted = std::env::var_os("NO_COLOR");
        let setting = no_color.then_some(false);
        let colors = log::colors(setting, is_terminal, unwanted.as_deref());
        Self { bars: MultiProgress::new(), is_terminal, colors }
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
        self.say(&format!("salver: {what}"));
    }

    /// A bar of what is on its way; none is seen unless standard error is a terminal.
    pub(super) fn bar(&self, name: &str, done: u64, total: Option<u64>) -> ProgressBar {
        let bar = match total {
            Some(total) => ProgressBar::new(total),
            None => ProgressBar::no_length(),
        };
        let template = if total.is_some() { WITH_END } else { WITHOUT_END };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("##-"));
        }
        let bar = self.bars.add(bar);
        bar.set_message(harmless(name).into_owned());
        bar.set_position(done);
        // What was there before says nothing of how fast it goes on.
        bar.reset_eta();
        bar.enable_steady_tick(TICK);
        bar
    }
}
