//! A page in the browser, and what a person does to it. Dropping it fails the test when there was
//! an error on its console, an exception nobody caught, a dialog, a violation of its security
//! policy, or an answer of 400 or above that was not announced with [`Page::expect`].

use std::path::Path;
use std::sync::mpsc::Receiver;
use std::time::Instant;

use base64::Engine;
use serde_json::{Value, json};

use crate::devtools::Browser;
use crate::support::PATIENCE;

/// Says what the console does not: each violation of a policy, with its directive.
const WATCH: &str = "addEventListener('securitypolicyviolation', event => report(
    `${event.violatedDirective} forbids ${event.blockedURI} in ${event.sourceFile}`))";

/// One page in a browser context (cookies, cache, permissions) of its own.
pub struct Page {
    browser: &'static Browser,
    context: String,
    session: String,
    frame: String,
    /// What is loaded, by the browser's own name for it.
    loader: String,
    events: Receiver<Value>,
    requests: Vec<Request>,
    problems: Vec<String>,
    expected: Vec<&'static str>,
    has_scripts: bool,
}

/// A request that the page made.
#[derive(Debug)]
pub struct Request {
    id: String,
    pub method: String,
    pub url: String,
    /// 0 while there is no answer.
    pub status: u64,
}

/// How a page is looked at.
#[derive(Clone, Copy)]
pub enum Look {
    Light,
    Dark,
    Phone,
}

impl Page {
    /// An empty page.
    pub fn open() -> Self {
        let browser = Browser::shared();
        let call = |method, parameters: Value| {
            browser.call(None, method, &parameters).expect("the browser obeys")
        };
        let context = text(&call("Target.createBrowserContext", json!({}))["browserContextId"]);
        let blank = json!({ "url": "about:blank", "browserContextId": context, "newWindow": true });
        let target = text(&call("Target.createTarget", blank)["targetId"]);
        let attach = json!({ "targetId": target, "flatten": true });
        let session = text(&call("Target.attachToTarget", attach)["sessionId"]);
        let page = Self {
            events: browser.events(&session),
            browser,
            context,
            session,
            frame: target, // a page's main frame has its target's name
            loader: String::new(),
            requests: Vec::new(),
            problems: Vec::new(),
            expected: Vec::new(),
            has_scripts: true,
        };
        for domain in ["Page", "Runtime", "Log", "Network"] {
            page.call(&format!("{domain}.enable"), &json!({}));
        }
        page.call("Page.setLifecycleEventsEnabled", &json!({ "enabled": true }));
        page.call("Runtime.addBinding", &json!({ "name": "report" }));
        page.call("Page.addScriptToEvaluateOnNewDocument", &json!({ "source": WATCH }));
        page.call("Emulation.setFocusEmulationEnabled", &json!({ "enabled": true }));
        page.look(Look::Light);
        page
    }

    /// A page at an address.
    pub fn at(url: &str) -> Self {
        let mut page = Self::open();
        page.goto(url);
        page
    }

