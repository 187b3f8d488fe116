use std::path::{Component, Path};

use proptest::prelude::*;

use super::*;

fn parsed(raw: &str) -> Result<Vec<u8>, PathError> {
    SitePath::parse(raw.as_bytes()).map(|path| path.as_bytes().to_vec())
}

#[test]
fn paths_become_normal() {
    let rows: &[(&str, &[u8])] = &[
        ("/", b"/"),
        ("/a", b"/a"),
        ("/a/", b"/a/"),
        ("/a/b.txt", b"/a/b.txt"),
        // RFC 3986 2.1: "%41" is "A"; upper and lower case digits are the same.
        ("/%41%c3%a9%C3%A9", b"/A\xc3\xa9\xc3\xa9"),
        ("/%ff", b"/\xff"),
        ("/a%20b+c", b"/a b+c"),
        // Once: what the first decoding gives is not decoded again.
        ("/%2541", b"/%41"),
        ("/%252e%252e/x", b"/%2e%2e/x"),
        ("/%3f%23", b"/?#"),
        ("/%5c..%5c", b"/\\..\\"),
        // RFC 3986 5.2.4, its own example among them.
        ("/a/b/c/./../../g", b"/a/g"),
        ("/a/.", b"/a/"),
        ("/a/./", b"/a/"),
        ("/a/..", b"/"),
        ("/a/b/..", b"/a/"),
        ("/a/b/../", b"/a/"),
        ("/.", b"/"),
        ("/a/%2e%2E/b", b"/b"),
        ("/a/.%2e", b"/"),
        // Not dot segments.
        ("/...", b"/..."),
        ("/..a/a../.b", b"/..a/a../.b"),
        // Empty segments.
        ("//", b"/"),
        ("//evil.example/x", b"/evil.example/x"),
        ("/a///b//", b"/a/b/"),
        ("/a//../b", b"/b"),
    ];
    for (raw, expected) in rows {
        assert_eq!(parsed(raw).as_deref(), Ok(*expected), "{raw}");
    }
}

#[test]
fn paths_that_name_nothing_are_refused() {
    let rows = [
        ("", PathError::Malformed),
        ("*", PathError::Malformed),
        ("a/b", PathError::Malformed),
        ("/%", PathError::Malformed),
        ("/%4", PathError::Malformed),
        ("/%g1", PathError::Malformed),
        ("/%1g", PathError::Malformed),
        ("/%%41", PathError::Malformed),
        ("/% 1", PathError::Malformed),
        ("/%+1", PathError::Malformed),
        ("/a%2fb", PathError::NotFound),
        ("/..%2F", PathError::NotFound),
        ("/a%00", PathError::NotFound),
        ("/a\0b", PathError::NotFound),
        ("/..", PathError::OutsideRoot),
        ("/../etc/passwd", PathError::OutsideRoot),
        ("/a/../..", PathError::OutsideRoot),
        ("/a//../../b", PathError::OutsideRoot),
        ("/%2e%2e/%2e%2e/etc", PathError::OutsideRoot),
        ("/.%2E/", PathError::OutsideRoot),
    ];
    for (raw, error) in rows {
        assert_eq!(parsed(raw), Err(error), "{raw:?}");
    }
    assert_eq!(PathError::Malformed.status(), StatusCode::BAD_REQUEST);
    assert_eq!(PathError::NotFound.status(), StatusCode::NOT_FOUND);
    assert_eq!(PathError::OutsideRoot.status(), StatusCode::NOT_FOUND);
}

#[test]
fn a_path_that_is_as_it_should_be_is_borrowed() {
    for raw in ["/", "/a/b.txt", "/.git/x", "/.well-known/y/", "/\u{e9}"] {
        let path = SitePath::parse(raw.as_bytes()).unwrap();
        assert!(matches!(path.bytes, Cow::Borrowed(_)), "{raw}");
    }
    let path = SitePath::parse(b"/%41").unwrap();
    assert!(matches!(path.bytes, Cow::Owned(_)));
}

#[test]
fn the_pieces_of_a_path() {
    // path, relative, name, extension, folder, hidden
    type Row = (&'static str, &'static str, &'static str, Option<&'static str>, bool, bool);
    let rows: &[Row] = &[
        ("/", "", "", None, true, false),
        ("/a", "a", "a", None, false, false),
        ("/a/b.tar.gz", "a/b.tar.gz", "b.tar.gz", Some("gz"), false, false),
        ("/a.d/b/", "a.d/b", "b", None, true, false),
        ("/a.d/", "a.d", "a.d", Some("d"), true, false),
        ("/x.", "x.", "x.", None, false, false),
        ("/.profile", ".profile", ".profile", None, false, true),
        ("/.git/config", ".git/config", "config", None, false, true),
        ("/a/%2egit/", "a/.git", ".git", None, true, true),
        ("/...", "...", "...", None, false, true),
        ("/.well-known", ".well-known", ".well-known", None, false, false),
        ("/.well-known/a.b", ".well-known/a.b", "a.b", Some("b"), false, false),
        ("/.well-known/.x", ".well-known/.x", ".x", None, false, true),
        ("/a/.well-known/x", "a/.well-known/x", "x", None, false, true),
        ("/.well-knowns", ".well-knowns", ".well-knowns", None, false, true),
    ];
    for &(raw, relative, name, extension, folder, hidden) in rows {
        let path = SitePath::parse(raw.as_bytes()).unwrap();
        assert_eq!(path.relative(), relative.as_bytes(), "{raw}");
        assert_eq!(path.name(), name.as_bytes(), "{raw}");
        assert_eq!(path.extension(), extension.map(str::as_bytes), "{raw}");
        assert_eq!(path.is_folder(), folder, "{raw}");
        assert_eq!(path.is_hidden(), hidden, "{raw}");
        assert_eq!(path.clone().into_owned(), path);
    }
}

