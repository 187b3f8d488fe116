//! The command line of `salver bench`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Command as Parser, value_parser};

use super::time::{any_time, time};

const AFTER_HELP: &str = "\
URL may be as short as HOST:PORT. With --rate requests begin when they are due, whether or not those before them are \
answered, and an answer's time counts from then; without it each connection asks as soon as it has its answer.

FAIL-IF is a figure, one of > >= < <=, and a value: p50 p75 p90 p95 p99 p99.9 min mean max take a time (50ms), rps \
(requests a second) bytes (content a second) errors take a number, error-rate and non-2xx take a percentage (1%). With \
--baseline the others also take a percentage of what they were (p99>120%).

Exit status:
  0  there were answers, and no --fail-if holds
  1  no answer at all: nothing listens there, or it speaks something else
  2  wrong usage
  3  a --fail-if holds";

/// What `salver bench` is to ask, and how to show what comes of it.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub struct BenchOptions {
    /// Where, as it was typed.
    pub url: String,
    /// Connections at once.
    pub connections: usize,
    /// For how long; not together with `requests`.
    pub duration: Option<Duration>,
    /// How many requests.
    pub requests: Option<u64>,
    /// Requests a second in all.
    pub rate: Option<f64>,
    /// Before anything is counted.
    pub warm_up: Duration,
    /// Threads; one per core when not said.
    pub threads: Option<usize>,
    /// One request on a connection.
    pub no_keep_alive: bool,
    /// Requests at once on a connection of HTTP/1.1.
    pub pipeline: usize,
    /// HTTP/2.
    pub http2: bool,
    /// Requests at once on a connection of HTTP/2.
    pub streams: usize,
    /// The method, as it was typed.
    pub method: Option<String>,
    /// Header fields, as they were typed.
    pub headers: Vec<String>,
    /// Content, or `@` and a file that has it.
    pub body: Option<String>,
    /// A file of URLs.
    pub urls: Option<PathBuf>,
    /// How long a connection, or an answer, is waited for.
    pub timeout: Duration,
    /// Whoever answers is believed.
    pub insecure: bool,
    /// Who is believed instead of the system's authorities.
    pub cacert: Option<PathBuf>,
    /// The only cipher suite.
    pub tls_cipher: Option<String>,
    /// The only group of the key exchange.
    pub tls_group: Option<String>,
    /// JSON instead of text.
    pub json: bool,
    /// JSON of an earlier run to compare with.
    pub baseline: Option<PathBuf>,
    /// What must not be, as it was typed.
    pub fail_if: Vec<String>,
    /// No colours, not even on a terminal.
    pub no_color: bool,
}

pub(super) fn parser(name: &'static str) -> Parser {
    Parser::new(name)
        .about("Ask a server as often as it can answer, or at a constant rate, and measure")
        // Options that a server's start need not wait for.
        .defer(|bench| bench.after_help(AFTER_HELP).args(load()).args(request()).args(shown()))
}

fn load() -> [Arg; 13] {
    let arg = |name, value| Arg::new(name).long(name).value_name(value);
    let count = || value_parser!(u64).range(1..=1_000_000);
    [
        Arg::new("URL").help("What to ask").required(true),
        arg("connections", "NUMBER")
            .short('c')
            .help("Connections at once")
            .default_value("50")
            .value_parser(count()),
        arg("duration", "TIME")
            .short('d')
            .help("For how long: 10s, 500ms, 2m [default: 10s]")
            .value_parser(time)
            .conflicts_with("requests"),
        arg("requests", "NUMBER")
            .short('n')
            .help("How many requests")
            .value_parser(value_parser!(u64).range(1..)),
        arg("rate", "NUMBER")
            .short('r')
            .help("Requests a second in all, at even distances; else as many as there can be")
            .value_parser(rate),
        arg("warmup", "TIME")
            .help("Ask that long before anything is counted")
            .default_value("0s")
            .value_parser(any_time),
        arg("threads", "NUMBER")
            .help("Threads [default: one per core]")
            .value_parser(value_parser!(u64).range(1..=1024)),
        switch("no-keep-alive", "A new connection for each request"),
        arg("pipeline", "NUMBER")
            .help("Requests at once on a connection of HTTP/1.1")
            .default_value("1")
            .value_parser(value_parser!(u64).range(1..=1000))
            .conflicts_with("http2"),
        switch("http2", "Speak HTTP/2: by ALPN over TLS, else by prior knowledge"),
        arg("streams", "NUMBER")
            .help("Requests at once on a connection of HTTP/2")
            .default_value("1")
            .value_parser(value_parser!(u64).range(1..=1000))
            .requires("http2"),
        arg("timeout", "TIME")
            .help("How long a connection, or an answer, is waited for")
            .default_value("30s")
            .value_parser(time),
        arg("urls", "FILE")
            .help("A file of paths or URLs of the same server, one a line, asked for in turn")
            .value_parser(value_parser!(PathBuf)),
    ]
}

