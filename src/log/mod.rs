//! The access log and the diagnostics.
//!
//! Both are given plain values; neither knows a request, a configuration or a socket.
//!
//! | file | what it knows |
//! | --- | --- |
//! | `line` | one access log entry as a line: Common, Combined, JSON |
//! | `access` | the workers' side: formats lines into buffers and hands the full ones over |
//! | `writer` | the one thread that writes them |
//! | `rotation` | a file that begins anew every hour or day |
//! | `diagnostics` | what the server says about itself, through `tracing` |
//! | `timestamp` | dates as text, made once per second |

mod access;
mod diagnostics;
mod error;
mod line;
mod rotation;
mod timestamp;
mod writer;

pub use access::{AccessLog, Destination, DroppedLines, Recorder};
pub use diagnostics::{
    DiagnosticsFormat, DiagnosticsOptions, Guard, LogFile, check_filter, colors, init,
    without_threads,
};
pub use error::LogError;
pub use line::{AccessLogFormat, Entry, Formatter, RequestId};
pub use rotation::Rotation;
