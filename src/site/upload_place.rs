//! Where on the site uploaded files are found.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::content::path::{SitePath, encode};

/// The path of the site under which the files of `upload_dir` are served: `/uploads/`; `/` when it
/// is the document root itself. `None` when it lies elsewhere. Both folders must be there.
pub(super) fn upload_place(document_root: &Path, upload_dir: &Path) -> Option<SitePath<'static>> {
    let canonical = |path: &Path| path.canonicalize().unwrap_or_else(|_| PathBuf::from(path));
    let (root, folder) = (canonical(document_root), canonical(upload_dir));
    // A folder below the root that is a link to one elsewhere still has an address.
    let below = folder.strip_prefix(&root).or_else(|_| upload_dir.strip_prefix(document_root));
    let below = below.ok()?.as_os_str().as_bytes();
    let mut path = b"/".to_vec();
    path.extend_from_slice(below);
    if !below.is_empty() {
        path.push(b'/');
    }
    SitePath::parse(encode(&path).as_bytes()).ok().map(SitePath::into_owned)
}

/// The folder that files are uploaded to.
pub(super) fn upload_folder(document_root: &Path, upload_dir: Option<&Path>) -> PathBuf {
    upload_dir.map_or_else(|| document_root.join("uploads"), Path::to_owned)
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

    #[test]
    fn uploads_land_in_the_root_unless_told_otherwise() {
        let root = Path::new("/srv/site");
        assert_eq!(upload_folder(root, None), Path::new("/srv/site/uploads"));
        assert_eq!(upload_folder(root, Some(Path::new("/srv/up"))), Path::new("/srv/up"));
    }
}
