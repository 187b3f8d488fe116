//! Starts the real server on a free port and speaks bytes to it.

#![allow(dead_code, unreachable_pub)] // each test file uses its own part

pub mod coded;
pub mod over;
pub mod stand_in;
pub mod upload;

use std::ffi::OsString;
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use self::over::{Over, Wire};

/// How long anything may take before a test fails rather than hang.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A running server with a folder of its own; killed when dropped, and then it must not have
/// panicked.
pub struct Server {
    child: Child,
    pub address: SocketAddr,
    pub root: PathBuf,
    over: Over,
    output: Mutex<mpsc::Receiver<String>>,
    /// Those who read its output; each returns the panics that it saw.
    readers: Mutex<Vec<JoinHandle<Vec<String>>>>,
    folder: TempDir,
}

/// A server to be.
pub struct Setup {
    folder: TempDir,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    /// What a shell does before it becomes the server.
    shell: Option<String>,
    /// Sockets that it is given.
    passed: Vec<TcpListener>,
    /// Whether the configuration file says where it listens.
    is_placed: bool,
    over: Over,
}

/// A server with an empty document root.
pub fn setup() -> Setup {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::create_dir(folder.path().join("root")).expect("a document root");
    Setup {
        folder,
        arguments: Vec::new(),
        environment: Vec::new(),
        shell: None,
        passed: Vec::new(),
        is_placed: false,
        over: Over::chosen(),
    }
}

/// A server for one file, `/a.txt`, of the ten digits.
pub fn digits() -> Server {
    setup().file("a.txt", "0123456789").start()
}

impl Setup {
    /// The document root.
    pub fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    /// Puts a file into the document root.
    pub fn file(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        let path = self.root().join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(path, content).expect("a file");
        self
    }

    /// Waits until it is a while ago that a file was written. Until then it is read again, since it
    /// could be written to within the same tick of the file system's clock.
    pub fn settled(self, name: &str) -> Self {
        let written = fs::metadata(self.root().join(name)).and_then(|meta| meta.modified());
        let written = written.expect("a time");
        let is_old = || written.elapsed().is_ok_and(|age| age > Duration::from_millis(50));
        eventually(|| is_old().then_some(()));
        self
    }

    /// Gives it a configuration file. It says where it listens, unless flags do.
    pub fn config(mut self, json: &str) -> Self {
        configure(self.folder.path(), json);
        let path = self.folder.path().join(CONFIG);
        self.arguments.push(format!("--config={}", path.display()));
        self.is_placed = true;
        self
    }

