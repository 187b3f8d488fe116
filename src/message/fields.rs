//! Header fields: to read, of a request; to write, of a response.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName, HeaderValue, header};

/// Where one field line lies in the bytes of a head; offsets from its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldSpan {
    /// First byte of the name.
    pub name_start: u16,
    /// One past the last byte of the name.
    pub name_end: u16,
    /// First byte of the value, white space around it left out.
    pub value_start: u16,
    /// One past the last byte of the value.
    pub value_end: u16,
}

impl FieldSpan {
    fn name(self, head: &[u8]) -> &[u8] {
        &head[usize::from(self.name_start)..usize::from(self.name_end)]
    }

    fn value(self, head: &[u8]) -> &[u8] {
        &head[usize::from(self.value_start)..usize::from(self.value_end)]
    }
}

/// Which names a head may hold: a set of 64 buckets, filled by the parser, that answers most
/// questions for an absent field without looking at the fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SeenNames(u64);

impl SeenNames {
    /// A set of these names.
    #[must_use]
    pub const fn of(names: &[&[u8]]) -> Self {
        let mut set = 0;
        let mut at = 0;
        while at < names.len() {
            if let Some(bit) = Self::bit(names[at]) {
                set |= bit;
            }
            at += 1;
        }
        Self(set)
    }

    /// Whether both may hold the same name.
    #[inline]
    pub const fn may_share(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Notes a name; its case does not matter. An empty name is not noted.
    #[inline]
    pub fn insert(&mut self, name: &[u8]) {
        if let Some(bit) = Self::bit(name) {
            self.0 |= bit;
        }
    }

    /// Whether a name was noted; now and then true for one that was not.
    #[inline]
    pub fn may_contain(self, name: &[u8]) -> bool {
        Self::bit(name).is_some_and(|bit| self.0 & bit != 0)
    }

    #[inline]
    const fn bit(name: &[u8]) -> Option<u64> {
        let ([first, ..], [.., last]) = (name, name) else { return None };
        let bucket = name.len() * 7 + (*first | 0x20) as usize * 3 + (*last | 0x20) as usize;
        Some(1 << (bucket & 63))
    }
}

/// The header fields of a request, wherever they lie.
#[derive(Clone, Copy, Debug)]
pub enum Fields<'a> {
    /// Lines of an HTTP/1.1 head.
    Wire {
        /// The bytes that the spans point into.
        head: &'a [u8],
        /// One per field line, in the order received.
        spans: &'a [FieldSpan],
        /// The names among them.
        seen: SeenNames,
    },
    /// Fields of an HTTP/2 request.
    Map(&'a HeaderMap),
}

impl<'a> Fields<'a> {
    /// No fields at all.
    pub const EMPTY: Self = Self::Wire { head: &[], spans: &[], seen: SeenNames(0) };

    /// Whether there may be a field of one of these names: asked before each of them is looked for.
    #[inline]
    pub fn may_contain_any(&self, names: SeenNames) -> bool {
        match self {
            Self::Wire { seen, .. } => seen.may_share(names),
            Self::Map(map) => !map.is_empty(),
        }
    }

    /// The value of the first line of that name.
    #[inline]
    pub fn get(&self, name: &HeaderName) -> Option<&'a [u8]> {
        match *self {
            Self::Wire { head, spans, seen } => {
                let name = name.as_str().as_bytes();
                if !seen.may_contain(name) {
                    return None;
                }
                let found = spans.iter().find(|span| is_named(**span, head, name))?;
                Some(found.value(head))
            }
            Self::Map(map) => map.get(name).map(HeaderValue::as_bytes),
        }
    }

    /// The value of the only line of that name; `None` as well when there are several.
    #[inline]
    pub fn sole(&self, name: &HeaderName) -> Option<&'a [u8]> {
        match *self {
            Self::Wire { head, spans, seen } => {
                let name = name.as_str().as_bytes();
                if !seen.may_contain(name) {
                    return None;
                }
                let mut named = spans.iter().filter(|span| is_named(**span, head, name));
                let only = named.next()?;
                named.next().is_none().then(|| only.value(head))
            }
            Self::Map(map) => {
                let mut values = map.get_all(name).iter();
                let only = values.next()?;
                values.next().is_none().then(|| only.as_bytes())
            }
        }
    }

    /// The values of all lines of that name, in the order received.
    pub fn lines(&self, name: &'a HeaderName) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let (wire, map) = match *self {
            Self::Wire { head, spans, seen } => {
                let name = name.as_str().as_bytes();
                let spans = if seen.may_contain(name) { spans } else { &[] };
                let named = spans.iter().filter(move |span| is_named(**span, head, name));
                (Some(named.map(move |span| span.value(head))), None)
            }
            Self::Map(map) => (None, Some(map.get_all(name).iter().map(HeaderValue::as_bytes))),
        };
        wire.into_iter().flatten().chain(map.into_iter().flatten())
    }

    /// Every line: name as sent, value.
    pub fn iter(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        let (wire, map) = match *self {
            Self::Wire { head, spans, .. } => {
                (Some(spans.iter().map(move |span| (span.name(head), span.value(head)))), None)
            }
            Self::Map(map) => {
                (None, Some(map.iter().map(|(n, v)| (n.as_str().as_bytes(), v.as_bytes()))))
            }
        };
        wire.into_iter().flatten().chain(map.into_iter().flatten())
    }
}

