//! The name that a download gets: what the server calls it, made safe.

use http::HeaderMap;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use percent_encoding::percent_decode_str;

use crate::client::Url;
use crate::content::disposition;
use crate::content::upload_name::{NameError, UploadName};

/// Bytes of a name that are looked at.
const LONGEST: usize = 4096;

/// The name for what an answer from that URL brings: of `Content-Disposition`, else the last
/// segment of the path, else one that says what it is.
pub(super) fn name(url: &Url, fields: &HeaderMap) -> String {
    let given = fields
        .get(CONTENT_DISPOSITION)
        .and_then(|value| disposition::file_name(value.as_bytes()))
        .and_then(|name| safe(&name));
    given.or_else(|| of_path(url)).unwrap_or_else(|| {
        let is_page = fields
            .get(CONTENT_TYPE)
            .is_some_and(|value| value.as_bytes().to_ascii_lowercase().starts_with(b"text/html"));
        if is_page { "index.html" } else { "download" }.to_owned()
    })
}

fn of_path(url: &Url) -> Option<String> {
    let last = url.path_segments()?.next_back()?;
    safe(&percent_decode_str(last).decode_utf8_lossy())
}

/// A name of one component, in the current folder, neither hidden nor longer than a file system
/// takes, without anything that acts on a terminal.
fn safe(given: &str) -> Option<String> {
    let last = given.rsplit(['/', '\\']).next().unwrap_or_default();
    let tame: String = last
        .chars()
        .take(LONGEST)
        .map(|c| if c.is_control() || c == ':' || turns(c) { '_' } else { c })
        .collect();
    // Nor one that programs take for an option.
    let tame = tame.trim_start_matches(['.', ' ', '-']);
    let name = match UploadName::parse(tame.as_bytes()) {
        Err(NameError::Reserved) => UploadName::parse(format!("_{tame}").as_bytes()),
        parsed => parsed,
    };
    name.ok().map(|name| name.as_str().to_owned())
}

/// Whether a character turns the direction of writing, or is not seen: `exe.gpj` for `jpg.exe`.
fn turns(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Whether a name is one that [`name`] may have made.
pub(super) fn is_safe(given: &str) -> bool {
    safe(given).as_deref() == Some(given)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;
    use crate::client::address;

    fn named(url: &str, disposition: Option<&str>, media_type: &'static str) -> String {
        let mut fields = HeaderMap::new();
        fields.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        if let Some(value) = disposition {
            let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
            fields.insert(CONTENT_DISPOSITION, value);
        }
        name(&address(url).unwrap(), &fields)
    }

    #[test]
    fn the_server_says_the_name_else_the_path() {
        for (url, disposition, expected) in [
            ("h/a/b.png", None, "b.png"),
            ("h/a/b%20c.png?d=/e", None, "b c.png"),
            ("h/%E2%82%AC.txt", None, "€.txt"),
            ("h/a", Some("attachment"), "a"),
            ("h/a", Some("inline; filename=b.png"), "b.png"),
            ("h/a", Some("attachment; filename=\"\""), "a"),
            ("h/a", Some("attachment; filename=\"..\""), "a"),
            ("h/", Some("attachment; filename=\"/\""), "download"),
            ("h/a/", None, "download"),
        ] {
            assert_eq!(named(url, disposition, "image/png"), expected, "{url} {disposition:?}");
        }
        assert_eq!(named("h/", None, "Text/HTML; charset=utf-8"), "index.html");
    }

    #[test]
    fn hostile_names_stay_in_the_folder() {
        for (given, expected) in [
            ("../../etc/passwd", "passwd"),
            ("/etc/passwd", "passwd"),
            ("C:\\Windows\\x.exe", "x.exe"),
            (".bashrc", "bashrc"),
            ("...a", "a"),
            ("-rf", "rf"),
            ("--help", "help"),
            (". .ssh", "ssh"),
            ("a\x07\u{9b}b", "a__b"),
            ("a\u{202e}gpj.exe", "a_gpj.exe"),
            ("a:b", "a_b"),
            ("nul.txt", "_nul.txt"),
            ("a. . ", "a"),
        ] {
            assert_eq!(safe(given).as_deref(), Some(expected), "{given:?}");
        }
        for given in ["", ".", "..", "a/", "a/..", "..\\", " "] {
            assert_eq!(safe(given), None, "{given:?}");
        }
        let long = safe(&("ä".repeat(400) + ".png")).unwrap();
        assert!(long.len() <= 255 && long.ends_with("ä.png"));
        assert_eq!(named("h/%2e%2e%2fpasswd", None, "a/b"), "passwd");
        assert_eq!(named("h/..%2f.bashrc", None, "a/b"), "bashrc");
    }

    proptest! {
        #[test]
        fn any_name_is_one_component_and_stays_what_it_is(given in "(\\PC|[./\\\\:\\x00-\\x20]){0,300}") {
            if let Some(name) = safe(&given) {
                prop_assert!(is_safe(&name), "{:?}", name);
                prop_assert!(!name.starts_with(['.', '-']) && !name.contains(['/', '\\', '\0']));
                prop_assert!((1..=255).contains(&name.len()));
            }
        }
    }
}
