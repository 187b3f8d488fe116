//! One suite that every store of the files in a folder passes.

use std::cell::Cell;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use http::{HeaderValue, header};
use rustix::fs::{CWD, FileType, Mode, OFlags, RenameFlags, mknodat, renameat_with};
use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities};
use tempfile::TempDir;

use super::cached::FRESH;
use super::*;
use crate::content;
use crate::message::{Body, FileSpan, Part};

type Open = fn(DiskOptions) -> Box<dyn Store>;

const STORES: [(&str, Open); 4] = [
    ("disk", |options| Box::new(Disk::open(options).unwrap())),
    ("disk without openat2", |options| {
        Box::new(Disk::open_walking(options).unwrap())
    }),
    ("cached", |options| {
        Box::new(cached(Disk::open(options).unwrap(), 1 << 20))
    }),
    ("cached, every file too large", |options| {
        Box::new(cached(Disk::open(options).unwrap(), 0))
    }),
];

const POLICIES: [Symlinks; 3] = [Symlinks::Never, Symlinks::Inside, Symlinks::Always];

fn cached(disk: Disk, max_file_bytes: u64) -> Cached<Disk> {
    let options = CacheOptions {
        max_bytes: 64 << 20,
        max_file_bytes,
        max_age: Duration::from_hours(1),
    };
    Cached::new(disk, options)
}

/// A folder to serve, a folder beside it that must stay out of reach, and a clock.
struct Site {
    place: TempDir,
    store: Box<dyn Store>,
    now: Cell<Instant>,
}

impl Site {
    fn new(open: Open, change: impl FnOnce(&mut DiskOptions)) -> Self {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir(place.path().join("root")).unwrap();
        fs::create_dir(place.path().join("outside")).unwrap();
        fs::write(place.path().join("outside/secret.txt"), "secret").unwrap();
        let mut options = DiskOptions {
            root: place.path().join("root"),
            index_files: vec!["index.html".into(), "index.htm".into()],
            ..DiskOptions::default()
        };
        change(&mut options);
        Self {
            store: open(options),
            place,
            now: Cell::new(Instant::now()),
        }
    }

