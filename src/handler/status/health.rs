//! `/healthz`: whether the server should get requests.

use std::sync::Arc;

use http::{HeaderValue, Method, StatusCode, header};

use crate::handler::{Handler, Reply};
use crate::message::{Request, Response, Traffic};
use crate::stats::Stats;
use crate::stats::snapshot::State;

pub(super) const PATH: &str = "/healthz";

/// Answers everybody: 200 while requests are welcome, 503 while the server is stopping or cannot do
/// what it is there for. Why that is, only the status page tells.
pub struct Health {
    stats: Arc<Stats>,
}

impl Health {
    /// Tells of `stats`.
    pub fn new(stats: Arc<Stats>) -> Self {
        Self { stats }
    }

    fn answer(&self) -> Response {
        let (status, text) = if self.stats.is_draining() {
            (StatusCode::SERVICE_UNAVAILABLE, "draining\n")
        } else {
            match self.stats.state() {
                State::Green => (StatusCode::OK, "ok\n"),
                State::Amber => (StatusCode::OK, "ok, with warnings\n"),
                State::Red => (StatusCode::SERVICE_UNAVAILABLE, "failing\n"),
            }
        };
        let mut response =
            Response::new(status).with_body("text/plain; charset=utf-8", text.to_owned());
        response.traffic = Traffic::Monitoring;
        response.with(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))
    }
}

impl Handler for Health {
    fn concerns(&self, request: &Request<'_>) -> bool {
        request.target.path == PATH.as_bytes()
            && matches!(request.method, Method::GET | Method::HEAD)
    }

    fn handle<'a>(&'a self, _: Request<'a>) -> Reply<'a> {
        Reply::Ready(self.answer())
    }
}