    /// Adds an argument.
    pub fn flag(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    /// Sets a variable of its environment.
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Starts it with so many descriptors to have, which it cannot raise.
    pub fn descriptors(mut self, count: u32) -> Self {
        self.shell = Some(format!("ulimit -n {count}"));
        self
    }

    /// Starts it with these sockets, one or two, as systemd does.
    pub fn passing(mut self, sockets: &[&TcpListener]) -> Self {
        self.passed = sockets.iter().map(|it| it.try_clone().expect("a duplicate")).collect();
        let count = sockets.len();
        let shell = "exec 3<&0 4>&1 </dev/null >/dev/null";
        self.shell = Some(format!("{shell} && export LISTEN_PID=$$ LISTEN_FDS={count}"));
        self
    }

    /// Speaks plain HTTP/1.1, whatever the others speak: this is about sockets, or greetings.
    pub fn plain(self) -> Self {
        self.over(Over::Plain)
    }

    /// Speaks that, whatever the others speak.
    pub fn over(mut self, over: Over) -> Self {
        self.over = over;
        self
    }

    /// Starts the server and waits until it says where it listens.
    pub fn start(mut self) -> Server {
        self.arguments.push(self.root().to_string_lossy().into_owned());
        self.start_without_root()
    }

    /// The same; what is served, the arguments say.
    pub fn start_without_root(mut self) -> Server {
        let root = self.root();
        if self.over.is_secure() {
            self.arguments.extend(over::certify(self.folder.path()));
        }
        let place = ["--host=127.0.0.1", "--port=0", "--max-threads=2"];
        let place: &[&str] = if self.is_placed { &[] } else { &place };
        let mut command = self.command();
        // A shell can give a process only what it has got itself.
        let mut passed = self.passed.into_iter().map(|it| Stdio::from(OwnedFd::from(it)));
        let mut child = command
            .args(place)
            .args(&self.arguments)
            .envs(self.environment)
            .stdin(passed.next().unwrap_or_else(Stdio::null))
            .stdout(passed.next().unwrap_or_else(Stdio::piped))
            .stderr(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let (sender, output) = mpsc::channel();
        let stdout = child.stdout.take().map(|output| forward(output, sender.clone()));
        let stderr = child.stderr.take().map(|output| forward(output, sender));
        let readers = Mutex::new(stdout.into_iter().chain(stderr).collect());
        let address = loop {
            let line = output.recv_timeout(PATIENCE).expect("the server says where it listens");
            if let Some(address) = address_in(&line) {
                break address;
            }
        };
        let output = Mutex::new(output);
        Server { child, address, root, over: self.over, output, readers, folder: self.folder }
    }

    fn command(&self) -> Command {
        let Some(shell) = &self.shell else { return salver() };
        let mut command = Command::new("sh");
        let script = format!("{shell} && exec \"$0\" \"$@\"");
        command.arg("-c").arg(&script).arg(binary());
        without_say(command)
    }
}

/// The name of the configuration file, beside the document root.
const CONFIG: &str = "config.json";

/// Puts the configuration there whole.
fn configure(folder: &Path, json: &str) {
    let draft = folder.join("draft.json");
    fs::write(&draft, json).expect("a draft");
    fs::rename(&draft, folder.join(CONFIG)).expect("a configuration");
}

/// The binary, without the environment's say.
pub fn salver() -> Command {
    without_say(Command::new(binary()))
}

/// The server that is tested: the one built with the tests, or another one.
fn binary() -> OsString {
    let built = || env!("CARGO_BIN_EXE_salver").into();
    std::env::var_os("SALVER_TEST_BINARY").unwrap_or_else(built)
}

/// The same of any program.
pub fn without_say(mut command: Command) -> Command {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("SALVER_") {
            command.env_remove(name);
        }
    }
    // A flag or a configuration file of a test's own does not hold for all of them.
    if let Some(level) = std::env::var_os("SALVER_TEST_SANDBOX") {
        command.env("SALVER_SANDBOX", level);
    }
    command
}

/// Hands lines on; returns those that tell of a panic.
fn forward(
    output: impl Read + Send + 'static,
    lines: mpsc::Sender<String>,
) -> JoinHandle<Vec<String>> {
    thread::spawn(move || {
        let mut panics = Vec::new();
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if line.starts_with("thread '") && line.contains(" panicked at ") {
                panics.push(line.clone());
            }
            let _ = lines.send(line);
        }
        panics
    })
}

fn address_in(line: &str) -> Option<SocketAddr> {
    let rest = &line[line.find("://")? + "://".len()..];
    let end = rest.find(['/', ' ']).unwrap_or(rest.len());
    rest[..end].parse().ok()
}

impl Server {
    /// Opens a connection.
    pub fn connect(&self) -> Client {
        Client { stream: Wire::to(self.address, self.over), buffer: Vec::new() }
    }

    /// Sends one request without content on a connection of its own.
    pub fn request(&self, method: &str, target: &str, fields: &[(&str, &str)]) -> Response {
        if let Some(response) = self.request_h2(method, target, fields, &[]) {
            return response;
        }
        let mut client = self.connect();
        let mut head = format!("{method} {target} HTTP/1.1\r\nHost: t\r\nConnection: close\r\n");
        for (name, value) in fields {
            head.extend([name, ": ", value, "\r\n"]);
        }
        head.push_str("\r\n");
        client.send(head);
        client.response_to(method)
    }

