//! What the tests do to the machine, and what they read of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Server, eventually};

/// Runs a program that must succeed.
pub fn run(program: &str, arguments: &[&str]) {
    let status = Command::new(program).args(arguments).status().expect("the program is there");
    assert!(status.success(), "{program} {arguments:?}: {status}");
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

/// Something mounted; unmounted when dropped, also while it is in use.
pub struct Mount(PathBuf);

impl Mount {
    /// An empty file system in memory.
    pub fn tmpfs(at: &Path, size: &str) -> Self {
        run("mount", &["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs", text(at)]);
        Self(at.to_owned())
    }

    /// The same file or folder at another place.
    pub fn bind(from: &Path, at: &Path) -> Self {
        run("mount", &["--bind", text(from), text(at)]);
        Self(at.to_owned())
    }

    /// What a program has mounted there.
    pub fn there(at: &Path) -> Self {
        Self(at.to_owned())
    }

    /// Lets nobody write there (`ro`), or everybody again (`rw`).
    pub fn turn(&self, how: &str) {
        run("mount", &["-o", &format!("remount,bind,{how}"), text(&self.0)]);
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").args(["--lazy", text(&self.0)]).status();
    }
}

/// A small disk of its own.
pub struct Disk {
    _mount: Mount,
    folder: TempDir,
}

impl Disk {
    /// Of so many KiB.
    pub fn new(size: u32) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self { _mount: Mount::tmpfs(folder.path(), &format!("{size}k")), folder }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// Bytes left.
    pub fn free(&self) -> u64 {
        let space = rustix::fs::statvfs(self.path()).expect("a file system");
        space.f_bavail * space.f_frsize
    }

    /// Takes all room but so many KiB, or more while others write there.
    pub fn fill(&self, but: u64) {
        let size = usize::try_from(self.free().saturating_sub(but * 1024)).expect("a size");
        let _ = fs::write(self.filler(), vec![b'x'; size]);
    }

    /// Gives the room back.
    pub fn make_room(&self) {
        fs::remove_file(self.filler()).expect("it was full");
    }

    fn filler(&self) -> PathBuf {
        self.file(".filler")
    }

    /// What lies there, at any depth, but for the filler.
    pub fn names(&self) -> Vec<String> {
        fn gather(folder: &Path, root: &Path, found: &mut Vec<String>) {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    gather(&path, root, found);
                } else {
                    found.push(text(path.strip_prefix(root).unwrap()).to_owned());
                }
            }
        }
        let mut found = Vec::new();
        gather(self.path(), self.path(), &mut found);
        found.retain(|name| name != ".filler");
        found.sort();
        found
    }
}

/// The state of a server, as its status page has it.
pub fn status(server: &Server) -> Value {
    let response = server.get("/server-status?format=json", &[]);
    serde_json::from_slice(&response.body).expect("JSON")
}

/// One of the checks of its health: the state and what is said of it.
pub fn check(server: &Server, name: &str) -> (String, String) {
    // In the first moment nothing has been looked at.
    let check = eventually(|| {
        let status = status(server);
        let checks = status["health"]["checks"].as_array().expect("checks");
        checks.iter().find(|check| check["name"] == name).cloned()
    });
    let word = |key: &str| check[key].as_str().expect("text").to_owned();
    (word("state"), word("text"))
}

/// Open descriptors of a server.
pub fn descriptors(server: &Server) -> usize {
    fs::read_dir(format!("/proc/{}/fd", server.id())).expect("its descriptors").count()
}

/// KiB of memory that a server has.
pub fn memory(server: &Server) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.id())).expect("its status");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("its memory");
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number")
}

/// Bytes that tell where they belong.
pub fn content(length: usize) -> Vec<u8> {
    (0..length).map(|at| u8::try_from(at * 31 % 251).expect("less than 251")).collect()
}
