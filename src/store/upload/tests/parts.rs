//! Files that come in parts.

use super::*;
use crate::store::upload::parts::MAX_PARTS;

fn part(path: &str, length: u64) -> NewPart {
    NewPart { length, place: at(path, Conflict::Rename), metadata: "a b".to_owned() }
}

async fn open_part(folder: &UploadFolder, id: PartId) -> Part {
    match folder.resume(id).await {
        Ok(Resumed::Open(part)) => part,
        other => panic!("not open: {other:?}"),
    }
}

#[tokio::test]
async fn a_part_goes_on_in_another_process_and_is_hashed_all_the_same() {
    let place = tempfile::tempdir().unwrap();
    let content: Vec<u8> = (0..400_000_u32).map(|n| u8::try_from(n % 251).unwrap()).collect();
    let length = content.len() as u64;
    for restarts in [false, true] {
        let mut folder = UploadFolder::open(options(place.path())).unwrap();
        let part = folder.begin_part(part("sub/a.bin", length)).await.unwrap();
        let id = part.id();
        drop(part);
        for piece in content.chunks(150_000) {
            let mut part = open_part(&folder, id).await;
            assert_eq!(part.metadata(), "a b");
            part.write(Bytes::copy_from_slice(piece)).await.unwrap();
            let part = part.keep().await.unwrap();
            assert_eq!(part.is_complete(), part.offset() == length);
            drop(part);
            if restarts {
                folder = UploadFolder::open(options(place.path())).unwrap();
            }
        }
        let finished = open_part(&folder, id).await.publish().await.unwrap();
        let stored = finished.stored.unwrap();
        assert_eq!(stored.sha256, <[u8; 32]>::from(Sha256::digest(&content)));
        assert_eq!(&*stored.name, if restarts { &b"a (1).bin"[..] } else { b"a.bin" });
        let again = match folder.resume(id).await.unwrap() {
            Resumed::Finished(finished) => finished.stored.unwrap(),
            Resumed::Open(part) => panic!("still open: {part:?}"),
        };
        assert_eq!(again, stored);
    }
    assert_eq!(fs::read(place.path().join("sub/a.bin")).unwrap(), content);
    assert_eq!(fs::read(place.path().join("sub/a (1).bin")).unwrap(), content);
}

#[tokio::test]
async fn what_a_dropped_part_had_taken_is_kept() {
    let place = tempfile::tempdir().unwrap();
    let folder = UploadFolder::open(options(place.path())).unwrap();
    let mut part = folder.begin_part(part("a", 10)).await.unwrap();
    let id = part.id();
    part.write(Bytes::from_static(b"0123")).await.unwrap();
    drop(part);
    assert_eq!(open_part(&folder, id).await.offset(), 4);
}

#[tokio::test]
async fn only_so_many_parts_may_be_unfinished_and_each_that_ends_frees_a_place() {
    let place = tempfile::tempdir().unwrap();
    let folder = UploadFolder::open(options(place.path())).unwrap();
    let first = folder.begin_part(part("a", 10)).await.unwrap();
    let reserved = place.path().join(RESERVED);
    let record = fs::read(reserved.join(first.id().to_string() + ".json")).unwrap();
    let is_full = |begun: Result<Part, UploadError>| match begun {
        Err(error @ UploadError::TooManyParts) => error.to_string().contains("upload_expiry"),
        other => panic!("{other:?}"),
    };
    for number in 2..MAX_PARTS {
        fs::write(reserved.join(format!("{number:032x}.json")), &record).unwrap();
        fs::write(reserved.join(format!("{number:032x}.part")), "").unwrap();
    }
    // An earlier run left them.
    let folder = UploadFolder::open(options(place.path())).unwrap();
    let last = folder.begin_part(part("b", 0)).await.unwrap();
    assert!(is_full(folder.begin_part(part("c", 10)).await));
    last.publish().await.unwrap();
    let last = folder.begin_part(part("c", 10)).await.unwrap();
    assert!(is_full(folder.begin_part(part("d", 10)).await));
    last.remove().await.unwrap();
    drop(folder.begin_part(part("d", 10)).await.unwrap());
    assert!(is_full(folder.begin_part(part("e", 10)).await));
    drop(first);
    folder.tidy(SystemTime::now() + Duration::from_hours(2));
    drop(folder.begin_part(part("e", 10)).await.unwrap());
}

