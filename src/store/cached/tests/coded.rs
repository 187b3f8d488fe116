//! What is kept in other codings.

use super::*;
use crate::content::compress::tests::decompress;

impl Cached<Script> {
    async fn get_coded(&self, path: &str, accepted: &str, now: Instant) -> Object {
        let path = SitePath::parse(path.as_bytes()).unwrap();
        let mut map = http::HeaderMap::new();
        map.insert(http::header::ACCEPT_ENCODING, HeaderValue::from_str(accepted).unwrap());
        let accepted = Accepted::of(crate::message::Fields::Map(&map));
        match self.find_coded(&path, accepted, now).wait().await {
            Ok(Found::File(object)) => object,
            other => panic!("{other:?}"),
        }
    }

    fn compressions(&self) -> u64 {
        self.report().compressions.times
    }
}

fn bytes(object: &Object) -> Bytes {
    match &object.content {
        Content::Bytes(bytes) => bytes.clone(),
        Content::File(_) => panic!("it is not in memory"),
    }
}

#[tokio::test]
async fn a_file_is_compressed_once_per_coding_and_found_without_waiting() {
    let cache = usual();
    cache.set("/a", Source::Zeros(5000));
    let start = Instant::now();
    for (accepted, coding) in
        [("br, gzip", Coding::Br), ("gzip", Coding::Gzip), ("zstd", Coding::Zstd)]
    {
        let made = cache.get_coded("/a", accepted, start).await;
        assert_eq!((made.meta.coding, made.cache), (Some(coding), Some(CacheUse::Miss)));
        assert_eq!(decompress(coding, &bytes(&made)), vec![0; 5000]);
        let found = cache.get_coded("/a", accepted, start).await;
        assert!(Arc::ptr_eq(&found.meta, &made.meta));
        assert_eq!(found.cache, Some(CacheUse::Hit));
        let later = cache.get_coded("/a", accepted, start + FRESH).await;
        assert!(Arc::ptr_eq(&later.meta, &made.meta));
    }
    assert_eq!(cache.compressions(), 3);
    assert_eq!(cache.asked().1, 1);
}

#[tokio::test]
async fn many_who_come_first_have_it_compressed_once() {
    let cache = usual();
    cache.set("/a", Source::Zeros(100_000));
    let start = Instant::now();
    let (a, b, c) = tokio::join!(
        cache.get_coded("/a", "br", start),
        cache.get_coded("/a", "br", start),
        cache.get_coded("/a", "br, gzip", start)
    );
    assert!(Arc::ptr_eq(&a.meta, &b.meta) && Arc::ptr_eq(&b.meta, &c.meta));
    assert_eq!((cache.compressions(), cache.asked().1), (1, 1));
}

#[tokio::test]
async fn a_change_of_the_file_is_one_in_every_coding() {
    let cache = usual();
    cache.set("/a", Source::Zeros(5000));
    let start = Instant::now();
    let old = cache.get_coded("/a", "gzip", start).await;
    cache.set("/a", Source::Zeros(6000));
    let same = cache.get_coded("/a", "gzip", start + ALMOST_FRESH).await;
    assert!(Arc::ptr_eq(&same.meta, &old.meta));
    let new = cache.get_coded("/a", "gzip", start + FRESH).await;
    assert_eq!(decompress(Coding::Gzip, &bytes(&new)).len(), 6000);
    assert_ne!(new.meta.etag, old.meta.etag);
}

#[tokio::test]
async fn what_is_short_or_does_not_shrink_is_given_as_it_is_and_not_tried_again() {
    let cache = usual();
    cache.set("/short", Source::Zeros(1023));
    cache.set("/noise", Source::Noise(5000));
    let start = Instant::now();
    for path in ["/short", "/noise"] {
        for accepted in ["br, gzip, zstd", "gzip", "zstd"] {
            assert_eq!(cache.get_coded(path, accepted, start).await.meta.coding, None, "{path}");
        }
    }
    assert_eq!(cache.compressions(), 1);
}

#[tokio::test]
async fn variants_count_for_the_budget_and_go_with_their_file() {
    const BUDGET: usize = 4 << 20;
    let cache = cache(BUDGET, 64 << 10);
    let start = Instant::now();
    cache.set("/first", Source::Zeros(50_000));
    cache.get("/first", start).await;
    let plain = cache.held().0;
    let made = cache.get_coded("/first", "br", start).await;
    let added = cache.held().0 - plain;
    assert!(added >= bytes(&made).len() && added < 4000, "{added}");
    for number in 0..500_usize {
        let path: &'static str = format!("/{number}").leak();
        cache.set(path, Source::Zeros(20_000 + number));
        cache.get_coded(path, "gzip", start).await;
        assert!(cache.held().0 <= BUDGET, "after {number}");
    }
    assert!(cache.held().0 > BUDGET / 2);
    cache.asked();
    cache.get_coded("/first", "br", start).await;
    assert_eq!(cache.asked().1, 1);
}

#[tokio::test]
async fn what_is_no_file_and_what_is_not_kept_is_answered_all_the_same() {
    let tiny = cache(0, 1 << 20);
    tiny.set("/a", Source::Zeros(5000));
    let start = Instant::now();
    for _ in 0..2 {
        assert_eq!(tiny.get_coded("/a", "br", start).await.meta.coding, None);
    }
    let cache = usual();
    cache.set("/large", Source::Zeros(2 << 20));
    assert_eq!(cache.get_coded("/large", "br", start).await.meta.coding, None);
    let missing = SitePath::parse(b"/missing").unwrap();
    let accepted = Accepted::of(crate::message::Fields::EMPTY);
    for now in [start, start, start + FRESH] {
        let found = cache.find_coded(&missing, accepted, now).wait().await;
        assert!(matches!(found, Err(StoreError::NotFound)));
    }
}
