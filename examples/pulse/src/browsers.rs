//! Visitors with browsers: their events are sent to `POST /collect`, as a shop's pages would.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, header};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::Failure;
use crate::board::Shared;
use crate::traffic::Event;
use crate::web::COLLECT_MAX;

/// How many events wait to be sent.
pub const QUEUE: usize = 500;

/// How often to look whether it is over.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// What takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(5);

/// Sends what is in the queue, as much as there is at once, one request after the other until `is_over`.
pub fn browse(shared: &Shared, queue: &Receiver<Event>, is_over: &dyn Fn() -> bool) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut connection = None;
    while !is_over() {
        let first = match queue.recv_timeout(LOOK_INTERVAL) {
            Ok(event) => event,
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        };
        let events: Vec<Event> = std::iter::once(first).chain(queue.try_iter()).take(COLLECT_MAX).collect();
        let Some(address) = shared.board().addresses.first().cloned() else { continue };
        let sent = runtime.block_on(async { timeout(PATIENCE, send(&mut connection, &address, &events)).await });
        if !matches!(sent, Ok(Ok(()))) {
            // The instance was killed, for instance. A browser does not send its events again.
            connection = None;
        }
    }
    Ok(())
}

async fn send(
    connection: &mut Option<SendRequest<Body>>,
    address: &str,
    events: &[Event],
) -> Result<(), Box<dyn std::error::Error>> {
    let open = match connection {
        Some(open) if !open.is_closed() => open,
        closed => closed.insert(connect(address).await?),
    };
    let events: Vec<_> = events
        .iter()
        .map(|event| json!({ "user": event.user.0, "page": event.page, "element": event.clicked }))
        .collect();
    let request = Request::post("/collect")
        .header(header::HOST, address)
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(serde_json::to_vec(&events)?))?;
    let answer = open.send_request(request).await?;
    let is_accepted = answer.status().is_success();
    axum::body::to_bytes(Body::new(answer.into_body()), 100_000).await?;
    if is_accepted { Ok(()) } else { Err("not accepted".into()) }
}

async fn connect(address: &str) -> Result<SendRequest<Body>, Box<dyn std::error::Error>> {
    let (sender, connection) = handshake(TokioIo::new(TcpStream::connect(address).await?)).await?;
    tokio::spawn(connection);
    Ok(sender)
}
