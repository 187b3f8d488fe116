//! What a client asks.

use std::net::SocketAddr;
use std::time::Instant;

use http::{Method, Version};

use super::{Fields, RequestBody};

/// A request: a view over bytes that the connection owns.
#[derive(Debug)]
pub struct Request<'a> {
    /// The method; only those that [RFC 9110 section 9] and RFC 5789 define reach a handler.
    ///
    /// [RFC 9110 section 9]: https://www.rfc-editor.org/rfc/rfc9110#section-9
    pub method: Method,
    /// What the request is about.
    pub target: Target<'a>,
    /// The protocol version spoken.
    pub version: Version,
    /// The header fields.
    pub fields: Fields<'a>,
    /// When its head had arrived, by the coarse clock of its worker: what rules and stores take
    /// as the present.
    pub received: Instant,
    /// Who asks.
    pub peer: Peer,
    /// The content that comes with the request, read only when somebody asks for it.
    pub body: RequestBody<'a>,
}

/// The request target (RFC 9112 section 3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target<'a> {
    /// Which of the four forms it was sent in.
    pub form: TargetForm,
    /// The target as it was sent.
    pub raw: &'a [u8],
    /// Host and port, when the target itself names them (absolute and authority form).
    pub authority: Option<&'a [u8]>,
    /// The path as sent, still percent-encoded; `*` in asterisk form, empty in authority form.
    /// An absolute form without a path has `/`.
    pub path: &'a [u8],
    /// What follows the first `?`, without it.
    pub query: Option<&'a [u8]>,
}

/// The forms of a request target (RFC 9112 sections 3.2.1 to 3.2.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetForm {
    /// `/path?query`
    Origin,
    /// `http://host/path?query`
    Absolute,
    /// `host:port`, of CONNECT only
    Authority,
    /// `*`, of OPTIONS only
    Asterisk,
}

impl<'a> Target<'a> {
    /// A target in origin form, split at its first `?`.
    pub fn origin(raw: &'a [u8]) -> Self {
        let (path, query) = match memchr::memchr(b'?', raw) {
            Some(at) => (&raw[..at], Some(&raw[at + 1..])),
            None => (raw, None),
        };
        Self { form: TargetForm::Origin, raw, authority: None, path, query }
    }

    /// The value of the first query parameter of that name, as sent; empty when it has no `=`.
    pub fn parameter(&self, name: &[u8]) -> Option<&'a [u8]> {
        self.query?.split(|&byte| byte == b'&').find_map(|pair| match pair.strip_prefix(name)? {
            [] => Some(&pair[pair.len()..]),
            [b'=', value @ ..] => Some(value),
            _ => None,
        })
    }
}

/// Who is at the other end of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Peer {
    /// Address and port of the client.
    pub address: SocketAddr,
    /// Whether the connection is encrypted.
    pub secure: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_form_splits_at_the_first_question_mark() {
        let target = Target::origin(b"/a?b?c");
        assert_eq!((target.path, target.query), (&b"/a"[..], Some(&b"b?c"[..])));
        assert_eq!(Target::origin(b"/a").query, None);
        assert_eq!(Target::origin(b"/a?").query, Some(&b""[..]));
    }

    #[test]
    fn parameters_are_found_with_and_without_a_value() {
        let target = Target::origin(b"/?downloads=1&download&sort=name&sort=size");
        assert_eq!(target.parameter(b"download"), Some(&b""[..]));
        assert_eq!(target.parameter(b"sort"), Some(&b"name"[..]));
        assert_eq!(target.parameter(b"order"), None);
    }
}