fn request() -> [Arg; 7] {
    let arg = |name, value| Arg::new(name).long(name).value_name(value);
    [
        arg("method", "METHOD")
            .short('m')
            .short_alias('X')
            .help("The method [default: GET, with --body POST]"),
        arg("header", "FIELD")
            .short('H')
            .help("A header field, 'Name: value'; one without a value is left out")
            .action(ArgAction::Append),
        arg("body", "TEXT|@FILE").short('b').help("Content of each request"),
        switch("insecure", "Take any certificate, such as a self-signed one").short('k'),
        arg("cacert", "FILE")
            .help("Certificates to trust instead of the system's, PEM")
            .value_parser(value_parser!(PathBuf))
            .conflicts_with("insecure"),
        arg("tls-cipher", "NAME").help("The only cipher suite, such as TLS13_AES_128_GCM_SHA256"),
        arg("tls-group", "NAME").help("The only group of the key exchange, such as X25519"),
    ]
}

fn shown() -> [Arg; 4] {
    let arg = |name, value| Arg::new(name).long(name).value_name(value);
    [
        switch("json", "Print JSON"),
        arg("baseline", "FILE")
            .help("Compare with the --json of an earlier run")
            .value_parser(value_parser!(PathBuf)),
        arg("fail-if", "FAIL-IF")
            .help("End with exit status 3 if this holds, such as 'p99>50ms'; may be repeated")
            .action(ArgAction::Append),
        switch("no-color", "No colours, not even on a terminal"),
    ]
}

fn switch(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).help(help).action(ArgAction::SetTrue)
}

pub(super) fn options(matches: &ArgMatches) -> BenchOptions {
    let number = |name| matches.get_one::<u64>(name).copied();
    let size = |name| number(name).and_then(|number| usize::try_from(number).ok());
    let text = |name| matches.get_one::<String>(name).cloned();
    let texts = |name| matches.get_many(name).into_iter().flatten().cloned().collect();
    let path = |name| matches.get_one::<PathBuf>(name).cloned();
    let time = |name| matches.get_one::<Duration>(name).copied();
    BenchOptions {
        url: text("URL").unwrap_or_default(),
        connections: size("connections").unwrap_or(1),
        duration: time("duration"),
        requests: number("requests"),
        rate: matches.get_one("rate").copied(),
        warm_up: time("warmup").unwrap_or_default(),
        threads: size("threads"),
        no_keep_alive: matches.get_flag("no-keep-alive"),
        pipeline: size("pipeline").unwrap_or(1),
        http2: matches.get_flag("http2"),
        streams: size("streams").unwrap_or(1),
        method: text("method"),
        headers: texts("header"),
        body: text("body"),
        urls: path("urls"),
        timeout: time("timeout").unwrap_or_default(),
        insecure: matches.get_flag("insecure"),
        cacert: path("cacert"),
        tls_cipher: text("tls-cipher"),
        tls_group: text("tls-group"),
        json: matches.get_flag("json"),
        baseline: path("baseline"),
        fail_if: texts("fail-if"),
        no_color: matches.get_flag("no-color"),
    }
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse().ok().filter(|rate| (0.001..=1e8).contains(rate));
    rate.ok_or_else(|| "takes requests a second, from 0.001 to 100000000".to_owned())
}
