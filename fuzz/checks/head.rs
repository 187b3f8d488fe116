//! Invariant: no bytes make the head parser panic; whole, in two pieces and a byte at a time they
//! give the same; what it accepts, `httparse` accepts with the same parts; what only `httparse`
//! accepts is refused by a rule of [`STRICTER`]. The exceptions are in [`is_looser`].

use salver::http1::{Head, HeadError, HeadParser, Limits};

/// The rules that `httparse` does not have, each on purpose.
pub(crate) const STRICTER: &[HeadError] = &[
    // RFC 9112 2.2 permits a bare LF as line end; proxies that disagree about it can be deceived.
    HeadError::BareLf,
    // Skips any number of empty lines; RFC 9112 2.2 asks for at least one.
    HeadError::EmptyLine,
    // Knows no methods, only tokens.
    HeadError::UnknownMethod,
    HeadError::Http2Preface,
    // Does not look into the target: its form, its authority, the `#` of a fragment.
    HeadError::TargetForm,
    HeadError::TargetAuthority,
    HeadError::TargetByte,
    // Has no limits but the number of fields.
    HeadError::TargetTooLong,
    HeadError::TooLong,
    // Does not look at any field's value.
    HeadError::HostMissing,
    HeadError::HostRepeated,
    HeadError::HostInvalid,
    HeadError::LengthSyntax,
    HeadError::LengthRepeated,
    HeadError::LengthOverflow,
    HeadError::LengthAndCoding,
    HeadError::CodingInOldVersion,
    HeadError::CodingSyntax,
    HeadError::UnknownCoding,
    HeadError::ChunkedNotLast,
    HeadError::UnknownExpectation,
];

/// What we accept and `httparse` does not: a minor version above 1, which RFC 9110 2.5 has us treat
/// as 1.1, and a target that is not UTF-8, as names of files need not be.
pub(crate) fn is_looser(head: &Head, data: &[u8], error: httparse::Error) -> bool {
    match error {
        httparse::Error::Token => std::str::from_utf8(head.target(data).raw).is_err(),
        httparse::Error::Version => {
            let data = data.strip_prefix(b"\r\n").unwrap_or(data);
            let line = data.split(|&byte| byte == b'\r').next();
            matches!(line, Some([.., b'1', b'.', b'2'..=b'9']))
        }
        _ => false,
    }
}

pub(crate) fn check(data: &[u8]) {
    let whole = parse([data]);
    assert_eq!(whole, parse((0..=data.len()).map(|end| &data[..end])));
    let middle = data.first().map_or(0, |&byte| usize::from(byte) % data.len());
    assert_eq!(whole, parse([&data[..middle], data]));
    compare(data, whole);
}

/// A field line: name and value.
type Line = (Vec<u8>, Vec<u8>);

/// Parses one head that arrives as ever longer pieces of itself.
fn parse<'a>(
    arrivals: impl IntoIterator<Item = &'a [u8]>,
) -> Result<Option<(Head, Vec<Line>)>, HeadError> {
    let mut parser = HeadParser::new(Limits::default());
    for buf in arrivals {
        if let Some(head) = parser.parse(buf)? {
            let lines = parser.fields(buf).iter();
            let lines = lines.map(|(name, value)| (name.to_vec(), value.to_vec()));
            assert!(head.length <= buf.len());
            return Ok(Some((head, lines.collect())));
        }
    }
    Ok(None)
}

fn compare(data: &[u8], ours: Result<Option<(Head, Vec<Line>)>, HeadError>) {
    let mut headers = [httparse::EMPTY_HEADER; 100];
    let mut theirs = httparse::Request::new(&mut headers);
    let outcome = theirs.parse(data);
    match (ours, outcome) {
        (Ok(Some((head, lines))), Ok(httparse::Status::Complete(length))) => {
            assert_eq!(head.length, length);
            assert_eq!(Some(head.method.as_str()), theirs.method);
            assert_eq!(head.target(data).raw, theirs.path.unwrap_or_default().as_bytes());
            assert_eq!(head.version == http::Version::HTTP_11, theirs.version == Some(1));
            let their_lines = theirs.headers.iter();
            let their_lines = their_lines.map(|line| (line.name.into(), line.value.to_vec()));
            assert_eq!(lines, their_lines.collect::<Vec<Line>>());
        }
        (Ok(Some((head, _))), Err(error)) => {
            assert!(is_looser(&head, data, error), "only httparse refuses: {error}");
        }
        (Ok(Some(_)), Ok(httparse::Status::Partial)) => panic!("httparse waits for more"),
        (Ok(None), Ok(httparse::Status::Complete(_))) => panic!("only httparse is done"),
        (Err(error), Ok(status)) => {
            // At the first byte of the line too many; httparse says so at its end.
            let earlier = error == HeadError::TooManyFields && status.is_partial();
            assert!(earlier || STRICTER.contains(&error), "only we refuse: {error}");
        }
        (Ok(None), _) | (Err(_), Err(_)) => {}
    }
}