#[inline]
fn is_named(span: FieldSpan, head: &[u8], name: &[u8]) -> bool {
    usize::from(span.name_end - span.name_start) == name.len()
        && span.name(head).eq_ignore_ascii_case(name)
}

/// Header fields made once and sent many times: as a list for HTTP/2 and logs, as bytes for HTTP/1.1.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Block {
    list: Box<[(HeaderName, HeaderValue)]>,
    wire: Box<[u8]>,
    names: SeenNames,
    overrides: bool,
}

impl Block {
    /// The field lines, each ended by CRLF.
    #[inline]
    pub fn wire(&self) -> &[u8] {
        &self.wire
    }

    /// The fields in order.
    pub fn list(&self) -> &[(HeaderName, HeaderValue)] {
        &self.list
    }

    /// The same block, of which is known that it may hold fields which the site's policy sets too:
    /// its own are meant. Only blocks that say so are looked through.
    #[must_use]
    pub fn overriding(self) -> Self {
        Self { overrides: true, ..self }
    }

    /// The field lines but those of some names.
    pub fn wire_without(&self, skip: impl Fn(&HeaderName) -> bool) -> Cow<'_, [u8]> {
        if !self.list.iter().any(|(name, _)| skip(name)) {
            return Cow::Borrowed(&self.wire);
        }
        let kept = self.list.iter().filter(|(name, _)| !skip(name)).cloned();
        Cow::Owned(kept.collect::<Self>().wire.into())
    }

    /// The value of the first field of that name.
    pub fn get(&self, name: &HeaderName) -> Option<&HeaderValue> {
        self.list.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }
}

impl FromIterator<(HeaderName, HeaderValue)> for Block {
    fn from_iter<I: IntoIterator<Item = (HeaderName, HeaderValue)>>(fields: I) -> Self {
        let list: Box<[_]> = fields.into_iter().collect();
        let mut wire = Vec::new();
        let mut names = SeenNames::default();
        for (name, value) in &list {
            write_line(&mut wire, name, value);
            names.insert(name.as_str().as_bytes());
        }
        Self { list, wire: wire.into(), names, overrides: false }
    }
}

/// Appends one field line with its CRLF, the name in the customary capitals (`Content-Type`).
pub(super) fn write_line(out: &mut Vec<u8>, name: &HeaderName, value: &HeaderValue) {
    if name == header::ETAG {
        out.extend_from_slice(b"ETag");
    } else if name == header::CONTENT_RANGE {
        // In every answer to a request for a range.
        out.extend_from_slice(b"Content-Range");
    } else {
        write_capitalised(out, name);
    }
    out.extend_from_slice(b": ");
    out.extend_from_slice(value.as_bytes());
    out.extend_from_slice(b"\r\n");
}

fn write_capitalised(out: &mut Vec<u8>, name: &HeaderName) {
    let mut start_of_word = true;
    out.extend(name.as_str().bytes().map(|byte| {
        let written = if start_of_word { byte.to_ascii_uppercase() } else { byte };
        start_of_word = byte == b'-';
        written
    }));
}

/// The fields of a response. Those that belong to the wire (`Content-Length`, `Transfer-Encoding`,
/// `Connection`, `Date`) are never in here: the connection adds them from the body.
#[derive(Clone, Debug, Default)]
pub struct ResponseFields {
    /// Fields made once for the representation.
    pub shared: Option<std::sync::Arc<Block>>,
    /// Fields made for this answer; they come after the shared ones.
    pub own: Vec<(HeaderName, HeaderValue)>,
    /// Whether the fields of the site's policy are already among them, so that nothing is added.
    pub complete: bool,
}

impl ResponseFields {
    /// Whether one of them may be among those of `policy`, the block that answers get from the site.
    #[inline]
    pub fn may_override(&self, policy: &Block) -> bool {
        let is_there = |name: &HeaderName| policy.names.may_contain(name.as_str().as_bytes());
        self.own.iter().any(|(name, _)| is_there(name))
            || self
                .shared
                .as_ref()
                .is_some_and(|block| block.overrides && block.names.may_share(policy.names))
    }

    /// Whether a field of that name was set to be meant instead of the one of the site's policy.
    pub fn overrides(&self, name: &HeaderName) -> bool {
        let shared = self.shared.as_ref().filter(|block| block.overrides);
        self.own.iter().any(|(own, _)| own == name)
            || shared.is_some_and(|block| block.get(name).is_some())
    }

