//! What there is to be told about a running server: plain data, the same for the page, for programs
//! and for the terminal.
//!
//! This is the form of `/server-status?format=json`. Names end in their unit; a value that is not
//! known is `null`. Within one [`FORMAT`] things are added, never renamed or removed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

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
    /// Every feature that can be turned on or off.
    pub features: Vec<Feature>,
    /// Whether it is finishing its last requests.
    pub draining: bool,
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

/// Connections.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Connections {
    /// Since the start: those that have asked something, or ended without.
    pub total: u64,
    /// Open now, whatever they do.
    pub open: u64,
    /// As many as may be open.
    pub limit: u64,
    /// Those that are open, by what they do.
    pub states: ConnectionStates,
    /// The clients with the most connections open, IPv6 by /64; at most [`MAX_TOP`].
    pub clients: Vec<OpenClient>,
}

/// What open connections do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConnectionStates {
    /// New: nothing has come yet, or TLS is being agreed on.
    pub starting: u64,
    /// A request has begun to arrive.
    pub reading: u64,
    /// A request is being answered.
    pub answering: u64,
    /// Kept alive between requests.
    pub idle: u64,
    /// HTTP/2, whatever they do.
    pub http2: u64,
    /// Answered for the last time; the client is given the time to read it.
    pub closing: u64,
}

/// A client and its connections.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OpenClient {
    /// Its address; an IPv6 client is its network of 64 bits.
    pub address: String,
    /// Connections open.
    pub open: u64,
}

/// A request that is being answered.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct InFlight {
    /// What it is called in the access log.
    pub id: String,
    /// Who asks: address and port.
    pub client: String,
    /// Its method.
    pub method: String,
    /// Its path, without the query, shortened.
    pub path: String,
    /// `HTTP/1.1` or another.
    pub protocol: String,
    /// What is happening: `waiting`, `receiving` (content), `sending`.
    pub state: String,
    /// Seconds since its head arrived.
    pub age_seconds: f64,
    /// Bytes of content received.
    pub received_bytes: u64,
    /// Bytes of content that the client announced.
    pub received_of_bytes: Option<u64>,
    /// Bytes of the answer's content sent.
    pub sent_bytes: u64,
    /// Bytes of the answer's content in all, when known.
    pub sent_of_bytes: Option<u64>,
    /// Bytes of content per second, in either direction, over the whole time.
    pub bytes_per_second: f64,
}

/// Entries of each list of [`Top`] at most.
pub const MAX_TOP: usize = 10;

/// What was asked for most, what took longest, what went wrong.
///
/// The lists are of fixed size, so counts may be too low where there are many names, and those of busy
/// servers are scaled up from samples.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Top {
    /// Since when, RFC 3339 in UTC: 10 to 20 minutes ago, or the start.
    pub since: String,
    /// Whether counts of paths and clients are estimates from samples: there was much to count.
    pub is_estimate: bool,
    /// Paths asked for most.
    pub paths: Vec<TopEntry>,
    /// Clients that asked most, IPv6 by /64.
    pub clients: Vec<TopEntry>,
    /// Requests that took longest to the first byte.
    pub slowest: Vec<SlowRequest>,
    /// Errors (4xx and 5xx), the latest first; at most [`MAX_ERRORS`].
    pub errors: Vec<RecentError>,
}

/// Entries of [`Top::errors`] at most.
pub const MAX_ERRORS: usize = 30;

/// Something that was asked for, or somebody who asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TopEntry {
    /// A path without its query, shortened; or an address.
    pub name: String,
    /// Requests.
    pub requests: u64,
    /// Bytes of content sent for them.
    pub bytes: u64,
}

/// A request that took long.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SlowRequest {
    /// When it came, RFC 3339 in UTC.
    pub time: String,
    /// Who asked.
    pub client: String,
    /// Its method.
    pub method: String,
    /// Its path, without the query, shortened.
    pub path: String,
    /// The status of the answer.
    pub status: u16,
    /// Seconds to the first byte.
    pub time_to_first_byte_seconds: f64,
    /// Seconds to the last.
    pub duration_seconds: f64,
    /// Bytes of content sent.
    pub bytes: u64,
}

/// A request that was answered with an error.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RecentError {
    /// When, RFC 3339 in UTC.
    pub time: String,
    /// Who asked.
    pub client: String,
    /// Its method; `-` when it could not be read.
    pub method: String,
    /// Its path, without the query, shortened.
    pub path: String,
    /// The status of the answer.
    pub status: u16,
    /// Of a request that could not be understood: what was wrong, as in
    /// [`LimitsHit::malformed_requests`].
    pub reason: Option<String>,
}

