use super::HeadError as E;
use super::*;
use crate::http1::BodyLength;

/// What follows a head must not matter to it.
const AFTERWARDS: [&[u8]; 4] = [b"GET / HTTP/1.1\r\n", b"\r\n", b" x", b"\x16\x03\0"];

/// Parses `bytes` whole, in every pair of pieces, one byte at a time, and with other bytes after
/// it: all must agree. Gives the result and the number of bytes that it takes to know it.
fn read(bytes: &[u8], limits: Limits) -> (Result<String, E>, usize) {
    let mut parser = HeadParser::new(limits);
    let mut bytewise = (0..=bytes.len()).map(|end| (end, parse(&mut parser, &bytes[..end])));
    let (needed, result) = bytewise
        .find_map(|(end, result)| Some((end, result.transpose()?)))
        .unwrap_or_else(|| panic!("incomplete: {}", bytes.escape_ascii()));

    assert_eq!(parse(&mut HeadParser::new(limits), bytes).transpose(), Some(result.clone()));
    for end in 0..needed {
        let mut parser = HeadParser::new(limits);
        assert_eq!(parse(&mut parser, &bytes[..end]), Ok(None));
        assert_eq!(parse(&mut parser, bytes).transpose(), Some(result.clone()));
    }
    for afterwards in AFTERWARDS {
        let all = [&bytes[..needed], afterwards].concat();
        assert_eq!(parse(&mut HeadParser::new(limits), &all).transpose(), Some(result.clone()));
    }
    (result, needed)
}

/// What was parsed, as text: `METHOD form authority path query VERSION host | [fields] length`.
fn parse(parser: &mut HeadParser, buf: &[u8]) -> Result<Option<String>, E> {
    let Some(head) = parser.parse(buf)? else {
        return Ok(None);
    };
    let text = |bytes: Option<&[u8]>| {
        bytes.map_or("-".to_owned(), |bytes| bytes.escape_ascii().to_string())
    };
    let target = head.target(buf);
    let fields: Vec<_> = parser
        .fields(buf)
        .iter()
        .map(|(name, value)| format!("{}={}", text(Some(name)), text(Some(value))))
        .collect();
    Ok(Some(format!(
        "{} {:?} {} {} {} {:?} {} | {fields:?} {}",
        head.method,
        target.form,
        text(target.authority),
        text(Some(target.path)),
        text(target.query),
        head.version,
        text(head.host(buf)),
        head.length,
    )))
}

/// The request line of what [`parse`] says, without fields and length.
fn line_of(summary: &str) -> &str {
    summary.split(" | ").next().unwrap()
}

