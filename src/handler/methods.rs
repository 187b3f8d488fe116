//! Methods other than GET and HEAD: OPTIONS is answered, the rest has nothing to act on.

use http::{HeaderValue, Method, StatusCode, header};

use super::{Handler, Reply};
use crate::message::{Request, Response, TargetForm};

/// What files and listings can be asked with.
const ALLOW: &str = "GET, HEAD, OPTIONS";

/// Answers every method that reading handlers do not have (RFC 9110 sections 9.3.7, 15.5.6).
#[derive(Debug)]
pub struct Methods;

impl Handler for Methods {
    fn concerns(&self, request: &Request<'_>) -> bool {
        let reads = matches!(request.method, Method::GET | Method::HEAD);
        !reads || request.target.form == TargetForm::Asterisk
    }

    fn handle<'a>(&'a self, request: Request<'a>) -> Reply<'a> {
        match request.method {
            Method::OPTIONS => Reply::Ready(
                Response::new(StatusCode::NO_CONTENT)
                    .with(header::ALLOW, HeaderValue::from_static(ALLOW)),
            ),
            _ => Reply::Ready(Response::method_not_allowed(ALLOW)),
        }
    }
}
