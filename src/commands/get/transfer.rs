//! One URL, from the question to where the answer goes.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use http::{Method, StatusCode};
use tokio::sync::watch;

use super::asked::Asked;
use super::console::Console;
use super::error::{Ending, GetError};
use super::partial::{Partial, Record};
use super::place::{self, Place};
use super::resume::{self, Rest};
use super::text::Kind;
use super::turns::Turn;
use super::{head, name};
use crate::cli::GetOptions;
use crate::client::{Client, ClientError, Request, Response, Url};
use crate::content::shown::Size;

/// What all URLs have in common.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) client: Client,
    pub(super) options: GetOptions,
    pub(super) asked: Asked,
    pub(super) place: Place,
    pub(super) console: Console,
    /// The signal that ends everything.
    pub(super) stop: watch::Receiver<Option<u8>>,
}

/// A URL to ask for.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) url: Url,
    /// Whether nobody said that it is http.
    pub(super) is_guess: bool,
}

/// An answer, and what came before it.
struct Answered {
    response: Response,
    /// Lines about those who sent on.
    before: String,
}

impl Session {
    /// Asks, and prints or saves the answer.
    pub(super) async fn transfer(&self, wanted: &Wanted, turn: Turn) -> Result<Ending, GetError> {
        let partial = self.partial(wanted)?;
        match (&partial, &self.place) {
            (Some(partial), _) => place::free(partial.target(), self.options.force)?,
            (None, Place::File(path)) => self.free(path)?,
            _ => {}
        }
        let request = self.asked.of(&wanted.url, partial.as_ref())?;
        match partial {
            Some(partial) => self.go_on(wanted, partial, request).await,
            None => self.anew(wanted, request, turn).await,
        }
    }

    /// What there is already.
    fn partial(&self, wanted: &Wanted) -> Result<Option<Partial>, GetError> {
        let partial = match (&self.place, self.options.resume) {
            (_, false) | (Place::Device(_) | Place::Output, _) => return Ok(None),
            (Place::File(path), true) => Partial::existing(path)?,
            (Place::Folder(folder), true) => Partial::of_url(folder, &wanted.url)?,
            (Place::AsItIs, true) => Partial::of_url(Path::new(""), &wanted.url)?,
        };
        let is_same = |partial: &Partial| {
            partial.record().is_some_and(|record| record.url == wanted.url.as_str())
        };
        Ok(partial.filter(is_same))
    }

    async fn anew(
        &self,
        wanted: &Wanted,
        request: Request,
        turn: Turn,
    ) -> Result<Ending, GetError> {
        let method = request.method.clone();
        let Answered { mut response, before } = self.ask(wanted, request).await?;
        let (url, status) = (head::url(&response.url), response.status);
        let said = head::said(&response);
        let has_content = method != Method::HEAD;
        if self.options.range.is_some() && status == StatusCode::OK && has_content {
            return Err(GetError::NoPart { url });
        }
        if status == StatusCode::PARTIAL_CONTENT && has_content {
            self.check_part(&mut response)?;
        }
        let mut kind = Kind::of(&response.fields);
        let mut first = None;
        if kind == Kind::Unknown && self.place == Place::AsItIs && has_content {
            first = self.unless_stopped(response.chunk()).await??;
            kind = kind.or_by(first.as_deref().unwrap_or_default());
        }
        let reads_along = self.console.is_terminal && self.place == Place::AsItIs;
        let has_head = !has_content || self.options.include || reads_along;
        let shows = self.place.shows(kind, &response.fields) || self.place == Place::Output;
        if has_head {
            self.unless_stopped(turn.come()).await?;
            let head = before + &head::head(&response, self.console.colors);
            // The content before it may end within a line.
            let gap = if has_content && shows && !turn.is_first() { "\n" } else { "" };
            let head = format!("{}{head}", self.whose(wanted, gap));
            self.console.print(head.as_bytes()).map_err(GetError::Output)?;
        }
        let ending = Ending::of(status);
        if !has_content {
            return Ok(ending);
        }
        if shows {
            self.unless_stopped(turn.come()).await?;
            self.show(response, kind, first).await?;
            if ending != Ending::Fine && !has_head {
                self.console.complain(&format!("{url}: {said}"));
            }
            return Ok(ending);
        }
        drop(turn);
        let has_nothing = matches!(status, StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT);
        if has_nothing && self.place == Place::AsItIs {
            return Ok(ending);
        }
        if has_nothing || ending != Ending::Fine {
            return Err(GetError::Answered { url, status, said });
        }
        self.keep(wanted, response, first).await
    }

