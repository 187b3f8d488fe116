//! The words of HTTP: what is asked, what is answered. No I/O, no protocol version, no policy.

mod answer;
mod body;
mod fields;
mod request;
mod response;

pub use answer::{Answer, BoxFuture};
pub use body::{Body, BodyError, Chunks, FileSpan, Incoming, Part, RequestBody};
pub use fields::{Block, FieldSpan, Fields, ResponseFields, SeenNames};
pub use request::{Peer, Request, Target, TargetForm};
pub use response::{CacheUse, Response, Traffic};
