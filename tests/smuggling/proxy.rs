//! Servers that people put before others, each with a folder of its own.

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use super::support::{PATIENCE, eventually};

/// Which one, and how it is set up.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// `lenient`: it hands on what it would refuse.
    Haproxy { lenient: bool },
    /// `buffered`: it reads all content before it hands the request on. If not, it also hands on
    /// names of fields that it would take off.
    Nginx { buffered: bool },
}

impl Kind {
    /// Whether it hands on what comes as it comes, so that it matters in which pieces.
    pub fn wants_pieces(self) -> bool {
        matches!(self, Self::Haproxy { lenient: true } | Self::Nginx { buffered: false })
    }
}

/// How long a proxy has to see that more is to come.
const PAUSE: Duration = Duration::from_millis(3);

/// How long each waits for what a client does not send, in milliseconds.
const CLIENT_PATIENCE: u32 = 200;

/// One that runs; killed when dropped.
pub struct Proxy {
    kind: Kind,
    child: Child,
    folder: TempDir,
}

/// A request as the proxy took it.
pub struct Taken {
    /// Whether it went on to the server.
    pub is_handed_on: bool,
    /// The request line, if it could be read.
    pub line: String,
}

impl Proxy {
    /// Starts one that hands requests on to that address.
    pub fn start(kind: Kind, server: SocketAddr) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path();
        let config = path.join("config");
        let mut command = match kind {
            Kind::Haproxy { lenient } => {
                fs::write(&config, haproxy(path.to_str().expect("a name"), server, lenient))
                    .expect("a file");
                let mut command = Command::new(program("haproxy"));
                command.arg("-db").arg("-f").arg(config);
                command
            }
            Kind::Nginx { buffered } => {
                fs::write(&config, nginx(path.to_str().expect("a name"), server, buffered))
                    .expect("a file");
                let mut command = Command::new(program("nginx"));
                command.arg("-e").arg(path.join("error.log")).arg("-c").arg(config);
                command
            }
        };
        let log = fs::File::create(path.join("output")).expect("a file");
        let child = command.stdin(Stdio::null()).stdout(log).spawn();
        let proxy = Self { kind, child: child.expect("it is installed"), folder };
        eventually(|| UnixStream::connect(proxy.socket()).ok());
        proxy
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("front.sock")
    }

    /// Everything that comes back to these bytes until the connection ends. Those from `later` on
    /// are sent a little later, so that what is before them goes on without them.
    pub fn exchange(&self, bytes: &[u8], later: Option<usize>) -> Vec<u8> {
        let mut stream = UnixStream::connect(self.socket()).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
        let (first, second) = bytes.split_at(later.unwrap_or(bytes.len()));
        // It may have closed before all is sent.
        let _ = stream.write_all(first);
        if !second.is_empty() {
            thread::sleep(PAUSE);
            let _ = stream.write_all(second);
        }
        let mut all = Vec::new();
        let mut piece = [0; 16 * 1024];
        while let Ok(count @ 1..) = stream.read(&mut piece) {
            all.extend_from_slice(&piece[..count]);
        }
        let _ = stream.shutdown(Shutdown::Both);
        all
    }

    /// Stops it; what it took, in the order of its log.
    pub fn stop(mut self) -> Vec<Taken> {
        let id = self.child.id().to_string();
        let killed = Command::new("kill").args(["-s", "TERM", &id]).status().expect("kill runs");
        assert!(killed.success());
        self.child.wait().expect("it ends");
        let name = match self.kind {
            Kind::Haproxy { .. } => "output",
            Kind::Nginx { .. } => "access.log",
        };
        let log = fs::read(self.folder.path().join(name)).expect("its log");
        let log = String::from_utf8_lossy(&log);
        log.lines().filter_map(|line| line.strip_prefix("took ")).map(taken).collect()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn taken(line: &str) -> Taken {
    let (place, line) = line.split_once(' ').expect("two parts");
    Taken { is_handed_on: place != "<NOSRV>" && place != "-", line: line.to_owned() }
}

/// Debian keeps them where only root looks.
fn program(name: &str) -> PathBuf {
    let path = PathBuf::from("/usr/sbin").join(name);
    if path.exists() { path } else { name.into() }
}

fn haproxy(folder: &str, server: SocketAddr, lenient: bool) -> String {
    let lenient = if lenient { "option accept-invalid-http-request" } else { "" };
    format!(
        "global
    log stdout len 65535 format raw local0 info
    nbthread 1
defaults
    mode http
    log global
    log-format \"took %s %r\"
    timeout connect 5s
    timeout server 20s
    timeout client {CLIENT_PATIENCE}ms
    timeout http-request {CLIENT_PATIENCE}ms
    timeout http-keep-alive {CLIENT_PATIENCE}ms
    retries 0
frontend front
    bind {folder}/front.sock
    {lenient}
    default_backend back
backend back
    http-reuse always
    server salver {server}
"
    )
}

fn nginx(folder: &str, server: SocketAddr, buffered: bool) -> String {
    let (buffering, ignoring) = if buffered { ("on", "on") } else { ("off", "off") };
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("    {name}_temp_path {folder}/{name};\n"))
        .concat();
    // Where its workers are others than who started it, they could not write to the folder.
    let user = if rustix::process::geteuid().is_root() { "user root;" } else { "" };
    format!(
        "daemon off;
worker_processes 1;
pid {folder}/pid;
{user}
events {{ worker_connections 512; }}
http {{
{temporary}
    log_format took 'took $upstream_addr $request';
    access_log {folder}/access.log took;
    client_header_timeout {CLIENT_PATIENCE}ms;
    client_body_timeout {CLIENT_PATIENCE}ms;
    keepalive_timeout {CLIENT_PATIENCE}ms;
    lingering_close off;
    ignore_invalid_headers {ignoring};
    underscores_in_headers on;
    merge_slashes off;
    upstream back {{
        server {server};
        keepalive 4;
    }}
    server {{
        listen unix:{folder}/front.sock;
        location / {{
            proxy_pass http://back;
            proxy_http_version 1.1;
            proxy_set_header Connection \"\";
            proxy_request_buffering {buffering};
            proxy_next_upstream off;
            proxy_redirect off;
        }}
    }}
}}
"
    )
}
