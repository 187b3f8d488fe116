//! The connections that wait to be accepted.

use std::io;
use std::mem;
use std::net::{SocketAddr, TcpListener};

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::task::yield_now;

/// Connections accepted in one go, before they and the open ones get their turn.
const BATCH: usize = 32;

/// Connections accepted at the end: more than wait with the default of `connection_queue`.
const REST: usize = 4096;

/// A connection whose socket does not block; the event loop does not watch it.
pub(super) type Accepted = (std::net::TcpStream, SocketAddr);

/// A listening socket's queue.
pub(super) struct Queue {
    listener: AsyncFd<TcpListener>,
    /// Whether the last batch left some.
    is_flooded: bool,
}

impl Queue {
    #[expect(
        deprecated,
        reason = "what replaces it is unsafe; this socket is not closed while it is watched"
    )]
    pub(super) fn new(listener: TcpListener) -> io::Result<Self> {
        let listener = AsyncFd::with_interest(listener, Interest::READABLE)?;
        Ok(Self { listener, is_flooded: false })
    }

    /// Waits for connections, and adds those that there are to `batch`, up to so many. Whoever came
    /// first has had time to ask when the last was accepted; and a flood does not keep the open
    /// connections from their turn.
    pub(super) async fn take(&mut self, batch: &mut Vec<Accepted>) -> io::Result<()> {
        if mem::take(&mut self.is_flooded) {
            yield_now().await;
        }
        let mut ready = self.listener.readable().await?;
        while batch.len() < BATCH {
            match ready.try_io(|listener| accept(listener.get_ref())) {
                Ok(accepted) => batch.push(accepted?),
                // Nobody waits any more.
                Err(_) => return Ok(()),
            }
        }
        self.is_flooded = true;
        Ok(())
    }

    /// Adds those that are there, as far as it goes, for a last time.
    pub(super) fn take_rest(&mut self, batch: &mut Vec<Accepted>) {
        batch.extend(std::iter::from_fn(|| accept(self.listener.get_ref()).ok()).take(REST));
    }
}

#[cfg(target_os = "linux")]
fn accept(listener: &TcpListener) -> io::Result<Accepted> {
    use rustix::net::{SocketFlags, acceptfrom_with};

    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let (socket, address) = acceptfrom_with(listener, flags)?;
    let address = address.and_then(|address| SocketAddr::try_from(address).ok());
    // What listens on an internet address is connected to from one.
    let address = address.ok_or(io::ErrorKind::ConnectionAborted)?;
    Ok((socket.into(), address))
}

#[cfg(not(target_os = "linux"))]
fn accept(listener: &TcpListener) -> io::Result<Accepted> {
    let (stream, address) = listener.accept()?;
    stream.set_nonblocking(true)?;
    Ok((stream, address))
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use super::*;

    #[tokio::test]
    async fn a_batch_has_an_end_and_nobody_is_forgotten() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let _clients: Vec<_> = (0..=BATCH).map(|_| TcpStream::connect(address).unwrap()).collect();
        let mut queue = Queue::new(listener).unwrap();
        let mut batch = Vec::new();
        queue.take(&mut batch).await.unwrap();
        assert_eq!(batch.len(), BATCH);
        batch.clear();
        queue.take(&mut batch).await.unwrap();
        assert_eq!(batch.len(), 1);
    }
}
