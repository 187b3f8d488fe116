//! What is shared, what is begun early, what is refused.

use std::future::poll_fn;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Version};
use tokio::sync::oneshot;

use super::*;
use crate::message::{Answer, Body, BoxFuture, Fields, Peer, RequestBody, Target};
use crate::store::{Entries, EntryKind, EntryRef, Found, Inspection, Scan, StoreError};

/// A folder of so many files that exists only here.
#[derive(Default)]
struct Made {
    count: usize,
    scans: AtomicUsize,
    /// When there is one, the folder is large and comes when the other end says so.
    gate: Mutex<Option<oneshot::Receiver<()>>>,
}

impl Made {
    fn entries(count: usize) -> Entries {
        let mut entries = Entries::default();
        for number in 0..count {
            let name = format!("{number:030}.txt");
            let entry = EntryRef {
                name: name.as_bytes(),
                kind: EntryKind::File,
                is_link: false,
                size: 1,
                modified: None,
            };
            entries.push(entry);
        }
        entries
    }
}

impl Store for Made {
    fn find<'a>(
        &'a self,
        _: &'a SitePath<'a>,
        _: Instant,
    ) -> Answer<'a, Result<Found, StoreError>> {
        Answer::Ready(Err(StoreError::NotFound))
    }

    fn scan<'a>(
        &'a self,
        _: &'a SitePath<'a>,
        patience: usize,
    ) -> BoxFuture<'a, Result<Scan, StoreError>> {
        self.scans.fetch_add(1, Ordering::Relaxed);
        let gate = self.gate.lock().unwrap().take();
        let count = self.count;
        Box::pin(async move {
            if count <= patience {
                return Ok(Scan::Whole(Self::entries(count)));
            }
            Ok(Scan::Growing(Box::pin(async move {
                if let Some(gate) = gate {
                    gate.await.map_err(|_| StoreError::NotFound)?;
                }
                Ok(Self::entries(count))
            })))
        })
    }

    fn inspect(&self) -> Inspection {
        Inspection::default()
    }
}

fn listing(store: &Arc<Made>) -> Listing {
    let store: Arc<dyn Store> = Arc::clone(store) as Arc<dyn Store>;
    let renderings = Arc::new(Renderings::new(Arc::clone(&store)));
    Listing::new(store, renderings, ListingOptions::default())
}

fn request(target: &str, received: Instant) -> Request<'_> {
    Request {
        method: Method::GET,
        target: Target::origin(target.as_bytes()),
        version: Version::HTTP_11,
        fields: Fields::EMPTY,
        received,
        peer: Peer { address: ([127, 0, 0, 1], 1).into(), secure: false },
        body: RequestBody::None,
    }
}

async fn ask(listing: &Listing, target: &str, received: Instant) -> Response {
    match listing.handle(request(target, received)) {
        Reply::Ready(response) => response,
        Reply::Later(reply) => reply.await.expect("an answer"),
        Reply::Pass(_) => panic!("passed on"),
    }
}

async fn next(chunks: &mut Chunks) -> Option<Bytes> {
    poll_fn(|context| chunks.poll_next(context)).await.map(|piece| piece.expect("a piece"))
}

async fn content(body: Body) -> Vec<u8> {
    let mut all = Vec::new();
    match body {
        Body::Bytes(bytes) => all.extend_from_slice(&bytes),
        Body::Stream { mut chunks, .. } => {
            while let Some(piece) = next(&mut chunks).await {
                assert!(piece.len() <= MAX_WHOLE);
                all.extend_from_slice(&piece);
            }
        }
        other => panic!("{other:?}"),
    }
    all
}

#[tokio::test]
async fn one_look_serves_all_who_ask_within_a_moment_and_nobody_after_it() {
    let store = Arc::new(Made { count: 3, ..Made::default() });
    let listing = listing(&store);
    let now = Instant::now();
    let later = |millis| now + Duration::from_millis(millis);
    for (at, target, scans) in [
        (0, "/", 1),
        (44, "/", 1),
        (44, "/?format=json", 1),
        (44, "/a/", 2),
        (45, "/", 3),
        (89, "/?sort=size", 3),
        (90, "/", 4),
    ] {
        assert_eq!(ask(&listing, target, later(at)).await.status, StatusCode::OK);
        assert_eq!(store.scans.load(Ordering::Relaxed), scans, "{target} at {at}");
    }
    let (one, two) =
        tokio::join!(ask(&listing, "/b/", later(90)), ask(&listing, "/b/?format=text", later(90)));
    assert_eq!((one.status, two.status), (StatusCode::OK, StatusCode::OK));
    assert_eq!(store.scans.load(Ordering::Relaxed), 5);
    assert!(matches!(listing.handle(request("/b/", later(91))), Reply::Ready(_)));
    listing.tidy(later(200));
    assert!(matches!(listing.handle(request("/b/", later(91))), Reply::Later(_)));
}

