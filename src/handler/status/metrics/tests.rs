//! The text, read as collectors read it: by its lines.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::handler::status::fixture;
use crate::stats::snapshot::Bucket;

/// Every sample by its name and labels; a series that is there twice fails.
fn samples(text: &str) -> BTreeMap<String, String> {
    let mut samples = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (series, value) = line.rsplit_once(' ').unwrap();
        let before = samples.insert(series.to_owned(), value.to_owned());
        assert_eq!(before, None, "{series} is there twice");
    }
    samples
}

#[test]
fn every_number_of_the_snapshot_is_there_to_the_last_digit() {
    let snapshot = fixture::snapshot();
    let text = metrics(&snapshot);
    let samples = samples(&text);
    for (series, value) in [
        (r#"salver_build_info{version="0.1.0",commit="0123abc"}"#, "1"),
        ("salver_config_restart_needed", "2"),
        ("salver_requests_total", "9007199254740993"),
        ("salver_encrypted_requests_total", "9007199254740988"),
        (r#"salver_responses_total{code="200"}"#, "9007199254739693"),
        (r#"salver_responses_total{code="500"}"#, "50"),
        (r#"salver_requests_by_method_total{method="GET"}"#, "9007199254740962"),
        (r#"salver_requests_by_method_total{method="unknown"}"#, "3"),
        (r#"salver_requests_by_protocol_total{protocol="HTTP/2.0"}"#, "1000"),
        (r#"salver_traffic_bytes_total{direction="sent",part="content"}"#, "5368709120"),
        (r#"salver_traffic_bytes_total{direction="received",part="head"}"#, "733184"),
        ("salver_connections_total", "5150"),
        ("salver_open_connections", "42"),
        ("salver_open_connections_limit", "10000"),
        (r#"salver_open_connections_by_state{state="idle"}"#, "20"),
        (r#"salver_timeouts_total{reason="keep_alive"}"#, "77"),
        (r#"salver_refused_connections_total{reason="address_filter"}"#, "4"),
        (r#"salver_malformed_requests_total{reason="version_syntax"}"#, "2"),
        (r#"salver_refused_requests_total{reason="range_not_satisfiable"}"#, "6"),
        ("salver_aborted_responses_total", "17"),
        ("salver_cache_hits_total", "1100"),
        ("salver_cache_limit_bytes", "104857600"),
        ("salver_uploaded_files_total", "5"),
        (r#"salver_refused_uploads_total{code="507"}"#, "1"),
        ("salver_tls_handshakes_total", "5000"),
        (r#"salver_tls_handshakes_by_version_total{version="TLSv1.2"}"#, "10"),
        (r#"salver_tls_handshake_failures_total{reason="not_tls"}"#, "9"),
        ("salver_tls_certificate_expiry_timestamp_seconds", "1774296000.0"),
        ("salver_access_log_dropped_lines_total", "3"),
        ("salver_monitoring_requests_total", "640"),
        ("process_cpu_seconds_total", "180.75"),
        ("process_resident_memory_bytes", "41943040"),
        ("process_open_fds", "180"),
        ("process_max_fds", "1048576"),
        ("process_start_time_seconds", "1773407240.25"),
    ] {
        assert_eq!(samples.get(series).map(String::as_str), Some(value), "{series}");
    }
    let of = |family: &str| {
        let counts = samples.iter().filter(|(series, _)| series.starts_with(family));
        counts.map(|(_, value)| value.parse::<u64>().unwrap()).sum::<u64>()
    };
    for family in [
        "salver_responses_total{",
        "salver_requests_by_method_total{",
        "salver_requests_by_protocol_total{",
    ] {
        assert_eq!(of(family), snapshot.requests.total, "{family}");
    }
}

#[test]
fn counters_are_typed_under_the_name_they_are_written_under() {
    let text = metrics(&fixture::snapshot());
    let mut types = BTreeMap::new();
    for line in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let (name, kind) = line.split_once(' ').unwrap();
        assert_eq!(types.insert(name, kind), None, "{name} is there twice");
        assert!(text.contains(&format!("# HELP {name} ")), "{name}");
        assert_eq!(name.ends_with("_total"), kind == "counter", "{name} {kind}");
    }
    for series in samples(&text).keys() {
        let name = series.split('{').next().unwrap();
        let histogram = ["_sum", "_count", "_bucket"].iter().find_map(|end| name.strip_suffix(end));
        let of_histogram = histogram.is_some_and(|name| types.get(name) == Some(&"histogram"));
        assert!(types.contains_key(name) || of_histogram, "{series}");
    }
}

#[test]
fn distributions_are_cumulative_and_end_with_all() {
    let text = metrics(&fixture::snapshot());
    let lines: Vec<_> =
        text.lines().filter(|line| line.starts_with("salver_time_to_first_byte")).collect();
    assert_eq!(
        lines,
        [
            "salver_time_to_first_byte_seconds_sum 2.5",
            "salver_time_to_first_byte_seconds_count 1300",
            r#"salver_time_to_first_byte_seconds_bucket{le="0.000016"} 0"#,
            r#"salver_time_to_first_byte_seconds_bucket{le="0.000256"} 1000"#,
            r#"salver_time_to_first_byte_seconds_bucket{le="0.001"} 1200"#,
            r#"salver_time_to_first_byte_seconds_bucket{le="1.0"} 1298"#,
            r#"salver_time_to_first_byte_seconds_bucket{le="+Inf"} 1300"#,
        ]
    );
    // One that already ends with all of them gets no second end.
    let mut snapshot = fixture::snapshot();
    snapshot.duration.buckets.push(Bucket { le_seconds: f64::INFINITY, count: 1300 });
    assert_eq!(metrics(&snapshot), text);
}

#[test]
fn clients_cannot_make_series() {
    let before = metrics(&fixture::snapshot());
    let mut snapshot = fixture::snapshot();
    for n in 0..100 {
        snapshot.requests.by_method.insert(format!("M{n}\"\n"), 2);
        snapshot.requests.by_protocol.insert(format!("HTTP/1.{n}0"), 1);
    }
    let text = metrics(&snapshot);
    let series = |text: &str| samples(text).into_keys().collect::<BTreeSet<_>>();
    let new: Vec<_> = series(&text).difference(&series(&before)).cloned().collect();
    assert_eq!(
        new,
        [
            r#"salver_requests_by_method_total{method="other"}"#,
            r#"salver_requests_by_protocol_total{protocol="other"}"#,
        ]
    );
    assert_eq!(samples(&text)[&new[0]], "200");
    for secret in ["tale.mkv", "192.0.2.7", "2001:db8", "/srv/site", "example.org", "wp-"] {
        assert!(!text.contains(secret), "{secret}");
    }
}

#[test]
fn checks_of_one_name_are_one_series_with_the_worst_state() {
    let samples = samples(&metrics(&fixture::snapshot()));
    assert_eq!(samples["salver_health_state"], "1");
    assert_eq!(samples[r#"salver_health_check_state{check="certificate"}"#], "1");
    assert_eq!(samples[r#"salver_health_check_state{check="disk"}"#], "0");
}

#[test]
fn what_is_off_or_not_known_is_left_out() {
    let text = metrics(&Snapshot::default());
    for absent in
        ["cache", "upload", "tls", "process_", "disk", "access_log", "NaN", "health_check"]
    {
        assert!(!text.contains(absent), "{absent}: {text}");
    }
    assert!(text.contains("\nsalver_requests_total 0\n"), "{text}");
}
