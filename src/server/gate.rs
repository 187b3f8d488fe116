//! Who may connect, and how many at once.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use ipnet::IpNet;

use crate::config::Config;
use crate::descriptors;
use crate::stats::client_of;

/// How often refusals are told of at most.
const TELL: Duration = Duration::from_secs(10);

/// Decides over each new connection. Shared by all workers.
pub(super) struct Gate {
    rules: ArcSwap<Rules>,
    open: AtomicUsize,
    /// A std mutex: held for one map access, never over an await. Those let in while there is no limit per
    /// client are not counted, and never will be.
    clients: Mutex<HashMap<IpAddr, usize>>,
    accepted: AtomicU64,
    full: Mutex<Refusals>,
    full_for_client: Mutex<Refusals>,
}

/// Connections refused for one reason, told of now and then.
#[derive(Default)]
struct Refusals {
    untold: u64,
    told: Option<Instant>,
}

/// Why a connection is not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// `address_filter` does not have the address.
    Address,
    /// As many connections are open as may be.
    Full,
    /// As many are open as this client may have, however much room there is for others.
    FullForClient,
}

/// How a connection was let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Admission {
    /// Whether it is one of those that its client may have.
    is_counted: bool,
}

/// What a gate goes by.
pub(super) struct Rules {
    pub(super) allowed: Vec<IpNet>,
    pub(super) max_connections: usize,
    /// 0 = no limit.
    pub(super) max_connections_per_ip: usize,
    /// 0 = no limit.
    pub(super) accept_limit: u64,
}

impl Gate {
    pub(super) fn new(rules: Rules) -> Arc<Self> {
        Arc::new(Self {
            rules: ArcSwap::from_pointee(rules),
            open: AtomicUsize::new(0),
            clients: Mutex::default(),
            accepted: AtomicU64::new(0),
            full: Mutex::default(),
            full_for_client: Mutex::default(),
        })
    }

    /// Goes by other rules from now on: for the next connection, and for the next request of an open one.
    pub(super) fn turn_to(&self, rules: Rules) {
        self.rules.store(Arc::new(rules));
    }

    /// Lets a connection in, until [`leave`](Self::leave).
    pub(super) fn admit(&self, address: IpAddr) -> Result<Admission, Refusal> {
        let address = address.to_canonical();
        let rules = self.rules.load();
        if !rules.allow(address) {
            return Err(Refusal::Address);
        }
        let is_counted = rules.max_connections_per_ip > 0;
        let refusal = if self.open.fetch_add(1, Ordering::Relaxed) >= rules.max_connections {
            Refusal::Full
        } else if is_counted && !self.enter(client_of(address), rules.max_connections_per_ip) {
            Refusal::FullForClient
        } else {
            return Ok(Admission { is_counted });
        };
        self.open.fetch_sub(1, Ordering::Relaxed);
        Err(refusal)
    }

    /// Whether somebody who was let in earlier has an address that is let in now.
    pub(super) fn allows(&self, address: IpAddr) -> bool {
        self.rules.load().allow(address.to_canonical())
    }

    /// Makes room again: a connection that was let in has ended.
    pub(super) fn leave(&self, address: IpAddr, admission: Admission) {
        self.open.fetch_sub(1, Ordering::Relaxed);
        if admission.is_counted {
            let client = client_of(address);
            let mut clients = self.clients();
            if let Some(count) = clients.get_mut(&client) {
                *count -= 1;
                if *count == 0 {
                    clients.remove(&client);
                }
            }
        }
    }

    /// Notes that a connection found no room, and says so at most every ten seconds.
    pub(super) fn note_full(&self, now: Instant) {
        if let Some(connections) = due(&self.full, now) {
            tracing::warn!(connections, "no room: refused with 503 (max_connections)");
        }
    }

    /// Notes that a client has as many connections as it may, and says so at most every ten seconds:
    /// how many were refused to all such clients, and who was the last of them.
    pub(super) fn note_full_for_client(&self, now: Instant, client: IpAddr) {
        if let Some(connections) = due(&self.full_for_client, now) {
            let client = client.to_canonical();
            tracing::warn!(
                connections,
                %client,
                "too many connections of one client: refused with 503 (max_connections_per_ip)"
            );
        }
    }

    /// Counts an accepted connection, whatever becomes of it; true for the one that fills
    /// `accept_limit` and those after it.
    pub(super) fn count_accepted(&self) -> bool {
        let limit = self.rules.load().accept_limit;
        limit > 0 && self.accepted.fetch_add(1, Ordering::Relaxed) + 1 >= limit
    }

    fn enter(&self, client: IpAddr, most: usize) -> bool {
        let mut clients = self.clients();
        let count = clients.entry(client).or_insert(0);
        let has_room = *count < most;
        *count += usize::from(has_room);
        has_room
    }

