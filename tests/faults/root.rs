//! A document root or an upload folder that changes under the server.

use std::fs;

use crate::machine::{Disk, Mount, check};
use crate::support::upload::{form, part, post, send};
use crate::support::{Server, eventually, setup};

fn put(server: &Server, name: &str) -> u16 {
    send(server, "PUT", &format!("/uploads/{name}"), &[], b"new").status
}

#[test]
#[ignore = "mounts folders, which takes root"]
fn what_cannot_be_written_to_is_served_and_takes_nothing() {
    let setup = setup().file("a.txt", "a").file("uploads/old", "old");
    let mount = Mount::bind(&setup.root(), &setup.root());
    let server = setup.flag("--enable-file-uploads").start();
    assert_eq!(put(&server, "one"), 201);
    mount.turn("ro");
    assert_eq!(put(&server, "two"), 403);
    let several = form(&[part("f", Some("x"), b"x"), part("f", Some("y"), b"y")]);
    assert_eq!(post(&server, "/upload", &several).status, 403);
    let tus = [
        ("Tus-Resumable", "1.0.0"),
        ("Upload-Length", "4"),
        ("Upload-Metadata", "filename YS5iaW4="),
    ];
    assert_eq!(send(&server, "POST", "/upload/tus", &tus, b"").status, 403);
    for target in ["/a.txt", "/uploads/old", "/uploads/one", "/", "/healthz"] {
        assert_eq!(server.get(target, &[]).status, 200, "{target}");
    }
    mount.turn("rw");
    assert_eq!(put(&server, "two"), 201);
    drop(server);
    drop(mount);
}

#[test]
#[ignore = "mounts folders, which takes root"]
fn a_root_that_is_read_only_from_the_start_is_served() {
    let setup = setup().file("a.txt", "a");
    let mount = Mount::bind(&setup.root(), &setup.root());
    mount.turn("ro");
    let server = setup.start();
    assert_eq!(server.get("/a.txt", &[]).text(), "a");
    assert_eq!(server.get("/", &[]).status, 200);
    drop(server);
    // Uploads cannot land there; that is said at the start.
    let setup = crate::support::setup();
    let again = Mount::bind(&setup.root(), &setup.root());
    again.turn("ro");
    let output = crate::support::salver()
        .args(["--port=0", "--enable-file-uploads"])
        .arg(setup.root())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(1) && said.contains("cannot take uploads"), "{said}");
    drop((mount, again));
}

fn is_red(server: &Server) -> bool {
    check(server, "document_root").0 == "red"
}

#[test]
fn a_root_that_is_moved_away_or_removed_is_told_of_and_followed_when_it_is_back() {
    let server = setup().file("a.txt", "a").file("sub/b.txt", "b").settled("a.txt").start();
    assert_eq!(server.get("/a.txt", &[]).text(), "a");
    let away = server.root.with_file_name("away");
    fs::rename(&server.root, &away).unwrap();
    eventually(|| is_red(&server).then_some(()));
    assert_eq!(server.get("/healthz", &[]).status, 503);
    // It is held open: what is in it is served on.
    for (target, text) in [("/a.txt", "a"), ("/sub/b.txt", "b")] {
        assert_eq!(server.get(target, &[]).text(), text);
    }
    assert_eq!(server.get("/", &[]).status, 200);
    fs::rename(&away, &server.root).unwrap();
    eventually(|| (!is_red(&server)).then_some(()));
    assert_eq!(server.get("/healthz", &[]).status, 200);

    fs::remove_dir_all(&server.root).unwrap();
    eventually(|| is_red(&server).then_some(()));
    for target in ["/a.txt", "/sub/b.txt", "/sub/"] {
        eventually(|| (server.get(target, &[]).status == 404).then_some(()));
    }
    let root = server.get("/", &[]).status;
    assert!(root == 404 || root == 200, "{root}");
    fs::create_dir(&server.root).unwrap();
    fs::write(server.root.join("a.txt"), "made anew").unwrap();
    eventually(|| (server.get("/a.txt", &[]).text() == "made anew").then_some(()));
    eventually(|| (server.get("/healthz", &[]).status == 200).then_some(()));
}

#[test]
#[ignore = "mounts a small disk, which takes root"]
fn a_root_that_is_unmounted_and_mounted_again_is_followed() {
    let setup = setup();
    let root = setup.root();
    let mount = Mount::tmpfs(&root, "1m");
    let server = setup.file("a.txt", "first").settled("a.txt").start();
    assert_eq!(server.get("/a.txt", &[]).text(), "first");
    drop(mount);
    // The folder beneath is another, and empty.
    eventually(|| (server.get("/a.txt", &[]).status == 404).then_some(()));
    assert_eq!(server.get("/", &[]).status, 200);
    let mount = Mount::tmpfs(&root, "1m");
    fs::write(root.join("a.txt"), "second").unwrap();
    eventually(|| (server.get("/a.txt", &[]).text() == "second").then_some(()));
    assert_eq!(server.get("/healthz", &[]).status, 200);
    drop(server);
    drop(mount);
}

#[test]
#[ignore = "mounts a small disk, which takes root"]
fn an_upload_folder_that_is_unmounted_takes_files_again_when_it_is_back() {
    let disk = Disk::new(1024);
    let server = setup()
        .flag("--enable-file-uploads")
        .flag(&format!("--upload-dir={}/in", disk.path().display()))
        // One that is made anew is another one: it was not granted.
        .flag("--sandbox=off")
        .start();
    let send = |name| post(&server, "/upload", &form(&[part("f", Some(name), b"x")])).status;
    assert_eq!(send("one"), 201);
    fs::remove_dir_all(disk.file("in")).unwrap();
    let while_gone = send("two");
    assert!(matches!(while_gone, 403 | 500 | 503), "{while_gone}");
    fs::create_dir(disk.file("in")).unwrap();
    eventually(|| (send("three") == 201).then_some(()));
    assert!(disk.names().contains(&"in/three".to_owned()), "{:?}", disk.names());
}
