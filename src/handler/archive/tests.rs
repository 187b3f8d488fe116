use std::collections::BTreeMap;
use std::fs;
use std::future::poll_fn;
use std::io::{self, Cursor, Read};
use std::path::Path;

use super::*;
use crate::store::{Disk, DiskOptions};

fn store(root: &Path) -> Arc<dyn Store> {
    let options = DiskOptions { root: root.into(), ..DiskOptions::default() };
    Arc::new(Disk::open(options).unwrap())
}

fn tree() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    fs::create_dir_all(root.join("top/sub/deep")).unwrap();
    fs::write(root.join("top/a.txt"), "0123456789").unwrap();
    fs::write(root.join("top/empty"), "").unwrap();
    fs::write(root.join("top/.hidden"), "no").unwrap();
    fs::write(root.join("top/sub/large"), vec![b'x'; 300_000]).unwrap();
    fs::write(root.join("top/sub/deep").join("é".repeat(120)), "long").unwrap();
    fs::write(root.join("top/back\\slash"), "b").unwrap();
    fs::write(root.join("outside"), "no").unwrap();
    std::os::unix::fs::symlink("../outside", root.join("top/link")).unwrap();
    folder
}

async fn packed(archives: &Archives, format: Format) -> Vec<u8> {
    let path = SitePath::parse(b"/top/").unwrap();
    let response = archives.answer(&Method::GET, path, format).await;
    assert_eq!(response.status, StatusCode::OK);
    let Body::Stream { mut chunks, length: None } = response.body else { panic!("no stream") };
    let mut all = Vec::new();
    while let Some(piece) = poll_fn(|context| chunks.poll_next(context)).await {
        all.extend_from_slice(&piece.unwrap());
    }
    all
}

fn expected() -> BTreeMap<String, Vec<u8>> {
    let files: [(String, Vec<u8>); 5] = [
        ("top/a.txt".into(), b"0123456789".to_vec()),
        ("top/empty".into(), Vec::new()),
        ("top/sub/large".into(), vec![b'x'; 300_000]),
        (format!("top/sub/deep/{}", "é".repeat(120)), b"long".to_vec()),
        ("top/back\\slash".into(), b"b".to_vec()),
    ];
    files.into()
}

fn untar(bytes: impl Read) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in tar::Archive::new(bytes).entries().unwrap() {
        let mut entry = entry.unwrap();
        if entry.header().entry_type().is_dir() {
            continue;
        }
        let name = entry.path().unwrap().to_str().unwrap().to_owned();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        found.insert(name, content);
    }
    found
}

#[tokio::test]
async fn tars_hold_what_is_served_and_no_link() {
    let folder = tree();
    let archives = Archives::new(store(folder.path()));
    assert_eq!(untar(&packed(&archives, Format::Tar).await[..]), expected());
    let gz = packed(&archives, Format::TarGz).await;
    assert_eq!(untar(flate2::read::GzDecoder::new(&gz[..])), expected());
    let zst = packed(&archives, Format::TarZst).await;
    assert_eq!(untar(zstd::Decoder::new(&zst[..]).unwrap()), expected());
}

#[tokio::test]
async fn zips_too_with_names_that_stay_inside_everywhere() {
    let folder = tree();
    let archives = Archives::new(store(folder.path()));
    let bytes = packed(&archives, Format::Zip).await;
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut found = BTreeMap::new();
    for index in 0..archive.len() {
        let mut file = archive.by_index(index).unwrap();
        let mut content = Vec::new();
        file.read_to_end(&mut content).unwrap();
        if !file.is_dir() {
            found.insert(file.name().unwrap().into_owned(), content);
        }
    }
    let mut expected = expected();
    let escaped = expected.remove("top/back\\slash").unwrap();
    expected.insert("top/back%5Cslash".into(), escaped);
    assert_eq!(found, expected);
}

#[tokio::test]
async fn a_client_that_leaves_makes_room_for_another() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("top")).unwrap();
    let much = PIECE_COUNT * pipe::PIECE;
    fs::write(folder.path().join("top/large"), vec![0; much]).unwrap();
    let archives = Archives::new(store(folder.path()));
    let path = SitePath::parse(b"/top/").unwrap();
    let mut begun = Vec::new();
    for _ in 0..AT_ONCE {
        begun.push(archives.answer(&Method::GET, path.clone(), Format::Tar).await);
    }
    assert_eq!(archives.permits.available_permits(), 0);
    let head = archives.answer(&Method::HEAD, path.clone(), Format::Tar).await;
    assert_eq!(head.status, StatusCode::OK, "for which nothing is made");
    let another = archives.answer(&Method::GET, path, Format::Tar);
    let (another, ()) = tokio::join!(another, async { drop(begun) });
    assert_eq!(another.status, StatusCode::OK);
    drop(another);
    let room = Arc::clone(&archives.permits).acquire_many_owned(AT_ONCE).await;
    drop(room.unwrap());
}

#[tokio::test(start_paused = true)]
async fn who_waits_too_long_or_behind_too_many_is_told_to_come_again() {
    let folder = tree();
    let archives = Archives::new(store(folder.path()));
    let path = SitePath::parse(b"/top/").unwrap();
    let _all = Arc::clone(&archives.permits).acquire_many_owned(AT_ONCE).await.unwrap();
    let start = tokio::time::Instant::now();
    let late = archives.answer(&Method::GET, path.clone(), Format::Tar).await;
    assert_eq!(late.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(late.fields.get(&header::RETRY_AFTER).is_some());
    assert!(start.elapsed() >= PATIENCE);
    let _others = archives.waiting.acquire_many(u32::try_from(WAITING).unwrap()).await.unwrap();
    let start = tokio::time::Instant::now();
    let refused = archives.answer(&Method::GET, path, Format::Tar).await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(start.elapsed() < PATIENCE, "at once");
}

#[tokio::test]
async fn nothing_more_is_read_for_a_client_that_has_left() {
    let folder = tree();
    let (writer, reader) = pipe::pipe();
    let top = SitePath::parse(b"/top/").unwrap();
    let walk = Walk::new(store(folder.path()), top, b"top".to_vec(), writer.attention());
    let reading = tokio::task::spawn_blocking(move || {
        let mut walk = walk;
        let mut content = loop {
            match walk.next().unwrap().unwrap() {
                walk::Item::File { content, .. } if content.length() > 0 => break content,
                _ => {}
            }
        };
        assert_eq!(content.read(&mut [0]).unwrap(), 1);
        drop(reader);
        let within = content.read(&mut [0]).unwrap_err();
        let between = walk.next().err().unwrap();
        assert_eq!(within.kind(), io::ErrorKind::BrokenPipe);
        assert_eq!(between.kind(), io::ErrorKind::BrokenPipe);
    });
    reading.await.unwrap();
}

/// More than the pipe holds.
const PIECE_COUNT: usize = pipe::WAITING + 10;

#[tokio::test]
async fn what_is_not_there_is_not_packed() {
    let folder = tree();
    let archives = Archives::new(store(folder.path()));
    let path = SitePath::parse(b"/nothing/").unwrap();
    let response = archives.answer(&Method::GET, path, Format::Zip).await;
    assert_eq!(response.status, StatusCode::NOT_FOUND);
    assert_eq!(Format::named(b"rar"), None);
}
