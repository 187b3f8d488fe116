//! Which addresses are listened on, and which sockets that takes.

use std::net::{IpAddr, SocketAddr, TcpListener};

use super::listener::{self, BindError};
use super::service::Role;
use crate::config::Config;

/// The addresses that a server listens on.
pub(super) struct Listening {
    /// Sockets of each address.
    workers: usize,
    places: Vec<Place>,
    next: Id,
}

/// Names an address for as long as it is listened on.
pub(super) type Id = u32;

#[derive(Clone, Debug)]
struct Place {
    id: Id,
    role: Role,
    /// As the configuration has it.
    wanted: SocketAddr,
    /// The same with the port that it came to.
    actual: SocketAddr,
    /// Whether another one has taken its place, which has it too.
    is_covered: bool,
    /// What it was passed for, if it was; it is then neither opened nor closed here.
    passed_for: Option<Role>,
}

/// A listening socket that whoever started the process has made.
#[derive(Debug)]
pub struct Passed {
    /// What it is for; those of the redirect are for the site while nothing is encrypted.
    pub role: Role,
    /// The socket.
    pub socket: TcpListener,
}

/// What takes a server from the addresses it listens on to others.
pub struct Move {
    workers: usize,
    /// One socket for each worker.
    opened: Vec<(Id, Role, Vec<TcpListener>)>,
    pub(super) closed: Vec<Closed>,
    /// Those that stay open and are for something else.
    pub(super) turned: Vec<(Id, Role)>,
    places: Vec<Place>,
}

/// An address that is listened on no more.
#[derive(Clone, Copy, Debug)]
pub(super) struct Closed {
    pub(super) id: Id,
    /// Whether some of those who ask there mean an address that is listened on.
    pub(super) is_shared: bool,
}

/// A socket of a worker.
pub(super) struct Opened {
    pub(super) id: Id,
    pub(super) role: Role,
    pub(super) socket: TcpListener,
}

impl Move {
    /// The addresses of the site, with their actual ports.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        addresses(&self.places)
    }

    /// The sockets that each worker gets.
    pub(super) fn for_each_worker(self) -> impl Iterator<Item = Vec<Opened>> {
        let mut shares: Vec<Vec<Opened>> = (0..self.workers).map(|_| Vec::new()).collect();
        for (id, role, sockets) in self.opened {
            for (share, socket) in shares.iter_mut().zip(sockets) {
                share.push(Opened { id, role, socket });
            }
        }
        shares.into_iter()
    }
}

impl Listening {
    /// Listens nowhere yet.
    pub(super) fn new(workers: usize) -> Self {
        Self { workers, places: Vec::new(), next: 0 }
    }

    /// Listens on what was passed, and on nothing else, whatever a configuration says.
    pub(super) fn passed(
        workers: usize,
        config: &Config,
        sockets: Vec<Passed>,
    ) -> Result<(Self, Move), BindError> {
        let mut opened = Vec::new();
        let mut places = Vec::new();
        for (id, Passed { role, socket }) in (0..).zip(sockets) {
            let (actual, shares) = listener::adopt(socket, workers)?;
            let passed_for = Some(role);
            let role = role_of(role, config);
            opened.push((id, role, shares));
            places.push(Place { id, role, wanted: actual, actual, is_covered: false, passed_for });
        }
        let next = Id::try_from(places.len()).unwrap_or(Id::MAX);
        let first = Move {
            workers,
            opened,
            closed: Vec::new(),
            turned: Vec::new(),
            places: places.clone(),
        };
        Ok((Self { workers, places, next }, first))
    }

    /// Whether the sockets were passed.
    pub(super) fn is_passed(&self) -> bool {
        self.places.iter().any(|place| place.passed_for.is_some())
    }

    /// What becomes of sockets that were passed: they stay, and may be for something else.
    fn turned(&self, config: &Config) -> Move {
        let mut places = self.places.clone();
        let mut turned = Vec::new();
        for place in &mut places {
            let role = place.passed_for.map_or(place.role, |role| role_of(role, config));
            if std::mem::replace(&mut place.role, role) != role {
                turned.push((place.id, role));
            }
        }
        let (opened, closed) = (Vec::new(), Vec::new());
        Move { workers: self.workers, opened, closed, turned, places }
    }

