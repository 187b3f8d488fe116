//! What goes wrong around a server (disks, descriptors, clocks, clients, sudden ends), and what it
//! does then. What needs root (mounts) is ignored by default; `.ci/run` runs it.

#![allow(clippy::expect_used, clippy::unwrap_used)]
#![allow(unreachable_pub)]

mod clients;
mod clock;
mod descriptors;
mod disk_full;
mod fuse;
mod killed;
mod logs;
mod machine;
mod odd_files;
mod root;
mod slow_disk;
mod stopped;
#[path = "../support/mod.rs"]
mod support;
