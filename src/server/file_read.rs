//! Reading files without making the other connections of a worker wait for a disk.

use std::cell::RefCell;
use std::fs::File;
use std::hash::BuildHasher;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use foldhash::quality::FixedState;
use rustix::fs::{Stat, fstat};

use super::clock;
use crate::content::date;
use crate::message::FileSpan;

/// Bytes read at a time when a cold piece of a file is brought into memory.
const WARM_STEP: usize = 256 * 1024;

/// Bytes that the kernel reads at least when it reads ahead.
const READ_AHEAD: u64 = 64 * 1024;

/// How long a piece that was in the page cache is taken to be there still.
const WARM: Duration = Duration::from_millis(50);

/// Pieces of which a thread remembers that.
const PIECES: usize = 64;

thread_local! {
    /// What was found in the page cache lately, each in a place of its own or instead of another.
    static FOUND: RefCell<[Option<Found>; PIECES]> = const { RefCell::new([const { None }; PIECES]) };
}

/// A piece of a file that was in the page cache.
struct Found {
    /// Tells open files apart while they are open. One that was opened since may pass for it: the
    /// worker then waits for the disk, once.
    file: usize,
    start: u64,
    length: u64,
    at: Instant,
}

/// Whether both ends of a piece are in the page cache, so that `sendfile` will hardly wait. The
/// kernel reads ahead in between, and before the end of a short one.
pub(super) fn is_warm(file: &Arc<File>, start: u64, length: u64) -> bool {
    let name = Arc::as_ptr(file).addr();
    let now = clock::last();
    FOUND.with_borrow_mut(|found| {
        let place = &mut found[place_of(name, start)];
        let is_known = place.as_ref().is_some_and(|known| {
            (known.file, known.start, known.length) == (name, start, length)
                && now.saturating_duration_since(known.at) < WARM
        });
        if is_known {
            return true;
        }
        let is_warm = is_in_page_cache(file, start, length);
        if is_warm {
            *place = Some(Found { file: name, start, length, at: now });
        }
        is_warm
    })
}

fn place_of(file: usize, start: u64) -> usize {
    let hash = FixedState::default().hash_one((file, start));
    usize::try_from(hash % PIECES as u64).unwrap_or(0)
}

fn is_in_page_cache(file: &File, start: u64, length: u64) -> bool {
    let last = start + length.saturating_sub(1);
    let mut byte = [0];
    let mut is_there = |at| read_now(file, &mut byte, at).is_ok();
    is_there(last) && (length <= READ_AHEAD || is_there(start))
}

/// Brings a piece of a file into the page cache, on a thread that may wait, and has the disk begin
/// with the one behind it.
pub(super) async fn warm(file: Arc<File>, start: u64, length: u64) -> io::Result<()> {
    off_worker(move || {
        let mut buffer = vec![0; WARM_STEP];
        let mut at = start;
        let end = start + length;
        read_ahead(&file, start, 2 * length);
        while at < end {
            match read_at(&file, &mut buffer, at) {
                Ok(0) => return Ok(()),
                Ok(count) => at += count as u64,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    })
    .await
}

/// Reads from the start of a span as much as the buffer takes. A file that ends earlier is an error.
pub(super) async fn fill(mut buffer: Vec<u8>, span: &FileSpan) -> io::Result<Vec<u8>> {
    let length = buffer.len();
    if read_now(&span.file, &mut buffer, span.start).is_ok_and(|count| count == length) {
        return Ok(buffer);
    }
    let (file, start) = (Arc::clone(&span.file), span.start);
    off_worker(move || {
        read_exact_at(&file, &mut buffer, start)?;
        Ok(buffer)
    })
    .await
}

/// An error when the file is not the version any more that was opened.
pub(super) fn check_unchanged(span: &FileSpan) -> io::Result<()> {
    let is_unchanged = fstat(&span.file).is_ok_and(|stat| modified(&stat) == span.modified);
    is_unchanged.then_some(()).ok_or_else(|| io::Error::other("the file changed while it was sent"))
}

// The widths of these fields differ between systems; the values fit on all of them.
#[allow(clippy::unnecessary_cast, clippy::cast_sign_loss, clippy::cast_possible_truncation)]
#[allow(clippy::cast_lossless)]
fn modified(stat: &Stat) -> Option<SystemTime> {
    date::from_unix(stat.st_mtime as i64, stat.st_mtime_nsec as u32)
}

async fn off_worker<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(io::Error::other(error)))
}

