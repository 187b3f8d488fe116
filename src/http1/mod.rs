//! HTTP/1.1 between bytes and words: pure functions over bytes, no sockets, no clock (RFC 9112).
//!
//! | bytes to words | |
//! | --- | --- |
//! | `chars` | classes of bytes |
//! | `scan` | the first byte of a class, many at a time |
//! | `authority` | host and port |
//! | `target` | the four forms of a request target |
//! | `request_line` | method and version |
//! | `head` | [`HeadParser`]: request line and field lines |
//! | `framing` | [`Framing`]: which body follows, whether the connection goes on |
//! | `chunked` | [`ChunkedDecoder`]: a chunked body |
//! | `error` | [`HeadError`]: what can be wrong with a head |
//!
//! | words to bytes | |
//! | --- | --- |
//! | [`encode`] | response heads and chunks |
//!
//! Not in here: what a request means, how a response is framed, limits on bodies, time.

mod authority;
mod chars;
mod chunked;
pub mod encode;
mod error;
mod framing;
mod head;
mod request_line;
mod scan;
mod target;

pub use authority::Authority;
pub use chunked::{ChunkError, ChunkedDecoder, Decoded};
pub use error::HeadError;
pub use framing::{BodyLength, Framing};
pub use head::{Head, HeadParser, Limits};
