//! File descriptors: how many the process may have, and who gets them.

use std::thread;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Those for everything else: logs, watches, files just being opened.
const OTHERS: u64 = 48;

/// Those of a worker: its event loop, its listening sockets.
const WORKER: u64 = 8;

/// Connections that a worker tells, at the same time, that there is no room, at most. Each waits for its
/// client for a while.
const TURNED_AWAY: u64 = 16;

/// The most that pays off as files kept open.
const OPEN_FILES: u64 = 512;

/// What each use of descriptors may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shares {
    /// Connections at once.
    pub connections: usize,
    /// Large files that the cache keeps open.
    pub open_files: usize,
    /// Connections that each worker tells at once that there is no room; others are closed without a word.
    pub turned_away: usize,
}

/// Raises the limit of the process to what the system allows, and divides it.
pub fn shares() -> Shares {
    let Rlimit { mut current, maximum } = getrlimit(Resource::Nofile);
    if setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).is_ok() {
        current = maximum;
    }
    let workers = thread::available_parallelism().map_or(1, usize::from);
    divide(current.unwrap_or(u64::MAX), workers as u64)
}

fn divide(all: u64, workers: u64) -> Shares {
    // Where there are few, a worker has six or seven of them all the same.
    let turned_away = TURNED_AWAY.min(all / 64);
    let others = (OTHERS + (WORKER + turned_away) * workers).min(all / 2);
    let open_files = OPEN_FILES.min((all - others) / 4);
    let connections = all - others - open_files;
    let to_usize = |count| usize::try_from(count).unwrap_or(usize::MAX);
    Shares {
        connections: to_usize(connections),
        open_files: to_usize(open_files),
        turned_away: to_usize(turned_away),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_promised_twice() {
        for all in [0, 1, 16, 60, 256, 1024, 20_000, 1 << 20, u64::MAX] {
            let Shares { connections, open_files, .. } = divide(all, 2);
            let promised = connections as u64 + open_files as u64;
            assert!(promised <= all, "{all}");
            assert!(all < 16 || (connections > open_files && open_files > 0), "{all}");
        }
        let shares = Shares { connections: 696, open_files: 232, turned_away: 16 };
        assert_eq!(divide(1024, 2), shares);
        assert_eq!(divide(64, 2).turned_away, 1);
    }
}
