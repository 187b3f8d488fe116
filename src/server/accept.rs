//! One worker's life: accepting connections, draining them, ending.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span};

use super::exchange::Exchanges;
use super::gate::Refusal;
use super::handshake::handshake;
use super::http1::Connection;
use super::http2;
use super::listener;
use super::listening::{Closed, Id, Opened};
use super::queue::Queue;
use super::service::{Edition, Role, Service};
use super::socket::Socket;
use super::transport::Transport;
use super::turn_away::{self, turn_away};
use super::worker::Worker;
use super::{Phase, clock};
use crate::http1::encode::{self, ContentLength, ResponseHead};
use crate::log::Recorder;
use crate::message::{Peer, Response};
use crate::stats::Refused;

/// How long a socket stays open beside one that takes its place: who has connected there and not asked
/// yet is let in after a second (`defer_accept`), and would be cut.
const HANDOVER: Duration = Duration::from_millis(1500);

/// Everything a worker thread needs.
pub(super) struct Crew {
    pub(super) worker: Arc<Worker>,
    pub(super) limit_reached: CancellationToken,
    pub(super) phase: watch::Receiver<Phase>,
    pub(super) orders: mpsc::UnboundedReceiver<Order>,
}

/// What a worker is told.
pub(super) enum Order {
    /// The configuration has changed.
    Turn(Box<Turn>),
    /// To drop this, as a sign of life.
    Pulse(mpsc::Sender<()>),
}

/// Another configuration.
pub(super) struct Turn {
    pub(super) edition: Edition,
    pub(super) recorder: Option<Recorder>,
    pub(super) opened: Vec<Opened>,
    pub(super) closed: Vec<Closed>,
    pub(super) turned: Vec<(Id, Role)>,
    /// Dropped when it is done.
    pub(super) done: mpsc::Sender<()>,
}

impl Crew {
    /// Accepts until told to drain, then waits for the connections until told to end.
    pub(super) async fn run(self, sockets: Vec<Opened>) {
        let Self { worker, limit_reached, mut phase, mut orders } = self;
        let mut doors = Doors { worker: Arc::clone(&worker), limit_reached, open: HashMap::new() };
        doors.open(sockets);
        loop {
            tokio::select! {
                biased;
                // An error means that the server is gone: the same as its end.
                _ = phase.wait_for(|phase| *phase != Phase::Serving) => break,
                Some(order) = orders.recv() => {
                    let turn = match order {
                        Order::Turn(turn) => turn,
                        Order::Pulse(alive) => {
                            drop(alive);
                            continue;
                        }
                    };
                    let Turn { edition, recorder, opened, closed, turned, done } = *turn;
                    worker.adopt(edition, recorder);
                    doors.open(opened);
                    for (id, role) in turned {
                        doors.turn(id, role);
                    }
                    if closed.iter().any(|door| door.is_shared) {
                        tokio::time::sleep(HANDOVER).await;
                    }
                    for door in closed {
                        doors.close(door.id).await;
                    }
                    drop(done);
                }
            }
        }
        // Nobody waits for an answer to what will not be done any more.
        drop(orders);
        doors.close_all().await;
        worker.stop();
        tokio::select! {
            () = worker.emptied() => {}
            _ = phase.wait_for(|phase| *phase == Phase::Ended) => {}
        }
        worker.record(Recorder::flush);
    }
}

/// The sockets at which a worker accepts connections.
struct Doors {
    worker: Arc<Worker>,
    limit_reached: CancellationToken,
    open: HashMap<Id, Door>,
}

struct Door {
    role: watch::Sender<Role>,
    closing: CancellationToken,
    accepting: JoinHandle<()>,
}

impl Doors {
    fn open(&mut self, sockets: Vec<Opened>) {
        for Opened { id, role, socket } in sockets {
            let closing = CancellationToken::new();
            let worker = Arc::clone(&self.worker);
            let (role, turned) = watch::channel(role);
            let task = accept(socket, turned, worker, self.limit_reached.clone(), closing.clone());
            self.open.insert(id, Door { role, closing, accepting: tokio::spawn(task) });
        }
    }

    /// Has a socket be for something else from the next connection on.
    fn turn(&self, id: Id, role: Role) {
        if let Some(door) = self.open.get(&id) {
            door.role.send_replace(role);
        }
    }

    /// Closes a socket after those who wait there have been let in.
    async fn close(&mut self, id: Id) {
        if let Some(Door { closing, accepting, .. }) = self.open.remove(&id) {
            closing.cancel();
            let _ = accepting.await;
        }
    }

    async fn close_all(mut self) {
        for door in self.open.values() {
            door.closing.cancel();
        }
        for (_, door) in self.open.drain() {
            let _ = door.accepting.await;
        }
    }
}

async fn accept(
    socket: std::net::TcpListener,
    role: watch::Receiver<Role>,
    worker: Arc<Worker>,
    limit_reached: CancellationToken,
    closing: CancellationToken,
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
            () = closing.cancelled() => {
                // Those that wait would be cut when the socket is closed.
                queue.take_rest(&mut batch);
                (Ok(()), true)
            }
        };
        if failing && !batch.is_empty() {
            failing = false;
            tracing::info!("accepting connections again");
        }
        let role = *role.borrow();
        for (stream, address) in batch.drain(..) {
            let last = worker.gate.count_accepted();
            welcome(stream.into(), address, role, &worker);
            if last {
                limit_reached.cancel();
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

fn welcome(socket: Socket, address: SocketAddr, role: Role, worker: &Arc<Worker>) {
    let service = worker.service(role);
    let peer = Peer { address, secure: service.tls.is_some() };
    match Exchanges::begin(worker, peer) {
        Ok(exchanges) => {
            let span = tracing::debug_span!("connection", peer = %address);
            if peer.secure {
                spawn(span, serve_secured(socket, service, exchanges));
            } else {
                serve(span, Connection::new(Transport::Tcp(socket), service, exchanges));
            }
        }
        Err(Refusal::Address) => {
            worker.tally.refused(Refused::AddressFilter);
            tracing::debug!(%address, "not in address_filter: closed");
        }
        Err(Refusal::Full) => {
            worker.tally.refused(Refused::Connections);
            worker.gate.note_full(clock::now());
            refuse(worker, socket, &service, turn_away::FULL);
        }
        Err(Refusal::FullForClient) => {
            worker.tally.refused(Refused::ConnectionsPerIp);
            worker.gate.note_full_for_client(clock::now(), address.ip());
            refuse(worker, socket, &service, turn_away::FULL_FOR_CLIENT);
        }
    }
}

/// Tells a client why it is not served, if that costs no handshake, which is more than there is.
fn refuse(worker: &Arc<Worker>, socket: Socket, service: &Service, why: &'static str) {
    if service.tls.is_none() {
        turn_away(worker, socket, why);
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

async fn serve_secured(socket: Socket, service: Arc<Service>, mut exchanges: Exchanges) {
    let Ok(stream) = socket.into_watched() else { return };
    let Some(secured) = handshake(stream, &service, &exchanges.worker).await else { return };
    exchanges.subject = secured.subject;
    if secured.is_h2 {
        Box::pin(http2::serve(secured.io, service, exchanges)).await;
    } else {
        Connection::new(secured.io, service, exchanges).await;
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
