//! The page as a whole: that it is well-formed, small, and says what it is told to.

use super::page::{content_security_policy, live, whole};
use super::sample;
use crate::stats::snapshot::{History, Snapshot, State};

/// Elements that have no end.
const VOID: [&str; 4] = ["meta", "link", "br", "input"];

/// Panics unless every tag is closed in its turn, every attribute quoted and given once, and every
/// `<` and `&` of the text escaped.
fn check_markup(text: &str) {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        check_text(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix("!doctype html>") {
            rest = after;
            continue;
        }
        if let Some(after) = rest.strip_prefix('/') {
            let end = after.find('>').expect("the end of an end tag");
            assert_eq!(open.pop(), Some(&after[..end]), "before {}", excerpt(&after[end..]));
            rest = &after[end + 1..];
            continue;
        }
        let name_end = rest.find([' ', '>', '/']).expect("the end of a name");
        let name = &rest[..name_end];
        assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric()), "<{}", excerpt(rest));
        rest = check_attributes(&rest[name_end..]);
        match rest.strip_prefix('/') {
            Some(after) => rest = after,
            None if VOID.contains(&name) => {}
            None => open.push(name),
        }
        rest = rest.strip_prefix('>').unwrap_or_else(|| panic!("no > before {}", excerpt(rest)));
        if matches!(name, "style" | "script") {
            let end = rest.find("</").expect("the end of style or script");
            rest = &rest[end..];
        }
    }
    check_text(rest);
    assert!(open.is_empty(), "never closed: {open:?}");
}

/// The text behind the attributes of a tag.
fn check_attributes(mut rest: &str) -> &str {
    let mut names = Vec::new();
    while let Some(after) = rest.strip_prefix(' ') {
        let end = after.find(['=', '>', ' ']).expect("the end of an attribute");
        let name = &after[..end];
        assert!(!names.contains(&name), "{name} is given twice before {}", excerpt(after));
        assert!(!name.starts_with("on") && name != "style", "{name} is forbidden by the policy");
        names.push(name);
        if name == "rel" {
            // The icon's, which is shared with other pages.
            rest = &after[after.find(' ').expect("more attributes")..];
            continue;
        }
        let value = after[end..].strip_prefix("=\"");
        let value = value.unwrap_or_else(|| panic!("{name} has no value: {}", excerpt(after)));
        let end = value.find('"').expect("the end of a value");
        assert!(!value[..end].contains('<'), "{name}: {}", excerpt(value));
        check_text(&value[..end]);
        rest = &value[end + 1..];
    }
    rest
}

