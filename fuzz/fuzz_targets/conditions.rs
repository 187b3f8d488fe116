//! Fields together come to what RFC 9110 section 13.2.2 makes of each field alone.
#![no_main]

#[path = "../checks/conditions.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|data: &[u8]| check::check(data));
