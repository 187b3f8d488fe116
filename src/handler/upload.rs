//! Forms and files that clients send in one request: `POST` of a form, `PUT` of a file.

mod content;
mod form;
mod form_log;
mod multipart;
mod portions;
mod receipt;
mod results;
mod subject;

use std::io;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use http::{HeaderValue, Method, StatusCode, Version, header};

use self::content::Content;
use self::form::{Destination, Form};
use self::form_log::OpenLog;
use self::receipt::{Receipt, ReceivedFile};
pub use self::results::MOST_BYTES as RESULTS_MEMORY;
use self::results::Results;
use self::subject::{PAGE, Subject};
use super::generated::{Facts, Generated};
use super::landing::{self, Refused};
use super::{Codings, Handler, Reply, UploadPanel};
use crate::content::conditions::{self, Validators, Verdict};
use crate::content::path::SitePath;
use crate::content::upload_name::UploadName;
use crate::content::{accept, form_data};
use crate::message::{Request, RequestBody, Response};
use crate::store::upload::{Conflict, Place, UploadFolder};
use crate::store::{Found, Store};

pub use self::form_log::FormLog;

/// What an [`Upload`] needs to know.
pub struct UploadOptions {
    /// Where files land.
    pub folder: UploadFolder,
    /// Where that is on the site; `None` when it is not served.
    pub place: Option<SitePath<'static>>,
    /// What is served there now, to compare preconditions with.
    pub store: Arc<dyn Store>,
    /// Bytes of one request at most.
    pub max_size: u64,
    /// The most that a request may ask for when a name is taken; also what is done unasked.
    pub max_conflict: Conflict,
    /// Where text fields are written down, if anywhere.
    pub log: Option<FormLog>,
    /// What earlier requests left.
    pub memory: UploadMemory,
    /// What `GET /upload` shows.
    pub panel: UploadPanel,
    /// Whether pages are compressed.
    pub codings: Codings,
}

/// Takes forms at `/upload`, `/submit` and in the folders of the upload place, and files by PUT
/// below it.
pub struct Upload {
    options: UploadOptions,
}

/// What requests leave behind for those to come. Copies are of the same memory.
#[derive(Clone, Debug, Default)]
pub struct UploadMemory(Arc<Memory>);

#[derive(Debug, Default)]
struct Memory {
    results: Results,
    /// Held from the last look at what is there to its replacement.
    conditional: tokio::sync::Mutex<()>,
}

impl Upload {
    /// Takes what is sent, as `options` say.
    pub fn new(options: UploadOptions) -> Self {
        Self { options }
    }

    /// Where files are taken, for those who tried elsewhere.
    fn hint(&self) -> String {
        match self.options.place.as_ref().map(SitePath::encoded) {
            Some(place) => format!(
                "Nothing is taken here. Forms are posted to /upload or {place}, files are put to \
                 {place}NAME."
            ),
            None => "Nothing is taken here. Forms are posted to /upload.".to_owned(),
        }
    }

