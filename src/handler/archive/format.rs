//! The kinds of archives, each written by its library.

use std::ffi::OsStr;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::time::{SystemTime, UNIX_EPOCH};

use flate2::write::GzEncoder;
use percent_encoding::{AsciiSet, CONTROLS, percent_encode};
use tar::{EntryType, Header};
use time::OffsetDateTime;
use zip::write::SimpleFileOptions;
use zip::{DateTime, ZipWriter};

use super::walk::{Item, Walk};
use crate::handler::pipe::PIECE;

/// A kind of archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Tar,
    TarGz,
    TarZst,
    Zip,
}

/// Files may be read by all, folders entered: whoever packed them could.
const FILE_MODE: u32 = 0o644;
const FOLDER_MODE: u32 = 0o755;

/// The effort that zstd makes by itself.
const ZSTD_LEVEL: i32 = 3;

impl Format {
    /// The kind that a query names.
    pub(super) fn named(name: &[u8]) -> Option<Self> {
        let all = [Self::Tar, Self::TarGz, Self::TarZst, Self::Zip];
        all.into_iter().find(|format| format.extension().as_bytes() == name)
    }

    pub(super) fn extension(self) -> &'static str {
        match self {
            Self::Tar => "tar",
            Self::TarGz => "tar.gz",
            Self::TarZst => "tar.zst",
            Self::Zip => "zip",
        }
    }

    pub(super) fn media_type(self) -> &'static str {
        match self {
            Self::Tar => "application/x-tar",
            Self::TarGz => "application/gzip",
            Self::TarZst => "application/zstd",
            Self::Zip => "application/zip",
        }
    }

    /// Writes everything that `walk` comes to.
    pub(super) fn write(self, out: &mut impl Write, walk: Walk) -> io::Result<()> {
        match self {
            Self::Tar => tar(out, walk),
            Self::TarGz => {
                let mut encoder = GzEncoder::new(out, flate2::Compression::default());
                tar(&mut encoder, walk)?;
                encoder.finish().map(drop)
            }
            Self::TarZst => {
                let mut encoder = zstd::Encoder::new(out, ZSTD_LEVEL)?;
                tar(&mut encoder, walk)?;
                encoder.finish().map(drop)
            }
            Self::Zip => zip(out, walk),
        }
    }
}

fn tar(out: &mut impl Write, mut walk: Walk) -> io::Result<()> {
    let mut archive = tar::Builder::new(out);
    while let Some(item) = walk.next()? {
        let mut header = Header::new_gnu();
        match item {
            Item::Folder { name, modified } => {
                header.set_entry_type(EntryType::Directory);
                header.set_mode(FOLDER_MODE);
                header.set_mtime(seconds(modified));
                header.set_size(0);
                archive.append_data(&mut header, OsStr::from_bytes(&name), io::empty())?;
            }
            Item::File { name, modified, content } => {
                header.set_mode(FILE_MODE);
                header.set_mtime(seconds(modified));
                header.set_size(content.length());
                archive.append_data(&mut header, OsStr::from_bytes(&name), content)?;
            }
        }
    }
    archive.into_inner().map(drop)
}

fn zip(out: &mut impl Write, mut walk: Walk) -> io::Result<()> {
    let mut archive = ZipWriter::new_stream(out);
    let mut buffer = vec![0; PIECE];
    while let Some(item) = walk.next()? {
        let options = SimpleFileOptions::default();
        match item {
            Item::Folder { name, modified } => {
                let options = dated(options, modified).unix_permissions(FOLDER_MODE);
                archive.add_directory(zip_name(&name), options)?;
            }
            Item::File { name, modified, mut content } => {
                let options = dated(options, modified)
                    .unix_permissions(FILE_MODE)
                    .large_file(content.length() >= u64::from(u32::MAX));
                archive.start_file(zip_name(&name), options)?;
                loop {
                    match io::Read::read(&mut content, &mut buffer)? {
                        0 => break,
                        count => archive.write_all(&buffer[..count])?,
                    }
                }
            }
        }
    }
    archive.finish()?;
    Ok(())
}

/// The backslash is another slash to those who unpack on Windows.
const NOT_IN_ZIP: &AsciiSet = &CONTROLS.add(b'\\').add(b'%');

/// A zip has names in UTF-8: what is not is percent-encoded, and what could be taken for a way out
/// of the folder that it is unpacked into.
fn zip_name(name: &[u8]) -> String {
    match str::from_utf8(name) {
        Ok(text) if !text.contains(|c: char| c == '\\' || c.is_ascii_control()) => text.to_owned(),
        _ => percent_encode(name, NOT_IN_ZIP).to_string(),
    }
}

fn seconds(time: Option<SystemTime>) -> u64 {
    time.and_then(|time| time.duration_since(UNIX_EPOCH).ok()).map_or(0, |since| since.as_secs())
}

/// A zip knows the years from 1980 to 2107, and no time zone: UTC is taken.
fn dated(options: SimpleFileOptions, modified: Option<SystemTime>) -> SimpleFileOptions {
    let known = modified.and_then(|time| {
        let seconds = i64::try_from(seconds(Some(time))).ok()?;
        let time = OffsetDateTime::from_unix_timestamp(seconds).ok()?;
        let year = u16::try_from(time.year()).ok()?;
        let (month, day) = (u8::from(time.month()), time.day());
        DateTime::from_date_and_time(year, month, day, time.hour(), time.minute(), time.second())
            .ok()
    });
    options.last_modified_time(known.unwrap_or_default())
}
