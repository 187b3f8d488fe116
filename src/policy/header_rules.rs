//! Fields that the configuration sets for some paths.

use std::collections::HashSet;

use http::{HeaderName, HeaderValue, StatusCode, header};

/// Fields by name: the value, or `None` to leave it out.
type Changes = Vec<(HeaderName, Option<HeaderValue>)>;

/// Rules, each for the paths of a pattern.
#[derive(Debug)]
pub struct HeaderRules {
    rules: Vec<(String, Changes)>,
}

impl HeaderRules {
    /// Makes the rules: patterns of decoded paths, and what they change. Of several rules that
    /// match, the last one that names a field counts. What is no pattern matches nothing.
    pub fn new(rules: impl IntoIterator<Item = (String, Changes)>) -> Self {
        Self { rules: rules.into_iter().collect() }
    }

    /// What is to be changed in the answer to a request for that path, each field once.
    pub(super) fn changes(
        &self,
        path: &[u8],
        status: StatusCode,
    ) -> Vec<(&HeaderName, Option<&HeaderValue>)> {
        let is_error = status.is_client_error() || status.is_server_error();
        let mut seen = HashSet::new();
        let mut changes = Vec::new();
        // The last rule first: whoever names a field first has the say.
        let matching = |(pattern, _): &&(String, _)| fast_glob::glob_match(pattern, path);
        for (_, rule) in self.rules.iter().rev().filter(matching) {
            for (name, value) in rule {
                if seen.insert(name) && !(is_error && is_of_what_was_found(name)) {
                    changes.push((name, value.as_ref()));
                }
            }
        }
        changes
    }
}

/// Whether a field is about the content of the path. A rule that lets browsers keep files for a
/// year must not make them keep an error.
fn is_of_what_was_found(name: &HeaderName) -> bool {
    let about_content = name.as_str().starts_with("content-")
        && *name != header::CONTENT_SECURITY_POLICY
        && *name != header::CONTENT_SECURITY_POLICY_REPORT_ONLY;
    about_content
        || [header::CACHE_CONTROL, header::EXPIRES, header::ETAG, header::LAST_MODIFIED]
            .contains(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Change = (&'static str, Option<&'static str>);

    fn rules(rows: &[(&str, &[Change])]) -> HeaderRules {
        let change = |(name, value): &Change| {
            (HeaderName::from_static(name), value.map(HeaderValue::from_static))
        };
        let rule = |(pattern, changes): &(&str, &[Change])| {
            ((*pattern).to_owned(), changes.iter().map(change).collect())
        };
        HeaderRules::new(rows.iter().map(rule))
    }

    #[test]
    fn patterns_match_as_people_expect() {
        for (pattern, path, matches) in [
            ("/**", &b"/"[..], true),
            ("/**", b"/a/b", true),
            ("/a/**", b"/a/", true),
            ("/a/**", b"/a/b/c.js", true),
            ("/a/**", b"/a", false),
            ("/a/**", b"/ab/c", false),
            ("/*", b"/a", true),
            ("/*", b"/a/b", false),
            ("/*.js", b"/a/b.js", false),
            ("/**/*.js", b"/a/b.js", true),
            ("/**/*.js", b"/b.js", true),
            ("/**/*.{js,css}", b"/a/b.css", true),
            ("/**/*.js", b"/a/b.JS", false),
            ("/{a,b/{c,d}}/*", b"/b/d/e", true),
            ("/{a,b/{c,d}}/*", b"/b/e", false),
            ("/a?c", b"/abc", true),
            ("/a?c", b"/a/c", false),
            ("/a[!0-9]", b"/ab", true),
            ("/a[!0-9]", b"/a7", false),
            ("/a[!0-9]", b"/a/", false),
            ("/a\\*", b"/a*", true),
            ("/a\\*", b"/ab", false),
            ("/a**", b"/ab/c", false),
            ("/a b/\u{e9}", "/a b/\u{e9}".as_bytes(), true),
            ("/**", b"/\xff\xfe", true),
            ("/*", b"/\xff\xfe", true),
            ("/**", b"/a\nb", true),
        ] {
            let rules = rules(&[(pattern, &[("x-a", None)])]);
            let changes = rules.changes(path, StatusCode::OK);
            let shown = String::from_utf8_lossy(path);
            assert_eq!(!changes.is_empty(), matches, "{pattern} and {shown}");
        }
    }

    #[test]
    fn the_last_rule_counts_field_by_field() {
        let rules = rules(&[
            ("/**", &[("x-a", Some("1")), ("x-b", Some("1"))]),
            ("/d/**", &[("x-a", None), ("x-c", Some("2"))]),
            ("/e/**", &[("x-a", Some("3"))]),
        ]);
        let mut changes = rules.changes(b"/d/f", StatusCode::OK);
        changes.sort_by_key(|(name, _)| name.as_str());
        let shown: Vec<_> = changes
            .iter()
            .map(|(name, value)| (name.as_str(), value.map(|value| value.to_str().unwrap())))
            .collect();
        assert_eq!(shown, [("x-a", None), ("x-b", Some("1")), ("x-c", Some("2"))]);
    }

    #[test]
    fn an_error_is_not_kept_as_long_as_what_was_looked_for() {
        let rules = rules(&[(
            "/**",
            &[
                ("cache-control", Some("immutable")),
                ("content-type", Some("text/x-odd")),
                ("content-security-policy", Some("default-src 'self'")),
                ("x-a", Some("1")),
            ],
        )]);
        let names = |status| -> Vec<_> {
            rules.changes(b"/", status).iter().map(|(name, _)| name.as_str()).collect()
        };
        assert_eq!(names(StatusCode::NOT_FOUND), ["content-security-policy", "x-a"]);
        assert_eq!(names(StatusCode::NOT_MODIFIED).len(), 4);
    }
}
