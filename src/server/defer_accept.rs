//! Connections that are accepted once they have asked for something (`TCP_DEFER_ACCEPT`, tcp(7)).
//!
//! In HTTP and in TLS the client speaks first. A connection that the kernel hands over together with
//! its first bytes is read at once: it wakes the worker once instead of twice, and if it asks for one
//! thing it is never watched by the event loop. That is a third of what a short connection costs
//! (`benches/README.md`), and connections without a word take no descriptor.
//!
//! This, `send_queue` and `allocator` are the places with code that the compiler does not check: no library sets
//! the option safely. `TcpStream::set_deferaccept` of the standard library takes its place when it is stable.

use std::io;
use std::os::fd::AsFd;

/// Seconds after which a connection is handed over although nothing came, about.
#[cfg(target_os = "linux")]
const PATIENCE: std::ffi::c_int = 1;

/// Has the connections of a listening socket accepted with their first bytes.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "a system call that no library wraps; see above")]
pub(super) fn defer_accept(socket: &impl AsFd) -> io::Result<()> {
    use std::os::fd::AsRawFd;

    let length = libc::socklen_t::try_from(size_of_val(&PATIENCE)).map_err(io::Error::other)?;
    // SAFETY: the descriptor is borrowed, so it is open until the call returns. The option takes an
    // `int` (tcp(7)); the pointer is to one that lives as long as the program, and `length` is its
    // size. The kernel reads it and keeps no pointer.
    let result = unsafe {
        libc::setsockopt(
            socket.as_fd().as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_DEFER_ACCEPT,
            std::ptr::from_ref(&PATIENCE).cast(),
            length,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Elsewhere connections are accepted as they come.
#[cfg(not(target_os = "linux"))]
pub(super) fn defer_accept(_: &impl AsFd) -> io::Result<()> {
    Ok(())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::io::Write;
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn who_asks_something_is_accepted_before_who_came_first() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        defer_accept(&listener).unwrap();
        let address = listener.local_addr().unwrap();
        let silent = TcpStream::connect(address).unwrap();
        let mut asking = TcpStream::connect(address).unwrap();
        asking.write_all(b"GET").unwrap();
        assert_eq!(listener.accept().unwrap().1, asking.local_addr().unwrap());
        // Nobody waits for ever.
        assert_eq!(listener.accept().unwrap().1, silent.local_addr().unwrap());
    }

    #[test]
    fn what_is_no_socket_is_an_error() {
        let file = tempfile::tempfile().unwrap();
        assert!(defer_accept(&file).is_err());
    }
}
