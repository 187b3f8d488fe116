//! Any bytes are a path below the root or an error, and the link to that path leads back to it.

use std::path::{Component, PathBuf};

use salver::content::path::SitePath;

/// The input is a request path.
pub(crate) fn check(data: &[u8]) {
    let Ok(path) = SitePath::parse(data) else {
        return;
    };
    stays_below_the_root(&path);

    let link = path.encoded();
    assert!(!link.starts_with("//"));
    assert!(link.bytes().all(|byte| byte.is_ascii_graphic()));
    assert!(!link.contains(['"', '\'', '<', '>', '&', '?', '#', '\\', ':']));
    assert_eq!(SitePath::parse(link.as_bytes()), Ok(path));
}

fn stays_below_the_root(path: &SitePath<'_>) {
    let bytes = path.as_bytes();
    assert_eq!(bytes.first(), Some(&b'/'));
    assert!(!bytes.contains(&0));
    let relative = path.relative();
    let mut segments = relative.split(|&byte| byte == b'/');
    if !relative.is_empty() {
        for segment in segments.clone() {
            assert!(!matches!(segment, b"" | b"." | b".."));
        }
    }
    // A second opinion, on the text: the standard library sees nothing but names.
    let text = PathBuf::from(String::from_utf8_lossy(relative).into_owned());
    assert!(text.components().all(|component| matches!(component, Component::Normal(_))));
    assert_eq!(path.name(), segments.next_back().unwrap_or_default());
    if path.is_hidden() {
        assert!(bytes.windows(2).any(|pair| pair == b"/."));
    }
}
