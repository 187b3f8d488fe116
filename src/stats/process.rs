//! What the system says of this process.

use super::snapshot::Process;

/// What the process uses now; `None` where the system does not tell.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Usage {
    pub(super) resident: Option<u64>,
    pub(super) virtual_size: Option<u64>,
    /// Seconds, as a user and by the system.
    pub(super) cpu_seconds: Option<(f64, f64)>,
    pub(super) threads: Option<u64>,
    pub(super) open_files: Option<u64>,
    pub(super) open_files_limit: Option<u64>,
    pub(super) load: Option<[f64; 3]>,
}

impl Usage {
    /// Asks the system. What it does not tell now is as it was before: with no descriptor left it
    /// tells nothing.
    #[cfg(target_os = "linux")]
    pub(super) fn now(before: &Self) -> Self {
        use procfs::Current;

        let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
        let load = procfs::LoadAverage::current().ok();
        let load = load.map(|load| [load.one, load.five, load.fifteen].map(f64::from));
        let unknown = Self { open_files_limit: limit, load: load.or(before.load), ..*before };
        let Ok(process) = procfs::process::Process::myself() else { return unknown };
        let open_files = process.fd_count().ok().map(|count| count as u64);
        let Ok(stat) = process.stat() else { return Self { open_files, ..unknown } };
        #[expect(clippy::cast_precision_loss, reason = "seconds, in hundredths")]
        let seconds = |ticks: u64| ticks as f64 / procfs::ticks_per_second() as f64;
        Self {
            resident: Some(stat.rss * procfs::page_size()),
            virtual_size: Some(stat.vsize),
            cpu_seconds: Some((seconds(stat.utime), seconds(stat.stime))),
            threads: u64::try_from(stat.num_threads).ok(),
            open_files,
            ..unknown
        }
    }

    /// Elsewhere nobody has said how to ask.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn now(_: &Self) -> Self {
        let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
        Self { open_files_limit: limit, ..Self::default() }
    }

    /// Seconds of CPU time in all.
    pub(super) fn cpu(&self) -> f64 {
        self.cpu_seconds.map_or(0.0, |(user, system)| user + system)
    }

    pub(super) fn shown(&self, cpu_usage: Option<f64>) -> Process {
        Process {
            resident_bytes: self.resident,
            virtual_bytes: self.virtual_size,
            cpu_user_seconds: self.cpu_seconds.map(|(user, _)| user),
            cpu_system_seconds: self.cpu_seconds.map(|(_, system)| system),
            cpu_usage: cpu_usage.filter(|_| self.cpu_seconds.is_some()),
            cpus: std::thread::available_parallelism().ok().map(|count| count.get() as u64),
            threads: self.threads,
            open_files: self.open_files,
            open_files_limit: self.open_files_limit,
            load_average: self.load,
            disk_free_bytes: None,
            disk_total_bytes: None,
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_something() {
        let usage = Usage::now(&Usage::default());
        assert!(usage.resident.is_some_and(|bytes| bytes > 1 << 20));
        assert!(usage.open_files.is_some_and(|count| (3..10_000).contains(&count)));
        assert!(usage.threads.is_some_and(|count| count >= 1));
        assert!(usage.open_files_limit > usage.open_files);
    }
}
