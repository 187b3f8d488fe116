//! What the cache itself decides: whom it asks, what it keeps, and for how long.

mod coded;

use std::collections::HashMap;
use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use bytes::Bytes;
use http::HeaderValue;
use tokio::sync::Semaphore;

use super::*;
use crate::content::coding::Coding;
use crate::content::etag::EntityTag;
use crate::store::object::{Content, Facts, Object, Representation};
use crate::store::{Entries, Version};

const OPEN_FILES: usize = 512;
const AGE: Duration = Duration::from_mins(1);

/// Files that exist only here. It counts what it is asked, and waits when told to.
struct Script {
    files: Mutex<HashMap<&'static str, Source>>,
    looks: AtomicUsize,
    loads: AtomicUsize,
    /// Whether a look takes waiting.
    slow: AtomicBool,
    /// The number of the state of its watch, once something is watched; 0 is of a watch that cannot be.
    watch: AtomicU64,
    watches: AtomicUsize,
    /// A load takes one of these, and gives it back.
    gate: Semaphore,
}

#[derive(Clone)]
enum Source {
    Text(&'static str),
    /// A change of it would not show.
    Restless(&'static str),
    Zeros(usize),
    /// What cannot be compressed.
    Noise(usize),
    Denied,
    Broken,
}

impl Script {
    fn look_now(&self, path: &SitePath<'_>) -> Seen {
        let files = self.files.lock().unwrap();
        let name = std::str::from_utf8(path.as_bytes()).unwrap();
        match files.get(name) {
            Some(file) => file.seen(),
            None => Seen::Nothing,
        }
    }
}

impl Source {
    fn bytes(&self) -> Bytes {
        match *self {
            Self::Text(text) | Self::Restless(text) => text.into(),
            Self::Zeros(count) => vec![0; count].into(),
            Self::Noise(count) => {
                let noise = std::iter::successors(Some(1_u64), |last| {
                    Some(last.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1))
                });
                noise.map(|number| number.to_be_bytes()[0]).take(count).collect()
            }
            Self::Denied | Self::Broken => Bytes::new(),
        }
    }

    fn seen(&self) -> Seen {
        let bytes = self.bytes();
        let number = xxhash_rust::xxh3::xxh3_64(&bytes);
        Seen::File { version: Version::numbered(number, bytes.len() as u64), index: None }
    }

    fn load(&self, limit: u64) -> Result<Loaded, StoreError> {
        let bytes = self.bytes();
        let meta = Representation::new(Facts {
            name: b"name",
            length: bytes.len() as u64,
            modified: None,
            etag: EntityTag::of_content(&bytes),
            content_type: HeaderValue::from_static("text/plain"),
            cache_control: None,
            is_sandboxed: false,
            is_compressible: true,
            has_siblings: false,
        });
        let content = if bytes.len() as u64 <= limit {
            Content::Bytes(bytes)
        } else {
            Content::File(Arc::new(File::open("/dev/null").unwrap()))
        };
        let meta = Arc::new(meta);
        let seen = match self {
            Self::Denied => return Err(StoreError::Denied),
            Self::Broken => return Err(StoreError::Unavailable(Errno::MFILE.into())),
            Self::Restless(_) => None,
            Self::Text(_) | Self::Zeros(_) | Self::Noise(_) => Some(self.seen()),
        };
        Ok(Loaded { found: Found::File(Object::new(meta, content)), seen, siblings: None })
    }
}

impl Store for Script {
    fn find<'a>(
        &'a self,
        _: &'a SitePath<'a>,
        _: Instant,
    ) -> Answer<'a, Result<Found, StoreError>> {
        unreachable!("a cache looks and loads")
    }

    fn scan<'a>(
        &'a self,
        _: &'a SitePath<'a>,
        _: usize,
    ) -> BoxFuture<'a, Result<Scan, StoreError>> {
        Box::pin(async { Ok(Scan::Whole(Entries::default())) })
    }

    fn inspect(&self) -> Inspection {
        Inspection::default()
    }
}

impl Origin for Script {
    fn watch_state(&self, _: Instant) -> Option<WatchState> {
        WatchState::numbered(self.watch.load(Ordering::Relaxed))
    }

    fn watch(&self, _: &SitePath<'_>, _: Seen, _: bool, now: Instant) -> Option<WatchState> {
        self.watches.fetch_add(1, Ordering::Relaxed);
        self.watch_state(now)
    }

