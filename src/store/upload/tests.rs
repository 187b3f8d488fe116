//! What holds of an upload folder, however its drafts get their names.

use std::fs;
use std::path::Path;

use bytes::Bytes;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::*;
use crate::content::path::RESERVED;

mod parts;
mod sweep;

fn options(folder: &Path) -> UploadOptions {
    let expiry = Duration::from_hours(1);
    UploadOptions { folder: folder.into(), max_drafts: 100, expiry, changes: Changes::default() }
}

/// A folder with drafts of the best kind, and one with drafts that have names.
fn both() -> [(TempDir, UploadFolder); 2] {
    [true, false].map(|best| {
        let place = tempfile::tempdir().unwrap();
        let mut folder = Folder::open(options(place.path())).unwrap();
        if !best {
            folder.set_naming(nascent::Naming::Reserved);
        }
        (place, UploadFolder(Arc::new(folder)))
    })
}

fn at(path: &str, conflict: Conflict) -> Place {
    let mut names: Vec<Box<[u8]>> = path.split('/').map(|name| name.as_bytes().into()).collect();
    let name = UploadName::parse(&names.pop().unwrap()).unwrap();
    Place { folder: names, name, conflict }
}

async fn draft(folder: &UploadFolder, content: &[u8]) -> Draft {
    let mut draft = folder.draft(Some(content.len() as u64)).await.unwrap();
    for piece in content.chunks(50_000) {
        draft.write(Bytes::copy_from_slice(piece)).await.unwrap();
    }
    draft
}

async fn put(
    folder: &UploadFolder,
    files: &[(&str, &[u8])],
    conflict: Conflict,
) -> Result<Vec<Stored>, UploadError> {
    let mut drafts = Vec::new();
    for (path, content) in files {
        drafts.push((draft(folder, content).await, at(path, conflict)));
    }
    folder.publish(drafts).await
}

/// Every file below a folder with its content, folders with a slash; the reserved folder must be
/// empty and is left out.
fn tree(root: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if name == RESERVED {
            assert_eq!(fs::read_dir(entry.path()).unwrap().count(), 0, "something was left over");
        } else if entry.path().is_dir() {
            found.push((format!("{name}/"), Vec::new()));
            let below = tree(&entry.path()).into_iter();
            found.extend(below.map(|(path, content)| (format!("{name}/{path}"), content)));
        } else {
            found.push((name, fs::read(entry.path()).unwrap()));
        }
    }
    found.sort();
    found
}

fn names(root: &Path) -> Vec<String> {
    tree(root).into_iter().map(|(name, _)| name).collect()
}

#[tokio::test]
async fn a_file_appears_whole_with_its_hash() {
    for (root, folder) in both() {
        for length in [0, 1, 4095, 65_536, 1_000_003, 5_242_880, 7_000_001] {
            let content: Vec<u8> =
                (0..length).map(|n: u32| u8::try_from(n * 7 % 251).unwrap()).collect();
            let draft = draft(&folder, &content).await;
            assert_eq!(draft.received(), u64::from(length));
            assert!(!root.path().join("sub/a.bin").exists());
            let stored =
                folder.publish(vec![(draft, at("sub/a.bin", Conflict::Reject))]).await.unwrap();
            let wanted = Stored {
                folder: vec![b"sub"[..].into()],
                name: b"a.bin"[..].into(),
                size: u64::from(length),
                sha256: Sha256::digest(&content).into(),
                replaced: false,
            };
            assert_eq!(stored, [wanted]);
            assert_eq!(fs::read(root.path().join("sub/a.bin")).unwrap(), content);
            fs::remove_file(root.path().join("sub/a.bin")).unwrap();
        }
    }
}

#[tokio::test]
async fn a_dropped_draft_is_gone() {
    for (root, folder) in both() {
        drop(draft(&folder, &vec![1; 300_000]).await);
        // The block under way ends first.
        let left = || fs::read_dir(root.path().join(RESERVED)).is_ok_and(|left| left.count() > 0);
        while left() {
            tokio::task::yield_now().await;
        }
        assert_eq!(names(root.path()), [""; 0]);
    }
}