    fn show<'a>(&self, request: &Request<'_>, page: Facts) -> Reply<'a> {
        Generated::new(&self.options.codings, page).answer(request).into()
    }

    async fn answer(&self, mut request: Request<'_>, subject: Subject) -> Response {
        let taken = match (&request.method, subject) {
            (&Method::POST, Subject::Page | Subject::Submit) => {
                self.post(&mut request, Vec::new()).await
            }
            (&Method::POST, Subject::Folder(folder)) => self.post(&mut request, folder).await,
            (&Method::PUT, Subject::File(folder, name)) => {
                self.put(&mut request, folder, &name).await
            }
            (_, subject) => Ok(Response::method_not_allowed(subject.allow())),
        };
        taken.unwrap_or_else(|Refused(response)| *response)
    }

    /// Takes a form.
    async fn post(
        &self,
        request: &mut Request<'_>,
        folder: Vec<Box<[u8]>>,
    ) -> Result<Response, Refused> {
        let mut content = self.content(request)?;
        let wanted = request.target.parameter(b"conflict");
        let conflict = landing::conflict(wanted, self.options.max_conflict)?;
        let destination = Destination { uploads: &self.options.folder, folder, conflict };
        let sent_type = request.fields.get(&header::CONTENT_TYPE).unwrap_or_default();
        let essence = form_data::essence(sent_type);
        let form = if essence.eq_ignore_ascii_case(b"multipart/form-data") {
            let boundary = form_data::boundary(sent_type).map_err(|error| {
                Refused::bad_request(format!("the Content-Type cannot be used: {error}"))
            })?;
            form::multipart(&mut content, boundary, &destination).await?
        } else if essence.eq_ignore_ascii_case(b"application/x-www-form-urlencoded") {
            form::urlencoded(&mut content).await?
        } else {
            return Err(Refused::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "a form is sent as multipart/form-data or application/x-www-form-urlencoded; a \
                 file alone with PUT",
            ));
        };
        let log = self.prepare_log(&form).await?;
        let receipt = self.publish(form).await?;
        if let Some(log) = log {
            let path = request.target.path;
            let address = request.peer.address.ip();
            let line = form_log::line(SystemTime::now(), address, path, &receipt);
            log.append(line).await.map_err(|error| self.not_logged(&error))?;
        }
        Ok(self.created(request, &receipt))
    }

    /// Takes a file.
    async fn put(
        &self,
        request: &mut Request<'_>,
        folder: Vec<Box<[u8]>>,
        name: &[u8],
    ) -> Result<Response, Refused> {
        // RFC 9110 section 14.4: a part must not be taken for the whole.
        if request.fields.get(&header::CONTENT_RANGE).is_some() {
            return Err(Refused::bad_request(
                "a part of a file cannot be put: send the whole, or use resumable uploads",
            ));
        }
        // Whoever puts a file asks for it by the same target (RFC 9110 section 9.3.4).
        let name = UploadName::exact(name).map_err(|error| landing::bad_name(name, error))?;
        let wanted = request.target.parameter(b"conflict");
        let mut conflict = landing::conflict(wanted, self.options.max_conflict)?;
        let is_conditional = self.check_conditions(request).await?;
        if is_conditional && conflict != Conflict::Replace && changes_known(request) {
            let sentence = "this server does not let uploads replace files";
            return Err(Refused::new(StatusCode::FORBIDDEN, sentence));
        }
        // Old clients say where content ends by ending the connection: nobody could tell that
        // nothing of it is missing (RFC 9110 section 15.5.12).
        if request.version == Version::HTTP_10
            && request.fields.get(&header::CONTENT_LENGTH).is_none()
        {
            return Err(Refused::new(
                StatusCode::LENGTH_REQUIRED,
                "a file is sent with its length: Content-Length",
            ));
        }
        let only_new = request.fields.get(&header::IF_NONE_MATCH) == Some(b"*");
        if only_new {
            conflict = Conflict::Reject;
        }
        let mut content = self.content(request)?;
        let mut draft = self.options.folder.draft(content.left()).await?;
        while let Some(piece) = content.piece().await {
            draft.write(piece?).await?;
        }
        // What was true when the content began to come may be so no more. Those who care are asked
        // one after the other.
        let _turn = if is_conditional {
            Some(self.options.memory.0.conditional.lock().await)
        } else {
            None
        };
        self.check_conditions(request).await?;
        let place = Place { folder, name, conflict };
        let stored = self.options.folder.publish(vec![(draft, place)]).await;
        let stored = stored.map_err(|error| match Refused::from(error) {
            Refused(response) if only_new && response.status == StatusCode::CONFLICT => {
                precondition_failed()
            }
            refused => refused,
        })?;
        let place = self.options.place.as_ref();
        let files = stored.iter().map(|stored| ReceivedFile::new(None, stored, place)).collect();
        let receipt = Receipt { files, fields: Vec::new() };
        Ok(json(&receipt))
    }

    /// Whether the file that is there now is the one that the client knows (RFC 9110 13.1). True
    /// when it said so of any.
    async fn check_conditions(&self, request: &mut Request<'_>) -> Result<bool, Refused> {
        let (fields, now) = (request.fields, Instant::now());
        let names = [header::IF_MATCH, header::IF_NONE_MATCH, header::IF_UNMODIFIED_SINCE];
        if names.iter().all(|name| fields.get(name).is_none()) {
            return Ok(false);
        }
        let path = SitePath::parse(request.target.path)
            .map_err(|error| Refused::from(Response::new(error.status())))?;
        let verdict = match self.options.store.find(&path, now).wait().await {
            Ok(Found::File(object)) => {
                let file = &object.meta;
                let current = Validators { etag: &file.etag, modified: file.modified };
                conditions::check(&Method::PUT, fields, &current)
            }
            _ => conditions::check_absent(&Method::PUT, fields),
        };
        if verdict == Verdict::Proceed { Ok(true) } else { Err(precondition_failed()) }
    }

    /// The content of a request, if it can be taken.
    fn content<'a>(&self, request: &mut Request<'a>) -> Result<Content<'a>, Refused> {
        if request.fields.get(&header::CONTENT_ENCODING).is_some_and(|coding| coding != b"identity")
        {
            return Err(Refused::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "the content must be sent without a Content-Encoding",
            ));
        }
        let body = std::mem::replace(&mut request.body, RequestBody::None);
        Ok(Content::new(body, self.options.max_size)?)
    }

    /// Opens the log for a form that has something to write down: a form that cannot be logged is
    /// refused while nothing of it has appeared.
    async fn prepare_log(&self, form: &Form) -> Result<Option<OpenLog>, Refused> {
        let log = self.options.log.as_ref().filter(|_| !form.fields.is_empty());
        let Some(log) = log else { return Ok(None) };
        let length = form.fields.iter().map(|(name, value)| name.len() + value.len()).sum();
        log.prepare(length).await.map(Some).map_err(|error| self.not_logged(&error))
    }

    fn not_logged(&self, error: &io::Error) -> Refused {
        if let Some(log) = &self.options.log {
            let path = log.path().display();
            tracing::error!(%error, %path, "a form cannot be written down");
        }
        let status = match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                StatusCode::INSUFFICIENT_STORAGE
            }
            _ => StatusCode::SERVICE_UNAVAILABLE,
        };
        Refused::new(
            status,
            "what was written in the form cannot be stored now: send it again later",
        )
    }

    async fn publish(&self, form: Form) -> Result<Receipt, Refused> {
        let Form { fields, files } = form;
        let mut names = Vec::with_capacity(files.len());
        let mut drafts = Vec::with_capacity(files.len());
        for (field, draft, place) in files {
            names.push(field);
            drafts.push((draft, place));
        }
        let stored = if drafts.is_empty() {
            Vec::new()
        } else {
            self.options.folder.publish(drafts).await?
        };
        let place = self.options.place.as_ref();
        let files = names.into_iter().zip(&stored);
        let files = files.map(|(field, stored)| ReceivedFile::new(Some(field), stored, place));
        Ok(Receipt { files: files.collect(), fields })
    }

    /// The answer to a form: browsers are sent on to a page, so that reloading sends nothing twice.
    fn created(&self, request: &Request<'_>, receipt: &Receipt) -> Response {
        if accept::named(request.fields) == Some(accept::Form::Html) {
            let back = referring_page(request).unwrap_or(request.target.path);
            let back = SitePath::parse(back).ok();
            let back = back.as_ref().map_or(&b"/"[..], SitePath::as_bytes);
            let result = self.options.memory.0.results.keep(receipt, back);
            if let Some(Ok(result)) = result.map(HeaderValue::try_from) {
                return Response::new(StatusCode::SEE_OTHER)
                    .with(header::LOCATION, result)
                    .with(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
            }
        }
        json(receipt)
    }
}