    /// Refuses a part that was not asked for.
    fn check_part(&self, response: &mut Response) -> Result<(), GetError> {
        let reason = match &self.options.range {
            None => "a part came, where the whole was asked for",
            Some(range) if !resume::is_part_of(range, &response.fields) => {
                "another part came than was asked for, or not all of it"
            }
            Some(_) => {
                if let Some(length) = resume::part_length(&response.fields) {
                    response.must_have(length);
                }
                return Ok(());
            }
        };
        let url = head::url(&response.url);
        Err(GetError::Content { url, reason: reason.to_owned() })
    }

    /// Whose head follows, if there may be several.
    fn whose(&self, wanted: &Wanted, gap: &str) -> String {
        if self.options.urls.len() == 1 {
            return String::new();
        }
        format!("{gap}{}", head::of_whom(&wanted.url, self.console.colors))
    }

    /// Saves what has come from its start.
    async fn keep(
        &self,
        wanted: &Wanted,
        response: Response,
        first: Option<Bytes>,
    ) -> Result<Ending, GetError> {
        let name = || name::name(&response.url, &response.fields);
        let target = match &self.place {
            Place::Device(path) => return self.write_into(path, response).await,
            Place::File(path) => path.clone(),
            _ if resume::is_in_parts(&response.fields) => {
                let url = head::url(&response.url);
                let reason = "several parts come as one text, with lines between them that say \
                              which is which; -o FILE saves that, -o - prints it, and one range \
                              at a time gives the bytes alone";
                return Err(GetError::Content { url, reason: reason.to_owned() });
            }
            Place::Folder(folder) => folder.join(name()),
            Place::AsItIs | Place::Output => PathBuf::from(name()),
        };
        self.free(&target)?;
        self.tell_of_another(wanted, &target)?;
        let mut partial = Partial::begin(&target, self.options.force)?;
        if let Err(error) = partial.restart(self.record(wanted, &target, &response)) {
            return Err(partial.kept(error));
        }
        self.save(response, partial, first).await
    }

    /// Refuses a name that something has.
    fn free(&self, path: &Path) -> Result<(), GetError> {
        place::free(path, self.options.force).map_err(|error| match error {
            GetError::There { path } if self.options.resume => GetError::Complete { path },
            error => error,
        })
    }

    /// Says that what there is to go on with is of another URL, and is not gone on with.
    fn tell_of_another(&self, wanted: &Wanted, target: &Path) -> Result<(), GetError> {
        if self.options.resume
            && let Some(partial) = Partial::existing(target)?
            && let Some(other) = partial.record().and_then(|record| Url::parse(&record.url).ok())
        {
            let (name, have) = (head::line(&target.to_string_lossy()), Size(partial.length()));
            let (other, url) = (head::url(&other), head::url(&wanted.url));
            self.console.say(&format!(
                "{name}: the {have} that are kept are of {other}, not of {url} as it was typed: it \
                 comes from the start"
            ));
        }
        Ok(())
    }