    fn look<'a>(&'a self, path: &'a SitePath<'a>) -> Answer<'a, Result<Seen, StoreError>> {
        if self.slow.load(Ordering::Relaxed) {
            return Answer::later(async move {
                self.looks.fetch_add(1, Ordering::Relaxed);
                tokio::task::yield_now().await;
                Ok(self.look_now(path))
            });
        }
        self.looks.fetch_add(1, Ordering::Relaxed);
        Answer::Ready(Ok(self.look_now(path)))
    }

    fn load<'a>(
        &'a self,
        path: &'a SitePath<'a>,
        limit: u64,
    ) -> BoxFuture<'a, Result<Loaded, StoreError>> {
        Box::pin(async move {
            self.loads.fetch_add(1, Ordering::Relaxed);
            let _turn = self.gate.acquire().await.unwrap();
            let name = std::str::from_utf8(path.as_bytes()).unwrap();
            let file = self.files.lock().unwrap().get(name).cloned();
            file.ok_or(StoreError::NotFound)?.load(limit)
        })
    }
}

fn cache(max_bytes: usize, max_file_bytes: u64) -> Cached<Script> {
    let script = Script {
        files: Mutex::default(),
        looks: AtomicUsize::new(0),
        loads: AtomicUsize::new(0),
        slow: AtomicBool::new(false),
        watch: AtomicU64::new(0),
        watches: AtomicUsize::new(0),
        gate: Semaphore::new(1),
    };
    let options =
        CacheOptions { max_bytes, max_file_bytes, max_age: AGE, max_open_files: OPEN_FILES };
    Cached::new(script, options)
}

fn usual() -> Cached<Script> {
    cache(64 << 20, 1 << 20)
}

impl Cached<Script> {
    fn set(&self, path: &'static str, file: Source) {
        self.origin.files.lock().unwrap().insert(path, file);
    }

    /// Looks and loads since the last time this was asked.
    fn asked(&self) -> (usize, usize) {
        let looks = self.origin.looks.swap(0, Ordering::Relaxed);
        (looks, self.origin.loads.swap(0, Ordering::Relaxed))
    }

    async fn get(&self, path: &str, now: Instant) -> String {
        let path = SitePath::parse(path.as_bytes()).unwrap();
        match self.find(&path, now).wait().await {
            Ok(Found::File(Object { content: Content::Bytes(bytes), .. })) => {
                String::from_utf8(bytes.to_vec()).unwrap()
            }
            Ok(found) => format!("{found:?}"),
            Err(error) => format!("{error:?}"),
        }
    }

    /// Bytes in memory and values in all tables.
    fn held(&self) -> (usize, usize) {
        let mut held = (0, 0);
        for shard in &self.shards {
            let shard = shard.lock().unwrap();
            for shelf in [&shard.contents, &shard.open_files, &shard.bare] {
                held.0 += shelf.weight();
                held.1 += shelf.len();
            }
        }
        held
    }
}

const ALMOST_FRESH: Duration = FRESH.checked_sub(Duration::from_millis(1)).unwrap();

#[tokio::test]
async fn a_hit_asks_nobody_while_it_is_fresh_and_looks_once_when_it_is_not() {
    let cache = usual();
    cache.set("/a", Source::Text("one"));
    let start = Instant::now();
    assert_eq!(cache.get("/a", start).await, "one");
    assert_eq!(cache.asked(), (0, 1));
    for _ in 0..3 {
        assert_eq!(cache.get("/a", start + ALMOST_FRESH).await, "one");
    }
    // Another worker's clock may be behind.
    let behind = start.checked_sub(FRESH).unwrap();
    assert_eq!(cache.get("/a", behind).await, "one");
    assert_eq!(cache.asked(), (0, 0));

    let later = start + FRESH;
    for _ in 0..3 {
        assert_eq!(cache.get("/a", later).await, "one");
    }
    assert_eq!(cache.asked(), (1, 0));
    assert_eq!(cache.get("/a", later + ALMOST_FRESH).await, "one");
    assert_eq!(cache.asked(), (0, 0));
}

#[tokio::test]
async fn fresh_and_unchanged_hits_are_answered_at_once() {
    let cache = usual();
    cache.set("/a", Source::Text("one"));
    let start = Instant::now();
    for path in ["/a", "/missing"] {
        cache.get(path, start).await;
        let path = SitePath::parse(path.as_bytes()).unwrap();
        for now in [start, start + FRESH] {
            assert!(matches!(cache.find(&path, now), Answer::Ready(_)));
        }
    }
}

#[tokio::test]
async fn changes_are_seen_once_the_answer_is_no_longer_fresh() {
    let cache = usual();
    let mut now = Instant::now();
    for (file, expected) in [
        (None, "NotFound"),
        (Some(Source::Text("one")), "one"),
        (Some(Source::Text("two")), "two"),
        (None, "NotFound"),
        (Some(Source::Text("two")), "two"),
    ] {
        cache.origin.files.lock().unwrap().clear();
        if let Some(file) = file {
            cache.set("/a", file);
        }
        now += FRESH;
        assert_eq!(cache.get("/a", now).await, expected);
    }
    // One table holds it, not two.
    assert_eq!(cache.held().1, 1);
}

