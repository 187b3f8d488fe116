//! What happened over time, as data.

use serde::{Deserialize, Serialize};

/// What happened in a stretch of time, in equal steps; the oldest first, all lists of one length.
///
/// This is the form of `/server-status?format=json&range=10m` (its field `history`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct History {
    /// `10m`, `2h` or `24h`.
    pub range: String,
    /// Seconds of one step: 1, 10 or 60.
    pub step_seconds: u32,
    /// When the last step ended, RFC 3339 in UTC.
    pub end: String,
    /// Answers per step, by the class of their status: `[1xx, 2xx, 3xx, 4xx, 5xx]`.
    pub requests: Vec<[u32; 5]>,
    /// Bytes received per step.
    pub received_bytes: Vec<u64>,
    /// Bytes sent per step.
    pub sent_bytes: Vec<u64>,
    /// Connections accepted per step.
    pub accepted: Vec<u32>,
    /// Connections open at the end of the step.
    pub open: Vec<u32>,
    /// Requests in flight at the end of the step.
    pub in_flight: Vec<u32>,
    /// Files from the cache per step.
    pub cache_hits: Vec<u32>,
    /// Files from the disk per step.
    pub cache_misses: Vec<u32>,
    /// Time to the first byte in seconds; `null` where nothing was answered.
    pub p50_seconds: Vec<Option<f32>>,
    /// 95 %.
    pub p95_seconds: Vec<Option<f32>>,
    /// 99 %.
    pub p99_seconds: Vec<Option<f32>>,
    /// Answers by their time to the first byte: [`HEAT_BANDS`] bands, the first up to 16 us, each
    /// of the others up to twice the one before, the last without end.
    pub latency_bands: Vec<Vec<u32>>,
    /// Resident memory at the end of the step.
    pub resident_bytes: Vec<u64>,
    /// CPU time per second: 1 is one core.
    pub cpu_usage: Vec<f32>,
    /// Descriptors open at the end of the step.
    pub open_files: Vec<u32>,
}

/// Bands of [`History::latency_bands`]: up to 16 us, 32 us ... 67 s, and longer.
pub const HEAT_BANDS: usize = 24;