impl Handler for Upload {
    fn concerns(&self, request: &Request<'_>) -> bool {
        let path = request.target.path;
        !matches!(request.method, Method::GET | Method::HEAD)
            || path == PAGE
            || path.starts_with(results::PATH.as_bytes())
    }

    fn handle<'a>(&'a self, request: Request<'a>) -> Reply<'a> {
        let path = request.target.path;
        if matches!(request.method, Method::GET | Method::HEAD) {
            return if path == PAGE {
                self.show(&request, self.options.panel.page(&request))
            } else if let Some(id) = path.strip_prefix(results::PATH.as_bytes()) {
                match self.options.memory.0.results.page(id) {
                    Some(page) => self.show(&request, page),
                    None => Reply::Ready(results::unknown()),
                }
            } else {
                Reply::Pass(request)
            };
        }
        let place = self.options.place.as_ref();
        let subject = SitePath::parse(path).ok().and_then(|path| Subject::of(&path, place));
        let subject = match subject {
            None if matches!(request.method, Method::POST | Method::PUT) => {
                return Reply::Ready(
                    Response::method_not_allowed("GET, HEAD, OPTIONS").with_detail(self.hint()),
                );
            }
            None => return Reply::Pass(request),
            Some(Err(Refused(response))) => return Reply::Ready(*response),
            Some(Ok(subject)) => subject,
        };
        if request.method == Method::OPTIONS {
            let allow = HeaderValue::from_static(subject.allow());
            let response = Response::new(StatusCode::NO_CONTENT).with(header::ALLOW, allow);
            return Reply::Ready(response);
        }
        Reply::later(async move { Ok(self.answer(request, subject).await) })
    }
}

/// What programs are told: 201, or 200 when all there is took the place of something.
fn json(receipt: &Receipt) -> Response {
    let replaced = !receipt.files.is_empty() && receipt.files.iter().all(|file| file.replaced);
    let status = if replaced { StatusCode::OK } else { StatusCode::CREATED };
    let response = Response::new(status)
        .with_body("application/json", receipt.json().to_string())
        .with(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let first = receipt.files.first().and_then(|file| file.url.as_deref());
    match first.map(HeaderValue::try_from) {
        Some(Ok(url)) => response.with(header::LOCATION, url),
        _ => response,
    }
}

/// The path of the page of this site that a form was on, as it was sent.
fn referring_page<'a>(request: &Request<'a>) -> Option<&'a [u8]> {
    let referer = request.fields.get(&header::REFERER)?;
    let rest = referer.strip_prefix(b"http://").or_else(|| referer.strip_prefix(b"https://"))?;
    let host = request.target.authority.or_else(|| request.fields.get(&header::HOST))?;
    let path = rest.strip_prefix(host).filter(|path| path.first() == Some(&b'/'))?;
    path.split(|&byte| matches!(byte, b'?' | b'#')).next()
}

/// Whether a request means a file that is there.
fn changes_known(request: &Request<'_>) -> bool {
    [header::IF_MATCH, header::IF_UNMODIFIED_SINCE]
        .iter()
        .any(|name| request.fields.get(name).is_some())
}

fn precondition_failed() -> Refused {
    Response::new(StatusCode::PRECONDITION_FAILED).into()
}
