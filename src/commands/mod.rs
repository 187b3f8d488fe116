//! What each command prints and returns.

pub mod banner;
pub mod bench;
mod care;
pub mod check;
mod logging;
mod memory;
mod places;
mod prepare;
mod reload;
mod running;
pub mod serve;
pub mod status;
mod terminal;
mod tls;
