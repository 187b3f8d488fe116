//! A download that is not complete: a hidden file beside the place where it will be, and a record of
//! what it is part of.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, TryLockError};
use std::io::{self, Seek, SeekFrom, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::process::geteuid;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::error::GetError;
use super::name::is_safe;
use crate::client::Url;

const ENDING: &str = ".part";
const RECORD_ENDING: &str = ".part.json";
/// Bytes of a name that stay in the name of its partial file, so that there is room for the ending.
const LONGEST: usize = 200;
/// No record is larger.
const LARGEST_RECORD: u64 = 64 << 10;
/// How often a file may be moved away between opening and locking it.
const ATTEMPTS: usize = 8;

/// What a partial download is part of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    /// What was asked for.
    pub(super) url: String,
    /// The name that it is to have, without its folder.
    pub(super) name: String,
    /// A strong entity tag, or a date of `Last-Modified`: for `If-Range`.
    pub(super) validator: String,
    /// Bytes of the whole, if that was said.
    pub(super) total: Option<u64>,
}

/// A download on its way. Nobody else writes to it.
#[derive(Debug)]
pub(super) struct Partial {
    target: PathBuf,
    path: PathBuf,
    file: File,
    length: u64,
    record: Option<Record>,
}

impl Partial {
    /// What there is of a download to that place, if something can be made of it.
    pub(super) fn existing(target: &Path) -> Result<Option<Self>, GetError> {
        let path = beside(target, ENDING);
        let Some(file) = open(&path, OFlags::empty())? else { return Ok(None) };
        let length = file.metadata().map_err(|source| failed(&path, source))?.len();
        let record = read_record(&beside(target, RECORD_ENDING));
        let partial = Self { target: target.to_owned(), path, file, length, record };
        Ok(Some(partial).filter(|partial| partial.length > 0 && partial.record.is_some()))
    }

    /// The same for a URL, of which the name was found out when it was begun. The current folder has
    /// no name here.
    pub(super) fn of_url(folder: &Path, url: &Url) -> Result<Option<Self>, GetError> {
        let Ok(entries) = fs::read_dir(folder.join(".")) else { return Ok(None) };
        for entry in entries.map_while(Result::ok) {
            let name = entry.file_name();
            if !name.as_bytes().starts_with(b".")
                || !name.as_bytes().ends_with(RECORD_ENDING.as_bytes())
            {
                continue;
            }
            let record = read_record(&folder.join(&name));
            let Some(record) = record.filter(|record| record.url == url.as_str()) else { continue };
            let target = folder.join(&record.name);
            // Whoever wrote it does not choose the place.
            if is_safe(&record.name)
                && beside(&target, RECORD_ENDING).file_name() == Some(&name)
                && let Some(partial) = Self::existing(&target)?
            {
                return Ok(Some(partial));
            }
        }
        Ok(None)
    }

    /// An empty one for that place; what there was of another is gone. Files of the same names that are of
    /// no download are replaced by `force` alone.
    pub(super) fn begin(target: &Path, force: bool) -> Result<Self, GetError> {
        let path = beside(target, ENDING);
        if !force {
            leave_alone(&path, &beside(target, RECORD_ENDING))?;
        }
        let Some(file) = open(&path, OFlags::CREATE)? else {
            return Err(failed(&path, io::ErrorKind::NotFound.into()));
        };
        let mut partial = Self { target: target.to_owned(), path, file, length: 0, record: None };
        partial.restart(None)?;
        Ok(partial)
    }

    /// Begins anew, with what it is now part of. Without that it cannot be gone on with.
    pub(super) fn restart(&mut self, record: Option<Record>) -> Result<(), GetError> {
        let records = beside(&self.target, RECORD_ENDING);
        // In this order: bytes never stand beside the record of something else.
        remove(&records).map_err(|source| failed(&records, source))?;
        self.file.set_len(0).map_err(|source| failed(&self.path, source))?;
        self.length = 0;
        if let Some(record) = &record {
            write_record(&records, record).map_err(|source| failed(&records, source))?;
        }
        self.record = record;
        Ok(())
    }

    pub(super) fn target(&self) -> &Path {
        &self.target
    }

