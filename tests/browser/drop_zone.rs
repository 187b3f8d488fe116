//! Dropping files on a folder: progress, folders, conflicts, what fails, what is cut.

use std::fs;
use std::path::PathBuf;

use crate::page::Page;
use crate::relay::Relay;
use crate::site::url;
use crate::support::{Server, eventually};
use crate::upload::{Desk, bytes, sent, shows, taking};

/// Where the script shows how far it is.
const BAR: &str =
    "Array.from(document.querySelectorAll('progress')).find(bar => bar.checkVisibility())";

/// Opens the folder and drops files on it. What is set on the page shows whether it was loaded
/// anew since.
fn drops(server: &Server, files: &[PathBuf]) -> Page {
    let page = Page::at(&url(server, "/uploads/"));
    page.eval("self.same = true");
    page.drop_on("#upload", files);
    page
}

/// Waits until each of these is a row of the same page.
fn rows_appear(page: &Page, names: &[&str]) {
    for name in names {
        page.wait_until(&shows(name));
    }
    assert!(page.is("self.same"), "without loading the page anew");
}

/// Clicks the visible button that is called so (a pattern).
fn chooses(page: &Page, name: &str) {
    let found = format!(
        "Array.from(document.querySelectorAll('button'))
            .find(button => button.checkVisibility() && !button.disabled
                && /{name}/i.test(button.ariaLabel || button.textContent))"
    );
    page.wait_until(&found);
    page.eval(&format!("{found}.click()"));
}

#[test]
#[ignore = "needs Chromium"]
fn files_and_folders_are_dropped_and_their_rows_appear() {
    let server = taking().start();
    let desk = Desk::new();
    desk.file("trip/day 1/photo.bin", bytes(123_457));
    desk.file("trip/note.txt", "by the lake");
    let files = [
        desk.file("a.txt", "a"),
        desk.file("empty.txt", ""),
        desk.file("100% #1.bin", bytes(500_000)),
        desk.file("<b>.txt", "bold"),
        desk.path("trip"),
    ];
    let page = drops(&server, &files);
    rows_appear(&page, &["a.txt", "empty.txt", "100% #1.bin", "<b>.txt", "trip/"]);
    for (name, file) in [("a.txt", 0), ("empty.txt", 1), ("100% #1.bin", 2), ("<b>.txt", 3)] {
        assert_eq!(sent(&server, name), fs::read(&files[file]).unwrap(), "{name}");
    }
    eventually(|| server.root.join("uploads/trip/note.txt").exists().then_some(()));
    eventually(|| server.root.join("uploads/trip/day 1/photo.bin").exists().then_some(()));
    assert_eq!(sent(&server, "trip/day 1/photo.bin"), bytes(123_457));
    let live = page.text(
        "Array.from(document.querySelectorAll('[aria-live], [role=status]'), \
        region => region.textContent).join()",
    );
    assert_ne!(live, "", "a screen reader hears of it");
    page.pictures("drop-done");
}

#[test]
#[ignore = "needs Chromium"]
fn files_are_chosen_and_sent_without_leaving_the_page() {
    let server = taking().start();
    let desk = Desk::new();
    let page = Page::at(&url(&server, "/uploads/"));
    page.eval("self.same = true");
    page.choose("#files", &[desk.file("chosen.txt", "chosen")]);
    if !page.is(&shows("chosen.txt")) {
        page.eval("document.querySelector('#upload form').requestSubmit()");
    }
    rows_appear(&page, &["chosen.txt"]);
    assert_eq!(sent(&server, "chosen.txt"), b"chosen");
}

#[test]
#[ignore = "needs Chromium"]
fn progress_is_shown_and_a_file_can_be_cancelled() {
    let server = taking().start();
    let desk = Desk::new();
    let mut page = Page::at(&url(&server, "/uploads/"));
    page.eval("self.same = true");
    page.upload_speed(Some(300_000));
    page.drop_on(
        "#upload",
        &[
            desk.file("holiday.mp4", bytes(40_000_000)),
            desk.file("large.bin", bytes(3_000_000)),
            desk.file("small.txt", "small"),
            desk.file("another photo.jpg", bytes(700_000)),
        ],
    );
    page.wait_until(&format!("({BAR})?.value > 0"));
    page.wait_until("/\\/s/.test(document.body.innerText)");
    page.wait_until(&shows("small.txt"));
    page.pictures("drop-progress");
    chooses(&page, "cancel.*holiday.mp4");
    chooses(&page, "cancel.*large.bin");
    page.upload_speed(None);
    rows_appear(&page, &["another photo.jpg"]);
    assert!(!page.is(&shows("large.bin")));
    for name in ["large.bin", "holiday.mp4"] {
        assert!(!server.root.join("uploads").join(name).exists());
    }
    page.expect("net::ERR_ABORTED");
}

