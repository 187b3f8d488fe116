//! What systemd and the process that it starts tell each other: sockets that it passes, and how the
//! service is doing. Other service managers that speak the same are as good.
//!
//! | file | what it knows |
//! | --- | --- |
//! | `sockets` | socket activation: `LISTEN_FDS` (`sd_listen_fds(3)`) |
//! | `notify` | readiness, reloads, the end and the watchdog: `NOTIFY_SOCKET` (`sd_notify(3)`) |

mod notify;
mod sockets;

pub use self::notify::{Notifier, NotifyError};
pub use self::sockets::{PassedSocket, SocketError, passed_sockets};
