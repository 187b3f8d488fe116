//! What is done now and then while the server serves.

use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use tokio::signal::unix::Signal;

use crate::log::{AccessLog, DroppedLines};
use crate::site::Site;
use crate::stats::snapshot::Certificate;
use crate::stats::{Observed, Stats, rfc3339};
use crate::tls::{self, Tls};

/// How often the site lets go of what it does not need.
const TIDY: Duration = Duration::from_secs(10);

/// How often it looks whether another folder has taken the place of the one served.
const LOOK: Duration = Duration::from_secs(1);

/// How often what was counted becomes history.
const TICK: Duration = Duration::from_secs(1);

/// What has to be looked after.
#[derive(Clone)]
pub(super) struct Care {
    pub(super) site: Arc<Site>,
    pub(super) tls: Option<Arc<Tls>>,
    pub(super) stats: Arc<Stats>,
    pub(super) dropped_lines: Option<DroppedLines>,
    pub(super) max_connections: usize,
}

impl Care {
    /// Does what may have to wait, each on a thread of its own, until the site is gone.
    pub(super) fn begin(&self) {
        self.spawn("file-watch", LOOK, |care| {
            care.site.notice_changes();
            if let Some(tls) = &care.tls {
                tls.notice_changes();
            }
            care.stats.look_at_disks(care.site.inspect());
        });
        // Not the same one: a disk that hangs must not stop the clock.
        self.spawn("statistics", TICK, |care| care.stats.tick(care.observe()));
    }

    fn spawn(&self, name: &str, every: Duration, work: impl Fn(&Self) + Send + 'static) {
        let Self { site, tls, stats, dropped_lines, max_connections } = self.clone();
        let site: Weak<Site> = Arc::downgrade(&site);
        let spawned = thread::Builder::new().name(name.to_owned()).spawn(move || {
            let mut due = Instant::now();
            while let Some(site) = site.upgrade() {
                let (tls, stats) = (tls.clone(), Arc::clone(&stats));
                let dropped_lines = dropped_lines.clone();
                work(&Self { site, tls, stats, dropped_lines, max_connections });
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

    fn observe(&self) -> Observed {
        let certificates = self.tls.as_ref().map(|tls| tls.certificates());
        Observed {
            certificate_fault: self.tls.as_ref().and_then(|tls| tls.fault()),
            certificates: certificates.map(|all| all.into_iter().map(shown).collect()),
            dropped_log_lines: self.dropped_lines.as_ref().map(DroppedLines::count),
            max_connections: self.max_connections as u64,
            ..self.site.observe()
        }
    }

    /// Does the rest, for as long as it is polled.
    pub(super) async fn go_on(&self, hangup: &mut Signal, access_log: Option<&AccessLog>) {
        let mut tidy = tokio::time::interval(TIDY);
        loop {
            tokio::select! {
                now = tidy.tick() => self.site.tidy(now.into_std()),
                _ = hangup.recv() => {
                    access_log.map(AccessLog::reopen);
                    if let Some(tls) = self.tls.as_ref().map(Arc::clone) {
                        tokio::task::spawn_blocking(move || tls.reload());
                    }
                    tracing::info!("SIGHUP: the access log is opened anew, certificates are read \
                        again; a changed configuration takes a restart");
                }
            }
        }
    }
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
