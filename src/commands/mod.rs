//! What each command prints and returns.

pub mod banner;
mod care;
pub mod check;
pub mod serve;
pub mod status;
mod tls;