    fn clients(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One more; how many there were since they were last told of, when they are to be again.
fn due(refusals: &Mutex<Refusals>, now: Instant) -> Option<u64> {
    let mut refusals = refusals.lock().unwrap_or_else(PoisonError::into_inner);
    refusals.untold += 1;
    let is_due = refusals.told.is_none_or(|told| now.saturating_duration_since(told) >= TELL);
    is_due.then(|| {
        refusals.told = Some(now);
        std::mem::take(&mut refusals.untold)
    })
}

impl Rules {
    fn allow(&self, address: IpAddr) -> bool {
        self.allowed.is_empty() || self.allowed.iter().any(|net| net.contains(&address))
    }

    pub(super) fn of(config: &Config) -> Self {
        Self {
            allowed: config.address_filter.clone(),
            max_connections: max_connections(config),
            max_connections_per_ip: config.max_connections_per_ip,
            accept_limit: config.accept_limit,
        }
    }
}

/// As many connections as may be open.
pub fn max_connections(config: &Config) -> usize {
    descriptors::connections(config.max_threads, config.max_connections)
}

/// Says which limits of a configuration are never reached, and of what there will be less than it
/// wants, each in a sentence.
pub fn limit_warnings(config: &Config) -> Vec<String> {
    let mut all = descriptors::warnings(config.max_threads, config.max_connections);
    let (of_one, of_all) = (config.max_connections_per_ip, config.max_connections);
    if of_all > 0 && of_one > of_all {
        all.push(format!(
            "one client may have all connections: max_connections_per_ip ({of_one}) is more than \
             max_connections ({of_all}); lower the first or raise the second"
        ));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(allowed: &[&str], total: usize, per_ip: usize) -> Arc<Gate> {
        Gate::new(Rules {
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
        let first = gate.admit(ip("1.1.1.1")).unwrap();
        assert_eq!(gate.admit(ip("1.1.1.2")), Err(Refusal::Full));
        gate.leave(ip("1.1.1.1"), first);
        assert!(gate.admit(ip("1.1.1.2")).is_ok());
    }

    #[test]
    fn one_client_cannot_take_all_and_ipv6_neighbours_are_one_client() {
        let gate = gate(&[], 10, 1);
        gate.admit(ip("2001:db8::1")).unwrap();
        assert_eq!(gate.admit(ip("2001:db8::2")), Err(Refusal::FullForClient));
        let neighbour = gate.admit(ip("2001:db8:0:1::1")).unwrap();
        gate.leave(ip("2001:db8:0:1::1"), neighbour);
        assert!(gate.admit(ip("2001:db8:0:1::1")).is_ok());
        assert_eq!(gate.open.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn who_came_while_there_was_no_limit_makes_no_room_by_leaving() {
        let rules = |max_connections_per_ip| Rules {
            allowed: Vec::new(),
            max_connections: 10,
            max_connections_per_ip,
            accept_limit: 0,
        };
        let (gate, client) = (Gate::new(rules(0)), ip("1.1.1.1"));
        let early = gate.admit(client).unwrap();
        gate.turn_to(rules(1));
        let counted = gate.admit(client).unwrap();
        gate.leave(client, early);
        assert_eq!(gate.admit(client), Err(Refusal::FullForClient));
        // Nor is a place lost that was taken before the limit was away for a while.
        gate.turn_to(rules(0));
        gate.turn_to(rules(1));
        assert_eq!(gate.admit(client), Err(Refusal::FullForClient));
        gate.leave(client, counted);
        assert!(gate.admit(client).is_ok());
    }

    #[test]
    fn a_limit_for_one_that_is_more_than_that_for_all_is_told_of() {
        for (max_connections, max_connections_per_ip, said) in
            [(0, 0, 0), (0, 9, 0), (2, 0, 0), (2, 2, 0), (2, 3, 1)]
        {
            let config = Config {
                max_threads: 1,
                max_connections,
                max_connections_per_ip,
                ..Config::default()
            };
            let all = limit_warnings(&config);
            assert_eq!(all.len(), said, "{all:?}");
            assert!(all.iter().all(|line| line.contains("max_connections_per_ip (3)")), "{all:?}");
        }
    }

    #[test]
    fn there_are_never_more_connections_than_descriptors() {
        let of =
            |most| super::max_connections(&Config { max_connections: most, ..Config::default() });
        assert_eq!(of(5), 5);
        assert_eq!(of(usize::MAX), of(0));
    }

    #[test]
    fn who_is_beyond_its_own_limit_is_told_of_that_while_there_is_room_and_of_none_otherwise() {
        let gate = gate(&[], 2, 1);
        let first = gate.admit(ip("1.1.1.1")).unwrap();
        assert_eq!(gate.admit(ip("1.1.1.1")), Err(Refusal::FullForClient));
        gate.admit(ip("1.1.1.2")).unwrap();
        assert_eq!(gate.admit(ip("1.1.1.1")), Err(Refusal::Full));
        // Neither takes a place.
        gate.leave(ip("1.1.1.1"), first);
        assert!(gate.admit(ip("1.1.1.1")).is_ok());
    }

    #[test]
    fn refusals_are_told_of_now_and_then_with_those_between() {
        let refusals = Mutex::default();
        let start = Instant::now();
        let told =
            [0, 1, 9, 10, 11, 20].map(|after| due(&refusals, start + Duration::from_secs(after)));
        assert_eq!(told, [Some(1), None, None, Some(3), None, Some(2)]);
    }

    #[test]
    fn the_accept_limit_is_reached_by_its_last_connection() {
        let gate = Gate::new(Rules {
            allowed: Vec::new(),
            max_connections: 1,
            max_connections_per_ip: 0,
            accept_limit: 2,
        });
        assert_eq!([gate.count_accepted(), gate.count_accepted()], [false, true]);
    }
}
