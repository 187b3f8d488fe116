//! Many lines in place, again and again.

use std::io::{self, Stdout, Write};

use super::line::{Line, Screen, Style};

/// The other screen, without a cursor; and back.
const ENTER: &str = "\x1b[?1049h\x1b[?25l";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";
/// From here on nothing is shown until all of it is there, on terminals that know this.
const HOLD: &str = "\x1b[?2026h\x1b[H";
/// What is left of the last time goes; then all is shown.
const SHOW: &str = "\x1b[J\x1b[?2026l";
/// The rest of a line goes.
const CLEAR: &str = "\x1b[K";

/// The other screen of the terminal; left when dropped, whatever was the reason.
pub(in crate::commands) struct Terminal(Stdout);

impl Terminal {
    pub(in crate::commands) fn enter() -> io::Result<Self> {
        let mut terminal = Self(io::stdout());
        terminal.write(ENTER)?;
        Ok(terminal)
    }

    /// All in one write, over what is there: nothing is cleared before it is replaced.
    pub(in crate::commands) fn draw(&mut self, lines: &[Line], screen: &Screen) -> io::Result<()> {
        self.write(&frame(lines, screen))
    }

    fn write(&mut self, text: &str) -> io::Result<()> {
        self.0.write_all(text.as_bytes()).and_then(|()| self.0.flush())
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
}
