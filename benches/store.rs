//! What finding a file costs: in the cache, on the disk, and when there is none.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a benchmark stops when its set-up fails; its macros document nothing"
)]

use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use salver::content::path::SitePath;
use salver::store::{
    Answer, CacheOptions, Cached, Disk, DiskOptions, Found, Store, StoreError, Symlinks,
};
use tokio::runtime::{Builder, Runtime};

/// Later than any answer of the cache stays fresh.
const STALE: Duration = Duration::from_millis(50);

const ENTRIES: usize = 10_000;

fn disk(root: &Path) -> Disk {
    let options = DiskOptions {
        root: root.into(),
        index_files: vec!["index.html".into()],
        show_hidden: false,
        symlinks: Symlinks::Inside,
        sandboxed: None,
        codings: true,
        max_entries: None,
        cache_control: None,
    };
    Disk::open(options).unwrap()
}

fn cached(root: &Path) -> Cached<Disk> {
    let options = CacheOptions {
        max_open_files: 64,
        max_bytes: 100 << 20,
        max_file_bytes: 1 << 20,
        // The checked benches move the clock by days.
        max_age: Duration::MAX,
    };
    Cached::new(disk(root), options)
}

/// Looks a path up as a connection does for each request.
fn find(store: &dyn Store, raw: &[u8], now: Instant) -> Result<Found, StoreError> {
    let path = SitePath::parse(black_box(raw)).unwrap();
    match store.find(&path, now) {
        Answer::Ready(found) => found,
        Answer::Later(_) => panic!("it is not in memory"),
    }
}

/// Asks once, so that everything is where the measured requests find it.
fn warm(runtime: &Runtime, store: &dyn Store, raw: &[u8]) {
    let path = SitePath::parse(raw).unwrap();
    let _ = runtime.block_on(store.find(&path, Instant::now()).wait());
}

fn finding(criterion: &mut Criterion) {
    let runtime = Builder::new_current_thread().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("docs/guide")).unwrap();
    fs::write(folder.path().join("docs/guide/index.html"), "x".repeat(4096)).unwrap();
    fs::write(folder.path().join("docs/guide/large.bin"), vec![0; 4 << 20]).unwrap();
    // What changed just now is not trusted to be the same later.
    std::thread::sleep(STALE);

    let (cached, disk) = (cached(folder.path()), disk(folder.path()));
    let file: &[u8] = b"/docs/guide/index.html";
    let index: &[u8] = b"/docs/guide/";
    let large: &[u8] = b"/docs/guide/large.bin";
    let missing: &[u8] = b"/docs/guide/missing.html";

    let mut group = criterion.benchmark_group("cached");
    for (name, raw) in [("file", file), ("large file", large), ("missing", missing)] {
        warm(&runtime, &cached, raw);
        let now = Instant::now();
        group.bench_function(format!("{name}, fresh"), |bencher| {
            bencher.iter(|| find(&cached, raw, now));
        });
    }
    for (name, raw) in [("file", file), ("index", index), ("missing", missing)] {
        warm(&runtime, &cached, raw);
        let mut now = Instant::now();
        group.bench_function(format!("{name}, checked"), |bencher| {
            bencher.iter(|| {
                now += STALE;
                find(&cached, raw, now)
            });
        });
    }
    group.finish();

    let mut group = criterion.benchmark_group("disk");
    for (name, raw) in [("file", file), ("index", index), ("missing", missing)] {
        warm(&runtime, &disk, raw);
        let now = Instant::now();
        group.bench_function(name, |bencher| {
            bencher.iter(|| find(&disk, raw, now));
        });
    }
    group.finish();
}

fn listing(criterion: &mut Criterion) {
    let runtime = Builder::new_current_thread().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    for number in 0..ENTRIES {
        fs::write(folder.path().join(format!("file-{number:05}.txt")), "x").unwrap();
    }
    let disk = disk(folder.path());
    let root = SitePath::parse(b"/").unwrap();
    criterion.bench_function("list 10,000 entries", |bencher| {
        bencher.iter(|| {
            let entries = runtime.block_on(disk.list(&root)).unwrap();
            assert_eq!(entries.len(), ENTRIES);
        });
    });
}

criterion_group!(benches, finding, listing);
criterion_main!(benches);
