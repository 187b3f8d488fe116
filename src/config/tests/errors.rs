//! What is said about what is wrong.

use super::*;

#[test]
fn an_error_in_a_file_says_where_what_and_what_to_do() {
    const COMMA: &str = "; the file is JSON in which comments and trailing commas are allowed";
    for (text, expected) in [
        ("{\n  \"prot\": 80}", "2:3: there is no key \"prot\"; did you mean \"port\"?"),
        ("{\"xyzzy\": 80}", "1:2: there is no key \"xyzzy\"; `salver check` shows them all"),
        (
            "{ // ports\n\n  \"port\": 65536 }",
            "3:11: port takes a whole number from 0 to 65535, not 65536",
        ),
        ("{\"port\": \"80\"}", "1:10: port takes a whole number from 0 to 65535, not \"80\""),
        ("{\"port\": 80.5}", "1:10: port takes a whole number from 0 to 65535, not 80.5"),
        ("{\"port\": [1]}", "1:10: port takes a whole number from 0 to 65535, not a list"),
        ("{\"enable_cache\": 1}", "1:18: enable_cache takes true or false, not 1"),
        (
            "{\"header_timeout\": 0}",
            "1:20: header_timeout takes a number of seconds from 0.001 to 86400, not 0",
        ),
        (
            "{\"cache-max-size\": null}",
            "1:20: cache_max_size takes a whole number of MiB from 1 to 1048576, not null",
        ),
        ("{\"log_format\": \"xml\"}", "1:16: log_format takes one of text, json, not \"xml\""),
        (
            "{\"log_level\": \"DEBGU\"}",
            "1:15: log_level: \"DEBGU\" is no level; for a part of the program write target=level; \
             it takes ERROR, WARNING, INFO, DEBUG, TRACE, or a filter such as \
             INFO,salver::server=DEBUG",
        ),
        (
            "{\"index_files\": [\"a\",\n \"b/c\"]}",
            "2:2: index_files takes a list, each a file name without a folder, not \"b/c\"",
        ),
        (
            "{\"index_files\": [\"a\", \"a\"]}",
            "1:23: index_files: \"a\" is in the list twice; it takes a list, each a file name \
             without a folder",
        ),
        (
            "{\"security_headers\": {\n\"Content-Length\": \"1\"}}",
            "2:1: security_headers: content-length says how a message is sent and is not \
             configured; it takes an object of header names, each with a string, or false to leave \
             it out",
        ),
        ("{\"ssl\": \"yes\"}", "1:9: enable_ssl takes true or false, not \"yes\""),
        (
            "{\"directory\": \"a\",\n\"document-root\": \"a\"}",
            "2:1: document_root is already set by file config.json:1:2; keep one of the two",
        ),
        (
            "{\"port\": 1,\n\"port\": 1}",
            "2:1: port is already set by file config.json:1:2; keep one of the two",
        ),
        ("\n [1]", "2:2: the file is not a JSON object; write { \"port\": 8000 } or the like"),
        (
            "{\"port\" 1}",
            &format!("1:9: expected colon after the string or word in object property{COMMA}"),
        ),
        (
            "{\n\"port\": 1",
            &format!("2:10: the text ends here, and the object that begins at 1:1 does not{COMMA}"),
        ),
        ("{\"ssl_cert\": \"a\"}", "1:2: ssl_cert and ssl_key belong together; set both or neither"),
    ] {
        assert_eq!(said(file(text)), format!("config.json:{expected}"), "{text}");
    }
}

