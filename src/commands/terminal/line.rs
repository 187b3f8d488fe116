//! A line of a terminal.

use unicode_width::UnicodeWidthStr;

use crate::commands::harmless::harmless;

/// What is written to.
#[derive(Clone, Copy, Debug)]
pub(in crate::commands) struct Screen {
    /// Columns to lay out for.
    pub(in crate::commands) width: usize,
    /// Rows, where there is an end to them.
    pub(in crate::commands) height: Option<usize>,
    /// Whether what is wider is cut off.
    pub(in crate::commands) cut: bool,
    pub(in crate::commands) colors: bool,
}

impl Screen {
    pub(in crate::commands) const USUAL_WIDTH: usize = 80;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::commands) enum Style {
    Plain,
    Bold,
    Dim,
    Green,
    Amber,
    Red,
    Graph,
}

impl Style {
    fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Bold => "\x1b[1m",
            Self::Dim => "\x1b[2m",
            Self::Green => "\x1b[1;32m",
            Self::Amber => "\x1b[1;33m",
            Self::Red => "\x1b[1;31m",
            Self::Graph => "\x1b[36m",
        }
    }
}

/// Pieces of text, each in its style. What is added is made harmless.
#[derive(Clone, Debug, Default)]
pub(in crate::commands) struct Line(Vec<(Style, String)>);

impl Line {
    pub(in crate::commands) fn of(style: Style, text: &str) -> Self {
        Self::default().and(style, text)
    }

    pub(in crate::commands) fn and(mut self, style: Style, text: &str) -> Self {
        self.0.push((style, harmless(text).into_owned()));
        self
    }

    /// As it is to be written, without a line end.
    pub(in crate::commands) fn print(&self, screen: &Screen) -> String {
        let mut out = String::new();
        let width: usize = self.0.iter().map(|(_, text)| text.width()).sum();
        let is_cut = screen.cut && width > screen.width;
        // One column is for the sign that something is missing.
        let mut room = if is_cut { screen.width.saturating_sub(1) } else { usize::MAX };
        for (style, text) in &self.0 {
            let part = cut(text, room);
            room -= part.width();
            let code = style.code();
            if !screen.colors || code.is_empty() || part.trim().is_empty() {
                out.push_str(part);
            } else {
                out.extend([code, part, "\x1b[0m"]);
            }
            if part.len() < text.len() {
                break;
            }
        }
        if is_cut && screen.width > 0 {
            out.push('…');
            return out;
        }
        out.truncate(out.trim_end_matches(' ').len());
        out
    }
}

/// As much of a text as has room. Signs that join others make them wider or narrower, so that only all
/// of them together have a width.
fn cut(text: &str, room: usize) -> &str {
    if text.width() <= room {
        return text;
    }
    let parts = text.char_indices().map(|(at, c)| &text[..at + c.len_utf8()]);
    parts.take_while(|part| part.width() <= room).last().unwrap_or_default()
}

/// A text as rows of at most so many columns, broken between words; a longer word has its own row.
pub(in crate::commands) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut rows = vec![String::new()];
    for word in text.split(' ') {
        match rows.last_mut() {
            Some(row) if row.is_empty() || row.width() + 1 + word.width() <= width => {
                if !row.is_empty() {
                    row.push(' ');
                }
                row.push_str(word);
            }
            _ => rows.push(word.to_owned()),
        }
    }
    rows
}

/// Text with spaces behind it, or before it, up to a width.
pub(in crate::commands) fn left(text: &str, width: usize) -> String {
    let missing = width.saturating_sub(text.width());
    format!("{text}{}", " ".repeat(missing))
}

pub(in crate::commands) fn right(text: &str, width: usize) -> String {
    let missing = width.saturating_sub(text.width());
    format!("{}{text}", " ".repeat(missing))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn screen(width: usize, colors: bool) -> Screen {
        Screen { width, height: None, cut: true, colors }
    }

    #[test]
    fn what_others_wrote_cannot_act() {
        let line = Line::of(Style::Plain, "a\x1b[2J\n\u{9b}31mb\u{202e}c\x7f\u{200b}é");
        let text = line.print(&Screen { cut: false, ..screen(80, true) });
        assert_eq!(text, "a␛[2J␊\u{fffd}31mb\u{fffd}c␡\u{fffd}é");
    }

    #[test]
    fn lines_are_cut_at_the_width_and_say_so() {
        let line = Line::of(Style::Bold, "abc").and(Style::Plain, "漢字").and(Style::Dim, "de");
        for (width, plain) in [
            (9, "abc漢字de"),
            (8, "abc漢字…"),
            (7, "abc漢…"),
            (6, "abc漢…"),
            (5, "abc…"),
            (4, "abc…"),
            (2, "a…"),
            (1, "…"),
            (0, ""),
        ] {
            assert_eq!(line.print(&screen(width, false)), plain, "{width}");
        }
        // Two characters of one column in all that are two columns wide together.
        let smile = "☺\u{fe0f}";
        let smiles = Line::of(Style::Plain, &smile.repeat(40)).and(Style::Dim, "a");
        for (width, whole) in [(81, 40), (80, 39), (10, 4), (3, 1)] {
            let printed = smiles.print(&screen(width, false));
            assert!(printed.starts_with(&smile.repeat(whole)), "{width}: {printed}");
            assert!(printed.width() <= width, "{width}: {printed}");
        }
        assert_eq!(line.print(&screen(4, true)), "\x1b[1mabc\x1b[0m…");
        assert_eq!(Line::of(Style::Plain, "a  ").print(&screen(9, true)), "a");
    }

    #[test]
    fn long_texts_are_broken_between_words() {
        assert_eq!(wrapped("ab cd 漢字 efghi", 5), ["ab cd", "漢字", "efghi"]);
        assert_eq!(wrapped("longer a", 3), ["longer", "a"]);
        assert_eq!(
            (wrapped("", 3), wrapped("a b", 0)),
            (vec![String::new()], vec!["a".into(), "b".into()])
        );
    }

    #[test]
    fn columns_are_filled_by_what_is_seen() {
        assert_eq!(left("漢", 4), "漢  ");
        assert_eq!(right("é", 3), "  é");
        assert_eq!(right("long", 3), "long");
    }
}
