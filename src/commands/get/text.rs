//! Text on its way to standard output: out of its charset into UTF-8, and harmless on a terminal.

use std::io::{self, Write};

use encoding_rs::{CoderResult, Decoder, Encoding, UTF_8};
use http::HeaderMap;
use http::header::CONTENT_TYPE;

use super::console::Console;
use super::writer::Sink;
use crate::commands::harmless::harmless_lines;
use crate::content::charset::{SAMPLE_LENGTH, charset, charset_of_html};

/// Bytes that are decoded at once.
const BLOCK: usize = 16 << 10;

/// What the type of an answer says of its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Text; of a page it may say itself in which charset.
    Text {
        charset: Option<&'static Encoding>,
        is_page: bool,
    },
    Binary,
    /// It has no type.
    Unknown,
}

impl Kind {
    pub(super) fn of(fields: &HeaderMap) -> Self {
        let Some(value) = fields.get(CONTENT_TYPE) else { return Self::Unknown };
        let value = String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase();
        let mut pieces = value.split(';').map(str::trim);
        let media_type = pieces.next().unwrap_or_default();
        if !is_text(media_type) {
            return Self::Binary;
        }
        let label = pieces.find_map(|piece| piece.strip_prefix("charset="));
        let charset = label
            .and_then(|label| Encoding::for_label(label.trim_matches(['"', '\'', ' ']).as_bytes()))
            .or_else(|| is_utf8(media_type).then_some(UTF_8));
        Self::Text { charset, is_page: media_type.contains("html") }
    }

    /// What it is by its first bytes, if nobody says.
    pub(super) fn or_by(self, first: &[u8]) -> Self {
        let text = Self::Text { charset: None, is_page: false };
        let is_marked = Encoding::for_bom(first).is_some();
        let is_binary = |byte: &u8| matches!(byte, 0..=8 | 0x0e..=0x1a | 0x1c..=0x1f);
        match self {
            Self::Unknown if is_marked || !first.iter().any(is_binary) => text,
            Self::Unknown => Self::Binary,
            known => known,
        }
    }
}

fn is_text(media_type: &str) -> bool {
    let (kind, subtype) = media_type.split_once('/').unwrap_or((media_type, ""));
    let named = [
        "ecmascript",
        "graphql",
        "javascript",
        "json",
        "json5",
        "jsonl",
        "ndjson",
        "sql",
        "toml",
        "wasm-text",
        "x-httpd-php",
        "x-javascript",
        "x-ndjson",
        "x-perl",
        "x-sh",
        "x-subrip",
        "x-www-form-urlencoded",
        "x-yaml",
        "xml",
        "xml-dtd",
        "yaml",
    ];
    kind == "text"
        || (kind == "application" && named.contains(&subtype))
        // Images and models may be text, too.
        || ["+json", "+xml", "+yaml"].iter().any(|suffix| subtype.ends_with(suffix))
}

/// Whether a type is UTF-8 whatever it says.
fn is_utf8(media_type: &str) -> bool {
    media_type.contains("json") || media_type == "text/event-stream"
}

/// Text to standard output.
pub(super) struct Text {
    console: Console,
    decoder: Option<Decoder>,
    /// What has come until the charset was known.
    sample: Vec<u8>,
    is_page: bool,
    /// Whether the next line end has been begun by a carriage return.
    returns: bool,
    ends_line: bool,
}

impl Text {
    pub(super) fn new(console: Console, charset: Option<&'static Encoding>, is_page: bool) -> Self {
        Self {
            console,
            // A byte order mark has the say over everything else.
            decoder: charset.map(Encoding::new_decoder),
            sample: Vec::new(),
            is_page,
            returns: false,
            ends_line: true,
        }
    }

    fn decide(&mut self) -> io::Result<()> {
        let sample = std::mem::take(&mut self.sample);
        let label = xml_charset(&sample).unwrap_or_else(|| {
            if self.is_page { charset_of_html(&sample) } else { charset(&sample) }
        });
        let encoding = Encoding::for_label(label.as_bytes()).unwrap_or(UTF_8);
        self.decoder = Some(encoding.new_decoder());
        self.decode(&sample, false)
    }

    fn decode(&mut self, bytes: &[u8], is_last: bool) -> io::Result<()> {
        let mut rest = bytes;
        loop {
            let Some(decoder) = &mut self.decoder else { return Ok(()) };
            let mut text = String::with_capacity(BLOCK);
            let (result, read, _) = decoder.decode_to_string(rest, &mut text, is_last);
            rest = rest.get(read..).unwrap_or_default();
            self.print(&text, is_last && result == CoderResult::InputEmpty)?;
            if result == CoderResult::InputEmpty {
                return Ok(());
            }
        }
    }

