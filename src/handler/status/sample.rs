//! Servers as they might be, for tests and for looking at the page.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "made-up numbers of modest size"
)]

use std::collections::BTreeMap;

use crate::stats::snapshot::{
    AccessLogState, Bucket, Cache, Certificate, Check, Configuration, ConnectionStates,
    Connections, Feature, HEAT_BANDS, Health, History, HotFile, InFlight, Latency, LimitsHit,
    Monitoring, OpenClient, Percentiles, Process, Recent, RecentError, Requests, ServerInfo,
    SlowRequest, Snapshot, State, Tls, Top, TopEntry, Traffic, Uploads,
};

/// 2026-11-21T08:20:19Z
const NOW: u64 = 1_795_249_219;

/// A number from 0 to 1 that looks like chance and is the same every time.
fn chance(seed: u64) -> f64 {
    let mut x = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((x ^ (x >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
}

fn time(unix: u64) -> String {
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(unix);
    crate::content::shown::Time::new(time).map(|time| time.to_string()).unwrap_or_default()
}

/// What happened in a range until `later` seconds after the sample's time; with trouble in the
/// last fifth, if need be.
pub(super) fn history(range: &str, later: u64, trouble: bool) -> History {
    let (step_seconds, len) = match range {
        "2h" => (10_u32, 720_u64),
        "24h" => (60, 1440),
        _ => (1, 600),
    };
    let mut history = History {
        range: range.to_owned(),
        step_seconds,
        end: time(NOW + later),
        ..History::default()
    };
    let mut open = 180.0;
    for index in 0..len {
        let step = later / u64::from(step_seconds) + index;
        let at = step as f64;
        let bad = trouble && index > len * 4 / 5;
        let seconds = f64::from(step_seconds);
        let burst = if step % 173 < 4 { 2.4 } else { 1.0 };
        let rate = (900.0 + 420.0 * (at / 90.0).sin() + 240.0 * (chance(step) - 0.5)) * burst;
        let of = |part: f64, seed: u64| {
            (rate * seconds * part * (0.5 + chance(step + 1000 * seed))) as u32
        };
        let server_errors = if bad { of(0.16, 5) } else { u32::from(step.is_multiple_of(211)) * 3 };
        history.requests.push([0, of(0.8, 2), of(0.14, 3), of(0.03, 4), server_errors]);
        history.received_bytes.push((rate * seconds * 480.0) as u64);
        history
            .sent_bytes
            .push((rate * seconds * 14_000.0 * (0.7 + chance(step + 1000 * 7))) as u64);
        history.accepted.push(of(0.05, 8));
        open += 18.0 * (chance(step + 1000 * 9) - 0.5) + (180.0 - open) * 0.03;
        history.open.push((open * if bad { 3.0 } else { 1.0 }) as u32);
        history
            .in_flight
            .push((6.0 + 9.0 * chance(step + 1000 * 10)) as u32 * if bad { 8 } else { 1 });
        history.cache_hits.push(of(0.9, 11));
        history.cache_misses.push(of(if step % 173 < 9 { 0.3 } else { 0.05 }, 12));
        let slow = if bad { 30.0 } else { 1.0 };
        let jitter = 0.8 + 0.5 * chance(step + 1000 * 13);
        history.p50_seconds.push(Some((0.000_09 * jitter * slow) as f32));
        history.p95_seconds.push(Some((0.000_7 * jitter * slow * burst) as f32));
        history.p99_seconds.push(Some((0.004 * jitter * slow * burst) as f32));
        let mut bands = vec![0; HEAT_BANDS];
        for (band, count) in bands.iter_mut().enumerate() {
            let near = |middle: f64, width: f64| {
                (-(band as f64 - middle - slow.log2()).powi(2) / width).exp()
            };
            let part = 0.5 * near(2.6, 1.2) + 0.02 * near(8.3, 2.0);
            *count = (rate * seconds * part * (0.4 + 1.2 * chance(step * 31 + band as u64))) as u32;
        }
        if step.is_multiple_of(97) {
            bands[14 + (step % 4) as usize] += 1;
        }
        history.latency_bands.push(bands);
        history.resident_bytes.push((61e6 + 9e6 * (at / 140.0).sin()) as u64);
        history.cpu_usage.push((rate / 2400.0) as f32 * if bad { 2.0 } else { 1.0 });
        history.open_files.push(260 + (open * 1.1) as u32);
    }
    history
}

/// A server with everything on and much to do.
pub(super) fn busy() -> Snapshot {
    Snapshot {
        format: crate::stats::snapshot::FORMAT,
        time: time(NOW),
        server: server(),
        health: health(),
        requests: requests(),
        recent: recent(),
        traffic: Traffic {
            received_content_bytes: 61_234_567_890,
            received_head_bytes: 91_234_567_890,
            sent_content_bytes: 4_812_345_678_901,
            sent_head_bytes: 61_234_567_890,
        },
        time_to_first_byte: latency(1.0),
        duration: latency(7.5),
        connections: connections(),
        in_flight: (0..14).map(in_flight).collect(),
        top: top(),
        cache: Some(cache()),
        uploads: Some(Uploads {
            running: 3,
            stored_files: 4_812,
            stored_bytes: 92_345_678_901,
            refused: BTreeMap::from([(409, 12), (413, 41), (507, 2)]),
            free_bytes: Some(412_345_678_901),
        }),
        tls: Some(tls()),
        limits: limits(),
        process: process(),
        access_log: Some(AccessLogState { dropped_lines: 17 }),
        monitoring: Monitoring {
            requests: 40_812,
            connections: 311,
            sent_content_bytes: 812_345_678,
            live_pages: 2,
        },
    }
}

/// The same with as many entries in all lists as there may be, each as long as may be.
pub(super) fn full() -> Snapshot {
    let mut snapshot = busy();
    let long = format!("/{}\u{202e}<b>&\n\"'/{}.tar.gz", "deep/".repeat(30), "x".repeat(60));
    snapshot.in_flight = (0..50).map(in_flight).collect();
    snapshot.in_flight.iter_mut().step_by(2).for_each(|flight| flight.path.clone_from(&long));
    snapshot.top.paths.iter_mut().for_each(|entry| entry.name.clone_from(&long));
    snapshot.top.slowest.iter_mut().for_each(|entry| entry.path.clone_from(&long));
    snapshot.top.errors.iter_mut().step_by(2).for_each(|entry| entry.path.clone_from(&long));
    snapshot
}

/// The same in trouble.
pub(super) fn red() -> Snapshot {
    let mut snapshot = busy();
    let check = |name: &str, state, text: &str| Check {
        name: name.to_owned(),
        state,
        text: text.to_owned(),
    };
    snapshot.health.state = State::Red;
    snapshot.health.checks = vec![
        check(
            "disk",
            State::Red,
            "0 bytes of 512.0 GiB are free under /srv/files: uploads are refused. Make room.",
        ),
        check(
            "errors",
            State::Red,
            "14.2 % of the answers of the last minute were server errors (5xx): see the latest below.",
        ),
        check(
            "certificate",
            State::Amber,
            "The certificate for files.example.org ends in 5 days. Renew it.",
        ),
        check("descriptors", State::Green, "412 of 1,048,576 file descriptors are open."),
        check("document_root", State::Green, "/srv/files can be read."),
    ];
    snapshot.recent.server_error_ratio_1m = 0.142;
    snapshot.process.disk_free_bytes = Some(0);
    if let Some(certificate) = snapshot.tls.as_mut().and_then(|tls| tls.certificates.first_mut()) {
        certificate.days_left = 5;
    }
    snapshot
}

fn server() -> ServerInfo {
    let feature = |(name, on): (&str, bool)| Feature { name: name.to_owned(), on };
    ServerInfo {
        version: "0.1.0".to_owned(),
        commit: Some("a3446639".to_owned()),
        pid: 4242,
        host: "files-1.example.org".to_owned(),
        started: time(NOW - 273_912),
        uptime_seconds: 273_912,
        workers: 8,
        listeners: vec!["https://0.0.0.0:8443".to_owned(), "http://[::1]:8080".to_owned()],
        document_root: "/srv/files".to_owned(),
        config_file: Some("/etc/salver/salver.jsonc".to_owned()),
        configuration: Configuration {
            since: time(NOW - 7_200),
            reloads: 3,
            failures: 1,
            fault: None,
            changed: vec!["cache_max_size".to_owned()],
            restart_needed: vec!["max_threads".to_owned()],
        },
        features: [
            ("listing", true),
            ("uploads", true),
            ("archives", true),
            ("markdown", true),
            ("cache", true),
            ("tls", true),
            ("http2", true),
            ("cors", false),
            ("tus", true),
            ("access_log", true),
            ("hidden_files", false),
            ("status_page", true),
        ]
        .map(feature)
        .to_vec(),
        draining: false,
    }
}

fn health() -> Health {
    let check = |(name, text): (&str, &str)| Check {
        name: name.to_owned(),
        state: State::Green,
        text: text.to_owned(),
    };
    let checks = [
        ("disk", "384.0 GiB of 512.0 GiB are free under /srv/files."),
        ("certificate", "The certificate for files.example.org is good for 61 days."),
        ("descriptors", "412 of 1,048,576 file descriptors are open."),
        ("document_root", "/srv/files can be read."),
        ("errors", "0.1 % of the answers of the last minute were server errors."),
    ];
    Health { state: State::Green, checks: checks.map(check).to_vec() }
}

fn requests() -> Requests {
    let by_name = |rows: &[(&str, u64)]| {
        rows.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect::<BTreeMap<_, _>>()
    };
    Requests {
        in_flight: 14,
        total: 241_812_345,
        by_status: BTreeMap::from([
            (200, 180_123_456),
            (206, 12_345_678),
            (304, 41_234_567),
            (404, 7_234_567),
            (412, 812),
            (416, 91),
            (500, 17),
            (503, 1_204),
        ]),
        by_method: by_name(&[
            ("GET", 231_812_345),
            ("HEAD", 9_812_345),
            ("POST", 81_234),
            ("unknown", 9),
        ]),
        by_protocol: by_name(&[
            ("HTTP/1.1", 91_812_345),
            ("HTTP/2.0", 149_999_888),
            ("HTTP/1.0", 112),
        ]),
        encrypted: 221_812_345,
    }
}

fn recent() -> Recent {
    Recent {
        requests_per_second: 1_243.0,
        requests_per_second_1m: 1_180.4,
        received_bytes_per_second: 612_345.0,
        sent_bytes_per_second: 18_812_345.0,
        connections_per_second: 41.0,
        server_error_ratio_1m: 0.000_8,
        client_error_ratio_1m: 0.031,
        cache_hit_ratio_1m: Some(0.947),
        time_to_first_byte_1m: percentiles(1.1),
    }
}

fn percentiles(scale: f64) -> Percentiles {
    Percentiles {
        p50_seconds: Some(0.000_092 * scale),
        p90_seconds: Some(0.000_41 * scale),
        p95_seconds: Some(0.000_72 * scale),
        p99_seconds: Some(0.004_3 * scale),
        p999_seconds: Some(0.051 * scale),
        max_seconds: Some(2.31 * scale),
    }
}

fn latency(scale: f64) -> Latency {
    Latency {
        count: 241_812_345,
        sum_seconds: 61_234.5 * scale,
        percentiles: percentiles(scale),
        buckets: vec![Bucket { le_seconds: 0.001, count: 231_812_345 }],
    }
}

fn connections() -> Connections {
    let clients = (0..8_u64).map(|index| OpenClient {
        address: if index % 3 == 1 {
            format!("2001:db8:{index:x}::/64")
        } else {
            format!("198.51.100.{}", 17 + index * 9)
        },
        open: 40 - index * 4,
    });
    Connections {
        total: 9_812_345,
        open: 187,
        limit: 10_000,
        states: ConnectionStates {
            starting: 3,
            reading: 5,
            answering: 14,
            idle: 102,
            http2: 59,
            closing: 4,
        },
        clients: clients.collect(),
    }
}

fn in_flight(index: u64) -> InFlight {
    let receiving = index % 4 == 1;
    let of = (30_000_000.0 * (0.2 + chance(index))) as u64;
    let done = (of as f64 * chance(index + 1000 * 77)) as u64;
    let path = match index % 4 {
        0 => format!("/releases/salver-0.1.{index}-x86_64.tar.zst"),
        1 => "/uploads/holiday in Lisbon.mp4".to_owned(),
        2 => "/pictures/2026/".to_owned(),
        _ => "/archive/everything.zip".to_owned(),
    };
    InFlight {
        id: format!("3f9a{index:04x}"),
        client: format!("198.51.100.{}:5{index:04}", 17 + index % 200),
        method: if receiving { "PUT" } else { "GET" }.to_owned(),
        path,
        protocol: if index.is_multiple_of(3) { "HTTP/1.1" } else { "HTTP/2.0" }.to_owned(),
        state: if receiving {
            "receiving"
        } else if index % 4 == 2 {
            "waiting"
        } else {
            "sending"
        }
        .to_owned(),
        age_seconds: 96.0 / (1.0 + index as f64 * index as f64),
        received_bytes: if receiving { done } else { 0 },
        received_of_bytes: receiving.then_some(of),
        sent_bytes: if receiving || index % 4 == 2 { 0 } else { done },
        sent_of_bytes: (index.is_multiple_of(4)).then_some(of),
        bytes_per_second: if index % 4 == 2 { 0.0 } else { done as f64 / 9.0 },
    }
}

fn top() -> Top {
    let names = [
        "/index.html",
        "/releases/latest.tar.zst",
        "/css/site.css",
        "/pictures/2026/lisbon/tram-28-on-the-hill-near-the-castle-in-the-morning.jpg",
        "/favicon.ico",
        "/robots.txt",
        "/docs/",
        "/feed.xml",
        "/wp-login.php",
        "/\u{202e}gpj.exe <script>alert(1)</script>",
    ];
    let entry = |(index, name): (usize, &str)| TopEntry {
        name: name.to_owned(),
        requests: (91_234.0 / (1.0 + index as f64)) as u64,
        bytes: (8e9 * chance(index as u64)) as u64,
    };
    let clients = ["198.51.100.17", "2001:db8:1::/64", "203.0.113.9", "192.0.2.44"];
    let slow = |index: u64| SlowRequest {
        time: time(NOW - 37 * index - 5),
        client: format!("203.0.113.{}", 9 + index),
        method: "GET".to_owned(),
        path: format!("/archive/{}/?archive", 2026 - index),
        status: if index == 3 { 503 } else { 200 },
        time_to_first_byte_seconds: 2.31 / (1.0 + index as f64),
        duration_seconds: 14.0 / (1.0 + index as f64),
        bytes: 812_345_678 / (index + 1),
    };
    let error = |index: u64| RecentError {
        time: time(NOW - 3 * index),
        client: format!("192.0.2.{}", 9 + index % 7),
        method: if index % 11 == 10 { "-" } else { "GET" }.to_owned(),
        path: names[(index % 4 + 6) as usize].to_owned(),
        status: [404, 404, 403, 416, 503][(index % 5) as usize],
        reason: (index % 11 == 10).then(|| "bare_lf".to_owned()),
    };
    Top {
        is_estimate: true,
        since: time(NOW - 913),
        paths: names.into_iter().enumerate().map(entry).collect(),
        clients: clients.into_iter().enumerate().map(entry).collect(),
        slowest: (0..10).map(slow).collect(),
        errors: (0..30).map(error).collect(),
    }
}

fn cache() -> Cache {
    let names = ["/index.html", "/css/site.css", "/favicon.ico", "/js/site.js"];
    let hot = names.into_iter().zip(1_u64..).map(|(path, index)| HotFile {
        path: path.to_owned(),
        hits: 81_234_567 / index,
        bytes: 14_321 * index,
    });
    Cache {
        hits: 221_234_567,
        revalidated: 1_812_345,
        misses: 12_345_678,
        evictions: 8_123,
        entries: 4_812,
        bytes: 201_234_567,
        limit_bytes: 268_435_456,
        open_files: 31,
        compressions: 2_345,
        compressed_from_bytes: 91_234_567,
        compressed_to_bytes: 21_234_567,
        hottest: hot.collect(),
    }
}

fn tls() -> Tls {
    let by_name = |rows: &[(&str, u64)]| {
        rows.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect::<BTreeMap<_, _>>()
    };
    Tls {
        handshakes: 8_812_345,
        resumed: 5_412_345,
        versions: by_name(&[("TLSv1.3", 8_612_345), ("TLSv1.2", 200_000)]),
        failures: by_name(&[("no_shared_version", 812), ("timeout", 91), ("not_tls", 4_123)]),
        certificates: vec![Certificate {
            names: vec!["files.example.org".to_owned(), "www.files.example.org".to_owned()],
            not_after: time(NOW + 61 * 86_400),
            days_left: 61,
            self_signed: false,
        }],
    }
}

fn limits() -> LimitsHit {
    let by_name = |rows: &[(&str, u64)]| {
        rows.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect::<BTreeMap<_, _>>()
    };
    LimitsHit {
        timeouts: by_name(&[("request_head", 412), ("keep_alive", 812_345), ("response", 9)]),
        refused_connections: by_name(&[("address_filter", 91_234), ("connections", 12)]),
        malformed_requests: by_name(&[("bare_lf", 41), ("no_host", 17), ("not_http", 812)]),
        aborted_responses: 4_812,
        content_too_large: 41,
        uri_too_long: 3,
        range_not_satisfiable: 91,
        head_too_large: 7,
    }
}

fn process() -> Process {
    Process {
        resident_bytes: Some(64_812_345),
        virtual_bytes: Some(812_345_678),
        cpu_user_seconds: Some(61_234.5),
        cpu_system_seconds: Some(41_234.5),
        cpu_usage: Some(0.524),
        cpus: Some(8),
        threads: Some(12),
        open_files: Some(412),
        open_files_limit: Some(1_048_576),
        load_average: Some([0.92, 0.81, 0.77]),
        disk_free_bytes: Some(412_345_678_901),
        disk_total_bytes: Some(549_755_813_888),
    }
}
