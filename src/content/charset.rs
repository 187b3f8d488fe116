//! The charset that a text is in, told from its first bytes.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::Encoding;
use memchr::memmem;

/// Bytes at the start of a file that are looked at.
pub const SAMPLE_LENGTH: usize = 64 * 1024;

/// The charset of a text that begins with `sample` (see [`SAMPLE_LENGTH`]), in lower case: by its
/// byte order mark; UTF-8 when it is valid UTF-8, where the end of a full sample may cut a
/// character; else what the detector of Firefox takes it for.
pub fn charset(sample: &[u8]) -> &'static str {
    match marked(sample).or_else(|| utf8(sample)) {
        Some(known) => known,
        None => detected(sample),
    }
}

/// The charset of a page that begins with `sample`, in lower case: by its byte order mark; UTF-8
/// when it is valid UTF-8 beyond ASCII; what it declares; else as of any text.
pub fn charset_of_html(sample: &[u8]) -> &'static str {
    if marked(sample).is_none()
        && (seen(sample).0.is_ascii() || utf8(sample).is_none())
        && let Some(declared) = declared(sample)
    {
        return declared;
    }
    charset(sample)
}

/// What a byte order mark says.
fn marked(sample: &[u8]) -> Option<&'static str> {
    Encoding::for_bom(sample).and_then(|(encoding, _)| lower_case_name(encoding))
}

fn utf8(sample: &[u8]) -> Option<&'static str> {
    let (seen, is_cut) = seen(sample);
    match std::str::from_utf8(seen) {
        Ok(_) => Some("utf-8"),
        Err(error) if is_cut && error.error_len().is_none() => Some("utf-8"),
        Err(_) => None,
    }
}

/// The bytes that are looked at, and whether the file may go on after them.
fn seen(sample: &[u8]) -> (&[u8], bool) {
    match sample.get(..SAMPLE_LENGTH) {
        Some(seen) => (seen, true),
        None => (sample, false),
    }
}

fn detected(sample: &[u8]) -> &'static str {
    let (seen, is_cut) = seen(sample);
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(seen, !is_cut);
    let encoding = detector.guess(None, Utf8Detection::Deny);
    lower_case_name(encoding).unwrap_or("windows-1252")
}

/// The encoding that a page names in its first KiB, as `<meta charset="...">` or within
/// `content="text/html; charset=..."`. Comments are not told apart.
fn declared(sample: &[u8]) -> Option<&'static str> {
    let head = sample[..sample.len().min(1024)].to_ascii_lowercase();
    let meta = memmem::find(&head, b"<meta")?;
    let after = memmem::find(&head[meta..], b"charset=").map(|at| meta + at + 8)?;
    let value = head[after..].trim_ascii_start();
    let value = match value.first() {
        Some(b'"' | b'\'') => &value[1..],
        _ => value,
    };
    let is_end = |byte: &u8| matches!(byte, b'"' | b'\'' | b';' | b'>' | b'/') || *byte <= b' ';
    let label = &value[..value.iter().position(is_end)?];
    let encoding = Encoding::for_label_no_replacement(label)?;
    // A page that says in ASCII that it is UTF-16 is not (HTML, 'prescan a byte stream').
    lower_case_name(encoding.output_encoding())
}

