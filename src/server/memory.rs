//! How much memory a connection takes at most.

use super::{http2, outbox, request_body};
use crate::config::Config;

/// What a connection has while it waits and converses, beside its buffers.
const STATE: u64 = 8 * 1024;

/// Buffers of TLS: a record each way, a handshake, and what waits to be sent.
const TLS: u64 = 160 * 1024;

/// Fields of a head take this many times their length where they are taken apart.
const FIELDS: u64 = 2;

/// Bytes that one connection takes at most, whatever its client does. What answers send from the
/// cache or from pages in memory is counted there.
pub fn connection_memory(config: &Config) -> u64 {
    let head = config.max_header_size as u64;
    let http1 = head + request_body::MEMORY + outbox::MEMORY;
    let streams = u64::from(http2::MAX_STREAMS) * (head * FIELDS + STATE);
    let http2 = if config.enable_http2 { http2::MEMORY + streams } else { 0 };
    let tls = if config.enable_ssl { TLS } else { 0 };
    STATE + tls + http1.max(http2)
}
