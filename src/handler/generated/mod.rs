//! What the server makes itself (listings, rendered texts, results, figures), on its way out: in
//! the coding that suits who asks, with a tag of its own in each, and 304 for who has it already.
//!
//! | module | what it knows |
//! | --- | --- |
//! | [`Generated`] | a page in memory, in all its codings |
//! | `stream` | one that is sent while it comes into being |
//! | `codings` | who compresses, where, and how many at once |
//!
//! # Lengths that tell secrets
//!
//! Over TLS somebody on the way sees how long an answer is. If its text holds a secret and something
//! that he chose, compression makes it shorter when both are alike, so that he can guess the secret
//! bit by bit (BREACH). Of what is made here,
//!
//! - listings repeat what a query searches for beside names of files. Whether a name has that in it
//!   the search itself tells, compressed or not, to anybody who may ask. There is nothing else in
//!   them: no session, no token, nothing that depends on who asks;
//! - rendered texts repeat nothing of a request;
//! - results repeat a form to the one who sent it, and forms from pages of other sites are refused;
//! - the status shows paths that anybody can ask for beside those of others, and some of these are
//!   secrets (`/upload/result/...`). It is compressed on plain connections from no proxy only, where
//!   who can see lengths can see everything; its metrics name no paths and are compressed always.

mod codings;
mod stream;
#[cfg(test)]
mod tests;

use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode, header};
use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore};

pub use self::codings::Codings;
use self::codings::NEAR;
pub(super) use self::codings::STREAMS;
use crate::content::coding::{self, Coding};
use crate::content::compress;
use crate::content::conditions::{self, Validators, Verdict};
use crate::content::date;
use crate::content::etag::EntityTag;
use crate::content::media_type;
use crate::content::vary::{BY_CODING, vary};
use crate::message::{Answer, Block, Request, Response};

/// A field line.
type Line = (HeaderName, HeaderValue);

/// What a page is made from.
pub(super) struct Facts {
    pub(super) media_type: &'static str,
    pub(super) text: Vec<u8>,
    /// Whether it can be told from an earlier one: has an `ETag`.
    pub(super) is_tagged: bool,
    /// When what it shows was last changed, if that is said.
    pub(super) modified: Option<SystemTime>,
    /// Whether `Accept` had a say in which page it is.
    pub(super) by_accept: bool,
    /// What else is said of it, with a 304 too.
    pub(super) fields: Vec<Line>,
    /// Leave to keep it, if that is asked for; what it becomes in a coding then needs leave as well.
    pub(super) room: Option<Room>,
}

impl Facts {
    /// A page that is made anew for each who asks.
    pub(super) fn of_now(media_type: &'static str, text: impl Into<Vec<u8>>) -> Self {
        Self {
            media_type,
            text: text.into(),
            is_tagged: false,
            modified: None,
            by_accept: false,
            fields: Vec::new(),
            room: None,
        }
    }
}

/// Leave to keep bytes, given back when nobody keeps or sends them any more.
pub(super) struct Room(OwnedSemaphorePermit);

impl Room {
    /// Room for so many bytes, of a semaphore that has a permit for each KiB.
    pub(super) fn of(semaphore: &Arc<Semaphore>, bytes: usize) -> Option<Self> {
        let wanted = u32::try_from(bytes / 1024 + 1).unwrap_or(u32::MAX);
        Arc::clone(semaphore).try_acquire_many_owned(wanted).ok().map(Self)
    }
}

/// A page in memory, compressed once in each coding for all who ask for it in that.
pub(super) struct Generated {
    codings: Codings,
    is_codable: bool,
    modified: Option<SystemTime>,
    /// Where room for its codings is taken, too.
    rooms: Option<Arc<Semaphore>>,
    bytes: Bytes,
    plain: Said,
    coded: [OnceLock<Coded>; Coding::COUNT],
}

/// What is said of a page in one coding, or in none.
struct Said {
    etag: Option<EntityTag>,
    /// The fields of a 200.
    full: Arc<Block>,
    /// Those that a 304 repeats.
    validators: Arc<Block>,
}

struct Coded {
    said: Said,
    bytes: OnceCell<Bytes>,
}

/// Too many are compressing, or there was no memory for it.
struct Busy;

impl Generated {
    /// A page, sent in codings as `codings` allow.
    pub(super) fn new(codings: &Codings, facts: Facts) -> Arc<Self> {
        let Facts { media_type, text, is_tagged, modified, by_accept, fields, room } = facts;
        let is_codable = codings.are_on()
            && text.len() as u64 >= coding::MIN_LENGTH
            && media_type::is_compressible(media_type);
        let etag = is_tagged.then(|| EntityTag::of_content(&text));
        let date = modified.and_then(date::format);
        let date = date.map(|date| (header::LAST_MODIFIED, date));
        let vary = vary(by_accept, is_codable);
        let rest: Vec<_> = date.into_iter().chain(fields).chain(vary).collect();
        let content_type = (header::CONTENT_TYPE, HeaderValue::from_static(media_type));
        Arc::new(Self {
            codings: codings.clone(),
            is_codable,
            modified,
            rooms: room.as_ref().map(|Room(permit)| Arc::clone(permit.semaphore())),
            bytes: hold(text, room),
            plain: Said::new(etag, [content_type], &rest),
            coded: Default::default(),
        })
    }

