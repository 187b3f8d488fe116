//! A connection of HTTP/1.1. Nothing is allocated for a request, and the clock is read once for all
//! answers that come together, and once for all requests that are sent together.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep_until};

use super::Failure;
use super::lane::Lane;
use super::reach::Stream;
use super::response::Responses;
use super::worker::Worker;

/// Asks again and again, over one connection after the other.
pub(super) async fn keep_asking(worker: Rc<Worker>) {
    let mut lane = Lane::new(&worker);
    while !lane.is_over() {
        // A connection for one request is part of what that takes.
        if !worker.plan.keep_alive && !lane.turn().await {
            return;
        }
        let end = match worker.place.connect().await {
            Ok(stream) => {
                worker.tally.borrow_mut().connections += 1;
                lane.send_again();
                match stream {
                    Stream::Plain(stream) => converse(stream, &mut lane, &worker).await,
                    Stream::Tls(stream) => converse(stream, &mut lane, &worker).await,
                }
            }
            Err(error) => {
                if !lane.turn().await {
                    return;
                }
                lane.failed(Failure::Connect, &error);
                End::InVain
            }
        };
        match end {
            End::Over => return,
            End::Closed => {}
            End::InVain => lane.pause().await,
        }
    }
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// There is nothing more to ask.
    Over,
    /// Another one goes on.
    Closed,
    /// The same, but there was no answer on this one.
    InVain,
}

async fn converse<S>(stream: S, lane: &mut Lane, worker: &Worker) -> End
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut conversation = Conversation {
        stream,
        lane,
        worker,
        responses: Responses::new(),
        out: Vec::new(),
        written: 0,
        is_flushed: true,
        write_error: None,
        partial: Vec::new(),
        now: Instant::now(),
        has_answers: false,
        is_over: false,
        patience: None,
    };
    // Those of the connection before that were not answered.
    for _ in 0..conversation.lane.waiting() {
        conversation.send();
    }
    poll_fn(|cx| conversation.poll(cx)).await
}

