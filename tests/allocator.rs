//! What the allocator gives back. A process of its own: this is about all of one.

#![cfg(all(target_os = "linux", target_env = "gnu"))]

/// Bytes between a block that the kernel gave for itself and the start of its page.
const HEADER: usize = 16;
const PAGE: usize = 4096;

/// Whether a block of so many bytes goes back to the system as soon as it is freed.
fn goes_back(length: usize) -> bool {
    let block = Vec::<u8>::with_capacity(length);
    std::hint::black_box(&block).as_ptr().addr() % PAGE == HEADER
}

#[test]
fn a_large_block_that_was_freed_does_not_make_the_next_ones_stay() {
    salver::allocator::give_back_what_is_free();
    drop(std::hint::black_box(Vec::<u8>::with_capacity(16 * 1024 * 1024)));
    for length in (1..=8).map(|n| n * 300_001) {
        assert!(goes_back(length), "{length}");
    }
}
