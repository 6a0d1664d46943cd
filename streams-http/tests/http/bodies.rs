//! What a request's body may cost.

use std::io::Write as _;
use std::time::{Duration, Instant};

use crate::support::{Answer, connect, scene, send};

const MIB: usize = 1 << 20;

#[test]
fn a_body_may_have_a_mebibyte() {
    let scene = scene(|http| http.allow_actions(true));
    let sized = |bytes: usize| {
        let head = format!(
            "POST /api/app/pause HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {bytes}\r\n\r\n"
        );
        send(scene.address(), &[head.as_bytes(), &vec![b'x'; bytes]].concat())
    };
    let chunked = |chunks: usize| {
        let head = "POST /api/app/pause HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
                    Transfer-Encoding: chunked\r\n\r\n";
        let chunk = [b"10000\r\n".as_slice(), &vec![b'x'; 0x1_0000], b"\r\n"].concat();
        send(scene.address(), &[head.as_bytes(), &chunk.repeat(chunks), b"0\r\n\r\n"].concat())
    };
    for (answer, expected) in [
        (sized(0), 202),
        (sized(MIB), 202),
        (sized(MIB + 1), 413),
        (sized(64 * MIB), 413),
        (chunked(16), 202),
        (chunked(17), 413),
    ] {
        // It may be that the connection is reset before the answer is read, since there is more to send.
        let Some(answer) = answer else {
            assert_eq!(expected, 413);
            continue;
        };
        assert_eq!(answer.status, expected, "{answer:?}");
        if expected == 413 {
            assert_eq!(answer.error_code(), "too_large");
        }
    }
    assert_eq!(scene.get("/livez").status, 200);
}

#[test]
fn a_request_that_does_not_arrive_is_not_waited_for() {
    let scene = scene(|http| http.allow_actions(true));
    let began = Instant::now();
    // Its head never ends; its body never comes; nothing comes at all; nothing comes after an answer.
    let starts = [
        "GET /api/app HTTP/1.1\r\nHost: localhost\r\nX: ",
        "POST /api/app/pause HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nabc",
        "",
        "GET /api/app HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ];
    let streams = starts.map(|start| {
        let mut stream = connect(scene.address());
        stream.write_all(start.as_bytes()).unwrap();
        stream
    });
    // One that keeps sending, and never finishes.
    let address = scene.address();
    let loris = std::thread::spawn(move || {
        let mut stream = connect(address);
        stream.write_all(b"GET /api/app HTTP/1.1\r\nHost: localhost\r\n").unwrap();
        let bell = millstream::log::Doorbell::new();
        while stream.write_all(b"X: y\r\n").is_ok() && began.elapsed() < Duration::from_secs(20) {
            bell.wait(Duration::from_millis(200));
        }
        began.elapsed()
    });
    let answers: Vec<_> = streams.iter().map(|stream| Answer::read(stream).map(|answer| answer.status)).collect();
    let took = began.elapsed();
    assert_eq!(answers, [None, Some(408), None, Some(200)]);
    let limits = Duration::from_secs(4)..Duration::from_secs(12);
    assert!(limits.contains(&took), "{took:?}");
    let loris = loris.join().unwrap();
    assert!(limits.contains(&loris), "{loris:?}");
    assert!(!scene.app.is_paused());
}
