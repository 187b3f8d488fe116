//! Closing so that the client gets the answer.
//!
//! A socket closed with unread input makes the kernel send a reset, and a reset may reach the
//! client before it has read what was sent (RFC 9112 section 9.6). So: say that nothing more
//! comes, then read and drop until the client closes too or has had time enough.

use std::future::poll_fn;
use std::task::{Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use super::deadline::Deadline;
use super::transport::Transport;

/// How long a client may take to close, in all.
const PATIENCE: Duration = Duration::from_secs(5);

/// Bytes that a client may say while it reads: a window's opening for each little piece that may be on its way,
/// and the content that its own windows let it send.
const MOST_SAID: usize = 1 << 20;

/// Ends a connection on which the client may still be sending.
pub(super) async fn linger(io: &mut Transport) {
    let mut end = Deadline::after(PATIENCE);
    // What TLS says to end with may have to wait until the client takes it.
    let ended = poll_fn(|context| match io.poll_shutdown(context) {
        Poll::Pending => end.poll(context).map(|()| false),
        Poll::Ready(ended) => Poll::Ready(ended.is_ok()),
    });
    if !ended.await {
        return;
    }
    let mut dropped = Vec::new();
    loop {
        let goes_on = poll_fn(|context| {
            if end.poll(context).is_ready() {
                return Poll::Ready(false);
            }
            // Most clients close at once: a buffer is needed only for what comes instead.
            ready!(io.poll_readable(context)).ok();
            dropped.resize(4096, 0);
            io.poll_read(context, &mut dropped).map(|count| count.is_ok_and(|count| count > 0))
        });
        if !goes_on.await {
            return;
        }
    }
}

/// The same for a client that says what it has read (HTTP/2's `WINDOW_UPDATE`): for as long as it goes on
/// saying something, and `most` in all, but not for more than 1 MiB: a flood is not listened to.
pub(super) async fn linger_while_it_reads(
    mut io: impl AsyncRead + AsyncWrite + Unpin,
    most: Duration,
) {
    let mut dropped = vec![0; 4096];
    let end = async {
        if io.shutdown().await.is_err() {
            return;
        }
        let mut said = 0;
        while let Ok(Ok(count @ 1..)) = timeout(PATIENCE, io.read(&mut dropped)).await {
            said += count;
            if said > MOST_SAID {
                return;
            }
        }
    };
    let _ = timeout(most, end).await;
}

#[cfg(test)]
mod tests {
    use tokio::io::duplex;

    use super::*;

    #[tokio::test]
    async fn whoever_says_much_is_not_listened_to() {
        let (server, mut client) = duplex(1024);
        let lingering = tokio::spawn(linger_while_it_reads(server, Duration::from_hours(1)));
        let mut sent = 0;
        while client.write_all(&[0; 1024]).await.is_ok() {
            sent += 1024;
        }
        lingering.await.expect("it ends");
        assert!((MOST_SAID..MOST_SAID + 16 * 1024).contains(&sent), "{sent}");
    }
}
