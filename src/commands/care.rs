//! What is done now and then while the server serves.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use arc_swap::ArcSwap;
use tokio::sync::Notify;

use crate::log::DroppedLines;
use crate::site::Site;
use crate::stats::snapshot::Certificate;
use crate::stats::{Observed, Stats, rfc3339};
use crate::tls::{self, Tls};

/// How often it looks whether another folder has taken the place of the one served, and whether the
/// configuration file has changed.
const LOOK: Duration = Duration::from_secs(1);

/// How often what was counted becomes history.
const TICK: Duration = Duration::from_secs(1);

/// What has to be looked after, for as long as it lives.
pub(super) struct Care {
    wards: Arc<ArcSwap<Wards>>,
    config_changed: Arc<Notify>,
}

/// What is served with at the moment.
pub(super) struct Wards {
    pub(super) site: Arc<Site>,
    pub(super) tls: Option<Arc<Tls>>,
    pub(super) dropped_lines: Option<DroppedLines>,
    pub(super) max_connections: usize,
    /// Whether changes of the configuration file are told of.
    pub(super) watch_config: bool,
}

impl Care {
    /// Does what may have to wait, each on a thread of its own, until this is dropped.
    pub(super) fn begin(wards: Wards, stats: &Arc<Stats>, config_file: Option<&Path>) -> Self {
        let wards = Arc::new(ArcSwap::from_pointee(wards));
        let counted = Arc::clone(stats);
        spawn("file-watch", LOOK, &wards, move |wards| {
            wards.site.notice_changes();
            if let Some(tls) = &wards.tls {
                tls.notice_changes();
            }
            counted.look_at_disks(wards.site.inspect());
        });
        // Not the same one: a disk that hangs must not stop the clock.
        let counted = Arc::clone(stats);
        spawn("statistics", TICK, &wards, move |wards| counted.tick(wards.observe()));
        let config_changed = Arc::new(Notify::new());
        if let Some(path) = config_file {
            let mut watch = Watch::new(path.to_owned());
            let changed = Arc::clone(&config_changed);
            spawn("config-watch", LOOK, &wards, move |wards| {
                if watch.has_changed() && wards.watch_config {
                    changed.notify_one();
                }
            });
        }
        Self { wards, config_changed }
    }

    /// Looks after something else from now on.
    pub(super) fn turn_to(&self, wards: Wards) {
        self.wards.store(Arc::new(wards));
    }

    /// Resolves when the configuration file has changed, and that is to be noticed.
    pub(super) async fn config_changed(&self) {
        self.config_changed.notified().await;
    }
}

fn spawn(
    name: &str,
    every: Duration,
    wards: &Arc<ArcSwap<Wards>>,
    mut work: impl FnMut(&Wards) + Send + 'static,
) {
    let wards: Weak<_> = Arc::downgrade(wards);
    let spawned = thread::Builder::new().name(name.to_owned()).spawn(move || {
        let mut due = Instant::now();
        while let Some(wards) = wards.upgrade() {
            work(&wards.load_full());
            drop(wards);
            due += every;
            // What was missed is not made up for.
            due = due.max(Instant::now());
            thread::sleep(due.saturating_duration_since(Instant::now()));
        }
    });
    if let Err(error) = spawned {
        tracing::warn!(%error, "no thread for {name}: what it would notice is not noticed");
    }
}

impl Wards {
    pub(super) fn observe(&self) -> Observed {
        let certificates = self.tls.as_ref().map(|tls| tls.certificates());
        Observed {
            certificate_fault: self.tls.as_ref().and_then(|tls| tls.fault()),
            certificates: certificates.map(|all| all.into_iter().map(shown).collect()),
            dropped_log_lines: self.dropped_lines.as_ref().map(DroppedLines::count),
            max_connections: self.max_connections as u64,
            ..self.site.observe()
        }
    }
}

/// Looks at a file.
struct Watch {
    path: PathBuf,
    /// What was told of.
    known: Option<Stamp>,
    /// What the last look found.
    last: Option<Stamp>,
}

/// What differs when a file was written to or replaced: times, length, device and number.
type Stamp = (i64, i64, u64, u64, u64);

impl Watch {
    fn new(path: PathBuf) -> Self {
        let now = stamp(&path);
        Self { path, known: now, last: now }
    }

    /// Whether the file is another than it was when last told of, and has been so for two looks: one
    /// that is just being written is not read by halves.
    fn has_changed(&mut self) -> bool {
        let now = stamp(&self.path);
        let is_settled = now == self.last;
        self.last = now;
        let is_new = is_settled && now != self.known;
        if is_new {
            self.known = now;
        }
        is_new
    }
}

/// `None` where there is no such file.
fn stamp(path: &Path) -> Option<Stamp> {
    let found = fs::metadata(path).ok()?;
    Some((found.mtime(), found.mtime_nsec(), found.len(), found.dev(), found.ino()))
}

fn shown(certificate: tls::Certificate) -> Certificate {
    const DAY: u64 = 86_400;
    let now = SystemTime::now();
    let days = |span: Duration| i64::try_from(span.as_secs() / DAY).unwrap_or(i64::MAX);
    let days_left = match certificate.until.duration_since(now) {
        Ok(left) => days(left),
        Err(over) => -1 - days(over.duration()),
    };
    Certificate {
        names: certificate.names,
        not_after: rfc3339(certificate.until),
        days_left,
        self_signed: certificate.self_signed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_told_of_once_and_when_it_has_settled() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.json");
        fs::write(&path, "{}").unwrap();
        let mut watch = Watch::new(path.clone());
        assert!(!watch.has_changed());
        fs::write(&path, "{\"port\":").unwrap();
        assert!(!watch.has_changed());
        fs::write(&path, "{\"port\": 1}").unwrap();
        assert_eq!([0; 3].map(|_| watch.has_changed()), [false, true, false]);
        fs::remove_file(&path).unwrap();
        assert_eq!([0; 3].map(|_| watch.has_changed()), [false, true, false]);
    }
}
