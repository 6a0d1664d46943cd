//! The servers as their callers see them: each test starts what it needs, on a log in memory and free ports.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "this is how tests fail")]

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use millstream::http::{Http, HttpServer};
use millstream::log::{Doorbell, Log};
use millstream::prelude::*;
use millstream::runtime::Running;

use crate::server::Server;
use crate::{consumer, producer, running, server};

mod exchange;
mod extensions;
mod instances;
mod original;

use exchange::{Answer, ask};

/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// An instance of the application with both servers. Dropping it ends it.
struct Instance {
    consumer: HttpServer,
    producer: (Server, SocketAddr),
    client: Client,
    app: Running,
}

impl Instance {
    fn start(log: &Embedded) -> Self {
        let log: Arc<dyn Log> = Arc::new(log.clone());
        let client = running::client(&log).unwrap();
        let app = running::configured(App::new(running::GROUP, crate::topology::topology().unwrap()));
        let app = app.quiet().start(log).unwrap();
        app.wait_until_running().unwrap();
        let routes = consumer::routes(&app, client.clone());
        let consumer = Http::of(&app).bind("127.0.0.1:0").routes(routes).start().unwrap();
        let (socket, address) = server::listen(0).unwrap();
        let producer = (Server::start(socket, producer::routes(client.clone())).unwrap(), address);
        Self { consumer, producer, client, app }
    }

    fn send(&self, form: &str) -> Answer {
        let form_type = ("Content-Type", "application/x-www-form-urlencoded");
        ask(self.producer.1, "POST", "/send", &[form_type], form.as_bytes())
    }

    fn post(&self, path: &str, json: &str) -> Answer {
        ask(self.producer.1, "POST", path, &[("Content-Type", "application/json")], json.as_bytes())
    }

    fn get(&self, path: &str) -> Answer {
        ask(self.consumer.address(), "GET", path, &[], b"")
    }

    /// The body, once it is as expected; or what it is in the end.
    fn get_until(&self, path: &str, is_expected: impl Fn(&str) -> bool) -> String {
        let began = Instant::now();
        loop {
            let body = self.get(path).text();
            if is_expected(&body) || began.elapsed() > PATIENCE {
                return body;
            }
            Doorbell::new().wait(Duration::from_millis(5));
        }
    }
}

/// How often a text occurs in another one.
fn count(text: &str, part: &str) -> usize {
    text.matches(part).count()
}

#[test]
fn the_server_of_routes_alone_ends_although_somebody_is_still_asking() {
    let (socket, address) = server::listen(0).unwrap();
    let client = Client::new(Embedded::in_memory()).unwrap();
    let server = Server::start(socket, producer::routes(client)).unwrap();
    let idle = TcpStream::connect(address).unwrap();
    let mut slow = TcpStream::connect(address).unwrap();
    let mut begun = [0; 12];
    slow.write_all(b"GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    slow.read_exact(&mut begun).unwrap();
    assert_eq!(&begun, b"HTTP/1.1 404");
    slow.write_all(b"POST /send HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nfrom").unwrap();
    // Once the server has read it.
    Doorbell::new().wait(Duration::from_millis(100));
    let began = Instant::now();
    drop(server);
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    let mut rest = Vec::new();
    let _ = (&idle).read_to_end(&mut rest);
    assert_eq!(rest, b"");
}

#[test]
fn a_port_that_is_taken_is_an_error() {
    let (socket, address) = server::listen(0).unwrap();
    let error = server::listen(address.port()).unwrap_err();
    assert!(error.starts_with(&format!("port {} cannot be used: ", address.port())), "{error}");
    drop(socket);
    server::listen(address.port()).unwrap();
}
