//! Listening sockets.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

use super::defer_accept::defer_accept;

/// How long accepting pauses when the system has no descriptor or memory for a connection.
pub(super) const PAUSE: Duration = Duration::from_millis(100);

/// An address that could not be listened on.
#[derive(Debug)]
pub struct BindError {
    address: SocketAddr,
    error: io::Error,
    /// Whether this server listens there already, at another address.
    is_ours: bool,
}

impl std::error::Error for BindError {}

impl std::fmt::Display for BindError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { address, error, is_ours } = self;
        let port = address.port();
        match error.kind() {
            io::ErrorKind::AddrInUse if *is_ours => write!(
                formatter,
                "port {port} cannot be listened on at {ip} as well, beside what listens on it: a \
                 restart is needed",
                ip = address.ip(),
            ),
            io::ErrorKind::AddrInUse => write!(
                formatter,
                "port {port} of {ip} is taken by another program: stop that one, or choose \
                 another port with --port (0 takes any free one)",
                ip = address.ip(),
            ),
            io::ErrorKind::PermissionDenied => write!(
                formatter,
                "not allowed to listen on port {port}: ports below 1024 need privileges \
                 (CAP_NET_BIND_SERVICE), or choose another port with --port",
            ),
            io::ErrorKind::AddrNotAvailable => write!(
                formatter,
                "{ip} is not an address of this machine: choose one that is with --host, or \
                 0.0.0.0 for all",
                ip = address.ip(),
            ),
            _ => write!(formatter, "cannot listen on {address}: {error}"),
        }
    }
}

/// The sockets of one address: one per worker, so that the kernel spreads connections and the
/// workers share nothing; or one for all where it cannot.
///
/// Also says which port it came to.
pub(super) fn bind(
    address: SocketAddr,
    options: Options,
) -> Result<(SocketAddr, Vec<std::net::TcpListener>), BindError> {
    listen(address, options).map_err(|error| BindError { address, error, is_ours: options.is_ours })
}

/// A socket that others made and listen on, once for each worker. They share its queue: each is woken by
/// a connection, and one gets it.
///
/// Also says which address it is.
pub(super) fn adopt(
    socket: std::net::TcpListener,
    workers: usize,
) -> Result<(SocketAddr, Vec<std::net::TcpListener>), BindError> {
    let unknown = SocketAddr::from(([0, 0, 0, 0], 0));
    let address = socket.local_addr().unwrap_or(unknown);
    let mut sockets = vec![Socket::from(socket)];
    let adopted = set_up(&sockets[0]).and_then(|()| share_queue(&mut sockets, workers));
    match adopted {
        Ok(()) => Ok((address, sockets.into_iter().map(Into::into).collect())),
        Err(error) => Err(BindError { address, error, is_ours: false }),
    }
}

/// How to listen.
#[derive(Clone, Copy)]
pub(super) struct Options {
    /// Connections that may wait to be accepted, per socket.
    pub(super) backlog: i32,
    pub(super) workers: usize,
    /// Whether an IPv6 socket leaves IPv4 to others; else `::` takes both.
    pub(super) only_v6: bool,
    /// Whether it listens on the port already, at an address that this one includes or is part of.
    pub(super) is_ours: bool,
}

fn listen(
    address: SocketAddr,
    options: Options,
) -> io::Result<(SocketAddr, Vec<std::net::TcpListener>)> {
    let Options { backlog, workers, only_v6, is_ours } = options;
    let first = open(address, only_v6)?;
    if is_ours {
        share(&first)?;
    }
    // The first socket binds alone, and so finds out whether another process has the port: two
    // that both ask to share it would silently split its connections.
    first.bind(&address.into())?;
    let address = first.local_addr()?.as_socket().unwrap_or(address);
    // Those of a later configuration may have to.
    share(&first)?;
    let mut sockets = vec![first];
    share_port(&mut sockets, address, options)?;
    for socket in &sockets {
        socket.listen(backlog)?;
    }
    share_queue(&mut sockets, workers)?;
    Ok((address, sockets.into_iter().map(Into::into).collect()))
}

/// Gives those workers that have no socket yet the first one.
fn share_queue(sockets: &mut Vec<Socket>, workers: usize) -> io::Result<()> {
    while sockets.len() < workers {
        let again = sockets[0].try_clone()?;
        sockets.push(again);
    }
    Ok(())
}

#[cfg(target_os = "linux")]
fn share_port(sockets: &mut Vec<Socket>, address: SocketAddr, options: Options) -> io::Result<()> {
    for _ in 1..options.workers {
        let socket = open(address, options.only_v6)?;
        share(&socket)?;
        socket.bind(&address.into())?;
        sockets.push(socket);
    }
    Ok(())
}

/// Lets other sockets of ours have the port, too.
#[cfg(target_os = "linux")]
fn share(socket: &Socket) -> io::Result<()> {
    socket.set_reuse_port(true)
}

#[cfg(not(target_os = "linux"))]
fn share(_: &Socket) -> io::Result<()> {
    Ok(())
}

/// Elsewhere several sockets of one port do not spread connections: the workers share one.
#[cfg(not(target_os = "linux"))]
fn share_port(_: &mut Vec<Socket>, _: SocketAddr, _: Options) -> io::Result<()> {
    Ok(())
}

fn open(address: SocketAddr, only_v6: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if cfg!(unix) {
        // A restart must not wait for the connections of the last run to be forgotten.
        socket.set_reuse_address(true)?;
    }
    if address.is_ipv6() {
        socket.set_only_v6(only_v6)?;
    }
    set_up(&socket)?;
    Ok(socket)
}

/// What every listening socket is like.
fn set_up(socket: &Socket) -> io::Result<()> {
    // Accepted sockets inherit it: an answer leaves when it is written.
    socket.set_tcp_nodelay(true)?;
    defer_accept(socket)?;
    socket.set_nonblocking(true)
}

/// Whether an accept error is of the one connection only, and the next can be tried at once.
pub(super) fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
            | io::ErrorKind::TimedOut
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_an_error_also_between_two_servers() {
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let options = Options { backlog: 16, workers: 2, only_v6: false, is_ours: false };
        let (taken, sockets) = bind(address, options).unwrap();
        assert_eq!(sockets.len(), 2);
        for socket in &sockets {
            assert_eq!(socket.local_addr().unwrap(), taken);
        }
        let error = bind(taken, options).unwrap_err().to_string();
        assert!(error.contains("is taken by another program"), "{error}");
    }
}