    fn print(&mut self, text: &str, is_last: bool) -> io::Result<()> {
        if !self.console.is_terminal {
            return if text.is_empty() { Ok(()) } else { self.console.print(text.as_bytes()) };
        }
        // A carriage return before a line end is part of it; a block may end between them.
        let mut text =
            if std::mem::take(&mut self.returns) { format!("\r{text}") } else { text.to_owned() };
        if !is_last && text.ends_with('\r') {
            text.pop();
            self.returns = true;
        }
        let text = text.replace("\r\n", "\n");
        if !text.is_empty() {
            self.ends_line = text.ends_with('\n');
            self.console.print(harmless_lines(&text).as_bytes())?;
        }
        if is_last && !self.ends_line {
            self.console.print(b"\n")?;
        }
        Ok(())
    }
}

/// The charset that an XML declaration in ASCII names (XML 1.0 section 4.3.3).
fn xml_charset(sample: &[u8]) -> Option<&'static str> {
    let declaration = sample.strip_prefix(b"<?xml")?;
    let end = declaration.iter().take(256).position(|byte| *byte == b'>')?;
    let declaration = std::str::from_utf8(&declaration[..end]).ok()?;
    let (_, value) = declaration.split_once("encoding")?;
    let value = value.trim_start().strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let label = value[1..].split(quote).next()?;
    let encoding = Encoding::for_label_no_replacement(label.as_bytes())?;
    // What can be read as ASCII is not UTF-16.
    Some(encoding.output_encoding().name())
}

impl Write for Text {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.decoder.is_some() {
            self.decode(bytes, false)?;
        } else {
            self.sample.extend_from_slice(bytes);
            if self.sample.len() >= SAMPLE_LENGTH {
                self.decide()?;
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sink for Text {
    fn finish(mut self: Box<Self>) -> io::Result<()> {
        if self.decoder.is_none() {
            self.decide()?;
        }
        self.decode(&[], true)
    }
}

/// When the end never comes, what has come is shown all the same.
impl Drop for Text {
    fn drop(&mut self) {
        if self.decoder.is_none() && !self.sample.is_empty() {
            let _ = self.decide();
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn kind(value: &'static str) -> Kind {
        let mut fields = HeaderMap::new();
        fields.insert(CONTENT_TYPE, HeaderValue::from_static(value));
        Kind::of(&fields)
    }

    #[test]
    fn types_say_what_is_text_and_in_which_charset() {
        let text = |charset, is_page| Kind::Text { charset, is_page };
        for (value, expected) in [
            ("text/plain", text(None, false)),
            ("Text/HTML; charset=\"Shift_JIS\"", text(Some(encoding_rs::SHIFT_JIS), true)),
            (
                "text/plain; format=flowed; charset=iso-8859-1",
                text(Some(encoding_rs::WINDOWS_1252), false),
            ),
            ("text/plain; charset=nonsense", text(None, false)),
            ("application/json", text(Some(UTF_8), false)),
            ("application/problem+json", text(Some(UTF_8), false)),
            ("application/xhtml+xml", text(None, true)),
            ("application/octet-stream", Kind::Binary),
            ("image/svg+xml", text(None, false)),
            ("model/x3d+xml", text(None, false)),
            ("model/gltf+json", text(Some(UTF_8), false)),
            ("application/javascript", text(None, false)),
            ("image/png", Kind::Binary),
            ("", Kind::Binary),
        ] {
            assert_eq!(kind(value), expected, "{value}");
        }
        assert_eq!(Kind::of(&HeaderMap::new()), Kind::Unknown);
    }

    #[test]
    fn first_bytes_say_it_where_nobody_does() {
        let text = Kind::Text { charset: None, is_page: false };
        assert_eq!(Kind::Unknown.or_by(b"a\tb\r\n\x1b[1m\xe9"), text);
        assert_eq!(Kind::Unknown.or_by(b"\xff\xfea\0"), text);
        assert_eq!(Kind::Unknown.or_by(b"\x89PNG\r\n\x1a\n\0"), Kind::Binary);
        assert_eq!(Kind::Binary.or_by(b"a"), Kind::Binary);
    }

    #[test]
    fn xml_says_its_charset() {
        for (sample, expected) in [
            (&b"<?xml version='1.0' encoding='koi8-r'?>"[..], Some("KOI8-R")),
            (b"<?xml version=\"1.0\" encoding = \"UTF-16\"?>", Some("UTF-8")),
            (b"<?xml version='1.0'?>", None),
            (b"<?xml encoding='nonsense'?>", None),
            (b"<?xml encoding='koi8-r", None),
            (b"<a encoding='koi8-r'>", None),
        ] {
            assert_eq!(xml_charset(sample), expected);
        }
    }
}