    fn path(&self, name: impl AsRef<OsStr>) -> PathBuf {
        self.place
            .path()
            .join("root")
            .join(Path::new(name.as_ref()))
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

    async fn find(&self, path: &str) -> Result<Found, StoreError> {
        let path = SitePath::parse(path.as_bytes()).unwrap();
        self.store.find(&path, self.now.get()).get().await
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

fn text(body: Body) -> String {
    match body {
        Body::Empty => String::new(),
        Body::Bytes(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Body::File(span) => text_of_span(&span),
        other => panic!("{other:?}"),
    }
}

fn text_of_span(span: &FileSpan) -> String {
    let mut bytes = vec![0; usize::try_from(span.length).unwrap()];
    span.file.read_exact_at(&mut bytes, span.start).unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
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

#[tokio::test]
async fn a_file_is_found_with_all_that_is_said_about_it() {
    let cache_control = HeaderValue::from_static("no-cache");
    let with_it = |options: &mut DiskOptions| options.cache_control = Some(cache_control.clone());
    on_each_store_with(with_it, async |site| {
        site.write("a/b.css", "p{}");
        let object = site.file("/a/b.css").await;
        assert_eq!(object.meta.length, 3);
        assert_eq!(&*object.meta.name, b"b.css");
        assert_eq!(object.meta.content_type, "text/css; charset=utf-8");
        let modified = fs::metadata(site.path("a/b.css"))
            .unwrap()
            .modified()
            .unwrap();
        assert_eq!(object.meta.modified, Some(modified));
        assert!(!object.meta.etag.is_weak());

        let full = &object.meta.full;
        assert_eq!(
            full.get(&header::CONTENT_TYPE),
            Some(&object.meta.content_type)
        );
        assert_eq!(full.get(&header::ACCEPT_RANGES).unwrap(), "bytes");
        let validators = &object.meta.validators;
        for block in [full, validators] {
            assert_eq!(block.get(&header::ETAG), Some(object.meta.etag.value()));
            assert_eq!(block.get(&header::CACHE_CONTROL), Some(&cache_control));
            let date = block.get(&header::LAST_MODIFIED).unwrap().as_bytes();
            let date = content::date::parse(date);
            assert_eq!(date, content::date::whole_seconds(modified));
        }
        assert_eq!(validators.list().len(), 3);
    })
    .await;
}

#[tokio::test]
async fn a_range_of_a_file_is_cut_at_its_end() {
    on_each_store(async |site| {
        site.write("a.txt", "0123456789");
        let object = site.file("/a.txt").await;
        for (range, expected) in [
            (0..10, "0123456789"),
            (2..5, "234"),
            (8..u64::MAX, "89"),
            (10..12, ""),
            (u64::MAX - 1..u64::MAX, ""),
        ] {
            assert_eq!(text(object.body(range.clone())), expected, "{range:?}");
            let part = match object.part(range.clone()) {
                Part::Bytes(bytes) => text(bytes.into()),
                Part::File(span) => text_of_span(&span),
            };
            assert_eq!(part, expected, "{range:?}");
        }
        site.write("empty", "");
        assert_eq!(site.get("/empty").await, "");
    })
    .await;
}

#[tokio::test]
async fn the_charset_is_the_one_the_file_is_in() {
    on_each_store(async |site| {
        let words = "Die Stra\u{df}e f\u{fc}hrt \u{fc}ber die Br\u{fc}cke nach K\u{f6}ln. ";
        let latin: Vec<u8> = words.chars().map(|char| u8::try_from(u32::from(char)).unwrap()).collect();
        site.write("latin.txt", latin.repeat(5000));
        site.write("utf8.txt", words.repeat(5000));
        for (path, expected) in [
            ("/latin.txt", "text/plain; charset=windows-1252"),
            ("/utf8.txt", "text/plain; charset=utf-8"),
        ] {
            // Twice: the second time it is remembered.
            for _ in 0..2 {
                assert_eq!(site.file(path).await.meta.content_type, expected);
                site.wait();
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_folder_is_its_first_index_file_that_is_a_file() {
    on_each_store(async |site| {
        site.write("both/index.html", "first");
        site.write("both/index.htm", "second");
        site.write("second/index.htm", "second");
        site.write("skipped/index.html/x", "");
        site.write("skipped/index.htm", "second");
        site.write("none/a", "");
        site.write("fifo/a", "");
        fifo(&site.path("fifo/index.html"));
        for (path, expected) in [
            ("/", "(folder)"),
            ("/both", "(folder)"),
            ("/both/", "first"),
            ("/second/", "second"),
            ("/skipped/", "second"),
            ("/skipped/index.html", "(folder)"),
            ("/none", "(folder)"),
            ("/none/", "(folder)"),
            ("/fifo/", "(folder)"),
            ("/both/index.html", "first"),
            ("/both/index.html/", "(not found)"),
            ("/both/index.html/x", "(not found)"),
            ("/missing", "(not found)"),
            ("/missing/", "(not found)"),
        ] {
            assert_eq!(site.get(path).await, expected, "{path}");
        }
        let object = site.file("/second/").await;
        assert_eq!(&*object.meta.name, b"index.htm");
    })
    .await;
}

#[tokio::test]
async fn any_name_that_a_file_can_have_is_found() {
    let long = "n".repeat(255);
    let names = [
        &b"\xff\xfe.bin"[..],
        b"a b\tc\nd",
        b"%41",
        b"...",
        b"a\\b",
        b"\"<>&'?#*",
        long.as_bytes(),
    ];
    let show_hidden = |options: &mut DiskOptions| options.show_hidden = true;
    on_each_store_with(show_hidden, async |site| {
        for name in names {
            site.write(OsStr::from_bytes(name), name);
            let found = site.get(&content::path::encode(&[b"/", name].concat())).await;
            assert_eq!(found, String::from_utf8_lossy(name));
        }
        let entries = site.store.list(&SitePath::parse(b"/").unwrap()).await;
        let listed: Vec<_> = entries.unwrap().into_iter().map(|e| e.name).collect();
        assert!(names.iter().all(|name| listed.contains(&(*name).into())));
        assert_eq!(listed.len(), names.len());

        let too_long = format!("/{long}n");
        assert_eq!(site.get(&too_long).await, "(not found)");
        let too_deep = "/d".repeat(3000);
        assert_eq!(site.get(&too_deep).await, "(not found)");
    })
    .await;
}

#[tokio::test]
async fn hidden_names_are_found_only_when_asked_for() {
    let rows = [
        ("/.secret", "(not found)"),
        ("/.git/config", "(not found)"),
        ("/a/.b/c", "(not found)"),
        ("/.git/", "(not found)"),
        ("/.well-known/security.txt", "x"),
        ("/.well-known/.b", "(not found)"),
        ("/a/.well-known/b", "(not found)"),
    ];
    for show_hidden in [false, true] {
        let change = |options: &mut DiskOptions| options.show_hidden = show_hidden;
        on_each_store_with(change, async |site| {
            for (path, otherwise) in rows {
                if !path.ends_with('/') {
                    site.write(&path[1..], "x");
                }
                let found = site.get(path).await;
                let shown = if path.ends_with('/') { "(folder)" } else { "x" };
                assert_eq!(found, if show_hidden { shown } else { otherwise }, "{path}");
            }
            let listed = site.names("/").await;
            let hidden = [".git/", ".secret 1", ".well-known/"];
            let expected: &[&str] = if show_hidden { &hidden } else { &[] };
            assert_eq!(listed, [expected, &["a/"]].concat());
            let listing = site.store.list(&SitePath::parse(b"/.git/").unwrap()).await;
            assert_eq!(listing.is_ok(), show_hidden);
        })
        .await;
    }
}

/// Links: name, target (`@` is the folder above the root), and what it gives under each policy.
const LINKS: [(&str, &str, [&str; 3]); 19] = [
    ("file", "real/a.txt", ["", "a", "a"]),
    ("dotted", "./real/./a.txt", ["", "a", "a"]),
    ("real/up", "../real/a.txt", ["", "a", "a"]),
    ("folder", "real", ["", "(folder)", "(folder)"]),
    ("slash", "real/", ["", "(folder)", "(folder)"]),
    ("file-slash", "real/a.txt/", ["", "", ""]),
    ("chain1", "chain2", ["", "a", "a"]),
    ("chain2", "chain3", ["", "a", "a"]),
    ("chain3", "folder/a.txt", ["", "a", "a"]),
    ("loop", "loop", ["", "", ""]),
    ("dangling", "nothing", ["", "", ""]),
    ("absolute-inside", "@/root/real/a.txt", ["", "a", "a"]),
    (
        "absolute-outside",
        "@/outside/secret.txt",
        ["", "", "secret"],
    ),
    ("outside", "../outside/secret.txt", ["", "", "secret"]),
    ("outside-folder", "../outside", ["", "", "(folder)"]),
    ("real/deep", "../../outside/secret.txt", ["", "", "secret"]),
    ("out-and-in", "../root/real/a.txt", ["", "", "a"]),
    ("via", "outside", ["", "", "secret"]),
    ("device", "/dev/null", ["", "", ""]),
];

#[tokio::test]
async fn a_link_is_followed_as_far_as_the_policy_goes() {
    for (column, policy) in POLICIES.into_iter().enumerate() {
        let change = |options: &mut DiskOptions| options.symlinks = policy;
        on_each_store_with(change, async |site| {
            site.write("real/a.txt", "a");
            let place = site.place.path().to_str().unwrap();
            for (name, target, _) in LINKS {
                symlink(target.replace('@', place), site.path(name)).unwrap();
            }
            for (name, _, gives) in LINKS {
                let expected = if gives[column].is_empty() {
                    "(not found)"
                } else {
                    gives[column]
                };
                let found = site.get(&format!("/{name}")).await;
                assert_eq!(found, expected, "{name}, {policy:?}");
            }
            // What leads through a link is found as the link is.
            let through = [
                ("/folder/a.txt", ["(not found)", "a", "a"]),
                (
                    "/outside-folder/secret.txt",
                    ["(not found)", "(not found)", "secret"],
                ),
            ];
            for (path, gives) in through {
                assert_eq!(site.get(path).await, gives[column], "{path}, {policy:?}");
            }
            // And listed as it is found.
            let mut expected: Vec<_> = LINKS
                .iter()
                .filter(|(name, _, gives)| !name.contains('/') && !gives[column].is_empty())
                .map(|(name, _, gives)| match gives[column] {
                    "(folder)" => format!("{name}/"),
                    content => format!("{name} {}", content.len()),
                })
                .collect();
            expected.push("real/".into());
            expected.sort();
            assert_eq!(site.names("/").await, expected, "{policy:?}");
        })
        .await;
    }
}

#[tokio::test]
async fn a_long_chain_of_links_ends() {
    on_each_store(async |site| {
        site.write("l0", "end");
        for number in 1..=60 {
            let target = format!("l{}", number - 1);
            symlink(target, site.path(format!("l{number}"))).unwrap();
        }
        assert_eq!(site.get("/l40").await, "end");
        assert_eq!(site.get("/l41").await, "(not found)");
    })
    .await;
}

#[tokio::test]
async fn magic_links_lead_nowhere() {
    let deleted = tempfile::tempfile().unwrap();
    let descriptor = std::os::fd::AsRawFd::as_raw_fd(&deleted);
    for policy in POLICIES {
        let change = |options: &mut DiskOptions| options.symlinks = policy;
        on_each_store_with(change, async |site| {
            let secret = site.place.path().join("outside/secret.txt");
            let root = format!("/proc/self/root{}", secret.display());
            let links = [
                ("fd", format!("/proc/self/fd/{descriptor}")),
                ("root", root),
                ("exe", "/proc/self/exe".into()),
            ];
            for (name, target) in links {
                if policy == Symlinks::Always && name != "fd" {
                    // By name these are ordinary places, and all places are allowed.
                    continue;
                }
                symlink(target, site.path(name)).unwrap();
                let found = site.get(&format!("/{name}")).await;
                assert_eq!(found, "(not found)", "{name}, {policy:?}");
            }
        })
        .await;
    }
}

fn fifo(path: &Path) {
    mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o644), 0).unwrap();
}

#[tokio::test]
async fn what_is_neither_file_nor_folder_is_not_found_and_not_touched() {
    on_each_store(async |site| {
        fifo(&site.path("fifo"));
        let _listener = UnixListener::bind(site.path("socket")).unwrap();
        for path in ["/fifo", "/socket", "/fifo/", "/socket/"] {
            assert_eq!(site.get(path).await, "(not found)", "{path}");
        }
        assert_eq!(site.names("/").await, [""; 0]);
        // A reader would have let this writer in.
        let writer = rustix::fs::open(
            site.path("fifo"),
            OFlags::WRONLY | OFlags::NONBLOCK,
            Mode::empty(),
        );
        assert_eq!(writer.unwrap_err(), Errno::NXIO);
    })
    .await;
}

#[tokio::test]
async fn a_folder_is_listed_with_kinds_and_sizes() {
    on_each_store(async |site| {
        for number in 0..2000 {
            site.write(format!("many/{number:04}"), vec![b'x'; number]);
        }
        site.write("some/folder/a", "");
        site.write("some/file", "12345");
        assert_eq!(site.names("/some").await, ["file 5", "folder/"]);
        assert_eq!(site.names("/some/").await, ["file 5", "folder/"]);
        let many: Vec<_> = (0..2000).map(|n| format!("{n:04} {n}")).collect();
        assert_eq!(site.names("/many/").await, many);

        let path = SitePath::parse(b"/some/").unwrap();
        let entries = site.store.list(&path).await.unwrap();
        for entry in entries {
            let file = site.path("some").join(OsStr::from_bytes(&entry.name));
            assert_eq!(entry.modified, fs::metadata(file).unwrap().modified().ok());
        }
        for path in ["/some/file", "/some/file/", "/missing/", "/missing"] {
            let path = SitePath::parse(path.as_bytes()).unwrap();
            let listed = site.store.list(&path).await;
            assert!(matches!(listed, Err(StoreError::NotFound)), "{listed:?}");
        }
    })
    .await;
}

/// Runs a test on a thread that may read only what the permissions of its user allow, also when
/// that user is root.
fn without_privileges<F: Future<Output = ()>>(test: impl FnOnce() -> F + Send + 'static) {
    let run = move || {
        let none = CapabilitySet::empty();
        let sets = CapabilitySets {
            effective: none,
            permitted: none,
            inheritable: none,
        };
        set_capabilities(None, sets).unwrap();
        // Threads of the blocking pool inherit what this thread has.
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime.unwrap().block_on(test());
    };
    std::thread::spawn(run).join().unwrap();
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn what_this_process_may_not_read_is_denied() {
    without_privileges(|| {
        on_each_store(async |site| {
            site.write("file", "readable");
            site.write("folder/a", "a");
            site.write("folder/index.html", "index");
            let (file, folder) = (site.path("file"), site.path("folder"));

            assert_eq!(site.get("/file").await, "readable");
            set_mode(&file, 0o000);
            site.wait();
            assert_eq!(site.get("/file").await, "(denied)");
            assert_eq!(site.get("/file").await, "(denied)");
            set_mode(&file, 0o644);
            site.wait();
            assert_eq!(site.get("/file").await, "readable");

            // Names may be used but not read.
            set_mode(&folder, 0o311);
            assert_eq!(site.get("/folder/a").await, "a");
            let path = SitePath::parse(b"/folder/").unwrap();
            let listed = site.store.list(&path).await;
            assert!(matches!(listed, Err(StoreError::Denied)), "{listed:?}");
            set_mode(&folder, 0o600);
            site.wait();
            assert_eq!(site.get("/folder/a").await, "(denied)");
            assert_eq!(site.get("/folder/").await, "(denied)");
            set_mode(&folder, 0o755);
            site.wait();
            assert_eq!(site.get("/folder/").await, "index");
        })
    });
}

#[tokio::test]
async fn every_change_is_seen() {
    on_each_store(async |site| {
        let old = b"<p>old</p>";
        let steps: [(&str, &dyn Fn()); 9] = [
            ("(folder)", &|| fs::create_dir(site.path("d")).unwrap()),
            ("later", &|| site.write("d/index.htm", "later")),
            ("<p>old</p>", &|| site.write("d/index.html", old)),
            ("<p>new</p>", &|| site.write("d/index.html", "<p>new</p>")),
            ("<p>", &|| {
                let file = fs::File::options()
                    .write(true)
                    .open(site.path("d/index.html"));
                file.unwrap().set_len(3).unwrap();
            }),
            ("new", &|| {
                site.write("d/new", "new");
                fs::rename(site.path("d/new"), site.path("d/index.html")).unwrap();
            }),
            ("later", &|| {
                fs::remove_file(site.path("d/index.html")).unwrap();
            }),
            ("(folder)", &|| {
                fs::remove_file(site.path("d/index.htm")).unwrap();
            }),
            ("(not found)", &|| fs::remove_dir(site.path("d")).unwrap()),
        ];
        assert_eq!(site.get("/d/").await, "(not found)");
        for (expected, change) in steps {
            change();
            site.wait();
            assert_eq!(site.get("/d/").await, expected);
            // What is remembered now is the same.
            assert_eq!(site.get("/d/").await, expected);
            site.wait();
            assert_eq!(site.get("/d/").await, expected);
        }
    })
    .await;
}

#[tokio::test]
async fn a_new_version_has_a_new_tag_and_an_old_object_keeps_its_bytes() {
    on_each_store(async |site| {
        site.write("a", "one");
        let before = site.file("/a").await;
        site.write("b", "two");
        fs::rename(site.path("b"), site.path("a")).unwrap();
        site.wait();
        let after = site.file("/a").await;
        assert_ne!(before.meta.etag, after.meta.etag);
        assert_eq!(text(before.body(0..3)), "one");
        assert_eq!(text(after.body(0..3)), "two");
        site.wait();
        assert_eq!(site.file("/a").await.meta.etag, after.meta.etag);
    })
    .await;
}

#[tokio::test]
async fn what_the_kernel_has_in_memory_is_answered_at_once() {
    let site = Site::new(STORES[0].1, |_| {});
    site.write("d/index.html", "text");
    site.write("big.txt", vec![b'x'; 300_000]);
    for path in ["/d/", "/d", "/d/index.html", "/big.txt", "/missing"] {
        let answer = site.find(path).await;
        let path = SitePath::parse(path.as_bytes()).unwrap();
        match site.store.find(&path, site.now.get()) {
            Answer::Ready(again) => assert_eq!(again.is_ok(), answer.is_ok()),
            Answer::Later(_) => panic!("{path:?} waits"),
        }
    }
}

/// Stops a thread, also when a test fails.
struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_folder_swapped_for_a_link_is_never_followed_outside() {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.unwrap();
    for policy in [Symlinks::Never, Symlinks::Inside] {
        for (name, open) in &STORES[..2] {
            let site = Site::new(*open, |options| options.symlinks = policy);
            site.write("a/secret.txt", "inside");
            site.write("a/sub/x", "");
            symlink("../outside", site.path("b")).unwrap();
            symlink("a/sub/../secret.txt", site.path("through")).unwrap();
            let (a, b) = (site.path("a"), site.path("b"));
            let stop = AtomicBool::new(false);
            let (mut found, mut refused) = (0, 0);
            std::thread::scope(|scope| {
                let _stop = StopOnDrop(&stop);
                scope.spawn(|| {
                    let exchange = RenameFlags::EXCHANGE;
                    while !stop.load(Ordering::Relaxed) {
                        renameat_with(CWD, &a, CWD, &b, exchange).unwrap();
                    }
                });
                runtime.block_on(async {
                    for number in 0..20_000 {
                        let path = ["/a/secret.txt", "/through"][number % 2];
                        match &*site.get(path).await {
                            "inside" => found += 1,
                            "(not found)" => refused += 1,
                            other => panic!("{name}, {policy:?}: {other}"),
                        }
                    }
                });
            });
            println!("{name}, {policy:?}: {found} found, {refused} refused");
            assert!(found > 0 && refused > 0);
        }
    }
}
