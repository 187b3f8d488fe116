//! A TCP connection that the event loop watches only once there was something to wait for.
//!
//! Watching a socket costs two system calls, to begin and to end it, and some hundred bytes. A
//! client that asks one thing and is answered at once needs none of that.

use std::io::{self, IoSlice, Read, Write};
use std::net::Shutdown;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// A connection's socket.
pub(super) enum Socket {
    /// Just accepted.
    New(Newcomer),
    /// Watched by the event loop.
    Watched(TcpStream),
}

/// A socket that the event loop does not know.
pub(super) struct Newcomer {
    /// `None` when it could not be watched: nothing can be done with it any more.
    stream: Option<std::net::TcpStream>,
    has_read: HasRead,
}

/// What came of reading from a socket.
#[derive(Clone, Copy, PartialEq, Eq)]
enum HasRead {
    Nothing,
    Some,
    /// All that there was.
    All,
}

impl From<TcpStream> for Socket {
    fn from(stream: TcpStream) -> Self {
        Self::Watched(stream)
    }
}

impl From<std::net::TcpStream> for Socket {
    /// From a socket that does not block.
    fn from(stream: std::net::TcpStream) -> Self {
        Self::New(Newcomer { stream: Some(stream), has_read: HasRead::Nothing })
    }
}

impl Socket {
    /// The socket, watched from now on. Fails when the system has no more room for it.
    pub(super) fn watched(&mut self) -> io::Result<&mut TcpStream> {
        if let Self::New(newcomer) = self {
            let stream = newcomer.stream.take().ok_or(io::ErrorKind::NotConnected)?;
            *self = Self::Watched(TcpStream::from_std(stream)?);
        }
        match self {
            Self::Watched(stream) => Ok(stream),
            Self::New(_) => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// The same for good.
    pub(super) fn into_watched(mut self) -> io::Result<TcpStream> {
        self.watched()?;
        match self {
            Self::Watched(stream) => Ok(stream),
            Self::New(_) => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// Ready when a read may find something. The first read is tried without waiting.
    pub(super) fn poll_read_ready(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::New(newcomer) if newcomer.has_read == HasRead::Nothing => Poll::Ready(Ok(())),
            _ => self.watched()?.poll_read_ready(context),
        }
    }

    /// Whether it is known, without asking the system, that everything that came was read.
    pub(super) fn is_drained(&self) -> bool {
        matches!(self, Self::New(Newcomer { has_read: HasRead::All, .. }))
    }

    /// Does something that needs no waiting to a socket that is not watched. `None`: it is
    /// watched from now on, because it is to be waited for.
    fn at_once<T>(
        &mut self,
        act: impl FnOnce(&mut std::net::TcpStream) -> io::Result<T>,
    ) -> Option<io::Result<T>> {
        let Self::New(Newcomer { stream: Some(stream), .. }) = self else { return None };
        match act(stream) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => None,
            done => Some(done),
        }
    }
}

impl Newcomer {
    fn note(&mut self, count: usize, room: usize) {
        self.has_read = if count < room { HasRead::All } else { HasRead::Some };
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let socket = self.get_mut();
        // A second read is the event loop's to time: nobody may keep it busy.
        if let Self::New(Newcomer { has_read: HasRead::Nothing, .. }) = socket {
            let unfilled = buffer.initialize_unfilled();
            let room = unfilled.len();
            if let Some(read) = socket.at_once(|stream| stream.read(unfilled)) {
                let count = read?;
                if let Self::New(newcomer) = socket {
                    newcomer.note(count, room);
                }
                buffer.advance(count);
                return Poll::Ready(Ok(()));
            }
        }
        Pin::new(socket.watched()?).poll_read(context, buffer)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let socket = self.get_mut();
        match socket.at_once(|stream| stream.write(bytes)) {
            Some(written) => Poll::Ready(written),
            None => Pin::new(socket.watched()?).poll_write(context, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let socket = self.get_mut();
        match socket.at_once(|stream| stream.write_vectored(slices)) {
            Some(written) => Poll::Ready(written),
            None => Pin::new(socket.watched()?).poll_write_vectored(context, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let socket = self.get_mut();
        match socket.at_once(|stream| stream.shutdown(Shutdown::Write)) {
            Some(done) => Poll::Ready(done),
            None => Pin::new(socket.watched()?).poll_shutdown(context),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::net::TcpListener;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    fn pair() -> (Socket, std::net::TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (accepted, _) = listener.accept().unwrap();
        accepted.set_nonblocking(true).unwrap();
        (accepted.into(), client)
    }

    #[tokio::test]
    async fn what_needs_no_waiting_is_done_without_the_event_loop() {
        let (mut socket, mut client) = pair();
        client.write_all(b"ask").unwrap();
        let mut buffer = [0; 8];
        poll_fn(|context| socket.poll_read_ready(context)).await.unwrap();
        assert_eq!(socket.read(&mut buffer).await.unwrap(), 3);
        assert!(socket.is_drained());
        socket.write_all(b"answer").await.unwrap();
        socket.shutdown().await.unwrap();
        assert!(matches!(socket, Socket::New(_)));
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).unwrap();
        assert_eq!(answer, b"answer");
    }

    #[tokio::test]
    async fn what_is_waited_for_is_watched() {
        let (mut socket, mut client) = pair();
        client.write_all(b"one").unwrap();
        let mut buffer = [0; 8];
        assert_eq!(socket.read(&mut buffer).await.unwrap(), 3);
        let mut noop = Context::from_waker(std::task::Waker::noop());
        assert!(socket.poll_read_ready(&mut noop).is_pending());
        assert!(matches!(socket, Socket::Watched(_)));
        client.write_all(b"more").unwrap();
        assert_eq!(socket.read(&mut buffer).await.unwrap(), 4);
        assert!(!socket.is_drained());
    }

    #[tokio::test]
    async fn a_client_that_has_not_asked_yet_is_waited_for() {
        let (mut socket, mut client) = pair();
        let asking = std::thread::spawn(move || client.write_all(b"late").map(|()| client));
        let mut buffer = [0; 8];
        assert_eq!(socket.read(&mut buffer).await.unwrap(), 4);
        drop(asking.join().unwrap());
    }
}
