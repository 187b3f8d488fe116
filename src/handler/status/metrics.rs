//! `/metrics`: the status for Prometheus and those who read its text form.
//!
//! The classic form, which every collector reads. Nothing that a client sends becomes a label: the
//! number of series depends on the program alone.

mod samples;

use std::borrow::Borrow;
use std::collections::BTreeMap;

use prometheus_client::encoding::text::encode_registry;
use prometheus_client::registry::Registry;

use self::samples::{Distribution, Label, Number, Samples};
use super::times;
use crate::stats::snapshot::{Health, LimitsHit, Snapshot, State, Tls};

/// The `Content-Type` of the classic form.
pub(super) const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What is counted as `other` is not in these.
const METHODS: [&str; 10] =
    ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "CONNECT", "TRACE", "unknown"];
const PROTOCOLS: [&str; 5] = ["HTTP/0.9", "HTTP/1.0", "HTTP/1.1", "HTTP/2.0", "unknown"];
const OTHER: &str = "other";

/// The status as text.
pub(super) fn metrics(snapshot: &Snapshot) -> String {
    let mut families = Families(Registry::with_prefix("salver"));
    server(&mut families, snapshot);
    requests(&mut families, snapshot);
    connections(&mut families, snapshot);
    limits(&mut families, &snapshot.limits);
    cache(&mut families, snapshot);
    uploads(&mut families, snapshot);
    tls(&mut families, snapshot.tls.as_ref());
    rest(&mut families, snapshot);
    let mut own = Families(Registry::default());
    process(&mut own, snapshot);

    let mut text = String::new();
    for Families(registry) in [&families, &own] {
        // Writing to a string cannot fail, and no metric here refuses to be written.
        let _ = encode_registry(&mut text, registry);
    }
    text
}

/// The families of one prefix; help texts get their full stop from the registry.
struct Families(Registry);

impl Families {
    fn counter(&mut self, name: &str, help: &str, count: u64) {
        self.counters(name, help, [(vec![], count)]);
    }

    fn counters(
        &mut self,
        name: &str,
        help: &str,
        counts: impl IntoIterator<Item = (Vec<Label>, u64)>,
    ) {
        let counts = counts.into_iter().map(|(labels, count)| (labels, Number::Count(count)));
        self.0.register(name, help, Samples::counter(counts.collect()));
    }

    fn gauge(&mut self, name: &str, help: &str, count: u64) {
        self.gauges(name, help, [(vec![], count)]);
    }

    fn gauges(
        &mut self,
        name: &str,
        help: &str,
        counts: impl IntoIterator<Item = (Vec<Label>, u64)>,
    ) {
        let counts = counts.into_iter().map(|(labels, count)| (labels, Number::Count(count)));
        self.0.register(name, help, Samples::gauge(counts.collect()));
    }

    /// A gauge that is left out when it is not known.
    fn known(&mut self, name: &str, help: &str, value: Option<Number>) {
        let samples = value.into_iter().map(|number| (vec![], number)).collect();
        self.0.register(name, help, Samples::gauge(samples));
    }

    /// Counters by the value of one label.
    fn by<T: ToString, N: Borrow<u64>>(
        &mut self,
        name: &str,
        help: &str,
        label: &'static str,
        counts: impl IntoIterator<Item = (T, N)>,
    ) {
        let counts = counts.into_iter();
        let counts =
            counts.map(|(value, count)| (vec![(label, value.to_string())], *count.borrow()));
        self.counters(name, help, counts);
    }
}

fn server(families: &mut Families, snapshot: &Snapshot) {
    let server = &snapshot.server;
    let build = vec![
        ("version", server.version.clone()),
        ("commit", server.commit.clone().unwrap_or_default()),
    ];
    families.gauges("build_info", "The program, as labels; always 1", [(build, 1)]);
    let workers = server.workers.try_into().unwrap_or(u64::MAX);
    families.gauge("workers", "Worker threads", workers);
    let draining = server.draining.into();
    families.gauge("draining", "Whether the server is finishing its last requests", draining);
    let configuration = &server.configuration;
    let reloads = [("done", configuration.reloads), ("failed", configuration.failures)];
    families.by(
        "config_reloads_total",
        "Times the configuration was read again",
        "result",
        reloads,
    );
    families.gauge(
        "config_last_reload_successful",
        "Whether the configuration as it was last read is in use",
        configuration.fault.is_none().into(),
    );
    families.known(
        "config_last_reload_success_timestamp_seconds",
        "When the configuration in use was taken into use, in seconds since 1970",
        times::seconds_since_1970(&configuration.since).map(Number::Measure),
    );
    families.gauge(
        "config_restart_needed",
        "Keys of the configuration as it was last read that take a restart",
        configuration.restart_needed.len() as u64,
    );
    let state = severity(snapshot.health.state);
    families.gauge("health_state", "The worst check: 0 is green, 1 amber, 2 red", state);
    let checks = worst_checks(&snapshot.health);
    let checks = checks.into_iter().map(|(check, state)| (vec![("check", check)], state));
    families.gauges("health_check_state", "One check: 0 is green, 1 amber, 2 red", checks);
}

