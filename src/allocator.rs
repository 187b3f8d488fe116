//! How much freed memory the allocator keeps for later (glibc, mallopt(3)).
//!
//! The first time that a large block is given back, such as a compressor's, glibc decides to keep twice as much
//! free at the end of each of its heaps, of which there are eight for each processor: a server that holds
//! 10 MiB then takes 150. With thresholds that are set it keeps those, and takes 37
//! (`benches/ALLOCATORS.md`). What is asked for along with a cached file is far smaller than these.

/// Bytes at the end of a heap from which on they are given back, and bytes of a block from which on it is given
/// back by itself: what glibc begins with.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const THRESHOLD: std::ffi::c_int = 128 * 1024;

/// The environment's word on the same (mallopt(3), ld.so(8)), which counts more.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const VARIABLES: [&str; 3] = ["MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES"];

/// Has freed memory given back to the system. To be called while there is one thread.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "a call that no library wraps; see above")]
pub fn give_back_what_is_free() {
    if VARIABLES.iter().any(|name| std::env::var_os(name).is_some()) {
        return;
    }
    for parameter in [libc::M_MMAP_THRESHOLD, libc::M_TRIM_THRESHOLD] {
        // SAFETY: takes two numbers and no pointer. It changes parameters of the allocator under its lock, which
        // are valid at any time; those that are refused change nothing.
        unsafe { libc::mallopt(parameter, THRESHOLD) };
    }
}

/// Other allocators decide for themselves.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn give_back_what_is_free() {}
