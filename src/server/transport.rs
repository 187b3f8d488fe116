//! What a connection reads from and writes to: the one place where plain and encrypted differ.

#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{self, BufRead, IoSlice, Write};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::BufMut;
use rustix::net::{SendAncillaryBuffer, SendFlags};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::send_queue::{self, SendQueue};
use super::socket::Socket;

/// A connection's byte stream.
pub(super) enum Transport {
    /// Plain TCP.
    Tcp(Socket),
    /// TLS over TCP.
    Tls(Box<Secured>),
}

/// An encrypted connection.
pub(super) struct Secured {
    stream: TlsStream<TcpStream>,
    end: End,
}

/// Whether an encrypted connection goes on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// As far as is known.
    Open,
    /// What is written until the next flush is the last.
    Near,
    /// The client is told with what was written.
    Told,
}

/// Bytes that are encrypted with the end of the connection behind them.
const MAX_LAST: usize = 16 * 1024;

impl Transport {
    /// What was agreed on in a handshake.
    pub(super) fn secured(stream: TlsStream<TcpStream>) -> Self {
        Self::Tls(Box::new(Secured { stream, end: End::Open }))
    }

    /// Whether [`poll_send_file`](Self::poll_send_file) works: the kernel moves file content to
    /// the socket without it passing through this process.
    pub(super) fn sends_files(&self) -> bool {
        match self {
            Self::Tcp(_) => cfg!(target_os = "linux"),
            Self::Tls(_) => false,
        }
    }

    /// Ready when a read may find something, be it the end or an error. Needs no buffer.
    pub(super) fn poll_readable(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(stream) => stream.poll_read_ready(context),
            Self::Tls(secured) => {
                let (stream, session) = secured.stream.get_mut();
                // What was decrypted and not yet read does not make the socket readable.
                match session.reader().fill_buf() {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        stream.poll_read_ready(context)
                    }
                    _ => Poll::Ready(Ok(())),
                }
            }
        }
    }

    /// Reads into `buffer`; 0 is the end of what the client sends.
    pub(super) fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut read = ReadBuf::new(buffer);
        match self {
            Self::Tcp(stream) => ready!(Pin::new(stream).poll_read(context, &mut read))?,
            Self::Tls(it) => ready!(Pin::new(&mut it.stream).poll_read(context, &mut read))?,
        }
        Poll::Ready(Ok(read.filled().len()))
    }

    /// Appends to `buffer` what is there to be read, as far as it has room; 0 is the end.
    pub(super) fn poll_read_buf(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut (impl BufMut + ?Sized),
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Tcp(stream) => pin!(stream.read_buf(buffer)).poll(context),
            Self::Tls(it) => pin!(it.stream.read_buf(buffer)).poll(context),
        }
    }

    /// Writes from the first slices. With `more`, other bytes follow at once: the kernel is told, so
    /// that a head and the file behind it share their first packet.
    pub(super) fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
        more: bool,
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Tcp(socket) if more => {
                let flags = SendFlags::MORE | SendFlags::NOSIGNAL;
                poll_socket(socket.watched()?, context, |stream| {
                    if let [one] = slices {
                        return Ok(rustix::net::send(stream, one, flags)?);
                    }
                    let mut no_control = SendAncillaryBuffer::default();
                    Ok(rustix::net::sendmsg(stream, slices, &mut no_control, flags)?)
                })
            }
            Self::Tcp(stream) => match slices {
                [one] => Pin::new(stream).poll_write(context, one),
                _ => Pin::new(stream).poll_write_vectored(context, slices),
            },
            Self::Tls(it) if !more && it.can_write_last(slices) => it.write_last(slices),
            Self::Tls(it) => match slices {
                [one] => Pin::new(&mut it.stream).poll_write(context, one),
                _ => Pin::new(&mut it.stream).poll_write_vectored(context, slices),
            },
        }
    }

    /// Sends what was taken by [`poll_write`](Self::poll_write) and is still here.
    pub(super) fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(_) => Poll::Ready(Ok(())),
            Self::Tls(it) => {
                if it.end == End::Near {
                    it.tell_end();
                }
                Pin::new(&mut it.stream).poll_flush(context)
            }
        }
    }

    /// Sends up to `count` bytes of a file from `offset` on; 0 is the end of the file.
    #[cfg(target_os = "linux")]
    pub(super) fn poll_send_file(
        &mut self,
        context: &mut Context<'_>,
        file: &File,
        mut offset: u64,
        count: usize,
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Tcp(socket) => poll_socket(socket.watched()?, context, |stream| {
                Ok(rustix::fs::sendfile(stream, file, Some(&mut offset), count)?)
            }),
            Self::Tls(_) => Poll::Ready(Err(io::ErrorKind::Unsupported.into())),
        }
    }

    /// Without `sendfile`, [`sends_files`](Self::sends_files) is false and nobody calls this.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn poll_send_file(
        &mut self,
        _: &mut Context<'_>,
        _: &File,
        _: u64,
        _: usize,
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Err(io::ErrorKind::Unsupported.into()))
    }

    /// Tells the client, as far as that takes no waiting, that nothing more comes and nothing is
    /// missing. For TCP, closing says so.
    pub(super) fn end(&mut self) {
        if let Self::Tls(it) = self
            && it.end != End::Told
        {
            let mut context = Context::from_waker(Waker::noop());
            let _ = self.poll_shutdown(&mut context);
        }
    }

    /// Whether a client whose connection is dropped from now on is told that it was broken. With TLS it always
    /// is: the end of that is told by itself.
    pub(super) fn reset_when_dropped(&mut self, is_reset: bool) {
        if let Self::Tcp(socket) = self {
            let time = is_reset.then_some(Duration::ZERO);
            let set =
                |stream: &mut TcpStream| rustix::net::sockopt::set_socket_linger(stream, time);
            // A socket of which that cannot be said is broken already.
            let _ = socket.watched().map(set);
        }
    }

    /// Tells the client that nothing more comes.
    pub(super) fn poll_shutdown(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Tls(it) => Pin::new(&mut it.stream).poll_shutdown(context),
        }
    }

    /// Says that what is written until the next flush is the last: the end is told in the same breath.
    pub(super) fn expect_end(&mut self) {
        if let Self::Tls(it) = self {
            it.end = End::Near;
        }
    }

    /// Whether the client has sent nothing that was not read. As far as that takes no waiting.
    pub(super) fn is_drained(&mut self) -> bool {
        if matches!(self, Self::Tcp(socket) if socket.is_drained()) {
            return true;
        }
        let mut context = Context::from_waker(Waker::noop());
        match self.poll_read(&mut context, &mut [0]) {
            Poll::Pending | Poll::Ready(Ok(0)) => true,
            Poll::Ready(_) => false,
        }
    }
}