    /// A command to the page, which must obey.
    pub fn call(&self, method: &str, parameters: &Value) -> Value {
        self.try_call(method, parameters).unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    fn try_call(&self, method: &str, parameters: &Value) -> Result<Value, String> {
        self.browser.call(Some(&self.session), method, parameters)
    }

    /// Announces a problem by a part of its text, for instance `"status of 404"`.
    pub fn expect(&mut self, part: &'static str) {
        self.expected.push(part);
    }

    /// Loads an address and waits until all of it is there.
    pub fn goto(&mut self, url: &str) {
        self.loads(|page| {
            let answer = page.call("Page.navigate", &json!({ "url": url }));
            assert!(answer.get("errorText").is_none(), "{url}: {answer}");
        });
    }

    /// Loads the same again.
    pub fn reload(&mut self) {
        self.loads(|page| drop(page.call("Page.reload", &json!({}))));
    }

    /// Does something that loads another page, and waits until all of it is there.
    pub fn loads(&mut self, act: impl FnOnce(&mut Self)) {
        self.take_events();
        let before = self.loader.clone();
        act(self);
        let start = Instant::now();
        while self.loader == before {
            let left = PATIENCE.saturating_sub(start.elapsed());
            let event = self.events.recv_timeout(left).expect("a page loads in time");
            self.note(&event);
        }
    }

    /// The value of an expression; a promise is awaited.
    pub fn eval(&self, expression: &str) -> Value {
        self.try_eval(expression).unwrap_or_else(|error| panic!("{expression}: {error}"))
    }

    fn try_eval(&self, expression: &str) -> Result<Value, String> {
        let mut answer = self.try_call(
            "Runtime.evaluate",
            &json!({
                "expression": expression,
                "awaitPromise": true,
                "returnByValue": true,
                "userGesture": true,
            }),
        )?;
        match answer.get("exceptionDetails") {
            None => Ok(answer["result"]["value"].take()),
            Some(details) => Err(exception(details)),
        }
    }

    /// The value of an expression that is text.
    pub fn text(&self, expression: &str) -> String {
        text(&self.eval(expression))
    }

    /// The texts of all elements.
    pub fn texts(&self, selector: &str) -> Vec<String> {
        let all = format!(
            "Array.from(document.querySelectorAll({}), found => found.textContent)",
            quoted(selector)
        );
        serde_json::from_value(self.eval(&all)).expect("texts")
    }

    /// Whether something is so now.
    pub fn is(&self, condition: &str) -> bool {
        self.eval(&format!("Boolean({condition})")) == json!(true)
    }

    /// Waits until something is so, looking once a frame; survives that another page loads.
    pub fn wait_until(&self, condition: &str) {
        let look = format!(
            "new Promise(resolve => {{
                const look = async () => {{
                    let found = false;
                    try {{ found = await ({condition}); }} catch {{ /* of a page half there */ }}
                    if (found) resolve(); else requestAnimationFrame(look);
                }};
                look();
            }})"
        );
        let start = Instant::now();
        loop {
            match self.try_eval(&look) {
                Ok(_) => return,
                Err(error) if is_of_navigation(&error) && start.elapsed() < PATIENCE => (),
                Err(error) => panic!(
                    "it never came to {condition}: {error}; there is {:?}",
                    self.try_eval("location + '\\n' + document.body.innerText.slice(0, 2000)")
                ),
            }
        }
    }

    /// Bytes a second that the page may send from now on; None is no limit.
    pub fn upload_speed(&self, speed: Option<u32>) {
        self.call(
            "Network.emulateNetworkConditions",
            &json!({
                "offline": false,
                "latency": 0,
                "downloadThroughput": -1,
                "uploadThroughput": speed.map_or(-1, i64::from),
            }),
        );
    }

    /// Turns the page's scripts off, or on, from the next load on.
    pub fn scripts(&mut self, on: bool) {
        self.has_scripts = on;
        self.call("Emulation.setScriptExecutionDisabled", &json!({ "value": !on }));
    }

    /// Changes window and colours.
    pub fn look(&self, look: Look) {
        let (scheme, width, height, scale, mobile) = match look {
            Look::Light => ("light", 1100, 800, 1, false),
            Look::Dark => ("dark", 1100, 800, 1, false),
            Look::Phone => ("light", 390, 844, 2, true),
        };
        let metrics = json!({ "width": width, "height": height,
            "deviceScaleFactor": scale, "mobile": mobile });
        self.call("Emulation.setDeviceMetricsOverride", &metrics);
        let features = json!({ "features": [
            { "name": "prefers-color-scheme", "value": scheme },
            { "name": "prefers-reduced-motion", "value": "reduce" },
        ]});
        self.call("Emulation.setEmulatedMedia", &features);
    }

    /// Pictures of the page as it is, in light, dark and on a phone, in `target/screenshots`.
    /// Nothing may stick out at the right.
    pub fn pictures(&self, name: &str) {
        for (look, kind) in [(Look::Light, "light"), (Look::Dark, "dark"), (Look::Phone, "phone")] {
            self.look(look);
            // A page without scripts has no callbacks either.
            if self.has_scripts {
                self.eval(
                    "new Promise(requestAnimationFrame)\
                        .then(() => new Promise(requestAnimationFrame))",
                );
            }
            self.picture(&format!("{name}-{kind}"));
            let wide = self.eval("document.documentElement.scrollWidth - innerWidth");
            assert!(wide.as_f64() <= Some(0.0), "{name}-{kind} is {wide} pixels too wide");
        }
        self.look(Look::Light);
    }

    fn picture(&self, name: &str) {
        let answer = self.call("Page.captureScreenshot", &json!({ "format": "png" }));
        let bytes = base64::prelude::BASE64_STANDARD.decode(text(&answer["data"]));
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("screenshots");
        std::fs::create_dir_all(&folder).expect("a folder for pictures");
        std::fs::write(folder.join(format!("{name}.png")), bytes.expect("Base64")).expect("a file");
    }

    /// The requests made so far.
    pub fn requests(&mut self) -> &[Request] {
        self.take_events();
        &self.requests
    }

    /// The status of the latest answer from an address.
    pub fn status_of(&mut self, url: &str) -> Option<u64> {
        self.requests().iter().rfind(|request| request.url == url).map(|request| request.status)
    }

    fn take_events(&mut self) {
        while let Ok(event) = self.events.try_recv() {
            self.note(&event);
        }
    }

    fn note(&mut self, event: &Value) {
        let facts = &event["params"];
        match event["method"].as_str().unwrap_or_default() {
            "Page.lifecycleEvent" if facts["name"] == "load" && facts["frameId"] == self.frame => {
                self.loader = text(&facts["loaderId"]);
            }
            "Network.requestWillBeSent" => self.requests.push(Request {
                id: text(&facts["requestId"]),
                method: text(&facts["request"]["method"]),
                url: text(&facts["request"]["url"]),
                status: 0,
            }),
            "Network.responseReceived" => {
                let request =
                    self.requests.iter_mut().rfind(|request| facts["requestId"] == request.id);
                if let Some(request) = request {
                    request.status = facts["response"]["status"].as_u64().unwrap_or_default();
                }
            }
            "Runtime.exceptionThrown" => self.problems.push(exception(&facts["exceptionDetails"])),
            "Runtime.consoleAPICalled" if facts["type"] == "error" || facts["type"] == "assert" => {
                self.problems.push(format!("console: {}", facts["args"]));
            }
            "Runtime.bindingCalled" => self.problems.push(text(&facts["payload"])),
            "Log.entryAdded" if facts["entry"]["level"] == "error" => {
                let entry = &facts["entry"];
                self.problems.push(format!("{} {}", text(&entry["text"]), entry["url"]));
            }
            "Page.javascriptDialogOpening" if facts["type"] != "beforeunload" => {
                self.problems.push(format!("a dialog: {}", facts["message"]));
            }
            _ => (),
        }
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        self.take_events();
        let unexpected =
            |problem: &&String| !self.expected.iter().any(|part| problem.contains(part));
        let problems: Vec<&String> = self.problems.iter().filter(unexpected).collect();
        let failed = std::thread::panicking();
        if failed {
            let test = std::thread::current().name().unwrap_or("test").replace("::", "-");
            eprintln!("the page said {problems:?}; its picture is failed-{test}.png");
            self.picture(&format!("failed-{test}"));
        }
        let context = json!({ "browserContextId": self.context });
        let _ = self.browser.call(None, "Target.disposeBrowserContext", &context);
        assert!(failed || problems.is_empty(), "the page said {problems:#?}");
    }
}

/// A text as JavaScript writes it.
pub fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// A value that is text.
pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("text, not {value}")).to_owned()
}

fn exception(details: &Value) -> String {
    match details["exception"]["description"].as_str() {
        Some(description) => description.to_owned(),
        None => details.to_string(),
    }
}

/// Whether an expression failed only because the page it was asked of is gone.
fn is_of_navigation(error: &str) -> bool {
    ["navigated", "context was destroyed", "Cannot find", "was collected", "Internal error"]
        .iter()
        .any(|part| error.contains(part))
}