#[test]
fn legal_request_lines_are_read() {
    for (line, expected) in [
        ("GET / HTTP/1.1", "GET Origin - / - HTTP/1.1 a"),
        ("HEAD /a/b?c=d HTTP/1.1", "HEAD Origin - /a/b c=d HTTP/1.1 a"),
        ("POST /?a?b HTTP/1.1", "POST Origin - / a?b HTTP/1.1 a"),
        ("PUT /x? HTTP/1.1", "PUT Origin - /x  HTTP/1.1 a"),
        ("DELETE //x HTTP/1.1", "DELETE Origin - //x - HTTP/1.1 a"),
        ("PATCH /* HTTP/1.1", "PATCH Origin - /* - HTTP/1.1 a"),
        ("TRACE /%00%2f HTTP/1.1", "TRACE Origin - /%00%2f - HTTP/1.1 a"),
        ("OPTIONS / HTTP/1.1", "OPTIONS Origin - / - HTTP/1.1 a"),
        ("OPTIONS * HTTP/1.1", "OPTIONS Asterisk - * - HTTP/1.1 a"),
        ("CONNECT b:443 HTTP/1.1", "CONNECT Authority b:443  - HTTP/1.1 b:443"),
        ("CONNECT [::1]:443 HTTP/1.1", "CONNECT Authority [::1]:443  - HTTP/1.1 [::1]:443"),
        ("GET http://b HTTP/1.1", "GET Absolute b / - HTTP/1.1 b"),
        ("GET http://b:80/c?d HTTP/1.1", "GET Absolute b:80 /c d HTTP/1.1 b:80"),
        ("GET HTTPS://b?d HTTP/1.1", "GET Absolute b / d HTTP/1.1 b"),
        ("OPTIONS http://b HTTP/1.1", "OPTIONS Absolute b / - HTTP/1.1 b"),
        ("GET / HTTP/1.0", "GET Origin - / - HTTP/1.0 a"),
        ("GET / HTTP/1.2", "GET Origin - / - HTTP/1.1 a"),
        ("GET / HTTP/1.9", "GET Origin - / - HTTP/1.1 a"),
        // What clients send though RFC 3986 has it percent-encoded.
        (
            "GET /a|b\"c{d}e[f]g^h`i\\j<k> HTTP/1.1",
            "GET Origin - /a|b\\\"c{d}e[f]g^h`i\\\\j<k> - HTTP/1.1 a",
        ),
        ("GET /\u{e4}?\u{f6} HTTP/1.1", "GET Origin - /\\xc3\\xa4 \\xc3\\xb6 HTTP/1.1 a"),
        ("GET /% HTTP/1.1", "GET Origin - /% - HTTP/1.1 a"),
    ] {
        let head = format!("{line}\r\nHost: a\r\n\r\n");
        let (result, needed) = read(head.as_bytes(), Limits::default());
        assert_eq!(line_of(&result.unwrap()), expected);
        assert_eq!(needed, head.len());
    }
    let (result, _) = read(b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n", Limits::default());
    assert_eq!(line_of(&result.unwrap()), "GET Origin - /\\xff - HTTP/1.1 a");
}

#[test]
fn legal_fields_are_read() {
    for (fields, expected) in [
        ("Host: a\r\n", r#"["Host=a"]"#),
        ("hOST:a:8\r\n", r#"["hOST=a:8"]"#),
        ("Host: \t a \t \r\n", r#"["Host=a"]"#),
        ("X:\r\nHost: a\r\n", r#"["X=", "Host=a"]"#),
        ("X: \t \r\nHost: a\r\n", r#"["X=", "Host=a"]"#),
        ("Host: a\r\nX: b  c\td\r\n", r#"["Host=a", "X=b  c\\td"]"#),
        ("Host: a\r\nX: :b:\r\n", r#"["Host=a", "X=:b:"]"#),
        ("Host: a\r\nX: \u{e4}\u{80}\r\n", r#"["Host=a", "X=\\xc3\\xa4\\xc2\\x80"]"#),
        ("Host: a\r\n!#$%&'*+-.^_`|~09azAZ: x\r\n", r#"["Host=a", "!#$%&\\'*+-.^_`|~09azAZ=x"]"#),
        ("Host: a\r\nA: 1\r\na: 2\r\nA: 1\r\n", r#"["Host=a", "A=1", "a=2", "A=1"]"#),
        ("Host: [::1]:80\r\n", r#"["Host=[::1]:80"]"#),
        ("Hosts: b\r\nHost: a\r\nHos: c\r\n", r#"["Hosts=b", "Host=a", "Hos=c"]"#),
        (
            "Host: a\r\nA-name-that-is-longer-than-two-words: and a value that is, too\r\n",
            r#"["Host=a", "A-name-that-is-longer-than-two-words=and a value that is, too"]"#,
        ),
    ] {
        let head = format!("GET / HTTP/1.1\r\n{fields}\r\n");
        let (result, needed) = read(head.as_bytes(), Limits::default());
        let summary = result.unwrap();
        let expected = format!("{expected} {}", head.len());
        assert_eq!(summary.split_once(" | ").unwrap().1, expected);
        assert_eq!(needed, head.len());
    }
}

#[test]
fn host_may_be_absent_or_empty_where_the_rfc_says() {
    for (head, host) in [
        ("GET / HTTP/1.0\r\n\r\n", "-"),
        ("GET http://b/ HTTP/1.0\r\n\r\n", "b"),
        ("GET http://b/ HTTP/1.1\r\nHost:\r\n\r\n", "b"),
        ("GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", "b"),
        ("OPTIONS * HTTP/1.1\r\nHost: \r\n\r\n", "-"),
        ("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "a"),
        ("CONNECT b:1 HTTP/1.1\r\nHost: \r\n\r\n", "b:1"),
    ] {
        let (result, _) = read(head.as_bytes(), Limits::default());
        let summary = result.unwrap();
        assert_eq!(line_of(&summary).rsplit(' ').next(), Some(host), "{head}");
    }
}

#[test]
fn one_empty_line_before_the_request_is_skipped() {
    let (result, _) = read(b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", Limits::default());
    assert_eq!(result.unwrap(), "GET Origin - / - HTTP/1.1 a | [\"Host=a\"] 29");
}

/// Each row ends with the very byte that shows the error: before it, more is waited for.
#[test]
fn what_is_wrong_is_said_at_the_byte_that_shows_it() {
    let rows: &[(&[u8], E)] = &[
        // Not HTTP.
        (b"\x16", E::ControlByte),
        (b"\0", E::ControlByte),
        (b"\x80", E::RequestLine),
        (b"SSH-2.0-OpenSSH_9.6\r", E::RequestLine),
        (b"{", E::RequestLine),
        (b"PRI * HTTP/2.0\r\n", E::Http2Preface),
        (b"PRI * HTTP/1", E::UnknownMethod),
        (b"\r\nPRI ", E::UnknownMethod),
        // Empty lines.
        (b"\n", E::BareLf),
        (b"\r\r", E::BareCr),
        (b"\rG", E::BareCr),
        (b"\r\n\r\n", E::EmptyLine),
        (b"\r\n\rG", E::BareCr),
        (b"\r\n\n", E::BareLf),
        // Method.
        (b" ", E::RequestLine),
        (b"\t", E::RequestLine),
        (b"GE\t", E::RequestLine),
        (b"GET\t", E::RequestLine),
        (b"GET\r", E::RequestLine),
        (b"GET\n", E::BareLf),
        (b"GET\0", E::ControlByte),
        (b"G\xc3", E::RequestLine),
        (b"GET(", E::RequestLine),
        (b"get ", E::UnknownMethod),
        (b"Get ", E::UnknownMethod),
        (b"GETT ", E::UnknownMethod),
        (b"G ", E::UnknownMethod),
        (b"PROPFIND ", E::UnknownMethod),
        (b"ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFG", E::UnknownMethod),
        // Target.
        (b"GET  ", E::RequestLine),
        (b"GET \t", E::TargetByte),
        (b"GET \r", E::RequestLine),
        (b"GET \n", E::BareLf),
        (b"GET /\r", E::RequestLine),
        (b"GET /\n", E::BareLf),
        (b"GET /a\0", E::ControlByte),
        (b"GET /a\x7f", E::ControlByte),
        (b"GET /a\t", E::TargetByte),
        (b"GET /a#", E::TargetByte),
        (b"GET /a?b#", E::TargetByte),
        (b"GET /a?b\x01", E::ControlByte),
        (b"GET /a?b\r", E::RequestLine),
        (b"GET a ", E::TargetForm),
        (b"GET * ", E::TargetForm),
        (b"OPTIONS *a ", E::TargetForm),
        (b"GET a:80 ", E::TargetForm),
        (b"GET ftp://a/ ", E::TargetForm),
        (b"GET ?a ", E::TargetForm),
        (b"GET \xc3\xa4 ", E::TargetForm),
        (b"GET http:// ", E::TargetAuthority),
        (b"GET http://u@a/ ", E::TargetAuthority),
        (b"CONNECT / ", E::TargetAuthority),
        (b"CONNECT a ", E::TargetAuthority),
        // Version.
        (b"GET /  ", E::VersionSyntax),
        (b"GET / \r", E::VersionSyntax),
        (b"GET / \n", E::BareLf),
        (b"GET / h", E::VersionSyntax),
        (b"GET / HTTP1", E::VersionSyntax),
        (b"GET / HTTP/d", E::VersionSyntax),
        (b"GET / HTTP/1\r", E::VersionSyntax),
        (b"GET / HTTP/1,", E::VersionSyntax),
        (b"GET / HTTP/11", E::VersionSyntax),
        (b"GET / HTTP/1.10", E::VersionSyntax),
        (b"GET / HTTP/1.1 ", E::RequestLine),
        (b"GET / HTTP/1.1\n", E::BareLf),
        (b"GET / HTTP/1.1\0", E::ControlByte),
        (b"GET / HTTP/1.1\r\r", E::BareCr),
        (b"GET / HTTP/1.1\rX", E::BareCr),
        (b"GET /b c", E::VersionSyntax),
        (b"GET / HTTP/0.9", E::VersionUnsupported),
        (b"GET / HTTP/2.0", E::VersionUnsupported),
        (b"GET / HTTP/3.1", E::VersionUnsupported),
        // Field names.
        (b"GET / HTTP/1.1\r\n ", E::FoldedLine),
        (b"GET / HTTP/1.1\r\n\t", E::FoldedLine),
        (b"GET / HTTP/1.1\r\nA: b\r\n ", E::FoldedLine),
        (b"GET / HTTP/1.1\r\nA: b\r\n\t", E::FoldedLine),
        (b"GET / HTTP/1.1\r\nA ", E::SpaceBeforeColon),
        (b"GET / HTTP/1.1\r\nA\t", E::SpaceBeforeColon),
        (b"GET / HTTP/1.1\r\n:", E::EmptyName),
        (b"GET / HTTP/1.1\r\nA\r", E::MissingColon),
        (b"GET / HTTP/1.1\r\nA\n", E::BareLf),
        (b"GET / HTTP/1.1\r\nA\0", E::ControlByte),
        (b"GET / HTTP/1.1\r\nA(", E::NameByte),
        (b"GET / HTTP/1.1\r\nA\"", E::NameByte),
        (b"GET / HTTP/1.1\r\n\xc3", E::NameByte),
        (b"GET / HTTP/1.1\r\nA@", E::NameByte),
        (b"GET / HTTP/1.1\r\nA[", E::NameByte),
        // Field values and line ends.
        (b"GET / HTTP/1.1\r\nA: b\rc", E::BareCr),
        (b"GET / HTTP/1.1\r\nA: b\r\r", E::BareCr),
        (b"GET / HTTP/1.1\r\nA: b\n", E::BareLf),
        (b"GET / HTTP/1.1\r\nA:\n", E::BareLf),
        (b"GET / HTTP/1.1\r\nA: b\0", E::ControlByte),
        (b"GET / HTTP/1.1\r\nA: \x0b", E::ControlByte),
        (b"GET / HTTP/1.1\r\nA: \x1b", E::ControlByte),
        (b"GET / HTTP/1.1\r\nA: \x7f", E::ControlByte),
        (b"GET / HTTP/1.1\r\nHost: a\r\n\n", E::BareLf),
        (b"GET / HTTP/1.1\r\nHost: a\r\n\rX", E::BareCr),
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\r", E::BareCr),
        // Host.
        (b"GET / HTTP/1.1\r\n\r\n", E::HostMissing),
        (b"GET / HTTP/1.2\r\nA: b\r\n\r\n", E::HostMissing),
        (b"GET http://a/ HTTP/1.1\r\n\r\n", E::HostMissing),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n", E::HostRepeated),
        (b"GET / HTTP/1.0\r\nHost: a\r\nhost: b\r\n", E::HostRepeated),
        (b"OPTIONS * HTTP/1.1\r\nHost:\r\nHost:\r\n", E::HostRepeated),
        (b"GET / HTTP/1.1\r\nHost:\r\n", E::HostInvalid),
        (b"GET / HTTP/1.0\r\nHost: \r\n", E::HostInvalid),
        (b"GET / HTTP/1.1\r\nHost: a b\r\n", E::HostInvalid),
        (b"GET / HTTP/1.1\r\nHost: a, b\r\n", E::HostInvalid),
        (b"GET / HTTP/1.1\r\nHost: a/b\r\n", E::HostInvalid),
        (b"GET / HTTP/1.1\r\nHost: http://a\r\n", E::HostInvalid),
        (b"GET / HTTP/1.1\r\nHost: u@a\r\n", E::HostInvalid),
        (b"GET / HTTP/1.1\r\nHost: a:b\r\n", E::HostInvalid),
        (b"GET / HTTP/1.1\r\nHost: a:65536\r\n", E::HostInvalid),
        (b"GET / HTTP/1.1\r\nHost: [::g]\r\n", E::HostInvalid),
        (b"GET / HTTP/1.1\r\nHost: \xc3\xa4\r\n", E::HostInvalid),
        (b"GET http://b/ HTTP/1.1\r\nHost: a b\r\n", E::HostInvalid),
        // Framing, at its line; the other rows are beside the rules.
        (b"POST / HTTP/1.1\r\nContent-Length: 1, 1\r\n", E::LengthSyntax),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n", E::UnknownCoding),
    ];
    for (bytes, error) in rows {
        let (result, needed) = read(bytes, Limits::default());
        assert_eq!(result, Err(*error), "{}", bytes.escape_ascii());
        assert_eq!(needed, bytes.len(), "{}", bytes.escape_ascii());
    }
}

#[test]
fn every_error_has_its_status_and_says_something_of_its_own() {
    let statuses = [
        (E::BareCr, 400),
        (E::BareLf, 400),
        (E::ControlByte, 400),
        (E::EmptyLine, 400),
        (E::RequestLine, 400),
        (E::UnknownMethod, 501),
        (E::Http2Preface, 505),
        (E::TargetByte, 400),
        (E::TargetForm, 400),
        (E::TargetAuthority, 400),
        (E::TargetTooLong, 414),
        (E::VersionSyntax, 400),
        (E::VersionUnsupported, 505),
        (E::FoldedLine, 400),
        (E::SpaceBeforeColon, 400),
        (E::EmptyName, 400),
        (E::NameByte, 400),
        (E::MissingColon, 400),
        (E::TooManyFields, 431),
        (E::TooLong, 431),
        (E::HostMissing, 400),
        (E::HostRepeated, 400),
        (E::HostInvalid, 400),
        (E::LengthSyntax, 400),
        (E::LengthRepeated, 400),
        (E::LengthOverflow, 400),
        (E::LengthAndCoding, 400),
        (E::CodingInOldVersion, 400),
        (E::CodingSyntax, 400),
        (E::UnknownCoding, 501),
        (E::ChunkedNotLast, 400),
        (E::UnknownExpectation, 417),
    ];
    let mut texts: Vec<_> = statuses.iter().map(|(error, _)| error.to_string()).collect();
    texts.sort();
    texts.dedup();
    assert_eq!(texts.len(), statuses.len());
    for (error, status) in statuses {
        assert_eq!(error.status().as_u16(), status);
    }
}

fn limits(head_bytes: u16, target_bytes: u16, fields: u16) -> Limits {
    Limits { head_bytes, target_bytes, fields }
}

#[test]
fn a_head_of_exactly_the_limit_is_taken() {
    let head = b"GET /12345 HTTP/1.1\r\nHost: a\r\n\r\n";
    let length = u16::try_from(head.len()).unwrap();
    assert!(read(head, limits(length, 6, 1)).0.is_ok());

    let (result, needed) = read(head, limits(length - 1, 6, 1));
    assert_eq!((result, needed), (Err(E::TooLong), head.len() - 1));
    let (result, needed) = read(head, limits(length, 5, 1));
    assert_eq!((result, needed), (Err(E::TargetTooLong), 10));
    let (result, needed) = read(head, limits(length, 6, 0));
    assert_eq!((result, needed), (Err(E::TooManyFields), 22));
}

#[test]
fn a_head_without_an_end_is_refused_at_the_limit() {
    let endless = |start: &[u8], byte: u8| [start, &vec![byte; 3000][..]].concat();
    let limits = limits(1000, 500, 100);
    for (bytes, error, at) in [
        (endless(b"GET /", b'a'), E::TargetTooLong, 505),
        (endless(b"GET /?", b'?'), E::TargetTooLong, 505),
        (endless(b"CONNECT ", b'a'), E::TargetTooLong, 509),
        (endless(b"GET / HTTP/1.1\r\n", b'a'), E::TooLong, 1000),
        (endless(b"GET / HTTP/1.1\r\nA:", b' '), E::TooLong, 1000),
        (endless(b"GET / HTTP/1.1\r\nA:", b'\t'), E::TooLong, 1000),
        (endless(b"GET / HTTP/1.1\r\nA:", b'a'), E::TooLong, 1000),
    ] {
        let (result, needed) = read(&bytes, limits);
        assert_eq!((result, needed), (Err(error), at));
    }
    let target_as_large_as_the_head = Limits { target_bytes: 2000, ..limits };
    let (result, needed) = read(&endless(b"GET /", b'a'), target_as_large_as_the_head);
    assert_eq!((result, needed), (Err(E::TargetTooLong), 1000));
}

#[test]
fn the_largest_limits_fit_the_offsets() {
    let most = limits(u16::MAX, u16::MAX, u16::MAX);
    let start = b"GET / HTTP/1.0\r\nA: ";
    let padding = vec![b'x'; usize::from(u16::MAX) - start.len() - 4];
    let head = [&start[..], &padding, b"\r\n\r\n"].concat();
    let mut parser = HeadParser::new(most);
    let parsed = parser.parse(&head).unwrap().unwrap();
    assert_eq!(parsed.length, 65535);
    assert_eq!(parser.fields(&head).iter().next().unwrap().1, padding);
}

#[test]
fn every_prefix_of_a_legal_head_waits_for_more() {
    let head = b"\r\nPUT http://[::1]:80/a?b HTTP/1.1\r\nHost: a\r\nA: b \r\nC:\t\r\n\
        Content-Length: 3\r\nConnection: close\r\n\r\n";
    for end in 0..head.len() {
        let parsed = HeadParser::new(Limits::default()).parse(&head[..end]);
        assert_eq!(parsed, Ok(None), "{end}");
    }
    let parsed = HeadParser::new(Limits::default()).parse(head).unwrap().unwrap();
    assert_eq!(parsed.length, head.len());
    assert_eq!(parsed.framing.body, BodyLength::Length(3));
    assert!(!parsed.framing.keep_alive);
}

#[test]
fn a_parser_goes_from_head_to_head_and_keeps_its_memory() {
    let many: Vec<_> = (0..60).map(|n| "a".repeat(n) + "x: y\r\n").collect();
    let many = many.concat();
    let large = format!("GET http://x/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{many}\r\n");
    let small = "GET / HTTP/1.0\r\n\r\n";
    let mut parser = HeadParser::new(Limits::default());
    assert_eq!(parser.spans.capacity(), 0);
    parser.parse(large.as_bytes()).unwrap().unwrap();
    let (kept, place) = (parser.spans.capacity(), parser.spans.as_ptr());
    for _ in 0..3 {
        let head = parser.parse(small.as_bytes());
        let head = head.unwrap().unwrap();
        assert_eq!((head.version, head.host(small.as_bytes())), (Version::HTTP_10, None));
        assert_eq!(parser.fields(small.as_bytes()).iter().count(), 0);

        let head = parser.parse(large.as_bytes());
        let head = head.unwrap().unwrap();
        assert_eq!(head.host(large.as_bytes()), Some(&b"x"[..]));
        assert_eq!(parser.fields(large.as_bytes()).iter().count(), 62);
        assert_eq!((parser.spans.capacity(), parser.spans.as_ptr()), (kept, place));
    }
}