#[test]
fn the_folder_of_unfinished_uploads_is_reserved_wherever_it_is() {
    let rows = [
        ("/.salver-uploads", true),
        ("/.salver-uploads/", true),
        ("/%2esalver-uploads/x", true),
        ("/a/./.SALVER-uploads/x", true),
        ("/.well-known/.salver-uploads", true),
        ("/.salver-uploads2", false),
        ("/salver-uploads", false),
        ("/a.salver-uploads", false),
        ("/.salver-uploads/../x", false),
    ];
    for (raw, reserved) in rows {
        let path = SitePath::parse(raw.as_bytes()).unwrap();
        assert_eq!(path.is_reserved(), reserved, "{raw}");
        assert_eq!(path.into_owned().is_reserved(), reserved, "{raw}");
    }
}

#[test]
fn links_hold_nothing_that_html_a_field_or_a_url_reads() {
    let rows: &[(&[u8], &str)] = &[
        (b"/a b/\"x\"", "/a%20b/%22x%22"),
        (b"/<a>&'`", "/%3Ca%3E%26%27%60"),
        (b"/100%#?", "/100%25%23%3F"),
        (b"/\xc3\xa9\xff\x7f\r\n", "/%C3%A9%FF%7F%0D%0A"),
        (b"/a-b_c.d~e@1,2=3!(4)", "/a-b_c.d~e@1,2=3!(4)"),
        (b"a:b", "a%3Ab"),
        // RFC 3986 4.2: "//" would begin a network-path reference; browsers read "/\" alike.
        (b"//evil.example", "/evil.example"),
        (b"///", "/"),
        (b"/\\evil.example", "/%5Cevil.example"),
        (b"", ""),
    ];
    for (path, expected) in rows {
        assert_eq!(encode(path), *expected);
    }
}

/// Bytes of the kind that matter in paths, more often than others.
fn path_bytes() -> impl Strategy<Value = Vec<u8>> {
    let pieces = prop_oneof![
        4 => prop::sample::select(vec!["/", ".", "..", "%2e", "%2E", "%", "%2f", "//", "/../"])
            .prop_map(|piece| piece.as_bytes().to_vec()),
        2 => "[a-c]{1,3}".prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..4),
    ];
    prop::collection::vec(pieces, 0..12).prop_map(|pieces| {
        let mut path = b"/".to_vec();
        path.extend(pieces.concat());
        path
    })
}

proptest! {
    #[test]
    fn any_bytes_give_a_path_that_stays_below_the_root(raw in path_bytes()) {
        let Ok(path) = SitePath::parse(&raw) else { return Ok(()) };
        prop_assert_eq!(path.as_bytes()[0], b'/');
        prop_assert!(!path.as_bytes().contains(&0));
        let relative = path.relative();
        if !relative.is_empty() {
            for segment in relative.split(|&byte| byte == b'/') {
                prop_assert!(!matches!(segment, b"" | b"." | b".."));
            }
        }
        let text = String::from_utf8_lossy(relative).into_owned();
        for component in Path::new(&text).components() {
            prop_assert!(matches!(component, Component::Normal(_)), "{:?}", component);
        }
    }

    #[test]
    fn a_link_leads_back_to_its_path(raw in path_bytes()) {
        let Ok(path) = SitePath::parse(&raw) else { return Ok(()) };
        let link = path.encoded();
        prop_assert!(!link.starts_with("//"));
        prop_assert!(link.bytes().all(|byte| byte.is_ascii_graphic()));
        let back = SitePath::parse(link.as_bytes());
        prop_assert_eq!(back.as_ref(), Ok(&path));
    }

    #[test]
    fn a_link_to_any_file_name_leads_to_it(name in prop::collection::vec(1u8..=255, 1..40)) {
        prop_assume!(!name.contains(&b'/') && name != b"." && name != b"..");
        let link = format!("/folder/{}", encode(&name));
        let path = SitePath::parse(link.as_bytes()).unwrap();
        prop_assert_eq!(path.name(), &name[..]);
    }
}
