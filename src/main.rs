//! The binary: arguments to a command, a command to an exit status.

fn main() {}
