//! What the server tells about itself: `/server-status` for people and programs, `/metrics` for
//! Prometheus, `/healthz` for whoever decides whether it gets requests.
//!
//! | module | what it knows |
//! | --- | --- |
//! | `access` | who may look |
//! | `health` | `/healthz` |
//! | `page` | the page as a whole, and the part of it that is sent anew every second |
//! | `live` | that part, once a second |
//! | `tiles` | the figures at the top, each with its last minutes as a small curve |
//! | `charts` | which curves are drawn over the chosen time |
//! | `chart` | a chart as SVG: areas, lines, axes, legend |
//! | `heat` | the chart of all answers by the time they took |
//! | `axis` | round numbers and clock times for axes |
//! | `columns` | steps of time gathered into as many columns as a chart has room for |
//! | `rows` | what stands in tables, where it is more than a field of the data |
//! | `shown` | numbers, times and names as this page shows them |
//! | `metrics`, `auto` | the forms that other programs read |

mod access;
mod auto;
mod axis;
mod chart;
mod charts;
mod columns;
mod health;
mod heat;
mod live;
mod metrics;
mod page;
mod rows;
mod shown;
mod tiles;
mod times;

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod sample;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use ipnet::IpNet;
use serde::Serialize;

pub use self::health::Health;
use self::live::Live;
use super::generated::{Facts, Generated};
use super::{Codings, Handler, Reply};
use crate::content::accept::{self, Form};
use crate::content::ascii_json;
use crate::content::page_security::{NO_DEVICES, PERMISSIONS_POLICY};
use crate::message::{Body, Chunks, Request, Response, Traffic};
use crate::stats::snapshot::{History, Snapshot};
use crate::stats::{Range, Stats};

/// Where the page is.
pub const PAGE: &str = "/server-status";

/// Where Prometheus looks.
const METRICS: &str = "/metrics";

/// Pages that are kept up to date at the same time; each costs a connection, all together one
/// rendering a second.
const MAX_LIVE: usize = 64;

/// Tells those who may know what the server does.
pub struct Status {
    stats: Arc<Stats>,
    allowed: Vec<IpNet>,
    live: Arc<Live>,
    codings: Codings,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum View {
    Page(Range),
    /// The part of the page that changes, once a second.
    Events(Range),
    /// With the history of a range, if one is named.
    Json(Option<Range>),
    Metrics,
    Auto,
}

/// The form of `?format=json`.
#[derive(Serialize)]
struct Json {
    #[serde(flatten)]
    snapshot: Snapshot,
    #[serde(skip_serializing_if = "Option::is_none")]
    history: Option<History>,
}

/// Whether a path is that of something which looks at the server.
pub fn is_monitoring(path: &[u8]) -> bool {
    is_page(path) || path == METRICS.as_bytes() || path == health::PATH.as_bytes()
}

fn is_page(path: &[u8]) -> bool {
    path.strip_suffix(b"/").unwrap_or(path) == PAGE.as_bytes()
}

impl Status {
    /// Tells of `stats` to clients of the networks `allowed`, compressed as `codings` allow.
    pub fn new(stats: Arc<Stats>, allowed: Vec<IpNet>, codings: Codings) -> Self {
        let live = Arc::new(Live::new(Arc::clone(&stats)));
        Self { stats, allowed, live, codings }
    }

    fn answer<'a>(&'a self, request: Request<'a>) -> Reply<'a> {
        // Those who may not look are visitors like all others.
        if let Err(response) = access::check(&request, &self.allowed) {
            return Reply::Ready(*response);
        }
        match request.method {
            Method::GET | Method::HEAD => {}
            Method::OPTIONS => {
                let allow = HeaderValue::from_static(ALLOW);
                let response = Response::new(StatusCode::NO_CONTENT).with(header::ALLOW, allow);
                return Reply::Ready(told(response));
            }
            _ => return Reply::Ready(told(Response::method_not_allowed(ALLOW))),
        }
        let view = match view(&request) {
            Ok(view) => view,
            Err(detail) => {
                let response = Response::new(StatusCode::BAD_REQUEST).with_detail(detail);
                return Reply::Ready(told(response));
            }
        };
        if let View::Events(range) = view {
            return Reply::Ready(self.events(range));
        }
        let stats = Arc::clone(&self.stats);
        let codings = self.codings(view, &request);
        let coding = codings.wanted(&request);
        Reply::later(async move {
            // Adding up, writing and compressing takes a few milliseconds, in which the other
            // connections of this worker want to be served.
            let made = tokio::task::spawn_blocking(move || {
                let page = Generated::new(&codings, render(&stats, view));
                if let Some(coding) = coding {
                    page.compress_here(coding);
                }
                page
            });
            Ok(told(match made.await {
                Ok(page) => page.answer(&request).wait().await,
                Err(_) => Response::new(StatusCode::INTERNAL_SERVER_ERROR),
            }))
        })
    }

