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

/// Ends a connection on which the client may still be sending.
pub(super) async fn linger(io: &mut Transport) {
    if poll_fn(|context| io.poll_shutdown(context)).await.is_err() {
        return;
    }
    let mut end = Deadline::after(PATIENCE);
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
/// saying something, and `most` in all.
pub(super) async fn linger_while_it_reads(
    mut io: impl AsyncRead + AsyncWrite + Unpin,
    most: Duration,
) {
    let mut dropped = vec![0; 4096];
    let end = async {
        if io.shutdown().await.is_err() {
            return;
        }
        while let Ok(Ok(1..)) = timeout(PATIENCE, io.read(&mut dropped)).await {}
    };
    let _ = timeout(most, end).await;
}
