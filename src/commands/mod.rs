//! What each command prints and returns.

pub mod banner;
