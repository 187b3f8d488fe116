//! One suite that every store of the files in a folder passes.

mod changes;
mod codings;
mod files;
mod links;

use std::cell::Cell;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::fs::{CWD, FileType, Mode, mknodat};
use tempfile::TempDir;

use super::cached::FRESH;
use super::*;
use crate::message::{Body, FileSpan};

type Open = fn(DiskOptions) -> Box<dyn Store>;

const STORES: [(&str, Open); 4] = [
    ("disk", |options| Box::new(Disk::open(options).unwrap())),
    ("disk without openat2", |options| Box::new(Disk::open_walking(options).unwrap())),
    ("cached", |options| Box::new(cached(Disk::open(options).unwrap(), 1 << 20))),
    ("cached, every file too large", |options| Box::new(cached(Disk::open(options).unwrap(), 0))),
];

const POLICIES: [Symlinks; 3] = [Symlinks::Never, Symlinks::Inside, Symlinks::Always];

fn cached(disk: Disk, max_file_bytes: u64) -> Cached<Disk> {
    let options = CacheOptions {
        max_bytes: 64 << 20,
        max_file_bytes,
        max_age: Duration::from_hours(1),
        max_open_files: 64,
    };
    Cached::new(disk, options)
}

/// A folder for files that are not kept in memory alone, as those for temporary files often are: there
/// the kernel answers nothing without waiting.
pub(super) fn folder_on_disk() -> TempDir {
    let program = std::env::current_exe().unwrap();
    tempfile::tempdir_in(program.parent().unwrap()).unwrap()
}

/// A folder to serve, a folder beside it that must stay out of reach, and a clock.
struct Site {
    place: TempDir,
    store: Box<dyn Store>,
    now: Cell<Instant>,
}

impl Site {
    fn new(open: Open, change: impl FnOnce(&mut DiskOptions)) -> Self {
        let place = folder_on_disk();
        fs::create_dir(place.path().join("root")).unwrap();
        fs::create_dir(place.path().join("outside")).unwrap();
        fs::write(place.path().join("outside/secret.txt"), "secret").unwrap();
        let mut options = DiskOptions {
            root: place.path().join("root"),
            index_files: vec!["index.html".into(), "index.htm".into()],
            ..DiskOptions::default()
        };
        change(&mut options);
        Self { store: open(options), place, now: Cell::new(Instant::now()) }
    }

    fn path(&self, name: impl AsRef<OsStr>) -> PathBuf {
        self.place.path().join("root").join(Path::new(name.as_ref()))
    }

    fn write(&self, name: impl AsRef<OsStr>, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// Lets so much time pass that whatever happens from now on must be seen.
    fn wait(&self) {
        self.now.set(self.now.get() + FRESH);
    }

    /// Lets so much time pass that what stays as it is may be watched from its next use on.
    async fn settle(&self, path: &str) {
        self.now.set(self.now.get() + Duration::from_secs(2));
        let before = self.get(path).await;
        self.wait();
        assert_eq!(self.get(path).await, before);
        self.wait();
        assert_eq!(self.get(path).await, before);
    }

    async fn find(&self, path: &str) -> Result<Found, StoreError> {
        let path = SitePath::parse(path.as_bytes()).unwrap();
        self.store.find(&path, self.now.get()).wait().await
    }

    async fn file(&self, path: &str) -> Object {
        match self.find(path).await {
            Ok(Found::File(object)) => object,
            other => panic!("{path}: {other:?}"),
        }
    }

    /// What a path gives, in a word: the content of a file, or the kind of answer.
    async fn get(&self, path: &str) -> String {
        match self.find(path).await {
            Ok(Found::File(object)) => text(object.body(0..object.meta.length)),
            Ok(Found::Folder(_)) => "(folder)".into(),
            Err(StoreError::NotFound) => "(not found)".into(),
            Err(StoreError::Denied) => "(denied)".into(),
            Err(error) => panic!("{path}: {error}"),
        }
    }

    async fn names(&self, path: &str) -> Vec<String> {
        let path = SitePath::parse(path.as_bytes()).unwrap();
        let entries = self.store.list(&path).await.unwrap();
        let mut names: Vec<_> = entries
            .into_iter()
            .map(|entry| {
                let name = String::from_utf8_lossy(&entry.name).into_owned();
                match entry.kind {
                    EntryKind::File => format!("{name} {}", entry.size),
                    EntryKind::Folder => format!("{name}/"),
                }
            })
            .collect();
        names.sort();
        names
    }
}

fn bytes(body: Body) -> Vec<u8> {
    match body {
        Body::Empty => Vec::new(),
        Body::Bytes(bytes) => bytes.to_vec(),
        Body::File(span) => bytes_of_span(&span),
        other => panic!("{other:?}"),
    }
}

fn bytes_of_span(span: &FileSpan) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(span.length).unwrap()];
    span.file.read_exact_at(&mut bytes, span.start).unwrap();
    bytes
}

fn text(body: Body) -> String {
    String::from_utf8_lossy(&bytes(body)).into_owned()
}

/// Stops a thread, also when a test fails.
struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

async fn on_each_store(test: impl AsyncFn(&Site)) {
    on_each_store_with(|_| {}, test).await;
}

async fn on_each_store_with(change: impl Fn(&mut DiskOptions), test: impl AsyncFn(&Site)) {
    for (name, open) in STORES {
        println!("store: {name}");
        test(&Site::new(open, &change)).await;
    }
}

fn fifo(path: &Path) {
    mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o644), 0).unwrap();
}