    /// Opens what the configuration asks for and is not open yet. With port 0 every address gets the
    /// port that the first one has, or found free. Nothing changes for those that are open.
    pub(super) fn prepare(&self, config: &Config) -> Result<Move, BindError> {
        if self.is_passed() {
            return Ok(self.turned(config));
        }
        let options = listener::Options {
            backlog: i32::try_from(config.connection_queue).unwrap_or(i32::MAX),
            workers: self.workers,
            only_v6: config.host.iter().any(IpAddr::is_ipv4),
            is_ours: false,
        };
        let mut opened = Vec::new();
        let mut turned = Vec::new();
        let mut places: Vec<Place> = Vec::new();
        for (role, wanted) in wanted(config) {
            if let Some(place) = self.places.iter().find(|place| place.is_at(wanted)) {
                if place.role != role {
                    turned.push((place.id, role));
                }
                places.push(Place { role, wanted, is_covered: false, ..place.clone() });
                continue;
            }
            let mut address = wanted;
            if let Some(first) = places.first().filter(|_| wanted.port() == 0) {
                address.set_port(first.actual.port());
            }
            let is_ours = self.places.iter().any(|place| overlap(place.actual, address));
            let (actual, sockets) =
                listener::bind(address, listener::Options { is_ours, ..options })?;
            let id = self.next + Id::try_from(opened.len()).unwrap_or(Id::MAX);
            places.push(Place { id, role, wanted, actual, is_covered: false, passed_for: None });
            opened.push((id, role, sockets));
        }
        let mut closed = Vec::new();
        for place in &self.places {
            if places.iter().any(|other| other.id == place.id) {
                continue;
            }
            if places.iter().any(|other| place.is_part_of(other)) {
                // Closed, it would cut those who have yet to be let in there.
                places.push(Place { is_covered: true, ..place.clone() });
            } else {
                let is_shared = places.iter().any(|other| overlap(place.actual, other.actual));
                closed.push(Closed { id: place.id, is_shared });
            }
        }
        Ok(Move { workers: self.workers, opened, closed, turned, places })
    }

    /// Notes that it was done.
    pub(super) fn moved(&mut self, done: &Move) {
        self.places.clone_from(&done.places);
        self.next += Id::try_from(done.opened.len()).unwrap_or(Id::MAX);
    }

    /// The addresses of the site, with their actual ports.
    pub(super) fn addresses(&self) -> Vec<SocketAddr> {
        addresses(&self.places)
    }
}

impl Listening {
    /// Every address, with its actual port.
    pub(super) fn all(&self) -> Vec<(Role, SocketAddr)> {
        let shown = self.places.iter().filter(|place| !place.is_covered);
        shown.map(|place| (place.role, place.actual)).collect()
    }
}

impl Place {
    fn is_at(&self, address: SocketAddr) -> bool {
        self.wanted == address || self.actual == address
    }

    fn is_part_of(&self, other: &Self) -> bool {
        self.role == other.role
            && self.actual.port() == other.actual.port()
            && self.actual.is_ipv4() == other.actual.is_ipv4()
            && other.actual.ip().is_unspecified()
    }
}

/// Whether connections to one address may be meant by the other.
fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    let is_any = one.ip().is_unspecified() || other.ip().is_unspecified();
    one.port() == other.port() && (is_any || one.ip() == other.ip())
}

/// What a socket is for under a configuration: without TLS there is nothing to be sent on to.
fn role_of(passed_for: Role, config: &Config) -> Role {
    if config.enable_ssl { passed_for } else { Role::Site }
}

fn addresses(places: &[Place]) -> Vec<SocketAddr> {
    let of_site = places.iter().filter(|place| place.role == Role::Site && !place.is_covered);
    of_site.map(|place| place.actual).collect()
}

fn wanted(config: &Config) -> impl Iterator<Item = (Role, SocketAddr)> {
    let redirect = config.ssl_redirect_port.filter(|_| config.enable_ssl);
    config.host.iter().flat_map(move |&host| {
        let site = (Role::Site, SocketAddr::new(host, config.port));
        [site].into_iter().chain(redirect.map(|port| (Role::Redirect, SocketAddr::new(host, port))))
    })
}
