//! What each command prints and returns.

pub mod banner;
mod care;
pub mod check;
pub mod get;
mod harmless;
mod logging;
mod memory;
mod places;
mod prepare;
mod reload;
mod running;
pub mod serve;
pub mod status;
mod tls;
