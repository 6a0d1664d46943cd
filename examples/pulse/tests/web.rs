//! Pulse over HTTP: events in, recommendations out, the buttons, and whether the numbers stay right with all of that.
#![cfg(unix)]
#![allow(clippy::expect_used, clippy::panic, reason = "this is how tests fail")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(120);

/// A run that is served.
struct Run {
    child: Child,
    output: BufReader<ChildStdout>,
    address: String,
}

/// Status, head and body.
struct Answer(u16, String, String);

impl Run {
    fn start() -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pulse"));
        command.args(["--port", "0", "--seconds", "600"]).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("pulse starts");
        let mut output = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut line = String::new();
        let address = loop {
            line.clear();
            assert_ne!(output.read_line(&mut line).expect("readable"), 0, "it has ended");
            if let Some((_, rest)) = line.split_once("open http://") {
                break rest.split(' ').next().unwrap_or_default().to_owned();
            }
        };
        let run = Self { child, output, address };
        run.until("there is traffic", |status| status["stage"] == "live" && status["check"]["windows"] != 0);
        run
    }

    fn ask(&self, method: &str, path: &str, headers: &[&str], body: &str) -> Answer {
        ask(&self.address, method, path, headers, body)
    }

    fn address_of(instance: &Value) -> String {
        instance["url"].as_str().and_then(|url| url.strip_prefix("http://")).expect("a URL").to_owned()
    }

    fn get(&self, path: &str) -> Value {
        let Answer(status, _, body) = self.ask("GET", path, &[], "");
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).unwrap_or_else(|error| panic!("{path}: {error} in {body}"))
    }

    /// Watches the tiles, and keeps the latest picture of each.
    fn watch(&self) -> Arc<Mutex<BTreeMap<String, Value>>> {
        let mut stream = TcpStream::connect(&self.address).expect("a server");
        let host = &self.address;
        write!(stream, "GET /api/live/stream HTTP/1.1\r\nHost: {host}\r\n\r\n").expect("sent");
        let pictures = Arc::new(Mutex::new(BTreeMap::new()));
        let hung = Arc::clone(&pictures);
        std::thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                let Some(picture) = line.strip_prefix("data: ") else { continue };
                let picture: Value = serde_json::from_str(picture).expect("a picture");
                let id = picture["id"].as_str().expect("an id").to_owned();
                hung.lock().expect("no panic").insert(id, picture);
            }
        });
        pictures
    }

    fn press(&self, button: &str) {
        let Answer(status, _, body) = self.ask("POST", &format!("/pulse/{button}"), &[], "");
        assert_eq!(status, 202, "{button}: {body}");
    }

    /// Waits until the status is like that.
    fn until(&self, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        self.until_at("/pulse", what, is)
    }

    fn until_at(&self, path: &str, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        let began = Instant::now();
        loop {
            let answer = self.get(path);
            if is(&answer) {
                return answer;
            }
            assert!(began.elapsed() < PATIENCE, "not true: {what}: {answer}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Ends it as Ctrl-C does, and returns how long that took and what it has written.
    fn interrupt(mut self) -> (Duration, String) {
        let began = Instant::now();
        kill_process(Pid::from_child(&self.child), Signal::INT).expect("pulse runs");
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).expect("readable");
        assert_eq!(self.child.wait().expect("a status").code(), Some(0), "{rest}");
        (began.elapsed(), rest)
    }
}

fn ask(address: &str, method: &str, path: &str, headers: &[&str], body: &str) -> Answer {
    let mut stream = TcpStream::connect(address).expect("a server");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let headers = headers.iter().map(|header| format!("{header}\r\n")).collect::<String>();
    let head = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{headers}");
    // A server that has heard enough closes the connection.
    let _ = stream.write_all(format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes());
    let mut text = Vec::new();
    let _ = stream.read_to_end(&mut text);
    let text = String::from_utf8_lossy(&text).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer to {path}: {text}"));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    Answer(status, head.to_lowercase(), body.to_owned())
}

#[test]
fn buttons_do_what_they_say_and_the_numbers_stay_right() {
    let run = Run::start();
    run.press("poison");
    run.until("five dead letters", |status| status["dead_letters"] == 5);

    let pictures = run.watch();
    run.press("start-second");
    let running = |status: &Value| {
        let instances = status["instances"].as_array().expect("a list").iter();
        instances.map(|instance| instance["running"].as_u64().unwrap_or(0)).collect::<Vec<_>>()
    };
    run.until("both have tasks", |status| running(status) == [12, 12]);
    // Either of them answers for both, and so do the tiles, although the second one could not be asked at first.
    std::thread::sleep(Duration::from_secs(2));
    let began = Instant::now();
    loop {
        let pictures = pictures.lock().expect("no panic");
        let is_whole = |picture: &Value| picture["state"] == "live" && picture["missing"].is_null();
        if pictures.len() == 9 && pictures.values().all(is_whole) {
            break;
        }
        assert!(began.elapsed() < PATIENCE, "{pictures:?}");
        drop(pictures);
        std::thread::sleep(Duration::from_millis(50));
    }
    let second = Run::address_of(&run.get("/pulse")["instances"][1]);
    for user in 1_001..1_009 {
        let path = format!("/recommend/user/{user}");
        for address in [&run.address, &second] {
            let Answer(status, _, body) = ask(address, "GET", &path, &[], "");
            assert_eq!(status, 200, "{path} at {address}: {body}");
        }
    }
    run.press("double");
    run.until("more come", |status| status["is_doubled"] == true);
    run.press("kill-second");
    run.until("one has all tasks", |status| running(status) == [24]);

    let status = run.get("/pulse");
    assert_eq!(status["dead_letters"], 5);
    assert_eq!(status["check"]["wrong"], 0, "{status}");
    let (took, summary) = run.interrupt();
    assert!(summary.contains("numbers right: yes") && summary.contains("dead letters: 5\n"), "{summary}");
    assert!(took < Duration::from_secs(10), "{took:?}");
}

#[test]
fn the_page_has_a_panel_and_tiles() {
    let run = Run::start();
    for (path, media_type, text) in [
        ("/", "text/html", "<html"),
        ("/panels/pulse.js", "text/javascript", "export function show(element, api)"),
        ("/pulse/panel.css", "text/css", ".pulse-panel"),
    ] {
        let Answer(status, head, body) = run.ask("GET", path, &[], "");
        assert_eq!(status, 200, "{path}");
        assert!(head.contains(&format!("content-type: {media_type}")) && body.contains(text), "{path}: {head}");
    }
    let live = run.get("/api/live");
    assert_eq!(live["panels"], json!(["pulse"]));
    assert_eq!(live["tiles"].as_array().map(Vec::len), Some(9), "{live}");
    let (_, summary) = run.interrupt();
    assert!(summary.contains("numbers right: yes"), "{summary}");
}

#[test]
fn events_are_collected_and_lead_to_recommendations() {
    let run = Run::start();
    let collect = |events: Value| run.ask("POST", "/collect", &[], &events.to_string());
    let Answer(status, head, body) = collect(json!({ "user": 7, "page": "/products/pan" }));
    assert_eq!((status, body.as_str()), (202, r#"{"accepted":1}"#));
    assert!(head.contains("x-kstream-position: pulse-views-"), "{head}");
    let more = ["/products/oven", "/", "/products/kettle"].map(|page| json!({ "user": 7, "page": page }));
    assert_eq!(collect(json!(more)).2, r#"{"accepted":3}"#);
    assert_eq!(collect(json!({ "user": 7, "page": "/my/own", "element": "link" })).0, 202);

    // It is in the log; a moment later it is in the store.
    let viewed = json!(["/products/kettle", "/products/oven", "/products/pan"]);
    // At first nobody else may have viewed any of these.
    let recommended = run.until_at("/recommend/user/7", "others have viewed them, too", |answer| {
        answer["viewed"] == viewed && answer["because"] == "viewed"
    });
    let pages = recommended["recommended"].as_array().expect("a list").len();
    assert!((1..=10).contains(&pages), "{recommended}");
    run.until_at("/recommend/after?page=/products/pan", "the oven comes after the pan", |after| {
        let also = after["also_viewed"].as_array().expect("a list").iter();
        also.map(|also| &also["page"]).any(|page| page == "/products/oven")
    });
    let stranger = run.get("/recommend/user/8");
    assert_eq!((&stranger["because"], &stranger["viewed"]), (&json!("popular"), &json!([])));
    assert_eq!(stranger["recommended"].as_array().map(Vec::len), Some(10), "{stranger}");

    let (_, summary) = run.interrupt();
    assert!(summary.contains("numbers right: yes"), "{summary}");
}

#[test]
fn what_makes_no_sense_is_refused_and_changes_nothing() {
    let run = Run::start();
    let long = format!(r#"{{"user":1,"page":"/{}"}}"#, "x".repeat(2_000_000));
    let stranger = ["Origin: http://shop.example.org"];
    for (method, path, headers, body, status, code) in [
        ("POST", "/collect", &[][..], "", 400, "bad_request"),
        ("POST", "/collect", &[], "\u{0}", 400, "bad_request"),
        ("POST", "/collect", &[], "[[[[[[[[[[[[[[[[[[[[", 400, "bad_request"),
        ("POST", "/collect", &[], r#"{"user":1,"page":"no"}"#, 400, "bad_request"),
        ("POST", "/collect", &[], &long, 413, "too_large"),
        ("POST", "/collect", &["Host: rebound.example.org"], "{}", 400, "bad_request"),
        ("GET", "/collect", &[], "", 405, "method_not_allowed"),
        ("GET", "/recommend/user/ada", &[], "", 400, "bad_request"),
        ("GET", "/recommend/user/-1", &[], "", 400, "bad_request"),
        ("GET", "/recommend/after", &[], "", 400, "bad_request"),
        ("GET", "/recommend/after?page=/cart", &[], "", 400, "bad_request"),
        ("POST", "/pulse/self-destruct", &[], "", 404, "unknown_action"),
        ("POST", "/pulse/poison", &stranger, "", 403, "cross_origin"),
        ("GET", "/pulse/poison", &[], "", 405, "method_not_allowed"),
    ] {
        let Answer(found, _, answer) = run.ask(method, path, headers, body);
        let answer: Value = serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{path}: {error}: {answer}"));
        assert_eq!((found, &answer["error"]["code"]), (status, &json!(code)), "{method} {path}: {answer}");
    }
    // The page of a shop may send events, and nothing else.
    let Answer(status, head, _) = run.ask("POST", "/collect", &stranger, r#"{"user":1001,"page":"/"}"#);
    assert_eq!(status, 202);
    assert!(head.contains("access-control-allow-origin: *"), "{head}");
    let status = run.get("/pulse");
    assert_eq!((&status["dead_letters"], &status["check"]["wrong"]), (&json!(0), &json!(0)), "{status}");
    let (_, summary) = run.interrupt();
    assert!(summary.contains("numbers right: yes"), "{summary}");
}
