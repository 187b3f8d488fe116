//! Files that change, come and go, or may not be read.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities};

use super::*;

/// Runs a test on a thread that may read only what the permissions of its user allow, also when
/// that user is root.
fn without_privileges<F: Future<Output = ()>>(test: impl FnOnce() -> F + Send + 'static) {
    let run = move || {
        let none = CapabilitySet::empty();
        let sets = CapabilitySets { effective: none, permitted: none, inheritable: none };
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
                let file = fs::File::options().write(true).open(site.path("d/index.html"));
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
        for is_at_rest in [false, true] {
            assert_eq!(site.get("/d/").await, "(not found)");
            for (expected, change) in steps {
                if is_at_rest {
                    site.settle("/d/").await;
                }
                change();
                site.wait();
                assert_eq!(site.get("/d/").await, expected);
                // What is remembered now is the same.
                assert_eq!(site.get("/d/").await, expected);
                site.wait();
                assert_eq!(site.get("/d/").await, expected);
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_change_on_the_way_to_a_file_is_seen_after_a_long_rest() {
    on_each_store_with(
        |options| options.symlinks = Symlinks::Inside,
        async |site| {
            site.write("a/b/file", "one");
            site.write("other/b/file", "other");
            let link = |target: &str, name: &str| {
                std::os::unix::fs::symlink(target, site.path(name)).unwrap();
            };
            let rename = |from: &str, to: &str| {
                fs::rename(site.path(from), site.path(to)).unwrap();
            };
            let remove = |name: &str| fs::remove_file(site.path(name)).unwrap();
            let steps: [(&str, &dyn Fn()); 8] = [
                ("(not found)", &|| rename("a", "c")),
                ("other", &|| rename("other", "a")),
                ("(not found)", &|| rename("a", "other")),
                // Through a link to a folder.
                ("one", &|| link("c", "a")),
                ("two", &|| site.write("c/b/file", "two")),
                // Through a link to the file.
                ("other", &|| {
                    remove("a");
                    rename("c", "a");
                    remove("a/b/file");
                    link("../../other/b/file", "a/b/file");
                }),
                ("another", &|| site.write("other/b/file", "another")),
                // A file with two names, written to by the other.
                ("third", &|| {
                    remove("a/b/file");
                    fs::hard_link(site.path("other/b/file"), site.path("a/b/file")).unwrap();
                    site.write("other/b/file", "third");
                }),
            ];
            site.settle("/a/b/file").await;
            assert_eq!(site.get("/a/b/file").await, "one");
            for (expected, change) in steps {
                change();
                site.wait();
                assert_eq!(site.get("/a/b/file").await, expected);
                site.settle("/a/b/file").await;
            }
            site.write("other/b/file", "the last");
            site.wait();
            assert_eq!(site.get("/a/b/file").await, "the last");
        },
    )
    .await;
}

#[tokio::test]
async fn a_new_version_has_a_new_tag_and_an_old_object_keeps_its_bytes() {
    on_each_store(async |site| {
        site.write("a", "one");
        let before = site.file("/a").await;
        // Of another size: two versions of one size and one tick of the clock have the same tag.
        site.write("b", "other");
        fs::rename(site.path("b"), site.path("a")).unwrap();
        site.wait();
        let after = site.file("/a").await;
        assert_ne!(before.meta.etag, after.meta.etag);
        assert_eq!(text(before.body(0..3)), "one");
        assert_eq!(text(after.body(0..5)), "other");
        site.wait();
        assert_eq!(site.file("/a").await.meta.etag, after.meta.etag);
    })
    .await;
}

#[test]
fn a_file_replaced_while_it_is_read_is_always_one_version() {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.unwrap();
    for (name, open) in STORES {
        let site = Site::new(open, |_| {});
        let (current, next) = (site.path("a.bin"), site.path("next"));
        let version = |number: usize| vec![number.to_le_bytes()[0]; 20_000 + number % 97];
        fs::write(&current, version(0)).unwrap();
        let stop = AtomicBool::new(false);
        let mut tags = HashSet::new();
        std::thread::scope(|scope| {
            let _stop = StopOnDrop(&stop);
            scope.spawn(|| {
                for number in 1.. {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    fs::write(&next, version(number)).unwrap();
                    fs::rename(&next, &current).unwrap();
                }
            });
            runtime.block_on(async {
                // How fast versions come is the disk's affair.
                for _ in 0..200_000 {
                    if tags.len() == 100 {
                        break;
                    }
                    site.wait();
                    let object = site.file("/a.bin").await;
                    let bytes = bytes(object.body(0..object.meta.length));
                    assert_eq!(bytes.len() as u64, object.meta.length, "{name}");
                    assert!(bytes.iter().all(|byte| *byte == bytes[0]), "{name}");
                    tags.insert(object.meta.etag.as_bytes().to_vec());
                }
            });
        });
        assert_eq!(tags.len(), 100, "{name}");
    }
}