/// The name of an encoding in lower case.
fn lower_case_name(encoding: &'static Encoding) -> Option<&'static str> {
    const NAMES: &str = "utf-8 utf-16le utf-16be windows-1252 windows-1250 windows-1251 \
        windows-1253 windows-1254 windows-1255 windows-1256 windows-1257 windows-1258 windows-874 \
        iso-8859-2 iso-8859-3 iso-8859-4 iso-8859-5 iso-8859-6 iso-8859-7 iso-8859-8 iso-8859-8-i \
        iso-8859-10 iso-8859-13 iso-8859-14 iso-8859-15 iso-8859-16 koi8-r koi8-u ibm866 \
        macintosh x-mac-cyrillic gbk gb18030 big5 euc-jp iso-2022-jp shift_jis euc-kr";
    NAMES.split_ascii_whitespace().find(|name| name.eq_ignore_ascii_case(encoding.name()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_byte_order_mark_says_the_charset() {
        assert_eq!(charset(b"\xef\xbb\xbfa\xff"), "utf-8");
        assert_eq!(charset(b"\xff\xfea\0"), "utf-16le");
        assert_eq!(charset(b"\xfe\xff\0a"), "utf-16be");
    }

    #[test]
    fn valid_utf8_is_utf8() {
        assert_eq!(charset(b""), "utf-8");
        assert_eq!(charset(b"ascii"), "utf-8");
        assert_eq!(charset("na\u{ef}ve \u{1f980}".as_bytes()), "utf-8");
    }

    #[test]
    fn a_character_may_be_cut_by_the_end_of_a_full_sample_only() {
        let full = "\u{20ac}".repeat(SAMPLE_LENGTH / 3 + 1).into_bytes();
        assert!(!SAMPLE_LENGTH.is_multiple_of(3));
        assert_eq!(charset(&full[..SAMPLE_LENGTH]), "utf-8");
        assert_eq!(charset(&full), "utf-8");
        // The whole of a small file: its last byte is an e with acute of windows-1252.
        assert_eq!(charset(b"caf\xe9"), "windows-1252");
    }

    #[test]
    fn legacy_text_is_detected() {
        let rows = [
            (
                encoding_rs::WINDOWS_1252,
                "Voil\u{e0} un \u{e9}t\u{e9} \u{e0} l\u{2019}\u{e9}cole, o\u{f9} \u{ea}tre na\u{ef}f est s\u{fb}r.",
            ),
            (
                encoding_rs::WINDOWS_1251,
                "Съешь же ещё этих мягких французских булок, да выпей чаю.",
            ),
            (encoding_rs::KOI8_U, "Съешь же ещё этих мягких французских булок, да выпей чаю."),
            (
                encoding_rs::SHIFT_JIS,
                "いろはにほへと ちりぬるを わかよたれそ つねならむ。カタカナと漢字も。",
            ),
            (
                encoding_rs::EUC_JP,
                "いろはにほへと ちりぬるを わかよたれそ つねならむ。カタカナと漢字も。",
            ),
            (encoding_rs::GBK, "天地玄黄，宇宙洪荒。日月盈昃，辰宿列张。寒来暑往，秋收冬藏。"),
            (encoding_rs::BIG5, "天地玄黃，宇宙洪荒。日月盈昃，辰宿列張。寒來暑往，秋收冬藏。"),
            (
                encoding_rs::EUC_KR,
                "다람쥐 헌 쳇바퀴에 타고파. 키스의 고유조건은 입술끼리 만나야 한다.",
            ),
        ];
        for (encoding, text) in rows {
            let (bytes, _, unmappable) = encoding.encode(text);
            assert!(!unmappable, "{}", encoding.name());
            let found = charset(&bytes);
            assert_eq!(found, encoding.name().to_ascii_lowercase());
        }
    }

    #[test]
    fn every_encoding_that_a_page_can_declare_has_a_name() {
        for label in [
            "utf-8",
            "latin1",
            "iso-8859-2",
            "iso-8859-8-i",
            "iso-8859-16",
            "windows-874",
            "windows-1258",
            "koi8-r",
            "koi8-u",
            "ibm866",
            "macintosh",
            "x-mac-cyrillic",
            "gb2312",
            "gb18030",
            "big5",
            "euc-jp",
            "iso-2022-jp",
            "shift_jis",
            "euc-kr",
            "utf-16be",
        ] {
            let encoding = Encoding::for_label(label.as_bytes()).unwrap();
            let name = lower_case_name(encoding).unwrap();
            assert_eq!(Encoding::for_label(name.as_bytes()), Some(encoding));
        }
    }

    #[test]
    fn a_page_is_believed_where_its_bytes_prove_nothing() {
        let rows: &[(&[u8], &str)] = &[
            (b"<p>a", "utf-8"),
            (b"<meta charset=\"iso-8859-1\"><p>a", "windows-1252"),
            (b"<META CHARSET=GB2312>\xc4\xe3", "gbk"),
            (
                b"<meta http-equiv=\"Content-Type\" content='text/html; charset=koi8-r'>\xc1",
                "koi8-r",
            ),
            (b"<meta charset='iso-2022-jp'>\x1b$B", "iso-2022-jp"),
            // UTF-8 beyond ASCII, and a byte order mark, prove more than a declaration.
            (b"<meta charset=iso-8859-1>\xc3\xa9", "utf-8"),
            (b"\xef\xbb\xbf<meta charset=iso-8859-1>", "utf-8"),
            // Nothing to believe.
            (b"<meta charset=utf-16>", "utf-8"),
            (b"<meta charset=nonsense>", "utf-8"),
            (b"<meta charset=", "utf-8"),
            (b"<meta charset=\"koi8-r", "utf-8"),
            (b"charset=koi8-r ", "utf-8"),
        ];
        for (page, expected) in rows {
            assert_eq!(charset_of_html(page), *expected);
        }
        let late = format!("{}<meta charset=koi8-r>", " ".repeat(1020));
        assert_eq!(charset_of_html(late.as_bytes()), "utf-8");
    }

    proptest! {
        #[test]
        fn any_bytes_have_a_charset_of_the_encoding_standard(
            sample in prop::collection::vec(any::<u8>(), 0..200)
        ) {
            prop_assert!(Encoding::for_label(charset(&sample).as_bytes()).is_some());
            prop_assert!(Encoding::for_label(charset_of_html(&sample).as_bytes()).is_some());
        }
    }
}