    /// Bytes that are there.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    pub(super) fn record(&self) -> Option<&Record> {
        self.record.as_ref()
    }

    /// The file, to write to its end.
    pub(super) fn end(&self) -> Result<File, GetError> {
        let end = self.file.try_clone().and_then(|mut file| {
            file.seek(SeekFrom::Start(self.length))?;
            Ok(file)
        });
        end.map_err(|source| failed(&self.path, source))
    }

    /// It is whole: it gets its name, in one step.
    pub(super) fn land(self, force: bool) -> Result<(), GetError> {
        let landed = if force { fs::rename(&self.path, &self.target) } else { self.land_anew() };
        if let Err(source) = landed {
            let path = self.target.clone();
            let error = match source.kind() {
                io::ErrorKind::AlreadyExists => GetError::There { path },
                _ => GetError::File { path, source },
            };
            return Err(self.kept(error));
        }
        let _ = remove(&beside(&self.target, RECORD_ENDING));
        Ok(())
    }

    fn land_anew(&self) -> io::Result<()> {
        match fs::hard_link(&self.path, &self.target) {
            Ok(()) => fs::remove_file(&self.path),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error),
            // Not every file system knows links.
            Err(_) if fs::symlink_metadata(&self.target).is_ok() => {
                Err(io::ErrorKind::AlreadyExists.into())
            }
            Err(_) => fs::rename(&self.path, &self.target),
        }
    }

    /// It broke off: what can be gone on with stays, and the error says so.
    pub(super) fn kept(self, error: GetError) -> GetError {
        let length = self.file.metadata().map_or(0, |meta| meta.len());
        if self.record.is_some() && length > 0 {
            return GetError::Kept { error: Box::new(error), path: self.path, length };
        }
        let _ = remove(&self.path);
        let _ = remove(&beside(&self.target, RECORD_ENDING));
        error
    }
}

fn failed(path: &Path, source: io::Error) -> GetError {
    GetError::File { path: path.to_owned(), source }
}

/// `.NAME.part` beside `NAME`.
fn beside(target: &Path, ending: &str) -> PathBuf {
    let name = target.file_name().unwrap_or_else(|| OsStr::new("download"));
    let mut hidden = b".".to_vec();
    match name.as_bytes().get(..LONGEST) {
        Some(beginning) => {
            hidden.extend_from_slice(
                String::from_utf8_lossy(beginning).trim_end_matches('\u{fffd}').as_bytes(),
            );
            hidden.extend_from_slice(format!("-{:016x}", xxh3_64(name.as_bytes())).as_bytes());
        }
        None => hidden.extend_from_slice(name.as_bytes()),
    }
    hidden.extend_from_slice(ending.as_bytes());
    target.with_file_name(OsString::from_vec(hidden))
}

/// Opens and locks a partial file of ours. What another put there is never written to: no link is
/// followed, and the file has this one name.
fn open(path: &Path, more: OFlags) -> Result<Option<File>, GetError> {
    let flags = OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK | more;
    for _ in 0..ATTEMPTS {
        let file = match rustix::fs::open(path, flags, Mode::from_raw_mode(0o666)) {
            Ok(file) => File::from(file),
            Err(rustix::io::Errno::NOENT) if !more.contains(OFlags::CREATE) => return Ok(None),
            Err(error) => return Err(failed(path, error.into())),
        };
        let meta = file.metadata().map_err(|source| failed(path, source))?;
        if !meta.is_file() || meta.nlink() > 1 || meta.uid() != geteuid().as_raw() {
            let reason = "it is there, and not a file of yours alone; remove it";
            return Err(failed(path, io::Error::other(reason)));
        }
        // Where nothing can be locked, nobody is kept away.
        if let Err(TryLockError::WouldBlock) = file.try_lock() {
            return Err(GetError::Busy { path: path.to_owned() });
        }
        // It may have got its name just before it was locked.
        let is_there = fs::symlink_metadata(path)
            .is_ok_and(|now| (now.dev(), now.ino()) == (meta.dev(), meta.ino()));
        if is_there {
            return Ok(Some(file));
        }
    }
    Err(GetError::Busy { path: path.to_owned() })
}

/// Refuses to touch what is in the way and was not made here: something without a record, or a record that
/// is none.
fn leave_alone(path: &Path, record: &Path) -> Result<(), GetError> {
    if read_record(record).is_some() {
        return Ok(());
    }
    let is_there = |path: &Path| fs::symlink_metadata(path).is_ok_and(|meta| meta.len() > 0);
    match [record, path].into_iter().find(|path| is_there(path)) {
        Some(path) => {
            let reason = "it is there, and not of a download; move it away, or --force replaces it";
            Err(failed(path, io::Error::other(reason)))
        }
        None => Ok(()),
    }
}

fn read_record(path: &Path) -> Option<Record> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty()).ok()?);
    let meta = file.metadata().ok()?;
    let is_ours =
        meta.is_file() && meta.uid() == geteuid().as_raw() && meta.len() <= LARGEST_RECORD;
    serde_json::from_reader(is_ours.then_some(file)?).ok()
}

