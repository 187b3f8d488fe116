//! What is found, what is listed, and what is said about it.

use std::ffi::OsStr;
use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixListener;

use http::{HeaderValue, header};
use rustix::fs::{Mode, OFlags, inotify};

use super::*;
use crate::content;
use crate::message::Part;

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
        let modified = fs::metadata(site.path("a/b.css")).unwrap().modified().unwrap();
        assert_eq!(object.meta.modified, Some(modified));
        assert!(!object.meta.etag.is_weak());

        let full = &object.meta.full;
        assert_eq!(full.get(&header::CONTENT_TYPE), Some(&object.meta.content_type));
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
                Part::File(span) => text(Body::File(span)),
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
        let latin: Vec<u8> =
            words.chars().map(|char| u8::try_from(u32::from(char)).unwrap()).collect();
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

#[tokio::test]
async fn unfinished_uploads_are_never_found_nor_listed() {
    let show_hidden = |options: &mut DiskOptions| options.show_hidden = true;
    on_each_store_with(show_hidden, async |site| {
        for folder in [".salver-uploads", "up/.salver-uploads", "up/.Salver-Uploads"] {
            site.write(format!("{folder}/a.part"), "x");
            for path in [format!("/{folder}/a.part"), format!("/{folder}/"), format!("/{folder}")] {
                assert_eq!(site.get(&path).await, "(not found)", "{path}");
            }
            let path = format!("/{folder}/");
            let path = SitePath::parse(path.as_bytes()).unwrap();
            assert!(site.store.list(&path).await.is_err());
        }
        assert_eq!(site.names("/").await, ["up/"]);
        assert_eq!(site.names("/up/").await, [""; 0]);
    })
    .await;
}

fn was_opened(watch: &OwnedFd) -> bool {
    let mut events = [0; 4096];
    match rustix::io::read(watch, &mut events) {
        Err(Errno::AGAIN) => false,
        read => read.unwrap() > 0,
    }
}

#[tokio::test]
async fn what_is_neither_file_nor_folder_is_not_found_and_not_touched() {
    on_each_store(async |site| {
        fifo(&site.path("fifo"));
        let watch = inotify::init(inotify::CreateFlags::NONBLOCK).unwrap();
        inotify::add_watch(&watch, site.path("fifo"), inotify::WatchFlags::OPEN).unwrap();
        let _listener = UnixListener::bind(site.path("socket")).unwrap();
        for path in ["/fifo", "/socket", "/fifo/", "/socket/"] {
            assert_eq!(site.get(path).await, "(not found)", "{path}");
        }
        assert_eq!(site.names("/").await, [""; 0]);
        assert!(!was_opened(&watch));
        // This is how it would have shown.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK;
        rustix::fs::open(site.path("fifo"), flags, Mode::empty()).unwrap();
        assert!(was_opened(&watch));
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