#[tokio::test]
async fn a_large_folder_is_begun_before_it_is_known() {
    let (go, gate) = oneshot::channel();
    let store = Arc::new(Made { count: 5000, gate: Mutex::new(Some(gate)), ..Made::default() });
    let listing = listing(&store);
    let now = Instant::now();
    let early = ask(&listing, "/", now).await;
    assert!(!early.fields.contains(&header::ETAG));
    let Body::Stream { length: None, mut chunks } = early.body else { panic!("not begun") };
    let start = next(&mut chunks).await.expect("the start");
    assert!(start.starts_with(b"<!doctype html>") && start.ends_with(b"role=status>"));
    // Somebody else waits for the same entries, drives the look on, and goes away.
    let other = ask(&listing, "/?format=json", now).await;
    let Body::Stream { chunks: mut others, .. } = other.body else { panic!("not begun") };
    assert!(next(&mut others).await.expect("its start").starts_with(b"{"));
    let pending = poll_fn(|context| std::task::Poll::Ready(others.poll_next(context).is_pending()));
    assert!(pending.await);
    drop(others);
    go.send(()).unwrap();
    let mut page = start.to_vec();
    while let Some(piece) = next(&mut chunks).await {
        page.extend_from_slice(&piece);
    }
    // Who comes now gets the same, whole.
    let whole = ask(&listing, "/", now).await;
    assert!(whole.fields.contains(&header::ETAG));
    assert!(content(whole.body).await == page);
    assert_eq!(store.scans.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn what_is_too_long_to_keep_is_written_while_it_is_sent() {
    let store = Arc::new(Made { count: 30_000, ..Made::default() });
    let listing = listing(&store);
    let now = Instant::now();
    for _ in 0..2 {
        let response = ask(&listing, "/?format=json&order=desc", now).await;
        assert!(!response.fields.contains(&header::ETAG));
        let Body::Stream { length: None, mut chunks } = response.body else { panic!("kept") };
        let mut all = Vec::new();
        while let Some(piece) = next(&mut chunks).await {
            assert!(piece.len() < 128 * 1024);
            all.extend_from_slice(&piece);
        }
        let parsed: serde_json::Value = serde_json::from_slice(&all).unwrap();
        let entries = parsed["entries"].as_array().unwrap();
        assert_eq!(entries.len(), 30_000);
        assert_eq!(entries[0]["url"], format!("./{:030}.txt", 29_999));
    }
}

#[tokio::test]
async fn a_scan_that_fails_after_the_start_cuts_the_answer() {
    let (go, gate) = oneshot::channel();
    let store = Arc::new(Made { count: 5000, gate: Mutex::new(Some(gate)), ..Made::default() });
    let response = ask(&listing(&store), "/", Instant::now()).await;
    let Body::Stream { mut chunks, .. } = response.body else { panic!("not begun") };
    next(&mut chunks).await.expect("the start");
    drop(go);
    let end = poll_fn(|context| chunks.poll_next(context)).await;
    assert!(end.expect("a word").is_err());
}

#[tokio::test]
async fn only_so_many_large_folders_are_looked_into_at_once() {
    let store = Arc::new(Made { count: 5000, ..Made::default() });
    let listing = listing(&store);
    let now = Instant::now();
    let targets = ["/1/", "/2/", "/3/", "/4/", "/5/", "/6/", "/7/", "/8/"];
    let mut begun = Vec::new();
    for target in targets {
        begun.push(ask(&listing, target, now).await);
    }
    let refused = ask(&listing, "/9/", now).await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(refused.fields.contains(&header::RETRY_AFTER));
    // One that has been sent makes room for the next.
    content(begun.remove(0).body).await;
    let next = ask(&listing, "/10/", now).await;
    assert_eq!(next.status, StatusCode::OK);
}

#[tokio::test]
async fn a_large_folder_counts_until_it_has_been_sent() {
    let store = Arc::new(Made { count: 30_000, ..Made::default() });
    let listing = listing(&store);
    let now = Instant::now();
    let later = |number: u64| now + Duration::from_millis(50 * number);
    // Each comes when the look before is too old for it, and is read as far as the first entries.
    let mut sending = Vec::new();
    for number in 0..8 {
        let response = ask(&listing, "/?format=json", later(number)).await;
        let Body::Stream { mut chunks, .. } = response.body else { panic!("kept") };
        for _ in 0..2 {
            next(&mut chunks).await.expect("a piece");
        }
        sending.push(chunks);
    }
    let refused = ask(&listing, "/?format=json", later(8)).await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(refused.fields.contains(&header::RETRY_AFTER));
    sending.pop();
    let taken = ask(&listing, "/?format=json", later(9)).await;
    assert_eq!(taken.status, StatusCode::OK);
}

#[tokio::test]
async fn what_was_selected_counts_until_it_has_been_sent() {
    let store = Arc::new(Made { count: 30_000, ..Made::default() });
    let listing = listing(&store);
    let now = Instant::now();
    let _others = listing.0.looks.room((64 << 20) - 200_000).expect("room for one selection more");
    let response = ask(&listing, "/?format=json", now).await;
    let Body::Stream { chunks: mut sending, .. } = response.body else { panic!("kept") };
    for _ in 0..2 {
        next(&mut sending).await.expect("a piece");
    }
    let other = "/?format=json&sort=size";
    let refused = ask(&listing, other, now).await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(refused.fields.contains(&header::RETRY_AFTER));
    drop(sending);
    let taken = ask(&listing, other, now).await;
    assert!(content(taken.body).await.ends_with(b"]}\n"));
}

#[tokio::test]
async fn pages_that_nobody_sends_give_way_and_those_being_sent_do_not() {
    let store = Arc::new(Made { count: 4000, ..Made::default() });
    let listing = listing(&store);
    let now = Instant::now();
    let mut held = Vec::new();
    let mut refused = 0;
    for number in 0..400u64 {
        let at = now + Duration::from_millis(50 * number);
        let response = ask(&listing, "/", at).await;
        match response.status {
            StatusCode::OK if number % 2 == 0 => held.push(response),
            StatusCode::OK => {}
            _ => refused += 1,
        }
    }
    let bytes: u64 = held.iter().map(|response| response.body.length().unwrap()).sum();
    assert!(bytes <= 65 << 20 && bytes > 50 << 20, "{bytes}");
    assert!(refused > 0);
    held.clear();
    let at = now + Duration::from_mins(1);
    assert_eq!(ask(&listing, "/", at).await.status, StatusCode::OK);
}
