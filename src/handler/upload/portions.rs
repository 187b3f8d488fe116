//! Cuts a form where the head of a part may begin or end, wherever the network has cut it.
//!
//! `multer` does not say how much of what it was given it still holds. It holds nothing when the
//! last it was given is the end of a head, or of the line that divides two parts: so these end a
//! portion. Content goes through in as large portions as it came.

use bytes::Bytes;
use memchr::{memchr, memmem, memrchr};

/// What is being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// The head of a part, or what is before the first.
    Head,
    /// The content of a part, or the delimiter after it.
    Content,
}

/// A piece of a form, of which a portion is taken at a time.
#[derive(Debug, Default)]
pub(super) struct Portions {
    held: Bytes,
    line: Line,
    is_head: bool,
}

/// The line that the last byte taken belongs to, by its beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Line {
    /// Nothing of it was taken yet.
    #[default]
    Empty,
    /// It has one byte, a dash.
    Dash,
    /// It begins with two dashes, as a delimiter does.
    Dashes,
    /// It is no delimiter.
    Other,
}

impl Portions {
    pub(super) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// The next piece; the one before must be taken to its end.
    pub(super) fn fill(&mut self, piece: Bytes) {
        debug_assert!(self.is_empty(), "what is held is taken first");
        self.held = piece;
    }

    /// Takes the next portion, and how much of it counts as a head: all lines that begin in it do,
    /// and not the rest of the delimiter before it.
    pub(super) fn take(&mut self, reading: Reading) -> (Bytes, usize) {
        let end = match reading {
            Reading::Content if !self.may_be_delimiter() => self.content_end(),
            _ => memchr(b'\n', &self.held).map_or(self.held.len(), |at| at + 1),
        };
        self.is_head = reading == Reading::Head && (self.is_head || self.line == Line::Empty);
        let portion = self.held.split_to(end);
        self.line = self.line.after(&portion);
        let head = if self.is_head { portion.len() } else { 0 };
        (portion, head)
    }

    fn may_be_delimiter(&self) -> bool {
        let mut line = self.line;
        line == Line::Dashes
            || self.held.iter().take(2).any(|byte| {
                line = line.with(*byte);
                line == Line::Dashes
            })
    }

    /// Where the next line begins that may be a delimiter.
    fn content_end(&self) -> usize {
        memmem::find(&self.held, b"\n--").map_or(self.held.len(), |at| at + 1)
    }
}

impl Line {
    fn with(self, byte: u8) -> Self {
        match (self, byte) {
            (_, b'\n') => Self::Empty,
            (Self::Empty, b'-') => Self::Dash,
            (Self::Dash, b'-') | (Self::Dashes, _) => Self::Dashes,
            _ => Self::Other,
        }
    }

    fn after(self, bytes: &[u8]) -> Self {
        let (line, rest) = match memrchr(b'\n', bytes) {
            Some(at) => (Self::Empty, bytes.get(at + 1..).unwrap_or_default()),
            None => (self, bytes),
        };
        // More bytes change nothing.
        rest.iter().take(2).fold(line, |line, byte| line.with(*byte))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// All portions of `pieces`, while `reading`.
    fn portions(pieces: &[&[u8]], reading: Reading) -> Vec<Vec<u8>> {
        let mut portions = Portions::default();
        let mut all = Vec::new();
        for piece in pieces {
            portions.fill(Bytes::copy_from_slice(piece));
            while !portions.is_empty() {
                all.push(portions.take(reading).0.to_vec());
            }
        }
        all
    }

    fn text(portions: &[Vec<u8>]) -> Vec<&str> {
        portions.iter().map(|portion| str::from_utf8(portion).unwrap()).collect()
    }

    #[test]
    fn lines_that_may_be_delimiters_are_portions_of_their_own() {
        let rows: [(&[&str], &[&str]); 8] = [
            (&["one\r\ntwo\r\n- three"], &["one\r\ntwo\r\n- three"]),
            (&["one\r\n--b\r\nX: y\r\n"], &["one\r\n", "--b\r\n", "X: y\r\n"]),
            (&["one\r\n", "--b\r\nX: y\r\n"], &["one\r\n", "--b\r\n", "X: y\r\n"]),
            (&["one\r\n-", "-b\r\nX: y\r\n"], &["one\r\n-", "-b\r\n", "X: y\r\n"]),
            (&["one\r\n--", "b\r\nX: y\r\n"], &["one\r\n", "--", "b\r\n", "X: y\r\n"]),
            (&["one\r\n--b\r", "\nX: y\r\n"], &["one\r\n", "--b\r", "\n", "X: y\r\n"]),
            (&["--b\r\n\r\n--b"], &["--b\r\n", "\r\n", "--b"]),
            (&["one--two\n-\n-three\n"], &["one--two\n-\n-three\n"]),
        ];
        for (pieces, wanted) in rows {
            let pieces: Vec<_> = pieces.iter().map(|piece| piece.as_bytes()).collect();
            assert_eq!(text(&portions(&pieces, Reading::Content)), wanted);
        }
    }

    #[test]
    fn heads_go_line_by_line() {
        let found = portions(&[b"A: b\r\n\r\ncontent", b"\r\n"], Reading::Head);
        assert_eq!(text(&found), ["A: b\r\n", "\r\n", "content", "\r\n"]);
    }

    #[test]
    fn the_rest_of_a_delimiter_is_not_of_the_head_after_it() {
        let mut portions = Portions::default();
        portions.fill(Bytes::from_static(b"x\r\n--b"));
        assert_eq!(portions.take(Reading::Content).1, 0);
        assert_eq!(portions.take(Reading::Content).1, 0);
        portions.fill(Bytes::from_static(b" \r\nA: b"));
        assert_eq!(portions.take(Reading::Head).1, 0);
        assert_eq!(portions.take(Reading::Head).1, 4);
        portions.fill(Bytes::from_static(b"c\r\n\r\nxy"));
        assert_eq!(portions.take(Reading::Head).1, 3);
        assert_eq!(portions.take(Reading::Head).1, 2);
        assert_eq!(portions.take(Reading::Content).1, 0);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_heads_count_the_same_however_they_are_cut(
            bytes in prop::collection::vec(prop::sample::select(b"\r\n-ab".to_vec()), 0..60),
            cut in 1_usize..20,
            content in any::<bool>(),
        ) {
            let reading = if content { Reading::Content } else { Reading::Head };
            let pieces: Vec<_> = bytes.chunks(cut).collect();
            prop_assert_eq!(portions(&pieces, reading).concat(), bytes.clone());
            // A delimiter, wherever it is cut, is followed by nothing in its portion.
            for portion in portions(&pieces, reading) {
                let line = memmem::find(&portion, b"\n--").is_none();
                prop_assert!(line, "{:?}", portion);
            }
        }
    }
}
