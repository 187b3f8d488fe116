//! `Content-Type`: by the name of a file, and for text with the charset that its bytes are in.

use http::HeaderValue;

use super::charset::{charset, charset_of_html};
use super::field_value;
use super::path::extension;

/// The type of a file whose name says nothing.
pub const UNKNOWN: &str = "application/octet-stream";

/// The `Content-Type` of a file of that name that begins with `sample`: its first
/// [`SAMPLE_LENGTH`](super::charset::SAMPLE_LENGTH) bytes, or all of it when it is shorter.
///
/// A charset is added to:
/// - `text/*` and `application/javascript`: what [`charset`] finds;
/// - `text/html`: likewise, but a page that declares its encoding in its first KiB is believed
///   where its bytes prove nothing, since this field would overrule it;
/// - not to XML of any kind (SVG, RSS, XHTML): its declaration is in the file, and a guess here
///   would overrule it (RFC 7303 section 3);
/// - not to JSON, which is UTF-8 and has no such parameter (RFC 8259 section 11).
///
/// `.ts` and `.mts` are `video/mp2t` when the bytes are an MPEG transport stream.
pub fn content_type(name: &[u8], sample: &[u8]) -> HeaderValue {
    let media_type = by_extension(name);
    if media_type == "text/plain" && is_transport_stream(name, sample) {
        return HeaderValue::from_static("video/mp2t");
    }
    let charset = match media_type {
        "text/html" => charset_of_html(sample),
        "text/xml" => return HeaderValue::from_static("text/xml"),
        text if text.starts_with("text/") || text == "application/javascript" => charset(sample),
        other => return HeaderValue::from_static(other),
    };
    field_value(format!("{media_type}; charset={charset}"))
}

/// The media type of a file by its name, without parameters; [`UNKNOWN`] when it says nothing.
/// The case of the name does not matter.
///
/// `mime_guess` knows most. Beside it stand types that it lacks or that a browser would not open:
/// source code is `text/plain`, so that it is shown and not saved; `.ts` counts as TypeScript.
pub fn by_extension(name: &[u8]) -> &'static str {
    let Some(extension) = extension(name) else {
        return by_whole_name(name);
    };
    let Ok(extension) = std::str::from_utf8(extension) else {
        return UNKNOWN;
    };
    CORRECTIONS
        .iter()
        .find(|(_, extensions)| is_among(extensions, extension.as_bytes()))
        .map(|&(media_type, _)| media_type)
        .or_else(|| mime_guess::from_ext(extension).first_raw())
        .unwrap_or(UNKNOWN)
}

/// Whether a person can read content of that type as text: `text/*`, JSON, XML, scripts and
/// configuration formats, their parameters left aside.
pub fn is_text(media_type: &str) -> bool {
    const OTHERS: &str = "application/json application/javascript application/ecmascript \
        application/xml application/yaml application/toml application/sql application/json5 \
        application/jsonl application/x-ndjson application/x-javascript application/x-sh \
        application/x-www-form-urlencoded application/xml-dtd application/x-subrip \
        application/x-tex application/x-perl application/x-httpd-php \
        application/vnd.apple.mpegurl";
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    let essence = essence.to_ascii_lowercase();
    essence.starts_with("text/")
        || essence.ends_with("+json")
        || essence.ends_with("+xml")
        || is_among(OTHERS, essence.as_bytes())
}

/// Whether content of that type gets smaller when it is compressed: text, and the few binary types
/// that are not compressed inside. A type that says nothing ([`UNKNOWN`]) does not.
pub fn is_compressible(media_type: &str) -> bool {
    const OTHERS: &str = "application/wasm application/rtf application/postscript \
        application/vnd.ms-fontobject application/x-font-ttf application/x-font-opentype \
        application/font-sfnt font/ttf font/otf font/collection font/sfnt \
        image/bmp image/x-ms-bmp image/x-icon image/vnd.microsoft.icon image/x-tga \
        image/x-portable-anymap image/x-portable-bitmap image/x-portable-graymap \
        image/x-portable-pixmap model/obj model/stl model/mtl model/gltf-binary";
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    is_text(essence) || is_among(OTHERS, essence.as_bytes())
}

