//! What an error looks like: a page for a browser, JSON for a program, a line for a terminal.

use std::sync::{Arc, LazyLock, OnceLock};

use askama::Template;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde_json::json;

use crate::content::accept::Form;
use crate::content::coding::{self, Accepted, Coding};
use crate::content::compress;
use crate::content::page_security::{NO_DEVICES, PERMISSIONS_POLICY, sha256_source};
use crate::content::path::SitePath;
use crate::content::vary::vary;
use crate::message::{Block, Body, Fields, Response};

/// The first status that is an error.
const FIRST: u16 = 400;

const HTML: &str = "text/html; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";
/// RFC 9457.
const PROBLEM: &str = "application/problem+json";

/// The built-in page. Its style is in it: whatever is wrong, the page is whole.
#[derive(Template)]
#[template(path = "error.html")]
struct Page<'a> {
    status: u16,
    reason: &'a str,
    sentence: &'a str,
}

/// The pages of a site's errors. A built-in one is made once, when it is first needed: answering a
/// request for what is not there is as cheap as answering one for a file.
pub struct ErrorPages {
    /// From 400 on; `None` where no status is registered.
    entries: Box<[OnceLock<Option<Box<Entry>>>]>,
    has_codings: bool,
}

struct Entry {
    own: SitePath<'static>,
    html: BuiltIn,
    json: BuiltIn,
    text: BuiltIn,
}

struct BuiltIn {
    plain: Whole,
    /// Made when somebody asks for it; `None` where it is not compressed.
    coded: [OnceLock<Option<Whole>>; Coding::COUNT],
}

/// Fields and content of a page, in a coding or in none.
struct Whole {
    fields: Arc<Block>,
    content: Bytes,
}

impl ErrorPages {
    /// Room for the built-in pages; they come in other codings too, if `has_codings`.
    pub fn new(has_codings: bool) -> Self {
        Self { entries: (FIRST..600).map(|_| OnceLock::new()).collect(), has_codings }
    }

    /// The codings in which a client can have its page.
    pub fn accepted(&self, fields: Fields<'_>) -> Accepted {
        if self.has_codings { Accepted::of(fields) } else { Accepted::IDENTITY }
    }

    /// Where a site keeps its own page for a status, for a client that wants no JSON.
    pub fn own(&self, status: StatusCode, form: Form) -> Option<&SitePath<'static>> {
        self.entry(status).map(|entry| &entry.own).filter(|_| form != Form::Json)
    }

    /// Gives an error the built-in content. Whoever takes it in no form that there is gets it all the
    /// same: it says what is wrong.
    pub fn fill(&self, mut response: Response, form: Form, accepted: Accepted) -> Response {
        let coding = accepted.fastest();
        if let Some(detail) = response.detail.take() {
            return self.in_coding(describe(response, form, &detail), coding);
        }
        let Some(entry) = self.entry(response.status) else {
            let sentence = sentence(response.status);
            return self.in_coding(describe(response, form, sentence), coding);
        };
        let page = match form {
            Form::Html => &entry.html,
            Form::Json => &entry.json,
            Form::Text => &entry.text,
        };
        let page = coding.and_then(|coding| page.coded(coding)).unwrap_or(&page.plain);
        response.fields.shared = Some(Arc::clone(&page.fields));
        response.body = page.content.clone().into();
        response
    }

    /// What was written for one request, compressed if that is wanted and worth it.
    fn in_coding(&self, mut response: Response, coding: Option<Coding>) -> Response {
        let Body::Bytes(content) = &response.body else { return response };
        let is_codable = self.has_codings && pays(content);
        let coding = coding.filter(|_| is_codable);
        let coded = coding.and_then(|coding| Some((coding, compressed(coding, content)?)));
        let is_by_coding = is_codable || response.fields.contains(&header::VARY);
        response.fields.remove(&header::VARY);
        response.fields.own.extend(vary(true, is_by_coding));
        if let Some((coding, content)) = coded {
            response.fields.push(header::CONTENT_ENCODING, coding.value());
            response.body = content.into();
        }
        response
    }

    fn entry(&self, status: StatusCode) -> Option<&Entry> {
        let index = status.as_u16().checked_sub(FIRST)?;
        let entry = self.entries.get(usize::from(index))?;
        entry.get_or_init(|| Entry::new(status, self.has_codings).map(Box::new)).as_deref()
    }
}

impl Default for ErrorPages {
    fn default() -> Self {
        Self::new(false)
    }
}

impl BuiltIn {
    fn coded(&self, coding: Coding) -> Option<&Whole> {
        let Whole { fields, content } = &self.plain;
        let make = || {
            let content = Some(content).filter(|content| pays(content))?;
            let content = pays(content).then(|| compressed(coding, content))??;
            let encoding = (header::CONTENT_ENCODING, coding.value());
            let fields: Block = fields.list().iter().cloned().chain([encoding]).collect();
            Some(Whole { fields: Arc::new(fields.overriding()), content })
        };
        self.coded[coding as usize].get_or_init(make).as_ref()
    }
}

