//! The status of the server, in forms for other programs.

#![allow(dead_code)]

mod auto;
mod metrics;
mod times;

#[cfg(test)]
mod fixture;