#[tokio::test]
async fn what_is_watched_is_looked_at_once_a_second() {
    let cache = usual();
    cache.origin.watch.store(1, Ordering::Relaxed);
    cache.set("/a", Source::Text("a"));
    let start = Instant::now();
    let at = |millis| start + Duration::from_millis(millis);
    cache.get("/a", start).await;
    assert_eq!(cache.asked(), (0, 1));
    for (millis, looks) in [
        (44, 0),
        // It is watched from here on.
        (45, 1),
        (500, 0),
        (1044, 0),
        (1045, 1),
        (2044, 0),
    ] {
        assert_eq!(cache.get("/a", at(millis)).await, "a");
        assert_eq!(cache.asked(), (looks, 0), "{millis}");
    }
    cache.set("/a", Source::Text("b"));
    cache.origin.watch.store(2, Ordering::Relaxed);
    assert_eq!(cache.get("/a", at(2045)).await, "b");
    assert_eq!(cache.asked(), (2, 1), "once before it was loaded");
}

#[tokio::test]
async fn a_watch_that_cannot_be_had_is_not_asked_for_all_the_time() {
    let cache = usual();
    cache.set("/a", Source::Text("a"));
    let start = Instant::now();
    for number in 0..=40 {
        cache.get("/a", start + FRESH * number).await;
    }
    assert_eq!(cache.asked(), (40, 1));
    assert_eq!(cache.origin.watches.load(Ordering::Relaxed), 2, "within 1.8 s");
    cache.origin.watch.store(1, Ordering::Relaxed);
    cache.get("/a", start + Duration::from_secs(3)).await;
    cache.get("/a", start + Duration::from_millis(3900)).await;
    assert_eq!(cache.asked(), (1, 0));
    // While the state changes with each request, looks are as far apart as without.
    for number in 2..=5 {
        cache.origin.watch.store(number, Ordering::Relaxed);
        let then = start + Duration::from_millis(3900 + 20 * number);
        cache.get("/a", then).await;
    }
    assert_eq!(cache.asked(), (2, 0));
}

#[tokio::test]
async fn not_found_is_remembered_and_checked_like_a_file() {
    let cache = usual();
    let start = Instant::now();
    assert_eq!(cache.get("/a", start).await, "NotFound");
    assert_eq!(cache.get("/a", start).await, "NotFound");
    assert_eq!(cache.asked(), (0, 1));
    assert_eq!(cache.get("/a", start + FRESH).await, "NotFound");
    assert_eq!(cache.asked(), (1, 0));
}

#[tokio::test]
async fn what_could_change_unnoticed_is_loaded_again() {
    for file in [Source::Restless("text"), Source::Denied] {
        let cache = usual();
        cache.set("/a", file);
        let start = Instant::now();
        let first = cache.get("/a", start).await;
        assert_eq!(cache.get("/a", start + ALMOST_FRESH).await, first);
        assert_eq!(cache.asked(), (0, 1));
        assert_eq!(cache.get("/a", start + FRESH).await, first);
        assert_eq!(cache.asked(), (0, 1));
    }
}

#[tokio::test]
async fn a_failure_is_not_remembered() {
    let cache = usual();
    cache.set("/a", Source::Broken);
    let start = Instant::now();
    assert!(cache.get("/a", start).await.contains("Unavailable"));
    cache.set("/a", Source::Text("mended"));
    assert_eq!(cache.get("/a", start).await, "mended");
    // Nor does it cost what was remembered.
    cache.set("/a", Source::Broken);
    assert!(cache.get("/a", start + FRESH).await.contains("Unavailable"));
    cache.set("/a", Source::Text("mended"));
    cache.asked();
    assert_eq!(cache.get("/a", start + FRESH).await, "mended");
    assert_eq!(cache.asked(), (1, 0));
}

#[tokio::test]
async fn nothing_lives_longer_than_its_age() {
    let cache = usual();
    cache.set("/a", Source::Text("one"));
    let start = Instant::now();
    cache.get("/a", start).await;
    let mut now = start;
    while now + FRESH < start + AGE {
        now += FRESH;
        cache.get("/a", now).await;
    }
    let (_, loads) = cache.asked();
    assert_eq!(loads, 1);
    assert_eq!(cache.get("/a", start + AGE).await, "one");
    assert_eq!(cache.asked(), (0, 1));

    cache.tidy(start + AGE + ALMOST_FRESH);
    assert_eq!(cache.held().1, 1);
    cache.tidy(start + AGE + AGE);
    assert_eq!(cache.held(), (0, 0));
}