/// Whether content of an error is long enough to be compressed; all of it is text.
fn pays(content: &Bytes) -> bool {
    content.len() as u64 >= coding::MIN_LENGTH
}

fn compressed(coding: Coding, content: &[u8]) -> Option<Bytes> {
    compress::compress_fast(coding, content).ok().map(Bytes::from)
}

impl Entry {
    fn new(status: StatusCode, has_codings: bool) -> Option<Self> {
        status.canonical_reason()?;
        let built_in = |form| {
            let Response { fields, body, .. } =
                describe(Response::new(status), form, sentence(status));
            let content = match body {
                Body::Bytes(content) => content,
                _ => Bytes::new(),
            };
            let vary = vary(true, has_codings && pays(&content));
            let fields: Block = fields.own.into_iter().chain(vary).collect();
            let plain = Whole { fields: Arc::new(fields.overriding()), content };
            BuiltIn { plain, coded: Default::default() }
        };
        Some(Self {
            own: SitePath::parse(format!("/{}.html", status.as_u16()).as_bytes())
                .ok()?
                .into_owned(),
            html: built_in(Form::Html),
            json: built_in(Form::Json),
            text: built_in(Form::Text),
        })
    }
}

/// Gives an error content with a sentence of its own: what exactly was wrong with the request.
pub fn describe(response: Response, form: Form, sentence: &str) -> Response {
    let status = response.status;
    let reason = reason(status);
    match form {
        Form::Html => {
            let page = Page { status: status.as_u16(), reason, sentence };
            match page.render() {
                Ok(html) => {
                    let mut response = response.with_body(HTML, html);
                    response.fields.own.extend(page_security());
                    response
                }
                Err(_) => response.with_body(TEXT, format!("{sentence}\n")),
            }
        }
        Form::Json => {
            let object = json!({
                "type": "about:blank",
                "title": reason,
                "status": status.as_u16(),
                "detail": sentence,
            });
            response.with_body(PROBLEM, format!("{object}\n"))
        }
        Form::Text => {
            response.with_body(TEXT, format!("{} {reason}: {sentence}\n", status.as_u16()))
        }
    }
}

/// What the built-in page may do: show itself in its own style.
fn page_security() -> [(HeaderName, HeaderValue); 2] {
    static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
        let page = Page { status: 0, reason: "", sentence: "" }.render().unwrap_or_default();
        let style = page.split_once("<style>").and_then(|(_, rest)| rest.split_once("</style>"));
        let source = style.map_or("'none'".to_owned(), |(style, _)| sha256_source(style));
        let policy = format!(
            "default-src 'none'; style-src {source}; base-uri 'none'; form-action 'none'; \
             frame-ancestors 'self'"
        );
        HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
    });
    [(header::CONTENT_SECURITY_POLICY, POLICY.clone()), (PERMISSIONS_POLICY, NO_DEVICES)]
}

/// What happened, for a person.
fn sentence(status: StatusCode) -> &'static str {
    match status {
        StatusCode::BAD_REQUEST => "The server could not understand this request.",
        StatusCode::FORBIDDEN => "The server may not show this.",
        StatusCode::NOT_FOUND => "There is nothing at this address.",
        StatusCode::METHOD_NOT_ALLOWED => "This address does not take requests of this kind.",
        StatusCode::REQUEST_TIMEOUT => "The request took too long to arrive.",
        StatusCode::PRECONDITION_FAILED => {
            "What is here is not the version that the request asked for."
        }
        StatusCode::RANGE_NOT_SATISFIABLE => "The part that was asked for does not exist.",
        StatusCode::SERVICE_UNAVAILABLE => "The server is busy. Try again soon.",
        status if status.is_server_error() => {
            "Something went wrong in the server. Its log says more."
        }
        _ => "The request could not be answered.",
    }
}

