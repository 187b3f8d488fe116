//! How much memory a server with a configuration takes at most.

use std::fmt;

use crate::config::Config;
use crate::content::shown::Size;
use crate::server;
use crate::site::{self, Share};

/// The upper bound: what each part holds at most, added up as if all were full at once. Beside it there are
/// the program itself, log lines and figures, about 24 MiB, and what the allocator keeps.
pub(super) struct Bound {
    shares: Vec<Share>,
    /// Bytes that this machine has, where it tells.
    machine: Option<u64>,
}

impl Bound {
    pub(super) fn of(config: &Config) -> Self {
        let connections = server::max_connections(config) as u64;
        let each = server::connection_memory(config);
        let what = format!("{connections} connections of {} (max_connections)", Size(each));
        let bytes = connections.saturating_mul(each);
        let mut shares = vec![Share { what, bytes, key: Some("max_connections") }];
        shares.extend(site::memory(config));
        Self { shares, machine: machine() }
    }

    /// The key that limits the largest share that has one.
    fn key(&self) -> Option<&'static str> {
        let limited = self.shares.iter().filter(|share| share.key.is_some());
        limited.max_by_key(|share| share.bytes)?.key
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sum = self.shares.iter().fold(0, |sum: u64, share| sum.saturating_add(share.bytes));
        writeln!(formatter, "Memory at most, if all of it is used at once: {}", Size(sum))?;
        for Share { what, bytes, .. } in &self.shares {
            writeln!(formatter, "{:>12}  {what}", Size(*bytes).to_string())?;
        }
        if let Some(machine) = self.machine.filter(|machine| *machine < sum)
            && let Some(key) = self.key()
        {
            let machine = Size(machine);
            writeln!(
                formatter,
                "This is more than the {machine} of this machine: limit the largest share with {key}"
            )?;
        }
        Ok(())
    }
}

#[cfg(target_os = "linux")]
fn machine() -> Option<u64> {
    use procfs::Current;

    Some(procfs::Meminfo::current().ok()?.mem_total)
}

/// Elsewhere nobody has said how to ask.
#[cfg(not(target_os = "linux"))]
fn machine() -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_the_machine_has_is_told_with_the_key_of_the_largest_share() {
        let share = |bytes, key| Share { what: "x".to_owned(), bytes, key };
        let said = |machine| {
            let shares =
                vec![share(1 << 30, Some("a")), share(2 << 30, Some("b")), share(3 << 30, None)];
            Bound { shares, machine }.to_string()
        };
        let line = "This is more than the 5.0 GiB of this machine: limit the largest share with b";
        assert_eq!(said(Some(5 << 30)).lines().nth(4), Some(line));
        for enough in [Some(6 << 30), None] {
            assert_eq!(said(enough).lines().count(), 4);
        }
    }
}