/// What `mime_guess` lacks or says differently: a type, and the extensions that have it.
const CORRECTIONS: &[(&str, &str)] = &[
    ("text/javascript", "js mjs cjs"),
    ("text/markdown", "md markdown mdown"),
    // Source code and configuration, and the plain text that surrounds them.
    ("text/plain", "ts mts cts tsx jsx vue svelte astro coffee"),
    ("text/plain", "rs go c h cc cpp cxx hh hpp hxx m mm d zig nim v vhd vhdl"),
    ("text/plain", "java kt kts scala groovy gradle swift dart cs fs vb pas"),
    ("text/plain", "py pyi rb pl pm php lua r jl hs ml mli ex exs erl clj lisp el"),
    ("text/plain", "sh bash zsh fish ps1 psm1 bat cmd awk sed mk cmake ninja nix"),
    ("text/plain", "sql graphql gql proto thrift asm s ld wat tex bib sty rst adoc org"),
    ("text/plain", "toml yaml yml ini conf cfg cnf properties env lock service"),
    ("text/plain", "log diff patch scss sass less nfo asc sha256 sha512 md5 sum"),
    ("application/json", "map topojson webapp"),
    ("application/x-ndjson", "ndjson jsonl"),
    ("application/manifest+json", "webmanifest"),
    ("application/wasm", "wasm"),
    ("application/zstd", "zst"),
    ("application/vnd.debian.binary-package", "deb"),
    ("application/x-rpm", "rpm"),
    ("application/vnd.apple.mpegurl", "m3u8"),
    ("audio/mp4", "m4a"),
    ("video/iso.segment", "m4s"),
    ("video/mp2t", "m2ts"),
    ("image/avif", "avif"),
    ("image/webp", "webp"),
    ("image/jxl", "jxl"),
    ("font/woff", "woff"),
    ("font/woff2", "woff2"),
    ("model/obj", "obj"),
    ("model/stl", "stl"),
    ("model/3mf", "3mf"),
    ("model/vnd.usdz+zip", "usdz"),
];

/// Names without an extension that are text everywhere.
const TEXT_NAMES: &str = "readme license licence license-mit license-apache copying copyright \
    notice authors contributors maintainers codeowners changelog changes news history todo \
    install version makefile gnumakefile dockerfile containerfile vagrantfile jenkinsfile gemfile \
    rakefile procfile justfile brewfile cname \
    .gitignore .gitattributes .gitmodules .editorconfig .dockerignore .npmrc .env .htaccess \
    .profile .bashrc .zshrc .vimrc";

fn by_whole_name(name: &[u8]) -> &'static str {
    // Apple fetches this one from `/.well-known/` and wants JSON.
    if name == b"apple-app-site-association" {
        "application/json"
    } else if is_among(TEXT_NAMES, name) {
        "text/plain"
    } else {
        UNKNOWN
    }
}

/// Whether a list of words separated by white space has the word, in any case.
fn is_among(words: &str, word: &[u8]) -> bool {
    words.split_ascii_whitespace().any(|known| known.as_bytes().eq_ignore_ascii_case(word))
}