#[test]
fn an_error_elsewhere_names_the_variable_or_the_flag() {
    for (variable, value, expected) in [
        ("SALVER_PROT", "1", "there is no key \"SALVER_PROT\"; did you mean \"SALVER_PORT\"?"),
        ("SALVER_port", "1", "there is no key \"SALVER_port\"; did you mean \"SALVER_PORT\"?"),
        ("SALVER_", "1", "there is no key \"SALVER_\"; `salver check` shows them all"),
        ("SALVER_PORT", "", "port takes a whole number from 0 to 65535, not \"\""),
        ("SALVER_ENABLE_CACHE", "yes", "enable_cache takes true or false, not \"yes\""),
        (
            "SALVER_SERVER_NAME",
            "a\nb",
            "server_name takes at most 100 characters of visible ASCII, not \"a\\nb\"",
        ),
    ] {
        let expected = format!("environment {variable}: {expected}");
        assert_eq!(said(environment(&[(variable, value)])), expected);
    }
    let twice = said(environment(&[("SALVER_SSL", "false"), ("SALVER_ENABLE_SSL", "false")]));
    assert_eq!(
        twice,
        "environment SALVER_SSL: enable_ssl is already set by environment SALVER_ENABLE_SSL; keep \
         one of the two"
    );
    let overrides = Overrides { config_file: None, values: vec![flag("host", "127.0.0.256")] };
    assert_eq!(
        said(load(&overrides, [])),
        "flag --host: host takes an IP address or a host name, or a list of them, not \"127.0.0.256\""
    );
}

#[test]
fn a_file_that_cannot_be_read_is_named_with_who_named_it() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("a\nb.json");
    let overrides = Overrides { config_file: Some(missing), values: Vec::new() };
    let text = said(load(&overrides, []));
    assert!(text.starts_with("flag --config: cannot read "), "{text}");
    assert!(text.contains("a\\nb.json: No such file") && !text.contains('\n'), "{text}");

    let large = folder.path().join("large");
    fs::write(&large, vec![b' '; (1 << 20) + 1]).unwrap();
    let named = [("SALVER_CONFIG".into(), large.into_os_string())];
    let text = said(load(&Overrides::default(), named));
    assert!(text.starts_with("environment SALVER_CONFIG: the file has more than 1048576 bytes"));
}

#[test]
fn a_file_that_is_not_utf_8_is_refused_where_that_begins() {
    let mut loaded = Loaded::default();
    let error = file::apply(&mut loaded, Path::new("c.json"), b"{\n  \"\xff\": 1}").unwrap_err();
    assert!(error.to_string().starts_with("c.json:2:4: "), "{error}");
}

#[test]
fn what_is_impossible_together_is_refused_where_it_was_last_set() {
    for (variables, origin, text) in [
        (
            &[("SALVER_CORS_ALLOW_CREDENTIALS", "true")][..],
            "SALVER_CORS_ALLOW_CREDENTIALS",
            "cors_allow_credentials forbids",
        ),
        (
            &[
                ("SALVER_CORS_ALLOW_CREDENTIALS", "true"),
                ("SALVER_CORS_ALLOW_ORIGIN", "https://a.example"),
                ("SALVER_CORS_EXPOSE_HEADERS", "*"),
            ],
            "SALVER_CORS_EXPOSE_HEADERS",
            "cors_allow_credentials forbids",
        ),
        (
            &[("SALVER_CORS_ALLOW_ORIGIN", "*,https://a.example")],
            "SALVER_CORS_ALLOW_ORIGIN",
            "cors_allow_origin has \"*\" beside",
        ),
        (&[("SALVER_SSL_KEY", "k")], "SALVER_SSL_KEY", "ssl_cert and ssl_key belong together"),
        (
            &[("SALVER_LOG_FILE", "x.log"), ("SALVER_ACCESS_LOG", "x.log")],
            "SALVER_LOG_FILE",
            "log_file and access_log are the same file",
        ),
        (
            &[("SALVER_CACHE_MAX_FILE_SIZE", "2048"), ("SALVER_CACHE_MAX_SIZE", "1")],
            "SALVER_CACHE_MAX_SIZE",
            "cache_max_file_size (KiB) is more",
        ),
    ] {
        let said = said(environment(variables));
        assert!(said.starts_with(&format!("environment {origin}: {text}")), "{said}");
    }
}