    /// The page as it is.
    pub(super) fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The answer to a request: at once when it is there or little, else when it has been compressed.
    pub(super) fn answer(self: &Arc<Self>, request: &Request<'_>) -> Answer<'static, Response> {
        let accepted = self.codings.accepted(request.fields);
        let coding = accepted.fastest().filter(|_| self.is_codable);
        let is_needed = !accepted.identity();
        let Some(coding) = coding else {
            let nothing = is_needed.then(not_acceptable);
            return Answer::Ready(nothing.unwrap_or_else(|| self.plain(request)));
        };
        let coded = self.coded(coding);
        if let Some(response) = self.checked(request, &coded.said) {
            return Answer::Ready(response);
        }
        if self.bytes.len() <= NEAR {
            self.compress_here(coding);
        }
        if let Some(bytes) = coded.bytes.get() {
            return Answer::Ready(coded.said.full(bytes.clone()));
        }
        let page = Arc::clone(self);
        Answer::later(async move {
            let coded = page.coded(coding);
            let bytes = coded.bytes.get_or_try_init(|| page.compress(coding, is_needed)).await;
            match bytes {
                Ok(bytes) => coded.said.full(bytes.clone()),
                Err(Busy) if is_needed => busy(),
                Err(Busy) => page.plain.full(page.bytes.clone()),
            }
        })
    }

    /// Compresses it on this thread, which has time for that, if it is worth it.
    pub(super) fn compress_here(&self, coding: Coding) {
        let bytes = &self.coded(coding).bytes;
        if self.is_codable
            && !bytes.initialized()
            && let Ok(compressed) = compress::compress_fast(coding, &self.bytes)
            && let Ok(compressed) = self.hold(compressed)
        {
            // Somebody else may have been quicker.
            let _ = bytes.set(compressed);
        }
    }

    async fn compress(&self, coding: Coding, is_needed: bool) -> Result<Bytes, Busy> {
        let compressed = self.codings.compress(coding, self.bytes.clone(), is_needed).await;
        self.hold(compressed.ok_or(Busy)?)
    }

    fn hold(&self, mut compressed: Vec<u8>) -> Result<Bytes, Busy> {
        compressed.shrink_to_fit();
        let room = match &self.rooms {
            Some(rooms) => Some(Room::of(rooms, compressed.len()).ok_or(Busy)?),
            None => None,
        };
        Ok(hold(compressed, room))
    }

    /// The page as it is, if the request still wants it.
    fn plain(&self, request: &Request<'_>) -> Response {
        let checked = self.checked(request, &self.plain);
        checked.unwrap_or_else(|| self.plain.full(self.bytes.clone()))
    }

    /// The answer to a request whose preconditions do without the page.
    fn checked(&self, request: &Request<'_>, said: &Said) -> Option<Response> {
        let validators = Validators { etag: said.etag.as_ref()?, modified: self.modified };
        match conditions::check(&request.method, request.fields, &validators) {
            Verdict::Proceed => None,
            Verdict::NotModified => {
                let mut response = Response::new(StatusCode::NOT_MODIFIED);
                response.fields.shared = Some(Arc::clone(&said.validators));
                Some(response)
            }
            Verdict::PreconditionFailed => Some(Response::new(StatusCode::PRECONDITION_FAILED)),
        }
    }

    fn coded(&self, coding: Coding) -> &Coded {
        self.coded[coding as usize].get_or_init(|| {
            let etag = self.plain.etag.as_ref().map(|etag| etag.in_coding(coding));
            let rest = self.plain.validators.list();
            let rest: Vec<_> =
                rest.iter().filter(|(name, _)| *name != header::ETAG).cloned().collect();
            let content_type = self.plain.full.get(&header::CONTENT_TYPE).cloned();
            let content_type = content_type.map(|value| (header::CONTENT_TYPE, value));
            let first =
                content_type.into_iter().chain([(header::CONTENT_ENCODING, coding.value())]);
            Coded { said: Said::new(etag, first, &rest), bytes: OnceCell::new() }
        })
    }
}

impl Said {
    /// `first` is what a 304 does not repeat, `rest` what it does beside the tag.
    fn new(etag: Option<EntityTag>, first: impl IntoIterator<Item = Line>, rest: &[Line]) -> Self {
        let tag = etag.as_ref().map(|etag| (header::ETAG, etag.value().clone()));
        let validators: Block = tag.into_iter().chain(rest.iter().cloned()).collect();
        let full: Block = first.into_iter().chain(validators.list().iter().cloned()).collect();
        // Among the rest may be the policy of the page, which takes the place of the site's.
        Self {
            etag,
            full: Arc::new(full.overriding()),
            validators: Arc::new(validators.overriding()),
        }
    }

    fn full(&self, bytes: Bytes) -> Response {
        let mut response = Response::new(StatusCode::OK);
        response.fields.shared = Some(Arc::clone(&self.full));
        response.body = bytes.into();
        response
    }
}

fn not_acceptable() -> Response {
    Response::new(StatusCode::NOT_ACCEPTABLE)
        .with_detail("There is this page as it is, and in no coding that is accepted.")
        .with(BY_CODING.0, BY_CODING.1)
}

fn busy() -> Response {
    Response::new(StatusCode::SERVICE_UNAVAILABLE)
        .with_detail("Much is being compressed already. Try again soon.")
        .with(BY_CODING.0, BY_CODING.1)
        .with(header::RETRY_AFTER, HeaderValue::from_static("1"))
}

/// Memory that counts until the last one who sends it has done so.
struct Held {
    text: Vec<u8>,
    _room: Room,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.text
    }
}

fn hold(text: Vec<u8>, room: Option<Room>) -> Bytes {
    match room {
        Some(room) => Bytes::from_owner(Held { text, _room: room }),
        None => text.into(),
    }
}
