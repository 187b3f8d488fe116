//! HTTP/1.1 between bytes and words, against `httparse` on the same bytes.
//!
//! `cargo bench --bench http1`. `httparse` finds the request line and the field lines; ours also
//! checks the target and `Host`, notes the names, and reads the fields that frame the body.
#![allow(missing_docs, reason = "the macros of criterion make undocumented items")]
#![allow(clippy::unwrap_used, reason = "the inputs are our own")]

use std::hint::black_box;
use std::mem::MaybeUninit;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use http::{HeaderValue, StatusCode, header};
use salver::http1::encode::{self, ContentLength, ResponseHead};
use salver::http1::{ChunkedDecoder, Decoded, HeadParser, Limits};
use salver::message::{Block, ResponseFields};

const MINIMAL: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

const CURL: &[u8] = b"GET /index.html HTTP/1.1\r\n\
    Host: 127.0.0.1:8000\r\n\
    User-Agent: curl/8.5.0\r\n\
    Accept: */*\r\n\r\n";

const CHROME: &[u8] = b"GET /small.html HTTP/1.1\r\n\
    Host: 127.0.0.1:8000\r\n\
    Connection: keep-alive\r\n\
    Cache-Control: max-age=0\r\n\
    sec-ch-ua: \"Chromium\";v=\"126\", \"Google Chrome\";v=\"126\", \"Not-A.Brand\";v=\"8\"\r\n\
    sec-ch-ua-mobile: ?0\r\n\
    sec-ch-ua-platform: \"Linux\"\r\n\
    Upgrade-Insecure-Requests: 1\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) \
    Chrome/126.0.0.0 Safari/537.36\r\n\
    Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,\
    image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7\r\n\
    Sec-Fetch-Site: none\r\n\
    Sec-Fetch-Mode: navigate\r\n\
    Sec-Fetch-User: ?1\r\n\
    Sec-Fetch-Dest: document\r\n\
    Accept-Encoding: gzip, deflate, br, zstd\r\n\
    Accept-Language: en-US,en;q=0.9,de;q=0.8\r\n\r\n";

fn parsing(criterion: &mut Criterion) {
    for (name, bytes) in [("minimal", MINIMAL), ("curl", CURL), ("chrome", CHROME)] {
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        let mut parser = HeadParser::new(Limits::default());
        group.bench_function("httparse", |bencher| {
            bencher.iter(|| {
                // Its fastest door: an array of headers that is not cleared first.
                let mut headers = [const { MaybeUninit::uninit() }; 100];
                let mut request = httparse::Request::new(&mut []);
                let status =
                    request.parse_with_uninit_headers(black_box(bytes), &mut headers).unwrap();
                black_box(&request);
                black_box(status)
            });
        });
        group.bench_function("ours", |bencher| {
            bencher.iter(|| {
                let head = parser.parse(black_box(bytes)).unwrap().unwrap();
                black_box(parser.fields(bytes));
                black_box(head)
            });
        });
        group.finish();
    }
}

fn serialisation(criterion: &mut Criterion) {
    let block: Block = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::ETAG, "\"5f3a9c01d2e4b687\""),
        (header::LAST_MODIFIED, "Sun, 06 Nov 1994 08:49:37 GMT"),
        (header::ACCEPT_RANGES, "bytes"),
        (header::CACHE_CONTROL, "public, max-age=86400"),
    ]
    .map(|(name, value)| (name, HeaderValue::from_static(value)))
    .into_iter()
    .collect();
    let fields = ResponseFields { shared: Some(block.into()), ..ResponseFields::default() };
    let head = ResponseHead {
        status: StatusCode::OK,
        date: b"Sun, 06 Nov 1994 08:49:37 GMT",
        length: ContentLength::Known(1024),
        connection: None,
        fixed: b"Server: salver/0.1.0\r\nX-Content-Type-Options: nosniff\r\n",
        fields: &fields,
    };
    let mut out = Vec::with_capacity(4096);
    criterion.bench_function("write head", |bencher| {
        bencher.iter(|| {
            out.clear();
            encode::write_head(&mut out, black_box(&head));
            black_box(out.len())
        });
    });
}

fn decoding(criterion: &mut Criterion) {
    let body: Vec<u8> = (0..16)
        .flat_map(|_| [&b"1000\r\n"[..], &[b'x'; 4096], b"\r\n"].concat())
        .chain(*b"0\r\n\r\n")
        .collect();
    let mut group = criterion.benchmark_group("chunked");
    group.throughput(Throughput::Bytes(body.len() as u64));
    group.bench_function("16 chunks of 4 KiB", |bencher| {
        bencher.iter(|| {
            let mut decoder = ChunkedDecoder::new(Limits::default());
            let mut rest = black_box(&body[..]);
            while let Decoded::Data(data) = decoder.decode(rest).unwrap() {
                black_box(&rest[data.clone()]);
                rest = &rest[data.end..];
            }
        });
    });
    group.finish();
}

criterion_group!(benches, parsing, serialisation, decoding);
criterion_main!(benches);
