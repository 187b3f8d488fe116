//! Paths as they are told of: whoever reads the log of a server does not know where it was started.

use std::path::{Component, Path, PathBuf};

/// The path from `/` on, without `.` and, where that names the same folder, without `..`. Where the
/// current folder is not known, the path as it is.
pub(super) fn full(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path);
    let absolute = absolute.as_deref().unwrap_or(path);
    let mut out = PathBuf::new();
    for component in absolute.components() {
        match component {
            Component::ParentDir if leads_back(&out) => {
                out.pop();
            }
            Component::CurDir => {}
            other => out.push(other),
        }
    }
    out
}

/// Whether `..` after the path is the folder that its last part is named in, which it is not after a
/// link, nor after what is not there.
fn leads_back(path: &Path) -> bool {
    let is_name = matches!(path.components().next_back(), Some(Component::Normal(_)));
    let real = |path: &Path| path.canonicalize().ok();
    is_name
        && path.parent().is_some_and(|above| {
            let back = real(&path.join(".."));
            back.is_some() && back == real(above)
        })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_path_is_made_full_without_leading_elsewhere() {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path();
        fs::create_dir_all(base.join("conf/deep")).unwrap();
        fs::create_dir_all(base.join("far/away")).unwrap();
        symlink(base.join("far/away"), base.join("link")).unwrap();
        for (given, expected) in [
            ("conf/../nosuch", "nosuch"),
            ("conf/./deep//x", "conf/deep/x"),
            ("conf/deep/../../far/x", "far/x"),
            // Another folder than that in which the link is.
            ("link/../x", "link/../x"),
            ("link/../../far/x", "link/../../far/x"),
            ("conf/../link/../x", "link/../x"),
            // Nobody knows what it will be.
            ("none/../x", "none/../x"),
        ] {
            assert_eq!(full(&base.join(given)), base.join(expected), "{given}");
        }
        assert_eq!(full(Path::new("/a/../../x")), Path::new("/a/../../x"));
        assert_eq!(full(Path::new("a/b")), std::env::current_dir().unwrap().join("a/b"));
    }
}
