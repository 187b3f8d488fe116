//! What each command prints and returns: one file per command.

pub mod check;
