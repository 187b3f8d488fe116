//! The whole server, confined: it does what it did before, and says when it cannot.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, SystemTime};

use support::over::{Over, Wire};
use support::{Server, Setup, eventually, salver, setup};

const PLACE: &str = r#""host": "127.0.0.1", "port": 0, "max_threads": 2, "sandbox": "required""#;

fn with(more: &str) -> String {
    format!("{{{PLACE}{more}}}")
}

fn confined() -> Setup {
    setup().file("a.txt", "0123456789").flag("--sandbox=required")
}

/// The folder that the document root lies in.
fn beside(setup: &Setup) -> PathBuf {
    setup.root().parent().unwrap().to_owned()
}

/// A line of each thread's status.
fn threads(server: &Server, line: &str) -> Vec<String> {
    let tasks = fs::read_dir(format!("/proc/{}/task", server.id())).unwrap();
    let lines =
        tasks.filter_map(|task| fs::read_to_string(task.unwrap().path().join("status")).ok());
    let value = |status: String| {
        let value = status.lines().find_map(|it| it.strip_prefix(line)?.strip_prefix(':'));
        value.unwrap().trim().to_owned()
    };
    lines.map(value).collect()
}

/// What it prints when it does not start, and its exit status.
fn refused(arguments: &[&str]) -> (String, Option<i32>) {
    let mut child =
        salver().args(["--port=0"]).args(arguments).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    (said, child.wait().unwrap().code())
}

/// What it prints until it is stopped once it serves.
fn lines_of(arguments: &[&str], root: &Path) -> String {
    let mut command = salver();
    command.args(["--host=127.0.0.1", "--port=0"]).args(arguments).arg(root);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut output = std::io::BufReader::new(child.stderr.take().unwrap());
    let mut said = String::new();
    while !said.contains("Press Ctrl+C") {
        assert!(std::io::BufRead::read_line(&mut output, &mut said).unwrap() > 0, "{said}");
    }
    // What is logged may come after the greeting.
    let kill = std::process::Command::new("kill").arg(child.id().to_string()).status();
    assert!(kill.unwrap().success());
    output.read_to_string(&mut said).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{said}");
    said
}

#[test]
fn every_thread_is_confined_and_it_says_so() {
    let server = confined().flag("--log-format=json").start();
    server.get("/a.txt", &[]);
    for line in ["NoNewPrivs", "Seccomp"] {
        let values = threads(&server, line);
        assert!(values.len() > 4, "{values:?}");
        let expected = if line == "Seccomp" { "2" } else { "1" };
        assert!(values.iter().all(|value| value == expected), "{line}: {values:?}");
    }
    let other = setup().flag("--sandbox=off").start();
    assert!(threads(&other, "Seccomp").iter().all(|value| value == "0"));
}

