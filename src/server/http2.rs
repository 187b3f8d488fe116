//! One HTTP/2 connection (RFC 9113): the frames are the `h2` crate's, what they mean is the site's.
//!
//! The connection's task reads frames and writes them. A request that can be answered at once is
//! answered there; others get a task of their own.
//!
//! | module | what it does |
//! | --- | --- |
//! | `exchange` | one request and its answer |
//! | `gather` | one write for many frames |
//! | `receive` | the content of a request |
//! | `send` | the content of an answer |
//! | `worth` | whether what comes is worth its bytes |

mod exchange;
mod gather;
mod receive;
mod send;
mod worth;

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use h2::Reason;
use h2::server::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

use self::exchange::exchange;
use self::gather::Gather;
use self::send::WaitingRoom;
use self::worth::{Carried, Worth};
use super::deadline::Deadline;
use super::exchange::Exchanges;
use super::linger::linger_while_it_reads;
use super::send_queue::SendQueue;
use super::service::{Role, Service, Settings};
use crate::stats::{ConnectionState, Refused, Timeout};
use crate::tls::Tls;

/// Requests on a connection at the same time.
pub(super) const MAX_STREAMS: u32 = 128;

/// Bytes that a client may send ahead, of one request and of all on a connection.
const WINDOW: u32 = 256 * 1024;

/// Bytes of one answer that may wait to be framed.
const SEND_BUFFER: usize = 128 * 1024;

/// Bytes of memory for content on its way in and out, of all requests on a connection.
pub(super) const MEMORY: u64 = WINDOW as u64 + send::WAITING as u64 + 32 * 1024;

/// Streams that this server may have to end because of what a client did wrong.
const MAX_FAULTS: usize = 256;

/// How long the frames that say goodbye may take.
const FAREWELL: Duration = Duration::from_secs(5);

/// What a client that knows the server to speak HTTP/2 begins with (RFC 9113 section 3.4).
pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

type H2<T> = h2::server::Connection<Gather<T>, Bytes>;

/// Serves a connection to its end.
pub(super) async fn serve<T>(io: T, service: Arc<Service>, mut exchanges: Exchanges)
where
    T: AsyncRead + AsyncWrite + SendQueue + Send + Unpin + 'static,
{
    exchanges.set(ConnectionState::Http2);
    let exchanges = Arc::new(exchanges);
    let worker = exchanges.worker.clone();
    // Not the service: it would be kept for as long as the connection lasts.
    let Service { role, settings, edition, .. } = *service;
    let let_in = LetIn { edition, tls: service.tls.clone() };
    drop(service);
    let mut builder = Builder::new();
    builder
        .max_concurrent_streams(MAX_STREAMS)
        .initial_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .max_header_list_size(settings.head_limits.head_bytes.into())
        .max_local_error_reset_streams(Some(MAX_FAULTS))
        .max_send_buffer_size(SEND_BUFFER);
    let out = Gather::new(io);
    let greeted = timeout(settings.header_timeout, builder.handshake(out.clone())).await;
    let mut connection = match greeted {
        Ok(Ok(connection)) => connection,
        Ok(Err(error)) => return tracing::debug!(%error, "no HTTP/2 connection came about"),
        Err(_) => return worker.tally.timed_out(Timeout::RequestHead),
    };
    out.hold();
    converse(&mut connection, &out, role, settings, let_in, &exchanges).await;
    // What was answered is on its way; a client that does not read it is not waited for long.
    let end = poll_fn(|context| {
        let closed = connection.poll_closed(context);
        let _ = ready!(out.poll_send(context));
        closed
    });
    if timeout(FAREWELL, end).await.is_ok() {
        drop(connection);
        linger_while_it_reads(out, settings.request_timeout).await;
    }
}

/// What the client was let in by.
struct LetIn {
    edition: u64,
    tls: Option<Arc<Tls>>,
}

impl LetIn {
    /// Whether it would be let in now, too.
    fn may_stay(&mut self, exchanges: &Exchanges, now: &Service) -> bool {
        if self.edition == now.edition {
            return true;
        }
        let may_stay = exchanges.may_stay(self.tls.as_ref(), now);
        if may_stay {
            *self = Self { edition: now.edition, tls: now.tls.clone() };
        }
        may_stay
    }
}