    /// How a view may be compressed: what names paths not where perhaps only its length can be seen
    /// (`handler::generated` tells why). A proxy may speak TLS with whoever asks it.
    fn codings(&self, view: View, request: &Request<'_>) -> Codings {
        let is_hidden = request.peer.secure || access::is_for_another(request);
        let has_paths = !matches!(view, View::Metrics | View::Auto);
        if is_hidden && has_paths { Codings::default() } else { self.codings.clone() }
    }

    fn events(&self, range: Range) -> Response {
        if self.stats.watchers() >= MAX_LIVE {
            return told(
                Response::new(StatusCode::SERVICE_UNAVAILABLE)
                    .with(header::RETRY_AFTER, HeaderValue::from_static("10")),
            );
        }
        let mut response = Response::new(StatusCode::OK)
            .with(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        response.body = Body::Stream { length: None, chunks: Chunks::new(self.live.events(range)) };
        told(response)
    }
}

const ALLOW: &str = "GET, HEAD, OPTIONS";

impl Handler for Status {
    fn concerns(&self, request: &Request<'_>) -> bool {
        let path = request.target.path;
        is_page(path) || path == METRICS.as_bytes()
    }

    fn handle<'a>(&'a self, request: Request<'a>) -> Reply<'a> {
        self.answer(request)
    }
}

/// What a request asks for; `Err` says what it could have asked for.
fn view(request: &Request<'_>) -> Result<View, &'static str> {
    let target = &request.target;
    if !is_page(target.path) {
        return Ok(View::Metrics);
    }
    let range = match target.parameter(b"range") {
        None => None,
        Some(name) => Some(Range::named(name).ok_or("range is one of 10m, 2h and 24h.")?),
    };
    if target.parameter(b"events").is_some() {
        return Ok(View::Events(range.unwrap_or_default()));
    }
    if target.parameter(b"auto").is_some() {
        return Ok(View::Auto);
    }
    match target.parameter(b"format") {
        Some(b"html") => Ok(View::Page(range.unwrap_or_default())),
        Some(b"json") => Ok(View::Json(range)),
        Some(b"prometheus") => Ok(View::Metrics),
        Some(b"auto") => Ok(View::Auto),
        Some(_) => Err("format is one of html, json, prometheus and auto."),
        None if accept::named(request.fields) == Some(Form::Json) => Ok(View::Json(range)),
        None => Ok(View::Page(range.unwrap_or_default())),
    }
}

fn render(stats: &Stats, view: View) -> Facts {
    let snapshot = stats.snapshot();
    let (media_type, text) = match view {
        View::Page(range) | View::Events(range) => {
            let text = page::whole(&snapshot, &stats.history(range));
            ("text/html; charset=utf-8", text.into())
        }
        View::Json(range) => {
            let history = range.map(|range| stats.history(range));
            let text = ascii_json::to_vec(&Json { snapshot, history }).unwrap_or_default();
            ("application/json", text)
        }
        View::Metrics => (metrics::METRICS_TYPE, metrics::metrics(&snapshot).into()),
        View::Auto => ("text/plain; charset=utf-8", auto::auto(&snapshot).into()),
    };
    let mut facts = Facts::of_now(media_type, text);
    if matches!(view, View::Page(_)) {
        facts.fields = vec![
            (header::CONTENT_SECURITY_POLICY, page::content_security_policy()),
            (PERMISSIONS_POLICY, NO_DEVICES),
        ];
    }
    facts
}

/// What all of these answers have in common: nobody keeps them, and no page of another site gets
/// to see them.
fn told(mut response: Response) -> Response {
    response.traffic = Traffic::Monitoring;
    response
        .with(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))
        .with(CROSS_ORIGIN_RESOURCE_POLICY, HeaderValue::from_static("same-origin"))
}

/// Fetch standard, section 3.7.
const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-resource-policy");
