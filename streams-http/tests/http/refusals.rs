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
    let long = format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "a".repeat(1 << 20));
    let many = format!("GET /livez HTTP/1.1\r\nHost: localhost\r\n{}\r\n", "X: y\r\n".repeat(10_000));
    let wide = format!("GET /livez HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "y".repeat(1 << 20));
    for bytes in [
        &b"\r\n\r\n\r\n"[..],
        b"hello\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST /livez HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX\x00Y: z\r\n\r\n",
        long.as_bytes(),
        many.as_bytes(),
        wide.as_bytes(),
    ] {
        let stream = connect(scene.address());
        drop(stream);
        let status = send_and_hang_up(scene.address(), bytes);
        let text = String::from_utf8_lossy(&bytes[..bytes.len().min(60)]).into_owned();
        assert!(status.is_none_or(|status| (400..506).contains(&status)), "{text:?}: {status:?}");
        assert_eq!(scene.get("/livez").status, 200, "{text:?}");
    }
    assert!(send(scene.address(), b"GET /livez HTTP/1.0\r\nHost: localhost\r\n\r\n").is_some());
}

/// Sends bytes and nothing more.
fn send_and_hang_up(address: std::net::SocketAddr, bytes: &[u8]) -> Option<u16> {
    use std::io::Write as _;
    let mut stream = connect(address);
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(std::net::Shutdown::Write);
    crate::support::Answer::read(&stream).map(|answer| answer.status)
}
