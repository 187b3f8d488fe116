//! Preflights: browsers that ask whether a page of another origin may do something.

use std::sync::Arc;

use http::{Method, StatusCode};

use super::{Handler, Reply};
use crate::content::cors::Cors;
use crate::message::{Request, Response};

/// Answers preflights by the rules of CORS; other OPTIONS requests are not its business.
#[derive(Debug)]
pub struct Preflight {
    cors: Arc<Cors>,
}

impl Preflight {
    /// Answers by these rules. What every answer carries is for the policy to add.
    pub fn new(cors: Arc<Cors>) -> Self {
        Self { cors }
    }
}

impl Handler for Preflight {
    fn concerns(&self, request: &Request<'_>) -> bool {
        request.method == Method::OPTIONS
    }

    fn handle<'a>(&'a self, request: Request<'a>) -> Reply<'a> {
        let Some(permission) = self.cors.preflight(request.fields) else {
            return Reply::Pass(request);
        };
        let mut response = Response::new(StatusCode::NO_CONTENT);
        response.fields.own.extend_from_slice(permission);
        Reply::Ready(response)
    }
}
