//! What people see, in Chromium: every page without an error on its console and with its picture
//! in `target/screenshots`. Ignored where there is no Chromium; `.ci/run` installs it.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::print_stderr)]
#![allow(unreachable_pub)]

mod cors;
mod devtools;
mod drop_zone;
mod input;
mod listing;
mod page;
mod preview;
mod relay;
mod site;
mod status;
#[path = "../support/mod.rs"]
mod support;
mod upload;