#[tokio::test]
async fn many_at_once_cause_one_load() {
    let cache = usual();
    cache.set("/a", Source::Text("one"));
    let cache = Arc::new(cache);
    let crowd = async |now| {
        let ask = |_| {
            let cache = Arc::clone(&cache);
            tokio::spawn(async move { cache.get("/a", now).await })
        };
        let tasks: Vec<_> = (0..50).map(ask).collect();
        let mut answers = Vec::new();
        for task in tasks {
            answers.push(task.await.unwrap());
        }
        answers
    };
    let start = Instant::now();
    assert_eq!(crowd(start).await, ["one"; 50]);
    assert_eq!(cache.asked(), (0, 1));

    // A check that has to wait is one check for all.
    cache.origin.slow.store(true, Ordering::Relaxed);
    assert_eq!(crowd(start + FRESH).await, ["one"; 50]);
    assert_eq!(cache.asked(), (1, 0));

    cache.set("/a", Source::Text("two"));
    assert_eq!(crowd(start + FRESH * 2).await, ["two"; 50]);
    assert_eq!(cache.asked(), (1, 1));
}

#[tokio::test]
async fn a_client_that_goes_away_does_not_take_the_load_with_it() {
    let cache = Arc::new(usual());
    cache.set("/a", Source::Text("one"));
    let start = Instant::now();
    let closed = cache.origin.gate.acquire().await.unwrap();
    let ask = || {
        let cache = Arc::clone(&cache);
        tokio::spawn(async move { cache.get("/a", start).await })
    };
    let (gone, stays) = (ask(), ask());
    tokio::task::yield_now().await;
    gone.abort();
    assert!(gone.await.unwrap_err().is_cancelled());
    drop(closed);
    assert_eq!(stays.await.unwrap(), "one");
}

#[tokio::test]
async fn memory_stays_within_the_budget() {
    const BUDGET: usize = 4 << 20;
    let cache = cache(BUDGET, 64 << 10);
    let start = Instant::now();
    for number in 0..2000_usize {
        let path: &'static str = format!("/{number}").leak();
        cache.set(path, Source::Zeros(number * 50));
        cache.get(path, start).await;
        let missing = format!("/missing/{number}/{}", "x".repeat(number));
        cache.get(&missing, start).await;
        assert!(cache.held().0 <= BUDGET, "after {number}");
    }
    assert!(cache.held().0 > BUDGET / 2);
}

#[tokio::test]
async fn a_scan_for_what_is_not_there_pushes_no_file_out() {
    let cache = cache(1 << 20, 1 << 16);
    let start = Instant::now();
    cache.set("/a", Source::Text("one"));
    cache.get("/a", start).await;
    for number in 0..20_000 {
        cache.get(&format!("/wp-admin/{number}.php"), start).await;
    }
    cache.asked();
    assert_eq!(cache.get("/a", start).await, "one");
    assert_eq!(cache.asked(), (0, 0));
}

#[tokio::test]
async fn large_files_are_kept_open_few_at_a_time_and_not_for_long() {
    let cache = cache(64 << 20, 10);
    let start = Instant::now();
    for number in 0..1000 {
        let path: &'static str = format!("/{number}").leak();
        cache.set(path, Source::Zeros(11));
        cache.get(path, start).await;
    }
    let open = cache.held().1;
    assert!((OPEN_FILES / 2..=OPEN_FILES).contains(&open), "{open}");

    let later = start + IDLE;
    cache.asked();
    cache.get("/999", later).await;
    assert_eq!(cache.asked(), (1, 0));
    cache.tidy(later);
    assert_eq!(cache.held().1, 1);
}

#[tokio::test]
async fn a_process_without_descriptors_gets_those_of_the_cache() {
    let cache = cache(64 << 20, 10);
    let start = Instant::now();
    cache.set("/large", Source::Zeros(11));
    cache.set("/small", Source::Text("small"));
    cache.set("/none-left", Source::Broken);
    for path in ["/large", "/small"] {
        cache.get(path, start).await;
    }
    assert_eq!(cache.held().1, 2);
    cache.get("/none-left", start).await;
    assert_eq!(cache.held().1, 1);
    assert_eq!(cache.get("/small", start).await, "small");
}

#[tokio::test]
async fn a_cache_without_memory_still_answers() {
    let cache = cache(0, 1 << 20);
    cache.set("/a", Source::Text("one"));
    let start = Instant::now();
    for _ in 0..2 {
        let path = SitePath::parse(b"/a").unwrap();
        let found = cache.find(&path, start).wait().await;
        assert!(matches!(found, Ok(Found::File(_))), "{found:?}");
    }
    assert_eq!(cache.held(), (0, 0));
}
