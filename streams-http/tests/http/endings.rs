//! How a server ends.

use std::io::Write as _;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use millstream::http::Http;

use crate::support::{connect, scene};

#[test]
fn a_server_that_is_dropped_is_gone_within_a_second() {
    let scene = scene(|http| http);
    let http = Http::of(&scene.app).bind("127.0.0.1:0").start().unwrap();
    let address = http.address();
    let mut idle: Vec<TcpStream> = (0..5).map(|_| connect(address)).collect();
    // Somebody is in the middle of a request.
    idle[0].write_all(b"GET /livez HTTP/1.1\r\nHost: loc").unwrap();
    idle[1].write_all(b"POST /livez HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n").unwrap();
    let began = Instant::now();
    drop(http);
    let took = began.elapsed();
    assert!(took < Duration::from_secs(1), "{took:?}");
    assert!(TcpStream::connect(address).is_err(), "nobody listens any more");
    assert_eq!(scene.get("/livez").status, 200, "the other server and the application go on");
}

#[test]
fn a_server_ends_within_an_async_program() {
    let scene = scene(|http| http);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let http = Http::of(&scene.app).bind("127.0.0.1:0").start().unwrap();
        assert_eq!(crate::support::ask(http.address(), "GET", "/livez", &[]).status, 200);
        drop(http);
    });
}
