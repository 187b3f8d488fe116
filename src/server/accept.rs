//! One worker's life: accepting connections, draining them, ending.

use std::io::IoSlice;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, StatusCode, header};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::deadline::{Deadline, Pace, in_time};
use super::gate::{Gate, Refusal};
use super::http1::Connection;
use super::linger::linger;
use super::listener;
use super::transport::Transport;
use super::worker::Worker;
use super::{Phase, clock};
use crate::http1::encode::{self, ContentLength, ResponseHead};
use crate::message::{Peer, Response};

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
    pub(super) async fn run(self, sockets: Vec<std::net::TcpListener>) {
        let Self { worker, gate, limit_reached, mut phase } = self;
        let accepting: Vec<JoinHandle<()>> = sockets
            .into_iter()
            .map(|socket| {
                let worker = Arc::clone(&worker);
                tokio::spawn(accept(socket, worker, Arc::clone(&gate), limit_reached.clone()))
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
                welcome(stream, address, &worker, &gate);
                if last {
                    let _ = limit_reached.try_send(());
                }
            }
            Err(error) if listener::is_of_one_connection(&error) => {}
            Err(error) => {
                if !failing {
                    failing = true;
                    tracing::error!(%error, "cannot accept connections for now; trying on");
                }
                tokio::time::sleep(listener::PAUSE).await;
            }
        }
    }
}

fn welcome(stream: TcpStream, address: SocketAddr, worker: &Arc<Worker>, gate: &Arc<Gate>) {
    let io = Transport::Tcp(stream);
    let presence = worker.enter();
    match gate.admit(address.ip()) {
        Ok(permit) => {
            let peer = Peer { address, secure: false };
            let connection = Connection::new(io, peer, Arc::clone(worker));
            tokio::spawn(async move {
                connection.serve().await;
                drop((permit, presence));
            });
        }
        Err(Refusal::Address) => tracing::debug!(%address, "not in address_filter: closed"),
        Err(Refusal::Full) => {
            gate.note_refusal(clock::now());
            let Some(place) = worker.turn_away() else {
                return;
            };
            tokio::spawn(async move {
                turn_away(io).await;
                drop((place, presence));
            });
        }
    }
}

/// Says that there is no room, in a way that the client gets to read.
async fn turn_away(mut io: Transport) {
    let mut deadline = Deadline::after(TURN_AWAY);
    let mut pace = Pace { deadline: &mut deadline, patience: TURN_AWAY };
    let answer = no_room();
    let slices = [IoSlice::new(&answer)];
    // A socket that was just accepted takes this much in one write, or is broken.
    let written = in_time(&mut pace, |context| io.poll_write(context, &slices, false)).await;
    if written.is_ok() {
        linger(&mut io).await;
    }
}

fn no_room() -> Vec<u8> {
    let response = Response::new(StatusCode::SERVICE_UNAVAILABLE)
        .with(header::RETRY_AFTER, HeaderValue::from_static("5"))
        .with_body("text/plain; charset=utf-8", FULL.to_owned());
    let mut out = Vec::new();
    let head = ResponseHead {
        status: response.status,
        date: &clock::date(),
        length: ContentLength::Known(FULL.len() as u64),
        connection: Some("close"),
        fixed: &[],
        fields: &response.fields,
    };
    encode::write_head(&mut out, &head);
    out.extend_from_slice(FULL.as_bytes());
    out
}
