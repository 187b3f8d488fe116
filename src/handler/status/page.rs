//! The page as a whole, and the part of it that is sent anew every second.
//!
//! Both are made of the same templates: what the server sends every second is what it sent at
//! first, and the script changes only what differs. Without a script the page is whole, too.

use std::sync::LazyLock;

use askama::Template;
use http::HeaderValue;

use super::tiles::{Tile, tiles};
use super::{charts, rows, shown};
use crate::handler::own_page::{policy, source};
use crate::stats::snapshot::{History, Snapshot, State};

const STYLE: &str = include_str!("../../pages/status.css");
const SCRIPT: &str = include_str!("../../pages/status.js");

static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    policy(&[
        ("default-src", "'none'"),
        ("script-src", &source(SCRIPT)),
        ("style-src", &source(STYLE)),
        ("img-src", "data:"),
        ("connect-src", "'self'"),
        ("form-action", "'none'"),
        ("base-uri", "'none'"),
        ("frame-ancestors", "'self'"),
    ])
});

/// The `Content-Security-Policy` of the page.
pub(super) fn content_security_policy() -> HeaderValue {
    POLICY.clone()
}

/// The page.
pub(super) fn whole(snapshot: &Snapshot, history: &History) -> String {
    let page = Whole { live: Live::new(snapshot, history), style: STYLE, script: SCRIPT };
    // Neither memory nor our values fail to be written.
    page.render().unwrap_or_default()
}

/// The element `#live` of the page, as it is now. There are line ends in it, and none is CR.
pub(super) fn live(snapshot: &Snapshot, history: &History) -> String {
    Live::new(snapshot, history).render().unwrap_or_default()
}

#[derive(Template)]
#[template(path = "status.html")]
struct Whole<'a> {
    live: Live<'a>,
    style: &'static str,
    script: &'static str,
}

#[derive(Template)]
#[template(path = "status_live.html")]
struct Live<'a> {
    snapshot: &'a Snapshot,
    range: &'static str,
    title: String,
    tiles: Vec<Tile>,
    charts: String,
}

impl<'a> Live<'a> {
    fn new(snapshot: &'a Snapshot, history: &History) -> Self {
        let range = match history.range.as_str() {
            "2h" => "2h",
            "24h" => "24h",
            _ => "10m",
        };
        let charts = charts::charts(history, snapshot.cache.is_some());
        let tiles = tiles(snapshot, history);
        Self { snapshot, range, title: title(snapshot), tiles, charts }
    }

    /// The overall state in a sentence.
    fn verdict(&self) -> &'static str {
        match self.snapshot.health.state {
            State::Green if self.snapshot.server.draining => "Finishing the last requests",
            State::Green => "All is well",
            State::Amber => "Somebody should look",
            State::Red => "Something is wrong",
        }
    }
}

/// What stands in the tab: that something is wrong comes first, then how much is done.
fn title(snapshot: &Snapshot) -> String {
    let mark = match snapshot.health.state {
        State::Green => "",
        State::Amber => "\u{26a0} ",
        State::Red => "\u{2716} ",
    };
    let rate = shown::number(&snapshot.recent.requests_per_second);
    format!("{mark}{rate} req/s - {} - salver", snapshot.server.host)
}
