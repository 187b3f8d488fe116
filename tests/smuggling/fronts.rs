//! The variants through the servers that people put before this one, which keep connections to it
//! and send requests of different clients over the same one.
//!
//! What the server in front took for one request must have been one here: its log and ours must
//! name the same requests, and clients that come after must get the answers to what they asked.

use std::collections::BTreeMap;
use std::fs;

use super::proxy::{Kind, Proxy, Taken};
use super::variant::{self, Variant};
use super::{answers, site};

/// Requests of other clients after each variant.
const MARKERS: [&str; 2] = ["marker0", "marker1"];

#[test]
#[ignore = "needs haproxy"]
fn haproxy_and_this_server_count_the_same_requests() {
    behind(Kind::Haproxy { lenient: false });
}

#[test]
#[ignore = "needs haproxy"]
fn haproxy_that_accepts_invalid_requests_counts_the_same() {
    behind(Kind::Haproxy { lenient: true });
}

#[test]
#[ignore = "needs nginx"]
fn nginx_and_this_server_count_the_same_requests() {
    behind(Kind::Nginx { buffered: true });
}

#[test]
#[ignore = "needs nginx"]
fn nginx_that_hands_content_on_as_it_comes_counts_the_same() {
    behind(Kind::Nginx { buffered: false });
}

fn behind(kind: Kind) {
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("access.log");
    let mut server = site()
        .plain()
        .flag("--access-log-format=json")
        .flag(&format!("--access-log={}", log.display()))
        .start();
    let proxy = Proxy::start(kind, server.address);
    let variants = variant::all();
    let mut wrong = Vec::new();
    let mut answered = Vec::new();
    for (number, variant) in variants.iter().enumerate() {
        let bytes = [variant.numbered(number), variant::closing(number)].concat();
        let came = proxy.exchange(&bytes, kind.wants_pieces().then(|| head_length(&bytes)));
        answered.push(answers::parse(&came, variant.is_head()).len());
        for marker in MARKERS {
            let asked = format!("{number:05}-{marker}");
            if let Err(got) = is_answered(&proxy, &asked) {
                wrong.push(format!("{}: {asked} got {got}", named(variant)));
            }
        }
    }
    let taken = proxy.stop();
    server.signal("TERM");
    server.wait();
    let logged = logged(&fs::read_to_string(&log).expect("the log"));
    summarise(kind, &variants, &taken);
    wrong.extend(compare(&variants, &taken, &logged, &answered));
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), variants.len(), wrong.join("\n"));
}

/// Bytes to the first empty line, or half of them.
fn head_length(bytes: &[u8]) -> usize {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
    end.map_or(bytes.len() / 2, |end| end + 4)
}

fn named(variant: &Variant) -> String {
    format!("{}: {}", variant.class, variant.about)
}

/// Whether another client gets the answer to its own request, and nothing else.
fn is_answered(proxy: &Proxy, asked: &str) -> Result<(), String> {
    let request = format!("GET /d?{asked} HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n");
    let came = proxy.exchange(request.as_bytes(), None);
    let answers = answers::parse(&came, false);
    let location = format!("/d/?{asked}");
    match answers.as_slice() {
        [one] if one.location.as_deref() == Some(location.as_str()) => Ok(()),
        _ => Err(String::from_utf8_lossy(&came).into_owned()),
    }
}

/// A request as our log has it.
struct Logged {
    /// Its target; `None` for what could not be read.
    target: Option<String>,
}

fn logged(log: &str) -> Vec<Logged> {
    let entries = log.lines().map(|line| serde_json::from_str(line).expect("JSON"));
    entries
        .map(|entry: serde_json::Value| Logged {
            target: entry["target"].as_str().map(str::to_owned),
        })
        .collect()
}

/// `12345-word`, wherever it is in a target or a request line.
fn tag(text: &str) -> Option<(usize, &str)> {
    let is_number = |at: usize| text.as_bytes()[at..at + 5].iter().all(u8::is_ascii_digit);
    let at = (0..text.len().saturating_sub(6))
        .find(|&at| is_number(at) && text.as_bytes()[at + 5] == b'-')?;
    let rest = &text[at..];
    let end = rest[6..].find(|letter: char| !letter.is_ascii_alphanumeric());
    Some((rest[..5].parse().ok()?, &rest[..end.map_or(rest.len(), |end| end + 6)]))
}

