//! How much memory a server with a configuration takes at most.

use std::fmt;

use crate::config::Config;
use crate::content::shown::Size;
use crate::server;
use crate::site::{self, Share};

/// The upper bound: what each part holds at most, added up as if all were full at once. Beside it there are
/// the program itself, rendered texts (16 MiB), log lines and figures, about 40 MiB, and what the allocator
/// keeps.
pub(super) struct Bound(Vec<Share>);

impl Bound {
    pub(super) fn of(config: &Config) -> Self {
        let connections = server::max_connections(config) as u64;
        let each = server::connection_memory(config);
        let what = format!("{connections} connections of {} (max_connections)", Size(each));
        let mut shares = vec![Share { what, bytes: connections.saturating_mul(each) }];
        shares.extend(site::memory(config));
        Self(shares)
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sum = self.0.iter().fold(0, |sum: u64, share| sum.saturating_add(share.bytes));
        writeln!(formatter, "Memory at most, if all of it is used at once: {}", Size(sum))?;
        for Share { what, bytes } in &self.0 {
            writeln!(formatter, "{:>12}  {what}", Size(*bytes).to_string())?;
        }
        Ok(())
    }
}