    /// Sends one request over HTTP/2, if that is what is spoken.
    pub fn request_h2(
        &self,
        method: &str,
        target: &str,
        fields: &[(&str, &str)],
        body: &[u8],
    ) -> Option<Response> {
        let speaks = self.over == Over::H2;
        speaks.then(|| over::request_h2(self.address, method, target, fields, body)).flatten()
    }

    /// GETs a target.
    pub fn get(&self, target: &str, fields: &[(&str, &str)]) -> Response {
        self.request("GET", target, fields)
    }

    /// What `/metrics` says of one series, as `name` or `name{label="value"}`.
    pub fn metric(&self, series: &str) -> u64 {
        let text = self.get("/metrics", &[]).text();
        let value = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        value.unwrap_or_else(|| panic!("{series} in {text}")).parse().unwrap()
    }

    /// Everything the server sends back to these bytes, until it closes.
    pub fn raw(&self, bytes: impl AsRef<[u8]>) -> Vec<u8> {
        let mut client = self.connect();
        client.send(bytes);
        client.rest()
    }

    /// What requests are sent by, as the log names it.
    pub fn protocol(&self) -> &'static str {
        if self.over == Over::H2 { "HTTP/2.0" } else { "HTTP/1.1" }
    }

    /// The next line of its output that `wanted` accepts.
    pub fn line(&self, wanted: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self.output.lock().expect("the output").recv_timeout(left);
            let line = line.expect("a line of output in time");
            if wanted(&line) {
                return line;
            }
        }
    }

    /// Writes another configuration file; the server is not told.
    pub fn configure(&self, json: &str) {
        configure(self.folder.path(), json);
    }

    /// Has another configuration taken over; returns what the server says of it.
    pub fn reload(&self, json: &str) -> String {
        self.configure(json);
        self.signal("HUP");
        self.line(|line| line.contains("configuration is in use") || line.contains("in use stays"))
    }

    /// Sends a signal, by its name without `SIG`.
    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let status = Command::new("kill").args(["-s", name, &id]).status().expect("kill runs");
        assert!(status.success());
    }

    /// Waits until the process has ended.
    pub fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("a status") {
                return status;
            }
            assert!(Instant::now() < deadline, "the server did not end");
            thread::yield_now();
        }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let readers = self.readers.get_mut().map(std::mem::take).unwrap_or_default();
        let panics = readers.into_iter().flat_map(|reader| reader.join().unwrap_or_default());
        let panics: Vec<_> = panics.collect();
        assert!(panics.is_empty() || thread::panicking(), "the server panicked: {panics:?}");
    }
}

/// One connection.
pub struct Client {
    stream: Wire,
    /// Read and not yet taken.
    buffer: Vec<u8>,
}

