//! A browser without a window, driven over the DevTools protocol: commands and answers in JSON on a web socket.

use std::io::{BufRead as _, BufReader};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use millstream::log::Doorbell;
use serde_json::{Value as Json, json};
use tempfile::TempDir;
use tungstenite::{Message, WebSocket};

/// Nothing that is waited for takes that long.
const PATIENCE: Duration = Duration::from_secs(20);

/// Whether the page is there.
const LOADED: &str = "document.readyState === 'complete' && document.querySelector('[role=tab]') !== null";

/// The programs that will do.
const PROGRAMS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// A browser with one page.
pub(crate) struct Browser {
    process: Child,
    socket: WebSocket<TcpStream>,
    session: Option<String>,
    last: u64,
    /// What it has told beside answers.
    told: Vec<Json>,
    // Removed when the browser is gone.
    _profile: TempDir,
}

impl Browser {
    /// A browser that has opened a page.
    pub(crate) fn open(url: &str) -> Self {
        let profile = tempfile::tempdir().unwrap();
        let mut process = start(profile.path());
        let address = address(&mut process);
        let (_, rest) = address.split_once("://").unwrap();
        let stream = TcpStream::connect(rest.split('/').next().unwrap()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let (socket, _) = tungstenite::client(&*address, stream).unwrap();
        let mut browser = Self { process, socket, session: None, last: 0, told: Vec::new(), _profile: profile };
        let target = browser.ask("Target.createTarget", json!({ "url": "about:blank" }))["targetId"].clone();
        let session = browser.ask("Target.attachToTarget", json!({ "targetId": target, "flatten": true }));
        browser.session = session["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page.enable", "Network.enable", "Runtime.enable", "Log.enable"] {
            browser.ask(domain, json!({}));
        }
        browser.ask("Page.navigate", json!({ "url": url }));
        browser.wait_for(LOADED);
        browser
    }

    /// Loads the page again.
    pub(crate) fn reload(&mut self) {
        self.eval("window.isOld = true");
        self.ask("Page.reload", json!({}));
        self.wait_for(&format!("window.isOld === undefined && {LOADED}"));
    }

    /// Sends a command, and gives its answer.
    pub(crate) fn ask(&mut self, method: &str, parameters: Json) -> Json {
        self.last += 1;
        let mut command = json!({ "id": self.last, "method": method, "params": parameters });
        if let Some(session) = &self.session {
            command["sessionId"] = json!(session);
        }
        self.socket.send(Message::text(command.to_string())).unwrap();
        loop {
            let Message::Text(text) = self.socket.read().unwrap() else { continue };
            let heard: Json = serde_json::from_str(&text).unwrap();
            if heard["id"] == json!(self.last) {
                assert_eq!(heard["error"], Json::Null, "{method}");
                return heard["result"].clone();
            }
            self.told.push(heard);
        }
    }

    /// What an expression of the page's language is.
    pub(crate) fn eval(&mut self, expression: &str) -> Json {
        let asked = json!({ "expression": expression, "awaitPromise": true, "returnByValue": true });
        let answer = self.ask("Runtime.evaluate", asked);
        assert_eq!(answer["exceptionDetails"], Json::Null, "{expression}");
        answer["result"]["value"].clone()
    }

    /// Waits until an expression is true.
    pub(crate) fn wait_for(&mut self, expression: &str) {
        let began = Instant::now();
        while self.eval(expression) != json!(true) {
            let shown = if began.elapsed() < PATIENCE { Json::Null } else { self.eval("document.body.innerText") };
            assert!(
                began.elapsed() < PATIENCE,
                "it has not become true: {expression}\n{shown}\n{:?}",
                self.complaints()
            );
            Doorbell::new().wait(Duration::from_millis(30));
        }
    }

    /// Waits until the page shows a text in an element.
    pub(crate) fn wait_for_text(&mut self, selector: &str, text: &str) {
        let (selector, text) = (json!(selector), json!(text));
        self.wait_for(&format!(
            "[...document.querySelectorAll({selector})].some((one) => one.checkVisibility() && one.textContent.includes({text}))"
        ));
    }

    /// Opens a tab, as a click on it does.
    pub(crate) fn tab(&mut self, id: &str) {
        self.eval(&format!("document.querySelector('#tab-{id}').click()"));
        self.wait_for(&format!("document.querySelector('.view.{id}') !== null"));
    }

    /// Presses a key.
    pub(crate) fn press(&mut self, key: &str, code: u32) {
        let text = if key == "Enter" { json!("\r") } else { Json::Null };
        for kind in ["keyDown", "keyUp"] {
            let mut event = json!({ "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code });
            if kind == "keyDown" && !text.is_null() {
                event["text"] = text.clone();
            }
            self.ask("Input.dispatchKeyEvent", event);
        }
    }

    /// Puts a text where the person is, and presses Enter.
    pub(crate) fn enter(&mut self, selector: &str, text: &str) {
        self.eval(&format!(
            "document.querySelector({0}).focus(); document.querySelector({0}).select()",
            json!(selector)
        ));
        self.ask("Input.insertText", json!({ "text": text }));
        self.press("Enter", 13);
    }

    /// Makes it the size of a screen, in light or dark.
    pub(crate) fn look(&mut self, (width, height): (u32, u32), is_dark: bool) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.ask("Emulation.setDeviceMetricsOverride", size);
        let scheme = if is_dark { "dark" } else { "light" };
        let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.ask("Emulation.setEmulatedMedia", media);
    }

    /// Saves what is seen, if somebody wants pictures.
    pub(crate) fn save(&mut self, name: &str) {
        let Some(folder) = std::env::var_os("MILLSTREAM_SHOTS") else { return };
        let picture = self.ask("Page.captureScreenshot", json!({ "format": "png" }));
        let bytes = STANDARD.decode(picture["data"].as_str().unwrap()).unwrap();
        std::fs::write(Path::new(&folder).join(format!("{name}.png")), bytes).unwrap();
    }

    /// All addresses that were asked for.
    pub(crate) fn requests(&self) -> Vec<String> {
        let sent = self.told.iter().filter(|told| told["method"] == json!("Network.requestWillBeSent"));
        sent.filter_map(|told| told["params"]["request"]["url"].as_str().map(str::to_owned)).collect()
    }

    /// What the browser complains about: scripts that fail, and what the page's policy forbids. That a server does not
    /// answer, or refuses, is none.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let is_one = |told: &&Json| match told["method"].as_str() {
            Some("Runtime.exceptionThrown") => true,
            Some("Log.entryAdded") => {
                told["params"]["entry"]["level"] == json!("error")
                    && told["params"]["entry"]["source"] != json!("network")
            }
            Some("Runtime.consoleAPICalled") => matches!(told["params"]["type"].as_str(), Some("error" | "warning")),
            _ => false,
        };
        self.told.iter().filter(is_one).map(|told| told["params"].to_string()).collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn start(profile: &Path) -> Child {
    let wanted = std::env::var("MILLSTREAM_CHROMIUM").ok();
    for program in wanted.as_deref().into_iter().chain(PROGRAMS) {
        let started = Command::new(program)
            .args(["--headless=new", "--remote-debugging-port=0", "--no-first-run", "--disable-gpu", "--mute-audio"])
            // What a browser does for itself would look like requests of the page.
            .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
            // It shows a page of our own only, and a container has neither of them.
            .args(["--no-sandbox", "--disable-dev-shm-usage"])
            .arg(format!("--user-data-dir={}", profile.display()))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        if let Ok(process) = started {
            return process;
        }
    }
    panic!("no browser: install chromium, or say where one is in MILLSTREAM_CHROMIUM");
}

/// Where the browser listens, which it prints.
fn address(process: &mut Child) -> String {
    let mut errors = BufReader::new(process.stderr.take().unwrap());
    let mut said = String::new();
    loop {
        let mut line = String::new();
        assert!(errors.read_line(&mut line).unwrap() > 0, "the browser has ended: {said}");
        if let Some((_, address)) = line.split_once("DevTools listening on ") {
            // It goes on printing, and must not be stopped by that.
            std::thread::spawn(move || std::io::copy(&mut errors, &mut std::io::sink()));
            return address.trim().to_owned();
        }
        said += &line;
    }
}
