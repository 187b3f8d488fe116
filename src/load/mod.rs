//! Many clients at once: asks a server as often as it can, or at a constant rate, and counts what
//! comes back.
//!
//! Each worker is a thread with an event loop and connections of its own; nothing is shared between
//! them, and what they have counted is added up at the end.
//!
//! | file | what it knows |
//! | --- | --- |
//! | `plan` | what is asked, of whom, how often, for how long |
//! | `encode` | requests as they go out, made once |
//! | `reach` | names, connections, TLS |
//! | `schedule` | when each request is due |
//! | `pace` | which connection may ask, and since when its answer is waited for |
//! | `timer` | waking up to within some tens of microseconds |
//! | `response` | where an answer over HTTP/1.1 begins and ends |
//! | `lane` | the requests that wait for their answers |
//! | `http1`, `http2` | a connection |
//! | `worker` | a thread |
//! | `running` | all of them, from the beginning to the outcome |
//! | `tally`, `latency` | what is counted |

mod encode;
mod http1;
mod http2;
mod lane;
mod latency;
mod pace;
mod plan;
mod reach;
mod response;
mod running;
mod schedule;
mod tally;
mod timer;
mod worker;

pub use encode::{Ask, AskError};
pub use latency::Latency;
pub use plan::{Extent, Plan, Tls};
pub use running::{Outcome, Running, start};
pub use tally::{Failure, Tally};
