//! A disk that answers when the test wants it to: a FUSE file system of one folder, spoken by the
//! kernel's own protocol (linux/fuse.h, version 7.31).

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use tempfile::TempDir;

use crate::machine::{Mount, run};

/// What a disk holds back while it is slow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slow {
    /// Nothing.
    Nothing,
    /// The content of files.
    Reads,
    /// Everything.
    All,
}

/// The mounted file system. Dropped, it answers everything and is gone.
pub struct SlowDisk {
    disk: Arc<Disk>,
    mount: Option<Mount>,
    daemon: Option<JoinHandle<()>>,
    folder: TempDir,
}

struct Disk {
    device: File,
    files: Vec<(String, Vec<u8>)>,
    state: Mutex<State>,
}

struct State {
    slow: Slow,
    /// Requests that wait.
    held: Vec<Vec<u8>>,
}

const ROOT: u64 = 1;
/// How long the kernel may remember names and attributes, in seconds.
const VALID: u64 = 3600;
const HEAD: usize = 40;

impl SlowDisk {
    /// Mounts files, by name and content.
    pub fn new(files: &[(&str, Vec<u8>)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mount = Self::at(folder.path(), files);
        let (disk, daemon, mount) = mount;
        Self { disk, mount: Some(mount), daemon: Some(daemon), folder }
    }

    fn at(folder: &Path, files: &[(&str, Vec<u8>)]) -> (Arc<Disk>, JoinHandle<()>, Mount) {
        let device = File::options().read(true).write(true).open("/dev/fuse").expect("/dev/fuse");
        // mount(8) needs it.
        rustix::io::fcntl_setfd(&device, rustix::io::FdFlags::empty()).expect("a flag");
        let options =
            format!("fd={},rootmode=40000,user_id=0,group_id=0,allow_other", device.as_raw_fd());
        let place = folder.to_str().expect("a path in UTF-8");
        run("mount", &["-i", "-t", "fuse", "-o", &options, "slow", place]);
        rustix::io::fcntl_setfd(&device, rustix::io::FdFlags::CLOEXEC).expect("a flag");
        let files = files.iter().map(|(name, content)| ((*name).to_owned(), content.clone()));
        let state = Mutex::new(State { slow: Slow::Nothing, held: Vec::new() });
        let disk = Arc::new(Disk { device, files: files.collect(), state });
        let daemon = Arc::clone(&disk);
        let daemon = thread::spawn(move || daemon.serve());
        (disk, daemon, Mount::there(folder))
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Holds back from now on; what is not held back any more is answered.
    pub fn turn(&self, slow: Slow) {
        let held = {
            let mut state = self.disk.state.lock().unwrap();
            state.slow = slow;
            std::mem::take(&mut state.held)
        };
        for request in held {
            self.disk.take(&request);
        }
    }

    /// Requests that wait now.
    pub fn held(&self) -> usize {
        self.disk.state.lock().unwrap().held.len()
    }
}

impl Drop for SlowDisk {
    fn drop(&mut self) {
        self.turn(Slow::Nothing);
        self.mount = None;
        // It ends when the last user is gone, which is the server; that may be later.
        drop(self.daemon.take());
    }
}

impl Disk {
    /// Answers until the file system is gone.
    fn serve(&self) {
        let mut buffer = vec![0; 256 * 1024];
        loop {
            match (&self.device).read(&mut buffer) {
                Ok(0) => return,
                Ok(count) => self.take(&buffer[..count]),
                Err(error) if error.raw_os_error() == Some(19) => return, // ENODEV: unmounted
                Err(_) => {}
            }
        }
    }

    fn take(&self, request: &[u8]) {
        const READ: u32 = 15;
        let code = u32_at(request, 4);
        {
            let mut state = self.state.lock().unwrap();
            let holds = match state.slow {
                Slow::Nothing => false,
                Slow::Reads => code == READ,
                // But for those that have no answer.
                Slow::All => !matches!(code, 2 | 36 | 42),
            };
            if holds {
                state.held.push(request.to_vec());
                return;
            }
        }
        let answer = match code {
            2 | 36 | 42 => return, // FORGET, INTERRUPT, BATCH_FORGET
            1 => self.lookup(&request[HEAD..]),
            3 => Ok(self.attributes(u64_at(request, 16))),
            14 | 27 => Ok(vec![0; 16]), // OPEN, OPENDIR
            READ => Ok(self.read(u64_at(request, 16), &request[HEAD..])),
            17 => Ok(vec![0; 80]),               // STATFS
            18 | 25 | 29 | 34 => Ok(Vec::new()), // RELEASE, FLUSH, RELEASEDIR, ACCESS
            26 => Ok(hello()),
            28 => Ok(self.list(u64_at(request, HEAD + 8))),
            _ => Err(38), // ENOSYS
        };
        let (error, content) = match answer {
            Ok(content) => (0, content),
            Err(error) => (-error, Vec::new()),
        };
        let length = u32::try_from(16 + content.len()).unwrap();
        let mut reply = length.to_le_bytes().to_vec();
        reply.extend(i32::to_le_bytes(error));
        reply.extend(&request[8..16]);
        reply.extend(content);
        // Who asked may be gone.
        let _ = (&self.device).write(&reply);
    }

    fn lookup(&self, name: &[u8]) -> Result<Vec<u8>, i32> {
        let name = name.strip_suffix(b"\0").unwrap_or(name);
        let found = self.files.iter().position(|(known, _)| known.as_bytes() == name);
        let node = found.ok_or(2)? as u64 + 2; // ENOENT
        let mut entry = Vec::new();
        for number in [node, 0, VALID, VALID, 0] {
            entry.extend(number.to_le_bytes());
        }
        entry.extend(self.attribute(node));
        Ok(entry)
    }

    fn attributes(&self, node: u64) -> Vec<u8> {
        let mut answer = VALID.to_le_bytes().to_vec();
        answer.extend([0; 8]);
        answer.extend(self.attribute(node));
        answer
    }

    fn attribute(&self, node: u64) -> Vec<u8> {
        let size = if node == ROOT { 0 } else { self.content(node).len() as u64 };
        let mode: u32 = if node == ROOT { 0o040_755 } else { 0o100_644 };
        let second = 1_700_000_000;
        let mut out = Vec::new();
        for number in [node, size, size.div_ceil(512), second, second, second] {
            out.extend(u64::to_le_bytes(number));
        }
        for number in [0, 0, 0, mode, 1, 0, 0, 0, 4096, 0] {
            out.extend(u32::to_le_bytes(number));
        }
        out
    }

    fn read(&self, node: u64, what: &[u8]) -> Vec<u8> {
        let content = self.content(node);
        let start = usize::try_from(u64_at(what, 8)).unwrap().min(content.len());
        let end = (start + u32_at(what, 16) as usize).min(content.len());
        content[start..end].to_vec()
    }

    /// The names from there on, all at once.
    fn list(&self, from: u64) -> Vec<u8> {
        let mut out = Vec::new();
        for (at, (name, _)) in self.files.iter().enumerate().skip(usize::try_from(from).unwrap()) {
            out.extend((at as u64 + 2).to_le_bytes());
            out.extend((at as u64 + 1).to_le_bytes());
            out.extend(u32::try_from(name.len()).unwrap().to_le_bytes());
            out.extend(8_u32.to_le_bytes()); // DT_REG
            out.extend(name.as_bytes());
            out.resize(out.len().next_multiple_of(8), 0);
        }
        out
    }

    fn content(&self, node: u64) -> &[u8] {
        usize::try_from(node - 2).ok().and_then(|at| self.files.get(at)).map_or(&[], |file| &file.1)
    }
}

fn hello() -> Vec<u8> {
    let mut out = Vec::new();
    for number in [7_u32, 31, 128 * 1024, 0] {
        out.extend(number.to_le_bytes());
    }
    out.extend(1000_u16.to_le_bytes()); // requests in the background
    out.extend(750_u16.to_le_bytes());
    out.extend((128 * 1024_u32).to_le_bytes());
    out.resize(64, 0);
    out
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
}