/// The file cache.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Cache {
    /// Requests for files that were answered from memory.
    pub hits: u64,
    /// Of those, the ones for which the file was looked at again first.
    pub revalidated: u64,
    /// Requests for files that were answered from the disk.
    pub misses: u64,
    /// Things given up to make room.
    pub evictions: u64,
    /// Things kept: files, and answers such as "there is no such file".
    pub entries: u64,
    /// Bytes of memory they take.
    pub bytes: u64,
    /// As many as they may take.
    pub limit_bytes: u64,
    /// Large files kept open.
    pub open_files: u64,
    /// Files that were found here most often; at most [`MAX_TOP`].
    pub hottest: Vec<HotFile>,
}

/// A file in the cache.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HotFile {
    /// Its path on the site.
    pub path: String,
    /// How often it was found.
    pub hits: u64,
    /// Its size.
    pub bytes: u64,
}

/// Uploads. Those under way are in [`Snapshot::in_flight`], with the state `receiving`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Uploads {
    /// Requests whose content is arriving now.
    pub running: u64,
    /// Files stored since the start.
    pub stored_files: u64,
    /// Bytes in them.
    pub stored_bytes: u64,
    /// Requests with content that were refused since the start, by status.
    pub refused: BTreeMap<u16, u64>,
    /// Bytes free where uploads land.
    pub free_bytes: Option<u64>,
}

/// TLS.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tls {
    /// Handshakes that succeeded since the start.
    pub handshakes: u64,
    /// Of those, the ones that went on with an earlier session.
    pub resumed: u64,
    /// Handshakes by version, `TLSv1.3` and `TLSv1.2`.
    pub versions: BTreeMap<String, u64>,
    /// Handshakes that failed, by reason.
    pub failures: BTreeMap<String, u64>,
    /// The certificates in use.
    pub certificates: Vec<Certificate>,
}

/// A certificate in use.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Certificate {
    /// The names it is for.
    pub names: Vec<String>,
    /// When it ends, RFC 3339 in UTC.
    pub not_after: String,
    /// Whole days until then; negative afterwards.
    pub days_left: i64,
    /// Whether nobody but this server vouches for it.
    pub self_signed: bool,
}

/// Limits that were hit since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LimitsHit {
    /// Timeouts, by what took too long: `request_head`, `request_content`, `response`,
    /// `keep_alive`, `handshake`.
    pub timeouts: BTreeMap<String, u64>,
    /// Connections refused, by reason: `address_filter`, `connections` (all or of one client),
    /// `handshakes`; and `descriptors`, times that none could be accepted.
    pub refused_connections: BTreeMap<String, u64>,
    /// Heads that could not be understood, by what was wrong with them, such as `bare_lf`.
    pub malformed_requests: BTreeMap<String, u64>,
    /// Answers that were cut short: the client left, or a file changed.
    pub aborted_responses: u64,
    /// Contents too large (413).
    pub content_too_large: u64,
    /// Targets too long (414).
    pub uri_too_long: u64,
    /// Ranges outside the file (416).
    pub range_not_satisfiable: u64,
    /// Heads too large (431).
    pub head_too_large: u64,
}

/// The process and its machine; `null` where the system does not tell.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Process {
    /// Memory in use (resident set).
    pub resident_bytes: Option<u64>,
    /// Address space.
    pub virtual_bytes: Option<u64>,
    /// CPU time used since the start, as a user and for it by the system.
    pub cpu_user_seconds: Option<f64>,
    /// See there.
    pub cpu_system_seconds: Option<f64>,
    /// CPU time per second over the last second: 1 is one core, busy all the time.
    pub cpu_usage: Option<f64>,
    /// CPUs that it may use at once.
    pub cpus: Option<u64>,
    /// Threads.
    pub threads: Option<u64>,
    /// Descriptors open.
    pub open_files: Option<u64>,
    /// As many as may be.
    pub open_files_limit: Option<u64>,
    /// The machine's load over 1, 5 and 15 minutes.
    pub load_average: Option<[f64; 3]>,
    /// Bytes free on the file system of the document root.
    pub disk_free_bytes: Option<u64>,
    /// Bytes that it has in all.
    pub disk_total_bytes: Option<u64>,
}

/// The access log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AccessLogState {
    /// Lines lost since the start because the output was too slow.
    pub dropped_lines: u64,
}

/// Those who look at the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Monitoring {
    /// Their requests.
    pub requests: u64,
    /// Their connections: those that began with such a request.
    pub connections: u64,
    /// Bytes of content sent to them.
    pub sent_content_bytes: u64,
    /// Pages that are kept up to date now.
    pub live_pages: u64,
}

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
