//! A file server: a folder over HTTP.
//!
//! The layers, from the words to the doers; an arrow never points up (`tests/layers.rs` holds them):
//!
//! | module | what it knows |
//! | --- | --- |
//! | [`message`] | words: request, response, header fields, bodies. No I/O, no protocol version |
//! | [`content`] | rules about representations: paths, conditions, ranges, tags, types. Pure |
//! | [`http1`] | HTTP/1.1 between bytes and words. Pure |
//! | [`store`] | where representations live: the disk, the cache |
//! | [`handler`] | one file per thing a request can be answered with |
//! | [`policy`] | what is added to answers whatever the handler |
//! | [`config`] | the configuration: keys, sources, errors |
//! | [`log`] | access log and diagnostics |
//! | [`confine`] | what the process gives up: being root, other files, system calls |
//! | [`allocator`] | how much freed memory is kept |
//! | [`descriptors`] | how many descriptors there are, and who gets them |
//! | [`stats`] | what is counted, and whether all is well |
//! | [`site`] | a configuration built into handlers and policies; the only reader of toggles |
//! | [`tls`] | certificates and keys, and what TLS is spoken with |
//! | [`server`] | sockets and time |
//! | [`systemd`] | what a service manager passes, and what it is told |
//! | [`client`] | HTTP from the other side: what commands ask servers with |
//! | [`load`] | many clients at once, and what they count |
//! | [`cli`], [`commands`] | the command line, and what each command prints and returns |
//!
//! Three rules: *rules never wait; handlers never write, they return; only the site reads toggles.*

pub mod allocator;
pub mod cli;
pub mod client;
pub mod commands;
pub mod config;
pub mod confine;
pub mod content;
pub mod descriptors;
pub mod handler;
pub mod http1;
pub mod load;
pub mod log;
pub mod message;
pub mod opening;
pub mod policy;
pub mod server;
pub mod site;
pub mod stats;
pub mod store;
pub mod systemd;
pub mod tls;
