//! What a client has not yet taken of what was sent to it (`SIOCOUTQ`, tcp(7)).
//!
//! The kernel keeps up to some MiB for a client that reads slowly, and asks for more only when a third
//! of that is gone. Whoever looked at what the kernel takes would see nothing move for minutes, and
//! give up a client that reads steadily.
//!
//! This and `defer_accept` are the places with code that the compiler does not check: no library asks
//! the kernel safely.

use std::os::fd::AsFd;

/// A connection that knows what its client has not acknowledged.
pub(super) trait SendQueue {
    /// Bytes that were written and that the client has not acknowledged; `None` where that is not known.
    fn unacknowledged(&self) -> Option<u64>;
}

/// The same of a socket.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "a system call that no library wraps; see above")]
pub(super) fn unacknowledged(socket: &impl AsFd) -> Option<u64> {
    use std::os::fd::AsRawFd;

    let mut bytes: std::ffi::c_int = 0;
    // SAFETY: the descriptor is borrowed, so it is open until the call returns. The request stores one
    // `int` (tcp(7)) where the pointer leads, which is to a local variable of that type that outlives
    // the call; the kernel keeps no pointer.
    let result = unsafe {
        libc::ioctl(
            socket.as_fd().as_raw_fd(),
            libc::TIOCOUTQ, // which has the number of SIOCOUTQ
            std::ptr::from_mut(&mut bytes),
        )
    };
    if result == 0 { u64::try_from(bytes).ok() } else { None }
}

/// Elsewhere it is not known.
#[cfg(not(target_os = "linux"))]
pub(super) fn unacknowledged(_: &impl AsFd) -> Option<u64> {
    None
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn it_shrinks_as_the_client_reads() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        assert_eq!(unacknowledged(&server), Some(0));
        server.set_nonblocking(true).unwrap();
        let mut some = vec![0; 65536];
        while server.write(&some).is_ok() {}
        let full = unacknowledged(&server).unwrap();
        assert!(full > 0);
        // More than the client's own buffer has, so that some of the rest gets there.
        let mut left = 64 * 1024 * 1024;
        while unacknowledged(&server).unwrap() == full && left > 0 {
            left -= client.read(&mut some).unwrap();
        }
        assert!(unacknowledged(&server).unwrap() < full);
    }

    #[test]
    fn what_has_no_queue_says_so() {
        let file = std::fs::File::open("/dev/null").unwrap();
        assert_eq!(unacknowledged(&file), None);
    }
}
