//! Sending files: by forms, with and without scripts, and by dropping them on a folder.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use crate::page::{Page, quoted};
use crate::site::{sample, url};
use crate::support::{Server, Setup, setup};

/// Files on the disk of the person who sends them.
pub struct Desk(TempDir);

impl Desk {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

/// So many bytes, all different from what stands 4 bytes on.
pub fn bytes(count: usize) -> Vec<u8> {
    (0..count.div_ceil(4))
        .flat_map(|word| u32::try_from(word).unwrap().to_le_bytes())
        .take(count)
        .collect()
}

/// A folder that takes uploads, with one file in it.
pub fn taking() -> Setup {
    setup()
        .file("uploads/there.txt", "there before")
        .flag("--enable-file-uploads")
        .flag("--max-upload-size=100000000")
        .flag("--access-log=off")
}

pub fn sent(server: &Server, name: &str) -> Vec<u8> {
    fs::read(server.root.join("uploads").join(name))
        .unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Whether the folder shows a name.
pub fn shows(name: &str) -> String {
    format!(
        "Array.from(document.querySelectorAll('#list tbody a'), link => link.textContent).includes({})",
        quoted(name)
    )
}

fn last_line(log: &Path) -> Value {
    let text = fs::read_to_string(log).unwrap();
    serde_json::from_str(text.lines().last().unwrap()).unwrap()
}

#[test]
#[ignore = "needs Chromium"]
fn the_form_of_the_sample_site_sends_two_files_and_a_field() {
    let server = sample().start();
    let log = server.root.with_file_name("form.log");
    let desk = Desk::new();
    let files =
        [desk.file("ünï.bin", bytes(300_001)), desk.file("b c.txt", "--tray\r\n\r\nnot the end")];
    for (scripts, note) in [(false, "by the browser"), (true, "by a \"script\"\nof ours")] {
        let mut page = Page::open();
        page.scripts(scripts);
        page.goto(&url(&server, "/form.html"));
        page.choose("#file", &files);
        let line = note.lines().next().unwrap();
        page.click("#note");
        page.write(line);
        if scripts {
            page.click("form[action='/upload'] button[type=submit]");
            page.wait_until(
                "document.querySelector('.out[aria-label*=files]').textContent.includes('201')",
            );
        } else {
            page.loads(|page| page.click("form[action='/upload'] button[type=submit]"));
            assert!(page.text("location.pathname").starts_with("/upload/result/"));
            let shown = page.text("document.body.innerText");
            for part in ["ünï.bin", "b c.txt", line] {
                assert!(shown.contains(part), "{part}: {shown}");
            }
            page.pictures("upload-result");
            page.reload();
            assert_eq!(page.text("document.body.innerText"), shown, "nothing is sent twice");
        }
        let entry = last_line(&log);
        assert!(entry.to_string().contains(&quoted(line)), "{entry}");
        page.goto(&url(&server, "/uploads/"));
        page.pictures("listing-uploads");
    }
    assert_eq!(sent(&server, "ünï.bin"), fs::read(&files[0]).unwrap());
    assert_eq!(sent(&server, "b c (1).txt"), fs::read(&files[1]).unwrap());
    assert_eq!(fs::read_to_string(log).unwrap().lines().count(), 2);
}

#[test]
#[ignore = "needs Chromium"]
fn a_folder_takes_files_without_scripts() {
    let server = taking().start();
    let desk = Desk::new();
    let files = [desk.file("one.bin", bytes(70_000)), desk.file("two.txt", "two")];
    let mut page = Page::open();
    page.scripts(false);
    page.goto(&url(&server, "/uploads/"));
    page.choose("#files", &files);
    page.loads(|page| page.click("#upload form button"));
    assert!(page.text("document.body.innerText").contains("two.txt"));
    page.loads(|page| page.click("a[href='/uploads/'], a[href='/uploads/two.txt']"));
    assert_eq!(sent(&server, "one.bin"), fs::read(&files[0]).unwrap());
    assert_eq!(sent(&server, "two.txt"), b"two");
}

#[test]
#[ignore = "needs Chromium"]
fn a_page_someone_uploads_cannot_act_as_the_site() {
    let page = "<!doctype html><title>quiet</title><script>document.title = 'ran'</script>\
        <form action=/upload method=post><button>go</button></form>";
    let server = taking().file("uploads/evil.html", page).start();
    let mut page = Page::open();
    for blocked in ["Blocked script execution", "script-src", "default-src", "favicon"] {
        page.expect(blocked);
    }
    page.goto(&url(&server, "/uploads/evil.html"));
    assert_eq!(page.text("document.title"), "quiet");
    assert_eq!(page.text("self.origin"), "null");
}
