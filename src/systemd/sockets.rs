//! Socket activation (`sd_listen_fds(3)`): systemd listens, and passes the sockets on.

use std::env::{self, VarError};
use std::net::TcpListener;
use std::{error, fmt, process};

use listenfd::ListenFd;
use socket2::SockRef;

/// For which process the sockets are.
const PROCESS: &str = "LISTEN_PID";
/// How many there are.
const COUNT: &str = "LISTEN_FDS";
/// What they are called, with colons between.
const NAMES: &str = "LISTEN_FDNAMES";

/// A listening socket that was passed.
#[derive(Debug)]
pub struct PassedSocket {
    /// What `FileDescriptorName=` calls it; the name of the unit where that is not set.
    pub name: String,
    /// The socket.
    pub socket: TcpListener,
}

/// Sockets that cannot be served on.
#[derive(Debug, PartialEq, Eq)]
pub enum SocketError {
    /// A variable does not hold what it should.
    Variable {
        /// Its name.
        name: &'static str,
        /// What it holds.
        value: String,
    },
    /// It is something else than a TCP socket that listens.
    NotListening {
        /// Which one, from 1.
        number: usize,
        /// What it is called.
        name: String,
    },
}

impl error::Error for SocketError {}

impl fmt::Display for SocketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable { name, value } => write!(
                f,
                "{name} is {value:?}, which is no number: systemd sets it; start salver without it"
            ),
            Self::NotListening { number, name } => write!(
                f,
                "socket {number} of those passed by systemd ({name:?}) is no listening TCP socket: \
                 give ListenStream= a port, or an address with one, and leave Accept= off"
            ),
        }
    }
}

/// Takes over the sockets that were passed to this process; none where it was not activated by them. To
/// be called once, and while there is one thread: the variables are removed, as they are used up.
///
/// # Errors
/// When one of them is no TCP socket that listens.
pub fn passed_sockets() -> Result<Vec<PassedSocket>, SocketError> {
    // Those for another process have been inherited from it by mistake.
    match number::<u32>(PROCESS)? {
        Some(process) if process == process::id() => {}
        _ => return Ok(Vec::new()),
    }
    if number::<u16>(COUNT)?.is_none() {
        return Ok(Vec::new());
    }
    let names = env::var(NAMES).unwrap_or_default();
    let mut names = names.split(':');
    let mut passed = ListenFd::from_env();
    let count = passed.len();
    let take = |index| {
        let name = names.next().unwrap_or_default().to_owned();
        let socket = passed.take_tcp_listener(index).ok().flatten();
        let listens =
            |socket: &TcpListener| SockRef::from(socket).is_listener().is_ok_and(|yes| yes);
        match socket.filter(listens) {
            Some(socket) => Ok(PassedSocket { name, socket }),
            None => Err(SocketError::NotListening { number: index + 1, name }),
        }
    };
    (0..count).map(take).collect()
}

/// The number that a variable holds.
fn number<T: std::str::FromStr>(name: &'static str) -> Result<Option<T>, SocketError> {
    let value = match env::var(name) {
        Ok(value) => value,
        Err(VarError::NotPresent) => return Ok(None),
        Err(VarError::NotUnicode(value)) => value.to_string_lossy().into_owned(),
    };
    match value.parse() {
        Ok(number) => Ok(Some(number)),
        Err(_) => Err(SocketError::Variable { name, value }),
    }
}
