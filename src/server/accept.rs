//! One worker's life: accepting connections, draining them, ending.

use std::io::IoSlice;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode, header};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tracing::{Instrument, Span};

use super::deadline::{Deadline, Pace, in_time};
use super::exchange::Exchanges;
use super::gate::{Gate, Refusal};
use super::handshake::handshake;
use super::http1::Connection;
use super::http2;
use super::linger::linger;
use super::listener;
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
    pub(super) gate: Arc<Gate>,
    pub(super) limit_reached: mpsc::Sender<()>,
    pub(super) phase: watch::Receiver<Phase>,
}

impl Crew {
    /// Accepts until told to drain, then waits for the connections until told to end.
    pub(super) async fn run(self, sockets: Vec<(Service, std::net::TcpListener)>) {
        let Self { worker, gate, limit_reached, mut phase } = self;
        let accepting: Vec<JoinHandle<()>> = sockets
            .into_iter()
            .map(|(service, socket)| {
                let worker = Arc::clone(&worker);
                tokio::spawn(accept(
                    socket,
                    service,
                    worker,
                    Arc::clone(&gate),
                    limit_reached.clone(),
                ))
            })
            .collect();
        // An error means that the server is gone: the same as its end.
        let _ = phase.wait_for(|phase| *phase != Phase::Serving).await;
        for task in accepting {
            task.abort();
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
    gate: Arc<Gate>,
    limit_reached: mpsc::Sender<()>,
) {
    let listener = match TcpListener::from_std(socket) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::error!(%error, "a listening socket could not be watched");
            return;
        }
    };
    let mut failing = false;
    loop {
        match listener.accept().await {
            Ok((stream, address)) => {
                if failing {
                    failing = false;
                    tracing::info!("accepting connections again");
                }
                let last = gate.count_accepted();
                welcome(stream, address, &service, &worker, &gate);
                if last {
                    let _ = limit_reached.try_send(());
                }
            }
            Err(error) if listener::is_of_one_connection(&error) => {}
            Err(error) => {
                worker.tally.refused(Refused::Descriptors);
                if !failing {
                    failing = true;
                    tracing::error!(%error, "cannot accept connections for now; trying on");
                }
                tokio::time::sleep(listener::PAUSE).await;
            }
        }
    }
}

fn welcome(
    stream: TcpStream,
    address: SocketAddr,
    service: &Service,
    worker: &Arc<Worker>,
    gate: &Arc<Gate>,
) {
    let presence = worker.enter();
    match gate.admit(address.ip()) {
        Ok(permit) => {
            let span = tracing::debug_span!("connection", peer = %address);
            let exchanges = Exchanges {
                visit: worker.tally.connected(address.ip()),
                worker: Arc::clone(worker),
                site: Arc::clone(&service.site),
                peer: Peer { address, secure: service.tls.is_some() },
                subject: None,
            };
            match service.tls.clone() {
                None => {
                    let connection = Connection::new(Transport::Tcp(stream), exchanges);
                    spawn(span, async move {
                        connection.serve().await;
                        drop((permit, presence));
                    });
                }
                Some(tls) => {
                    spawn(span, async move {
                        serve_secured(stream, &tls, exchanges).await;
                        drop((permit, presence));
                    });
                }
            }
        }
        Err(Refusal::Address) => {
            worker.tally.refused(Refused::AddressFilter);
            tracing::debug!(%address, "not in address_filter: closed");
        }
        Err(Refusal::Full) => {
            worker.tally.refused(Refused::Connections);
            gate.note_refusal(clock::now());
            // Nobody is told by a handshake, which costs more than there is.
            let place = worker.turn_away().filter(|_| service.tls.is_none());
            let Some(place) = place else { return };
            tokio::spawn(async move {
                turn_away(Transport::Tcp(stream)).await;
                drop((place, presence));
            });
        }
    }
}

/// Serves a connection. A span that nobody records costs its task nothing.
fn spawn(span: Span, connection: impl Future<Output = ()> + Send + 'static) {
    if span.is_disabled() {
        tokio::spawn(connection);
    } else {
        tokio::spawn(connection.instrument(span));
    }
}

async fn serve_secured(stream: TcpStream, tls: &Tls, exchanges: Exchanges) {
    let worker = Arc::clone(&exchanges.worker);
    let Some(secured) = handshake(stream, tls, &worker).await else { return };
    let exchanges = Exchanges { subject: secured.subject, ..exchanges };
    if secured.is_h2 {
        Box::pin(http2::serve(secured.io, exchanges)).await;
    } else {
        Box::pin(Connection::new(secured.io, exchanges).serve()).await;
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
