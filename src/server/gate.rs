//! Who may connect, and how many at once.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ipnet::IpNet;

use crate::stats::client_of;

/// How often refusals are told of at most.
const TELL: Duration = Duration::from_secs(10);

/// Decides over each new connection. Shared by all workers.
pub(super) struct Gate {
    allowed: Vec<IpNet>,
    max_connections: usize,
    open: AtomicUsize,
    /// `None` without a limit per client: nothing is counted then.
    clients: Option<Clients>,
    /// 0 = no limit.
    accept_limit: u64,
    accepted: AtomicU64,
    refusals: Mutex<Refusals>,
}

/// Connections refused, told of now and then.
#[derive(Default)]
struct Refusals {
    untold: u64,
    told: Option<Instant>,
}

struct Clients {
    max_connections: usize,
    /// A std mutex: held for one map access, never over an await.
    open: Mutex<HashMap<IpAddr, usize>>,
}

/// Why a connection is not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// `address_filter` does not have the address.
    Address,
    /// As many connections are open as may be, in all or from this client.
    Full,
}

/// The numbers a gate goes by.
pub(super) struct GateOptions {
    pub(super) allowed: Vec<IpNet>,
    pub(super) max_connections: usize,
    /// 0 = no limit.
    pub(super) max_connections_per_ip: usize,
    /// 0 = no limit.
    pub(super) accept_limit: u64,
}

impl Gate {
    pub(super) fn new(options: GateOptions) -> Arc<Self> {
        let max_connections = options.max_connections_per_ip;
        Arc::new(Self {
            allowed: options.allowed,
            max_connections: options.max_connections,
            open: AtomicUsize::new(0),
            clients: (max_connections > 0)
                .then(|| Clients { max_connections, open: Mutex::default() }),
            accept_limit: options.accept_limit,
            accepted: AtomicU64::new(0),
            refusals: Mutex::default(),
        })
    }

    /// As many connections as may be open.
    pub(super) fn max_connections(&self) -> usize {
        self.max_connections
    }

    /// Lets a connection in, until [`leave`](Self::leave).
    pub(super) fn admit(&self, address: IpAddr) -> Result<(), Refusal> {
        let address = address.to_canonical();
        if !self.allowed.is_empty() && !self.allowed.iter().any(|net| net.contains(&address)) {
            return Err(Refusal::Address);
        }
        if self.open.fetch_add(1, Ordering::Relaxed) < self.max_connections
            && self.clients.as_ref().is_none_or(|clients| clients.enter(client_of(address)))
        {
            return Ok(());
        }
        self.open.fetch_sub(1, Ordering::Relaxed);
        Err(Refusal::Full)
    }

    /// Makes room again: a connection that was let in has ended.
    pub(super) fn leave(&self, address: IpAddr) {
        self.open.fetch_sub(1, Ordering::Relaxed);
        if let Some(clients) = &self.clients {
            clients.leave(client_of(address));
        }
    }

    /// Notes that a connection found no room, and says so at most every ten seconds.
    pub(super) fn note_refusal(&self, now: Instant) {
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        refusals.untold += 1;
        if refusals.told.is_none_or(|told| now.saturating_duration_since(told) >= TELL) {
            tracing::warn!(
                connections = std::mem::take(&mut refusals.untold),
                "no room: refused with 503 (max_connections, max_connections_per_ip)"
            );
            refusals.told = Some(now);
        }
    }

    /// Counts an accepted connection, whatever becomes of it; true for the one that fills
    /// `accept_limit` and those after it.
    pub(super) fn count_accepted(&self) -> bool {
        self.accept_limit > 0
            && self.accepted.fetch_add(1, Ordering::Relaxed) + 1 >= self.accept_limit
    }
}

impl Clients {
    fn enter(&self, client: IpAddr) -> bool {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(client).or_insert(0);
        let has_room = *count < self.max_connections;
        *count += usize::from(has_room);
        has_room
    }

    fn leave(&self, client: IpAddr) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&client) {
            *count -= 1;
            if *count == 0 {
                open.remove(&client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(allowed: &[&str], total: usize, per_ip: usize) -> Arc<Gate> {
        Gate::new(GateOptions {
            allowed: allowed.iter().map(|net| net.parse().unwrap()).collect(),
            max_connections: total,
            max_connections_per_ip: per_ip,
            accept_limit: 0,
        })
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn only_filtered_addresses_come_in_also_when_mapped_into_ipv6() {
        let gate = gate(&["10.0.0.0/8", "2001:db8::/32"], 10, 0);
        for (address, allowed) in [
            ("10.1.2.3", true),
            ("::ffff:10.1.2.3", true),
            ("11.0.0.1", false),
            ("2001:db8::1", true),
            ("2001:db9::1", false),
        ] {
            assert_eq!(gate.admit(ip(address)).is_ok(), allowed, "{address}");
        }
    }

    #[test]
    fn a_closed_connection_makes_room() {
        let gate = gate(&[], 2, 0);
        gate.admit(ip("1.1.1.1")).unwrap();
        gate.admit(ip("1.1.1.1")).unwrap();
        assert_eq!(gate.admit(ip("1.1.1.2")), Err(Refusal::Full));
        gate.leave(ip("1.1.1.1"));
        assert!(gate.admit(ip("1.1.1.2")).is_ok());
    }

    #[test]
    fn one_client_cannot_take_all_and_ipv6_neighbours_are_one_client() {
        let gate = gate(&[], 10, 1);
        gate.admit(ip("2001:db8::1")).unwrap();
        assert_eq!(gate.admit(ip("2001:db8::2")), Err(Refusal::Full));
        gate.admit(ip("2001:db8:0:1::1")).unwrap();
        gate.leave(ip("2001:db8:0:1::1"));
        assert!(gate.admit(ip("2001:db8:0:1::1")).is_ok());
        assert_eq!(gate.open.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn the_accept_limit_is_reached_by_its_last_connection() {
        let gate = Gate::new(GateOptions {
            allowed: Vec::new(),
            max_connections: 1,
            max_connections_per_ip: 0,
            accept_limit: 2,
        });
        assert_eq!([gate.count_accepted(), gate.count_accepted()], [false, true]);
    }
}
