//! A whole server in this process, with all that can be asked for, and what it says to bytes.

use std::cell::RefCell;
use std::fs;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Once};
use std::thread;
use std::time::Duration;

use salver::config::{AccessLog, Config};
use salver::server::{self, Bound, Server, Services};
use salver::site::Site;

use crate::folder::Folder;

/// How long a connection may stay silent, or not take what is sent, before the check fails. All
/// times of the server are longer: none of them can end what hangs.
const PATIENCE: Duration = Duration::from_secs(20);

/// More pieces than this would take too long.
const MOST_PIECES: usize = 16;

/// What lies in the folder that is served. The last one is larger than what is cached.
const FILES: &[(&str, &[u8])] = &[
    ("a.txt", b"0123456789"),
    ("empty.txt", b""),
    ("page.md", b"# A page\n\n<script>x</script>\n"),
    ("folder/index.html", b"<!doctype html><title>x</title>"),
    ("list/README.md", b"read *me*"),
    ("list/b \u{e9}.html", b"<p>"),
    ("list/app.js", &[b'x'; 3000]),
    ("list/app.js.gz", b"\x1f\x8b\x08\0\0\0\0\0\0\x03\x03\0\0\0\0\0\0\0\0\0"),
    ("large.bin", &[7; 20_000]),
];

static PANICS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static SERVED: RefCell<Served> = RefCell::new(Served::new());
}

/// What came back before the connection ended.
pub(crate) struct Heard {
    pub(crate) bytes: Vec<u8>,
    /// Whether the server ended the connection properly, or cut it.
    pub(crate) is_whole: bool,
}

/// Sends bytes in pieces of that many, and no more after them; returns what comes back. Fails when
/// the connection does not end, or something in the server panics.
pub(crate) fn talk(bytes: &[u8], piece: usize) -> Heard {
    SERVED.with_borrow(|served| {
        let panics = PANICS.load(Ordering::SeqCst);
        let heard = served.talk(bytes, piece);
        assert_eq!(PANICS.load(Ordering::SeqCst), panics, "the server panicked");
        served.clear();
        heard
    })
}

struct Served {
    folder: Folder,
    address: SocketAddr,
    server: Option<Server>,
}

impl Served {
    fn new() -> Self {
        notice_panics();
        let folder = Folder::new("served");
        let root = folder.path().join("root");
        for (name, content) in FILES {
            let path = root.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        let long = Duration::from_hours(1);
        let config = Config {
            document_root: root,
            port: 0,
            header_timeout: long,
            request_timeout: long,
            keep_alive_timeout: long,
            max_threads: 1,
            cache_max_file_size: 10_000,
            enable_archives: true,
            enable_cors: true,
            enable_file_uploads: true,
            max_upload_size: 10_000,
            // Not served: what was uploaded in one connection shall not be seen in the next.
            upload_dir: Some(folder.path().join("uploads")),
            access_log: AccessLog::Off,
            ..Config::default()
        };
        let stats = server::stats(&config);
        let site = Arc::new(Site::build(&config, &stats, None).unwrap());
        let bound = Bound::bind(&config).unwrap();
        let address = bound.addresses()[0];
        let services = Services { site, tls: None, redirect: None };
        let server = Some(bound.start(&services, &stats, None).unwrap());
        Self { folder, address, server }
    }

    fn talk(&self, bytes: &[u8], piece: usize) -> Heard {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let piece = piece.max(bytes.len().div_ceil(MOST_PIECES)).max(1);
        let mut writer = stream.try_clone().unwrap();
        // What comes back is read meanwhile, or neither side could go on.
        thread::scope(|scope| {
            scope.spawn(move || {
                for piece in bytes.chunks(piece) {
                    // Who has heard enough need not be told the rest.
                    if writer.write_all(piece).is_err() {
                        break;
                    }
                    // Let the server read before more is there.
                    thread::yield_now();
                }
                let _ = writer.shutdown(Shutdown::Write);
            });
            let mut heard = Vec::new();
            let is_whole = match stream.read_to_end(&mut heard) {
                Ok(_) => true,
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => false,
                Err(error) => panic!("the connection does not end: {error}"),
            };
            Heard { bytes: heard, is_whole }
        })
    }

    /// Removes what was uploaded.
    fn clear(&self) {
        let uploads = self.folder.path().join("uploads");
        for folder in [uploads.join(".salver-uploads"), uploads] {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                let path = entry.path();
                if !path.is_dir() {
                    let _ = fs::remove_file(path);
                } else if !path.ends_with(".salver-uploads") {
                    let _ = fs::remove_dir_all(path);
                }
            }
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            server.drain();
            server.end();
        }
    }
}

/// The server goes on when something panics in one of its threads. That is not to be overlooked
/// here; a fuzzer ends the process besides.
fn notice_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let thread = thread::current();
            let name = thread.name().unwrap_or("tokio-");
            if name.starts_with("worker-") || name.starts_with("tokio-") {
                PANICS.fetch_add(1, Ordering::SeqCst);
            }
            before(panic);
        }));
    });
}
