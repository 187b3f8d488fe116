//! One worker's life: accepting connections, draining them, ending.

use std::io::IoSlice;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode, header};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tracing::{Instrument, Span};

use super::deadline::{Deadline, Pace, in_time};
use super::exchange::Exchanges;
use super::gate::Refusal;
use super::handshake::handshake;
use super::http1::Connection;
use super::http2;
use super::linger::linger;
use super::listener;
use super::queue::Queue;
use super::socket::Socket;
use super::transport::Transport;
use super::worker::Worker;
use super::{Phase, Service, clock};
use crate::http1::encode::{self, ContentLength, ResponseHead};
use crate::message::{Peer, Response};
use crate::stats::Refused;
use crate::tls::Tls;

/// How long a connection that is one too many may take to read so.
const TURN_AWAY: Duration = Duration::from_secs(1);

/// What a connection that is one too many is told.
const FULL: &str = "The server has no free connection. Try again soon.\n";

/// Everything a worker thread needs.
pub(super) struct Crew {
    pub(super) worker: Arc<Worker>,
    pub(super) limit_reached: mpsc::Sender<()>,
    pub(super) phase: watch::Receiver<Phase>,
}

impl Crew {
    /// Accepts until told to drain, then waits for the connections until told to end.
    pub(super) async fn run(self, sockets: Vec<(Service, std::net::TcpListener)>) {
        let Self { worker, limit_reached, mut phase } = self;
        let accepting: Vec<JoinHandle<()>> = sockets
            .into_iter()
            .map(|(service, socket)| {
                let worker = Arc::clone(&worker);
                tokio::spawn(accept(socket, service, worker, limit_reached.clone(), phase.clone()))
            })
            .collect();
        // An error means that the server is gone: the same as its end.
        let _ = phase.wait_for(|phase| *phase != Phase::Serving).await;
        for task in accepting {
            let _ = task.await;
        }
        worker.stop();
        tokio::select! {
            () = worker.emptied() => {}
            _ = phase.wait_for(|phase| *phase == Phase::Ended) => {}
        }
        worker.record(crate::log::Recorder::flush);
    }
}

async fn accept(
    socket: std::net::TcpListener,
    service: Service,
    worker: Arc<Worker>,
    limit_reached: mpsc::Sender<()>,
    mut phase: watch::Receiver<Phase>,
) {
    let mut queue = match Queue::new(socket) {
        Ok(queue) => queue,
        Err(error) => return tracing::error!(%error, "a listening socket could not be watched"),
    };
    let mut failing = false;
    let mut batch = Vec::new();
    loop {
        let (taken, is_last) = tokio::select! {
            biased;
            taken = queue.take(&mut batch) => (taken, false),
            _ = phase.wait_for(|phase| *phase != Phase::Serving) => {
                // Those that wait would be cut when the socket is closed.
                queue.take_rest(&mut batch);
                (Ok(()), true)
            }
        };
        if failing && !batch.is_empty() {
            failing = false;
            tracing::info!("accepting connections again");
        }
        for (stream, address) in batch.drain(..) {
            let last = worker.gate.count_accepted();
            welcome(stream.into(), address, &service, &worker);
            if last {
                let _ = limit_reached.try_send(());
            }
        }
        if is_last {
            return;
        }
        if let Err(error) = taken
            && !listener::is_of_one_connection(&error)
        {
            worker.tally.refused(Refused::Descriptors);
            if !failing {
                failing = true;
                tracing::error!(%error, "cannot accept connections for now; trying on");
            }
            tokio::time::sleep(listener::PAUSE).await;
        }
    }
}

fn welcome(socket: Socket, address: SocketAddr, service: &Service, worker: &Arc<Worker>) {
    let peer = Peer { address, secure: service.tls.is_some() };
    match Exchanges::begin(worker, &service.site, peer) {
        Ok(exchanges) => {
            let span = tracing::debug_span!("connection", peer = %address);
            match service.tls.clone() {
                None => serve(span, Connection::new(Transport::Tcp(socket), exchanges)),
                Some(tls) => {
                    spawn(span, async move { serve_secured(socket, &tls, exchanges).await });
                }
            }
        }
        Err(Refusal::Address) => {
            worker.tally.refused(Refused::AddressFilter);
            tracing::debug!(%address, "not in address_filter: closed");
        }
        Err(Refusal::Full) => {
            worker.tally.refused(Refused::Connections);
            worker.gate.note_refusal(clock::now());
            // Nobody is told by a handshake, which costs more than there is.
            let place = worker.turn_away().filter(|_| service.tls.is_none());
            let Some(place) = place else { return };
            let presence = worker.enter();
            tokio::spawn(async move {
                turn_away(Transport::Tcp(socket)).await;
                drop((place, presence));
            });
        }
    }
}

/// Serves a connection: as a task only if it is not over after what can be done at once.
fn serve(span: Span, mut connection: Connection) {
    let mut context = Context::from_waker(Waker::noop());
    let begin = AssertUnwindSafe(|| Pin::new(&mut connection).poll(&mut context));
    // A panic ends this connection and no other, as it does in a task.
    if matches!(span.in_scope(|| catch_unwind(begin)), Ok(Poll::Pending)) {
        spawn(span, connection);
    }
}

/// Makes a connection a task. A span that nobody records costs it nothing.
fn spawn(span: Span, connection: impl Future<Output = ()> + Send + 'static) {
    if span.is_disabled() {
        tokio::spawn(connection);
    } else {
        tokio::spawn(connection.instrument(span));
    }
}

async fn serve_secured(socket: Socket, tls: &Tls, mut exchanges: Exchanges) {
    let Ok(stream) = socket.into_watched() else { return };
    let Some(secured) = handshake(stream, tls, &exchanges.worker).await else { return };
    exchanges.subject = secured.subject;
    if secured.is_h2 {
        Box::pin(http2::serve(secured.io, exchanges)).await;
    } else {
        Connection::new(secured.io, exchanges).await;
    }
}

/// Says that there is no room, in a way that the client gets to read.
async fn turn_away(mut io: Transport) {
    let mut deadline = Deadline::after(TURN_AWAY);
    let mut pace = Pace { deadline: &mut deadline, patience: TURN_AWAY };
    let retry = (header::RETRY_AFTER, HeaderValue::from_static("5"));
    let answer = plain_answer(StatusCode::SERVICE_UNAVAILABLE, FULL, Some(retry));
    let slices = [IoSlice::new(&answer)];
    // A socket that was just accepted takes this much in one write, or is broken.
    let written = in_time(&mut pace, |context| io.poll_write(context, &slices, false)).await;
    if written.is_ok() {
        linger(&mut io).await;
    }
}

/// An answer after which the connection ends, as bytes.
pub(super) fn plain_answer(
    status: StatusCode,
    text: &'static str,
    field: Option<(HeaderName, HeaderValue)>,
) -> Vec<u8> {
    let mut response = Response::new(status)
        .with_body("text/plain; charset=utf-8", Bytes::from_static(text.as_bytes()));
    response.fields.own.extend(field);
    let mut out = Vec::new();
    let head = ResponseHead {
        status,
        date: &clock::date(),
        length: ContentLength::Known(text.len() as u64),
        connection: Some("close"),
        fixed: &[],
        fields: &response.fields,
    };
    encode::write_head(&mut out, &head);
    out.extend_from_slice(text.as_bytes());
    out
}