    /// The rest of a download, or all of it if it is another one by now.
    async fn go_on(
        &self,
        wanted: &Wanted,
        mut partial: Partial,
        request: Request,
    ) -> Result<Ending, GetError> {
        let mut response = match self.ask(wanted, request).await {
            Ok(answered) => answered.response,
            Err(error) => return Err(partial.kept(error)),
        };
        let mut rest = resume::rest(&partial, response.status, &response.fields);
        if rest == Rest::DoesNotFit {
            drop(response);
            let whole = match self.asked.of(&wanted.url, None) {
                Ok(request) => self.ask(wanted, request).await,
                Err(error) => Err(error),
            };
            response = match whole {
                Ok(answered) => answered.response,
                Err(error) => return Err(partial.kept(error)),
            };
            let is_whole = response.status == StatusCode::OK;
            rest = if is_whole { Rest::Whole } else { Rest::Refused };
        }
        let name = partial.target().to_string_lossy().into_owned();
        match rest {
            Rest::Follows(bytes) => {
                response.must_have(bytes);
                let have = Size(partial.length());
                self.console.say(&format!("{}: {have} are there, it goes on", head::line(&name)));
                self.save(response, partial, None).await
            }
            Rest::IsThere => self.land(partial),
            Rest::Whole => {
                let reason = if resume::validator(&response.fields).as_ref()
                    == partial.record().map(|record| &record.validator)
                {
                    "the server sends no parts"
                } else {
                    "it has changed"
                };
                let name = head::line(&name);
                self.console.say(&format!("{name}: {reason}, it comes from the start"));
                let record = self.record(wanted, partial.target(), &response);
                if let Err(error) = partial.restart(record) {
                    return Err(partial.kept(error));
                }
                self.save(response, partial, None).await
            }
            Rest::DoesNotFit | Rest::Refused => {
                let (url, status) = (head::url(&response.url), response.status);
                let said = head::said(&response);
                Err(partial.kept(GetError::Answered { url, status, said }))
            }
        }
    }

    /// What is to be known to go on after a break; nothing where that cannot be.
    fn record(&self, wanted: &Wanted, target: &Path, response: &Response) -> Option<Record> {
        let options = &self.options;
        let is_plain = options.method.is_none()
            && options.data.is_empty()
            && options.form.is_empty()
            && options.range.is_none()
            && !options.compressed
            && response.status == StatusCode::OK;
        let validator = resume::validator(&response.fields).filter(|_| is_plain)?;
        Some(Record {
            url: wanted.url.as_str().to_owned(),
            name: target.file_name()?.to_string_lossy().into_owned(),
            validator,
            total: response.length(),
        })
    }

    /// Asks, over TLS if that is what is spoken on a port of which nobody said it.
    async fn ask(&self, wanted: &Wanted, request: Request) -> Result<Answered, GetError> {
        let answered = self.follow(request.clone()).await;
        let may_be_tls = match &answered {
            Ok(answered) => answered.response.status == StatusCode::BAD_REQUEST,
            Err(GetError::Client(error)) => matches!(
                error,
                ClientError::NoHttp2 { .. }
                    | ClientError::NotHttp { .. }
                    | ClientError::Broken { .. }
            ),
            Err(_) => false,
        };
        if !wanted.is_guess || !may_be_tls {
            return answered;
        }
        let mut request = request;
        // Never fails: from http to https.
        let _ = request.url.set_scheme("https");
        match self.follow(request).await {
            Err(GetError::Client(error)) if !matches!(error, ClientError::Certificate { .. }) => {
                answered
            }
            other => other,
        }
    }

    async fn follow(&self, request: Request) -> Result<Answered, GetError> {
        let mut before = String::new();
        let tell = |status, next: &Url| {
            before += &head::sent_on(status, next, self.console.colors);
        };
        let asked = self.client.follow(request, self.options.max_redirects, tell);
        let response = self.unless_stopped(asked).await??;
        if !self.console.is_terminal {
            before.clear();
        }
        Ok(Answered { response, before })
    }

    /// Waits for something until a signal comes.
    pub(super) async fn unless_stopped<T>(
        &self,
        work: impl Future<Output = T>,
    ) -> Result<T, GetError> {
        let mut stop = self.stop.clone();
        let stopped = async {
            let signal = stop.wait_for(Option::is_some).await.ok().and_then(|signal| *signal);
            match signal {
                Some(signal) => signal,
                // Nobody is left who could send one.
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            done = work => Ok(done),
            signal = stopped => Err(GetError::Stopped(signal)),
        }
    }

    /// The next piece of an answer: what was looked at already, or what comes.
    pub(super) async fn chunk(
        &self,
        response: &mut Response,
        first: &mut Option<Bytes>,
    ) -> Result<Option<Bytes>, GetError> {
        match first.take() {
            Some(bytes) => Ok(Some(bytes)),
            None => Ok(self.unless_stopped(response.chunk()).await??),
        }
    }
}
