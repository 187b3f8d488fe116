//! Folders where listings are off.

use http::StatusCode;

use super::{Handler, Reply};
use crate::message::{Request, Response};

/// Takes the place of the listing: a folder without an index file is there, but not shown.
#[derive(Debug)]
pub struct Unlisted;

impl Handler for Unlisted {
    fn handle<'a>(&'a self, _: Request<'a>) -> Reply<'a> {
        Reply::Ready(Response::new(StatusCode::FORBIDDEN))
    }
}
