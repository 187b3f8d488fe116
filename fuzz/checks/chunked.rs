//! Invariant: no bytes make the chunked decoder panic; in whatever pieces they come, content, end
//! and error are the same; what follows the end does not matter; of the first line's size
//! `httparse` thinks the same.

use salver::http1::{ChunkError, ChunkedDecoder, Decoded, Limits};

pub(crate) fn check(data: &[u8]) {
    let whole = decode([data]);
    assert_eq!(whole, decode(data.chunks(1)));
    assert_eq!(whole, decode(data.chunks(7)));
    let middle = data.last().map_or(0, |&byte| usize::from(byte) % data.len());
    assert_eq!(whole, decode([&data[..middle], &data[middle..]]));

    if let Ok((content, Some(end))) = &whole {
        assert!(content.len() < *end && *end <= data.len());
        assert_eq!(whole, decode([&data[..*end]]));
        assert_eq!(decode([&data[..end - 1]]), Ok((content.clone(), None)));
    }
    compare(data);
}

/// Content, and the number of bytes that the body takes, if its end is there.
type Outcome = Result<(Vec<u8>, Option<usize>), ChunkError>;

fn decode<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Outcome {
    let mut decoder = ChunkedDecoder::new(Limits::default());
    let (mut content, mut used) = (Vec::new(), 0);
    for mut piece in pieces {
        loop {
            match decoder.decode(piece)? {
                Decoded::Data(data) => {
                    content.extend_from_slice(&piece[data.clone()]);
                    used += data.end;
                    piece = &piece[data.end..];
                }
                Decoded::More => {
                    used += piece.len();
                    break;
                }
                Decoded::Done(length) => return Ok((content, Some(used + length))),
            }
        }
    }
    Ok((content, None))
}

fn compare(data: &[u8]) {
    let first = ChunkedDecoder::new(Limits::default()).decode(data);
    if let Ok(Decoded::Data(found)) = first {
        match httparse::parse_chunk_size(data) {
            Ok(httparse::Status::Complete((start, size))) => {
                assert_eq!(start, found.start);
                assert_eq!(size.min((data.len() - start) as u64), found.len() as u64);
            }
            other => panic!("httparse sees no chunk: {other:?}"),
        }
    }
}
