//! A report as lines.

use super::bars;
use super::report::{Load, Report, Times};
use crate::commands::terminal::line::{Line, Style, left};
use crate::commands::terminal::units::{count, percent, precise, rate, size, size_rate};

/// The width of the words on the left.
const WORDS: usize = 11;

/// Waiting that long is worth a line.
const LONG: f64 = 1.0;

pub(super) fn lines(report: &Report) -> Vec<Line> {
    let mut lines = vec![title(&report.url, &report.load, report.seconds), Line::default()];
    lines.push(
        row("Requests")
            .and(Style::Bold, &rate(report.requests_per_second))
            .and(Style::Plain, &format!("   {} answers", count(report.requests))),
    );
    let content = format!("{}   {}", size_rate(report.bytes_per_second), size(report.bytes));
    lines.push(row("Content").and(Style::Plain, &content));
    if let Some(times) = &report.latency_seconds {
        lines.extend(latency(times));
        lines.push(Line::default());
        lines.extend(bars::lines(&report.histogram));
        lines.push(Line::default());
    }
    lines.extend(statuses(report.statuses.iter().map(|(status, count)| (*status, *count))));
    for (kind, failed) in report.errors.iter().filter(|(_, failed)| **failed > 0) {
        let reason = report.error_reasons.get(kind).map_or("", String::as_str);
        lines.push(error(kind, *failed, reason));
    }
    lines.push(client(report));
    lines.extend(warnings(report).iter().map(|text| Line::of(Style::Amber, text)));
    if let Some(baseline) = &report.baseline {
        lines.push(Line::default());
        lines.extend(baseline.lines());
    }
    lines
}

fn row(word: &str) -> Line {
    Line::of(Style::Dim, &left(word, WORDS))
}

/// What is asked of whom.
pub(super) fn title(url: &str, load: &Load, seconds: f64) -> Line {
    let urls =
        if load.urls > 1 { format!(" ({} URLs)", count(load.urls as u64)) } else { String::new() };
    let protocol = if load.http2 { "HTTP/2" } else { "HTTP/1.1" };
    let at_once = match (load.keep_alive, load.at_once) {
        (false, _) => ", one request each".to_owned(),
        (true, 1) => String::new(),
        (true, many) => format!(", {many} requests at once on each"),
    };
    let paced = load.rate.map_or_else(String::new, |wanted| format!(", {} wanted", rate(wanted)));
    let connections = plural(load.connections as u64, "connection");
    Line::of(Style::Bold, url).and(
        Style::Dim,
        &format!("{urls}   {protocol}, {connections}{at_once}{paced}, {}", precise(seconds)),
    )
}

pub(super) fn latency(times: &Times) -> [Line; 2] {
    let pairs = |word: &str, pairs: &[(&str, f64)]| {
        pairs.iter().fold(row(word), |line, (name, value)| {
            line.and(Style::Dim, &format!("{name} ")).and(Style::Plain, &left(&precise(*value), 10))
        })
    };
    let first = [
        ("p50", times.p50),
        ("p75", times.p75),
        ("p90", times.p90),
        ("p95", times.p95),
        ("p99", times.p99),
    ];
    let second =
        [("p99.9", times.p99_9), ("max", times.max), ("mean", times.mean), ("min", times.min)];
    [pairs("Latency", &first), pairs("", &second)]
}

pub(super) fn statuses(statuses: impl Iterator<Item = (u16, u64)>) -> Option<Line> {
    let mut statuses = statuses.peekable();
    statuses.peek()?;
    Some(statuses.fold(row("Statuses"), |line, (status, answers)| {
        let style = match status {
            200..300 | 304 => Style::Green,
            300..400 => Style::Plain,
            400..500 => Style::Amber,
            _ => Style::Red,
        };
        line.and(style, &status.to_string()).and(Style::Plain, &format!(" {}   ", count(answers)))
    }))
}

pub(super) fn error(kind: &str, failed: u64, reason: &str) -> Line {
    row("Errors").and(Style::Red, kind).and(Style::Plain, &format!(" {}   {reason}", count(failed)))
}

#[allow(clippy::cast_precision_loss)]
fn client(report: &Report) -> Line {
    let cpu = report.client.cpu_seconds;
    let each = cpu / report.requests.max(1) as f64;
    row("Client").and(
        Style::Dim,
        &format!(
            "{} of processor time, {} a request; {} busy; {} opened",
            precise(cpu),
            precise(each),
            percent(report.client.busiest_thread),
            plural(report.connections_opened, "connection")
        ),
    )
}

