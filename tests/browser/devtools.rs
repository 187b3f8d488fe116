//! A small client of the protocol of Chromium's developer tools, over its own pipe.
//!
//! Messages are JSON ended by NUL. One browser serves all tests of the process; each test has a
//! session in a browser context of its own. The browser ends when its pipe does: at the end of
//! this process, whichever way it ends.

use std::collections::HashMap;
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, mpsc};
use std::thread;

use serde_json::{Value, json};

use crate::support::PATIENCE;

use crate::support::over::key_pin;

/// What Chromium is called by those who package it.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

const FLAGS: [&str; 16] = [
    "--headless=new",
    "--remote-debugging-pipe",
    "--no-sandbox", // root in a container has no other choice; the pages are our own
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-breakpad",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-extensions",
    "--disable-sync",
    "--no-first-run",
    "--mute-audio",
    "--force-color-profile=srgb",
    // Several pages are open at once; none may be slower for not being in front.
    "--disable-renderer-backgrounding",
    "--disable-backgrounding-occluded-windows",
    // What a sandboxed frame does is then seen in its page's session.
    "--disable-features=IsolateSandboxedIframes",
];

/// Gives the browser its pipe as descriptors 3 and 4, and clears up after it.
const STARTER: &str = r#"program=$1; folder=$2; shift 2
"$program" "$@" --user-data-dir="$folder" about:blank 3<&0 4>&1 </dev/null >/dev/null 2>&1
rm -rf -- "$folder""#;

/// A running browser.
pub struct Browser {
    link: Arc<Link>,
    /// The number of the latest command.
    latest: AtomicU64,
}

struct Link {
    input: Mutex<ChildStdin>,
    /// Who waits for the answer to a command; None once the browser is gone.
    answers: Mutex<Option<HashMap<u64, mpsc::Sender<Value>>>>,
    /// Who wants the events of a session.
    sessions: Mutex<HashMap<String, mpsc::Sender<Value>>>,
}

impl Browser {
    /// The browser of this process, started by the first who asks.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Browser> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder").keep();
        let mut child = Command::new("sh")
            .args(["-c", STARTER, "sh"])
            .arg(program())
            .arg(folder)
            .args(FLAGS)
            .arg(format!("--ignore-certificate-errors-spki-list={}", key_pin()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("sh starts");
        let link = Arc::new(Link {
            input: Mutex::new(child.stdin.take().expect("its input")),
            answers: Mutex::new(Some(HashMap::new())),
            sessions: Mutex::default(),
        });
        let output = BufReader::new(child.stdout.take().expect("its output"));
        let reader = Arc::clone(&link);
        thread::spawn(move || {
            for message in output.split(0).map_while(Result::ok) {
                reader.take(serde_json::from_slice(&message).expect("JSON from the browser"));
            }
            reader.end();
            let _ = child.wait();
        });
        let browser = Self { link, latest: AtomicU64::new(0) };
        browser.call(None, "Browser.getVersion", &json!({})).unwrap_or_else(|error| {
            panic!("{}: {error}; does it run with {FLAGS:?}?", program().display())
        });
        browser
    }

    /// Sends a command, to a session or the browser itself, and waits for its result. An error is
    /// what the browser says of it.
    pub fn call(
        &self,
        session: Option<&str>,
        method: &str,
        parameters: &Value,
    ) -> Result<Value, String> {
        let id = self.latest.fetch_add(1, Ordering::Relaxed) + 1;
        let (sender, answer) = mpsc::channel();
        match self.link.answers.lock().expect("no panic").as_mut() {
            Some(answers) => drop(answers.insert(id, sender)),
            None => return Err("the browser has ended".to_owned()),
        }
        self.link.send(id, session, method, parameters);
        let mut answer = answer.recv_timeout(PATIENCE).map_err(|error| match error {
            mpsc::RecvTimeoutError::Timeout => format!("no answer to {method}"),
            mpsc::RecvTimeoutError::Disconnected => "the browser has ended".to_owned(),
        })?;
        match answer.get("error") {
            None => Ok(answer["result"].take()),
            Some(error) => Err(error["message"].as_str().unwrap_or_default().to_owned()),
        }
    }

    /// The events of a session from now on.
    pub fn events(&self, session: &str) -> mpsc::Receiver<Value> {
        let (sender, events) = mpsc::channel();
        self.link.sessions.lock().expect("no panic").insert(session.to_owned(), sender);
        events
    }
}

impl Link {
    fn send(&self, id: u64, session: Option<&str>, method: &str, parameters: &Value) {
        let mut message = json!({ "id": id, "method": method, "params": parameters });
        if let Some(session) = session {
            message["sessionId"] = json!(session);
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        // When the browser is gone, the wait for the answer tells.
        let _ = self.input.lock().expect("no panic").write_all(&bytes);
    }

    fn take(&self, message: Value) {
        if let Some(id) = message["id"].as_u64() {
            let mut answers = self.answers.lock().expect("no panic");
            if let Some(waiting) = answers.as_mut().and_then(|answers| answers.remove(&id)) {
                let _ = waiting.send(message);
            }
            return;
        }
        let session = message["sessionId"].as_str().unwrap_or_default().to_owned();
        if message["method"] == "Page.javascriptDialogOpening" {
            // Here, because the page answers no command while it asks. Nobody waits for number 0.
            let yes = json!({ "accept": true });
            self.send(0, Some(&session), "Page.handleJavaScriptDialog", &yes);
        }
        let mut sessions = self.sessions.lock().expect("no panic");
        if sessions.get(&session).is_some_and(|events| events.send(message).is_err()) {
            sessions.remove(&session);
        }
    }

    fn end(&self) {
        self.answers.lock().expect("no panic").take();
        self.sessions.lock().expect("no panic").clear();
    }
}

/// `CHROMIUM` of the environment, else the first of the names that is in the search path.
fn program() -> PathBuf {
    if let Some(named) = std::env::var_os("CHROMIUM") {
        return named.into();
    }
    let folders: OsString = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders)
        .flat_map(|folder| NAMES.map(|name| folder.join(name)))
        .find(|path| path.is_file())
        .unwrap_or_else(|| {
            panic!("no Chromium: install one of {NAMES:?}, or name one in the variable CHROMIUM")
        })
}