impl Client {
    /// A plain connection.
    pub fn to(address: SocketAddr) -> Self {
        Self { stream: Wire::to(address, Over::Plain), buffer: Vec::new() }
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).expect("the server takes the request");
    }

    /// Sends as far as the server still listens.
    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.write_all(bytes.as_ref())
    }

    /// Says that no more requests come.
    pub fn finish(&mut self) {
        self.stream.finish().expect("a half-close");
    }

    /// The same, of a connection that may have ended.
    pub fn try_finish(&mut self) -> io::Result<()> {
        self.stream.finish()
    }

    /// Waits for the next byte or the end; true at the end.
    pub fn is_at_end(&mut self) -> bool {
        self.buffer.is_empty() && !self.fill()
    }

    /// Whatever comes until the server closes.
    pub fn rest(&mut self) -> Vec<u8> {
        let mut all = std::mem::take(&mut self.buffer);
        self.stream.read_to_end(&mut all).expect("the server closes and does not reset");
        all
    }

    /// The number of bytes that come until the connection ends, in whatever way.
    pub fn try_take_all(&mut self) -> usize {
        let mut all = std::mem::take(&mut self.buffer);
        let _ = self.stream.read_to_end(&mut all);
        all.len()
    }

    /// Whether the server neither sends nor closes for a while.
    pub fn is_quiet_for(&mut self, time: Duration) -> bool {
        self.stream.is_quiet_for(time)
    }

    fn fill(&mut self) -> bool {
        let mut piece = vec![0; 64 * 1024];
        let count = loop {
            match self.stream.read(&mut piece) {
                // The system held the test up.
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read.expect("an answer in time"),
            }
        };
        self.buffer.extend_from_slice(&piece[..count]);
        count > 0
    }

    /// Reads a head, status line first.
    pub fn head(&mut self) -> Response {
        loop {
            if let Some(end) = find(&self.buffer, b"\r\n\r\n") {
                let rest = self.buffer.split_off(end + 4);
                let head = std::mem::replace(&mut self.buffer, rest);
                return Response::parse(&head[..end]);
            }
            assert!(
                self.fill(),
                "the connection ended: {:?}",
                String::from_utf8_lossy(&self.buffer)
            );
        }
    }

    /// Reads one response to GET.
    pub fn response(&mut self) -> Response {
        self.response_to("GET")
    }

    /// Reads one response, framed as the method asks.
    pub fn response_to(&mut self, method: &str) -> Response {
        let mut response = self.head();
        let no_body = method == "HEAD" || matches!(response.status, 100..=199 | 204 | 304);
        if no_body {
            return response;
        }
        response.body = if let Some(length) = response.field("content-length") {
            let length: usize = length.parse().expect("a number");
            self.take(length)
        } else if response.field("transfer-encoding") == Some("chunked") {
            self.chunks()
        } else {
            self.rest()
        };
        response
    }

    /// Reads exactly that many bytes.
    pub fn take(&mut self, length: usize) -> Vec<u8> {
        while self.buffer.len() < length {
            assert!(self.fill(), "the connection ended within a body");
        }
        let rest = self.buffer.split_off(length);
        std::mem::replace(&mut self.buffer, rest)
    }

    fn chunks(&mut self) -> Vec<u8> {
        let mut all = Vec::new();
        loop {
            let line = loop {
                if let Some(end) = find(&self.buffer, b"\r\n") {
                    break self.take(end + 2);
                }
                assert!(self.fill(), "the connection ended within a chunk line");
            };
            let text = std::str::from_utf8(&line[..line.len() - 2]).expect("a chunk size");
            let length = usize::from_str_radix(text, 16).expect("a chunk size");
            let chunk = self.take(length + 2);
            assert!(chunk.ends_with(b"\r\n"));
            if length == 0 {
                return all;
            }
            all.extend_from_slice(&chunk[..length]);
        }
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

/// A response as it came.
#[derive(Debug)]
pub struct Response {
    pub status: u16,
    pub version: String,
    pub fields: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Response {
    fn parse(head: &[u8]) -> Self {
        let text = String::from_utf8_lossy(head).into_owned();
        let mut lines = text.split("\r\n");
        let status_line = lines.next().expect("a status line");
        let mut words = status_line.splitn(3, ' ');
        let version = words.next().expect("a version").to_owned();
        let status = words.next().and_then(|code| code.parse().ok()).expect("a status code");
        assert!(version.starts_with("HTTP/1."), "{status_line}");
        let fields = lines
            .map(|line| {
                let (name, value) = line.split_once(": ").expect("a field line");
                (name.to_ascii_lowercase(), value.to_owned())
            })
            .collect();
        Self { status, version, fields, body: Vec::new() }
    }

    /// The value of a field that is there at most once.
    pub fn field(&self, name: &str) -> Option<&str> {
        let mut values = self.fields.iter().filter(|(known, _)| known == name);
        let value = values.next().map(|(_, value)| value.as_str());
        assert!(values.next().is_none(), "{name} is there twice: {:?}", self.fields);
        value
    }

    /// The content as text.
    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("text")
    }
}

/// Whether a path below the document root is there.
pub fn exists(root: &Path, name: &str) -> bool {
    root.join(name).exists()
}

/// Asks until the answer is there; fails when it does not come.
pub fn eventually<T>(mut ask: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(start.elapsed() < PATIENCE, "it never happened");
    }
}
