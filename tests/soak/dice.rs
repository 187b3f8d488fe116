//! Numbers that nobody chose, and content made of them.

/// Xorshift: the same series for the same seed.
pub struct Dice(u64);

const WORDS: [&str; 16] = [
    "tray ", "water ", "lake\n", "a ", "of ", "silver ", "plate ", "to ", "serve ", "and ", "cup ",
    "table ", "bread ", "evening ", "guest ", "window\n",
];

impl Dice {
    pub fn new(seed: u64) -> Self {
        let mut dice = Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        for _ in 0..8 {
            dice.next();
        }
        dice
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// From 0 to one less than `end`.
    pub fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() >> 1).expect("63 bits") % end.max(1)
    }

    /// Once in so many times.
    pub fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    /// Bytes that do not compress.
    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut all = Vec::with_capacity(length + 8);
        while all.len() < length {
            all.extend_from_slice(&self.next().to_le_bytes());
        }
        all.truncate(length);
        all
    }

    /// A text that does, and is like no other.
    pub fn text(&mut self, length: usize) -> Vec<u8> {
        let mut all = format!("{:016x}\n", self.next()).into_bytes();
        while all.len() < length {
            let mut number = self.next();
            for _ in 0..16 {
                all.extend_from_slice(
                    WORDS[usize::try_from(number % 16).expect("little")].as_bytes(),
                );
                number /= 16;
            }
        }
        all.truncate(length.max(17));
        all
    }
}