#[test]
#[ignore = "needs Chromium"]
fn a_name_that_is_taken_is_asked_about_once() {
    for (choice, stored) in [("both", "there (1).txt"), ("skip", "new.txt")] {
        let server = taking().file("uploads/new.txt", "before").start();
        let desk = Desk::new();
        let files = [
            desk.file("there.txt", "again"),
            desk.file("new.txt", "fresh"),
            desk.file("z.txt", "z"),
        ];
        let page = drops(&server, &files);
        page.wait_until("document.querySelector('dialog[open]')");
        if choice == "both" {
            page.pictures("drop-conflict");
        }
        chooses(&page, choice);
        page.wait_until("!document.querySelector('dialog[open]')");
        rows_appear(&page, &["z.txt", stored]);
        assert_eq!(sent(&server, "there.txt"), b"there before");
        assert_eq!(sent(&server, "new.txt"), b"before");
        if choice == "both" {
            rows_appear(&page, &["new (1).txt"]);
            assert_eq!(sent(&server, "there (1).txt"), b"again");
            assert_eq!(sent(&server, "new (1).txt"), b"fresh");
        } else {
            assert!(!server.root.join("uploads/there (1).txt").exists());
        }
    }
}

#[test]
#[ignore = "needs Chromium"]
fn a_large_file_goes_in_pieces_that_can_be_resumed() {
    let server = taking().start();
    let desk = Desk::new();
    let content = bytes(9 * 1024 * 1024 + 17);
    let mut page = drops(&server, &[desk.file("large.bin", &content)]);
    rows_appear(&page, &["large.bin"]);
    assert!(sent(&server, "large.bin") == content, "the same bytes");
    let pieces = page.requests().iter().filter(|request| request.method == "PATCH");
    assert!(
        pieces.clone().count() >= 1
            && pieces.clone().all(|piece| piece.url.contains("/upload/tus/"))
    );
}

#[test]
#[ignore = "needs Chromium"]
fn what_is_cut_goes_on_where_it_stopped() {
    let server = taking().start();
    let desk = Desk::new();
    let content = bytes(12 * 1024 * 1024 + 3);
    let relay = Relay::to(server.address);
    let mut page = Page::at(&format!("http://{}/uploads/", relay.address));
    page.expect("net::ERR_");
    page.eval("self.same = true");
    page.upload_speed(Some(6_000_000));
    page.drop_on("#upload", &[desk.file("cut.bin", &content)]);
    page.wait_until(&format!("({BAR})?.position > 0.3"));
    relay.cut();
    page.wait_until("/connection lost/i.test(document.body.innerText)");
    page.pictures("drop-cut");
    assert!(!server.root.join("uploads/cut.bin").exists(), "no part of it is seen");
    page.upload_speed(None);
    relay.mend();
    rows_appear(&page, &["cut.bin"]);
    assert!(sent(&server, "cut.bin") == content, "the same bytes");
    let methods: Vec<&str> =
        page.requests().iter().map(|request| request.method.as_str()).collect();
    assert!(methods.contains(&"HEAD"), "it asked how far it came: {methods:?}");
    let created = page.requests().iter().filter(|request| request.url.ends_with("/upload/tus"));
    assert_eq!(created.count(), 1, "it did not begin anew");
}

#[test]
#[ignore = "needs Chromium"]
fn what_failed_is_tried_again() {
    let server = taking().start();
    let desk = Desk::new();
    let mut page = Page::at(&url(&server, "/uploads/"));
    page.expect("status of 409");
    page.eval("self.same = true");
    // The name of a folder cannot be had, whatever one chooses.
    let obstacle = server.root.join("uploads/failed.txt");
    fs::create_dir(&obstacle).unwrap();
    page.drop_on("#upload", &[desk.file("failed.txt", "at last")]);
    chooses(&page, "keep both");
    page.wait_until("Array.from(document.querySelectorAll('button'))\
        .some(button => button.checkVisibility() && /retry|again/i.test(button.ariaLabel || button.textContent))");
    page.pictures("drop-failed");
    fs::remove_dir(obstacle).unwrap();
    chooses(&page, "retry|again");
    rows_appear(&page, &["failed.txt"]);
    assert_eq!(sent(&server, "failed.txt"), b"at last");
}