#[test]
fn the_greeting_names_what_is_restricted() {
    for (level, expected) in [
        ("required", "[\"files\", \"system calls\"]"),
        ("auto", "[\"files\", \"system calls\"]"),
        ("off", "[]"),
    ] {
        let setup = setup();
        let mut child = salver()
            .args(["--port=0", "--log-format=json", "--sandbox", level])
            .arg(setup.root())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = std::io::BufReader::new(child.stderr.take().unwrap());
        let greeting = loop {
            let mut line = String::new();
            assert!(std::io::BufRead::read_line(&mut output, &mut line).unwrap() > 0);
            let line: serde_json::Value = serde_json::from_str(&line).unwrap();
            if line["message"] == "serving" {
                break line;
            }
        };
        assert_eq!(greeting["sandbox"], expected, "{level}");
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

#[test]
fn files_folders_and_the_status_are_served() {
    let server = confined().flag("--enable-archives").file("d/b.txt", "x").start();
    assert_eq!(server.get("/a.txt", &[]).text(), "0123456789");
    assert!(server.get("/d/", &[]).text().contains("b.txt"));
    assert_eq!(server.get("/?archive=tar", &[]).status, 200);
    let status = server.get("/server-status?format=json", &[]);
    let status: serde_json::Value = serde_json::from_slice(&status.body).unwrap();
    let process = &status["process"];
    for known in
        ["resident_bytes", "cpu_user_seconds", "threads", "open_files", "load_average", "cpus"]
    {
        assert!(!process[known].is_null(), "{known}: {process}");
    }
}

#[test]
fn uploads_and_forms_land_where_they_should() {
    let setup = confined();
    let log = beside(&setup).join("forms/log");
    let flag = format!("--form-log={}", log.display());
    let server = setup.flag("--enable-file-uploads").flag(&flag).plain().start();
    let mut client = server.connect();
    client.send("PUT /uploads/x/y/new.txt HTTP/1.1\r\nHost: t\r\nContent-Length: 2\r\n\r\nhi");
    assert_eq!(client.response().status, 201);
    assert_eq!(server.get("/uploads/x/y/new.txt", &[]).text(), "hi");
    client.send(
        "POST /submit HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\n\
         Content-Type: application/x-www-form-urlencoded\r\n\r\na=1",
    );
    assert_eq!(client.response().status, 201);
    assert!(fs::read_to_string(log).unwrap().contains("\"a\""));
}

#[test]
fn logs_are_rotated_and_opened_anew() {
    let setup = confined();
    let folder = beside(&setup).join("logs");
    fs::create_dir(&folder).unwrap();
    let day = Duration::from_hours(24);
    for name in ["access.log", "salver.log"] {
        for old in ["2020-01-01", "2020-01-02"] {
            fs::write(folder.join(format!("{name}.{old}")), "old\n").unwrap();
        }
        let file = fs::File::create(folder.join(name)).unwrap();
        (&file).write_all(b"yesterday\n").unwrap();
        file.set_modified(SystemTime::now() - day).unwrap();
    }
    let flag = |key: &str, name: &str| format!("--{key}={}", folder.join(name).display());
    let server = setup
        .flag(&flag("access-log", "access.log"))
        .flag(&flag("log-file", "salver.log"))
        .flag("--log-max-files=1")
        .start();
    let names = || {
        let entries = fs::read_dir(&folder).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    assert_eq!(names().len(), 4, "{:?}", names());
    assert!(!names().iter().any(|name| name.contains("2020")), "{:?}", names());
    let has = |name: &str, text: &str| {
        eventually(|| {
            fs::read_to_string(folder.join(name)).is_ok_and(|it| it.contains(text)).then_some(())
        });
    };
    server.get("/a.txt?one", &[]);
    has("access.log", "?one");
    fs::rename(folder.join("access.log"), folder.join("moved")).unwrap();
    server.signal("HUP");
    eventually(|| folder.join("access.log").exists().then_some(()));
    server.get("/a.txt?two", &[]);
    has("access.log", "?two");
    fs::rename(folder.join("salver.log"), folder.join("moved too")).unwrap();
    server.signal("HUP");
    eventually(|| folder.join("salver.log").exists().then_some(()));
    server.signal("HUP");
    has("salver.log", "SIGHUP");
    // What cannot be opened again goes on as it was.
    let elsewhere = tempfile::tempdir().unwrap();
    fs::write(elsewhere.path().join("log"), "").unwrap();
    for name in ["access.log", "salver.log"] {
        fs::rename(folder.join(name), folder.join(format!("last {name}"))).unwrap();
        symlink(elsewhere.path().join("log"), folder.join(name)).unwrap();
    }
    server.signal("HUP");
    // One thread says it of the one, another of the other, and maybe twice: the signal before this one
    // may have been seen only now.
    let missing = std::cell::RefCell::new(vec!["the access log again", "the log file /"]);
    server.line(|line| {
        if line.contains("outside of what the sandbox granted at the start") {
            missing.borrow_mut().retain(|which| !line.contains(which));
        }
        missing.borrow().is_empty()
    });
    server.get("/a.txt?three", &[]);
    has("last access.log", "?three");
    assert_eq!(fs::read(elsewhere.path().join("log")).unwrap(), b"");
}

#[test]
fn a_link_in_the_place_of_the_uploads_is_not_followed() {
    let setup = setup().flag("--enable-file-uploads").flag("--sandbox=off").plain();
    let elsewhere = tempfile::tempdir().unwrap();
    let server = setup.start();
    let put = || {
        let mut client = server.connect();
        client.send("PUT /uploads/a HTTP/1.1\r\nHost: t\r\nContent-Length: 2\r\n\r\nhi");
        client.response().status
    };
    assert_eq!(put(), 201);
    fs::rename(server.root.join("uploads"), server.root.join("old")).unwrap();
    symlink(elsewhere.path(), server.root.join("uploads")).unwrap();
    server.line(|line| line.contains("/uploads are refused: a symbolic link"));
    assert_eq!(put(), 403);
    assert!(fs::read_dir(elsewhere.path()).unwrap().next().is_none());
    server.signal("HUP");
    server.line(|line| line.contains("in use stays") && line.contains("set upload_dir"));
    fs::remove_file(server.root.join("uploads")).unwrap();
    fs::rename(server.root.join("old"), server.root.join("uploads")).unwrap();
    server.line(|line| line.contains("are taken again"));
    assert_eq!(put(), 201);
}

#[test]
fn an_upload_folder_that_is_made_anew_takes_a_restart_and_that_is_said() {
    let server = confined().flag("--enable-file-uploads").plain().start();
    fs::remove_dir_all(server.root.join("uploads")).unwrap();
    fs::create_dir(server.root.join("uploads")).unwrap();
    server.line(|line| {
        line.contains("/uploads are refused: ") && line.contains("a restart is needed")
    });
    eventually(|| {
        let status = server.get("/server-status?format=json", &[]).text();
        status.contains("uploads are refused: the sandbox only lets").then_some(())
    });
}

#[test]
fn a_link_out_of_the_root_takes_uploads_only_when_it_is_named() {
    let setup = setup();
    let elsewhere = tempfile::tempdir().unwrap();
    symlink(elsewhere.path(), setup.root().join("uploads")).unwrap();
    let root = setup.root().to_str().unwrap().to_owned();
    let (said, code) = refused(&["--enable-file-uploads", &root]);
    assert_eq!(code, Some(1));
    assert!(
        said.contains("leads out of the document root") && said.contains("upload_dir"),
        "{said}"
    );
    let named = format!("--upload-dir={root}/uploads");
    let server = setup.flag("--enable-file-uploads").flag(&named).plain().start();
    let mut client = server.connect();
    client.send("PUT /uploads/a HTTP/1.1\r\nHost: t\r\nContent-Length: 2\r\n\r\nhi");
    assert_eq!(client.response().status, 201);
    assert_eq!(fs::read(elsewhere.path().join("a")).unwrap(), b"hi");
}

#[test]
fn a_configuration_that_needs_more_takes_a_restart() {
    let setup = setup().file("a.txt", "0123456789");
    let other = beside(&setup).join("other");
    fs::create_dir(&other).unwrap();
    let server = setup.config(&with("")).plain().start();
    assert!(server.reload(&with(r#", "server_name": "x""#)).contains("in use: server_name"));
    let log = other.join("access.log");
    for more in [
        format!(r#", "access_log": "{}""#, log.display()),
        r#", "enable_file_uploads": true"#.to_owned(),
        r#", "follow_symlinks": "always""#.to_owned(),
        format!(
            r#", "enable_file_uploads": true, "upload_dir": "{}""#,
            other.join("new").display()
        ),
    ] {
        let said = server.reload(&with(&more));
        assert!(said.contains("in use stays: a restart is needed: the sandbox"), "{said}");
        assert_eq!(server.get("/a.txt", &[]).field("server").map(|it| &it[..1]), Some("x"));
    }
    assert!(!log.exists() && !server.root.join("uploads").exists());
    assert!(server.reload(&with("")).contains("in use: server_name"));
    let said = server.reload(&with(", \"user\": \"nobody\", \"server_name\": \"y\""));
    assert!(said.contains("is in use"), "{said}");
}

#[test]
fn what_was_granted_can_be_turned_off_and_on_again() {
    let uploads = r#", "enable_file_uploads": true"#;
    let server = setup().config(&with(uploads)).plain().start();
    let put = |server: &Server, name: &str| {
        let mut client = server.connect();
        let head = "HTTP/1.1\r\nHost: t\r\nContent-Length: 2\r\n\r\nhi";
        client.send(format!("PUT /uploads/{name} {head}"));
        client.response().status
    };
    assert_eq!(put(&server, "a"), 201);
    server.reload(&with(""));
    assert_eq!(put(&server, "b"), 405);
    server.reload(&with(uploads));
    assert_eq!(put(&server, "c"), 201);
}

#[test]
fn links_are_followed_as_far_as_they_are_to_be() {
    for (links, status) in [("always", 200), ("inside", 404)] {
        let setup = confined().flag(&format!("--follow-symlinks={links}"));
        let elsewhere = tempfile::tempdir().unwrap();
        fs::write(elsewhere.path().join("b.txt"), "b").unwrap();
        symlink(elsewhere.path().join("b.txt"), setup.root().join("b.txt")).unwrap();
        let server = setup.start();
        assert_eq!(server.get("/b.txt", &[]).status, status, "{links}");
    }
}

#[test]
fn a_folder_that_is_made_anew_or_a_link_that_is_swapped_is_followed() {
    let setup = confined();
    let folder = beside(&setup);
    for release in ["1", "2"] {
        fs::create_dir_all(folder.join("releases").join(release)).unwrap();
        fs::write(folder.join("releases").join(release).join("v.txt"), release).unwrap();
    }
    let current = folder.join("current");
    symlink("releases/1", &current).unwrap();
    let server = setup.flag(current.to_str().unwrap()).start_without_root();
    assert_eq!(server.get("/v.txt", &[]).text(), "1");
    let is = |text: &str| {
        eventually(|| {
            let answer = server.get("/v.txt", &[]);
            (answer.status == 200 && answer.text() == text).then_some(())
        });
    };
    symlink("releases/2", folder.join("next")).unwrap();
    fs::rename(folder.join("next"), &current).unwrap();
    is("2");
    fs::rename(folder.join("releases/2"), folder.join("releases/old")).unwrap();
    fs::create_dir(folder.join("releases/2")).unwrap();
    fs::write(folder.join("releases/2/v.txt"), "3").unwrap();
    is("3");
}

#[test]
fn certificates_are_read_again_when_their_files_change() {
    // As certbot has them: links to what is elsewhere.
    let setup = confined().plain();
    let folder = beside(&setup);
    for name in ["live", "archive"] {
        fs::create_dir(folder.join(name)).unwrap();
    }
    let write = |number: u32| {
        let names = ["localhost".to_owned()];
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        let key = folder.join(format!("archive/key{number}.pem"));
        fs::write(folder.join(format!("archive/cert{number}.pem")), made.cert.pem()).unwrap();
        fs::write(key, made.signing_key.serialize_pem()).unwrap();
        for name in ["key", "cert"] {
            let new = folder.join("live/new");
            symlink(format!("../archive/{name}{number}.pem"), &new).unwrap();
            fs::rename(new, folder.join(format!("live/{name}.pem"))).unwrap();
        }
    };
    write(1);
    let flag =
        |key: &str, name: &str| format!("--{key}={}", folder.join("live").join(name).display());
    let server = setup
        .flag("--ssl")
        .flag(&flag("ssl-cert", "cert.pem"))
        .flag(&flag("ssl-key", "key.pem"))
        .start();
    write(2);
    server.line(|line| line.contains("the certificates were read again"));
}

#[test]
fn a_certificate_of_our_own_is_kept() {
    let setup = confined().plain().flag("--ssl").config(r#"{"host": "127.0.0.1", "port": 0}"#);
    let folder = beside(&setup).join("certs");
    let _server = setup.start();
    assert!(folder.join("self-signed.key.pem").exists());
    assert_eq!(fs::metadata(&folder).unwrap().mode() & 0o777, 0o700);
}

#[test]
fn what_nobody_means_to_serve_is_refused_unless_it_is_insisted_on() {
    let (said, code) = refused(&["/etc"]);
    assert_eq!(code, Some(1));
    assert!(said.contains("/etc is a folder of the system") && said.contains("allow_unsafe_root"));
    let server = setup().flag("--allow-unsafe-root").flag("/etc").start_without_root();
    assert_eq!(server.get("/passwd", &[]).status, 200);
    drop(server);

    let setup = setup();
    let folder = setup.root();
    let refuses = |arguments: &[&str], reason: &str| {
        let (said, code) = refused(arguments);
        assert_eq!((code, said.lines().count()), (Some(1), 1), "{said}");
        assert!(said.contains(reason) && said.contains("allow_unsafe_root"), "{said}");
    };
    fs::create_dir(folder.join(".ssh")).unwrap();
    refuses(&[folder.join(".ssh").to_str().unwrap()], "keys and passwords are kept");
    refuses(&["--show-hidden-files", folder.to_str().unwrap()], "not served with hidden files");
    refuses(&["/etc/ssl"], "is a folder of the system");
    fs::remove_dir(folder.join(".ssh")).unwrap();

    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let path = |name: &str| setup.root().join(name).to_str().unwrap().to_owned();
    fs::write(path("c.pem"), made.cert.pem()).unwrap();
    fs::write(path("k.pem"), made.signing_key.serialize_pem()).unwrap();
    let (cert, key) =
        (format!("--ssl-cert={}", path("c.pem")), format!("--ssl-key={}", path("k.pem")));
    let (said, code) = refused(&["--ssl", &cert, &key, &path("")]);
    assert_eq!(code, Some(1));
    assert!(said.contains("the private key") && said.contains("k.pem"), "{said}");
}

#[test]
fn what_is_unwise_is_told_of_at_the_start() {
    let setup = setup();
    let limits = ["--max-connections=1", "--max-connections-per-ip=2"];
    let said = lines_of(&limits, &setup.root());
    assert!(said.contains("one client may have all connections"), "{said}");
    for (mode, advice) in [(0o777, "chmod o-w"), (0o1777, "serve a folder of its own")] {
        fs::set_permissions(setup.root(), fs::Permissions::from_mode(mode)).unwrap();
        let said = lines_of(&[], &setup.root());
        assert!(said.contains(advice), "{said}");
    }
}

#[test]
fn a_user_that_there_is_not_is_named() {
    let setup = setup();
    let (said, code) = refused(&["--user=no such one", setup.root().to_str().unwrap()]);
    assert_eq!(code, Some(1));
    assert!(said.contains("there is no user \"no such one\""), "{said}");
    let (said, code) = refused(&["--group=0", setup.root().to_str().unwrap()]);
    assert_eq!(code, Some(2));
    assert!(said.contains("set user too"), "{said}");
}

/// Lets everybody in, down to the document root.
fn open_to_all(setup: &Setup) {
    let mode = |path: &Path| {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    };
    mode(&beside(setup));
    mode(&setup.root());
}

const NOBODY: u32 = 65_534;

#[test]
#[ignore = "needs root: becomes another user"]
fn root_becomes_the_user_once_the_port_is_bound() {
    let setup = confined().plain();
    open_to_all(&setup);
    let folder = beside(&setup);
    for name in ["root/uploads", "logs"] {
        fs::create_dir(folder.join(name)).unwrap();
        chown(folder.join(name), Some(NOBODY), Some(NOBODY)).unwrap();
    }
    let log = folder.join("logs/access.log");
    let server = setup
        .flag("--user=nobody")
        .flag(&format!("--group={NOBODY}"))
        .flag("--enable-file-uploads")
        .flag(&format!("--access-log={}", log.display()))
        .config(r#"{"host": "127.0.0.1", "port": 81, "max_threads": 2}"#)
        .start();
    assert_eq!(server.address.port(), 81);
    for line in ["Uid", "Gid"] {
        let same = vec![NOBODY.to_string(); 4].join("\t");
        assert!(threads(&server, line).iter().all(|ids| *ids == same), "{line}");
    }
    assert!(threads(&server, "Groups").iter().all(|groups| *groups == NOBODY.to_string()));
    assert!(threads(&server, "CapEff").iter().all(|set| set.bytes().all(|digit| digit == b'0')));
    let mut client = server.connect();
    client.send("PUT /uploads/a HTTP/1.1\r\nHost: t\r\nContent-Length: 2\r\n\r\nhi");
    assert_eq!(client.response().status, 201);
    for file in [log, folder.join("root/uploads/a")] {
        eventually(|| file.exists().then_some(()));
        assert_eq!(fs::metadata(&file).unwrap().uid(), NOBODY, "{}", file.display());
    }
}

#[test]
#[ignore = "needs root: becomes another user"]
fn a_key_that_only_root_reads_is_read_before() {
    let setup = confined().plain().flag("--user=nobody");
    open_to_all(&setup);
    let folder = beside(&setup).join("keys");
    fs::create_dir(&folder).unwrap();
    let flags = support::over::certify(&folder);
    fs::set_permissions(folder.join("key.pem"), fs::Permissions::from_mode(0o600)).unwrap();
    // As certbot has it: the user does not even see that the files are there.
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
    let config = r#"{"host": "127.0.0.1", "port": 0}"#;
    let setup = flags.iter().fold(setup.config(config), |setup, flag| setup.flag(flag));
    let server = setup.start();
    server.signal("HUP");
    let told_of =
        ["certificates in use stay", "configuration is in use", "configuration in use stays"];
    let said = server.line(|line| told_of.iter().any(|what| line.contains(what)));
    assert!(said.ends_with("nothing has changed"), "{said}");
    let mut wire = Wire::to(server.address, Over::Tls);
    let mut answer = String::new();
    wire.write_all(b"GET /a.txt HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n").unwrap();
    wire.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with("0123456789"), "{answer}");
    assert!(threads(&server, "Uid").iter().all(|ids| ids.starts_with(&NOBODY.to_string())));
}

#[test]
#[ignore = "needs root: becomes another user"]
fn what_the_user_cannot_write_to_is_named() {
    let setup = setup();
    open_to_all(&setup);
    let root = setup.root();
    let root = root.to_str().unwrap();
    let log = format!("--access-log={root}/../access.log");
    for (flag, said) in
        [("--enable-file-uploads", "cannot take uploads into"), (log.as_str(), "cannot write to")]
    {
        let (error, code) = refused(&["--user=nobody", flag, root]);
        assert_eq!(code, Some(1));
        assert!(error.contains(said) && error.contains("ermission denied"), "{error}");
        assert!(error.contains("as user \"nobody\": "), "{error}");
    }
}

#[test]
#[ignore = "needs root: becomes another user"]
fn what_the_user_cannot_read_is_not_served() {
    let setup = setup();
    open_to_all(&setup);
    let root = setup.root();
    let mode = |mode| fs::set_permissions(setup.root(), fs::Permissions::from_mode(mode)).unwrap();
    let root = root.to_str().unwrap();
    for unusable in [0o700, 0o744] {
        mode(unusable);
        let (said, code) = refused(&["--user=nobody", root]);
        assert_eq!((code, said.lines().count()), (Some(1), 1), "{said}");
        let expected = format!("as user \"nobody\": not allowed to read the folder {root}");
        assert!(said.contains(&expected), "{said}");
    }
    // What is asked for by name is there for those who cannot list it.
    mode(0o711);
    let server = setup.file("a.txt", "a").plain().flag("--user=nobody").start();
    assert_eq!(server.get("/a.txt", &[]).text(), "a");
}

#[test]
#[ignore = "needs root: runs as root"]
fn root_is_told_to_be_somebody_else_also_when_it_is_the_user() {
    let setup = setup();
    open_to_all(&setup);
    for (flags, is_told) in [
        (&[][..], true),
        (&["--user=root"], true),
        (&["--user=0"], true),
        (&["--user=nobody"], false),
    ] {
        let said = lines_of(flags, &setup.root());
        assert_eq!(said.contains("running as root"), is_told, "{flags:?}: {said}");
    }
}

#[test]
#[ignore = "needs root: starts the server as somebody else"]
fn only_root_can_become_somebody_else() {
    let setup = setup();
    open_to_all(&setup);
    // The binary may lie where only root gets to.
    let copy = beside(&setup).join("salver");
    fs::copy(env!("CARGO_BIN_EXE_salver"), &copy).unwrap();
    let run = |user: &str| {
        let mut command = std::process::Command::new(&copy);
        command.uid(NOBODY).gid(NOBODY).args(["--port=0", "--accept-limit=0", "--user", user]);
        command.arg(setup.root()).stderr(Stdio::piped()).stdout(Stdio::null());
        command.spawn().unwrap()
    };
    let output = run("daemon").wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("only root can become user \"daemon\""), "{said}");
    // Whoever is it already has nothing to do.
    let mut child = run("nobody");
    let mut output = std::io::BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("Local") {
        line.clear();
        assert!(std::io::BufRead::read_line(&mut output, &mut line).unwrap() > 0);
    }
    child.kill().unwrap();
    child.wait().unwrap();
}
