//! What a request's body may cost.

use std::io::Write as _;
use std::time::{Duration, Instant};

use crate::support::{Answer, connect, post, scene, send};

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
            assert_eq!(answer.json()["error"]["message"], "a request's body may have 1048576 bytes");
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

/// Whatever a body is, nothing of it is written.
#[test]
fn bodies_that_are_no_json_say_what_is_wrong() {
    let scene = scene(|http| http.allow_actions(true).all_topics(true));
    let deep = "[".repeat(100_000);
    let deep_object = r#"{"key":"#.repeat(100_000);
    let (records, topics) = ("/api/topics/lines/records", "/api/topics");
    for (path, body, expected) in [
        (records, "key=ada&value=to+be", "the body is no record as JSON: expected value at line 1 column 1"),
        (
            records,
            "--x\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\nada\r\n--x--",
            "the body is no record as JSON",
        ),
        (records, "<record/>", "the body is no record as JSON: expected value"),
        (records, "null", "the body is no record as JSON: invalid type: null"),
        (records, "7", "the body is no record as JSON: invalid type: integer `7`"),
        (records, r#"{"key":"ada","key":"bob"}"#, "the body is no record as JSON: duplicate field `key`"),
        (records, r#"{"key":"ada","value":"to be"} more"#, "the body is no record as JSON: trailing characters"),
        (records, r#"{"key":"ada","value":"to"#, "the body is no record as JSON: EOF while parsing a string"),
        (records, r#"{"key":"ada","value":"\ud800"}"#, "the body is no record as JSON"),
        (
            records,
            r#"{"key":"ada","value":"x","partition":9999999999}"#,
            "the body is no record as JSON: invalid value",
        ),
        (
            records,
            r#"{"key":"ada","value":"x","timestamp":1e400}"#,
            "the body is no record as JSON: number out of range",
        ),
        (records, &deep, "the body is no record as JSON: recursion limit exceeded"),
        (records, &deep_object, "the body is no record as JSON: recursion limit exceeded"),
        (topics, "", "the body is no topic as JSON: EOF while parsing a value"),
        (topics, "name=news", "the body is no topic as JSON: expected"),
        (topics, "[]", "the body is no topic as JSON: invalid length 0"),
        (topics, &deep, "the body is no topic as JSON"),
        (topics, r#"{"name":"news","partition":3}"#, "the body is no topic as JSON: unknown field `partition`"),
        ("/peer/rows", "{}", "missing field"),
        ("/peer/rows", &deep, ""),
        ("/peer/news", "key=ada", "expected"),
    ] {
        let text = &body[..body.len().min(60)];
        let answer = post(scene.address(), path, body);
        assert_eq!((answer.status, answer.error_code().as_str()), (400, "bad_request"), "{path} {text}: {answer:?}");
        let message = answer.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.contains(expected), "{path} {text}: {message}");
    }
    let no_text = [b"POST /api/topics/lines/records HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n".as_slice()];
    let no_text = [no_text[0], b"Content-Length: 8\r\n\r\n{\"a\":\"\xff\""].concat();
    assert_eq!(send(scene.address(), &no_text).unwrap().error_code(), "bad_request");
    assert_eq!(scene.log.read(&crate::support::LINES).unwrap(), []);
    assert!(!scene.get("/api/topics?all=true").body.contains("news"));
}
