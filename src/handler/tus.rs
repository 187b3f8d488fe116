//! Resumable uploads: the tus protocol, version 1.0.0
//! (<https://tus.io/protocols/resumable-upload>), under `/upload/tus`.
//!
//! 1. `POST /upload/tus` makes an upload, perhaps with its first bytes.
//! 2. `HEAD /upload/tus/ID` says how far it is, `PATCH` goes on from there, `DELETE` ends it.
//! 3. When the last byte is there the file appears, and the answer says where. Whoever missed that
//!    answer is told again by `HEAD`.

mod answers;
mod metadata;

use http::{HeaderName, Method, StatusCode, header};

use super::landing::Refused;
use super::{Handler, Reply};
use crate::content::path::SitePath;
use crate::content::tus::{self, Checksum};
use crate::message::{BodyError, Request, RequestBody, Response};
use crate::store::upload::{
    Conflict, Finished, NewPart, Part, PartError, PartId, Resumed, UploadFolder,
};

/// What a [`Tus`] needs to know.
#[derive(Clone, Debug)]
pub struct TusOptions {
    /// Bytes that a file may have.
    pub max_size: u64,
    /// Where the upload folder is on the site; `None` when it is not served.
    pub place: Option<SitePath<'static>>,
    /// The most that a request may ask for when a name is taken; also what is done unasked.
    pub max_conflict: Conflict,
}

/// Takes uploads that can be resumed.
#[derive(Debug)]
pub struct Tus {
    folder: UploadFolder,
    options: TusOptions,
}

/// The fields that tus adds to HTTP.
const TUS_RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
const UPLOAD_CHECKSUM: HeaderName = HeaderName::from_static("upload-checksum");
const UPLOAD_DEFER_LENGTH: HeaderName = HeaderName::from_static("upload-defer-length");
const UPLOAD_LENGTH: HeaderName = HeaderName::from_static("upload-length");
const UPLOAD_METADATA: HeaderName = HeaderName::from_static("upload-metadata");
const UPLOAD_OFFSET: HeaderName = HeaderName::from_static("upload-offset");
const METHOD_OVERRIDE: HeaderName = HeaderName::from_static("x-http-method-override");

/// What a request is about.
enum Subject {
    /// All uploads.
    All,
    /// One of them.
    One(PartId),
    /// None: no upload has such an address.
    Nothing,
}

impl Tus {
    /// Where uploads are made. Below it, each has its own address.
    pub const PATH: &str = "/upload/tus";

    /// Takes uploads into `folder`.
    pub fn new(folder: UploadFolder, options: TusOptions) -> Self {
        Self { folder, options }
    }

    async fn answer(&self, mut request: Request<'_>, subject: Subject) -> Response {
        let method = effective_method(&request);
        if method == Method::OPTIONS {
            return answers::capabilities(self.options.max_size);
        }
        let done = if request.fields.get(&TUS_RESUMABLE) == Some(tus::VERSION.as_bytes()) {
            match subject {
                Subject::Nothing => Err(answers::not_found()),
                Subject::All if method == Method::POST => self.create(&mut request).await,
                Subject::All => Err(answers::method_not_allowed("OPTIONS, POST")),
                Subject::One(id) => match method {
                    Method::HEAD => self.look(id).await,
                    Method::PATCH => self.append(id, &mut request).await,
                    Method::DELETE => self.terminate(id).await,
                    _ => Err(answers::method_not_allowed("OPTIONS, HEAD, PATCH, DELETE")),
                },
            }
        } else {
            Err(answers::unknown_version())
        };
        answers::with_version(done.unwrap_or_else(|Refused(response)| *response))
    }

