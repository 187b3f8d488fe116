//! What an error looks like: a page for a browser, JSON for a program, a line for a terminal.

use askama::Template;
use http::StatusCode;
use serde_json::json;

use crate::content::accept::{Form, preferred};
use crate::message::{Fields, Response};

const HTML: &str = "text/html; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";

/// The built-in page. Its style is in it: whatever is wrong, the page is whole.
#[derive(Template)]
#[template(path = "error.html")]
struct Page<'a> {
    status: u16,
    reason: &'a str,
    sentence: &'a str,
}

/// Gives an error its content, in the form the client likes best. The path of the site's own page
/// for a status is [`own_page`].
pub fn fill(response: Response, fields: Fields<'_>) -> Response {
    let sentence = sentence(response.status);
    describe(response, fields, sentence)
}

/// The same with a sentence of its own: what exactly was wrong with the request.
pub fn describe(response: Response, fields: Fields<'_>, sentence: &str) -> Response {
    let status = response.status;
    let reason = status.canonical_reason().unwrap_or("Error");
    match preferred(fields) {
        Form::Html => {
            let page = Page { status: status.as_u16(), reason, sentence };
            match page.render() {
                Ok(html) => response.with_body(HTML, html),
                Err(_) => response.with_body(TEXT, format!("{sentence}\n")),
            }
        }
        Form::Json => {
            let object = json!({ "status": status.as_u16(), "error": reason, "message": sentence });
            response.with_body("application/json", format!("{object}\n"))
        }
        Form::Text => {
            response.with_body(TEXT, format!("{} {reason}: {sentence}\n", status.as_u16()))
        }
    }
}

/// Where a site keeps its own page for an error, if it has one.
pub fn own_page(status: StatusCode, fields: Fields<'_>) -> Option<String> {
    let wants_json = preferred(fields) == Form::Json;
    (!wants_json).then(|| format!("/{}.html", status.as_u16()))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Body;
    use http::{HeaderMap, HeaderValue, header};

    fn not_found(accept: &'static str) -> (String, String) {
        let mut map = HeaderMap::new();
        map.insert(header::ACCEPT, HeaderValue::from_static(accept));
        let response = fill(Response::not_found(), Fields::Map(&map));
        let Body::Bytes(body) = response.body else { panic!("no content") };
        let media_type = response.fields.get(&header::CONTENT_TYPE).unwrap();
        (media_type.to_str().unwrap().to_owned(), String::from_utf8(body.to_vec()).unwrap())
    }

    #[test]
    fn a_browser_gets_a_page_that_links_home() {
        let (media_type, body) = not_found("text/html,application/xhtml+xml,*/*;q=0.8");
        assert_eq!(media_type, HTML);
        assert!(body.contains("404") && body.contains("href=\"/\""), "{body}");
    }

    #[test]
    fn a_program_gets_json() {
        let (media_type, body) = not_found("application/json");
        assert_eq!(media_type, "application/json");
        let parsed: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(parsed["status"], 404);
    }

    #[test]
    fn a_terminal_gets_a_line() {
        let (media_type, body) = not_found("*/*");
        assert_eq!(media_type, TEXT);
        assert_eq!(body, "404 Not Found: There is nothing at this address.\n");
    }
}
