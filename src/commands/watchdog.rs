//! The service manager's watchdog: it restarts a server that says nothing for too long.

use std::convert::Infallible;
use std::future;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use crate::server::Pulse;
use crate::systemd::Notifier;

/// Says that the server is alive, twice in the time that it is given, as long as every worker turns its
/// event loop; one that hangs keeps it from being said. Never, where nobody wants to know.
pub(super) async fn feed(notifier: Notifier, pulse: Pulse) -> Infallible {
    let Some(limit) = notifier.watchdog() else { return future::pending().await };
    let mut turns = interval((limit / 2).max(Duration::from_millis(1)));
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        turns.tick().await;
        pulse.beat().await;
        notifier.alive();
    }
}
