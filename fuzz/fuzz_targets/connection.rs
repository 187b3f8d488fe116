#![no_main]

#[path = "../checks/connection.rs"]
mod check;
#[path = "../checks/folder.rs"]
mod folder;
#[path = "../checks/served.rs"]
mod served;

libfuzzer_sys::fuzz_target!(|data: &[u8]| check::check(data));