/// Why there is something to do.
#[expect(clippy::large_enum_variant, reason = "it is taken apart where it is made")]
enum Event {
    Request(http::Request<h2::RecvStream>, h2::server::SendResponse<Bytes>),
    /// The server stops.
    Stop,
    /// For too long there was nothing to do.
    Idle,
    /// For too long the client took nothing of what was sent.
    Stuck,
    /// Too much of what the client sent carries nothing.
    Flood,
    /// The client is gone, or must go.
    End,
}

/// Answers requests until there are no more.
async fn converse<T>(
    connection: &mut H2<T>,
    out: &Gather<T>,
    role: Role,
    settings: Settings,
    mut let_in: LetIn,
    exchanges: &Arc<Exchanges>,
) where
    T: AsyncRead + AsyncWrite + SendQueue + Send + Unpin + 'static,
{
    let worker = &exchanges.worker;
    let mut idle = Deadline::after(settings.header_timeout);
    let mut stopped = pin!(worker.stopped());
    let acknowledged = out.acknowledged();
    let waiting_room = WaitingRoom::new(Arc::clone(&acknowledged));
    let mut is_leaving = false;
    let mut requests = 0;
    let mut stuck = Deadline::after(settings.request_timeout);
    let mut allowance = settings.allowance();
    let mut taken = 0;
    let carried = Carried::default();
    let mut worth = Worth::new(carried.clone());
    loop {
        let event = poll_fn(|context| {
            let progress = out.progress();
            if worth.is_spent(progress.received, progress.taken) {
                return Poll::Ready(Event::Flood);
            }
            match connection.poll_accept(context) {
                Poll::Ready(Some(Ok((request, respond)))) => {
                    return Poll::Ready(Event::Request(request, respond));
                }
                Poll::Ready(Some(Err(error))) => {
                    tracing::debug!(%error, "an HTTP/2 connection ended");
                    return Poll::Ready(Event::End);
                }
                Poll::Ready(None) => return Poll::Ready(Event::End),
                Poll::Pending => {}
            }
            // All that came at once is answered.
            if let Poll::Ready(Err(error)) = out.poll_send(context) {
                tracing::debug!(%error, "an HTTP/2 connection ended");
                return Poll::Ready(Event::End);
            }
            let progress = out.progress();
            if progress.taken > taken {
                allowance.moved(progress.taken - taken);
                taken = progress.taken;
            }
            if progress.is_blocked
                && allowance.poll_wait(context, &mut stuck, &*acknowledged).is_ready()
            {
                return Poll::Ready(Event::Stuck);
            }
            if !is_leaving && stopped.as_mut().poll(context).is_ready() {
                return Poll::Ready(Event::Stop);
            }
            idle.poll(context).map(|()| Event::Idle)
        });
        match event.await {
            Event::Request(request, mut respond) => {
                let service = worker.service(role);
                if !let_in.may_stay(exchanges, &service) {
                    respond.send_reset(Reason::REFUSED_STREAM);
                    if !is_leaving {
                        is_leaving = true;
                        connection.graceful_shutdown();
                    }
                    continue;
                }
                requests += 1;
                idle.set_after(settings.keep_alive_timeout);
                let limit = settings.keep_alive_requests;
                if limit > 0 && requests >= limit && !is_leaving {
                    is_leaving = true;
                    connection.graceful_shutdown();
                }
                exchange(exchanges, service, &waiting_room, &carried, request, respond);
            }
            Event::Stop => {
                is_leaving = true;
                connection.graceful_shutdown();
            }
            // Each answer has a time limit of its own.
            Event::Idle if Arc::strong_count(exchanges) > 1 => {
                idle.set_after(settings.keep_alive_timeout);
            }
            Event::Flood => {
                tracing::debug!("an HTTP/2 connection ended: too many of its frames carry nothing");
                worker.tally.refused(Refused::Flood);
                return connection.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM);
            }
            Event::Stuck => {
                worker.tally.timed_out(Timeout::Response);
                return connection.abrupt_shutdown(Reason::NO_ERROR);
            }
            Event::Idle if is_leaving => return connection.abrupt_shutdown(Reason::NO_ERROR),
            Event::Idle => {
                worker.tally.timed_out(Timeout::KeepAlive);
                // What was answered and not yet taken has the time that any answer has.
                is_leaving = true;
                idle.set_after(settings.request_timeout);
                connection.graceful_shutdown();
            }
            Event::End => return,
        }
    }
}