#[tokio::test]
async fn a_taken_name_is_refused_changed_or_replaced() {
    for (root, folder) in both() {
        fs::write(root.path().join("a.txt"), "old").unwrap();
        fs::create_dir(root.path().join("dir")).unwrap();
        let taken = put(&folder, &[("a.txt", b"new")], Conflict::Reject).await;
        assert!(matches!(taken, Err(UploadError::Taken)));
        for (turn, wanted) in ["a (1).txt", "a (2).txt"].into_iter().enumerate() {
            let new = [b'0' + u8::try_from(turn).unwrap()];
            let stored = put(&folder, &[("a.txt", &new)], Conflict::Rename).await.unwrap();
            assert_eq!(&*stored[0].name, wanted.as_bytes());
            assert!(!stored[0].replaced);
            assert_eq!(fs::read(root.path().join(wanted)).unwrap(), new);
        }
        assert_eq!(fs::read(root.path().join("a.txt")).unwrap(), b"old");
        let stored = put(&folder, &[("a.txt", b"new")], Conflict::Replace).await.unwrap();
        assert!(stored[0].replaced);
        assert_eq!(fs::read(root.path().join("a.txt")).unwrap(), b"new");
        let stored = put(&folder, &[("b.txt", b"new")], Conflict::Replace).await.unwrap();
        assert!(!stored[0].replaced);
        for conflict in [Conflict::Reject, Conflict::Rename, Conflict::Replace] {
            let refused = put(&folder, &[("dir", b"new")], conflict).await;
            assert!(matches!(refused, Err(UploadError::IsFolder)), "{conflict:?}");
            let refused = put(&folder, &[("a.txt/b", b"new")], conflict).await;
            assert!(matches!(refused, Err(UploadError::Taken)), "{conflict:?}");
        }
        assert_eq!(names(root.path()), ["a (1).txt", "a (2).txt", "a.txt", "b.txt", "dir/"]);
    }
}

#[tokio::test]
async fn of_several_files_all_appear_or_none() {
    for (root, folder) in both() {
        fs::write(root.path().join("old.txt"), "old").unwrap();
        fs::create_dir(root.path().join("dir")).unwrap();
        let before = tree(root.path());
        let files: &[(&str, &[u8])] = &[
            ("new.txt", b"1"),
            ("x/y/new.txt", b"2"),
            ("x/z/new.txt", b"3"),
            ("old.txt", b"4"),
            ("new.txt", b"5"),
            ("dir", b"6"),
        ];
        let refused = put(&folder, files, Conflict::Replace).await;
        assert!(matches!(refused, Err(UploadError::IsFolder)));
        assert_eq!(tree(root.path()), before);

        let stored = put(&folder, &files[..5], Conflict::Replace).await.unwrap();
        assert_eq!(stored.iter().filter(|stored| stored.replaced).count(), 2);
        let content = |name: &str| fs::read(root.path().join(name)).unwrap();
        assert_eq!(content("new.txt"), b"5");
        assert_eq!(content("old.txt"), b"4");
        assert_eq!(content("x/z/new.txt"), b"3");
        let _ = tree(root.path());
    }
}

#[tokio::test]
async fn nothing_leads_out_of_the_folder() {
    for (root, folder) in both() {
        let outside = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(outside.path(), root.path().join("link")).unwrap();
        let file = outside.path().join("target");
        std::os::unix::fs::symlink(&file, root.path().join("dangling")).unwrap();
        for path in ["link/a", "link/b/a"] {
            assert!(put(&folder, &[(path, b"x")], Conflict::Replace).await.is_err(), "{path}");
        }
        for names in [&b".."[..], b".", b"", b"a/b", b"a\0", b".salver-uploads", b".Salver-Uploads"]
        {
            let place = Place { folder: vec![names.into()], ..at("a", Conflict::Replace) };
            let refused = folder.publish(vec![(draft(&folder, b"x").await, place)]).await;
            assert!(matches!(refused, Err(UploadError::BadName)));
        }
        // A link is replaced, not followed.
        put(&folder, &[("dangling", b"x")], Conflict::Replace).await.unwrap();
        assert!(!file.exists());
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
    }
}

#[tokio::test]
async fn many_files_of_one_name_all_get_one() {
    for (root, folder) in both() {
        let tasks: Vec<_> = (0..40u8)
            .map(|n| {
                let folder = folder.clone();
                tokio::spawn(async move {
                    put(&folder, &[("a.txt", &[n])], Conflict::Rename).await.unwrap()
                })
            })
            .collect();
        let mut stored = Vec::new();
        for task in tasks {
            stored.push(task.await.unwrap());
        }
        stored.sort_by(|one, other| one[0].name.cmp(&other[0].name));
        stored.dedup_by(|one, other| one[0].name == other[0].name);
        assert_eq!(stored.len(), 40);
        let mut content: Vec<_> = tree(root.path()).into_iter().flat_map(|(_, c)| c).collect();
        content.sort_unstable();
        assert_eq!(content, (0..40).collect::<Vec<u8>>());
    }
}

