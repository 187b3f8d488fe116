//! Frames that are ready together leave together: one TLS record and one system call for the answers
//! to all requests that came at once, where `h2` would flush after each.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::server::send_queue::SendQueue;

/// Bytes that are gathered at most: as many as a TLS record takes (RFC 8446 section 5.1).
const FULL: usize = 16 * 1024;

/// Longer writes are not copied: they go out behind what was gathered, as they are.
const SMALL: usize = 4 * 1024;

/// Slices of one write.
const SLICES: usize = 8;

/// A connection that gathers what is written to it until [`Self::poll_send`] is called. Copies are
/// of the same connection: `h2` has one, and whoever knows when nothing more comes the other.
pub(super) struct Gather<T>(Arc<Mutex<Inner<T>>>);

struct Inner<T> {
    io: T,
    gathered: Vec<u8>,
    sent: usize,
    /// Whether flushing is left to [`Gather::poll_send`].
    holds: bool,
    /// Bytes that the connection took, in all.
    taken: u64,
    /// Bytes that came from it, in all.
    received: u64,
    /// Whether it took nothing of what was last written to it.
    write_waits: bool,
    /// Whether it still had some of what it had taken when it was last flushed.
    flush_waits: bool,
}

/// How much of what was sent on a connection its client has acknowledged, for as long as there is one.
pub(super) type Acknowledged = Arc<dyn Fn() -> Option<i64> + Send + Sync>;

/// How far a client has taken what was sent, and how much it has sent itself.
pub(super) struct Progress {
    /// Bytes that it took, in all.
    pub(super) taken: u64,
    /// Bytes that it sent, in all.
    pub(super) received: u64,
    /// Whether it takes nothing more for now.
    pub(super) is_blocked: bool,
}

impl<T> Clone for Gather<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Gather<T> {
    /// Flushes when told, as any connection, until [`Self::hold`].
    pub(super) fn new(io: T) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            io,
            gathered: Vec::new(),
            sent: 0,
            holds: false,
            taken: 0,
            received: 0,
            write_waits: false,
            flush_waits: false,
        })))
    }

    /// From now on flushing is [`Self::poll_send`]'s.
    pub(super) fn hold(&self) {
        self.lock().holds = true;
    }

    /// How far the client is.
    pub(super) fn progress(&self) -> Progress {
        let Inner { taken, received, write_waits, flush_waits, .. } = *self.lock();
        Progress { taken, received, is_blocked: write_waits || flush_waits }
    }

    fn lock(&self) -> MutexGuard<'_, Inner<T>> {
        // After a panic in there the connection ends.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: SendQueue + Send + 'static> Gather<T> {
    /// To be asked by those who wait for this connection; it is not kept for them.
    pub(super) fn acknowledged(&self) -> Acknowledged {
        let inner: Weak<Mutex<Inner<T>>> = Arc::downgrade(&self.0);
        Arc::new(move || {
            let inner = Self(inner.upgrade()?);
            let inner = inner.lock();
            let taken = i64::try_from(inner.taken).ok()?;
            Some(taken.saturating_sub_unsigned(inner.io.unacknowledged()?))
        })
    }
}

impl<T: AsyncWrite + Unpin> Gather<T> {
    /// Sends what was gathered. To be called whenever nothing more will be written for now.
    pub(super) fn poll_send(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.lock().poll_send(context)
    }
}

impl<T: AsyncWrite + Unpin> Inner<T> {
    fn poll_send(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.sent < self.gathered.len() {
            ready!(self.poll_through(context, &[]))?;
        }
        let flushed = Pin::new(&mut self.io).poll_flush(context);
        self.flush_waits = flushed.is_pending();
        flushed
    }

    /// Writes what was gathered and `slices` behind it; how many bytes of `slices` were taken.
    fn poll_through(
        &mut self,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let before = self.gathered.len() - self.sent;
        let mut all = [IoSlice::new(&[]); SLICES];
        let ours = [IoSlice::new(&self.gathered[self.sent..])];
        let ours = if before > 0 { &ours[..] } else { &[] };
        let mut used = 0;
        for (place, slice) in all.iter_mut().zip(ours.iter().chain(slices)) {
            *place = *slice;
            used += 1;
        }
        let written = Pin::new(&mut self.io).poll_write_vectored(context, &all[..used]);
        self.write_waits = written.is_pending();
        let count = ready!(written)?;
        if count == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        self.taken += count as u64;
        self.sent += count.min(before);
        if self.sent == self.gathered.len() {
            // A connection that waits holds no buffer.
            self.gathered = Vec::new();
            self.sent = 0;
        }
        Poll::Ready(Ok(count.saturating_sub(before)))
    }

    fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let length = slices.iter().map(|slice| slice.len()).sum::<usize>();
        if length == 0 {
            return Poll::Ready(Ok(0));
        }
        if length <= SMALL {
            while self.gathered.len() + length > FULL {
                ready!(self.poll_through(context, &[]))?;
            }
            if self.gathered.capacity() == 0 {
                self.gathered.reserve_exact(FULL);
            }
            for slice in slices {
                self.gathered.extend_from_slice(slice);
            }
            return Poll::Ready(Ok(length));
        }
        loop {
            let count = ready!(self.poll_through(context, slices))?;
            if count > 0 {
                return Poll::Ready(Ok(count));
            }
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Gather<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let mut inner = self.lock();
        let read = Pin::new(&mut inner.io).poll_read(context, buffer);
        inner.received += buffer.filled().len().saturating_sub(before) as u64;
        read
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Gather<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.lock().poll_write(context, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.lock().poll_write(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut inner = self.lock();
        if inner.holds { Poll::Ready(Ok(())) } else { inner.poll_send(context) }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut inner = self.lock();
        ready!(inner.poll_send(context))?;
        Pin::new(&mut inner.io).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    use super::*;

    /// What has arrived at the other end.
    fn arrived(other: &mut DuplexStream) -> Vec<u8> {
        let mut bytes = vec![0; 64 * 1024];
        let mut buffer = ReadBuf::new(&mut bytes);
        let mut context = Context::from_waker(std::task::Waker::noop());
        let _ = Pin::new(other).poll_read(&mut context, &mut buffer);
        buffer.filled().to_vec()
    }

    fn pair(room: usize) -> (Gather<DuplexStream>, DuplexStream) {
        let (one, other) = duplex(room);
        (Gather::new(one), other)
    }

    async fn send(gather: &Gather<DuplexStream>) {
        poll_fn(|context| gather.poll_send(context)).await.unwrap();
    }

    #[tokio::test]
    async fn small_writes_wait_for_each_other() {
        let (mut gather, mut other) = pair(1 << 20);
        gather.write_all(b"hello").await.unwrap();
        gather.flush().await.unwrap();
        assert_eq!(arrived(&mut other), b"hello", "nothing is held yet");
        gather.hold();
        for _ in 0..3 {
            gather.write_all(b"frame").await.unwrap();
            gather.flush().await.unwrap();
        }
        assert_eq!(arrived(&mut other), b"");
        send(&gather).await;
        assert_eq!(arrived(&mut other), b"frameframeframe");
        assert_eq!(gather.lock().gathered.capacity(), 0);
    }

    #[tokio::test]
    async fn large_writes_go_out_behind_small_ones() {
        let (mut gather, mut other) = pair(1 << 20);
        gather.hold();
        gather.write_all(b"head").await.unwrap();
        gather.write_all(&[b'x'; SMALL + 1]).await.unwrap();
        let bytes = arrived(&mut other);
        assert_eq!((&bytes[..4], bytes.len()), (&b"head"[..], 4 + SMALL + 1));
    }

    #[tokio::test]
    async fn no_more_is_gathered_than_fits_a_record() {
        let (mut gather, mut other) = pair(1 << 20);
        gather.hold();
        for _ in 0..FULL / SMALL {
            gather.write_all(&[b'x'; SMALL]).await.unwrap();
        }
        assert_eq!(arrived(&mut other), b"");
        gather.write_all(b"y").await.unwrap();
        assert_eq!(arrived(&mut other).len(), FULL);
        send(&gather).await;
        assert_eq!(arrived(&mut other), b"y");
    }

    /// Takes everything, and passes it on when it may, as TLS does.
    struct Lazy {
        may_pass_on: bool,
    }

    impl AsyncWrite for Lazy {
        fn poll_write(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            if self.may_pass_on { Poll::Ready(Ok(())) } else { Poll::Pending }
        }

        fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.poll_flush(context)
        }
    }

    #[tokio::test]
    async fn it_is_blocked_until_all_was_passed_on() {
        let mut gather = Gather::new(Lazy { may_pass_on: false });
        let mut context = Context::from_waker(std::task::Waker::noop());
        gather.hold();
        gather.write_all(b"frame").await.unwrap();
        assert!(gather.poll_send(&mut context).is_pending());
        assert!(gather.progress().is_blocked);
        gather.lock().io.may_pass_on = true;
        assert!(gather.poll_send(&mut context).is_ready());
        assert!(!gather.progress().is_blocked);
    }

    #[tokio::test]
    async fn it_is_blocked_until_what_did_not_fit_was_taken() {
        let (mut gather, mut other) = pair(SMALL);
        let mut context = Context::from_waker(std::task::Waker::noop());
        gather.hold();
        assert_eq!(gather.write(&[b'x'; SMALL + 1]).await.unwrap(), SMALL);
        let large = [b'y'; SMALL + 1];
        assert!(Pin::new(&mut gather).poll_write(&mut context, &large).is_pending());
        assert!(gather.poll_send(&mut context).is_ready(), "of that nothing is gathered");
        assert!(gather.progress().is_blocked);
        assert_eq!(arrived(&mut other).len(), SMALL);
        gather.write_all(&large[..SMALL]).await.unwrap();
        send(&gather).await;
        assert!(!gather.progress().is_blocked);
    }

    #[tokio::test]
    async fn whatever_the_other_end_takes_at_a_time_all_arrives_in_order() {
        for room in [1, 7, 4096, 50_000] {
            let (mut gather, mut other) = pair(room);
            gather.hold();
            let expected: Vec<u8> = (0..40_000_u32).map(|number| number.to_le_bytes()[0]).collect();
            let all = expected.clone();
            let write = async move {
                let mut rest = &all[..];
                for length in [1, 3000, 9, 5000, 4096, 4097, 16_000, 1].into_iter().cycle() {
                    let (now, later) = rest.split_at(rest.len().min(length));
                    gather.write_all(now).await.unwrap();
                    gather.flush().await.unwrap();
                    rest = later;
                    if rest.is_empty() {
                        break;
                    }
                }
                gather.shutdown().await.unwrap();
            };
            let mut bytes = Vec::new();
            let (read, ()) = tokio::join!(other.read_to_end(&mut bytes), write);
            read.unwrap();
            assert!(bytes == expected, "{room}");
        }
    }
}
