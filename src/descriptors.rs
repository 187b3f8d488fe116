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

/// As many connections as may be open at once: what there are descriptors for, and no more than
/// `max_connections`; 0 for no other limit.
pub fn connections(max_threads: usize, max_connections: usize) -> usize {
    shares(max_threads).connections_of(max_connections)
}

/// Says of what there will be less than is wanted for want of descriptors, each in a sentence; the
/// parameters are those of [`connections`].
pub fn warnings(max_threads: usize, max_connections: usize) -> Vec<String> {
    shares(max_threads).warnings(wanted(max_threads), max_connections)
}

impl Shares {
    fn connections_of(&self, max_connections: usize) -> usize {
        match max_connections {
            0 => self.connections,
            some => some.min(self.connections),
        }
    }

    fn warnings(&self, workers: usize, max_connections: usize) -> Vec<String> {
        let uses = [
            (workers, self.workers, "worker threads", "max_threads"),
            (
                max_connections,
                self.connections_of(max_connections),
                "connections",
                "max_connections",
            ),
        ];
        let lacking = uses.into_iter().filter(|(wanted, had, ..)| had < wanted);
        let say = |(wanted, had, what, key)| {
            format!(
                "too few file descriptors for {wanted} {what}, so that there are {had} at most; allow \
                 more (ulimit -Hn, LimitNOFILE=) or set {key} to no more than that"
            )
        };
        lacking.map(say).collect()
    }
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
    fn what_there_are_too_few_descriptors_for_is_told_with_its_key() {
        let few = divide(64, 2);
        assert_eq!((few.workers, few.connections), (2, 24));
        for (workers, max_connections, connections, said) in [
            (2, 0, 24, &[][..]),
            (2, 23, 23, &[]),
            (2, 24, 24, &[]),
            (2, 1000, 24, &["for 1000 connections, so that there are 24 at most"]),
            (8, 24, 24, &["for 8 worker threads, so that there are 2 at most"]),
            (8, 1000, 24, &["set max_threads to", "set max_connections to"]),
        ] {
            assert_eq!(few.connections_of(max_connections), connections);
            let all = few.warnings(workers, max_connections);
            assert_eq!(all.len(), said.len(), "{all:?}");
            assert!(all.iter().zip(said).all(|(line, part)| line.contains(part)), "{all:?}");
        }
    }

    #[test]
    fn there_are_no_more_workers_than_there_are_descriptors_for() {
        for (all, wanted, workers) in [(16, 64, 1), (64, 8, 2), (1024, 64, 20), (1 << 20, 64, 64)] {
            assert_eq!(divide(all, wanted).workers, workers, "{wanted} with {all}");
        }
    }
}