struct Conversation<'a, S> {
    stream: S,
    lane: &'a mut Lane,
    worker: &'a Worker,
    responses: Responses,
    /// Requests on their way out, and how much of them is gone.
    out: Vec<u8>,
    written: usize,
    is_flushed: bool,
    write_error: Option<io::Error>,
    /// The beginning of a head, of which more is to come.
    partial: Vec<u8>,
    /// When something was last read.
    now: Instant,
    has_answers: bool,
    is_over: bool,
    /// Runs out at the earliest when an answer is due; it is looked at then, and not before.
    patience: Option<Pin<Box<Sleep>>>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Conversation<'_, S> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        loop {
            self.take_turns(cx);
            if self.is_over && self.lane.waiting() == 0 {
                return Poll::Ready(End::Over);
            }
            self.write(cx);
            match self.poll_read(cx) {
                Poll::Ready(Some(end)) => return Poll::Ready(end),
                Poll::Ready(None) if self.may_ask() => {
                    // First all connections read what is there, then they ask: a server that gets
                    // many requests at once sleeps and wakes less often, and so does this program.
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Poll::Ready(None) => {}
                Poll::Pending => return self.poll_patience(cx),
            }
        }
    }

    /// Begins as many requests as may be begun.
    fn take_turns(&mut self, cx: &mut Context<'_>) {
        if !self.may_ask() {
            return;
        }
        let now = Instant::now();
        while self.may_ask()
            && let Poll::Ready(has_turn) = self.lane.poll_turn(now, cx)
        {
            if has_turn {
                self.send();
            } else {
                self.is_over = true;
            }
        }
    }

    /// Whether there is room for another request.
    fn may_ask(&self) -> bool {
        let plan = &self.worker.plan;
        plan.keep_alive && !self.is_over && self.lane.waiting() < plan.at_once
    }

    fn send(&mut self) {
        if self.written == self.out.len() {
            self.out.clear();
            self.written = 0;
        }
        self.out.extend_from_slice(&self.lane.ask().bytes);
        self.is_flushed = false;
    }

    /// Writes what can be written. After an error the server may still have an answer to read, such
    /// as that the content is too large.
    fn write(&mut self, cx: &mut Context<'_>) {
        while !self.is_flushed && self.write_error.is_none() {
            let stream = Pin::new(&mut self.stream);
            let rest = self.out.get(self.written..).unwrap_or_default();
            let step = if rest.is_empty() {
                stream.poll_flush(cx).map_ok(|()| self.is_flushed = true)
            } else {
                stream.poll_write(cx, rest).map(|written| match written {
                    Ok(0) => Err(io::ErrorKind::WriteZero.into()),
                    Ok(count) => {
                        self.written += count;
                        Ok(())
                    }
                    Err(error) => Err(error),
                })
            };
            match step {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => self.write_error = Some(error),
                Poll::Pending => return,
            }
        }
    }

    /// Reads what has come; how the connection ends, if it does.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Option<End>> {
        let mut buffer = self.worker.buffer.take();
        let polled = self.poll_read_into(&mut buffer, cx);
        self.worker.buffer.set(buffer);
        polled
    }

    fn poll_read_into(&mut self, buffer: &mut [u8], cx: &mut Context<'_>) -> Poll<Option<End>> {
        let kept = self.partial.len();
        let Some((head, rest)) = buffer.split_at_mut_checked(kept) else {
            return Poll::Ready(Some(self.broken(Failure::Protocol, &"a head without an end")));
        };
        head.copy_from_slice(&self.partial);
        let mut space = ReadBuf::new(rest);
        let outcome = ready!(Pin::new(&mut self.stream).poll_read(cx, &mut space));
        let count = space.filled().len();
        self.now = Instant::now();
        Poll::Ready(match outcome {
            Err(error) => Some(self.ended(&error)),
            Ok(()) if count == 0 => Some(self.closed()),
            Ok(()) => {
                self.partial.clear();
                let end = self.take(buffer.get(..kept + count).unwrap_or_default());
                let bytes = self.responses.take_content();
                self.worker.count(self.now, |tally| tally.bytes += bytes);
                end
            }
        })
    }

    /// Takes the answers out of what has come.
    fn take(&mut self, mut input: &[u8]) -> Option<End> {
        let to_head = self.worker.plan.asks.first().is_some_and(|ask| ask.is_head);
        loop {
            let (used, answer) = match self.responses.read(input, to_head) {
                Ok(read) => read,
                Err(malformed) => return Some(self.broken(Failure::Protocol, &malformed)),
            };
            input = input.get(used..).unwrap_or_default();
            let Some(answer) = answer else {
                self.partial.extend_from_slice(input);
                return None;
            };
            if !self.lane.answered(answer.status, self.now) {
                // Some say why they close a connection that nothing was asked on.
                return Some(self.end());
            }
            self.has_answers = true;
            if answer.closes || !self.worker.plan.keep_alive {
                return Some(End::Closed);
            }
        }
    }

    /// The server has closed: that may be the end of an answer.
    fn closed(&mut self) -> End {
        if let Some(answer) = self.responses.end()
            && self.lane.answered(answer.status, self.now)
        {
            return End::Closed;
        }
        self.ended(&"the server closed before the answer was complete")
    }

    /// The connection is gone. What was sent first has no answer; what was sent behind it is asked
    /// again.
    fn ended(&mut self, reason: &dyn ToString) -> End {
        match self.write_error.take() {
            Some(error) => self.lane.failed(Failure::Write, &error),
            None => self.lane.failed(Failure::Read, reason),
        }
        self.end()
    }

    fn broken(&mut self, kind: Failure, reason: &dyn ToString) -> End {
        self.lane.failed(kind, reason);
        self.end()
    }

    fn end(&self) -> End {
        if self.has_answers { End::Closed } else { End::InVain }
    }

    /// Whether the oldest request has waited too long.
    fn poll_patience(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        let timeout = self.worker.plan.timeout;
        loop {
            if self.patience.as_ref().is_some_and(|patience| !patience.is_elapsed()) {
                return Poll::Pending;
            }
            let now = Instant::now();
            let until = self.lane.oldest().unwrap_or(now) + timeout;
            if until <= now {
                let reason = format!("no answer within {timeout:?}");
                return Poll::Ready(self.broken(Failure::Timeout, &reason));
            }
            let until = until.into();
            let patience = self.patience.get_or_insert_with(|| Box::pin(sleep_until(until)));
            patience.as_mut().reset(until);
            ready!(patience.as_mut().poll(cx));
        }
    }
}
