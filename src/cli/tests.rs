//! Command lines, and what is made of them.

use std::time::Duration;

use super::*;
use crate::config::load;
use crate::config::samples::{SAMPLES, companions};

fn run(arguments: &[&str]) -> Result<Invocation, CliExit> {
    parse(["salver"].iter().chain(arguments).map(OsString::from))
}

/// What `load` makes of them: the value of a key, and where it comes from.
fn value_of(key: &str, arguments: &[&str]) -> String {
    match load(&run(arguments).unwrap().overrides, []) {
        Ok(loaded) => {
            let value = crate::config::find(key).unwrap().show(&loaded.config);
            format!("{value} from {}", loaded.origin(key))
        }
        Err(error) => error.to_string(),
    }
}

#[test]
fn the_parser_is_sound() {
    parser(Words::All).debug_assert();
}

#[test]
fn every_key_goes_through_its_flag() {
    for ((name, json, text), key) in SAMPLES.iter().zip(KEYS) {
        let invocation = run(&[&format!("--{}={text}", key.flag())]).unwrap();
        let environment = companions(name).iter().map(|(k, v)| (k.into(), v.into()));
        let loaded = load(&invocation.overrides, environment).unwrap();
        assert_eq!(key.show(&loaded.config).to_string(), *json, "{name}");
        assert_eq!(loaded.origin(name).to_string(), format!("flag --{}", key.flag()));
    }
}

