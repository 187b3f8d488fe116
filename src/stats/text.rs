//! Text from clients, kept short: what is remembered of a request takes a fixed amount of memory.

/// At most `N` bytes of something, with its memory inside.
#[derive(Clone, Copy)]
pub(super) struct Short<const N: usize> {
    length: u8,
    bytes: [u8; N],
}

impl<const N: usize> Short<N> {
    /// Keeps the beginning.
    #[inline]
    pub(super) fn new(text: &[u8]) -> Self {
        let length = text.len().min(N).min(usize::from(u8::MAX));
        let mut bytes = [0; N];
        bytes[..length].copy_from_slice(&text[..length]);
        #[expect(clippy::cast_possible_truncation, reason = "at most 255, see above")]
        Self { length: length as u8, bytes }
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }

    /// As text, with an ellipsis where something may have been left out.
    pub(super) fn shown(&self) -> String {
        let text = String::from_utf8_lossy(self.as_bytes());
        let is_cut = usize::from(self.length) >= N.min(usize::from(u8::MAX));
        if is_cut { format!("{text}…") } else { text.into_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_is_cut_and_says_so() {
        assert_eq!(Short::<8>::new(b"/a.txt").shown(), "/a.txt");
        assert_eq!(Short::<8>::new(b"/abcdefghi").shown(), "/abcdefg…");
        assert_eq!(Short::<300>::new(&[b'x'; 400]).as_bytes().len(), 255);
        assert_eq!(Short::<4>::new(b"\xff").shown(), "\u{fffd}");
    }
}
