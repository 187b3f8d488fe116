//! Any bytes are a path below the root or an error, and the link to that path leads back to it.
#![no_main]

#[path = "../checks/path.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|data: &[u8]| check::check(data));
