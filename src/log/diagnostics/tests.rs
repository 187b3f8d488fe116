use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};

use serde_json::Value;

use super::*;

#[derive(Clone, Default)]
struct Console(Arc<Mutex<Vec<u8>>>);

impl Console {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Console {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn options(filter: &str) -> DiagnosticsOptions {
    DiagnosticsOptions {
        filter: filter.to_owned(),
        format: DiagnosticsFormat::Text,
        color: false,
        file: None,
        rotation: Rotation::Never,
        max_files: 0,
    }
}

/// What the options make of these events: on the console, and in the file.
fn said(options: &DiagnosticsOptions, events: impl FnOnce()) -> (String, String) {
    let (console, file) = (Console::default(), Console::default());
    let (to_console, to_file) = (console.clone(), file.clone());
    let subscriber = subscriber(options, move || to_console.clone(), Some(move || to_file.clone()));
    let (subscriber, _) = subscriber.unwrap();
    tracing::subscriber::with_default(subscriber, events);
    (console.text(), file.text())
}

/// One event of each level, from here and from a library.
fn one_of_each() {
    tracing::error!("e");
    tracing::warn!("w");
    tracing::info!("i");
    tracing::debug!("d");
    tracing::trace!("t");
    tracing::warn!(target: "library", "lw");
    tracing::debug!(target: "library", "ld");
}

#[test]
fn a_level_lets_through_what_is_at_least_as_grave() {
    let rows = [
        ("OFF", ""),
        ("ERROR", "e"),
        ("WARNING", "e w lw"),
        ("warning", "e w lw"),
        ("warn", "e w lw"),
        (" Info ", "e w i lw"),
        ("DEBUG", "e w i d lw"),
        ("TRACE", "e w i d t lw"),
        ("library=debug", "lw ld"),
        ("error,library=warn", "e lw"),
        (" error , library=warn,", "e lw"),
        ("info,library=off", "e w i"),
        ("warn,salver::log=debug", "e w i d lw"),
        ("warn,salver::other=debug", "e w lw"),
    ];
    for (filter, expected) in rows {
        let (console, file) = said(&options(filter), one_of_each);
        let words: Vec<_> =
            console.lines().filter_map(|line| line.split(' ').next_back()).collect();
        assert_eq!(words.join(" "), expected, "{filter}");
        assert_eq!(file.lines().count(), words.len(), "{filter}");
    }
}

#[test]
fn what_libraries_say_of_a_strangers_files_is_not_said_unless_asked_for() {
    let complaint = || tracing::warn!(target: "html5ever::tree_builder", "foster parenting");
    for (filter, lines) in [
        ("INFO", 0),
        ("TRACE", 0),
        ("info,salver=debug", 0),
        ("info,html5ever=warn", 1),
        ("info,html5ever::tree_builder=warn", 1),
        ("info,html5ever=error", 0),
    ] {
        let (console, _) = said(&options(filter), complaint);
        assert_eq!(console.lines().count(), lines, "{filter}: {console}");
    }
}

#[test]
fn without_a_file_the_console_is_all_there_is() {
    let console = Console::default();
    let to_console = console.clone();
    let (file, guard) = open_file(&options("INFO")).unwrap();
    assert!(guard.is_none());
    let (subscriber, _) = subscriber(&options("INFO"), move || to_console.clone(), file).unwrap();
    tracing::subscriber::with_default(subscriber, one_of_each);
    assert_eq!(console.text().lines().count(), 4, "{}", console.text());
}

#[test]
fn a_filter_that_is_none_is_an_error_that_names_the_levels() {
    for given in ["VERBOSE", "", "salver=loud", "7", "salver[request]=debug", "[{id=7}]=trace"] {
        let error = check_filter(given).expect_err(given).to_string();
        assert!(error.contains(&format!("{given:?}")), "{error}");
        assert!(error.contains("WARNING"), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}

#[test]
fn of_a_filter_with_several_parts_the_wrong_one_is_named() {
    for (given, part) in
        [("DEBUG,foo=bar", "\"foo=bar\""), ("salver=loud, info", "\"salver=loud\"")]
    {
        let error = check_filter(given).expect_err(given).to_string();
        assert!(error.contains(&format!("{part} is wrong")), "{error}");
    }
}

#[test]
fn text_is_time_level_message_and_values() {
    let event = || tracing::info!(port = 8000, "listening");
    let (console, _) = said(&options("INFO"), event);
    let line = console.strip_suffix('\n').expect("a line");
    let (time, rest) = line.split_at("2000-10-10T13:55:36.000Z".len());
    assert_eq!((&time[10..11], &time[19..20], &time[23..]), ("T", ".", "Z"));
    assert_eq!(rest, "  INFO listening port=8000");
}

#[test]
fn modules_are_named_when_looking_for_errors() {
    let (info, _) = said(&options("INFO"), one_of_each);
    let (debug, _) = said(&options("DEBUG"), one_of_each);
    assert!(!info.contains("salver::log"), "{info}");
    assert!(debug.contains("salver::log"), "{debug}");
}

#[test]
fn colours_are_for_the_console_alone() {
    let coloured = DiagnosticsOptions { color: true, ..options("INFO") };
    let events = || {
        let span = tracing::info_span!("request", id = 7);
        let _inside = span.enter();
        tracing::info!(size = 1, "done");
    };
    let (console, file) = said(&coloured, events);
    assert!(console.contains('\x1b'), "{console:?}");
    assert!(!file.contains('\x1b'), "{file:?}");
    assert!(file.contains("id=7"), "{file:?}");
    assert!(!said(&options("INFO"), events).0.contains('\x1b'));
}

#[test]
fn json_is_one_object_per_line() {
    let json =
        DiagnosticsOptions { format: DiagnosticsFormat::Json, color: true, ..options("INFO") };
    let (console, file) = said(&json, || tracing::warn!(port = 8000, "a \"b\"\n\x1b[31m"));
    for text in [console, file] {
        assert_eq!(text.lines().count(), 1, "{text}");
        let read: Value = serde_json::from_str(&text).expect("valid JSON");
        assert_eq!(read["level"], "WARN");
        assert_eq!(read["message"], "a \"b\"\n\x1b[31m");
        assert_eq!(read["port"], 8000);
        assert!(read["timestamp"].as_str().unwrap().ends_with('Z'), "{text}");
    }
}

#[test]
fn the_file_has_everything_once_the_guard_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let with_file =
        DiagnosticsOptions { file: Some(folder.path().join("logs/salver.log")), ..options("INFO") };
    let (file, guard) = open_file(&with_file).unwrap();
    let console = Console::default();
    let (subscriber, _) = subscriber(&with_file, move || console.clone(), file).unwrap();
    tracing::subscriber::with_default(subscriber, || {
        for at in 0..1_000 {
            tracing::info!("line {at}");
        }
    });
    drop(guard);
    let text = std::fs::read_to_string(folder.path().join("logs/salver.log")).unwrap();
    assert_eq!(text.lines().count(), 1_000);
    assert!(text.ends_with("line 999\n"));
}

#[test]
fn a_file_that_cannot_be_written_is_an_error_that_names_it() {
    let path = Path::new("/dev/null/salver.log");
    let error = open_file(&DiagnosticsOptions { file: Some(path.to_owned()), ..options("INFO") });
    let text = error.expect_err("not a folder").to_string();
    assert!(text.contains("/dev/null/salver.log (log_file)"), "{text}");
    assert_eq!(text.lines().count(), 1);
}

#[test]
fn colours_are_decided_by_setting_then_environment_then_terminal() {
    // Setting, terminal, NO_COLOR, TERM, colours.
    let rows = [
        (None, true, None, None, true),
        (None, false, None, None, false),
        (None, true, Some("1"), None, false),
        (None, true, Some(""), None, true),
        (None, true, None, Some("xterm-256color"), true),
        (None, false, None, Some("xterm-256color"), false),
        (None, true, None, Some("dumb"), false),
        (Some(true), false, Some("1"), Some("dumb"), true),
        (Some(false), true, None, None, false),
    ];
    for (setting, terminal, no_color, term, expected) in rows {
        let (no_color, term) = (no_color.map(OsStr::new), term.map(OsStr::new));
        assert_eq!(
            colors_in(setting, terminal, no_color, term),
            expected,
            "{setting:?} {terminal} {no_color:?} {term:?}"
        );
    }
}
