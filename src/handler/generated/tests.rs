//! Which form of a page is sent, what is said of it, and that it is made once.

use std::future::poll_fn;

use http::{HeaderMap, Method, Version};
use tokio::sync::mpsc;

use super::*;
use crate::content::compress::tests::decompress;
use crate::message::{Body, Chunks, Fields, Peer, RequestBody, Target};

const HTML: &str = "text/html; charset=utf-8";

fn text(length: usize) -> Vec<u8> {
    (0u32..).flat_map(|number| format!("<li>{number}</li>").into_bytes()).take(length).collect()
}

fn fields(pairs: &[(HeaderName, &str)]) -> HeaderMap {
    pairs.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect()
}

fn request(method: Method, fields: &HeaderMap) -> Request<'_> {
    Request {
        method,
        target: Target::origin(b"/"),
        version: Version::HTTP_2,
        fields: Fields::Map(fields),
        received: std::time::Instant::now(),
        peer: Peer { address: ([127, 0, 0, 1], 1).into(), secure: false },
        body: RequestBody::None,
    }
}

fn page(codings: &Codings, length: usize) -> Arc<Generated> {
    let facts = Facts { is_tagged: true, by_accept: true, ..Facts::of_now(HTML, text(length)) };
    Generated::new(codings, facts)
}

async fn get(page: &Arc<Generated>, pairs: &[(HeaderName, &str)]) -> Response {
    page.answer(&request(Method::GET, &fields(pairs))).wait().await
}

fn field<'r>(response: &'r Response, name: &HeaderName) -> Option<&'r str> {
    response.fields.get(name).and_then(|value| value.to_str().ok())
}

