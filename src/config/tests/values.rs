//! What each kind of value takes and refuses.

use super::*;

/// A key, and values in a file with how they are shown when taken.
const TAKEN: &[(&str, &[(&str, &str)])] = &[
    (
        "host",
        &[
            (r#""0.0.0.0""#, r#""0.0.0.0""#),
            (r#"["::", "127.0.0.1"]"#, r#"["::","127.0.0.1"]"#),
            (r#"["[::1]", "::1"]"#, r#""::1""#),
        ],
    ),
    (
        "address_filter",
        &[
            ("[]", "[]"),
            (r#"["192.168.1.77/24"]"#, r#"["192.168.1.0/24"]"#),
            (r#"["2001:db8::1"]"#, r#"["2001:db8::1"]"#),
            (r#"["0.0.0.0/0"]"#, r#"["0.0.0.0/0"]"#),
        ],
    ),
    ("header_timeout", &[("0.001", "0.001"), ("1.5e1", "15"), ("86400.0", "86400")]),
    ("max_header_size", &[("1024", "1024"), ("65535", "65535")]),
    (
        "log_level",
        &[
            (r#""warning""#, r#""WARN""#),
            (r#""trace""#, r#""trace""#),
            (r#""off,salver=info""#, r#""off,salver=info""#),
            (r#""info,salver::http1=debug""#, r#""info,salver::http1=debug""#),
        ],
    ),
    ("colored_logging", &[("true", r#""true""#), (r#""false""#, r#""false""#)]),
    ("ssl_min_version", &[("1.3", r#""1.3""#), (r#""1.2""#, r#""1.2""#)]),
    ("access_log", &[(r#""-""#, r#""-""#), (r#""off""#, r#""off""#), (r#""./off""#, r#""./off""#)]),
    ("index_files", &[("[]", "[]"), (r#"["..."]"#, r#"["..."]"#)]),
    (
        "cors_allow_origin",
        &[
            (
                r#"["https://a.example", "http://b:8080"]"#,
                r#"["https://a.example","http://b:8080"]"#,
            ),
            (r#""http://[::1]:3000""#, r#""http://[::1]:3000""#),
            (r#""http://LOCALHOST:80""#, r#""http://localhost""#),
        ],
    ),
    ("cors_allow_methods", &[(r#"["*"]"#, r#"["*"]"#), (r#"["X-THING"]"#, r#"["X-THING"]"#)]),
    (
        "security_headers",
        &[
            ("{}", "{}"),
            (r#"{"X-A": " spaced "}"#, r#"{"x-a":"spaced"}"#),
            (r#"{"Content-Security-Policy": false}"#, r#"{"content-security-policy":false}"#),
        ],
    ),
    ("ssl_redirect_port", &[("null", "null")]),
    ("user", &[("33", r#""33""#), (r#""www-data""#, r#""www-data""#), ("null", "null")]),
];

/// A key, and values in a file that it refuses.
const REFUSED: &[(&str, &[&str])] = &[
    (
        "host",
        &[
            "[]",
            r#""""#,
            "1",
            r#""127.0.0.256""#,
            r#""127.1""#,
            r#""a b""#,
            r#""-a""#,
            r#"["::1", 1]"#,
        ],
    ),
    ("address_filter", &[r#""127.0.0.1""#, r#"["127.0.0.1/33"]"#, r#"["localhost"]"#, "[1]"]),
    ("header_timeout", &["0", "-1", "86400.1", "1e999", r#""1""#, "null"]),
    ("browser_cache_time", &["0.5", "-1", "31536001"]),
    ("max_header_size", &["1023", "65536"]),
    ("accept_limit", &["18446744073709551616", "-1"]),
    (
        "log_level",
        &[
            r#""""#,
            r#""verbose""#,
            r#""salver=loud""#,
            r#""info,""#,
            r#""salver[head]=debug""#,
            "3",
        ],
    ),
    ("colored_logging", &["null", "1", r#""always""#]),
    ("ssl_min_version", &["1.1", r#""1""#]),
    ("document_root", &[r#""""#, r#""a\u0000b""#, "null", "[]"]),
    (
        "index_files",
        &[r#"["."]"#, r#"[".."]"#, r#"["a/"]"#, r#"["/a"]"#, r#"[""]"#, r#"["a\u0000"]"#],
    ),
    ("server_name", &[r#""a\r\nX: y""#, r#"" a""#, r#""é""#, "null"]),
    (
        "cors_allow_origin",
        &[
            "[]",
            r#""null""#,
            r#""example.com""#,
            r#""https://example.com/""#,
            r#""https://a@b""#,
            r#""https://a:b""#,
            r#""https://a:70000""#,
            r#""https://""#,
        ],
    ),
    ("cors_allow_methods", &[r#"["get"]"#, r#"["A B"]"#, r#"[""]"#]),
    ("cors_allow_headers", &[r#"["a:"]"#, r#"["X-A", "x-a"]"#]),
    (
        "security_headers",
        &[
            "[]",
            r#"{"X-A": true}"#,
            r#"{"X-A": 1}"#,
            r#"{"X-A": "a\nb"}"#,
            r#"{"X A": "a"}"#,
            r#"{"X-A": "a", "x-a": "b"}"#,
            r#"{"Connection": "close"}"#,
            r#"{"Date": false}"#,
            r#"{"transfer-encoding": "chunked"}"#,
            r#"{"Server": "x"}"#,
        ],
    ),
    ("ssl_redirect_port", &["0", "true"]),
];

#[test]
fn values_are_taken_and_shown_as_they_are_understood() {
    for (name, values) in TAKEN {
        for (given, shown) in *values {
            let loaded = file(&format!("{{\"{name}\": {given}}}")).unwrap();
            let understood = find(name).unwrap().show(&loaded.config).to_string();
            // A relative path in a file is told of as an absolute one.
            let here = format!("\"{}/", std::env::current_dir().unwrap().display());
            let shown = shown.replace("\"./", &here);
            assert_eq!(understood, shown, "{name}: {given}");
        }
    }
}

#[test]
fn values_that_cannot_be_right_are_refused_with_what_is_taken() {
    for (name, values) in REFUSED {
        let takes = find(name).unwrap().about().takes;
        for given in *values {
            let said = said(file(&format!("{{\"{name}\": {given}}}")));
            assert!(said.starts_with("config.json:1:"), "{name}: {given}: {said}");
            assert!(said.contains(&takes), "{name}: {given}: {said}");
        }
    }
}

#[test]
fn units_become_bytes_and_durations() {
    let text = r#"{"cache_max_size": 3, "cache_max_file_size": 5, "max_upload_size": 7,
                   "header_timeout": 0.25, "browser_cache_time": 9}"#;
    let config = file(text).unwrap().config;
    assert_eq!(config.cache_max_size, 3 * 1024 * 1024);
    assert_eq!(config.cache_max_file_size, 5 * 1024);
    assert_eq!(config.max_upload_size, 7);
    assert_eq!(config.header_timeout, std::time::Duration::from_millis(250));
    assert_eq!(config.browser_cache_time, std::time::Duration::from_secs(9));
}

#[test]
fn a_name_stands_for_its_addresses() {
    let config = environment(&[("SALVER_HOST", "localhost,127.0.0.1")]).unwrap().config;
    assert!(config.host.iter().all(std::net::IpAddr::is_loopback), "{:?}", config.host);
}