/// The phrase of RFC 9110; the `http` crate has older ones.
fn reason(status: StatusCode) -> &'static str {
    match status {
        StatusCode::PAYLOAD_TOO_LARGE => "Content Too Large",
        StatusCode::UNPROCESSABLE_ENTITY => "Unprocessable Content",
        _ => status.canonical_reason().unwrap_or("Error"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn not_found(form: Form) -> (String, String) {
        let response = ErrorPages::new(true).fill(Response::not_found(), form, Accepted::IDENTITY);
        let Body::Bytes(body) = response.body else { panic!("no content") };
        let media_type = response.fields.get(&header::CONTENT_TYPE).unwrap();
        (media_type.to_str().unwrap().to_owned(), String::from_utf8(body.to_vec()).unwrap())
    }

    #[test]
    fn a_browser_gets_a_page_that_links_home() {
        let (media_type, body) = not_found(Form::Html);
        assert_eq!(media_type, HTML);
        assert!(body.contains("404") && body.contains("href=\"/\""), "{body}");
    }

    #[test]
    fn the_page_allows_its_own_style_and_nothing_else() {
        let pages = ErrorPages::new(true);
        let general = pages.fill(Response::not_found(), Form::Html, Accepted::IDENTITY);
        let exact =
            pages.fill(Response::not_found().with_detail("Gone."), Form::Html, Accepted::IDENTITY);
        for response in [general, exact] {
            let Body::Bytes(body) = response.body else { panic!("no content") };
            let body = String::from_utf8(body.to_vec()).unwrap();
            let style = body.split("<style>").nth(1).unwrap().split("</style>").next().unwrap();
            let policy = response.fields.get(&header::CONTENT_SECURITY_POLICY).unwrap();
            let allowed = format!("default-src 'none'; style-src {}; base", sha256_source(style));
            assert!(policy.to_str().unwrap().starts_with(&allowed), "{policy:?}");
            assert!(response.fields.overrides(&header::CONTENT_SECURITY_POLICY));
        }
    }

    #[test]
    fn a_program_gets_json() {
        let (media_type, body) = not_found(Form::Json);
        assert_eq!(media_type, "application/problem+json");
        let parsed: serde_json::Value = serde_json::from_str(&body).unwrap();
        let expected = json!({
            "type": "about:blank",
            "title": "Not Found",
            "status": 404,
            "detail": "There is nothing at this address.",
        });
        assert_eq!(parsed, expected);
    }

    #[test]
    fn a_terminal_gets_a_line() {
        let (media_type, body) = not_found(Form::Text);
        assert_eq!(media_type, TEXT);
        assert_eq!(body, "404 Not Found: There is nothing at this address.\n");
    }

    #[test]
    fn the_exact_reason_takes_the_place_of_the_general_one() {
        for form in [Form::Html, Form::Json, Form::Text] {
            let full = Response::new(StatusCode::INSUFFICIENT_STORAGE).with_detail("No <room>.");
            let Body::Bytes(body) = ErrorPages::new(true).fill(full, form, Accepted::IDENTITY).body
            else {
                panic!("no content")
            };
            let body = String::from_utf8(body.to_vec()).unwrap();
            let reason = if form == Form::Html { "No &#60;room&#62;." } else { "No <room>." };
            assert!(body.contains(reason), "{body}");
        }
    }

    #[test]
    fn a_status_that_nobody_registered_has_content_too() {
        let pages = ErrorPages::new(true);
        let status = StatusCode::from_u16(599).unwrap();
        let response = pages.fill(Response::new(status), Form::Text, Accepted::IDENTITY);
        assert!(response.body.length().unwrap() > 0);
        assert!(pages.own(status, Form::Html).is_none());
    }

    #[test]
    fn a_sites_own_page_is_looked_for_unless_json_is_wanted() {
        let pages = ErrorPages::new(true);
        let own = pages.own(StatusCode::NOT_FOUND, Form::Text).unwrap();
        assert_eq!(own.as_bytes(), b"/404.html");
        assert!(pages.own(StatusCode::NOT_FOUND, Form::Json).is_none());
    }

    #[test]
    fn a_page_of_1_kib_comes_in_the_coding_that_is_asked_for() {
        use crate::content::compress::tests::decompress;
        use http::HeaderMap;

        let mut map = HeaderMap::new();
        map.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("br, gzip"));
        let details = [None, Some("Gone."), Some("Gone to a place of which nobody knows.")];
        for (has_codings, form, is_coded) in
            [(true, Form::Html, true), (true, Form::Text, false), (false, Form::Html, false)]
        {
            let pages = ErrorPages::new(has_codings);
            let accepted = pages.accepted(Fields::Map(&map));
            for detail in details {
                let error = || Response { detail: detail.map(Into::into), ..Response::not_found() };
                let plain = pages.fill(error(), form, Accepted::IDENTITY);
                let coded = pages.fill(error(), form, accepted);
                let vary = if is_coded { "Accept, Accept-Encoding" } else { "Accept" };
                let vary = Some(HeaderValue::from_static(vary));
                assert_eq!(plain.fields.get(&header::VARY), vary.as_ref());
                assert_eq!(coded.fields.get(&header::VARY), vary.as_ref());
                let coding = coded.fields.get(&header::CONTENT_ENCODING).map(HeaderValue::as_bytes);
                assert_eq!(coding, is_coded.then_some(&b"gzip"[..]));
                let (Body::Bytes(plain), Body::Bytes(coded)) = (plain.body, coded.body) else {
                    panic!("no content")
                };
                let content =
                    if is_coded { decompress(Coding::Gzip, &coded) } else { coded.to_vec() };
                assert!(content == plain && (coded.len() < plain.len()) == is_coded);
            }
        }
    }
}
