//! What has come of the content of a request, whatever the protocol.

use std::sync::Arc;
use std::time::Instant;

use http::StatusCode;

use super::clock;
use super::deadline::Allowance;
use super::exchange::{Asked, Taken};
use crate::message::BodyError;
use crate::stats::{Boarding, Flight, Tally, Timeout};

/// Counts content while it comes, and shows how much of it there is.
pub(super) struct Intake {
    bytes: u64,
    /// When the last piece came.
    latest: Option<Instant>,
    tally: Arc<Tally>,
    flight: Option<Arc<Flight>>,
}

impl Intake {
    pub(super) fn new(tally: &Arc<Tally>) -> Self {
        Self { bytes: 0, latest: None, tally: Arc::clone(tally), flight: None }
    }

    /// Shows what comes from now on, if the request is shown at all.
    pub(super) fn show(&mut self, boarding: Option<&Boarding>) {
        self.flight = boarding.map(|boarding| Arc::clone(boarding.flight()));
    }

    /// So many bytes came.
    pub(super) fn take(&mut self, count: u64) {
        self.bytes += count;
        self.latest = Some(clock::now());
        self.tally.receiving(count);
        if let Some(flight) = &self.flight {
            flight.take(count);
        }
    }

    /// The client was waited for in vain; what that is called.
    pub(super) fn timed_out(&self, allowance: &Allowance) -> BodyError {
        self.tally.timed_out(Timeout::RequestContent);
        let bytes = self.bytes;
        if allowance.is_over() {
            tracing::info!(bytes, "a request body was given up: not whole within upload_timeout");
            BodyError::TookTooLong
        } else {
            tracing::debug!(
                bytes,
                "a request body was given up: nothing, or less than min_rate, \
                came for request_timeout"
            );
            BodyError::TimedOut
        }
    }

    /// Bytes that came.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// What had come when the request was answered with that status.
    pub(super) fn answered(&self, asked: &Asked<'_>, status: StatusCode) -> Taken {
        if status.is_client_error() || status.is_server_error() {
            self.tally.refused_content(status);
        }
        Taken { bytes: self.bytes, at: self.latest.unwrap_or(asked.received) }
    }
}
