//! An application that is served, and a client that can also send what no client should.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use millstream::http::{Http, HttpServer};
use millstream::log::Doorbell;
use millstream::prelude::*;
use millstream::runtime::{Handle, Running};
use serde_json::Value as Json;

pub(crate) const LINES: Topic<String, String> = Topic::new("lines");
pub(crate) const SHOUTED: Topic<String, String> = Topic::new("shouted");
const COUNTS: Topic<String, i64> = Topic::new("lines-per-key");

/// Nothing that is waited for takes that long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// How many connections a server keeps of a process that may have [`FILES`] files.
pub(crate) const CONNECTIONS: usize = 333;
/// And how many of them may be streams.
pub(crate) const STREAMS: usize = 102;

const FILES: u64 = 1_000;

/// For tests that open more connections than a server keeps: makes the process one that may have few files, and lets only one
/// such test run at a time.
pub(crate) fn with_few_files() -> std::sync::MutexGuard<'static, ()> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    static ONE_AT_A_TIME: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let guard = ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: Some(FILES), maximum }).unwrap();
    guard
}

/// An application on an embedded log, and its server.
pub(crate) struct Scene {
    // Fields are dropped in this order.
    pub(crate) http: HttpServer,
    pub(crate) app: Running,
    pub(crate) log: Embedded,
}

/// Counts the lines of each key, and shouts them.
pub(crate) fn topology() -> Topology {
    shouting(false)
}

/// The same, which shows how many lines there are. Instances with and without that belong together.
pub(crate) fn topology_with_a_tile() -> Topology {
    shouting(true)
}

fn shouting(is_shown: bool) -> Topology {
    let builder = StreamsBuilder::new();
    let lines = builder.stream(LINES);
    let counts = lines.group_by_key().count();
    if is_shown {
        counts.live(|tile| tile.number("Lines"));
    }
    counts.to_stream().to(COUNTS);
    lines.map_values(|line| line.to_uppercase()).to(SHOUTED);
    builder.build().unwrap()
}

/// The application with production's defaults and three partitions, running.
pub(crate) fn scene(serve: impl FnOnce(Http) -> Http) -> Scene {
    scene_of(App::new("shouter", topology()).workers(2).quiet(), serve)
}

pub(crate) fn scene_of(app: App, serve: impl FnOnce(Http) -> Http) -> Scene {
    let log = Embedded::in_memory();
    log.create_topic("lines", 3).unwrap();
    let app = app.start(log.clone()).unwrap();
    app.wait_until_running().unwrap();
    let http = serve(Http::of(&app).bind("127.0.0.1:0")).start().unwrap();
    Scene { http, app, log }
}

impl Scene {
    pub(crate) fn address(&self) -> SocketAddr {
        self.http.address()
    }

    /// The answer to a GET with the headers that every client sends.
    pub(crate) fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[])
    }

    pub(crate) fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        ask(self.address(), method, path, headers)
    }

    /// Sends lines, and waits until all are processed and committed.
    pub(crate) fn process(&self, lines: &[(&str, &str)]) {
        let processed = |app: &Handle| app.tasks().values().map(|task| task.processed - task.uncommitted).sum::<u64>();
        let expected = processed(&self.app) + lines.len() as u64;
        for (key, line) in lines {
            self.log.send(&LINES, *key, *line).unwrap();
        }
        eventually(|| processed(&self.app) == expected);
    }
}

/// Waits until something is true.
pub(crate) fn eventually(mut is_true: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_true() {
        assert!(began.elapsed() < PATIENCE, "it has not become true");
        Doorbell::new().wait(Duration::from_millis(5));
    }
}

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    /// Reads an answer to its end, which is where the server closes the connection.
    pub(crate) fn read(mut stream: &TcpStream) -> Option<Self> {
        let mut bytes = Vec::new();
        // A server that closes before it has read everything resets the connection.
        let _ = stream.read_to_end(&mut bytes);
        Self::parse(&String::from_utf8_lossy(&bytes))
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (head, body) = text.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some(Self { status, head: head.to_owned(), body: body.to_owned() })
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub(crate) fn json(&self) -> Json {
        assert_eq!(self.header("content-type"), Some("application/json"), "{self:?}");
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The code of an error, which has the one shape that all errors have.
    pub(crate) fn error_code(&self) -> String {
        let json = self.json();
        let error = json["error"].as_object().unwrap_or_else(|| panic!("no error: {self:?}"));
        assert_eq!(json.as_object().map(|object| object.len()), Some(1), "{self:?}");
        assert_eq!(error.keys().collect::<Vec<_>>(), ["code", "message"], "{self:?}");
        assert!(error["message"].as_str().is_some_and(|message| message.len() > 10), "{self:?}");
        error["code"].as_str().unwrap().to_owned()
    }
}

pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// The answer to a request, on a connection of its own. `Host` is sent unless it is among the headers.
pub(crate) fn ask(address: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
        request += &format!("Host: {address}\r\n");
    }
    for (name, value) in headers {
        request += &format!("{name}: {value}\r\n");
    }
    send(address, (request + "\r\n").as_bytes()).unwrap_or_else(|| panic!("no answer to {method} {path}"))
}

/// The answer to a POST with a body.
pub(crate) fn post(address: SocketAddr, path: &str, body: &str) -> Answer {
    let length = body.len();
    let head =
        format!("POST {path} HTTP/1.1\r\nConnection: close\r\nHost: {address}\r\nContent-Length: {length}\r\n\r\n");
    send(address, (head + body).as_bytes()).unwrap_or_else(|| panic!("no answer to POST {path}"))
}

/// The answer to bytes, if there is one.
pub(crate) fn send(address: SocketAddr, bytes: &[u8]) -> Option<Answer> {
    let mut stream = connect(address);
    // It may be closed before everything is sent.
    let _ = stream.write_all(bytes);
    Answer::read(&stream)
}

/// The events of a stream, as their names and data.
pub(crate) struct Events(BufReader<TcpStream>, Option<String>);

impl Events {
    pub(crate) fn of(scene: &Scene, path: &str) -> Self {
        Self::at(scene.address(), path, "")
    }

    /// Those of a server, asked with more headers.
    pub(crate) fn at(address: SocketAddr, path: &str, headers: &str) -> Self {
        let mut stream = TcpStream::connect(address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}Accept: text/event-stream\r\n\r\n").unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        Self(BufReader::new(stream), None)
    }

    /// The last id that has come.
    pub(crate) fn last_id(&self) -> Option<&str> {
        self.1.as_deref()
    }

    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        assert!(self.0.read_line(&mut line).unwrap() > 0, "the stream has ended");
        if let Some(id) = line.strip_prefix("id: ") {
            self.1 = Some(id.trim_end().to_owned());
        }
        line.trim_end().to_owned()
    }

    pub(crate) fn next(&mut self) -> (String, Json) {
        self.next_before(Instant::now() + PATIENCE).unwrap()
    }

    /// `None` if nothing but heartbeats has come until then.
    pub(crate) fn next_before(&mut self, deadline: Instant) -> Option<(String, Json)> {
        let mut name = None;
        while Instant::now() < deadline {
            let line = self.line();
            if let Some(event) = line.strip_prefix("event: ") {
                name = Some(event.to_owned());
            } else if let Some(data) = line.strip_prefix("data: ") {
                return Some((name.unwrap(), serde_json::from_str(data).unwrap()));
            }
        }
        None
    }
}
