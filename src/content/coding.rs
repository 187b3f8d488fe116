//! `Accept-Encoding` (RFC 9110 section 12.5.3): the codings that a client takes.

#[cfg(test)]
mod tests;

use http::{HeaderName, HeaderValue, header};

use super::quality::thousandths;
use crate::message::Fields;

static ACCEPT_ENCODING: HeaderName = header::ACCEPT_ENCODING;

/// Files shorter than this, in bytes, are not compressed: the head weighs as much.
pub const MIN_LENGTH: u64 = 1024;

/// A content coding (RFC 9110 section 8.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Coding {
    /// Brotli (RFC 7932).
    Br,
    /// Zstandard (RFC 8878), with a window of at most 8 MiB (RFC 9659).
    Zstd,
    /// RFC 1952.
    Gzip,
}

impl Coding {
    /// How many there are.
    pub const COUNT: usize = 3;

    /// All of them, the one first that makes texts smallest (`benches/COMPRESSION.md`).
    pub const ALL: [Self; Self::COUNT] = [Self::Br, Self::Zstd, Self::Gzip];

    /// Its name in `Accept-Encoding` and `Content-Encoding`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Br => "br",
            Self::Zstd => "zstd",
            Self::Gzip => "gzip",
        }
    }

    /// The value of `Content-Encoding`.
    pub const fn value(self) -> HeaderValue {
        HeaderValue::from_static(self.name())
    }

    /// What the name of a precompressed sibling ends with.
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::Br => ".br",
            Self::Zstd => ".zst",
            Self::Gzip => ".gz",
        }
    }

    /// The coding of that name; case does not matter. `x-gzip` is gzip (RFC 9110 section 8.4.1.3).
    fn named(name: &[u8]) -> Option<Self> {
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        match name.len() {
            2 if is("br") => Some(Self::Br),
            4 if is("gzip") => Some(Self::Gzip),
            4 if is("zstd") => Some(Self::Zstd),
            6 if is("x-gzip") => Some(Self::Gzip),
            _ => None,
        }
    }
}

/// What a client takes: codings, the one to try first first, and whether it takes content without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    codings: [Option<Coding>; Coding::COUNT],
    /// How many of them have the quality of the first.
    equals: u8,
    identity: bool,
}

impl Accepted {
    /// Content without a coding, and nothing else.
    pub const IDENTITY: Self = Self { codings: [None; Coding::COUNT], equals: 0, identity: true };

    /// What the fields of a request say.
    ///
    /// - No `Accept-Encoding`: a coding could be taken for granted by nobody, so there is none.
    /// - A coding that is not named has the quality of `*`; `identity` is always acceptable unless
    ///   it, or `*` and not it, has the quality 0.
    /// - Higher qualities first; of equal ones the order of [`Coding::ALL`]. A coding that is liked
    ///   less than a named `identity` is not tried.
    /// - A member that is not well-formed says nothing.
    #[inline]
    pub fn of(fields: Fields<'_>) -> Self {
        match fields.sole(&ACCEPT_ENCODING) {
            Some(line) => Self::usual(line).unwrap_or_else(|| Self::read(fields)),
            None if fields.get(&ACCEPT_ENCODING).is_none() => Self::IDENTITY,
            None => Self::read(fields),
        }
    }

    /// What browsers say, and most programs, needs no reading.
    #[inline]
    fn usual(line: &[u8]) -> Option<Self> {
        use Coding::{Br, Gzip, Zstd};
        let (codings, equals) = match line {
            b"gzip, deflate, br, zstd" => ([Some(Br), Some(Zstd), Some(Gzip)], 3),
            b"gzip, deflate, br" => ([Some(Br), Some(Gzip), None], 2),
            b"gzip, deflate" | b"gzip" => ([Some(Gzip), None, None], 1),
            _ => return None,
        };
        Some(Self { codings, equals, identity: true })
    }

    fn read(fields: Fields<'_>) -> Self {
        let mut qualities = Qualities::default();
        fields.lines(&ACCEPT_ENCODING).for_each(|line| qualities.read(line));
        qualities.weigh()
    }

    /// The codings to try, in this order.
    #[inline]
    pub fn codings(self) -> impl Iterator<Item = Coding> {
        self.codings.into_iter().flatten()
    }

    /// The first of them.
    #[inline]
    pub fn first(self) -> Option<Coding> {
        self.codings[0]
    }

    /// The one of those liked best that costs least to compress in
    /// (`benches/COMPRESSION.md`).
    pub fn fastest(self) -> Option<Coding> {
        let best = self.codings().take(self.equals.into());
        best.min_by_key(|coding| match coding {
            Coding::Zstd => 0,
            Coding::Gzip => 1,
            Coding::Br => 2,
        })
    }

    /// Whether it takes content without a coding.
    #[inline]
    pub fn identity(self) -> bool {
        self.identity
    }
}

/// The qualities in thousandths, as far as they were named.
struct Qualities {
    codings: [u16; Coding::COUNT],
    any: u16,
    identity: u16,
}

const UNNAMED: u16 = u16::MAX;

impl Default for Qualities {
    fn default() -> Self {
        Self { codings: [UNNAMED; Coding::COUNT], any: UNNAMED, identity: UNNAMED }
    }
}

impl Qualities {
    /// Reads one line: `#( codings [ weight ] )`.
    fn read(&mut self, line: &[u8]) {
        line.split(|&byte| byte == b',').for_each(|member| self.note(member.trim_ascii()));
    }

    fn note(&mut self, member: &[u8]) {
        let (name, quality) = match member.iter().position(|&byte| byte == b';') {
            None => (member, 1000),
            Some(end) => match weight(&member[end + 1..]) {
                Some(quality) => (member[..end].trim_ascii_end(), quality),
                None => return,
            },
        };
        let known = match Coding::named(name) {
            Some(coding) => &mut self.codings[coding as usize],
            None if name == b"*" => &mut self.any,
            None if name.eq_ignore_ascii_case(b"identity") => &mut self.identity,
            None => return,
        };
        // Named twice: the higher one.
        *known = if *known == UNNAMED { quality } else { quality.max(*known) };
    }

    fn weigh(&self) -> Accepted {
        let least = match self.identity {
            UNNAMED => 1,
            identity => identity.max(1),
        };
        let mut codings = [None; Coding::COUNT];
        let mut found = [0; Coding::COUNT];
        let mut count = 0;
        for coding in Coding::ALL {
            let quality = match (self.codings[coding as usize], self.any) {
                (UNNAMED, UNNAMED) => 0,
                (UNNAMED, any) => any,
                (named, _) => named,
            };
            if quality < least {
                continue;
            }
            // Three at most: put where it belongs, those of the same quality before it.
            let mut at = count;
            while at > 0 && found[at - 1] < quality {
                codings[at] = codings[at - 1];
                found[at] = found[at - 1];
                at -= 1;
            }
            codings[at] = Some(coding);
            found[at] = quality;
            count += 1;
        }
        let identity = match (self.identity, self.any) {
            (UNNAMED, any) => any != 0,
            (named, _) => named != 0,
        };
        let mut equals = 0;
        while usize::from(equals) < count && found[usize::from(equals)] == found[0] {
            equals += 1;
        }
        Accepted { codings, equals, identity }
    }
}

/// The quality in `OWS "q=" qvalue`.
fn weight(parameter: &[u8]) -> Option<u16> {
    match parameter.trim_ascii() {
        [b'q' | b'Q', b'=', value @ ..] => thousandths(value),
        _ => None,
    }
}
