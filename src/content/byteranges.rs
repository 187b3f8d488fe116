//! What stands between the parts of a `multipart/byteranges` answer (RFC 9110 section 14.6).

use std::ops::Range;

use bytes::Bytes;
use http::HeaderValue;
use xxhash_rust::xxh3::xxh3_128;

use super::etag::EntityTag;
use super::field_value;
use super::range::content_range_text;

/// The bytes around the pieces of a file that go out as one answer: for each range its head and
/// the bytes of the file, then the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ByteRanges {
    /// The `Content-Type` of the answer, with the boundary.
    pub content_type: HeaderValue,
    /// What goes before each range, in their order.
    pub heads: Vec<Bytes>,
    /// What goes after the last.
    pub end: Bytes,
}

/// Makes the parts for ranges of a representation of `length` bytes and the given `Content-Type`.
///
/// The boundary follows from the entity tag and the ranges, so that the same request has the same
/// answer. Content holds it only by the chance of one in 2^128, and a client that goes by
/// `Content-Range` does not mind even then.
pub fn byte_ranges(
    etag: &EntityTag,
    content_type: &HeaderValue,
    ranges: &[Range<u64>],
    length: u64,
) -> ByteRanges {
    let boundary = boundary(etag, ranges);
    let heads = ranges.iter().enumerate().map(|(index, range)| {
        let line_end = if index == 0 { "" } else { "\r\n" };
        let mut head = format!("{line_end}--{boundary}\r\nContent-Type: ").into_bytes();
        head.extend_from_slice(content_type.as_bytes());
        let content_range = content_range_text(range, length);
        head.extend_from_slice(format!("\r\nContent-Range: {content_range}\r\n\r\n").as_bytes());
        Bytes::from(head)
    });
    ByteRanges {
        heads: heads.collect(),
        end: Bytes::from(format!("\r\n--{boundary}--\r\n")),
        content_type: field_value(format!("multipart/byteranges; boundary={boundary}")),
    }
}

fn boundary(etag: &EntityTag, ranges: &[Range<u64>]) -> String {
    let mut seed = Vec::from(etag.as_bytes());
    for range in ranges {
        seed.extend_from_slice(&range.start.to_be_bytes());
        seed.extend_from_slice(&range.end.to_be_bytes());
    }
    format!("{:032x}", xxh3_128(&seed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_framed_as_multipart() {
        let etag = EntityTag::of_content(b"0123456789");
        let media_type = HeaderValue::from_static("text/plain; charset=utf-8");
        let parts = byte_ranges(&etag, &media_type, &[0..2, 7..10], 10);
        let content_type = parts.content_type.to_str().unwrap();
        let boundary = content_type.strip_prefix("multipart/byteranges; boundary=").unwrap();

        let body = [&parts.heads[0][..], b"01", &parts.heads[1], b"789", &parts.end].concat();
        // RFC 9110 15.3.7.2: each part has its Content-Range. RFC 2046 5.1.1: the line break before
        // a delimiter belongs to the delimiter.
        let expected = format!(
            "--{boundary}\r\nContent-Type: text/plain; charset=utf-8\r\n\
             Content-Range: bytes 0-1/10\r\n\r\n01\r\n\
             --{boundary}\r\nContent-Type: text/plain; charset=utf-8\r\n\
             Content-Range: bytes 7-9/10\r\n\r\n789\r\n\
             --{boundary}--\r\n"
        );
        assert_eq!(String::from_utf8(body).unwrap(), expected);
    }

    #[test]
    fn the_boundary_is_a_token_of_32_that_follows_from_tag_and_ranges() {
        let one = EntityTag::of_content(b"1");
        let two = EntityTag::of_content(b"2");
        let made = boundary(&one, &[0..1, 2..3]);
        assert_eq!(made.len(), 32);
        assert!(made.bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert_eq!(made, boundary(&one, &[0..1, 2..3]));
        assert_ne!(made, boundary(&two, &[0..1, 2..3]));
        assert_ne!(made, boundary(&one, &[0..1, 2..4]));
    }
}
