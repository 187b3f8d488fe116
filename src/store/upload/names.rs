//! Other names for a file whose own is taken: `a.txt`, `a (1).txt`, `a (2).txt` …

/// Bytes that a file name may have.
const MAX_LENGTH: usize = 255;

/// What is longer than this after a dot is no extension.
const MAX_EXTENSION: usize = 32;

/// A name in two halves, between which the number comes.
pub(super) struct Numbered<'n> {
    stem: &'n [u8],
    /// With its dot; `.tar.gz` as a whole.
    extension: &'n [u8],
}

impl<'n> Numbered<'n> {
    pub(super) fn new(name: &'n [u8]) -> Self {
        let (stem, extension) = name.split_at(extension_start(name));
        Self { stem, extension }
    }

    /// The name with a number, at most 255 bytes: the stem is cut for it, between characters.
    pub(super) fn with(&self, number: u64) -> Vec<u8> {
        let number = format!(" ({number})");
        let room = MAX_LENGTH.saturating_sub(number.len() + self.extension.len());
        let mut end = self.stem.len().min(room);
        while end < self.stem.len() && end > 0 && is_continuation(self.stem[end]) {
            end -= 1;
        }
        [&self.stem[..end], number.as_bytes(), self.extension].concat()
    }
}

fn extension_start(name: &[u8]) -> usize {
    let Some(last) = dot_before(name, name.len()) else {
        return name.len();
    };
    // A tape archive keeps its two.
    match dot_before(name, last) {
        Some(first) if name[first..last].eq_ignore_ascii_case(b".tar") => first,
        _ => last,
    }
}

/// The dot that begins an extension of `name[..end]`.
fn dot_before(name: &[u8], end: usize) -> Option<usize> {
    let dot = memchr::memrchr(b'.', &name[..end])?;
    let length = end - dot - 1;
    (dot > 0 && length > 0 && length <= MAX_EXTENSION).then_some(dot)
}

/// Whether a byte of UTF-8 goes on with the character before it.
fn is_continuation(byte: u8) -> bool {
    byte & 0xc0 == 0x80
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_comes_before_the_extension() {
        let rows = [
            ("a.txt", "a (7).txt"),
            ("a", "a (7)"),
            ("a.tar.gz", "a (7).tar.gz"),
            ("a.TAR.zst", "a (7).TAR.zst"),
            (".tar.gz", ".tar (7).gz"),
            ("a.b.c", "a.b (7).c"),
            (".profile", ".profile (7)"),
            ("a.", "a. (7)"),
            ("a (1).txt", "a (1) (7).txt"),
            ("\u{e9}.\u{e9}", "\u{e9} (7).\u{e9}"),
        ];
        for (name, wanted) in rows {
            let found = Numbered::new(name.as_bytes()).with(7);
            assert_eq!(String::from_utf8(found).unwrap(), wanted, "{name}");
        }
    }

    #[test]
    fn a_long_name_is_cut_between_characters() {
        for (stem, extension) in [
            ("a".repeat(255), ""),
            ("\u{20ac}".repeat(83), ".tar.gz"),
            ("\u{e9}".repeat(125), ".x"),
        ] {
            let name = format!("{stem}{extension}");
            for number in [1, 10, 100, 1000, u64::MAX] {
                let found = String::from_utf8(Numbered::new(name.as_bytes()).with(number)).unwrap();
                assert!((250..=255).contains(&found.len()), "{found}");
                assert!(found.ends_with(&format!(" ({number}){extension}")), "{found}");
            }
        }
    }

    #[test]
    fn a_long_end_is_no_extension() {
        let name = format!("a.{}", "b".repeat(253));
        let found = Numbered::new(name.as_bytes()).with(1);
        assert!(found.ends_with(b"b (1)"));
    }
}
