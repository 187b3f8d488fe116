//! Files that lie compressed beside themselves.

use http::{HeaderMap, header};

use super::*;
use crate::content::coding::{Accepted, Coding};
use crate::message::Fields;

impl Site {
    async fn coded(&self, path: &str, accepted: &str) -> Object {
        let path = SitePath::parse(path.as_bytes()).unwrap();
        let mut map = HeaderMap::new();
        map.insert(header::ACCEPT_ENCODING, accepted.parse().unwrap());
        let accepted = Accepted::of(Fields::Map(&map));
        match self.store.find_coded(&path, accepted, self.now.get()).wait().await {
            Ok(Found::File(object)) => object,
            other => panic!("{other:?}"),
        }
    }

    /// The coding of what a path gives, and its content.
    async fn seen(&self, path: &str, accepted: &str) -> (Option<Coding>, String) {
        let object = self.coded(path, accepted).await;
        (object.meta.coding, text(object.body(0..object.meta.length)))
    }

    /// Writes a file that was changed so many seconds ago.
    fn write_aged(&self, name: &str, content: &str, seconds: u64) {
        self.write(name, content);
        age(&self.path(name), seconds);
    }
}

fn age(path: &Path, seconds: u64) {
    let time = SystemTime::now().checked_sub(Duration::from_secs(seconds)).unwrap();
    fs::File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
}

fn with_codings(options: &mut DiskOptions) {
    options.codings = true;
}

#[tokio::test]
async fn the_first_sibling_that_is_accepted_and_not_older_is_the_answer() {
    on_each_store_with(with_codings, async |site| {
        site.write_aged("a.png", "plain", 100);
        site.write_aged("a.png.br", "old", 101);
        site.write_aged("a.png.zst", "zstd", 100);
        site.write_aged("a.png.gz", "gzip", 10);
        site.write_aged("d/index.html", "index", 100);
        site.write_aged("d/index.html.br", "br", 10);
        for (path, accepted, coding, content) in [
            ("/a.png", "br, zstd, gzip", Some(Coding::Zstd), "zstd"),
            ("/a.png", "br, gzip", Some(Coding::Gzip), "gzip"),
            ("/a.png", "zstd;q=0.5, gzip", Some(Coding::Gzip), "gzip"),
            ("/a.png", "br", None, "plain"),
            ("/a.png.zst", "br", None, "zstd"),
            ("/d/", "br", Some(Coding::Br), "br"),
            ("/d/", "gzip", None, "index"),
        ] {
            let (seen, text) = site.seen(path, accepted).await;
            assert_eq!((seen, text.as_str()), (coding, content), "{path} {accepted}");
        }
        let (plain, coded) = (site.file("/a.png").await, site.coded("/a.png", "zstd").await);
        assert_eq!(coded.meta.modified, plain.meta.modified);
        assert_eq!(coded.meta.content_type, plain.meta.content_type);
        assert_eq!(coded.meta.name, plain.meta.name);
        assert_ne!(coded.meta.etag, plain.meta.etag);
        for object in [plain, coded] {
            let is_coded = object.meta.coding.is_some();
            for block in [&object.meta.full, &object.meta.validators] {
                assert_eq!(block.get(&header::VARY).unwrap(), "Accept-Encoding");
                assert_eq!(block.get(&header::ETAG), Some(object.meta.etag.value()));
            }
            assert_eq!(object.meta.full.get(&header::CONTENT_ENCODING).is_some(), is_coded);
            assert_eq!(object.meta.full.get(&header::ACCEPT_RANGES).is_none(), is_coded);
        }
    })
    .await;
}

#[tokio::test]
async fn a_better_sibling_that_comes_later_is_seen_by_those_who_have_another() {
    on_each_store_with(with_codings, async |site| {
        site.write_aged("a.png", "plain", 100);
        site.write_aged("a.png.gz", "gzip", 50);
        for is_at_rest in [false, true] {
            if is_at_rest {
                site.settle("/a.png").await;
            }
            for _ in 0..3 {
                site.wait();
                assert_eq!(site.seen("/a.png", "br, gzip").await.1, "gzip");
            }
            site.write_aged("a.png.br", "br", 50);
            site.wait();
            assert_eq!(site.seen("/a.png", "br, gzip").await.1, "br");
            fs::remove_file(site.path("a.png.br")).unwrap();
            site.wait();
            assert_eq!(site.seen("/a.png", "br, gzip").await.1, "gzip");
        }
    })
    .await;
}

#[tokio::test]
async fn siblings_come_change_and_go() {
    on_each_store_with(with_codings, async |site| {
        site.write_aged("a.bin", "plain", 100);
        let plain = (None, "plain".to_owned());
        let is = |content: &str| (Some(Coding::Br), content.to_owned());
        assert_eq!(site.seen("/a.bin", "br").await, plain);
        for content in ["one", "another"] {
            site.write_aged("a.bin.br", content, 50);
            site.wait();
            assert_eq!(site.seen("/a.bin", "br").await, is(content));
            // Somebody who looks at the file alone does not make it look fresh beside it.
            site.wait();
            site.get("/a.bin").await;
        }
        fs::remove_file(site.path("a.bin.br")).unwrap();
        site.wait();
        assert_eq!(site.seen("/a.bin", "br").await, plain);
        site.write_aged("a.bin.br", "third", 50);
        site.wait();
        assert_eq!(site.seen("/a.bin", "br").await, is("third"));
        site.write("a.bin", "newer");
        site.write_aged("a.bin.br", "third", 50);
        site.wait();
        assert_eq!(site.seen("/a.bin", "br").await, (None, "newer".to_owned()));
    })
    .await;
}

#[tokio::test]
async fn a_sibling_is_no_way_out_and_stands_for_no_upload() {
    for symlinks in POLICIES {
        let change = |options: &mut DiskOptions| {
            options.codings = true;
            options.symlinks = symlinks;
            let uploads = options.root.join("uploads");
            fs::create_dir(&uploads).unwrap();
            options.sandboxed = Some(uploads.canonicalize().unwrap());
        };
        on_each_store_with(change, async |site| {
            site.write_aged("a.bin", "plain", 100);
            let secret = site.place.path().join("outside/secret.txt");
            age(&secret, 50);
            std::os::unix::fs::symlink(secret, site.path("a.bin.br")).unwrap();
            fs::create_dir(site.path("a.bin.zst")).unwrap();
            fifo(&site.path("a.bin.gz"));
            let (coding, content) = site.seen("/a.bin", "br, zstd, gzip").await;
            let is_followed = symlinks == Symlinks::Always;
            assert_eq!(coding.is_some(), is_followed);
            assert_eq!(content, if is_followed { "secret" } else { "plain" });

            site.write_aged("uploads/a.html", "mine", 100);
            site.write_aged("uploads/a.html.br", "theirs", 50);
            for _ in 0..2 {
                let object = site.coded("/uploads/a.html", "br").await;
                assert_eq!(text(object.body(0..99)), "mine");
                assert!(object.meta.is_sandboxed);
                site.wait();
            }
        })
        .await;
    }
}

#[tokio::test]
async fn without_codings_nobody_looks_beside_a_file() {
    on_each_store(async |site| {
        site.write_aged("a.js", &"x".repeat(5000), 100);
        site.write_aged("a.js.br", "br", 50);
        let object = site.coded("/a.js", "br").await;
        assert_eq!(object.meta.coding, None);
        assert_eq!(object.meta.full.get(&header::VARY), None);
    })
    .await;
}
