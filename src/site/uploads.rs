//! Where uploads land, and what takes them there.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;
use std::{fs, io};

use super::BuildError;
use super::memory::max_drafts;
use crate::config::{Config, UploadConflict, Word};
use crate::content::path::{SitePath, encode};
use crate::handler::{
    Codings, FormLog, Tus, TusOptions, Upload, UploadMemory, UploadOptions, UploadPanel,
};
use crate::store::upload::{self, Conflict, UploadFolder};
use crate::store::{Changes, Store};

/// Where uploads land.
pub(super) struct Uploads {
    /// The folder itself.
    pub(super) folder: UploadFolder,
    /// Where that is on the site; `None` when it is not served.
    pub(super) place: Option<SitePath<'static>>,
    /// Where it really is, links followed: as they were when this was built.
    pub(super) real_path: Option<PathBuf>,
    conflict: Conflict,
    path: PathBuf,
    /// Whether it was said that its name leads elsewhere since.
    is_told: AtomicBool,
    log: Option<(PathBuf, FormLog)>,
    memory: UploadMemory,
}

impl Uploads {
    /// The upload folder, if uploads are taken. What there was `before` is kept if it is the same:
    /// two that know nothing of each other would write to one file.
    pub(super) fn open(
        config: &Config,
        changes: &Changes,
        before: Option<&Self>,
    ) -> Result<Option<Self>, BuildError> {
        if !config.enable_file_uploads {
            return Ok(None);
        }
        let conflict = match config.upload_conflict {
            UploadConflict::Reject => Conflict::Reject,
            UploadConflict::Rename => Conflict::Rename,
            UploadConflict::Replace => Conflict::Replace,
        };
        let path = config.upload_dir.clone();
        let path = path.unwrap_or_else(|| config.document_root.join("uploads"));
        let log = match &config.form_log {
            None => None,
            Some(path) => {
                let kept = before.and_then(|before| before.log.clone());
                Some(match kept.filter(|(kept, _)| kept == path) {
                    Some(kept) => kept,
                    None => (path.clone(), form_log(path, &config.document_root)?),
                })
            }
        };
        let fault = |error| BuildError::Uploads { folder: path.clone(), error };
        let real_path = real_folder(config, &path).map_err(fault)?;
        let is_same = |before: &&Self| before.real_path.as_ref() == Some(&real_path);
        let folder = match before.filter(is_same) {
            Some(before) => before.folder.clone(),
            None => UploadFolder::open(upload::UploadOptions {
                folder: real_path.clone(),
                expiry: config.upload_expiry,
                max_drafts: max_drafts(config),
                changes: changes.clone(),
            })
            .map_err(fault)?,
        };
        folder.keep_unfinished(config.upload_expiry);
        let place = upload_place(&config.document_root, &path);
        let place = place.filter(|path| config.show_hidden_files || !path.is_hidden());
        let memory = before.map(|before| before.memory.clone()).unwrap_or_default();
        let (real_path, is_told) = (Some(real_path), AtomicBool::new(false));
        Ok(Some(Self { folder, place, real_path, conflict, path, is_told, log, memory }))
    }

    /// Looks after the folder, and says once when its name leads to another one since: that is followed
    /// when the configuration is read again, and not before. May wait for a disk.
    pub(super) fn tidy(&self, now: SystemTime) {
        self.folder.tidy(now);
        let Some(real) = &self.real_path else { return };
        let Ok(found) = self.path.canonicalize() else { return };
        if found == *real || self.folder.fault().is_some() {
            return;
        }
        if !self.is_told.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "the upload folder {} leads to {} now, and uploads land in {} as before: have the \
                 configuration read again (SIGHUP), or restart",
                self.path.display(),
                found.display(),
                real.display()
            );
        }
    }

    /// What listings of the upload folder offer, and a page of its own.
    pub(super) fn panel(&self, config: &Config) -> UploadPanel {
        UploadPanel {
            place: self.place.clone(),
            max_size: config.max_upload_size,
            conflict: config.upload_conflict.word(),
            resumable: Some(Tus::PATH),
        }
    }

    /// Takes files that come over several requests.
    pub(super) fn resumable(&self, config: &Config) -> Tus {
        let options = TusOptions {
            max_size: config.max_upload_size,
            place: self.place.clone(),
            max_conflict: self.conflict,
        };
        Tus::new(self.folder.clone(), options)
    }

    /// Takes forms, and files that come in one request.
    pub(super) fn at_once(
        &self,
        config: &Config,
        store: Arc<dyn Store>,
        codings: Codings,
    ) -> Upload {
        Upload::new(UploadOptions {
            folder: self.folder.clone(),
            place: self.place.clone(),
            panel: self.panel(config),
            codings,
            store,
            max_size: config.max_upload_size,
            max_conflict: self.conflict,
            log: self.log.as_ref().map(|(_, log)| log.clone()),
            memory: self.memory.clone(),
        })
    }
}

