//! Memory in which bytes are gathered: aligned, so that a disk can take them from there.

/// What the start and length of memory must be multiples of for a disk to take it as it is.
/// Disks with larger sectors than this are written to by way of the page cache.
pub(super) const ALIGNMENT: usize = 4096;

/// Bytes gathered to be written together.
#[derive(Default)]
pub(super) struct Block {
    memory: Vec<u8>,
    /// Where the aligned part begins.
    start: usize,
    capacity: usize,
    length: usize,
}

impl Block {
    /// An empty block of `capacity` bytes.
    pub(super) fn new(capacity: usize) -> Self {
        // Not written to yet, so the system need not provide it yet.
        let memory = vec![0; capacity + ALIGNMENT];
        let start = memory.as_ptr().align_offset(ALIGNMENT).min(ALIGNMENT);
        Self { memory, start, capacity, length: 0 }
    }

    /// The block again, emptied, if it has that capacity; else another one.
    pub(super) fn renew(mut self, capacity: usize) -> Self {
        if self.capacity != capacity {
            return Self::new(capacity);
        }
        self.length = 0;
        self
    }

    pub(super) fn capacity(&self) -> usize {
        self.capacity
    }

    /// Takes as many bytes as there is room for; returns how many.
    pub(super) fn fill(&mut self, bytes: &[u8]) -> usize {
        let count = bytes.len().min(self.capacity - self.length);
        let end = self.start + self.length;
        self.memory[end..end + count].copy_from_slice(&bytes[..count]);
        self.length += count;
        count
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.memory[self.start..self.start + self.length]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_takes_what_there_is_room_for_in_aligned_memory() {
        let mut block = Block::new(8192);
        for _ in 0..2 {
            assert_eq!(block.bytes().as_ptr().align_offset(ALIGNMENT), 0);
            assert_eq!(block.fill(&[1; 5000]), 5000);
            assert_eq!(block.fill(&[2; 5000]), 3192);
            assert_eq!(block.fill(&[3]), 0);
            assert_eq!(block.bytes(), [vec![1; 5000], vec![2; 3192]].concat());
            block = block.renew(8192);
            assert_eq!(block.bytes(), b"");
        }
        assert_eq!(block.renew(4096).capacity(), 4096);
    }
}
