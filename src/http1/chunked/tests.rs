use proptest::prelude::*;

use super::*;

fn decoder() -> ChunkedDecoder {
    ChunkedDecoder::new(Limits::default())
}

/// Content, and the number of bytes that the body takes; `None` when its end is not there.
type Outcome = Result<(Vec<u8>, Option<usize>), ChunkError>;

/// Decodes pieces of an input, one after the other.
fn decode<'a>(mut decoder: ChunkedDecoder, pieces: impl IntoIterator<Item = &'a [u8]>) -> Outcome {
    let (mut content, mut used) = (Vec::new(), 0);
    for mut piece in pieces {
        loop {
            match decoder.decode(piece)? {
                Decoded::Data(data) => {
                    assert!(!data.is_empty());
                    content.extend_from_slice(&piece[data.clone()]);
                    used += data.end;
                    piece = &piece[data.end..];
                }
                Decoded::More => {
                    used += piece.len();
                    break;
                }
                Decoded::Done(length) => {
                    assert!(decoder.is_done());
                    assert_eq!(decoder.decode(b"more").unwrap(), Decoded::Done(0));
                    return Ok((content, Some(used + length)));
                }
            }
        }
    }
    assert!(!decoder.is_done());
    Ok((content, None))
}

/// Decodes whole, in every pair of pieces, a byte at a time, and with bytes after it.
fn check(bytes: &[u8]) -> Outcome {
    let whole = decode(decoder(), [bytes]);
    assert_eq!(decode(decoder(), bytes.chunks(1)), whole);
    for at in 0..bytes.len() {
        assert_eq!(decode(decoder(), [&bytes[..at], &bytes[at..]]), whole);
    }
    if !matches!(whole, Ok((_, None))) {
        let longer = [bytes, b"\r\n0\r\n\r\nGET / HTTP/1.1"].concat();
        assert_eq!(decode(decoder(), [&longer[..]]), whole);
    }
    whole
}

#[test]
fn legal_bodies_are_decoded_to_their_end() {
    for (body, content) in [
        ("0\r\n\r\n", ""),
        ("00000000\r\n\r\n", ""),
        ("3\r\nabc\r\n0\r\n\r\n", "abc"),
        ("1\r\na\r\n2\r\nbc\r\n0\r\n\r\n", "abc"),
        ("A\r\n0123456789\r\n0\r\n\r\n", "0123456789"),
        ("a\r\n0123456789\r\n0\r\n\r\n", "0123456789"),
        ("0000000000000001\r\n\n\r\n0\r\n\r\n", "\n"),
        ("4\r\n\r\n\r\n\r\n0\r\n\r\n", "\r\n\r\n"),
        ("1;a\r\nx\r\n0;b\r\n\r\n", "x"),
        ("1;a=b;c;d=e\r\nx\r\n0\r\n\r\n", "x"),
        ("1 ; a = b\t;\tc\r\nx\r\n0\r\n\r\n", "x"),
        ("1;a=\"b c;\\\"\\\\d\"\r\nx\r\n0\r\n\r\n", "x"),
        ("1;a=\"\";b=\"\u{e4}\" ;c\r\nx\r\n0\r\n\r\n", "x"),
        ("1;a ;b\r\nx\r\n0\r\n\r\n", "x"),
        ("0\r\nA: b\r\nC:\r\nD:\te\u{e4}\t\r\n\r\n", ""),
        ("0\r\nContent-Length: 5\r\n\r\n", ""),
    ] {
        let expected = (content.as_bytes().to_vec(), Some(body.len()));
        assert_eq!(check(body.as_bytes()), Ok(expected), "{body:?}");
        for end in 0..body.len() {
            let (_, length) = check(&body.as_bytes()[..end]).unwrap();
            assert_eq!(length, None, "{body:?} up to {end}");
        }
    }
}

