//! Pages of the fixture, and of less.

use unicode_width::UnicodeWidthStr;

use super::*;
use crate::commands::terminal::line::Screen;

const FIXTURE: &str = include_str!("../../../../tests/status.json");

fn snapshot() -> Snapshot {
    serde_json::from_str(FIXTURE).unwrap()
}

fn history() -> History {
    let value: serde_json::Value = serde_json::from_str(FIXTURE).unwrap();
    serde_json::from_value(value["history"].clone()).unwrap()
}

fn text(lines: &[Line], screen: &Screen) -> String {
    lines.iter().map(|line| line.print(screen) + "\n").collect()
}

fn screen(width: usize) -> Screen {
    Screen { width, height: None, cut: true, colors: false }
}

#[test]
fn everything_is_told_in_eighty_columns() {
    let lines = page(&snapshot(), Some(&history()), 80);
    assert_eq!(text(&lines, &screen(80)), include_str!("eighty.txt"));
}

#[test]
fn nothing_is_wider_than_the_screen_and_graphs_grow_with_it() {
    let (snapshot, history) = (snapshot(), history());
    for width in [1, 10, 40, 79, 80, 120, 500] {
        let lines = page(&snapshot, Some(&history), width);
        for line in text(&lines, &screen(width)).lines() {
            assert!(UnicodeWidthStr::width(line) <= width, "{width}: {line}");
        }
    }
    let graph = |width| {
        let text = text(&page(&snapshot, Some(&history), width), &screen(width));
        let line = text.lines().find(|line| line.starts_with("memory")).unwrap().to_owned();
        line.matches('█').count()
    };
    assert_eq!((graph(40), graph(80), graph(500)), (8, 17, 20));
}

#[test]
fn elsewhere_than_on_a_terminal_nothing_is_cut_and_nothing_is_coloured() {
    let mut snapshot = snapshot();
    let long = "/a".repeat(200);
    snapshot.in_flight[0].path.clone_from(&long);
    let lines = page(&snapshot, None, Screen::USUAL_WIDTH);
    let text = text(&lines, &Screen { cut: false, ..screen(80) });
    assert!(text.contains(&long) && !text.contains('\x1b'), "{text}");
    // Without a history there are no graphs.
    assert!(
        !text.contains('▁') && text.contains("\nmemory            40.0 MiB  12 threads\n"),
        "{text}"
    );
}

#[test]
fn colours_change_no_text() {
    let lines = page(&snapshot(), Some(&history()), 80);
    let coloured = text(&lines, &Screen { colors: true, ..screen(80) });
    assert!(coloured.contains("\x1b[1;33mAMBER\x1b[0m"), "{coloured}");
    let mut plain = String::new();
    for (at, piece) in coloured.split("\x1b[").enumerate() {
        plain.push_str(if at == 0 { piece } else { piece.split_once('m').unwrap().1 });
    }
    let expected = text(&lines, &screen(80));
    let trimmed = |text: &str| text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
    assert_eq!(trimmed(&plain), trimmed(&expected));
}

#[test]
fn a_server_that_tells_nothing_has_a_page_too() {
    let lines = page(&Snapshot::default(), Some(&History::default()), 80);
    let text = text(&lines, &screen(80));
    assert!(text.contains("GREEN") && !text.contains("NaN"), "{text}");
    for absent in ["cache", "TLS", "uploads", "memory", "in flight", "last errors"] {
        assert!(!text.contains(absent), "{absent}: {text}");
    }
}

#[test]
fn what_clients_sent_cannot_act_on_the_terminal() {
    let text = text(&page(&snapshot(), None, 80), &Screen { cut: false, ..screen(80) });
    assert!(text.contains("/in/back␛[2Jup.tar") && text.contains("/wp-␇login.php"), "{text}");
    assert!(!text.contains('\u{202e}') && text.chars().all(|c| c == '\n' || !c.is_control()));
}