#[tokio::test]
async fn where_thousands_are_taken_a_free_name_is_found_quickly() {
    let (root, folder) = both().into_iter().next().unwrap();
    fs::write(root.path().join("a.txt"), "").unwrap();
    for number in 1..3000 {
        fs::write(root.path().join(format!("a ({number}).txt")), "").unwrap();
    }
    let stored = put(&folder, &[("a.txt", b"x")], Conflict::Rename).await.unwrap();
    assert_eq!(&*stored[0].name, b"a (3000).txt");
}

#[tokio::test]
async fn more_than_there_is_room_for_is_refused_at_once() {
    for (_root, folder) in both() {
        assert!(matches!(folder.draft(Some(u64::MAX)).await, Err(UploadError::NoSpace)));
    }
}

#[tokio::test]
async fn a_folder_that_was_removed_is_made_anew() {
    for (root, folder) in both() {
        fs::remove_dir_all(root.path()).unwrap();
        assert!(folder.draft(None).await.is_err());
        folder.tidy(SystemTime::now());
        put(&folder, &[("a", b"x")], Conflict::Reject).await.unwrap();
        assert_eq!(names(root.path()), ["a"]);
    }
}

#[tokio::test]
async fn a_link_in_its_place_is_not_followed_and_nothing_lands_meanwhile() {
    for (root, folder) in both() {
        let elsewhere = tempfile::tempdir().unwrap();
        fs::remove_dir_all(root.path()).unwrap();
        std::os::unix::fs::symlink(elsewhere.path(), root.path()).unwrap();
        for _ in 0..2 {
            folder.tidy(SystemTime::now());
            assert!(matches!(folder.draft(None).await, Err(UploadError::Denied)));
            assert!(folder.inspect().fault.unwrap().to_string().contains("symbolic link"));
        }
        assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
        fs::remove_file(root.path()).unwrap();
        fs::create_dir(root.path()).unwrap();
        folder.tidy(SystemTime::now());
        put(&folder, &[("a", b"x")], Conflict::Reject).await.unwrap();
        assert!(folder.inspect().fault.is_none());
        assert_eq!(names(root.path()), ["a"]);
    }
}

#[test]
fn here_a_draft_has_no_name() {
    // Where it has one, these tests show less than they seem to.
    let folder = tempfile::tempdir().unwrap();
    let folder = Folder::open(options(folder.path())).unwrap();
    assert!(cfg!(not(target_os = "linux")) || folder.naming() != nascent::Naming::Reserved);
}

/// Needs root, to mount: `cargo test --lib upload -- --ignored`.
#[tokio::test]
#[ignore = "mounts a file system, which takes root"]
async fn a_full_disk_is_told_and_leaves_nothing() {
    let place = tempfile::tempdir().unwrap();
    let run = |program: &str, arguments: &[&str]| {
        let path = place.path().to_str().unwrap();
        let status = std::process::Command::new(program).args(arguments).arg(path).status();
        assert!(status.unwrap().success(), "{program}");
    };
    run("mount", &["-t", "tmpfs", "-o", "size=1m", "tmpfs"]);
    for naming in [None, Some(nascent::Naming::Reserved)] {
        let mut folder = Folder::open(options(place.path())).unwrap();
        folder.set_naming(naming.unwrap_or(folder.naming()));
        let folder = UploadFolder(Arc::new(folder));
        assert!(matches!(folder.draft(Some(2 << 20)).await, Err(UploadError::NoSpace)));
        let mut draft = folder.draft(None).await.unwrap();
        let mut refused = Ok(());
        for _ in 0..40 {
            refused = refused.and(draft.write(Bytes::from(vec![1; 64 * 1024])).await);
        }
        let published = folder.publish(vec![(draft, at("a", Conflict::Rename))]).await;
        assert!(matches!(refused, Err(UploadError::NoSpace)));
        assert!(published.is_err());
        put(&folder, &[("small", b"x")], Conflict::Replace).await.unwrap();
        assert_eq!(names(place.path()), ["small"]);
    }
    run("umount", &[]);
}
