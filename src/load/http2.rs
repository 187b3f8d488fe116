//! A connection of HTTP/2, with several streams. The `h2` crate speaks it.

use std::rc::Rc;
use std::time::Instant;

use bytes::Bytes;
use h2::client::{Builder, SendRequest};
use h2::{Error, Ping, Reason};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::{JoinSet, spawn_local};
use tokio_util::sync::CancellationToken;

use super::Failure;
use super::lane::Lane;
use super::reach::Stream;
use super::worker::Worker;

/// Bytes that the server may send ahead: nothing here is to hold it up.
const WINDOW: u32 = (1 << 30) - 1;

/// Asks again and again, over one connection after the other.
pub(super) async fn keep_asking(worker: Rc<Worker>) {
    let mut lanes: Vec<_> = (0..worker.plan.at_once).map(|_| Lane::new(&worker)).collect();
    while !lanes.iter().all(Lane::is_over) {
        if !worker.plan.keep_alive {
            let Some(first) = lanes.first_mut() else { return };
            if !first.turn().await {
                return;
            }
        }
        let connected = match worker.place.connect().await {
            Ok(Stream::Plain(stream)) => converse(stream, &mut lanes, &worker).await,
            Ok(Stream::Tls(stream)) => converse(*stream, &mut lanes, &worker).await,
            Err(error) => Err(error.to_string()),
        };
        let is_in_vain = match connected {
            Ok(end) => match end {
                End::Over => return,
                End::Closed => false,
                End::InVain => true,
            },
            Err(reason) => {
                let Some(first) = lanes.first_mut() else { return };
                if !first.turn().await {
                    return;
                }
                first.failed(Failure::Connect, &reason);
                true
            }
        };
        if is_in_vain && let Some(first) = lanes.first_mut() {
            first.pause().await;
        }
    }
}

/// Whether a server speaks it: then it answers a ping.
pub(super) async fn is_spoken<S>(stream: S) -> bool
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let Ok((_send, mut connection)) = h2::client::handshake(stream).await else { return false };
    let Some(mut pings) = connection.ping_pong() else { return false };
    tokio::select! {
        pong = pings.ping(Ping::opaque()) => pong.is_ok(),
        _ = &mut connection => false,
    }
}

/// How a connection, or a stream after the other on it, ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    /// The connection is of no more use, and there was no answer on it.
    InVain,
    /// The same after an answer: another one goes on.
    Closed,
    /// There is nothing more to ask.
    Over,
}

/// Asks over this connection until it ends.
async fn converse<S>(stream: S, lanes: &mut Vec<Lane>, worker: &Rc<Worker>) -> Result<End, String>
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let mut builder = Builder::new();
    builder.initial_window_size(WINDOW).initial_connection_window_size(WINDOW).enable_push(false);
    let shaken = tokio::time::timeout(worker.plan.timeout, builder.handshake::<_, Bytes>(stream));
    let (send, connection) = match shaken.await {
        Ok(shaken) => shaken.map_err(|error| error.to_string())?,
        Err(_) => return Err("no HTTP/2 in time".to_owned()),
    };
    worker.tally.borrow_mut().connections += 1;
    let gone = CancellationToken::new();
    let mut streams = JoinSet::new();
    for mut lane in lanes.drain(..) {
        let (send, gone, worker) = (send.clone(), gone.clone(), Rc::clone(worker));
        streams.spawn_local(async move {
            let end = ask(send, &mut lane, &gone, &worker).await;
            (lane, end)
        });
    }
    drop(send);
    let all_gone = gone.clone();
    // Once no stream and no handle is left, it says goodbye and ends, too; nobody waits for that.
    spawn_local(async move {
        let _ = connection.await;
        all_gone.cancel();
    });
    let mut ends = Vec::new();
    while let Some(joined) = streams.join_next().await {
        let Ok((lane, end)) = joined else { continue };
        if end != End::Over {
            gone.cancel();
        }
        lanes.push(lane);
        ends.push(end);
    }
    // If one goes on, all do.
    Ok(match ends.iter().filter(|end| **end != End::Over).max() {
        Some(end) => *end,
        None => End::Over,
    })
}

/// One stream after the other.
async fn ask(
    send: SendRequest<Bytes>,
    lane: &mut Lane,
    gone: &CancellationToken,
    worker: &Worker,
) -> End {
    let mut end = End::InVain;
    let mut send = send;
    let timeout = worker.plan.timeout;
    loop {
        let has_turn = tokio::select! {
            biased;
            has_turn = lane.turn() => has_turn,
            () = gone.cancelled() => return end,
        };
        if !has_turn {
            return End::Over;
        }
        // There may be no room for a stream; without a connection it is asked again over the next.
        match tokio::time::timeout(timeout, send.ready()).await {
            Ok(Ok(ready)) => send = ready,
            Ok(Err(error)) => {
                if end == End::InVain {
                    lane.failed(Failure::Protocol, &error);
                }
                return end;
            }
            Err(_) => {
                lane.failed(Failure::Timeout, &format!("no room for a request within {timeout:?}"));
                return end;
            }
        }
        lane.send_again();
        let answered = tokio::time::timeout(timeout, exchange(&mut send, lane, worker)).await;
        match answered {
            Ok(Ok(status)) => {
                lane.answered(status, Instant::now());
                end = End::Closed;
            }
            Ok(Err(error)) if was_not_processed(&error) => {
                // Asked again, it would be refused again.
                if end == End::InVain {
                    lane.failed(Failure::Protocol, &error);
                }
                return end;
            }
            Ok(Err(error)) => {
                let is_read = error.is_io() || error.is_go_away();
                lane.failed(if is_read { Failure::Read } else { Failure::Protocol }, &error);
                if !error.is_reset() {
                    return end;
                }
            }
            Err(_) => lane.failed(Failure::Timeout, &format!("no answer within {timeout:?}")),
        }
        if !worker.plan.keep_alive {
            return End::Closed;
        }
    }
}

/// A request and its answer, of which the status is told.
async fn exchange(
    send: &mut SendRequest<Bytes>,
    lane: &Lane,
    worker: &Worker,
) -> Result<u16, Error> {
    let ask = lane.ask();
    let (response, mut body) = send.send_request(ask.request.clone(), ask.body.is_empty())?;
    if !ask.body.is_empty() {
        body.send_data(ask.body.clone(), true)?;
    }
    let (head, mut content) = response.await?.into_parts();
    while let Some(piece) = content.data().await {
        let piece = piece?;
        worker.count(Instant::now(), |tally| tally.bytes += piece.len() as u64);
        content.flow_control().release_capacity(piece.len())?;
    }
    Ok(head.status.as_u16())
}

/// Whether the server says that it has done nothing, so that it may be asked again (RFC 9113
/// section 8.7).
fn was_not_processed(error: &Error) -> bool {
    match error.reason() {
        Some(Reason::REFUSED_STREAM) => true,
        Some(Reason::NO_ERROR) => error.is_go_away(),
        _ => false,
    }
}