impl Secured {
    /// Whether these bytes are the last, and all of them are taken without being sent at once.
    fn can_write_last(&self, slices: &[IoSlice<'_>]) -> bool {
        let (_, session) = self.stream.get_ref();
        self.end == End::Near && !session.wants_write() && length(slices) <= MAX_LAST
    }

    /// Writes them with the end behind them, to be sent by the flush that follows.
    fn write_last(&mut self, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let (_, session) = self.stream.get_mut();
        let count = session.writer().write_vectored(slices)?;
        if count == length(slices) {
            self.tell_end();
        }
        Poll::Ready(Ok(count))
    }

    fn tell_end(&mut self) {
        self.stream.get_mut().1.send_close_notify();
        self.end = End::Told;
    }
}

fn length(slices: &[IoSlice<'_>]) -> usize {
    slices.iter().map(|slice| slice.len()).sum()
}

impl SendQueue for Transport {
    fn unacknowledged(&self) -> Option<u64> {
        match self {
            Self::Tcp(Socket::Watched(stream)) => send_queue::unacknowledged(stream),
            // Nothing has had to wait for it yet.
            Self::Tcp(Socket::New(_)) => None,
            Self::Tls(it) => send_queue::unacknowledged(it.stream.get_ref().0),
        }
    }
}

impl AsyncRead for Transport {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Tls(it) => Pin::new(&mut it.stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Transport {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Self::poll_write(self.get_mut(), context, &[IoSlice::new(bytes)], false)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Self::poll_write(self.get_mut(), context, slices, false)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Self::poll_flush(self.get_mut(), context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Self::poll_shutdown(self.get_mut(), context)
    }
}

/// Runs a system call that writes to the socket, as soon as the socket takes something.
fn poll_socket(
    stream: &TcpStream,
    context: &mut Context<'_>,
    mut call: impl FnMut(&TcpStream) -> io::Result<usize>,
) -> Poll<io::Result<usize>> {
    loop {
        ready!(stream.poll_write_ready(context))?;
        match stream.try_io(Interest::WRITABLE, || call(stream)) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return Poll::Ready(done),
        }
    }
}