    /// Creation, perhaps with the first bytes.
    async fn create(&self, request: &mut Request<'_>) -> Result<Response, Refused> {
        let fields = request.fields;
        if fields.get(&UPLOAD_DEFER_LENGTH).is_some() {
            return Err(Refused::bad_request("say Upload-Length: it cannot be told later"));
        }
        let length = fields.get(&UPLOAD_LENGTH).and_then(tus::bytes).ok_or_else(|| {
            Refused::bad_request("Upload-Length must be the number of bytes of the file")
        })?;
        if length > self.options.max_size {
            return Err(answers::too_large(self.options.max_size));
        }
        let metadata = tus::Metadata::parse(fields.get(&UPLOAD_METADATA).unwrap_or_default())
            .map_err(|error| Refused::bad_request(error.to_string()))?;
        let place = metadata::place(&metadata, &self.options)?;
        let with_upload = tus::is_piece(fields.get(&header::CONTENT_TYPE));
        let checksum = if with_upload { checksum(request)? } else { None };
        let metadata = metadata.raw().to_owned();
        let part = self.folder.begin_part(NewPart { length, place, metadata }).await?;
        let id = part.id();
        let body = with_upload.then_some(&mut request.body);
        let created = self.begin(part, body, checksum).await;
        if created.is_err()
            && let Err(error) = self.folder.withdraw(id).await
        {
            // Nobody is told its address, so that it lies there until it expires.
            tracing::warn!(%error, "an upload that was refused could not be removed");
        }
        created
    }

    /// Takes the first bytes of a new upload, if there are any, and says where it is.
    async fn begin(
        &self,
        mut part: Part,
        body: Option<&mut RequestBody<'_>>,
        checksum: Option<Checksum>,
    ) -> Result<Response, Refused> {
        let id = part.id();
        if let Some(body) = body {
            part = match receive(part, body, checksum).await? {
                Received::Kept(part) | Received::Cut(part) => part,
            };
        }
        let done = Response::new(StatusCode::CREATED)
            .with(header::LOCATION, answers::location(id))
            .with(UPLOAD_OFFSET, part.offset().into());
        self.conclude(done, part).await
    }

    /// How far an upload is.
    async fn look(&self, id: PartId) -> Result<Response, Refused> {
        let known = |length: u64, metadata: &str| {
            let response = Response::new(StatusCode::OK)
                .with(header::CACHE_CONTROL, http::HeaderValue::from_static("no-store"))
                .with(UPLOAD_LENGTH, length.into());
            answers::with_metadata(response, metadata)
        };
        match self.folder.resume(id).await? {
            Resumed::Open(part) => {
                let response = known(part.length(), part.metadata());
                let response = response.with(UPLOAD_OFFSET, part.offset().into());
                self.conclude(response, part).await
            }
            Resumed::Finished(finished) => {
                let response = known(finished.length, &finished.metadata);
                let response = response.with(UPLOAD_OFFSET, finished.length.into());
                Ok(self.with_result(response, &finished))
            }
        }
    }

    /// Appends a piece.
    async fn append(&self, id: PartId, request: &mut Request<'_>) -> Result<Response, Refused> {
        if !tus::is_piece(request.fields.get(&header::CONTENT_TYPE)) {
            return Err(answers::wrong_type());
        }
        let offset = request.fields.get(&UPLOAD_OFFSET).and_then(tus::bytes).ok_or_else(|| {
            Refused::bad_request("Upload-Offset must be the number of bytes sent before")
        })?;
        let checksum = checksum(request)?;
        let part = match self.folder.resume(id).await? {
            Resumed::Open(part) => part,
            Resumed::Finished(finished) => {
                // The client missed the answer to its last piece.
                if offset != finished.length || request.body.length() != Some(0) {
                    return Err(answers::wrong_offset(finished.length));
                }
                let response = answers::no_content(finished.length);
                return Ok(self.with_result(response, &finished));
            }
        };
        if offset != part.offset() {
            return Err(answers::wrong_offset(part.offset()));
        }
        match receive(part, &mut request.body, checksum).await? {
            Received::Kept(part) => self.conclude(answers::no_content(part.offset()), part).await,
            Received::Cut(_) => Err(answers::cut()),
        }
    }

    /// Ends an upload. A file that has appeared stays.
    async fn terminate(&self, id: PartId) -> Result<Response, Refused> {
        match self.folder.resume(id).await? {
            Resumed::Open(part) => part.remove().await?,
            Resumed::Finished(_) => self.folder.forget(id).await?,
        }
        Ok(Response::new(StatusCode::NO_CONTENT))
    }

