//! How the service is doing (`sd_notify(3)`): one datagram for each thing there is to say.
//!
//! The socket is connected at the start and kept: a confined process can neither make one nor connect it.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixDatagram;
use std::sync::Arc;
use std::time::Duration;
use std::{env, error, fmt, io, process};

use rustix::time::{ClockId, clock_gettime};

/// Where to say it.
const SOCKET: &str = "NOTIFY_SOCKET";
/// Microseconds after which a service that says nothing is taken for hung.
const WATCHDOG: &str = "WATCHDOG_USEC";
/// Whose watchdog it is.
const WATCHDOG_PROCESS: &str = "WATCHDOG_PID";

/// How long a service manager that does not read may hold this process up.
const PATIENCE: Duration = Duration::from_secs(1);

/// Tells the service manager, if there is one that wants to know.
#[derive(Clone, Debug, Default)]
pub struct Notifier {
    socket: Option<Arc<UnixDatagram>>,
    watchdog: Option<Duration>,
}

/// Why the service manager cannot be told.
#[derive(Debug)]
pub struct NotifyError {
    address: String,
    error: io::Error,
}

impl error::Error for NotifyError {}

impl fmt::Display for NotifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, error } = self;
        write!(
            f,
            "the service manager cannot be told how the server is: {SOCKET} is {address:?}: {error}"
        )
    }
}

impl Notifier {
    /// Connects to what the environment names.
    ///
    /// # Errors
    /// When it names something that cannot be connected to.
    pub fn from_environment() -> Result<Self, NotifyError> {
        let Some(address) = env::var_os(SOCKET).filter(|address| !address.is_empty()) else {
            return Ok(Self::default());
        };
        let socket = connect(&address).map_err(|error| NotifyError {
            address: address.to_string_lossy().into_owned(),
            error,
        })?;
        let number = |name| env::var(name).ok()?.parse::<u64>().ok();
        let is_ours = number(WATCHDOG_PROCESS).is_none_or(|it| it == u64::from(process::id()));
        let watchdog = number(WATCHDOG).filter(|limit| *limit > 0 && is_ours);
        let watchdog = watchdog.map(Duration::from_micros);
        Ok(Self { socket: Some(Arc::new(socket)), watchdog })
    }

    /// How often [`alive`](Self::alive) has to be said at least, if at all.
    pub fn watchdog(&self) -> Option<Duration> {
        self.watchdog
    }

    /// It serves: after the start, and after each reload.
    pub fn ready(&self, status: &str) {
        self.tell(&format!("READY=1\n{}", line(status)));
    }

    /// It takes over another configuration; [`ready`](Self::ready) is said when that is over.
    pub fn reloading(&self) {
        let now = clock_gettime(ClockId::Monotonic);
        // Of the same clock as the manager's, so that it knows which of its demands this is for.
        let now = i128::from(now.tv_sec) * 1_000_000 + i128::from(now.tv_nsec) / 1_000;
        self.tell(&format!(
            "RELOADING=1\nMONOTONIC_USEC={now}\nSTATUS=reading the configuration\n"
        ));
    }

    /// It ends, which may take so long.
    pub fn stopping(&self, within: Duration) {
        let within = within.as_micros();
        self.tell(&format!(
            "STOPPING=1\nEXTEND_TIMEOUT_USEC={within}\nSTATUS=finishing the requests in flight\n"
        ));
    }

    /// It does not hang.
    pub fn alive(&self) {
        self.tell("WATCHDOG=1\n");
    }

    fn tell(&self, message: &str) {
        if let Some(socket) = &self.socket
            && let Err(error) = socket.send(message.as_bytes())
        {
            // Nothing to be done about it, and who serves has better things to do.
            tracing::debug!(%error, "the service manager could not be told");
        }
    }
}

/// A status as one line, whatever names of folders are in it: the next line would be taken for
/// something else.
fn line(status: &str) -> String {
    let printable = |c: char| if c.is_control() { ' ' } else { c };
    format!("STATUS={}\n", status.chars().map(printable).collect::<String>())
}

fn connect(address: &OsStr) -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    match address.as_bytes() {
        [b'/', ..] => socket.connect(address)?,
        #[cfg(target_os = "linux")]
        [b'@', name @ ..] => {
            use std::os::linux::net::SocketAddrExt;
            use std::os::unix::net::SocketAddr;

            socket.connect_addr(&SocketAddr::from_abstract_name(name)?)?;
        }
        _ => {
            let why = "neither a path nor a name after @";
            return Err(io::Error::new(io::ErrorKind::Unsupported, why));
        }
    }
    socket.set_write_timeout(Some(PATIENCE))?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(say: impl Fn(&Notifier)) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        let socket = Some(Arc::new(connect(path.as_os_str()).unwrap()));
        say(&Notifier { socket, watchdog: None });
        let mut message = [0; 1024];
        let length = manager.recv(&mut message).unwrap();
        String::from_utf8(message[..length].to_vec()).unwrap()
    }

    #[test]
    fn what_is_said_is_as_the_protocol_has_it() {
        let within = Duration::from_millis(1500);
        for (message, expected) in [
            (told(|it| it.ready("serving /a")), "READY=1\nSTATUS=serving /a\n"),
            (told(|it| it.ready("/a\nMAINPID=1")), "READY=1\nSTATUS=/a MAINPID=1\n"),
            (
                told(|it| it.stopping(within)),
                "STOPPING=1\nEXTEND_TIMEOUT_USEC=1500000\nSTATUS=finishing the requests in flight\n",
            ),
            (told(Notifier::alive), "WATCHDOG=1\n"),
        ] {
            assert_eq!(message, expected);
        }
        let reloading = told(Notifier::reloading);
        let time = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap();
        assert!(time.lines().next().unwrap().parse::<u64>().is_ok(), "{reloading}");
    }

    #[test]
    fn a_manager_that_is_gone_or_speaks_otherwise_is_an_error() {
        for address in ["/nowhere/at/all", "@nowhere/at/all", "vsock:2:1234", "relative"] {
            assert!(connect(OsStr::new(address)).is_err(), "{address}");
        }
        let error = connect(OsStr::new("vsock:2:1234")).unwrap_err();
        let error = NotifyError { address: "vsock:2:1234".to_owned(), error };
        assert_eq!(
            error.to_string(),
            "the service manager cannot be told how the server is: NOTIFY_SOCKET is \
             \"vsock:2:1234\": neither a path nor a name after @"
        );
        // Without one there is nobody to tell.
        Notifier::default().alive();
    }
}
