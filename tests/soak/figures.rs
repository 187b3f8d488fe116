//! What a server's process has.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::Server;

/// Memory in KiB, and descriptors.
#[derive(Clone, Copy, Debug)]
pub struct Figures {
    pub resident: u64,
    /// What of it is no file.
    pub anonymous: u64,
    pub descriptors: usize,
}

impl Figures {
    pub fn of(server: &Server) -> Self {
        let status = fs::read_to_string(format!("/proc/{}/status", server.id())).expect("a status");
        let value = |name: &str| {
            let mut lines = status.lines().filter_map(|line| line.strip_prefix(name));
            let value = lines.next().and_then(|line| line.split_whitespace().next());
            value.expect("a figure").parse().expect("a number")
        };
        let descriptors = fs::read_dir(format!("/proc/{}/fd", server.id())).expect("descriptors");
        Self {
            resident: value("VmRSS:"),
            anonymous: value("RssAnon:"),
            descriptors: descriptors.count(),
        }
    }
}

/// The descriptors of a server that nobody is connected to: the least that there are within a while.
pub fn idle_descriptors(server: &Server, enough: usize, time: Duration) -> usize {
    let start = Instant::now();
    let mut least = usize::MAX;
    while least > enough && start.elapsed() < time {
        least = least.min(Figures::of(server).descriptors);
        thread::sleep(Duration::from_millis(50));
    }
    least
}

/// What they are, for a message.
pub fn descriptor_names(server: &Server) -> Vec<String> {
    let entries = fs::read_dir(format!("/proc/{}/fd", server.id())).expect("descriptors");
    let links = entries.flatten().filter_map(|entry| fs::read_link(entry.path()).ok());
    links.map(|link| link.display().to_string()).collect()
}