    /// Says when an upload expires; publishes it when nothing is missing.
    async fn conclude(&self, response: Response, part: Part) -> Result<Response, Refused> {
        if !part.is_complete() {
            return Ok(answers::with_expiry(response, part.expires()));
        }
        let finished = part.publish().await?;
        Ok(self.with_result(response, &finished))
    }

    fn with_result(&self, response: Response, finished: &Finished) -> Response {
        match &finished.stored {
            Some(stored) => answers::with_stored(response, stored, self.options.place.as_ref()),
            None => response,
        }
    }
}

impl Handler for Tus {
    fn concerns(&self, request: &Request<'_>) -> bool {
        request.target.path.starts_with(Self::PATH.as_bytes())
    }

    fn handle<'a>(&'a self, request: Request<'a>) -> Reply<'a> {
        let Some(rest) = request.target.path.strip_prefix(Self::PATH.as_bytes()) else {
            return Reply::Pass(request);
        };
        let subject = match rest {
            [] | [b'/'] => Subject::All,
            [b'/', id @ ..] => PartId::parse(id).map_or(Subject::Nothing, Subject::One),
            _ => return Reply::Pass(request),
        };
        Reply::later(async move { Ok(self.answer(request, subject).await) })
    }
}

/// The method, or the one that a client meant that cannot send it.
fn effective_method(request: &Request<'_>) -> Method {
    let meant = request.fields.get(&METHOD_OVERRIDE).filter(|_| request.method == Method::POST);
    meant.and_then(|name| Method::from_bytes(name).ok()).unwrap_or_else(|| request.method.clone())
}

fn checksum(request: &Request<'_>) -> Result<Option<Checksum>, Refused> {
    let Some(value) = request.fields.get(&UPLOAD_CHECKSUM) else { return Ok(None) };
    let checksum = Checksum::parse(value).ok_or_else(|| {
        Refused::bad_request(
            "Upload-Checksum must be sha1 or sha256, a space, and the sum in Base64",
        )
    })?;
    Ok(Some(checksum))
}

/// What became of a piece.
enum Received {
    /// It is there.
    Kept(Part),
    /// The connection ended before the piece did; what had come is there, unless it was to be
    /// compared with a checksum.
    Cut(Part),
}

/// Appends the content of a request; none of it where the content is what is wrong.
async fn receive(
    mut part: Part,
    body: &mut RequestBody<'_>,
    mut checksum: Option<Checksum>,
) -> Result<Received, Refused> {
    let room = part.length() - part.offset().min(part.length());
    if body.length().is_some_and(|length| length > room) {
        return Err(answers::beyond_length());
    }
    if checksum.is_some() {
        part = part.on_approval().await?;
    }
    let mut taken = 0;
    let end = loop {
        let next = tokio::select! {
            next = body.chunk() => next,
            () = part.superseded() => break End::Superseded,
        };
        match next {
            None => break End::Whole,
            Some(Err(error)) => break End::Cut(error),
            Some(Ok(piece)) => {
                taken += piece.len() as u64;
                if taken > room {
                    break End::TooLong;
                }
                if let Some(checksum) = &mut checksum {
                    checksum.update(&piece);
                }
                part.write(piece).await?;
            }
        }
    };
    let has_checksum = checksum.is_some();
    Ok(match end {
        End::TooLong => {
            part.discard().await?;
            return Err(answers::beyond_length());
        }
        End::Whole if checksum.is_some_and(|checksum| !checksum.matches()) => {
            part.discard().await?;
            return Err(answers::checksum_mismatch());
        }
        End::Whole => Received::Kept(part.keep().await?),
        End::Superseded | End::Cut(_) if has_checksum => Received::Cut(part.discard().await?),
        End::Superseded => {
            part.keep().await?;
            return Err(answers::locked());
        }
        End::Cut(error) => {
            tracing::debug!(%error, "a piece of an upload ended early");
            Received::Cut(part.keep().await?)
        }
    })
}

/// How the content of a request ended.
enum End {
    Whole,
    Cut(BodyError),
    Superseded,
    TooLong,
}

impl From<PartError> for Refused {
    fn from(error: PartError) -> Self {
        match error {
            PartError::NotFound => answers::not_found(),
            PartError::Locked => answers::locked(),
            PartError::Upload(error) => error.into(),
        }
    }
}