fn severity(state: State) -> u64 {
    match state {
        State::Green => 0,
        State::Amber => 1,
        State::Red => 2,
    }
}

/// Several checks may have one name, such as those of several certificates; a series may not.
fn worst_checks(health: &Health) -> BTreeMap<String, u64> {
    let mut worst = BTreeMap::new();
    for check in &health.checks {
        let state: &mut u64 = worst.entry(check.name.clone()).or_default();
        *state = severity(check.state).max(*state);
    }
    worst
}

fn requests(families: &mut Families, snapshot: &Snapshot) {
    let requests = &snapshot.requests;
    families.counter("requests_total", "Requests answered, refusals included", requests.total);
    families.counter(
        "encrypted_requests_total",
        "Requests answered that came encrypted",
        requests.encrypted,
    );
    families.gauge("requests_in_flight", "Requests being answered", requests.in_flight);
    families.by("responses_total", "Answers by status", "code", &requests.by_status);
    let by_method = within(&METHODS, &requests.by_method);
    families.by("requests_by_method_total", "Requests by method", "method", by_method);
    let by_protocol = within(&PROTOCOLS, &requests.by_protocol);
    families.by("requests_by_protocol_total", "Requests by protocol", "protocol", by_protocol);
    families.0.register(
        "time_to_first_byte_seconds",
        "From the arrival of a request, with its content, to the first byte of its answer",
        Distribution::from(&snapshot.time_to_first_byte),
    );
    families.0.register(
        "request_duration_seconds",
        "From the arrival of a request's head to the last byte of its answer",
        Distribution::from(&snapshot.duration),
    );
    let traffic = &snapshot.traffic;
    let part = |direction: &str, part: &str, count| {
        (vec![("direction", direction.to_owned()), ("part", part.to_owned())], count)
    };
    families.counters(
        "traffic_bytes_total",
        "Bytes over the connections, before encryption",
        [
            part("received", "content", traffic.received_content_bytes),
            part("received", "head", traffic.received_head_bytes),
            part("sent", "content", traffic.sent_content_bytes),
            part("sent", "head", traffic.sent_head_bytes),
        ],
    );
}

