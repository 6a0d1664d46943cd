//! Ten thousand connections that ask nothing, or never finish: others are served. The suite has a process of its own, because it
//! needs as many files as a process may have.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use millstream::log::Doorbell;
use millstream::prelude::*;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// How many connect, if the process may have that many files.
const CROWD: u64 = 10_000;

/// How many connections a server keeps, with that many files.
const KEPT: usize = 2_304;

/// Files for everything else.
const OTHERS: u64 = 500;

/// Nothing that is waited for takes that long.
const PATIENCE: Duration = Duration::from_secs(30);

/// How many connections this process can open to itself, after it has got as many files as it may have. A server keeps a third
/// of the files at most.
fn crowd() -> usize {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }).unwrap();
    let files = limit.maximum.unwrap_or(u64::MAX);
    let crowd = CROWD.min(files.saturating_sub(OTHERS + (files / 3).min(KEPT as u64 + 256)));
    eprintln!("{crowd} connections of {CROWD}: this process may have {files} files");
    usize::try_from(crowd).unwrap()
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

fn is_answered(address: SocketAddr, path: &str) -> bool {
    let mut stream = connect(address);
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.starts_with("HTTP/1.1 200 ")
}

fn is_open(mut stream: &TcpStream) -> bool {
    stream.set_nonblocking(true).unwrap();
    let mut bytes = [0; 4096];
    loop {
        match stream.read(&mut bytes) {
            Ok(0) => return false,
            Ok(_) => {}
            Err(error) => return error.kind() == ErrorKind::WouldBlock,
        }
    }
}

#[test]
fn ten_thousand_connections_that_ask_nothing_keep_nobody_out() {
    const LINES: Topic<String, String> = Topic::new("lines");
    let crowd = crowd();
    let builder = StreamsBuilder::new();
    builder.stream(LINES).to(Topic::<String, String>::new("copy"));
    let log = Embedded::in_memory();
    log.create_topic("lines", 3).unwrap();
    let app = App::new("copy", builder.build().unwrap()).quiet().start(log).unwrap();
    app.wait_until_running().unwrap();
    let http = Http::of(&app).bind("127.0.0.1:0").start().unwrap();
    // They ask nothing, never finish their request, or ask once and stay.
    let starts = [
        "",
        "GET /api/app HTTP/1.1\r\nHost: loc",
        "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "POST /api/app/pause HT",
    ];
    let mut streams = Vec::new();
    for number in 0..crowd {
        let mut stream = connect(http.address());
        // It may be closed already.
        let _ = stream.write_all(starts[number % starts.len()].as_bytes());
        streams.push(stream);
        if number % 500 == 0 {
            let began = Instant::now();
            assert!(is_answered(http.address(), "/api/app"), "not after {number} connections");
            assert!(began.elapsed() < Duration::from_secs(5), "{:?} after {number} connections", began.elapsed());
        }
    }
    assert!(is_answered(http.address(), "/livez") && is_answered(http.address(), "/api/tasks"));
    // Those beyond the limit are told so: their connections are closed.
    let began = Instant::now();
    while streams.iter().filter(|stream| is_open(stream)).count() > KEPT {
        assert!(began.elapsed() < PATIENCE, "more than {KEPT} connections are open");
        Doorbell::new().wait(Duration::from_millis(20));
    }
    assert!(!app.is_paused());
}
