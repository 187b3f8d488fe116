//! Telling connections that there is no room for them.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use http::{HeaderValue, StatusCode, header};
use tokio::task::AbortHandle;

use super::accept::plain_answer;
use super::deadline::{Allowance, Deadline, Pace, in_time};
use super::linger::linger;
use super::socket::Socket;
use super::transport::Transport;
use super::worker::Worker;

/// How long one may take to be told.
const PATIENCE: Duration = Duration::from_secs(1);

/// What is said when there is room for nobody.
pub(super) const FULL: &str = "The server has no free connection. Try again soon.\n";

/// What is said to a client that has as many connections as it may.
pub(super) const FULL_FOR_CLIENT: &str =
    "Too many connections from your address. Close some, or try again soon.\n";

/// Connections that one worker is turning away.
pub(super) struct TurnedAway {
    most: usize,
    tasks: VecDeque<AbortHandle>,
}

impl TurnedAway {
    /// So many at the same time at most.
    pub(super) fn new(most: usize) -> Self {
        Self { most, tasks: VecDeque::with_capacity(most) }
    }

    /// Who comes next gets time as well: those who took the most of it have to go.
    fn make_room(&mut self) {
        if self.tasks.len() >= self.most {
            self.tasks.retain(|task| !task.is_finished());
        }
        if self.tasks.len() >= self.most
            && let Some(oldest) = self.tasks.pop_front()
        {
            oldest.abort();
        }
    }
}

/// Says why there is no room, at once, and gives the client time to read so.
pub(super) fn turn_away(worker: &Arc<Worker>, socket: Socket, why: &'static str) {
    let presence = worker.enter();
    let mut telling = Box::pin(async move {
        tell(Transport::Tcp(socket), why).await;
        drop(presence);
    });
    if telling.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
        return;
    }
    let mut turned_away = worker.turned_away();
    turned_away.make_room();
    if turned_away.tasks.len() < turned_away.most {
        turned_away.tasks.push_back(tokio::spawn(telling).abort_handle());
    }
}

async fn tell(mut io: Transport, why: &'static str) {
    let mut deadline = Deadline::after(PATIENCE);
    let allowance = Allowance::new(PATIENCE, 0);
    let mut pace = Pace { deadline: &mut deadline, allowance };
    let retry = (header::RETRY_AFTER, HeaderValue::from_static("5"));
    let answer = plain_answer(StatusCode::SERVICE_UNAVAILABLE, why, Some(retry));
    let slices = [IoSlice::new(&answer)];
    // A socket that was just accepted takes this much in one write, or is broken.
    let written =
        in_time(&mut pace, &mut io, |io, context| io.poll_write(context, &slices, false)).await;
    if written.is_ok() {
        linger(&mut io).await;
    }
}
