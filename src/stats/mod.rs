//! What the server does, counted.

pub mod snapshot;
