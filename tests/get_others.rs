//! `salver get` from other servers: nginx and Python's `http.server`.

#![allow(clippy::expect_used, clippy::unwrap_used)]

mod support;

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use support::eventually;
use support::stand_in::{cutting, get, noise};
use tempfile::{TempDir, tempdir};

const JAPANESE: &str = "いろはにほへと ちりぬるを わかよたれそ つねならむ。カタカナと漢字も。\n";
const FRENCH: &str = "Voilà un été à l'école, où être naïf est sûr. Déjà vu, cœur à part.\n";
const LARGE: usize = 1 << 30;

/// Another server, and the folder that it serves.
struct Other {
    child: Child,
    address: SocketAddr,
    _folder: TempDir,
}

impl Drop for Other {
    fn drop(&mut self) {
        // nginx has children of its own, which this ends as well.
        let id = self.child.id().to_string();
        let _ = Command::new("kill").args(["-s", "TERM", &id]).status();
        let _ = self.child.wait();
    }
}

fn fill(root: &Path) {
    fs::create_dir(root).unwrap();
    fs::write(root.join("latin1.txt"), encoding_rs::WINDOWS_1252.encode(FRENCH).0).unwrap();
    fs::write(root.join("sjis.txt"), encoding_rs::SHIFT_JIS.encode(JAPANESE).0).unwrap();
    let utf16: Vec<u8> = "\u{feff}"
        .encode_utf16()
        .chain(JAPANESE.encode_utf16())
        .flat_map(u16::to_le_bytes)
        .collect();
    fs::write(root.join("utf16.txt"), utf16).unwrap();
    fs::write(root.join("lake é.png"), image()).unwrap();
    fs::write(root.join("large.bin"), noise(LARGE, 7)).unwrap();
}

fn image() -> Vec<u8> {
    b"\x89PNG\r\n\x1a\n".iter().copied().chain((0..=255).cycle().take(99_999)).collect()
}

fn python() -> Other {
    let folder = tempdir().unwrap();
    let root = folder.path().join("root");
    fill(&root);
    let mut child = Command::new("python3")
        .args(["-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory"])
        .arg(&root)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it is installed");
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let port = line.split_whitespace().skip_while(|word| *word != "port").nth(1).expect("a port");
    let address = format!("127.0.0.1:{port}").parse().unwrap();
    Other { child, address, _folder: folder }
}

fn nginx() -> Other {
    let folder = tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    fill(&folder.path().join("root"));
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {path}/{name};\n"))
        .concat();
    // Where its workers are others than who started it, they could not read the folder.
    let user = if rustix::process::geteuid().is_root() { "user root;" } else { "" };
    let config = format!(
        "daemon off; worker_processes 1; pid {path}/pid; {user}
        events {{}}
        http {{
            {temporary}
            access_log off;
            types {{ text/plain txt; image/png png; application/octet-stream bin; }}
            server {{ listen {address}; root {path}/root; autoindex on; }}
        }}"
    );
    fs::write(folder.path().join("config"), config).unwrap();
    // Debian keeps it where only root looks.
    let program = PathBuf::from("/usr/sbin/nginx");
    let program = if program.exists() { program } else { "nginx".into() };
    let child = Command::new(program)
        .arg("-e")
        .arg(folder.path().join("error.log"))
        .arg("-c")
        .arg(folder.path().join("config"))
        .spawn()
        .expect("it is installed");
    eventually(|| TcpStream::connect(address).ok());
    Other { child, address, _folder: folder }
}

/// Right bytes and right names, and a large file that is cut and goes on, or comes anew.
fn gets_everything(server: &Other, is_in_parts: bool) {
    let folder = tempdir().unwrap();
    let at = |path: &str| format!("http://{}{path}", server.address);
    for (path, text) in [("/latin1.txt", FRENCH), ("/sjis.txt", JAPANESE), ("/utf16.txt", JAPANESE)]
    {
        let output = get(folder.path(), &[&at(path)]);
        assert_eq!(String::from_utf8_lossy(&output.stdout), text, "{path}");
    }
    assert!(get(folder.path(), &[&at("/lake%20%C3%A9.png")]).status.success());
    assert_eq!(fs::read(folder.path().join("lake é.png")).unwrap(), image());
    let listing = get(folder.path(), &[&at("/")]);
    let listing = String::from_utf8(listing.stdout).unwrap();
    for name in ["latin1.txt", "sjis.txt", "large.bin"] {
        assert!(listing.contains(name), "{listing}");
    }

    let url = format!("http://{}/large.bin", cutting(server.address, LARGE as u64 / 2));
    let output = get(folder.path(), &["-O", &url]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("are kept in"), "{said}");
    assert!(!folder.path().join("large.bin").exists());
    let output = get(folder.path(), &["-CO", &url]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains(if is_in_parts { "it goes on" } else { "sends no parts" }), "{said}");
    assert!(fs::read(folder.path().join("large.bin")).unwrap() == noise(LARGE, 7));
}

#[test]
#[ignore = "needs nginx"]
fn everything_comes_from_nginx() {
    gets_everything(&nginx(), true);
}

#[test]
#[ignore = "needs python3"]
fn everything_comes_from_python() {
    gets_everything(&python(), false);
}