    /// Removes every field of that name, also from what is shared with other answers.
    pub fn remove(&mut self, name: &HeaderName) {
        if self.shared.as_ref().is_some_and(|block| block.get(name).is_some()) {
            let shared = self.shared.take();
            let list = shared.as_deref().map_or(&[][..], Block::list);
            self.own.splice(..0, list.iter().cloned());
        }
        self.own.retain(|(known, _)| known != name);
    }

    /// Whether a field of that name is there.
    pub fn contains(&self, name: &HeaderName) -> bool {
        self.get(name).is_some()
    }

    /// The value of the first field of that name.
    pub fn get(&self, name: &HeaderName) -> Option<&HeaderValue> {
        let own = self.own.iter().find(|(known, _)| known == name).map(|(_, value)| value);
        own.or_else(|| self.shared.as_ref()?.get(name))
    }

    /// Adds a field.
    pub fn push(&mut self, name: HeaderName, value: HeaderValue) {
        self.own.push((name, value));
    }

    /// Every field, the shared ones first.
    pub fn iter(&self) -> impl Iterator<Item = (&HeaderName, &HeaderValue)> {
        let shared = self.shared.as_deref().map_or(&[][..], Block::list);
        shared.iter().chain(&self.own).map(|(name, value)| (name, value))
    }

    /// Appends the field lines as HTTP/1.1 has them.
    #[inline]
    pub fn write(&self, out: &mut Vec<u8>) {
        if let Some(block) = &self.shared {
            out.extend_from_slice(block.wire());
        }
        for (name, value) in &self.own {
            write_line(out, name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &[u8] = b"Host: a\r\nACCEPT: x\r\naccept: y\r\n";

    fn span(name: (u16, u16), value: (u16, u16)) -> FieldSpan {
        FieldSpan { name_start: name.0, name_end: name.1, value_start: value.0, value_end: value.1 }
    }

    fn check(fields: Fields<'_>) {
        assert_eq!(fields.get(&header::HOST), Some(&b"a"[..]));
        assert_eq!(fields.get(&header::ACCEPT), Some(&b"x"[..]));
        assert_eq!(fields.get(&header::RANGE), None);
        assert_eq!(fields.sole(&header::HOST), Some(&b"a"[..]));
        assert_eq!(fields.sole(&header::ACCEPT), None);
        assert_eq!(fields.sole(&header::RANGE), None);
        assert_eq!(fields.lines(&header::ACCEPT).collect::<Vec<_>>(), [b"x", b"y"]);
        assert_eq!(fields.iter().count(), 3);
    }

    #[test]
    fn both_kinds_of_fields_answer_alike() {
        let spans = [span((0, 4), (6, 7)), span((9, 15), (17, 18)), span((20, 26), (28, 29))];
        let mut seen = SeenNames::default();
        for name in [&b"Host"[..], b"ACCEPT"] {
            seen.insert(name);
        }
        check(Fields::Wire { head: HEAD, spans: &spans, seen });

        let mut map = HeaderMap::new();
        map.append(header::HOST, HeaderValue::from_static("a"));
        map.append(header::ACCEPT, HeaderValue::from_static("x"));
        map.append(header::ACCEPT, HeaderValue::from_static("y"));
        check(Fields::Map(&map));
    }

    #[test]
    fn a_removed_field_leaves_the_shared_block_as_it_was() {
        let pair = |name, value| (name, HeaderValue::from_static(value));
        let block: Block = [pair(header::ETAG, "\"1\""), pair(header::CACHE_CONTROL, "no-cache")]
            .into_iter()
            .collect();
        let block = std::sync::Arc::new(block);
        let mut fields =
            ResponseFields { shared: Some(block.clone()), ..ResponseFields::default() };
        fields.push(header::VARY, HeaderValue::from_static("accept"));
        fields.remove(&header::AGE);
        assert!(fields.shared.is_some());
        fields.remove(&header::CACHE_CONTROL);
        fields.remove(&header::VARY);
        assert_eq!(
            fields.iter().collect::<Vec<_>>(),
            [(&header::ETAG, block.get(&header::ETAG).unwrap())]
        );
        assert!(block.get(&header::CACHE_CONTROL).is_some());
    }

    #[test]
    fn a_block_is_written_in_customary_capitals() {
        let block: Block = [
            (header::CONTENT_TYPE, HeaderValue::from_static("text/plain")),
            (header::ETAG, HeaderValue::from_static("\"1\"")),
        ]
        .into_iter()
        .collect();
        assert_eq!(block.wire(), b"Content-Type: text/plain\r\nETag: \"1\"\r\n");
        assert_eq!(block.get(&header::ETAG).unwrap(), "\"1\"");
    }
}
