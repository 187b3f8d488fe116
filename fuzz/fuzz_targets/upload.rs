#![no_main]

#[path = "../checks/upload.rs"]
mod check;
#[path = "../checks/folder.rs"]
mod folder;

libfuzzer_sys::fuzz_target!(|data: &[u8]| check::check(data));