/// Each row ends with the very byte that shows the error.
#[test]
fn what_is_not_a_chunked_body_is_refused() {
    use ChunkError as E;
    for (body, error) in [
        // Sizes.
        ("\r", E::SizeSyntax),
        ("\n", E::SizeSyntax),
        (";", E::SizeSyntax),
        (" ", E::SizeSyntax),
        ("\t", E::SizeSyntax),
        ("+", E::SizeSyntax),
        ("-", E::SizeSyntax),
        ("0x", E::SizeSyntax),
        ("1_", E::SizeSyntax),
        ("g", E::SizeSyntax),
        ("1\0", E::SizeSyntax),
        ("1,", E::SizeSyntax),
        ("\u{661}", E::SizeSyntax),
        ("00000000000000001", E::SizeTooLarge),
        ("fffffffffffffffff", E::SizeTooLarge),
        ("1\r\na\r\n\r", E::SizeSyntax),
        // Line ends.
        ("1\n", E::LineEnd),
        ("1\ra", E::LineEnd),
        ("1\r\r", E::LineEnd),
        ("1;a\n", E::LineEnd),
        ("1;a\r;", E::LineEnd),
        ("0\r\n\n", E::LineEnd),
        ("0\r\n\r\r", E::LineEnd),
        ("0\r\nA: b\n", E::LineEnd),
        ("0\r\nA: b\rc", E::LineEnd),
        ("0\r\nA\n", E::LineEnd),
        // After data.
        ("1\r\nab", E::DataEnd),
        ("1\r\na\n", E::DataEnd),
        ("1\r\na0", E::DataEnd),
        ("1\r\na\r0", E::DataEnd),
        ("1\r\na\r\r", E::DataEnd),
        // Extensions.
        ("1 \r", E::LineEnd),
        ("1\t\r", E::LineEnd),
        ("1 a", E::Extension),
        ("1 1", E::Extension),
        ("1;\r", E::LineEnd),
        ("1;;", E::Extension),
        ("1;=", E::Extension),
        ("1; \r", E::LineEnd),
        ("1;a=\r", E::LineEnd),
        ("1;a=;", E::Extension),
        ("1;a==", E::Extension),
        ("1;a=b=", E::Extension),
        ("1;a b", E::Extension),
        ("1;a \r", E::LineEnd),
        ("1;a=b c", E::Extension),
        ("1;a=b \r", E::LineEnd),
        ("1;a\0", E::Extension),
        ("1;(", E::Extension),
        ("1;a=\"b\r", E::LineEnd),
        ("1;a=\"b\n", E::LineEnd),
        ("1;a=\"\\\r", E::LineEnd),
        ("1;a=\"\0", E::Extension),
        ("1;a=\"b\"c", E::Extension),
        ("1;a=b\"", E::Extension),
        // Trailers.
        ("0\r\n:", E::Trailer),
        ("0\r\n ", E::Trailer),
        ("0\r\nA ", E::Trailer),
        ("0\r\nA\r", E::Trailer),
        ("0\r\nA: b\r\n ", E::Trailer),
        ("0\r\nA: \0", E::Trailer),
        ("0\r\n\u{e4}", E::Trailer),
        ("0\r\n(", E::Trailer),
    ] {
        let (before, last) = body.split_at(body.char_indices().last().unwrap().0);
        assert_eq!(check(body.as_bytes()), Err(error), "{body:?}");
        assert!(check(before.as_bytes()).is_ok(), "{before:?} {last:?}");
    }
}

#[test]
fn a_size_of_all_64_bits_is_read() {
    let mut decoder = decoder();
    assert_eq!(decoder.decode(b"ffffffffffffffff\r\nab"), Ok(Decoded::Data(18..20)));
    assert_eq!(decoder.decode(b"cd"), Ok(Decoded::Data(0..2)));
    assert_eq!(decoder.state, State::Data { left: u64::MAX - 4 });
}

#[test]
fn extensions_are_limited_in_a_line_and_in_a_body() {
    let line = |bytes: usize| format!("1;{}\r\nx\r\n", "a".repeat(bytes - 1));
    let most = usize::from(LINE_EXTENSIONS);
    assert!(check(line(most).as_bytes()).is_ok());
    assert_eq!(check(line(most + 1).as_bytes()), Err(ChunkError::ExtensionsTooLong));

    let four = line(most).repeat(4);
    assert!(decode(decoder(), [four.as_bytes()]).is_ok());
    let more = four + "1;";
    assert_eq!(decode(decoder(), [more.as_bytes()]), Err(ChunkError::ExtensionsTooLong));
    // Chunks without extensions are not counted.
    let many = "1\r\nx\r\n".repeat(20_000) + "0\r\n\r\n";
    assert_eq!(decode(decoder(), [many.as_bytes()]).unwrap().1, Some(many.len()));
}

#[test]
fn trailers_are_limited_like_a_head() {
    let limits = Limits { head_bytes: 19, fields: 2, ..Limits::default() };
    let decode = |body: &str| decode(ChunkedDecoder::new(limits), [body.as_bytes()]);
    let taken = "0\r\nA: 456\r\nB: 345678\r\n\r\n";
    assert_eq!(decode(taken), Ok((vec![], Some(taken.len()))));
    for body in ["0\r\nA: 456\r\nB: 3456789\r\n\r\n", "0\r\nA:\r\nB:\r\nC:\r\n\r\n"] {
        let error = decode(body).unwrap_err();
        assert_eq!((error, error.status().as_u16()), (ChunkError::TrailersTooLong, 431));
    }
}

