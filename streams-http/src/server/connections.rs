//! Serves connections, at most some at once.
//!
//! A connection costs memory and one of the process's files, so there is a limit. Whoever opens many and asks nothing must
//! not keep others out: beyond the limit, those are closed that have been idle for the longest. hyper closes every one that
//! does not ask in time.
//!
//! What hyper cannot read as a request it answers by itself, with 400, 414 (a path of more than 65,534 bytes) or 431 (more than
//! 100 headers, or too many bytes of them). Those answers have no body, unlike all others that refuse something: hyper 1 lets
//! nobody add one.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::TcpListener as Socket;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use futures::StreamExt as _;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use streams_core::runtime::Handle;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tower::Service as _;

use crate::limits::Limits;

/// How long to wait when nothing can be accepted, usually because the process has too many files open.
const ACCEPT_AGAIN: Duration = Duration::from_millis(50);

/// Serves until `stopped` is true, and then until what was being asked is answered.
pub(super) async fn serve(
    app: &Handle,
    socket: Socket,
    routes: Router,
    limits: Limits,
    mut stopped: watch::Receiver<bool>,
) {
    let tell = |error: &std::io::Error| {
        app.about().heard(|| tracing::warn!(%error, "the HTTP server cannot accept connections: {error}"));
    };
    let listener = match TcpListener::from_std(socket) {
        Ok(listener) => listener,
        Err(error) => return tell(&error),
    };
    let (open, mut tasks, mut is_told) = (Open::default(), JoinSet::new(), false);
    loop {
        let accepted = tokio::select! {
            _ = stopped.wait_for(|stopped| *stopped) => break,
            Some(_) = tasks.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                is_told = false;
                // All are busy, or being closed: whoever asks may try again.
                let Some(seat) = open.seat(limits.connections) else { continue };
                tasks.spawn(serve_one(stream, routes.clone(), seat, limits, stopped.clone()));
            }
            // It is about that one connection.
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                if !std::mem::replace(&mut is_told, true) {
                    tell(&error);
                }
                sleep(ACCEPT_AGAIN).await;
            }
        }
    }
    drop(listener);
    let _ = timeout(limits.close, async { while tasks.join_next().await.is_some() {} }).await;
}

fn is_of_one_connection(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

async fn serve_one(stream: TcpStream, routes: Router, seat: Seat, limits: Limits, mut stopped: watch::Receiver<bool>) {
    let seat = Arc::new(seat);
    let service = service_fn(|request: Request<Incoming>| {
        let (mut routes, busy) = (routes.clone(), seat.is_busy());
        async move {
            let Ok(response) = routes.call(request).await;
            Ok::<_, Infallible>(busy_until_it_ends(response, busy))
        }
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(limits.read);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    tokio::select! {
        // Whoever hangs up in the middle has nothing to be told.
        _ = connection.as_mut() => return,
        _ = stopped.wait_for(|stopped| *stopped) => {}
        () = seat.close.notified() => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = timeout(limits.close, connection).await;
}

/// A stream of events is an answer until it ends. Others are made as a whole, and whoever does not read one has no right to
/// the connection. There may be fewer streams than connections, so that some can always be closed.
fn busy_until_it_ends(response: Response, busy: Busy) -> Response {
    let media_type = response.headers().get(CONTENT_TYPE).map(|media_type| media_type.as_bytes());
    let goes_on = [b"text/event-stream".as_slice(), b"application/x-ndjson"];
    if !media_type.is_some_and(|media_type| goes_on.iter().any(|prefix| media_type.starts_with(prefix))) {
        return response;
    }
    response.map(|body| {
        Body::from_stream(body.into_data_stream().inspect(move |_| {
            // Held as long as the stream is.
            let _busy = &busy;
        }))
    })
}

/// The connections that are open.
#[derive(Clone, Default)]
struct Open(Arc<Mutex<Seats>>);

#[derive(Default)]
struct Seats {
    last: u64,
    taken: BTreeMap<u64, Taken>,
}

struct Taken {
    /// `None` while a request is being answered, or events are streamed.
    idle_since: Option<Instant>,
    is_closing: bool,
    close: Arc<Notify>,
}

/// A connection's place among the others, until it is dropped.
struct Seat {
    open: Open,
    number: u64,
    close: Arc<Notify>,
}

impl Open {
    /// A seat for a new connection. If all are taken, the one that has been idle for the longest is closed; `None` if none
    /// is idle.
    fn seat(&self, seats_max: usize) -> Option<Seat> {
        let mut seats = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let closing = seats.taken.values().filter(|taken| taken.is_closing).count();
        // Those that are being closed still hold a file.
        if closing > seats_max {
            return None;
        }
        if seats.taken.len() - closing >= seats_max {
            let idle = seats.taken.values_mut().filter(|taken| !taken.is_closing);
            let longest = idle.filter(|taken| taken.idle_since.is_some()).min_by_key(|taken| taken.idle_since)?;
            longest.is_closing = true;
            longest.close.notify_one();
        }
        seats.last += 1;
        let (number, close) = (seats.last, Arc::new(Notify::new()));
        let taken = Taken { idle_since: Some(Instant::now()), is_closing: false, close: Arc::clone(&close) };
        seats.taken.insert(number, taken);
        Some(Seat { open: self.clone(), number, close })
    }
}

impl Seat {
    /// A request is being answered, until what this returns is dropped.
    fn is_busy(self: &Arc<Self>) -> Busy {
        self.set_idle(None);
        Busy(Arc::clone(self))
    }

    fn set_idle(&self, since: Option<Instant>) {
        let mut seats = self.open.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(taken) = seats.taken.get_mut(&self.number) {
            taken.idle_since = since;
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.open.0.lock().unwrap_or_else(PoisonError::into_inner).taken.remove(&self.number);
    }
}

/// A request is being answered.
struct Busy(Arc<Seat>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.set_idle(Some(Instant::now()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn beyond_the_limit_the_longest_idle_connection_is_closed() {
        let open = Open::default();
        let mut seats = Vec::new();
        for _ in 0..3 {
            seats.push(Arc::new(open.seat(3).expect("a seat")));
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        let is_closing = |seat: &Seat| {
            let seats = open.0.lock().expect("no panic");
            seats.taken.get(&seat.number).is_some_and(|taken| taken.is_closing)
        };
        // The first one is busy, so the second is the next to go.
        let busy = seats[0].is_busy();
        let fourth = Arc::new(open.seat(3).expect("a seat"));
        assert_eq!(seats.iter().map(|seat| is_closing(seat)).collect::<Vec<_>>(), [false, true, false]);
        timeout(Duration::from_secs(1), seats[1].close.notified()).await.expect("it is told to close");
        // Nobody is thrown out twice, and nobody who is busy.
        let also_busy = [seats[2].is_busy(), fourth.is_busy()];
        assert!(open.seat(3).is_none());
        drop(busy);
        let fifth = open.seat(3).expect("a seat");
        assert_eq!(seats.iter().map(|seat| is_closing(seat)).collect::<Vec<_>>(), [true, true, false]);
        drop((also_busy, fifth, seats, fourth));
        assert!(open.0.lock().expect("no panic").taken.is_empty());
    }
}
