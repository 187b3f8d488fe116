//! What a snapshot tells of each part of the server.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

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
    /// How often a file was compressed to be kept.
    pub compressions: u64,
    /// Bytes before, of all of these.
    pub compressed_from_bytes: u64,
    /// Bytes after.
    pub compressed_to_bytes: u64,
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

/// Uploads. Those under way are in [`Snapshot::in_flight`](super::Snapshot::in_flight), with the state `receiving`.
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
    /// Whether nobody but its own key vouches for it, whether this server made it or somebody else.
    pub self_signed: bool,
}

/// Limits that were hit since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LimitsHit {
    /// Timeouts, by what took too long: `request_head`, `request_content`, `response`,
    /// `keep_alive`, `handshake`.
    pub timeouts: BTreeMap<String, u64>,
    /// Connections refused, by reason: `address_filter`, `connections` (of all), `connections_per_ip` (of one client),
    /// `handshakes`, `flood` (HTTP/2 frames that carry nothing); and `descriptors`, times that none could be accepted.
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
