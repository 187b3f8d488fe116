//! What has been read and not yet understood.

/// Bytes of a fresh inbox: enough for any usual head, and for several pipelined ones.
const INITIAL: usize = 8 * 1024;

/// A read buffer. What was consumed makes room when room is needed.
pub(super) struct Inbox {
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

impl Inbox {
    pub(super) fn new() -> Self {
        Self { buffer: vec![0; INITIAL], start: 0, end: 0 }
    }

    /// What was read and not consumed.
    pub(super) fn unread(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    pub(super) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Drops the first `count` unread bytes.
    pub(super) fn consume(&mut self, count: usize) {
        self.start = (self.start + count).min(self.end);
        if self.is_empty() {
            self.start = 0;
            self.end = 0;
        }
    }

    /// Where to read to: never empty while fewer than `limit` bytes are unread.
    pub(super) fn room(&mut self, limit: usize) -> &mut [u8] {
        if self.end == self.buffer.len() {
            if self.start > 0 {
                self.buffer.copy_within(self.start..self.end, 0);
                self.end -= self.start;
                self.start = 0;
            } else if self.buffer.len() < limit {
                self.buffer.resize((self.buffer.len() * 2).min(limit), 0);
            }
        }
        &mut self.buffer[self.end..]
    }

    /// Notes that `count` bytes were read into the [`room`](Self::room).
    pub(super) fn filled(&mut self, count: usize) {
        self.end = (self.end + count).min(self.buffer.len());
    }

    /// Whether it is back to its first size and empty, ready for another connection.
    pub(super) fn is_fresh(&self) -> bool {
        self.is_empty() && self.buffer.len() == INITIAL
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(inbox: &mut Inbox, bytes: &[u8]) {
        inbox.room(usize::MAX)[..bytes.len()].copy_from_slice(bytes);
        inbox.filled(bytes.len());
    }

    #[test]
    fn bytes_come_out_in_the_order_they_went_in() {
        let mut inbox = Inbox::new();
        put(&mut inbox, b"abc");
        put(&mut inbox, b"def");
        inbox.consume(2);
        assert_eq!(inbox.unread(), b"cdef");
        inbox.consume(4);
        assert!(inbox.is_empty());
    }

    #[test]
    fn room_is_made_by_moving_first_and_by_growing_up_to_the_limit() {
        let mut inbox = Inbox::new();
        let all = inbox.room(0).len();
        inbox.filled(all);
        inbox.consume(all - 1);
        assert_eq!(inbox.room(0).len(), all - 1);
        inbox.filled(all - 1);
        assert_eq!(inbox.room(all + 10).len(), 10);
        inbox.filled(10);
        assert_eq!(inbox.room(all + 10).len(), 0);
        inbox.consume(all + 10);
        assert!(!inbox.is_fresh());
    }
}
