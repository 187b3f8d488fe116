//! What is asked: the options as a request.

use base64::prelude::{BASE64_STANDARD, Engine};
use http::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, IF_RANGE, RANGE};
use http::{HeaderValue, Method};

use super::coding;
use super::error::GetError;
use super::form::{self, Form};
use super::partial::Partial;
use crate::cli::{GetOptions, User};
use crate::client::{Request, Url};

/// Everything about a request but its URL, which may be one of several.
#[derive(Debug)]
pub(super) struct Asked {
    request: Request,
}

impl Asked {
    /// `url` is any of them.
    pub(super) fn new(options: &GetOptions, url: &Url) -> Result<Self, GetError> {
        let form = match (options.data.as_slice(), options.form.as_slice()) {
            ([], []) => None,
            (data, []) => Some(form::urlencoded(data)?),
            (_, form) => Some(form::multipart(form)?),
        };
        let method = match &options.method {
            Some(method) => method.clone(),
            None if options.head => Method::HEAD,
            None if form.is_some() => Method::POST,
            None => Method::GET,
        };
        let mut request = Request::new(method, url.clone());
        // A person reads it: whoever has a page and a text of the same sends the text.
        let is_saved = options.output.is_some() || options.remote_name;
        let accept = if is_saved { "*/*" } else { "text/plain, */*;q=0.9" };
        let accept_encoding = if options.compressed { coding::ACCEPTED } else { "identity" };
        request = request
            .with(ACCEPT, HeaderValue::from_static(accept))
            .with(ACCEPT_ENCODING, HeaderValue::from_static(accept_encoding));
        if let Some(user) = &options.user {
            request = request.with(AUTHORIZATION, basic(user)?);
        }
        if let Some(range) = &options.range {
            request = request.with(RANGE, value(&format!("bytes={range}"))?);
        }
        if let Some(Form { content, media_type }) = form {
            request = request.with(CONTENT_TYPE, value(&media_type)?);
            request.content = content;
        }
        chosen(options, &mut request);
        Ok(Self { request })
    }

    /// The request for a URL, for what is missing of a partial download.
    pub(super) fn of(&self, url: &Url, partial: Option<&Partial>) -> Result<Request, GetError> {
        let mut request = self.request.clone();
        request.url = url.clone();
        if let Some((partial, record)) =
            partial.and_then(|partial| Some((partial, partial.record()?)))
        {
            request = request
                .with(RANGE, value(&format!("bytes={}-", partial.length()))?)
                .with(IF_RANGE, value(&record.validator)?)
                .with(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        }
        Ok(request)
    }
}

/// The fields of `-H`, each in the place of those that would be sent.
fn chosen(options: &GetOptions, request: &mut Request) {
    for name in options.fields.keys() {
        request.fields.remove(name);
        for value in options.fields.get_all(name).iter().filter(|value| !value.is_empty()) {
            request.fields.append(name, value.clone());
        }
    }
}

/// A name and a password in a field (RFC 7617).
fn basic(User(text): &User) -> Result<HeaderValue, GetError> {
    if !text.contains(':') || text.chars().any(char::is_control) {
        let takes = "-u takes a name, a colon and a password, without control characters";
        return Err(GetError::Usage(takes.to_owned()));
    }
    let mut value = value(&format!("Basic {}", BASE64_STANDARD.encode(text)))?;
    value.set_sensitive(true);
    Ok(value)
}

fn value(text: &str) -> Result<HeaderValue, GetError> {
    let wrong = |_| GetError::Usage(format!("'{}' cannot be sent", text.escape_debug()));
    HeaderValue::from_str(text).map_err(wrong)
}