#[tokio::test]
async fn a_process_keeps_others_from_its_part() {
    let place = tempfile::tempdir().unwrap();
    let one = UploadFolder::open(options(place.path())).unwrap();
    let two = UploadFolder::open(options(place.path())).unwrap();
    let part = one.begin_part(part("a", 10)).await.unwrap();
    let id = part.id();
    assert!(matches!(two.resume(id).await, Err(PartError::Locked)));
    two.tidy(SystemTime::now() + Duration::from_hours(2));
    drop(part);
    assert_eq!(open_part(&two, id).await.offset(), 0);
}

#[tokio::test]
async fn what_has_expired_is_tidied_and_nothing_else() {
    let place = tempfile::tempdir().unwrap();
    let folder = UploadFolder::open(options(place.path())).unwrap();
    let old = folder.begin_part(part("a", 10)).await.unwrap().id();
    let done = folder.begin_part(part("b", 0)).await.unwrap();
    let done_id = done.id();
    done.publish().await.unwrap();
    let now = SystemTime::now();
    for (minutes, there) in [(0, true), (59, true), (61, false)] {
        folder.tidy(now + Duration::from_mins(minutes));
        for id in [old, done_id] {
            assert_eq!(folder.resume(id).await.is_ok(), there, "{minutes}");
        }
    }
    assert_eq!(names(place.path()), ["b"]);
}

#[tokio::test]
async fn a_part_that_cannot_have_its_name_stays_what_it_was() {
    let place = tempfile::tempdir().unwrap();
    let folder = UploadFolder::open(options(place.path())).unwrap();
    let mut part = folder.begin_part(part("a", 4)).await.unwrap();
    let id = part.id();
    part.write(Bytes::from_static(b"0123")).await.unwrap();
    drop(part.keep().await.unwrap());
    fs::create_dir(place.path().join("a")).unwrap();
    let refused = open_part(&folder, id).await.publish().await;
    assert!(matches!(refused, Err(UploadError::IsFolder)));
    fs::remove_dir(place.path().join("a")).unwrap();
    open_part(&folder, id).await.publish().await.unwrap();
    assert_eq!(fs::read(place.path().join("a")).unwrap(), b"0123");
}

#[tokio::test]
async fn a_seat_stays_only_while_something_is_remembered_there() {
    let place = tempfile::tempdir().unwrap();
    let folder = UploadFolder::open(options(place.path())).unwrap();
    let seats = || folder.0.seats().count();
    fs::write(place.path().join("taken"), "").unwrap();
    let taken =
        NewPart { length: 1, place: at("taken", Conflict::Reject), metadata: String::new() };
    assert!(matches!(folder.begin_part(taken).await, Err(UploadError::Taken)));
    assert!(matches!(folder.begin_part(part("a", u64::MAX)).await, Err(UploadError::NoSpace)));
    assert_eq!(seats(), 0, "refused");

    let mut removed = folder.begin_part(part("a", 10)).await.unwrap();
    assert_eq!(seats(), 1);
    removed.write(Bytes::from_static(b"0123")).await.unwrap();
    let removed = removed.keep().await.unwrap();
    let id = removed.id();
    drop(removed);
    assert_eq!(seats(), 1, "the hash of its first bytes");
    let removed = open_part(&folder, id).await;
    let (waiting, ()) = tokio::join!(folder.resume(id), async { removed.remove().await.unwrap() });
    assert!(matches!(waiting, Err(PartError::NotFound)));
    assert_eq!(seats(), 0, "removed");

    let finished = folder.begin_part(part("b", 0)).await.unwrap();
    let id = finished.id();
    finished.publish().await.unwrap();
    assert!(matches!(folder.resume(id).await, Ok(Resumed::Finished(_))));
    assert_eq!(seats(), 0, "finished");
}