/// The counts under known names; all the others as one.
fn within<'a>(
    known: &[&'static str],
    counts: &'a BTreeMap<String, u64>,
) -> impl Iterator<Item = (&'static str, u64)> + use<'a> {
    let mut within = BTreeMap::new();
    for (name, count) in counts {
        let name = known.iter().find(|known| *known == name).copied().unwrap_or(OTHER);
        let sum: &mut u64 = within.entry(name).or_default();
        *sum = sum.saturating_add(*count);
    }
    within.into_iter()
}

fn connections(families: &mut Families, snapshot: &Snapshot) {
    let connections = &snapshot.connections;
    families.counter(
        "connections_total",
        "Connections that have asked something, or ended without",
        connections.total,
    );
    families.gauge("open_connections", "Connections open", connections.open);
    families.gauge("open_connections_limit", "Connections that may be open", connections.limit);
    let states = &connections.states;
    let states = [
        ("starting", states.starting),
        ("reading", states.reading),
        ("answering", states.answering),
        ("idle", states.idle),
        ("http2", states.http2),
        ("closing", states.closing),
    ];
    families.gauges(
        "open_connections_by_state",
        "Connections open, by what they do; http2 whatever they do",
        states.map(|(state, count)| (vec![("state", state.to_owned())], count)),
    );
}

fn limits(families: &mut Families, limits: &LimitsHit) {
    families.by("timeouts_total", "Timeouts, by what took too long", "reason", &limits.timeouts);
    families.by(
        "refused_connections_total",
        "Connections refused",
        "reason",
        &limits.refused_connections,
    );
    families.by(
        "malformed_requests_total",
        "Heads that could not be understood, by what was wrong",
        "reason",
        &limits.malformed_requests,
    );
    families.by(
        "refused_requests_total",
        "Requests refused because they are beyond a limit",
        "reason",
        [
            ("content_too_large", limits.content_too_large),
            ("uri_too_long", limits.uri_too_long),
            ("range_not_satisfiable", limits.range_not_satisfiable),
            ("head_too_large", limits.head_too_large),
        ],
    );
    let aborted = limits.aborted_responses;
    families.counter("aborted_responses_total", "Answers that were cut short", aborted);
}

fn cache(families: &mut Families, snapshot: &Snapshot) {
    let Some(cache) = &snapshot.cache else { return };
    families.counter("cache_hits_total", "Files answered from memory", cache.hits);
    families.counter("cache_misses_total", "Files answered from the disk", cache.misses);
    families.counter(
        "cache_revalidations_total",
        "Files answered from memory after a look at the disk",
        cache.revalidated,
    );
    families.counter("cache_evictions_total", "Things given up to make room", cache.evictions);
    families.gauge("cache_entries", "Things kept in memory", cache.entries);
    families.gauge("cache_bytes", "Memory that they take", cache.bytes);
    families.gauge("cache_limit_bytes", "Memory that they may take", cache.limit_bytes);
    families.gauge("cache_open_files", "Large files kept open", cache.open_files);
    families.counter("compressions_total", "Files compressed to be kept", cache.compressions);
    families.counter(
        "compressed_from_bytes_total",
        "Their bytes before",
        cache.compressed_from_bytes,
    );
    families.counter("compressed_to_bytes_total", "Their bytes after", cache.compressed_to_bytes);
}

fn uploads(families: &mut Families, snapshot: &Snapshot) {
    let Some(uploads) = &snapshot.uploads else { return };
    families.gauge("uploads_running", "Requests whose content is arriving", uploads.running);
    families.counter("uploaded_files_total", "Files stored", uploads.stored_files);
    families.counter("uploaded_bytes_total", "Bytes in files stored", uploads.stored_bytes);
    families.by(
        "refused_uploads_total",
        "Requests with content that were refused, by status",
        "code",
        &uploads.refused,
    );
    families.known(
        "uploads_free_bytes",
        "Bytes free where uploads land",
        uploads.free_bytes.map(Number::Count),
    );
}

fn tls(families: &mut Families, tls: Option<&Tls>) {
    let Some(tls) = tls else { return };
    families.counter("tls_handshakes_total", "Handshakes that succeeded", tls.handshakes);
    families.counter(
        "tls_resumed_handshakes_total",
        "Handshakes that went on with an earlier session",
        tls.resumed,
    );
    families.by(
        "tls_handshakes_by_version_total",
        "Handshakes that succeeded, by version",
        "version",
        &tls.versions,
    );
    families.by("tls_handshake_failures_total", "Handshakes that failed", "reason", &tls.failures);
    let ends = tls.certificates.iter();
    let ends = ends.filter_map(|certificate| times::seconds_since_1970(&certificate.not_after));
    families.known(
        "tls_certificate_expiry_timestamp_seconds",
        "When the first of the certificates in use ends, in seconds since 1970",
        ends.min_by(f64::total_cmp).map(Number::Measure),
    );
}

fn rest(families: &mut Families, snapshot: &Snapshot) {
    let process = &snapshot.process;
    families.known(
        "disk_free_bytes",
        "Bytes free on the file system of the document root",
        process.disk_free_bytes.map(Number::Count),
    );
    families.known(
        "disk_size_bytes",
        "Bytes that the file system of the document root has in all",
        process.disk_total_bytes.map(Number::Count),
    );
    if let Some(log) = &snapshot.access_log {
        families.counter(
            "access_log_dropped_lines_total",
            "Lines lost because the output was too slow",
            log.dropped_lines,
        );
    }
    let monitoring = &snapshot.monitoring;
    families.counter(
        "monitoring_requests_total",
        "Requests for status, metrics and health; counted nowhere else",
        monitoring.requests,
    );
    families.counter(
        "monitoring_connections_total",
        "Connections that began with such a request",
        monitoring.connections,
    );
    families.counter(
        "monitoring_sent_bytes_total",
        "Bytes of content sent to them",
        monitoring.sent_content_bytes,
    );
    families.gauge(
        "monitoring_live_pages",
        "Status pages that are kept up to date",
        monitoring.live_pages,
    );
}

/// Under the names that every program has them under.
fn process(families: &mut Families, snapshot: &Snapshot) {
    let process = &snapshot.process;
    let cpu = process.cpu_user_seconds.zip(process.cpu_system_seconds);
    let cpu = cpu.map(|(user, system)| (vec![], Number::Measure(user + system)));
    families.0.register(
        "process_cpu_seconds_total",
        "CPU time used, as a user and for it by the system",
        Samples::counter(cpu.into_iter().collect()),
    );
    let count = |value: Option<u64>| value.map(Number::Count);
    for (name, help, value) in [
        ("process_resident_memory_bytes", "Memory in use", count(process.resident_bytes)),
        ("process_virtual_memory_bytes", "Address space", count(process.virtual_bytes)),
        ("process_open_fds", "Descriptors open", count(process.open_files)),
        ("process_max_fds", "Descriptors that may be open", count(process.open_files_limit)),
        ("process_threads", "Threads", count(process.threads)),
        (
            "process_start_time_seconds",
            "When the process started, in seconds since 1970",
            times::seconds_since_1970(&snapshot.server.started).map(Number::Measure),
        ),
    ] {
        families.known(name, help, value);
    }
}

#[cfg(test)]
mod tests;
