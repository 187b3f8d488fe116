//! HTTP from the other side: what commands ask servers with, HTTP/1.1 and HTTP/2, plain and over
//! TLS. `hyper` speaks it.
//!
//! | file | what it knows |
//! | --- | --- |
//! | `address` | what people type for a URL |
//! | `trust` | whose certificates are believed |
//! | `authorities` | those in a file, and whom they vouch for |
//! | `certificate` | what is wrong with one, in words |
//! | `request` | what is asked, and what is sent with it |
//! | `content` | the content of a request, read from files while it is sent |
//! | `connecting` | how long a connection may take to come about |
//! | `redirect` | what is asked next when a server sends on |
//! | `response` | what a server says, piece by piece |
//! | `session` | a request goes out, an answer comes in |
//! | `guess` | what is spoken at a port, when nobody has said |
//! | `error` | why none came, and what to do about it |

mod address;
mod authorities;
mod certificate;
mod connecting;
mod content;
mod error;
mod guess;
mod redirect;
mod request;
mod response;
mod session;
mod trust;

pub use address::{Url, address, has_scheme};
pub use authorities::Authorities;
pub use content::{Content, Piece};
pub use error::ClientError;
pub use request::Request;
pub use response::Response;
pub use session::{Answer, Client, Protocol, Settings};
pub use trust::Trust;