fn write_record(path: &Path, record: &Record) -> io::Result<()> {
    // It was removed before: what is there now is another's.
    let mut file = File::create_new(path)?;
    file.write_all(&serde_json::to_vec(record)?)
}

/// Removes what may not be there.
fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::address;

    fn record() -> Record {
        Record {
            url: "http://h/a".to_owned(),
            name: "a".to_owned(),
            validator: "\"1\"".to_owned(),
            total: Some(9),
        }
    }

    fn begun(folder: &Path, name: &str) -> Partial {
        let mut partial = Partial::begin(&folder.join(name), false).unwrap();
        partial.restart(Some(Record { name: name.to_owned(), ..record() })).unwrap();
        partial.end().unwrap().write_all(b"1234").unwrap();
        partial
    }

    #[test]
    fn what_broke_off_is_found_by_its_place_and_by_its_url() {
        let folder = tempfile::tempdir().unwrap();
        let broken = begun(folder.path(), "a").kept(GetError::Stopped(2));
        assert!(matches!(broken, GetError::Kept { length: 4, .. }), "{broken}");
        let target = folder.path().join("a");
        assert!(!target.exists());
        let by_place = || Partial::existing(&target).unwrap().unwrap();
        let by_url = || Partial::of_url(folder.path(), &address("h/a").unwrap()).unwrap().unwrap();
        for find in [&by_place as &dyn Fn() -> Partial, &by_url] {
            let partial = find();
            assert_eq!((partial.length(), partial.record()), (4, Some(&record())));
            assert_eq!(partial.target(), target);
        }
        assert!(Partial::of_url(folder.path(), &address("h/b").unwrap()).unwrap().is_none());
        assert!(Partial::existing(&folder.path().join("b")).unwrap().is_none());

        Partial::existing(&target).unwrap().unwrap().land(false).unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"1234");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn without_a_record_nothing_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let partial = Partial::begin(&folder.path().join("a"), false).unwrap();
        partial.end().unwrap().write_all(b"1234").unwrap();
        assert!(matches!(partial.kept(GetError::Stopped(2)), GetError::Stopped(2)));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn only_one_writes_to_it() {
        let folder = tempfile::tempdir().unwrap();
        let first = begun(folder.path(), "a");
        let second = Partial::begin(&folder.path().join("a"), false);
        assert!(matches!(second, Err(GetError::Busy { .. })));
        assert_eq!(first.file.metadata().unwrap().len(), 4);
    }

    #[test]
    fn nothing_that_is_there_is_written_over_unless_told() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a");
        let victim = folder.path().join("victim");
        fs::write(&victim, "kept").unwrap();
        std::os::unix::fs::symlink(&victim, &target).unwrap();
        let refused = begun(folder.path(), "a").land(false).unwrap_err();
        assert!(refused.to_string().contains("--force"), "{refused}");
        Partial::existing(&target).unwrap().unwrap().land(true).unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"1234");
        assert_eq!(fs::read(&victim).unwrap(), b"kept");
        assert!(!target.is_symlink());
    }

    #[test]
    fn what_another_put_in_its_place_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (target, part) = (folder.path().join("a"), folder.path().join(".a.part"));
        let victim = folder.path().join("victim");
        fs::write(&victim, "kept").unwrap();
        std::os::unix::fs::symlink(&victim, &part).unwrap();
        assert!(Partial::begin(&target, false).is_err());
        fs::remove_file(&part).unwrap();
        fs::hard_link(&victim, &part).unwrap();
        assert!(Partial::begin(&target, false).is_err());
        assert_eq!(fs::read(&victim).unwrap(), b"kept");
    }

    #[test]
    fn a_record_does_not_choose_the_place() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("inner");
        fs::create_dir(&inner).unwrap();
        drop(begun(folder.path(), "a"));
        let planted = Record { name: "../a".to_owned(), ..record() };
        write_record(&inner.join(".a.part.json"), &planted).unwrap();
        assert!(Partial::of_url(&inner, &address("h/a").unwrap()).unwrap().is_none());
    }

    #[test]
    fn the_longest_names_have_room() {
        for name in ["a".repeat(255), "ä".repeat(127)] {
            let hidden = beside(Path::new(&name), RECORD_ENDING);
            assert!(hidden.as_os_str().len() <= 255);
            assert!(hidden.to_str().is_some());
            let other = format!("{}b", &name[..name.len() - 2]);
            assert_ne!(hidden, beside(Path::new(&other), RECORD_ENDING));
        }
        assert_eq!(beside(Path::new("d/a"), ENDING), Path::new("d/.a.part"));
    }
}
