//! Many connections.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::support::{Answer, CONNECTIONS, connect, eventually, scene, with_few_files};

#[test]
fn idle_connections_keep_nobody_out() {
    let _alone = with_few_files();
    let scene = scene(|http| http);
    let began = Instant::now();
    let idle: Vec<TcpStream> = (0..CONNECTIONS + 110).map(|_| connect(scene.address())).collect();
    assert_eq!(scene.get("/api/app").status, 200);
    // Those that were idle for the longest had to go, long before their time was up.
    let is_closed = |mut stream: &TcpStream| {
        stream.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
        matches!(stream.read(&mut [0]), Ok(0))
    };
    eventually(|| idle.iter().take(100).all(is_closed));
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    assert!(!idle.last().is_none_or(is_closed), "the last one is still open");
}

#[test]
fn several_requests_come_over_one_connection() {
    let scene = scene(|http| http);
    let mut stream = connect(scene.address());
    for _ in 0..3 {
        stream.write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        let mut text = String::new();
        while Answer::parse(&text).is_none_or(|answer| {
            answer.header("content-length").and_then(|length| length.parse().ok()) != Some(answer.body.len())
        }) {
            let mut bytes = [0; 4096];
            let read = stream.read(&mut bytes).unwrap();
            assert!(read > 0, "{text}");
            text.push_str(&String::from_utf8_lossy(&bytes[..read]));
        }
        assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    }
}

/// As many as may be worked on at once, and then some.
#[test]
fn many_ask_at_once() {
    let scene = scene(|http| http);
    let address = scene.address();
    let asking: Vec<_> = (0..100)
        .map(|_| std::thread::spawn(move || crate::support::ask(address, "GET", "/api/tasks", &[]).status))
        .collect();
    let statuses: Vec<u16> = asking.into_iter().map(|thread| thread.join().unwrap()).collect();
    assert!(statuses.iter().all(|status| [200, 503].contains(status)), "{statuses:?}");
    assert!(statuses.contains(&200), "{statuses:?}");
    assert_eq!(scene.get("/api/tasks").status, 200);
}
