//! What there is to be told about a running server: plain data, the same for the page, for programs
//! and for the terminal.
//!
//! This is the form of `/server-status?format=json`. Names end in their unit; a value that is not
//! known is `null`. Within one [`FORMAT`] things are added, never renamed or removed.

mod history;
mod parts;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use self::history::{HEAT_BANDS, History};
pub use self::parts::{
    AccessLogState, Cache, Certificate, ConnectionStates, Connections, HotFile, InFlight,
    LimitsHit, MAX_ERRORS, MAX_TOP, Monitoring, OpenClient, Process, RecentError, SlowRequest, Tls,
    Top, TopEntry, Uploads,
};

/// The version of the form: goes up when a reader of the old one would be wrong.
pub const FORMAT: u32 = 1;

/// Everything, at one moment.
///
/// Requests for the status page, metrics and health are counted in [`monitoring`](Self::monitoring)
/// and nowhere else.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// [`FORMAT`].
    pub format: u32,
    /// When this was taken, RFC 3339 in UTC.
    pub time: String,
    /// Who is speaking.
    pub server: ServerInfo,
    /// Whether all is well.
    pub health: Health,
    /// What was asked and answered since the start.
    pub requests: Requests,
    /// The same over the last seconds.
    pub recent: Recent,
    /// Bytes that went over the connections since the start, before encryption.
    pub traffic: Traffic,
    /// From the arrival of a request, content included, to the first byte of its answer: the
    /// server's own time.
    pub time_to_first_byte: Latency,
    /// From the arrival of a request's head to the last byte of its answer: with the time that the
    /// client takes to send content, and to read it.
    pub duration: Latency,
    /// Connections.
    pub connections: Connections,
    /// Requests that are being answered now, the oldest first; at most [`MAX_IN_FLIGHT`].
    pub in_flight: Vec<InFlight>,
    /// What was asked for most, what took longest, what went wrong.
    pub top: Top,
    /// The file cache; `null` when it is off.
    pub cache: Option<Cache>,
    /// Uploads; `null` when they are off.
    pub uploads: Option<Uploads>,
    /// TLS; `null` when it is off.
    pub tls: Option<Tls>,
    /// Limits that were hit since the start.
    pub limits: LimitsHit,
    /// The process and its machine.
    pub process: Process,
    /// The access log; `null` when it is off.
    pub access_log: Option<AccessLogState>,
    /// Requests for the status page, metrics and health since the start.
    pub monitoring: Monitoring,
}

/// Requests listed in [`Snapshot::in_flight`] at most.
pub const MAX_IN_FLIGHT: usize = 50;

/// Who is speaking.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServerInfo {
    /// The program's version.
    pub version: String,
    /// The commit it was built from, where known.
    pub commit: Option<String>,
    /// Process id.
    pub pid: u32,
    /// The machine's name.
    pub host: String,
    /// When the server started, RFC 3339 in UTC.
    pub started: String,
    /// Seconds since then.
    pub uptime_seconds: u64,
    /// Worker threads.
    pub workers: usize,
    /// Where it listens: URLs such as `https://0.0.0.0:8443`.
    pub listeners: Vec<String>,
    /// The folder that is served.
    pub document_root: String,
    /// The configuration file, if one was read.
    pub config_file: Option<String>,
    /// How it came to be configured as it is.
    pub configuration: Configuration,
    /// Every feature that can be turned on or off.
    pub features: Vec<Feature>,
    /// Whether it is finishing its last requests.
    pub draining: bool,
}

/// How a server came by the configuration in use.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Configuration {
    /// When it was taken into use, RFC 3339 in UTC: at the start, or at the last reload.
    pub since: String,
    /// Times that another was taken into use since the start.
    pub reloads: u64,
    /// Times that one was to be and could not.
    pub failures: u64,
    /// Why the last one could not, if it was so; the one before it stays in use.
    pub fault: Option<String>,
    /// The keys that the last reload changed.
    pub changed: Vec<String>,
    /// The keys that it would have changed, and that take a restart: the old values stay in use.
    pub restart_needed: Vec<String>,
}

