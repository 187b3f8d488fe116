//! What is counted for as long as it lasts: open connections, requests that take more than a moment.

use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::events::ConnectionState;
use super::flight::{Departure, Flight};
use super::tally::{Tally, client_of};
use crate::message::Traffic;

impl Tally {
    /// A request begins that takes more than a moment.
    pub fn depart(self: &Arc<Self>, departure: Departure<'_>) -> Boarding {
        let (place, flight) = self.flights.begin(departure);
        Boarding { tally: Arc::clone(self), place, flight }
    }

    /// A connection is made. To be told of its end, too: [`left`](Self::left).
    pub fn connected(&self, client: IpAddr) -> Visit {
        let state = ConnectionState::Starting;
        self.connections.states[state as usize].up();
        *self.clients().entry(client_of(client)).or_insert(0) += 1;
        Visit { state, is_known: AtomicBool::new(false), is_monitoring: AtomicBool::new(false) }
    }

    /// A connection has ended.
    pub fn left(&self, visit: &Visit, client: IpAddr) {
        visit.asked(self, Traffic::Visitors);
        self.connections.states[visit.state as usize].down();
        let mut clients = self.clients();
        if let Entry::Occupied(mut count) = clients.entry(client_of(client)) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

/// A request among those that are being answered, for as long as this lives.
pub struct Boarding {
    tally: Arc<Tally>,
    place: usize,
    flight: Arc<Flight>,
}

impl Boarding {
    /// The request.
    pub fn flight(&self) -> &Arc<Flight> {
        &self.flight
    }
}

impl Drop for Boarding {
    fn drop(&mut self) {
        self.tally.flights.end(self.place);
    }
}

/// How an open connection is counted: by whom, its owner knows.
pub struct Visit {
    state: ConnectionState,
    is_known: AtomicBool,
    is_monitoring: AtomicBool,
}

impl Visit {
    /// Whether it began with a request about the server itself.
    pub fn is_monitoring(&self) -> bool {
        self.is_monitoring.load(Ordering::Relaxed)
    }

    /// What the connection does now.
    #[inline]
    pub fn set(&mut self, tally: &Tally, state: ConnectionState) {
        if cfg!(feature = "uncounted") {
            return;
        }
        let states = &tally.connections.states;
        states[self.state as usize].down();
        states[state as usize].up();
        self.state = state;
    }

    /// Something was asked. What it was first decides where the connection is counted.
    #[inline]
    pub fn asked(&self, tally: &Tally, traffic: Traffic) {
        if !self.is_known.load(Ordering::Relaxed) {
            self.is_known.store(true, Ordering::Relaxed);
            match traffic {
                Traffic::Visitors => tally.connections.known.add(1),
                Traffic::Monitoring => {
                    self.is_monitoring.store(true, Ordering::Relaxed);
                    tally.monitoring.connections.add(1);
                }
            }
        }
    }
}