fn check_text(text: &str) {
    assert!(!text.contains('>'), "{}", excerpt(text));
    for after in text.split('&').skip(1) {
        let name = after.split(';').next().unwrap_or_default();
        let known = name.starts_with('#') || ["amp", "lt", "gt", "quot"].contains(&name);
        assert!(known, "&{}", excerpt(after));
    }
    let is_harmful = |character: char| {
        (character.is_control() && character != '\n')
            || matches!(character, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    assert!(!text.contains(is_harmful), "{}", excerpt(text));
}

fn excerpt(text: &str) -> String {
    text.chars().take(120).collect()
}

/// Everything that is looked at below.
fn samples() -> Vec<(&'static str, Snapshot, History)> {
    let mut new = sample::history("10m", 0, false);
    new.requests.truncate(9);
    new.p99_seconds.truncate(9);
    vec![
        ("nothing", Snapshot::default(), History::default()),
        ("new", sample::busy(), new),
        ("busy", sample::busy(), sample::history("10m", 0, false)),
        ("2h", sample::busy(), sample::history("2h", 0, false)),
        ("24h", sample::busy(), sample::history("24h", 0, false)),
        ("full", sample::full(), sample::history("10m", 0, true)),
        ("red", sample::red(), sample::history("10m", 0, true)),
    ]
}

#[test]
fn pages_are_well_formed_and_hold_no_nonsense() {
    for (name, snapshot, history) in samples() {
        let page = whole(&snapshot, &history);
        check_markup(&page);
        let part = live(&snapshot, &history);
        check_markup(&part);
        assert!(page.contains(&part), "{name}: what is sent anew is what was sent first");
        assert!(!part.contains("NaN") && !part.contains(">inf"), "{name}");
        assert!(!part.contains('\r'), "{name}");
    }
}

#[test]
fn names_do_not_become_markup() {
    let mut snapshot = sample::full();
    let evil = "<img src=x onerror=alert(1)>\"'&\r\n\u{202e}";
    snapshot.server.host = evil.to_owned();
    snapshot.server.document_root = evil.to_owned();
    snapshot.health.checks[0].text = evil.to_owned();
    snapshot.health.checks[0].name = evil.to_owned();
    snapshot.requests.by_method.insert(evil.to_owned(), 3);
    snapshot.limits.malformed_requests.insert(evil.to_owned(), 3);
    snapshot.in_flight[0].method = evil.to_owned();
    snapshot.in_flight[0].id = evil.to_owned();
    snapshot.top.clients[0].name = evil.to_owned();
    snapshot.top.since = evil.to_owned();
    snapshot.time = evil.to_owned();
    let page = whole(&snapshot, &sample::history("10m", 0, false));
    assert!(!page.contains("<img"));
    check_markup(&page);
}

#[test]
fn pages_are_small() {
    for (name, snapshot, history) in samples() {
        let (page, part) = (whole(&snapshot, &history).len(), live(&snapshot, &history).len());
        // Where every list is full of names as long as can be, some more is allowed.
        let more = if name == "full" { 40 << 10 } else { 0 };
        assert!(page < (150 << 10) + more, "{name}: {page}");
        assert!(part < (110 << 10) + more, "{name}: {part}");
    }
    assert!(include_str!("../../pages/status.js").len() < 20 << 10);
}

#[test]
fn what_is_off_is_said_in_a_line() {
    let page = live(&Snapshot::default(), &History::default());
    for text in [
        "Nothing in flight.",
        "Off: every file is read from the disk.",
        "Off: nothing is encrypted.",
        "Off: nothing can be added.",
        "No errors.",
    ] {
        assert!(page.contains(text), "{text}");
    }
    assert!(!page.contains("id=\"cache\""), "no curve of what is off");
}

#[test]
fn the_state_is_told_in_words() {
    let history = History::default();
    let mut snapshot = Snapshot::default();
    assert!(live(&snapshot, &history).contains("All is well"));
    snapshot.server.draining = true;
    assert!(live(&snapshot, &history).contains("Finishing the last requests"));
    snapshot.health.state = State::Amber;
    assert!(live(&snapshot, &history).contains("Somebody should look"));
    let page = live(&sample::red(), &history);
    assert!(page.contains("data-state=\"red\"") && page.contains("Something is wrong"));
    assert!(page.contains("uploads are refused. Make room."));
}

#[test]
fn the_policy_allows_what_is_in_the_page_and_nothing_else() {
    let policy = content_security_policy();
    let policy = policy.to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'; script-src 'sha256-"), "{policy}");
    let page = whole(&Snapshot::default(), &History::default());
    for element in ["style", "script"] {
        let (_, text) = page.split_once(&format!("<{element}>")).unwrap();
        let (text, _) = text.split_once(&format!("</{element}>")).unwrap();
        let source = crate::content::page_security::sha256_source(text);
        assert!(policy.contains(&source), "{element}");
    }
}

/// Pages of states that are hard to come by, in `target/pages`.
#[test]
#[ignore = "for people to look at"]
fn pages_to_look_at() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("target/pages");
    std::fs::create_dir_all(&folder).unwrap();
    for (name, snapshot, history) in samples() {
        let page = whole(&snapshot, &history);
        std::fs::write(folder.join(format!("{name}.html")), page).unwrap();
    }
}