#[test]
fn flags_are_written_in_the_ways_people_know() {
    for (key, arguments, expected) in [
        ("port", &["-p", "81"][..], "81 from flag --port"),
        ("port", &["-p81"], "81 from flag --port"),
        ("host", &["-H", "::1"], r#""::1" from flag --host"#),
        (
            "host",
            &["--host", "::1", "--host", "192.0.2.1,192.0.2.2"],
            r#"["::1","192.0.2.1","192.0.2.2"] from flag --host"#,
        ),
        ("document_root", &["site"], r#""site" from argument DIRECTORY"#),
        ("document_root", &["-d", "site"], r#""site" from flag --document-root"#),
        ("document_root", &["--directory", "site"], r#""site" from flag --document-root"#),
        ("document_root", &["./check"], r#""./check" from argument DIRECTORY"#),
        ("document_root", &["./get"], r#""./get" from argument DIRECTORY"#),
        ("document_root", &["help"], r#""help" from argument DIRECTORY"#),
        ("document_root", &["check", "site"], r#""site" from argument DIRECTORY"#),
        ("document_root", &["--show-hidden-files", "site"], r#""site" from argument DIRECTORY"#),
        (
            "show_hidden_files",
            &["--show-hidden-files", "site"],
            "true from flag --show-hidden-files",
        ),
        (
            "directory_listing",
            &["--directory-listing=false"],
            "false from flag --directory-listing",
        ),
        (
            "directory_listing",
            &["--enable-directory-listing=false"],
            "false from flag --directory-listing",
        ),
        ("colored_logging", &["--no-color"], r#""false" from flag --no-color"#),
        (
            "colored_logging",
            &["--colored-logging", "true"],
            r#""true" from flag --colored-logging"#,
        ),
        ("access_log", &["--access-log", "-"], r#""-" from flag --access-log"#),
        ("port", &["-p", "81", "check"], "81 from flag --port"),
        ("port", &["check", "-p", "81"], "81 from flag --port"),
        ("watch_config", &["--watch-config"], "true from flag --watch-config"),
        ("port", &["-p", "x"], "flag --port: port takes a whole number from 0 to 65535, not \"x\""),
        ("document_root", &["check", "a", "-d", "b"], "usage"),
    ] {
        if expected == "usage" {
            assert_eq!(run(arguments).unwrap_err().code, 2, "{arguments:?}");
        } else {
            assert_eq!(value_of(key, arguments), expected, "{arguments:?}");
        }
    }
}

#[test]
fn commands_are_told_from_folders() {
    for (arguments, command) in [
        (&[][..], Command::Serve),
        (&["site"], Command::Serve),
        (&["./check"], Command::Serve),
        (&["check"], Command::Check),
        (&["check", "site"], Command::Check),
        (&["-p", "1", "check"], Command::Check),
        (&["-p", "1", "--show-hidden-files", "chek"], Command::Serve),
    ] {
        assert_eq!(run(arguments).unwrap().command, command, "{arguments:?}");
    }
}

#[test]
fn wrong_usage_is_status_2() {
    for arguments in [
        &["--prot", "1"][..],
        &["--port"],
        &["--port", "1", "--port", "2"],
        &["a", "b"],
        &["a", "--document-root", "b"],
        &["a", "-d", "b"],
        &["--no-color", "--colored-logging", "auto"],
        &["check", "--prot"],
    ] {
        let exit = run(arguments).unwrap_err();
        assert_eq!(exit.code, 2, "{arguments:?}: {}", exit.text);
        assert!(exit.text.starts_with("error: "), "{}", exit.text);
    }
    assert!(run(&["--prot", "1"]).unwrap_err().text.contains("'--port'"));
}

#[test]
fn a_folder_given_twice_is_refused_wherever_it_stands() {
    let twice = value_of("document_root", &["a", "check", "b"]);
    assert!(twice.ends_with("already set by argument DIRECTORY; keep one of the two"), "{twice}");
    let twice = value_of("document_root", &["-d", "a", "check", "b"]);
    assert!(twice.ends_with("already set by flag --document-root; keep one of the two"), "{twice}");
}

#[test]
fn the_help_has_every_option_under_its_heading_and_no_command_that_is_not_there() {
    for arguments in [&["-h"][..], &["--help"], &["check", "--help"]] {
        let exit = run(arguments).unwrap_err();
        assert_eq!(exit.code, 0);
        for key in KEYS {
            assert!(exit.text.contains(&format!("--{}", key.flag())), "{}", key.name);
            assert!(exit.text.contains(&format!("\n{}:\n", key.section)), "{}", key.section);
        }
    }
    let help = run(&["-h"]).unwrap_err().text;
    for line in [
        "Folder to serve [default: .] [alias: --directory]",
        "[default: index.html]",
        "[default: GET,HEAD,POST]",
        "Serve HTTPS; without a certificate a self-signed one is made [default: false] [aliases: --ssl, --tls]",
        "Take over changes of the configuration file, a second or two after it was written [default: false]",
    ] {
        let unwrapped = help.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(unwrapped.contains(line), "{line}");
    }
    for command in ["check", "get", "bench", "status", "healthcheck", "completions", "man"] {
        assert!(help.contains(&format!("\n  {command} ")), "{help}");
    }
}

#[test]
fn the_version_names_itself_and_what_is_built_in() {
    let version = run(&["--version"]).unwrap_err();
    assert_eq!(version.text, run(&["-V"]).unwrap_err().text);
    assert_eq!(version.code, 0);
    assert!(version.text.starts_with(&format!("salver {}", env!("CARGO_PKG_VERSION"))));
    assert!(
        version.text.contains("\nfeatures: directory_listing compression archives http2 cache"),
        "{}",
        version.text
    );
    assert!(version.text.contains("server_status"));
}

#[cfg(unix)]
#[test]
fn a_folder_whose_name_is_not_utf_8_is_taken() {
    use std::os::unix::ffi::OsStringExt;

    let name = OsString::from_vec(vec![b'a', 0xff]);
    let invocation = parse(["salver".into(), name.clone()]).unwrap();
    let config = load(&invocation.overrides, []).unwrap().config;
    assert_eq!(config.document_root, PathBuf::from(name));
}

fn status(arguments: &[&str]) -> StatusOptions {
    match run(arguments).unwrap().command {
        Command::Status(options) => options,
        other => panic!("{arguments:?}: {other:?}"),
    }
}

#[test]
fn status_has_options_of_its_own() {
    let plain = status(&["status"]);
    assert_eq!(plain.url, "http://127.0.0.1:8000/server-status");
    assert_eq!(
        (plain.watch, plain.json, plain.insecure, plain.no_color),
        (None, false, false, false)
    );
    let all = status(&["status", "--watch", "--json", "-k", "--no-color", "https://h:1"]);
    assert_eq!(all.url, "https://h:1");
    assert_eq!(all.watch, Some(Duration::from_secs(1)));
    assert!(all.json && all.insecure && all.no_color);
    assert_eq!(status(&["status", "--watch=2.5"]).watch, Some(Duration::from_millis(2500)));
    assert_eq!(status(&["status", "--watch", "h:1"]).url, "h:1");
    assert_eq!(value_of("document_root", &["./status"]), r#""./status" from argument DIRECTORY"#);

    let help = run(&["status", "--help"]).unwrap_err();
    assert_eq!(help.code, 0);
    assert!(help.text.contains("--insecure") && help.text.contains("Exit status"), "{}", help.text);
    for key in KEYS {
        assert!(!help.text.contains(&format!("--{}", key.flag())), "{}", key.name);
    }
}

#[test]
fn status_takes_nothing_that_is_for_serving() {
    for arguments in [
        &["status", "--port=1"][..],
        &["--port=1", "status"],
        &["--no-color", "status"],
        &["site", "status"],
        &["status", "a", "b"],
        &["status", "--watch=0"],
        &["status", "--watch=soon"],
        &["status", "--watch=inf"],
    ] {
        let exit = run(arguments).unwrap_err();
        assert_eq!(exit.code, 2, "{arguments:?}: {}", exit.text);
        assert!(exit.text.starts_with("error: "), "{}", exit.text);
    }
    // Not even from the environment: it asks a server, it is none.
    assert!(run(&["status"]).unwrap().overrides.values.is_empty());
}

#[test]
fn the_health_of_a_server_is_asked_for_by_url_or_by_configuration() {
    let options = |arguments: &[&str]| match run(arguments).unwrap().command {
        Command::Healthcheck(options) => options,
        other => panic!("{arguments:?}: {other:?}"),
    };
    let HealthcheckOptions { url, config_file, insecure } = options(&["healthcheck"]);
    assert_eq!((url, config_file, insecure), (None, None, false));
    let with_url = options(&["healthcheck", "-k", "h:1"]);
    assert_eq!((with_url.url.as_deref(), with_url.insecure), (Some("h:1"), true));
    let with_file = options(&["healthcheck", "--config", "a.json"]);
    assert_eq!(with_file.config_file, Some(PathBuf::from("a.json")));
    for arguments in [&["healthcheck", "-c", "a.json", "h:1"][..], &["-p", "1", "healthcheck"]] {
        assert_eq!(run(arguments).unwrap_err().code, 2, "{arguments:?}");
    }
}

#[test]
fn options_before_and_after_check_come_together() {
    assert_eq!(value_of("port", &["-p", "81", "check", "-p", "82"]), "82 from flag --port");
    let both = ["-p", "81", "check", "--host", "::1"];
    assert_eq!(value_of("port", &both), "81 from flag --port");
    assert_eq!(value_of("host", &both), r#""::1" from flag --host"#);
}

fn bench(arguments: &[&str]) -> BenchOptions {
    match run(arguments).unwrap().command {
        Command::Bench(options) => *options,
        other => panic!("{arguments:?}: {other:?}"),
    }
}

#[test]
fn bench_has_options_of_its_own() {
    let plain = bench(&["bench", "h:1"]);
    assert_eq!(
        (plain.url.as_str(), plain.connections, plain.pipeline, plain.streams),
        ("h:1", 50, 1, 1)
    );
    assert_eq!(
        (plain.duration, plain.requests, plain.rate, plain.threads),
        (None, None, None, None)
    );
    assert_eq!((plain.warm_up, plain.timeout), (Duration::ZERO, Duration::from_secs(30)));
    assert!(!plain.json && !plain.http2 && !plain.no_keep_alive && plain.fail_if.is_empty());
    let line = "bench -c 7 -d 1m -r 2.5 -m PUT -H a:b -H c:d -b x -k --http2 --streams 9 --fail-if p99>1s h:1";
    let all = bench(&line.split(' ').collect::<Vec<_>>());
    assert_eq!(
        (all.connections, all.duration, all.rate),
        (7, Some(Duration::from_mins(1)), Some(2.5))
    );
    assert_eq!(
        (all.headers, all.fail_if),
        (vec!["a:b".to_owned(), "c:d".to_owned()], vec!["p99>1s".to_owned()])
    );
    assert!(all.insecure && all.http2 && all.streams == 9);
    let help = run(&["bench", "--help"]).unwrap_err();
    assert!(help.code == 0 && help.text.contains("--fail-if") && help.text.contains("Exit status"));
    for wrong in [&["bench"][..], &["-c", "x", "bench", "h:1"], &["bench", "-c", "0", "h:1"]] {
        assert_eq!(run(wrong).unwrap_err().code, 2, "{wrong:?}");
    }
}