fn read_exact_at(file: &File, mut buffer: &mut [u8], mut at: u64) -> io::Result<()> {
    while !buffer.is_empty() {
        match read_at(file, buffer, at) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => {
                buffer = &mut buffer[count..];
                at += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// A hint: a system that does not take it loses time only.
#[cfg(target_os = "linux")]
fn read_ahead(file: &File, start: u64, length: u64) {
    let length = std::num::NonZeroU64::new(length);
    let _ = rustix::fs::fadvise(file, start, length, rustix::fs::Advice::WillNeed);
}

#[cfg(not(target_os = "linux"))]
fn read_ahead(_: &File, _: u64, _: u64) {}

fn read_at(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    Ok(rustix::io::pread(file, buffer, at)?)
}

/// Reads what is in the page cache; an error when that is nothing.
#[cfg(target_os = "linux")]
fn read_now(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    use rustix::io::{ReadWriteFlags, preadv2};
    let mut slices = [io::IoSliceMut::new(buffer)];
    Ok(preadv2(file, &mut slices, at, ReadWriteFlags::NOWAIT)?)
}

#[cfg(not(target_os = "linux"))]
fn read_now(_: &File, _: &mut [u8], _: u64) -> io::Result<usize> {
    Err(io::ErrorKind::WouldBlock.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn span(content: &[u8]) -> FileSpan {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content).unwrap();
        let metadata = file.metadata().unwrap();
        FileSpan {
            file: Arc::new(file),
            modified: metadata.modified().ok(),
            start: 0,
            length: metadata.len(),
            warm_until: 0,
        }
    }

    #[tokio::test]
    async fn a_piece_is_read_from_where_the_span_starts() {
        let mut span = span(b"0123456789");
        span.start = 4;
        assert_eq!(fill(vec![0; 3], &span).await.unwrap(), b"456");
        warm(Arc::clone(&span.file), 0, 10).await.unwrap();
    }

    #[tokio::test]
    async fn a_file_that_shrank_is_an_error_and_not_zeros() {
        let span = span(b"0123456789");
        span.file.set_len(5).unwrap();
        let error = fill(vec![0; 10], &span).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        warm(Arc::clone(&span.file), 0, 10).await.unwrap();
    }

    #[test]
    fn what_is_remembered_is_what_the_page_cache_says() {
        let span = span(&vec![b'x'; 100_000]);
        for (start, length) in [(0, 100_000), (0, 10), (0, 10), (0, 100_000), (99_990, 10)] {
            // Not every file system tells.
            let is_there = is_in_page_cache(&span.file, start, length);
            assert_eq!(is_warm(&span.file, start, length), is_there, "{start} {length}");
        }
    }

    #[test]
    fn pieces_and_files_have_places_of_their_own() {
        let places = |place: fn(usize) -> usize| {
            (0..PIECES).map(place).collect::<std::collections::HashSet<_>>().len()
        };
        assert!(places(|number| place_of(0x7f00_0000_1000, (number as u64) << 16)) > PIECES / 2);
        assert!(places(|number| place_of(0x7f00_0000_1000 + 48 * number, 0)) > PIECES / 2);
    }

    #[test]
    fn a_changed_file_is_noticed() {
        let mut span = span(b"0123456789");
        assert!(check_unchanged(&span).is_ok());
        span.modified = Some(std::time::SystemTime::UNIX_EPOCH);
        assert!(check_unchanged(&span).is_err());
    }
}
