//! What the server does, counted: by the workers, each for itself; added up when somebody asks.
//!
//! | module | what it knows |
//! | --- | --- |
//! | `tally` | one worker's counts, and what changes them |
//! | `events` | what may happen, each kind with its names |
//! | `visit` | what is counted for as long as it lasts |
//! | `counter` | numbers that one thread writes and any reads |
//! | `latency` | how long things take: histograms, quantiles, bands |
//! | `flight` | requests that are being answered |
//! | `sample`, `text` | single requests worth remembering, in fixed memory |
//! | `totals` | all workers together |
//! | `history` | ten minutes, two hours, a day |
//! | `first` | the first few of an order |
//! | `top`, `board` | lists of fixed size; what is remembered beside the counts |
//! | `process`, `observed` | what the system says, and what others found out |
//! | `health` | whether all is well |
//! | [`snapshot`] | all of it as plain data |
//! | `report` | how that is made |

mod board;
mod counter;
mod events;
mod first;
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
mod visit;

pub use events::{ConnectionState, HandshakeFailure, Refused, Timeout};
pub use first::first;
pub use flight::{Departure, Flight};
pub use history::Range;
pub use observed::{Disks, Observed, Space, Uploaded};
pub use report::{Stats, StatsOptions};
pub use tally::{Answered, Tally, client_of, method_name};
pub use time::rfc3339;
pub use visit::{Boarding, Visit};
