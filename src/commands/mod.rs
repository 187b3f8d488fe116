//! What each command prints and returns.

pub mod banner;
mod care;
pub mod check;
pub mod serve;
mod tls;
