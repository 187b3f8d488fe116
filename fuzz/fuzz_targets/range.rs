//! Any `Range` selects pieces inside the content, no more than the whole, each as it would alone.
#![no_main]

#[path = "../checks/range.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|data: &[u8]| check::check(data));
