//! One HTTP/2 request and its answer.

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, Version, header};
use tracing::Instrument;

use super::receive::Receiver;
use super::send::{WHOLE, WaitingRoom, send};
use super::worth::Carried;
use crate::content::plan::plan;
use crate::http1::Authority;
use crate::message::{
    Body, Fields, Incoming, RequestBody, Response, ResponseFields, Target, TargetForm, Traffic,
};
use crate::server::clock;
use crate::server::exchange::{Asked, Exchanges, Note, Outcome, Taken, Took};
use crate::server::intake::Intake;
use crate::server::service::{Role, Service};
use crate::stats::{Boarding, Timeout};

/// Answers a request: at once if that is possible, else in a task of its own.
pub(super) fn exchange(
    exchanges: &Arc<Exchanges>,
    role: Role,
    waiting_room: &WaitingRoom,
    carried: &Carried,
    request: http::Request<RecvStream>,
    respond: SendResponse<Bytes>,
) {
    let service = exchanges.worker.service(role);
    let (exchanges, waiting_room) = (Arc::clone(exchanges), waiting_room.clone());
    carried.request(fields_length(&request));
    let exchange = Exchange { service, exchanges, waiting_room, carried: carried.clone() };
    let mut answer = Box::pin(async move { exchange.answer(request, respond).await });
    // Nobody has to be woken: the task asks again before it waits.
    let mut context = Context::from_waker(Waker::noop());
    if answer.as_mut().poll(&mut context).is_pending() {
        tokio::spawn(answer);
    }
}

struct Exchange {
    service: Arc<Service>,
    exchanges: Arc<Exchanges>,
    waiting_room: WaitingRoom,
    carried: Carried,
}

impl Exchange {
    async fn answer(&self, request: http::Request<RecvStream>, mut respond: SendResponse<Bytes>) {
        let (parts, stream) = request.into_parts();
        let http::request::Parts { method, uri, headers, .. } = parts;
        let fields = Fields::Map(&headers);
        let asked = Asked::over_http2(&self.exchanges.worker, method, target(&uri), fields);
        let mut receiver = (!stream.is_end_stream()).then(|| {
            let announced = asked.fields.get(&header::CONTENT_LENGTH).and_then(decimal);
            let intake = Intake::new(&self.exchanges.worker.tally);
            let allowance = self.service.settings.upload_allowance(asked.received);
            Receiver::new(stream, announced, allowance, intake, self.carried.clone())
        });
        let mut boarding = receiver.as_mut().and_then(|receiver| {
            let boarding = self.exchanges.board(&self.service.site, &asked, receiver.length());
            receiver.intake.show(boarding.as_ref());
            boarding
        });
        if receiver.is_some() && asked.fields.get(&header::EXPECT).is_some() {
            let mut interim = http::Response::new(());
            *interim.status_mut() = StatusCode::CONTINUE;
            let _ = respond.send_informational(interim);
        }
        let response = if let Some((status, reason)) = fault(&asked.method, &uri, &headers) {
            self.service.site.refusal(status, reason)
        } else {
            let body = match &mut receiver {
                Some(receiver) => RequestBody::Incoming(receiver),
                None => RequestBody::None,
            };
            let request = asked.request(self.exchanges.peer, body);
            let response = asked.span.in_scope(|| self.service.site.respond(request));
            let mut response = pin!(response.wait().instrument(asked.span.clone()));
            let answered = poll_fn(|context| {
                if let Poll::Ready(response) = response.as_mut().poll(context) {
                    return Poll::Ready(Some(response));
                }
                if boarding.is_none() {
                    boarding = self.exchanges.board(&self.service.site, &asked, Some(0));
                }
                // A client that does not want it any more is not waited for.
                respond.poll_reset(context).map(|_| None)
            });
            let Some(response) = answered.await else { return };
            response
        };
        let taken = match &receiver {
            Some(receiver) => receiver.intake.answered(&asked, response.status),
            None => asked.bare(),
        };
        self.exchanges.asked(response.traffic);
        let sending = self.send(&asked, response, taken, boarding, &mut respond);
        match receiver {
            Some(receiver) => receiver.discard_while(sending).await,
            None => sending.await,
        }
    }

