//! What each command prints and returns.

pub mod banner;
pub mod check;
pub mod serve;
pub mod status;
mod tls;
