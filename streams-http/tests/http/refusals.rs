//! Paths, methods and parameters that there are not. All errors have one shape.

use crate::support::{connect, scene, send};

#[test]
fn there_is_nothing_behind_tricks_with_paths() {
    let scene = scene(|http| http);
    for path in [
        "/page",
        "/page/",
        "/page/../api/app",
        "/panels/buttons.js",
        "/api",
        "/api/",
        "/api/nothing",
        "/api/app/",
        "//api/app",
        "/api//app",
        "/API/APP",
        "/api/stores/../../etc/passwd",
        "/../../etc/passwd",
        "/api/../../etc/passwd",
        "/api/%2e%2e/%2e%2e/etc/passwd",
        "/api/..%2f..%2fetc%2fpasswd",
        "/api/app%00",
        "/api/app;x=1",
        "/api/%61pp",
        "/livez/x",
        "/%",
        "/%ff%fe",
    ] {
        let answer = scene.get(path);
        assert_eq!((answer.status, answer.error_code().as_str()), (404, "not_found"), "{path}");
    }
}

#[test]
fn a_wrong_method_is_told_which_ones_work() {
    let scene = scene(|http| http.allow_actions(true));
    for (method, path, allowed) in [
        ("POST", "/api/app", "GET,HEAD"),
        ("DELETE", "/api/tasks", "GET,HEAD"),
        ("PUT", "/livez", "GET,HEAD"),
        ("OPTIONS", "/api/app", "GET,HEAD"),
        ("GET", "/api/app/stop", "POST"),
        ("BREW", "/api/app", "GET,HEAD"),
    ] {
        let answer = scene.ask(method, path, &[]);
        let found = (answer.status, answer.header("allow"), answer.error_code());
        assert_eq!(found, (405, Some(allowed), "method_not_allowed".to_owned()), "{method} {path}");
    }
    assert!(!scene.app.state().is_final());
    let head = scene.ask("HEAD", "/api/app", &[]);
    assert_eq!((head.status, head.body.as_str()), (200, ""));
}

#[test]
fn parameters_that_there_are_not_are_an_error() {
    let scene = scene(|http| http);
    for path in [
        "/api/topology?format=xml",
        "/api/topology?format=",
        "/api/topology?formt=text",
        "/api/topology?format=text&format=dot",
        "/api/topology?format=%ff",
        "/api/app?x=1",
        "/api/tasks?state=running",
        "/api/config?secrets=true",
    ] {
        let answer = scene.get(path);
        assert_eq!((answer.status, answer.error_code().as_str()), (400, "bad_request"), "{path}");
    }
    // Probes come with whatever an orchestrator adds.
    assert_eq!(scene.get("/livez?verbose").status, 200);
}

/// Whatever arrives, the server answers the next request.
#[test]
fn what_is_not_http_hurts_nobody() {
    let scene = scene(|http| http);
    let path = |bytes: usize| format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "a".repeat(bytes));
    let (long, longer) = (path(70_000), path(1 << 20));
    let many = format!("GET /livez HTTP/1.1\r\nHost: localhost\r\n{}\r\n", "X: y\r\n".repeat(10_000));
    let wide = format!("GET /livez HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "y".repeat(1 << 20));
    for (bytes, expected) in [
        (&b"\r\n\r\n\r\n"[..], None),
        (b"hello\r\n\r\n", Some(400)),
        (b"GET\r\n\r\n", Some(400)),
        (b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n", Some(400)),
        (b"GET /api/stores/\xff HTTP/1.1\r\nHost: localhost\r\n\r\n", Some(400)),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", Some(400)),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", None),
        (b"GET /livez HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n", Some(400)),
        (b"GET /livez HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", Some(400)),
        (b"POST /livez HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", Some(400)),
        (b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX\x00Y: z\r\n\r\n", Some(400)),
        (long.as_bytes(), Some(414)),
        (longer.as_bytes(), Some(431)),
        (many.as_bytes(), Some(431)),
        (wide.as_bytes(), Some(431)),
    ] {
        let stream = connect(scene.address());
        drop(stream);
        let status = send_and_hang_up(scene.address(), bytes);
        let text = String::from_utf8_lossy(&bytes[..bytes.len().min(60)]).into_owned();
        // Where there is more to send, the connection may be reset before the answer is read.
        let may_be_lost = bytes.len() > 10_000 && status.is_none();
        assert!(status == expected || may_be_lost, "{text:?}: {status:?}");
        assert_eq!(scene.get("/livez").status, 200, "{text:?}");
    }
    assert!(send(scene.address(), b"GET /livez HTTP/1.0\r\nHost: localhost\r\n\r\n").is_some());
}

/// Regression: the first ones were answered with a plain text, and the others as if another text had been meant.
#[test]
fn paths_and_parameters_that_are_no_text_are_refused() {
    let scene = scene(|http| http.allow_actions(true).dashboard(false));
    let store = "/api/stores/KSTREAM-AGGREGATE-STATE-STORE-0000000001";
    let of_store = |rest: &str| format!("{store}{rest}");
    for (method, path, message) in [
        ("GET", "/api/stores/%ff".to_owned(), "the path: Invalid URL: Invalid UTF-8 in `store`"),
        ("GET", "/api/stores/%ff/stream".to_owned(), "the path: Invalid URL: Invalid UTF-8 in `store`"),
        ("GET", of_store("/%c3%28"), "the path: Invalid URL: Invalid UTF-8 in `key`"),
        ("GET", "/api/topics/%ff".to_owned(), "the path: Invalid URL: Invalid UTF-8 in `topic`"),
        ("GET", "/api/topics/%ff/records".to_owned(), "the path: Invalid URL: Invalid UTF-8 in `topic`"),
        ("POST", "/api/topics/%ff/records".to_owned(), "the path: Invalid URL: Invalid UTF-8 in `topic`"),
        ("GET", "/api/dead-letters/%ff/0".to_owned(), "the path: Invalid URL: Invalid UTF-8 in `partition`"),
        ("POST", "/api/dead-letters/0/%ff/replay".to_owned(), "the path: Invalid URL: Invalid UTF-8 in `offset`"),
        ("GET", of_store("?key=%ff"), "the parameters: what is behind `%` is no text in UTF-8"),
        ("GET", of_store("?prefix=a&from=%c3%28"), "the parameters: what is behind `%` is no text in UTF-8"),
        ("GET", "/api/app?%ff".to_owned(), "the parameters: what is behind `%` is no text in UTF-8"),
    ] {
        let answer = scene.ask(method, &path, &[]);
        assert_eq!((answer.status, answer.error_code().as_str()), (400, "bad_request"), "{method} {path}");
        assert_eq!(answer.json()["error"]["message"], message, "{method} {path}");
    }
    // A key may have any letters, a zero and a slash among them.
    for path in ["/%00", "/a%2Fb", "/..", "/%2e%2e", "?key=%00", "?key=a%2Fb", "?key=..%2F"] {
        let answer = scene.get(&of_store(path));
        assert!([200, 404].contains(&answer.status), "{path}: {answer:?}");
        assert!(answer.status == 200 || ["no_row", "not_found"].contains(&&*answer.error_code()), "{path}: {answer:?}");
    }
}

/// Sends bytes and nothing more.
fn send_and_hang_up(address: std::net::SocketAddr, bytes: &[u8]) -> Option<u16> {
    use std::io::Write as _;
    let mut stream = connect(address);
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(std::net::Shutdown::Write);
    crate::support::Answer::read(&stream).map(|answer| answer.status)
}