/// The same grammar for a whole input, without a thought of pieces: content and rest. `None` for
/// whatever is not a whole body.
fn reference(body: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let text_line = |rest: &mut &[u8]| {
        let end = rest.windows(2).position(|pair| pair == b"\r\n")?;
        let line = String::from_utf8_lossy(&rest[..end]).into_owned();
        *rest = &rest[end + 2..];
        (!line.contains(['\r', '\n'])).then_some(line)
    };
    let mut rest = body;
    let mut content = Vec::new();
    loop {
        let line = text_line(&mut rest)?;
        let digits = line.find(|c: char| !c.is_ascii_hexdigit());
        let (size, extensions) = line.split_at(digits.unwrap_or(line.len()));
        if size.len() > 16 || !are_extensions(extensions) {
            return None;
        }
        let size = usize::try_from(u64::from_str_radix(size, 16).ok()?).ok()?;
        if size == 0 {
            break;
        }
        content.extend_from_slice(rest.get(..size)?);
        rest = rest[size..].strip_prefix(b"\r\n")?;
    }
    loop {
        let line = text_line(&mut rest)?;
        if line.is_empty() {
            return Some((content, rest));
        }
        let (name, value) = line.split_once(':')?;
        let legal = |c: char| c == '\t' || !c.is_ascii_control();
        if !is_token(name) || !value.chars().all(legal) {
            return None;
        }
    }
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(chars::is_token)
}

/// Only extensions without quoted strings: the generator makes no others.
fn are_extensions(text: &str) -> bool {
    let space = [' ', '\t'];
    let mut parts = text.split(';');
    let before = parts.next().unwrap_or_default();
    if !before.trim_matches(space).is_empty() || (text == before && !before.is_empty()) {
        return false;
    }
    let parts: Vec<_> = parts.collect();
    parts.iter().enumerate().all(|(number, part)| {
        let last = number + 1 == parts.len();
        let (name, value) = match part.split_once('=') {
            Some((name, value)) => (name.trim_matches(space), Some(value)),
            None => (part.trim_matches(space), None),
        };
        let ends_clean = !last || !part.ends_with(space);
        ends_clean
            && is_token(name)
            && value.is_none_or(|value| is_token(value.trim_matches(space)))
    })
}

#[test]
fn each_error_has_its_status_and_a_sentence_of_its_own() {
    let rows = [
        (ChunkError::SizeSyntax, 400),
        (ChunkError::SizeTooLarge, 400),
        (ChunkError::LineEnd, 400),
        (ChunkError::DataEnd, 400),
        (ChunkError::Extension, 400),
        (ChunkError::ExtensionsTooLong, 400),
        (ChunkError::Trailer, 400),
        (ChunkError::TrailersTooLong, 431),
    ];
    for (error, status) in rows {
        assert_eq!(error.status(), status, "{error:?}");
        let same = rows.iter().filter(|(other, _)| other.to_string() == error.to_string());
        assert_eq!(same.count(), 1, "{error}");
    }
}

/// Bodies made of the pieces that bodies have, mostly in order.
fn bodies() -> impl Strategy<Value = Vec<u8>> {
    let chunk = prop_oneof![
        6 => "[a-z\r\n]{1,20}".prop_map(|data| format!("{:x}\r\n{data}\r\n", data.len())),
        2 => ("[a-z]{1,9}", "( ?; ?[ab]{0,2}( ?=[bc]{0,2})?){0,2} ?")
            .prop_map(|(data, extensions)| format!("{:X}{extensions}\r\n{data}\r\n", data.len())),
        1 => "[0-3;=\r\n \t]{0,6}",
    ];
    let end = prop_oneof![
        4 => Just("0\r\n\r\n".to_owned()),
        2 => "0\r\n([AB]{0,2} ?: ?[ab\t]{0,2}\r\n){0,2}\r\n",
        1 => "0{0,2}[\r\n]{0,5}",
    ];
    let after = prop_oneof![Just(""), Just("G"), Just("\r\n")];
    (prop::collection::vec(chunk, 0..4), end, after)
        .prop_map(|(chunks, end, after)| (chunks.concat() + &end + after).into_bytes())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn bodies_are_decoded_as_the_reference_decodes_them(body in bodies()) {
        let expected = reference(&body).map(|(content, rest)| (content, Some(body.len() - rest.len())));
        let found = decode(decoder(), [&body[..]]);
        prop_assert_eq!(found.ok().filter(|(_, length)| length.is_some()), expected);
    }

    #[test]
    fn pieces_do_not_matter(body in bodies(), ends in prop::collection::vec(0..80_usize, 0..6)) {
        let mut ends: Vec<_> = ends.into_iter().map(|end| end.min(body.len())).collect();
        ends.sort_unstable();
        let starts = std::iter::once(0).chain(ends.iter().copied());
        let pieces = starts.zip(ends.iter().copied().chain([body.len()]));
        let in_pieces = decode(decoder(), pieces.map(|(start, end)| &body[start..end]));
        prop_assert_eq!(in_pieces, decode(decoder(), [&body[..]]));
    }

    #[test]
    fn no_bytes_make_it_panic(body in prop::collection::vec(any::<u8>(), 0..60)) {
        prop_assert_eq!(decode(decoder(), body.chunks(1)), decode(decoder(), [&body[..]]));
    }
}