fn bytes(response: &Response) -> &[u8] {
    match &response.body {
        Body::Bytes(bytes) => bytes,
        Body::Empty => &[],
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn who_takes_codings_gets_the_one_that_is_made_fastest() {
    for length in [1024, NEAR, NEAR + 1, 300_000] {
        let page = page(&Codings::new(true), length);
        for (accepted, expected) in [
            ("gzip, deflate, br, zstd", Some(Coding::Zstd)),
            ("gzip, br", Some(Coding::Gzip)),
            ("br", Some(Coding::Br)),
            ("br, gzip;q=0.9", Some(Coding::Br)),
            ("gzip, identity;q=0", Some(Coding::Gzip)),
            ("gzip;q=0.5, identity", None),
            ("deflate", None),
            ("", None),
        ] {
            let response = get(&page, &[(header::ACCEPT_ENCODING, accepted)]).await;
            assert_eq!(response.status, 200, "{accepted}");
            assert_eq!(field(&response, &header::VARY), Some("Accept, Accept-Encoding"));
            assert_eq!(field(&response, &header::CONTENT_TYPE), Some(HTML));
            let said = field(&response, &header::CONTENT_ENCODING);
            assert_eq!(said, expected.map(Coding::name), "{accepted} {length}");
            let sent = bytes(&response);
            let content = expected.map_or(sent.to_vec(), |coding| decompress(coding, sent));
            assert!(content == text(length), "{accepted} {length}");
            assert!(expected.is_none() || sent.len() < length / 2, "{accepted} {length}");
        }
    }
}

#[tokio::test]
async fn what_is_not_worth_it_stays_as_it_is_and_does_not_vary() {
    let on = Codings::new(true);
    let image = Generated::new(&on, Facts::of_now("image/png", text(5000)));
    for page in [page(&on, 1023), page(&Codings::default(), 5000), image] {
        let response = get(&page, &[(header::ACCEPT_ENCODING, "gzip")]).await;
        assert_eq!(response.status, 200);
        assert_eq!(field(&response, &header::CONTENT_ENCODING), None);
        assert!(field(&response, &header::VARY).is_none_or(|names| names == "Accept"));
        assert_eq!(bytes(&response).len(), page.bytes().len());
    }
    let refused = get(&page(&on, 1023), &[(header::ACCEPT_ENCODING, "gzip, identity;q=0")]).await;
    assert_eq!(refused.status, 406);
    assert_eq!(field(&refused, &header::VARY), Some("Accept-Encoding"));
}

#[tokio::test]
async fn each_coding_has_a_tag_and_304_compresses_nothing() {
    let page = page(&Codings::new(true), 50_000);
    let plain = page.plain.etag.clone().unwrap();
    let gzip = plain.in_coding(Coding::Gzip);
    for (accepted, tag) in [("identity", &plain), ("gzip", &gzip)] {
        let sent = std::str::from_utf8(tag.as_bytes()).unwrap();
        let pairs = [(header::ACCEPT_ENCODING, accepted), (header::IF_NONE_MATCH, sent)];
        let response = get(&page, &pairs).await;
        assert_eq!(response.status, 304);
        assert_eq!(field(&response, &header::ETAG), Some(sent));
        assert_eq!(field(&response, &header::VARY), Some("Accept, Accept-Encoding"));
        assert_eq!(field(&response, &header::CONTENT_ENCODING), None);
        assert!(bytes(&response).is_empty());
    }
    assert!(Coding::ALL.iter().all(|coding| !page.coded(*coding).bytes.initialized()));
    let sent = std::str::from_utf8(plain.as_bytes()).unwrap();
    let pairs = [(header::ACCEPT_ENCODING, "gzip"), (header::IF_NONE_MATCH, sent)];
    let response = get(&page, &pairs).await;
    assert_eq!(response.status, 200);
    assert_eq!(field(&response, &header::ETAG).map(str::as_bytes), Some(gzip.as_bytes()));
    let pairs = [(header::ACCEPT_ENCODING, "gzip"), (header::IF_MATCH, sent)];
    assert_eq!(get(&page, &pairs).await.status, 412);
}

#[tokio::test]
async fn many_who_wait_get_the_same_bytes() {
    let page = page(&Codings::new(true), 200_000);
    let pairs = [(header::ACCEPT_ENCODING, "gzip")];
    let (one, two) = tokio::join!(get(&page, &pairs), get(&page, &pairs));
    let three = get(&page, &pairs).await;
    assert_eq!(bytes(&one).as_ptr(), bytes(&two).as_ptr());
    assert_eq!(bytes(&one).as_ptr(), bytes(&three).as_ptr());
    // From then on nobody waits.
    let fields = fields(&pairs);
    assert!(matches!(page.answer(&request(Method::HEAD, &fields)), Answer::Ready(_)));
}

#[tokio::test]
async fn a_coding_needs_room_as_the_page_does() {
    let rooms = Arc::new(Semaphore::new(110));
    let room = Room::of(&rooms, 100 * 1024 - 1);
    let facts = Facts { room, ..Facts::of_now(HTML, text(100 * 1024 - 1)) };
    let page = Generated::new(&Codings::new(true), facts);
    let left = rooms.available_permits();
    assert_eq!(left, 10);
    let all = Arc::clone(&rooms).try_acquire_many_owned(10).unwrap();
    let accepted = [(header::ACCEPT_ENCODING, "gzip")];
    let plain = get(&page, &accepted).await;
    assert_eq!(field(&plain, &header::CONTENT_ENCODING), None);
    let must = [(header::ACCEPT_ENCODING, "gzip, identity;q=0")];
    assert_eq!(get(&page, &must).await.status, 503);
    drop((all, plain));
    let small = Facts { room: Room::of(&rooms, 2000), ..Facts::of_now(HTML, text(2000)) };
    let small = Generated::new(&Codings::new(true), small);
    let coded = get(&small, &accepted).await;
    assert_eq!(field(&coded, &header::CONTENT_ENCODING), Some("gzip"));
    assert!(rooms.available_permits() < 9);
    drop((page, small));
    assert!(rooms.available_permits() < 110, "it is still being sent");
    drop(coded);
    assert_eq!(rooms.available_permits(), 110);
}

/// A stream that gives what is sent to it.
struct Pieces(mpsc::UnboundedReceiver<std::io::Result<Bytes>>);

impl futures_core::Stream for Pieces {
    type Item = std::io::Result<Bytes>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        self.0.poll_recv(context)
    }
}

async fn next(chunks: &mut Chunks) -> Option<std::io::Result<Bytes>> {
    poll_fn(|context| chunks.poll_next(context)).await
}

#[tokio::test]
async fn a_stream_is_compressed_piece_by_piece_and_holds_nothing_back() {
    for coding in Coding::ALL {
        let (send, pieces) = mpsc::unbounded_channel();
        let fields = fields(&[(header::ACCEPT_ENCODING, coding.name())]);
        let request = request(Method::GET, &fields);
        let chunks = Chunks::new(Pieces(pieces));
        let response = Codings::new(true).stream(&request, HTML, false, chunks);
        assert_eq!(field(&response, &header::CONTENT_ENCODING), Some(coding.name()));
        assert_eq!(field(&response, &header::VARY), Some("Accept-Encoding"));
        let Body::Stream { length: None, mut chunks } = response.body else { panic!("no stream") };
        let mut all = Vec::new();
        for length in [100, NEAR + 1, 70_000, 1] {
            send.send(Ok(text(length).into())).unwrap();
            // It comes without another one having to follow.
            all.extend_from_slice(&next(&mut chunks).await.unwrap().unwrap());
        }
        drop(send);
        while let Some(piece) = next(&mut chunks).await {
            all.extend_from_slice(&piece.unwrap());
        }
        let expected = [text(100), text(NEAR + 1), text(70_000), text(1)].concat();
        assert!(decompress(coding, &all) == expected, "{coding:?}");
        assert!(all.len() < expected.len() / 2, "{coding:?} {}", all.len());
    }
}

#[tokio::test]
async fn a_stream_that_breaks_breaks_in_a_coding_too() {
    let (send, pieces) = mpsc::unbounded_channel();
    let fields = fields(&[(header::ACCEPT_ENCODING, "gzip")]);
    let request = request(Method::GET, &fields);
    let response = Codings::new(true).stream(&request, HTML, false, Chunks::new(Pieces(pieces)));
    let Body::Stream { mut chunks, .. } = response.body else { panic!("no stream") };
    send.send(Ok(text(100).into())).unwrap();
    assert!(next(&mut chunks).await.unwrap().is_ok());
    send.send(Err(std::io::Error::other("cut"))).unwrap();
    assert!(next(&mut chunks).await.unwrap().is_err());
    assert!(next(&mut chunks).await.is_none());
}

#[test]
fn only_so_many_streams_have_encoders() {
    let codings = Codings::new(true);
    let begin = |accepted: &str| {
        let fields = fields(&[(header::ACCEPT_ENCODING, accepted)]);
        let (_, pieces) = mpsc::unbounded_channel();
        codings.stream(&request(Method::GET, &fields), HTML, false, Chunks::new(Pieces(pieces)))
    };
    let mut held: Vec<_> = (0..32).map(|_| begin("gzip")).collect();
    let coding = |response: &Response| field(response, &header::CONTENT_ENCODING).is_some();
    assert!(held.iter().all(coding));
    let next = begin("gzip");
    assert!(next.status == 200 && !coding(&next));
    assert_eq!(begin("gzip, identity;q=0").status, 503);
    held.pop();
    assert!(coding(&begin("gzip")));
    assert_eq!(begin("identity;q=0").status, 406);
}
