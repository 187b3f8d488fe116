//! The pages that tell browsers what came of their forms: they are sent on to one, so that
//! reloading it sends nothing twice.

use std::fmt::Write;
use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};

use askama::Template;
use bytes::Bytes;
use http::{HeaderValue, header};
use lru::LruCache;

use super::receipt::Receipt;
use crate::content::shown::{Link, Name, Size};
use crate::handler::generated::Facts;
use crate::handler::own_page::{STYLE, content_security_policy};
use crate::message::Response;

/// Below this path each result has its own.
pub(super) const PATH: &str = "/upload/result/";

/// Results that are kept, if they are small.
const MOST: NonZeroUsize = NonZeroUsize::new(1000).unwrap();

/// Bytes that all of them have together.
pub const MOST_BYTES: usize = 8 * 1024 * 1024;

/// Pages of the latest results. The lock is held for a look-up, never over a wait.
#[derive(Debug)]
pub(super) struct Results(Mutex<Pages>);

#[derive(Debug)]
struct Pages {
    pages: LruCache<Id, Bytes>,
    bytes: usize,
}

const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// Nobody guesses it: whoever knows it was told.
type Id = [u8; 16];

#[derive(Template)]
#[template(path = "result.html")]
struct Page<'a> {
    style: &'static str,
    files: Vec<File<'a>>,
    fields: Vec<(Name<'a>, Name<'a>)>,
    back: Link<'a>,
}

struct File<'a> {
    name: Name<'a>,
    size: Size,
    sha256: &'a str,
    url: Option<&'a str>,
    replaced: bool,
}

impl Default for Results {
    fn default() -> Self {
        Self(Mutex::new(Pages { pages: LruCache::new(MOST), bytes: 0 }))
    }
}

impl Results {
    /// Keeps the page of a result; `back` is the path that it links back to. Returns its path.
    pub(super) fn keep(&self, receipt: &Receipt, back: &[u8]) -> Option<String> {
        let page = render(receipt, back)?;
        let mut id = Id::default();
        getrandom::fill(&mut id).ok()?;
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(id, page);
        let mut path = PATH.to_owned();
        for byte in id {
            let _ = write!(path, "{byte:02x}");
        }
        Some(path)
    }

    /// The page of a result, by what follows [`PATH`].
    pub(super) fn page(&self, id: &[u8]) -> Option<Facts> {
        let id = parse(id)?;
        let page = {
            let mut results = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            results.pages.get(&id).cloned()?
        };
        Some(Facts {
            fields: vec![
                (header::CONTENT_SECURITY_POLICY, content_security_policy()),
                (header::CACHE_CONTROL, NO_STORE),
            ],
            ..Facts::of_now("text/html; charset=utf-8", page)
        })
    }
}

impl Pages {
    fn insert(&mut self, id: Id, page: Bytes) {
        self.bytes += page.len();
        if let Some((_, old)) = self.pages.push(id, page) {
            self.bytes -= old.len();
        }
        while self.bytes > MOST_BYTES && self.pages.len() > 1 {
            let Some((_, old)) = self.pages.pop_lru() else { break };
            self.bytes -= old.len();
        }
    }
}

/// The answer when there is none.
pub(super) fn unknown() -> Response {
    Response::not_found()
        .with_detail(
            "This result is not known any more. What was uploaded is still where it was put.",
        )
        .with(header::CACHE_CONTROL, NO_STORE)
}

fn parse(id: &[u8]) -> Option<Id> {
    let digits = std::str::from_utf8(id).ok().filter(|digits| digits.len() == 32)?;
    let is_digits = digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let number = is_digits.then(|| u128::from_str_radix(digits, 16).ok())??;
    Some(number.to_be_bytes())
}

fn render(receipt: &Receipt, back: &[u8]) -> Option<Bytes> {
    let files = receipt.files.iter().map(|file| File {
        name: Name(file.name.as_bytes()),
        size: Size(file.size),
        sha256: &file.sha256,
        url: file.url.as_deref(),
        replaced: file.replaced,
    });
    let fields = receipt.fields.iter();
    let page = Page {
        style: STYLE,
        files: files.collect(),
        fields: fields
            .map(|(name, value)| (Name(name.as_bytes()), Name(value.as_bytes())))
            .collect(),
        back: Link(back),
    };
    page.render().ok().map(Bytes::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handler::upload::receipt;

    fn id(path: &str) -> &[u8] {
        path.strip_prefix(PATH).unwrap().as_bytes()
    }

    #[test]
    fn a_result_is_shown_to_who_knows_its_address() {
        let results = Results::default();
        let path = results.keep(&receipt::sample(), b"/a \"b\"").unwrap();
        let page = String::from_utf8(results.page(id(&path)).unwrap().text).unwrap();
        for part in [
            "a &lt;1&gt;.txt",
            "href=\"/u/s/a%20%3C1%3E.txt\"",
            &"ab".repeat(32),
            "12.1 KiB",
            "&#34;&lt;y&gt;",
            "/a%20%22b%22",
        ] {
            assert!(page.contains(part), "{part}\n{page}");
        }
        assert!(!page.contains("<y>"));
        for wrong in ["", "0", &"0".repeat(32), &"+".repeat(32), &id_text(&path).to_uppercase()] {
            if wrong != id_text(&path) {
                assert!(results.page(wrong.as_bytes()).is_none(), "{wrong}");
            }
        }
    }

    fn id_text(path: &str) -> &str {
        path.strip_prefix(PATH).unwrap()
    }

    #[test]
    fn the_oldest_results_are_forgotten_by_number_and_by_size() {
        let empty = Receipt { files: Vec::new(), fields: Vec::new() };
        let results = Results::default();
        let first = results.keep(&empty, b"/").unwrap();
        for count in 0..MOST.get() {
            results.keep(&empty, b"/").unwrap();
            let pages = results.0.lock().unwrap();
            assert!(pages.bytes <= MOST_BYTES && pages.pages.len() <= MOST.get(), "{count}");
        }
        assert!(results.page(id(&first)).is_none());
        let long = "x".repeat(MOST_BYTES);
        let long = Receipt { files: Vec::new(), fields: vec![("a".into(), long)] };
        let last = results.keep(&long, b"/").unwrap();
        assert!(results.page(id(&last)).is_some());
        let pages = results.0.lock().unwrap();
        assert_eq!(pages.pages.len(), 1);
        assert_eq!(pages.bytes, pages.pages.iter().map(|(_, page)| page.len()).sum::<usize>());
    }
}
