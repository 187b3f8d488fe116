//! File descriptors: how many the process may have, and who gets them.

use std::thread;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Those for everything else: logs, watches, files just being opened.
const OTHERS: u64 = 48;

/// Those of them without which nothing works.
const NEEDED: u64 = 12;

/// Those of a worker: its event loop, its listening sockets.
const WORKER: u64 = 8;

/// Connections without room that a worker gives time to read so, at the same time, at most.
const TURNED_AWAY: u64 = 16;

/// The most that pays off as files kept open.
const OPEN_FILES: u64 = 512;

/// What each use of descriptors may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shares {
    /// Worker threads.
    pub workers: usize,
    /// Connections at once.
    pub connections: usize,
    /// Large files that the cache keeps open.
    pub open_files: usize,
    /// Connections without room that each worker gives time, at once, to read so.
    pub turned_away: usize,
}

/// Raises the limit of the process to what the system allows, and divides it among those who need some, of
/// which at most `max_threads` are worker threads; 0 for one per core.
pub fn shares(max_threads: usize) -> Shares {
    let Rlimit { mut current, maximum } = getrlimit(Resource::Nofile);
    if setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).is_ok() {
        current = maximum;
    }
    divide(current.unwrap_or(u64::MAX), wanted(max_threads) as u64)
}

/// Says so if there are too few descriptors for all the worker threads that are wanted.
pub fn warning(max_threads: usize) -> Option<String> {
    let (wanted, workers) = (wanted(max_threads), shares(max_threads).workers);
    (workers < wanted).then(|| {
        format!(
            "too few file descriptors for {wanted} worker threads, so that there are {workers}; \
             allow more (ulimit -n, LimitNOFILE=) or set max_threads"
        )
    })
}

fn wanted(max_threads: usize) -> usize {
    match max_threads {
        0 => thread::available_parallelism().map_or(1, usize::from),
        some => some,
    }
}

fn divide(all: u64, wanted: u64) -> Shares {
    // Where there are few, a worker has five of them all the same.
    let turned_away = TURNED_AWAY.min(all / 64);
    let each = WORKER + turned_away;
    let workers = wanted.min((all / 2).saturating_sub(NEEDED) / each).max(1);
    let others = (OTHERS + each * workers).min(all / 2);
    let open_files = OPEN_FILES.min((all - others) / 4);
    let connections = all - others - open_files;
    let to_usize = |count| usize::try_from(count).unwrap_or(usize::MAX);
    Shares {
        workers: to_usize(workers),
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
        let shares = Shares { workers: 2, connections: 696, open_files: 232, turned_away: 16 };
        assert_eq!(divide(1024, 2), shares);
        assert_eq!(divide(64, 2).turned_away, 1);
    }

    #[test]
    fn there_are_no_more_workers_than_there_are_descriptors_for() {
        for (all, wanted, workers) in [(16, 64, 1), (64, 8, 2), (1024, 64, 20), (1 << 20, 64, 64)] {
            assert_eq!(divide(all, wanted).workers, workers, "{wanted} with {all}");
        }
    }
}
