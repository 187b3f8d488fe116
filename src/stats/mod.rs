//! What the server does, counted: by the workers, each for itself; added up when somebody asks.
//!
//! | module | what it knows |
//! | --- | --- |
//! | `tally` | one worker's counts, and the events that change them |
//! | `counter` | numbers that one thread writes and any reads |
//! | `latency` | how long things take: histograms, quantiles, bands |
//! | `flight` | requests that are being answered |
//! | `sample`, `text` | single requests worth remembering, in fixed memory |
//! | `totals` | all workers together |
//! | `history` | ten minutes, two hours, a day |
//! | `top`, `board` | lists of fixed size; what is remembered beside the counts |
//! | `process`, `observed` | what the system says, and what others found out |
//! | `health` | whether all is well |
//! | [`snapshot`] | all of it as plain data |
//! | `report` | how that is made |

mod board;
mod counter;
mod flight;
mod health;
mod history;
mod latency;
mod observed;
mod process;
mod report;
mod sample;
pub mod snapshot;
mod tally;
mod text;
mod time;
mod top;
mod totals;

pub use flight::{Departure, Flight};
pub use history::Range;
pub use observed::{Disks, Observed, Space, Uploaded};
pub use report::{Stats, StatsOptions};
pub use tally::{
    Answered, Boarding, ConnectionState, HandshakeFailure, Refused, Tally, Timeout, Visit,
    client_of, method_name,
};
pub use time::rfc3339;