/// Something that can be turned on or off.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Feature {
    /// Its name, as in the configuration, without `enable_`.
    pub name: String,
    /// Whether it is on.
    pub on: bool,
}

/// How well the server is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// All is well.
    #[default]
    Green,
    /// It serves, and somebody should look.
    Amber,
    /// It does not do what it is there for.
    Red,
}

/// Whether all is well: the worst of what was checked.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Health {
    /// The worst of all.
    pub state: State,
    /// What was checked, the worst first.
    pub checks: Vec<Check>,
}

/// One thing that was looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Check {
    /// Its name, such as `disk` or `certificate`.
    pub name: String,
    /// How it stands.
    pub state: State,
    /// That in words, with figures, and what to do if it is not green.
    pub text: String,
}

/// What was asked and answered since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Requests {
    /// All that were answered, refusals included.
    pub total: u64,
    /// By the status of the answer, such as `200`.
    pub by_status: BTreeMap<u16, u64>,
    /// By method; `unknown` for what could not be understood.
    pub by_method: BTreeMap<String, u64>,
    /// By protocol: `HTTP/1.0`, `HTTP/1.1`, `HTTP/2.0`.
    pub by_protocol: BTreeMap<String, u64>,
    /// Of all, those that came encrypted.
    pub encrypted: u64,
    /// Requests that are being answered now, whatever is listed of them.
    pub in_flight: u64,
}

/// The last seconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Recent {
    /// Requests per second, over the last second.
    pub requests_per_second: f64,
    /// Over the last minute.
    pub requests_per_second_1m: f64,
    /// Bytes received per second, over the last second.
    pub received_bytes_per_second: f64,
    /// Bytes sent per second, over the last second.
    pub sent_bytes_per_second: f64,
    /// Connections accepted per second, over the last second.
    pub connections_per_second: f64,
    /// The part of the last minute's answers that were server errors (5xx), 0 to 1.
    pub server_error_ratio_1m: f64,
    /// The part of the last minute's answers that were client errors (4xx), 0 to 1.
    pub client_error_ratio_1m: f64,
    /// The part of the last minute's files that came from the cache, 0 to 1; `null` without any.
    pub cache_hit_ratio_1m: Option<f64>,
    /// Time to the first byte, of the last minute.
    pub time_to_first_byte_1m: Percentiles,
}

/// Bytes since the start, before encryption. Over HTTP/2, heads are compressed and not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Traffic {
    /// Bytes of the content of requests, as far as it was read.
    pub received_content_bytes: u64,
    /// Bytes of their heads.
    pub received_head_bytes: u64,
    /// Bytes of the content of answers, as far as it was sent; large ones are counted while they are
    /// sent.
    pub sent_content_bytes: u64,
    /// Bytes of their heads.
    pub sent_head_bytes: u64,
}

/// How long something took, since the start.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Latency {
    /// How often.
    pub count: u64,
    /// All of it together.
    pub sum_seconds: f64,
    /// Quantiles.
    pub percentiles: Percentiles,
    /// How many took at most so many seconds: ascending, each including those before it.
    pub buckets: Vec<Bucket>,
}

/// One step of a distribution.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Bucket {
    /// At most that many seconds.
    pub le_seconds: f64,
    /// How many.
    pub count: u64,
}

/// Quantiles in seconds, to within 0.8 %; `null` when there is nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Percentiles {
    /// Half took at most that.
    pub p50_seconds: Option<f64>,
    /// 90 %.
    pub p90_seconds: Option<f64>,
    /// 95 %.
    pub p95_seconds: Option<f64>,
    /// 99 %.
    pub p99_seconds: Option<f64>,
    /// 99.9 %.
    pub p999_seconds: Option<f64>,
    /// The longest.
    pub max_seconds: Option<f64>,
}