/// An MPEG transport stream has the byte 0x47 at the start of each packet of 188 bytes.
fn is_transport_stream(name: &[u8], sample: &[u8]) -> bool {
    let is_packet = |packet: &[u8]| packet.first() == Some(&0x47);
    extension(name).is_some_and(|extension| is_among("ts mts", extension))
        && sample.len() >= 188
        && sample.chunks(188).take(4).all(is_packet)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_have_the_types_that_browsers_expect() {
        let rows = [
            ("index.html", "text/html"),
            ("INDEX.HTM", "text/html"),
            ("a.css", "text/css"),
            ("a.js", "text/javascript"),
            ("a.mjs", "text/javascript"),
            ("a.min.js", "text/javascript"),
            ("a.js.map", "application/json"),
            ("a.json", "application/json"),
            ("a.wasm", "application/wasm"),
            ("site.webmanifest", "application/manifest+json"),
            ("README.md", "text/markdown"),
            ("a.txt", "text/plain"),
            ("a.ts", "text/plain"),
            ("a.tsx", "text/plain"),
            ("a.rs", "text/plain"),
            ("a.py", "text/plain"),
            ("Cargo.toml", "text/plain"),
            ("Cargo.lock", "text/plain"),
            ("a.yaml", "text/plain"),
            ("a.sh", "text/plain"),
            ("a.csv", "text/csv"),
            ("a.xml", "text/xml"),
            ("a.svg", "image/svg+xml"),
            ("a.png", "image/png"),
            ("a.JPG", "image/jpeg"),
            ("a.avif", "image/avif"),
            ("a.webp", "image/webp"),
            ("favicon.ico", "image/x-icon"),
            ("a.woff2", "font/woff2"),
            ("a.pdf", "application/pdf"),
            ("a.zip", "application/zip"),
            ("a.tar.gz", "application/gzip"),
            ("a.tar.zst", "application/zstd"),
            ("a.mp4", "video/mp4"),
            ("a.mp3", "audio/mpeg"),
            ("a.m3u8", "application/vnd.apple.mpegurl"),
            ("README", "text/plain"),
            ("Makefile", "text/plain"),
            ("LICENSE-MIT", "text/plain"),
            (".gitignore", "text/plain"),
            ("apple-app-site-association", "application/json"),
            ("a", UNKNOWN),
            ("a.", UNKNOWN),
            ("", UNKNOWN),
            ("a.nosuchextension", UNKNOWN),
            (".html", UNKNOWN),
            ("html", UNKNOWN),
        ];
        for (name, expected) in rows {
            assert_eq!(by_extension(name.as_bytes()), expected, "{name}");
        }
        assert_eq!(by_extension(b"a.\xff"), UNKNOWN);
    }

    #[test]
    fn no_extension_is_corrected_twice() {
        let mut all: Vec<_> = CORRECTIONS
            .iter()
            .flat_map(|(_, extensions)| extensions.split_ascii_whitespace())
            .collect();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
    }

    #[test]
    fn text_is_what_a_person_can_read() {
        for text in [
            "text/plain",
            "Text/HTML; charset=utf-8",
            "application/json",
            "application/problem+json",
            "image/svg+xml",
            "application/javascript ;a=b",
        ] {
            assert!(is_text(text), "{text}");
        }
        for other in ["image/png", "application/octet-stream", "", "video/mp2t", "application"] {
            assert!(!is_text(other), "{other}");
        }
    }

    #[test]
    fn what_is_compressed_already_is_known_by_its_type() {
        let rows = [
            ("a.html b.css c.js d.json e.svg f.xml g.md h.txt i.csv j.rs k.webmanifest", true),
            ("a.wasm b.ttf c.otf d.eot e.bmp f.ico g.rtf h.map i.m3u8 j.vtt k.stl l.ttc", true),
            ("a.png b.jpg c.gif d.webp e.avif f.mp4 g.webm h.mp3 i.woff j.woff2 k.pdf", false),
            ("a.zip b.gz c.br d.zst e.7z f.xz g.deb h.docx i.jar j.epub k.apk l.bin m", false),
        ];
        for (names, expected) in rows {
            for name in names.split(' ') {
                assert_eq!(is_compressible(by_extension(name.as_bytes())), expected, "{name}");
            }
        }
        assert!(is_compressible("text/html; charset=utf-8"));
        assert!(!is_compressible(UNKNOWN));
    }

    #[test]
    fn the_field_has_a_charset_where_it_helps() {
        let rows: &[(&str, &[u8], &str)] = &[
            ("a.txt", b"a", "text/plain; charset=utf-8"),
            ("a.txt", b"caf\xe9", "text/plain; charset=windows-1252"),
            ("a.css", b"a", "text/css; charset=utf-8"),
            ("a.js", b"a", "text/javascript; charset=utf-8"),
            ("README", b"a", "text/plain; charset=utf-8"),
            ("a.json", b"{}", "application/json"),
            ("a.xml", b"<a/>", "text/xml"),
            ("a.svg", b"<svg/>", "image/svg+xml"),
            ("a.png", b"\x89PNG", "image/png"),
            ("a", b"text", "application/octet-stream"),
        ];
        for (name, sample, expected) in rows {
            assert_eq!(content_type(name.as_bytes(), sample), expected, "{name}");
        }
    }

    #[test]
    fn a_transport_stream_is_not_type_script() {
        let mut packets = vec![0u8; 188 * 3 + 7];
        for start in packets.iter_mut().step_by(188) {
            *start = 0x47;
        }
        assert_eq!(content_type(b"a.ts", &packets), "video/mp2t");
        assert_eq!(content_type(b"a.TS", &packets[..188]), "video/mp2t");
        assert_ne!(content_type(b"a.txt", &packets), "video/mp2t");
        let source = format!("G{}", "x".repeat(400));
        assert_eq!(content_type(b"a.ts", source.as_bytes()), "text/plain; charset=utf-8");
        assert_eq!(content_type(b"a.ts", b"G"), "text/plain; charset=utf-8");
    }

    proptest! {
        #[test]
        fn any_name_has_a_type(name in prop::collection::vec(any::<u8>(), 0..20)) {
            prop_assert!(by_extension(&name).contains('/'));
        }
    }
}