    /// Sends an answer, counts it and notes it in the access log. `boarding` is there when the
    /// request has taken more than a moment already.
    async fn send(
        &self,
        asked: &Asked<'_>,
        response: Response,
        taken: Taken,
        boarding: Option<Boarding>,
        respond: &mut SendResponse<Bytes>,
    ) {
        let mut outcome = Outcome::of(&response, taken);
        let Response { status, fields, body, .. } = response;
        let plan = plan(&asked.method, status, body.length(), Version::HTTP_2, true);
        let mut head = http::Response::new(());
        *head.status_mut() = status;
        self.write_fields(head.headers_mut(), &fields, plan.length);
        let body = if plan.send_body { body } else { Body::Empty };
        let result = match body {
            Body::Empty => respond.send_response(head, true).map(drop),
            Body::Bytes(bytes) if bytes.len() <= WHOLE => {
                outcome.sent = bytes.len() as u64;
                let stream = respond.send_response(head, false);
                stream.and_then(|mut stream| stream.send_data(bytes, true))
            }
            body => match respond.send_response(head, false) {
                Ok(mut stream) => {
                    let boarding = boarding
                        .or_else(|| self.exchanges.board(&self.service.site, asked, Some(0)));
                    let sent = Arc::default();
                    if let Some(boarding) = &boarding {
                        boarding.flight().send(Arc::clone(&sent), 0, body.length());
                    }
                    let first_byte = outcome.wait();
                    outcome.is_metered = outcome.traffic == Traffic::Visitors;
                    let meter = outcome.is_metered.then_some(&*self.exchanges.worker.tally);
                    let note = Note {
                        exchanges: &self.exchanges,
                        asked,
                        outcome,
                        first_byte,
                        sent,
                        before: 0,
                    };
                    let allowance = self.service.settings.allowance();
                    let room = &self.waiting_room;
                    let sending = send(&mut stream, body, room, allowance, &note.sent, meter);
                    let sent = if meter.is_some() {
                        sending.await
                    } else {
                        tokio::select! {
                            sent = sending => sent,
                            // Who only watches is not waited for.
                            () = self.exchanges.worker.stopped_for_a_moment() => {
                                Err(io::ErrorKind::TimedOut.into())
                            }
                        }
                    };
                    if let Err(error) = sent {
                        asked.span.in_scope(|| tracing::debug!(%error, "an answer was cut short"));
                        if meter.is_some() {
                            self.exchanges.worker.tally.aborted();
                            if error.kind() == io::ErrorKind::TimedOut {
                                self.exchanges.worker.tally.timed_out(Timeout::Response);
                            }
                        }
                        stream.send_reset(Reason::INTERNAL_ERROR);
                    }
                    return;
                }
                Err(error) => Err(error),
            },
        };
        if let Err(error) = result {
            asked.span.in_scope(|| tracing::debug!(%error, "an answer could not be sent"));
        }
        let took = if boarding.is_some() { Took::Long(outcome.wait()) } else { Took::Moment };
        asked.record(&self.exchanges, &outcome, took);
    }

    fn write_fields(&self, map: &mut HeaderMap, fields: &ResponseFields, length: Option<u64>) {
        map.reserve(16);
        map.insert(header::DATE, clock::date_value());
        if let Some(length) = length {
            map.insert(header::CONTENT_LENGTH, length.into());
        }
        for (name, value) in self.service.site.policy().fields(fields) {
            map.append(name.clone(), value.clone());
        }
        for (name, value) in fields.iter() {
            map.append(name.clone(), value.clone());
        }
    }
}

/// Bytes of what a request says.
fn fields_length(request: &http::Request<RecvStream>) -> u64 {
    let path = request.uri().path_and_query().map_or(0, |path| path.as_str().len());
    let fields = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len());
    (path + fields.sum::<usize>()) as u64
}

/// What is wrong with a request that the frames allow.
fn fault(method: &Method, uri: &Uri, headers: &HeaderMap) -> Option<(StatusCode, &'static str)> {
    let authority = uri.authority().map(|authority| authority.as_str().as_bytes());
    let mut hosts = headers.get_all(header::HOST).iter().map(HeaderValue::as_bytes);
    let host = hosts.next();
    let named = authority.or(host);
    if hosts.next().is_some() || named.is_some_and(|named| Authority::parse(named).is_none()) {
        return Some((StatusCode::BAD_REQUEST, "the host is not well-formed"));
    }
    // RFC 9113 section 8.3.1.
    if let (Some(authority), Some(host)) = (authority, host)
        && !authority.eq_ignore_ascii_case(host)
    {
        return Some((StatusCode::BAD_REQUEST, "Host and :authority are not the same"));
    }
    let known = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::DELETE,
        Method::OPTIONS,
        Method::PATCH,
        Method::TRACE,
        Method::CONNECT,
    ];
    if !known.contains(method) {
        return Some((StatusCode::NOT_IMPLEMENTED, "the method is not one that is known here"));
    }
    None
}

fn target(uri: &Uri) -> Target<'_> {
    let authority = uri.authority().map(|authority| authority.as_str().as_bytes());
    let raw = uri.path_and_query().map_or(&b""[..], |path| path.as_str().as_bytes());
    let form = match raw {
        b"*" => TargetForm::Asterisk,
        b"" => TargetForm::Authority,
        _ => TargetForm::Origin,
    };
    Target { form, authority, ..Target::origin(raw) }
}

fn decimal(digits: &[u8]) -> Option<u64> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}