/// What belongs to each variant: what has its number, and what has none but came before the last
/// marker of it. What was given up is logged late.
fn by_variant<T>(all: &[T], count: usize, text: impl Fn(&T) -> &str) -> Vec<Vec<&T>> {
    let mut sorted: Vec<Vec<&T>> = (0..count).map(|_| Vec::new()).collect();
    let mut current = 0;
    for one in all {
        let found = tag(text(one));
        let number = found.map_or(current, |(number, _)| number);
        sorted.get_mut(number).expect("a number that was sent").push(one);
        if found.is_some_and(|(_, name)| name.ends_with(MARKERS[1])) {
            current = number + 1;
        }
    }
    sorted
}

/// What does not fit together.
fn compare(
    variants: &[Variant],
    taken: &[Taken],
    logged: &[Logged],
    answered: &[usize],
) -> Vec<String> {
    let count = variants.len();
    let taken = by_variant(taken, count, |taken| taken.line.as_str());
    let logged = by_variant(logged, count, |logged| logged.target.as_deref().unwrap_or_default());
    let mut wrong = Vec::new();
    for (number, variant) in variants.iter().enumerate() {
        let (taken, logged) = (&taken[number], &logged[number]);
        let lines: Vec<&str> = taken.iter().map(|taken| taken.line.as_str()).collect();
        let mut say = |what: String| {
            let targets: Vec<_> = logged.iter().map(|logged| &logged.target).collect();
            wrong.push(format!("{}\n  {what}\n  {lines:?}\n  {targets:?}", named(variant)));
        };
        let mut open: Vec<Option<&str>> = taken
            .iter()
            .filter(|taken| taken.is_handed_on)
            .map(|taken| tag(&taken.line).map(|(_, name)| name))
            .collect();
        let mut refused = 0;
        for logged in logged {
            let Some(target) = &logged.target else {
                refused += 1;
                continue;
            };
            let name = tag(target).map(|(_, name)| name);
            match open.iter().position(|&open| open == name) {
                Some(at) => drop(open.remove(at)),
                None => say(format!("nobody handed on {target}")),
            }
        }
        if open.len() != refused {
            say(format!("{refused} were refused, of {open:?}"));
        }
        let markers = MARKERS.len();
        if answered[number] > taken.len() - markers {
            say(format!("{} answers to {}", answered[number], taken.len() - markers));
        }
    }
    wrong
}

/// How many variants the server in front handed on, by their classes.
fn summarise(kind: Kind, variants: &[Variant], taken: &[Taken]) {
    let mut classes = BTreeMap::<&str, (u32, u32)>::new();
    let taken = by_variant(taken, variants.len(), |taken| taken.line.as_str());
    for (variant, taken) in variants.iter().zip(taken) {
        let (handed_on, all) = classes.entry(variant.class).or_default();
        let is_outer = |line: &str| tag(line).is_some_and(|(_, name)| name.ends_with("outer"));
        *handed_on +=
            u32::from(taken.iter().any(|taken| taken.is_handed_on && is_outer(&taken.line)));
        *all += 1;
    }
    eprintln!("{kind:?}, handed on of all: {classes:?}");
}

#[test]
fn a_request_that_nobody_handed_on_is_noticed() {
    let variants = [Variant::new("a class", "about", "", variant::ONE)];
    let taken = |names: &[&str]| -> Vec<Taken> {
        let line = |name: &&str| format!("GET /d?00000-{name} HTTP/1.1");
        names.iter().map(|name| Taken { is_handed_on: true, line: line(name) }).collect()
    };
    let logged = |names: &[&str]| -> Vec<Logged> {
        let target = |name: &&str| (!name.is_empty()).then(|| format!("/d?00000-{name}"));
        names.iter().map(|name| Logged { target: target(name) }).collect()
    };
    let ends = ["marker0", "marker1"];
    for (handed_on, seen, answers, complaints) in [
        (&["outer"][..], &["outer"][..], 1, 0),
        (&["outer"], &[""], 1, 0),
        (&["outer", "last"], &["outer", "last"], 2, 0),
        (&["outer"], &["outer", "inner"], 1, 1),
        (&["outer"], &["outer", ""], 1, 1),
        (&["outer", "last"], &["outer"], 1, 1),
        (&["outer"], &["outer"], 2, 1),
    ] {
        let found = compare(
            &variants,
            &taken(&[handed_on, &ends].concat()),
            &logged(&[seen, &ends].concat()),
            &[answers],
        );
        assert_eq!(found.len(), complaints, "{handed_on:?} {seen:?}: {found:?}");
    }
}
