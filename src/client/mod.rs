//! HTTP from the other side: what commands ask servers with, HTTP/1.1 and HTTP/2, plain and over
//! TLS. `hyper` speaks it.
//!
//! | file | what it knows |
//! | --- | --- |
//! | `address` | what people type for a URL |
//! | `trust` | whose certificates are believed |
//! | `session` | a request goes out, an answer comes in |
//! | `guess` | what is spoken at a port, when nobody has said |
//! | `error` | why none came, and what to do about it |

mod address;
mod error;
mod guess;
mod session;
mod trust;

pub use address::{Url, address};
pub use error::ClientError;
pub use session::{Answer, Client};
pub use trust::Trust;
