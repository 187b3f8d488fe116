//! The request target: its forms, and where its parts lie.

use http::Method;

use super::{Authority, HeadError};
use crate::message::{Target, TargetForm};

/// A piece of a head: offsets from its first byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Span {
    start: u16,
    end: u16,
}

impl Span {
    pub(super) fn new(start: usize, end: usize) -> Self {
        Self { start: offset(start), end: offset(end) }
    }

    pub(super) fn of(self, head: &[u8]) -> &[u8] {
        &head[usize::from(self.start)..usize::from(self.end)]
    }

    fn is_empty(self) -> bool {
        self.start == self.end
    }
}

/// An offset inside a head, which is never longer than [`u16::MAX`].
#[expect(clippy::cast_possible_truncation, reason = "see above")]
#[inline]
pub(super) fn offset(at: usize) -> u16 {
    debug_assert!(u16::try_from(at).is_ok());
    at as u16
}

/// Where the parts of a request target lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TargetSpan {
    pub(super) form: TargetForm,
    raw: Span,
    authority: Option<Span>,
    path: Span,
    query: Option<Span>,
}

impl TargetSpan {
    /// A target that begins with `/`; `mark` is where its first `?` is.
    #[inline]
    pub(super) fn origin(start: usize, mark: Option<usize>, end: usize) -> Self {
        Self {
            form: TargetForm::Origin,
            raw: Span::new(start, end),
            authority: None,
            path: Span::new(start, mark.unwrap_or(end)),
            query: mark.map(|mark| Span::new(mark + 1, end)),
        }
    }

    /// A target `head[start..end]` that does not begin with `/`, or is of CONNECT.
    pub(super) fn other(
        method: &Method,
        head: &[u8],
        start: usize,
        end: usize,
    ) -> Result<Self, HeadError> {
        let raw = &head[start..end];
        if method == Method::CONNECT {
            return authority_form(raw, start);
        }
        if raw == b"*" && method == Method::OPTIONS {
            return Ok(Self {
                form: TargetForm::Asterisk,
                raw: Span::new(start, end),
                authority: None,
                path: Span::new(start, end),
                query: None,
            });
        }
        absolute_form(raw, start)
    }

    /// The target itself; `head` is what the offsets were found in.
    pub(super) fn view(self, head: &[u8]) -> Target<'_> {
        let path = match self.form {
            TargetForm::Absolute if self.path.is_empty() => b"/",
            _ => self.path.of(head),
        };
        Target {
            form: self.form,
            raw: self.raw.of(head),
            authority: self.authority.map(|span| span.of(head)),
            path,
            query: self.query.map(|span| span.of(head)),
        }
    }

    pub(super) fn authority(self) -> Option<Span> {
        self.authority
    }
}

/// `authority-form = uri-host ":" port`; the port must be there (RFC 9110 section 9.3.6).
fn authority_form(raw: &[u8], start: usize) -> Result<TargetSpan, HeadError> {
    let authority = Authority::parse(raw).ok_or(HeadError::TargetAuthority)?;
    if authority.port.is_none_or(|port| port == 0) {
        return Err(HeadError::TargetAuthority);
    }
    let end = start + raw.len();
    Ok(TargetSpan {
        form: TargetForm::Authority,
        raw: Span::new(start, end),
        authority: Some(Span::new(start, end)),
        path: Span::new(end, end),
        query: None,
    })
}

/// `absolute-form = absolute-URI`, of `http` and `https`: a server is not reached by other schemes.
fn absolute_form(raw: &[u8], start: usize) -> Result<TargetSpan, HeadError> {
    let scheme = scheme_length(raw).ok_or(HeadError::TargetForm)?;
    let after = &raw[scheme..];
    let path = scheme + memchr::memchr2(b'/', b'?', after).unwrap_or(after.len());
    Authority::parse(&raw[scheme..path]).ok_or(HeadError::TargetAuthority)?;

    let mark = memchr::memchr(b'?', &raw[path..]).map(|at| path + at);
    let end = raw.len();
    let span = |from, to| Span::new(start + from, start + to);
    Ok(TargetSpan {
        form: TargetForm::Absolute,
        raw: span(0, end),
        authority: Some(span(scheme, path)),
        path: span(path, mark.unwrap_or(end)),
        query: mark.map(|mark| span(mark + 1, end)),
    })
}

fn scheme_length(raw: &[u8]) -> Option<usize> {
    [&b"http://"[..], b"https://"]
        .iter()
        .find(|scheme| {
            raw.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
        })
        .map(|scheme| scheme.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn other(method: &Method, raw: &str) -> Result<Target<'static>, HeadError> {
        let head: &'static [u8] = Box::leak(format!("X {raw}").into_bytes().into_boxed_slice());
        TargetSpan::other(method, head, 2, head.len()).map(|span| span.view(head))
    }

    #[test]
    fn an_absolute_form_is_taken_apart() {
        for (raw, authority, path, query) in [
            ("http://a", "a", "/", None),
            ("http://a/", "a", "/", None),
            ("HTTPS://A:443/b/c", "A:443", "/b/c", None),
            ("http://a?x=/y", "a", "/", Some("x=/y")),
            ("http://[::1]:8/b?c?d", "[::1]:8", "/b", Some("c?d")),
            ("http://a//b", "a", "//b", None),
        ] {
            let target = other(&Method::GET, raw).unwrap();
            assert_eq!(target.form, TargetForm::Absolute);
            assert_eq!(target.raw, raw.as_bytes());
            assert_eq!(target.authority, Some(authority.as_bytes()));
            assert_eq!(target.path, path.as_bytes());
            assert_eq!(target.query, query.map(str::as_bytes));
        }
    }

    #[test]
    fn authority_form_is_of_connect_and_asterisk_of_options() {
        let connect = other(&Method::CONNECT, "a:443").unwrap();
        assert_eq!(connect.form, TargetForm::Authority);
        assert_eq!(connect.authority, Some(&b"a:443"[..]));
        assert_eq!((connect.path, connect.query), (&b""[..], None));
        let asterisk = other(&Method::OPTIONS, "*").unwrap();
        assert_eq!(asterisk.form, TargetForm::Asterisk);
        assert_eq!((asterisk.path, asterisk.authority), (&b"*"[..], None));
    }

    #[test]
    fn other_targets_are_refused() {
        use HeadError::{TargetAuthority, TargetForm};
        for (method, raw, error) in [
            (Method::GET, "*", TargetForm),
            (Method::OPTIONS, "**", TargetForm),
            (Method::GET, "a:443", TargetForm),
            (Method::GET, "a/b", TargetForm),
            (Method::GET, "?a", TargetForm),
            (Method::GET, "ftp://a/", TargetForm),
            (Method::GET, "http:/a", TargetForm),
            (Method::GET, "http://", TargetAuthority),
            (Method::GET, "http:///a", TargetAuthority),
            (Method::GET, "http://u@a/", TargetAuthority),
            (Method::GET, "http://a:x/", TargetAuthority),
            (Method::GET, "http://a\\b/", TargetAuthority),
            (Method::CONNECT, "/", TargetAuthority),
            (Method::CONNECT, "*", TargetAuthority),
            (Method::CONNECT, "a", TargetAuthority),
            (Method::CONNECT, "a:", TargetAuthority),
            (Method::CONNECT, "a:0", TargetAuthority),
            (Method::CONNECT, "http://a:1/", TargetAuthority),
        ] {
            assert_eq!(other(&method, raw), Err(error), "{method} {raw}");
        }
    }
}