/// The upload folder, made if need be, without links. One that nobody named is not elsewhere: whoever can
/// write into the root could have put the link there.
fn real_folder(config: &Config, path: &Path) -> io::Result<PathBuf> {
    fs::create_dir_all(path)?;
    let real = path.canonicalize()?;
    if config.upload_dir.is_none() && !real.starts_with(config.document_root.canonicalize()?) {
        return Err(io::Error::other(format!(
            "it is a symbolic link that leads out of the document root, to {}; set upload_dir to that \
             if it is meant",
            real.display()
        )));
    }
    Ok(real)
}

/// The log of forms. What people write is not for everybody to read.
fn form_log(path: &Path, document_root: &Path) -> Result<FormLog, BuildError> {
    let open = || {
        let log = FormLog::open(path.to_owned())?;
        if path.canonicalize()?.starts_with(document_root.canonicalize()?) {
            return Err(io::Error::other("it lies in the folder that is served"));
        }
        Ok(log)
    };
    open().map_err(|error| BuildError::FormLog { path: path.to_owned(), error })
}

/// The path of the site under which the files of `upload_dir` are served: `/uploads/`; `/` when it
/// is the document root itself. `None` when it lies elsewhere. Both folders must be there.
fn upload_place(document_root: &Path, upload_dir: &Path) -> Option<SitePath<'static>> {
    let canonical = |path: &Path| path.canonicalize().unwrap_or_else(|_| PathBuf::from(path));
    let (root, folder) = (canonical(document_root), canonical(upload_dir));
    // What the configuration calls it: a folder below the root may be a link to one elsewhere.
    let below = upload_dir.strip_prefix(document_root).or_else(|_| folder.strip_prefix(&root));
    let below = below.ok()?.as_os_str().as_bytes();
    let mut path = b"/".to_vec();
    path.extend_from_slice(below);
    if !below.is_empty() {
        path.push(b'/');
    }
    SitePath::parse(encode(&path).as_bytes()).ok().map(SitePath::into_owned)
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_folder_in_the_root_has_a_path_and_one_elsewhere_has_none() {
        let temporary = tempfile::tempdir().unwrap();
        let root = temporary.path().join("root");
        let nasty = OsStr::from_bytes(b"a b%20#\xff");
        for folder in ["root/uploads", "root/d/e", "root2", "elsewhere"] {
            fs::create_dir_all(temporary.path().join(folder)).unwrap();
        }
        fs::create_dir(root.join(nasty)).unwrap();
        symlink(root.join("d"), temporary.path().join("to-d")).unwrap();
        symlink(temporary.path().join("elsewhere"), root.join("away")).unwrap();
        symlink(&root, temporary.path().join("to-root")).unwrap();
        let place = |root: &Path, folder: &Path| {
            upload_place(root, folder).map(|place| place.as_bytes().to_vec())
        };
        let rows: &[(PathBuf, Option<&[u8]>)] = &[
            (root.join("uploads"), Some(b"/uploads/")),
            (root.join("d/../d/e"), Some(b"/d/e/")),
            (root.join(nasty), Some(b"/a b%20#\xff/")),
            (root.clone(), Some(b"/")),
            (root.join("away"), Some(b"/away/")),
            (temporary.path().join("to-d"), Some(b"/d/")),
            (temporary.path().join("root2"), None),
            (temporary.path().join("elsewhere"), None),
            (temporary.path().to_owned(), None),
        ];
        for (folder, expected) in rows {
            assert_eq!(place(&root, folder).as_deref(), *expected, "{}", folder.display());
        }
        let linked = temporary.path().join("to-root");
        assert_eq!(place(&linked, &root.join("uploads")).as_deref(), Some(&b"/uploads/"[..]));
    }
}