fn plural(number: u64, what: &str) -> String {
    format!("{} {what}{}", count(number), if number == 1 { "" } else { "s" })
}

/// What one should know before one believes the figures.
fn warnings(report: &Report) -> Vec<String> {
    let mut warnings = Vec::new();
    let unwanted = report.non_2xx();
    if unwanted > 0.0 {
        // What servers say to a plain request on their port for TLS.
        let is_tls = report.url.starts_with("http:") && report.statuses.keys().eq([&400]);
        let guess = if is_tls { " Is it https:// rather than http?" } else { "" };
        warnings.push(format!(
            "{} of the answers are neither 2xx nor 304: is this what was to be measured?{guess}",
            percent(unwanted)
        ));
    }
    if report.is_client_busy() {
        warnings.push("The client was busy all the time: the server may be faster than that (--threads, another machine).".to_owned());
    }
    if let Some(wanted) = report.missed_rate() {
        warnings.push(format!(
            "Of {} wanted, {} were answered: latencies have the time that requests had to wait.",
            rate(wanted),
            rate(report.requests_per_second)
        ));
    }
    if report.unanswered > 0 && report.longest_unanswered_seconds > LONG {
        let longest = precise(report.longest_unanswered_seconds);
        let counted = if report.load.rate.is_some() {
            "they are among the latencies"
        } else {
            "the latencies do not have them"
        };
        warnings.push(format!(
            "{} requests had no answer at the end, one for {longest}; {counted}.",
            count(report.unanswered)
        ));
    }
    warnings
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::report::sample;
    use super::*;
    use crate::commands::terminal::line::Screen;

    fn text(report: &Report) -> String {
        let screen = Screen { width: 80, height: None, cut: false, colors: false };
        lines(report).iter().map(|line| line.print(&screen) + "\n").collect()
    }

    #[test]
    fn a_summary_has_all_figures() {
        let mut report = sample();
        report.errors.insert("read".to_owned(), 3);
        report.error_reasons.insert("read".to_owned(), "reset\u{1b}[2J".to_owned());
        let text = text(&report);
        for part in [
            "http://127.0.0.1:8000/   HTTP/1.1, 50 connections, 10.0 s\n",
            "Requests   40,000/s   400,000 answers\n",
            "Content    40.0 MiB/s   400.0 MiB\n",
            "Latency    p50 1.00 ms   p75 1.25 ms   p90 2.00 ms   p95 3.00 ms   p99 5.00 ms\n",
            "           p99.9 12.3 ms   max 100 ms    mean 1.20 ms   min 300 us\n",
            "    10.0 ms  ████",
            "Statuses   200 300,000   404 100,000\n",
            "Errors     read 3   reset␛[2J\n",
            "Client     4.00 s of processor time, 10.0 us a request; 25.0 % busy; 50 connections opened\n",
            "25.0 % of the answers are neither 2xx nor 304",
        ] {
            assert!(text.contains(part), "{part}\n{text}");
        }
        assert!(
            !text.contains("busy all the time")
                && !text.contains("Baseline")
                && !text.contains("at the end"),
            "{text}"
        );
    }

    #[test]
    fn what_makes_figures_doubtful_is_said() {
        let mut report = sample();
        report.load =
            Load { rate: Some(90_000.0), http2: true, at_once: 4, urls: 3, ..report.load };
        report.client.busiest_thread = 0.99;
        report.longest_unanswered_seconds = 4.0;
        let text = text(&report);
        for part in [
            "/ (3 URLs)   HTTP/2, 50 connections, 4 requests at once on each, 90,000/s wanted, 10.0 s\n",
            "The client was busy all the time",
            "Of 90,000/s wanted, 40,000/s were answered",
            "50 requests had no answer at the end, one for 4.00 s; they are among the latencies.",
        ] {
            assert!(text.contains(part), "{part}\n{text}");
        }
        report.statuses = BTreeMap::from([(400, 7)]);
        report.load.connections = 1;
        let text = self::text(&report);
        assert!(text.contains(" 1 connection, ") && text.contains("Is it https://"), "{text}");
        report.load.keep_alive = false;
        report.requests = 0;
        report.latency_seconds = None;
        let lines = lines(&report);
        assert!(lines.len() > 4);
    }
}
