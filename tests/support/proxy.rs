//! A connection to Kafka that can be cut: a TCP proxy between some clients and a broker.
//!
//! A broker tells its clients its address, so it needs a listener that advertises the proxy's address
//! ([`crate::kafka::OwnCluster::start_behind`]). Clients that bootstrap from [`Proxy::address`] then reach it only through
//! the proxy; others are not affected.
//!
//! The proxy parses the kind of Kafka's requests, so that a test can cut a connection at an exact moment: after the broker
//! has received a request and before the client has the answer. It can also damage what a test recognises in the answers,
//! as a bad cable does whose errors the checksums of TCP do not find.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::PATIENCE;

/// A kind of request, by its number in Kafka's protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestKind(pub i16);

impl RequestKind {
    /// A member joins a rebalance. It is answered once all members have joined.
    pub const JOIN_GROUP: Self = Self(11);
    /// A member asks for its assignment.
    pub const SYNC_GROUP: Self = Self(14);
}

/// A proxy on its own port. It ends with the test's process; dropping it cuts its connections.
pub struct Proxy {
    address: SocketAddr,
    line: Arc<Line>,
}

/// The connections between clients and the broker.
#[derive(Default)]
struct Line {
    state: Mutex<LineState>,
    /// Signalled when the broker has the last request.
    was_cut: Condvar,
    /// Signalled when a silence ends.
    sound: Condvar,
}

#[derive(Default)]
struct LineState {
    broker: Option<SocketAddr>,
    is_cut: bool,
    /// Nothing is forwarded, and nobody is told.
    is_silent: bool,
    /// How long each request and each part of an answer takes.
    delay: Duration,
    /// The next request of this kind is the last to get through.
    last_request: Option<RequestKind>,
    /// A bit of these bytes is turned wherever they are in an answer.
    damaged: Option<Vec<u8>>,
    /// How often that was done.
    damages: usize,
    connections: Vec<Arc<Connection>>,
}

/// A client's connection, and the corresponding one to the broker.
struct Connection {
    client: TcpStream,
    broker: TcpStream,
}

impl Proxy {
    /// A proxy without a broker.
    ///
    /// # Panics
    /// When no port is free.
    #[must_use]
    pub fn new() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let address = listener.local_addr().expect("a bound address");
        let line = Arc::<Line>::default();
        let accepting = Arc::clone(&line);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // To a client that is turned away, nobody is listening.
                let _ = accepting.connect(client);
            }
        });
        Self { address, line }
    }

    /// The address for clients, as `host:port`.
    #[must_use]
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// The port that it listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Forwards connections to that broker from now on.
    pub fn lead_to(&self, broker: SocketAddr) {
        self.line.lock().broker = Some(broker);
    }

    /// Breaks all connections, and accepts none until [`Proxy::heal`].
    pub fn cut(&self) {
        self.line.lock().cut(None);
    }

    /// Forwards nothing any more, while all connections stay open, as when packets are lost. What was sent meanwhile arrives
    /// after [`Proxy::heal`], even from those who have long given up.
    pub fn silence(&self) {
        self.line.lock().is_silent = true;
    }

    /// Forwards everything that much later, in its order.
    pub fn delay(&self, by: Duration) {
        self.line.lock().delay = by;
    }

    /// Forwards the next request of that kind, and cuts everything before it can be answered.
    pub fn cut_after(&self, request: RequestKind) {
        self.line.lock().last_request = Some(request);
    }

    /// Turns one bit of these bytes wherever they are in an answer, until [`Proxy::heal`].
    pub fn damage(&self, bytes: &[u8]) {
        self.line.lock().damaged = Some(bytes.to_vec());
    }

    /// How often [`Proxy::damage`] has turned a bit.
    #[must_use]
    pub fn damages(&self) -> usize {
        self.line.lock().damages
    }

    /// Waits until the broker has the request of [`Proxy::cut_after`].
    ///
    /// # Panics
    /// When nobody sends such a request.
    pub fn wait_until_cut(&self) {
        let state = self.line.lock();
        let waited = self.line.was_cut.wait_timeout_while(state, PATIENCE, |state| state.last_request.is_some());
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        assert_eq!(state.last_request, None, "nobody has sent it");
    }

    /// Forwards everything again as it is, at once. After a cut, it accepts connections again; after a silence, those that
    /// there are go on.
    pub fn heal(&self) {
        let mut state = self.line.lock();
        if state.is_cut {
            state.hang_up();
        }
        state.is_cut = false;
        state.is_silent = false;
        state.delay = Duration::ZERO;
        state.damaged = None;
        self.line.sound.notify_all();
    }
}

impl Default for Proxy {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let mut state = self.line.lock();
        state.is_cut = true;
        state.is_silent = false;
        state.hang_up();
        self.line.sound.notify_all();
    }
}

impl std::fmt::Debug for Proxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Proxy").field("address", &self.address).finish_non_exhaustive()
    }
}

impl LineState {
    /// Cuts off the clients. The broker notices, except for the connection that is spared.
    fn cut(&mut self, spared: Option<&Connection>) {
        self.is_cut = true;
        for connection in &self.connections {
            connection.leave_client();
            if spared.is_none_or(|spared| !std::ptr::eq(spared, &**connection)) {
                connection.leave_broker();
            }
        }
    }

    /// Turns a bit in each place with the bytes that are to be damaged. Returns how many bytes at the end may be the beginning
    /// of such a place.
    fn damage(&mut self, answers: &mut [u8]) -> usize {
        let Some(bytes) = self.damaged.as_deref().filter(|bytes| !bytes.is_empty()) else { return 0 };
        let mut from = 0;
        while let Some(rest) = answers.get_mut(from..)
            && let Some(found) = rest.windows(bytes.len()).position(|window| window == bytes)
        {
            rest[found] ^= 1;
            self.damages += 1;
            from += found + bytes.len();
        }
        (1..bytes.len()).rev().find(|length| answers.ends_with(&bytes[..*length])).unwrap_or(0)
    }

    /// Ends every connection, including the broker's side of those that were cut.
    fn hang_up(&mut self) {
        for connection in self.connections.drain(..) {
            connection.leave_client();
            connection.leave_broker();
        }
    }
}

impl Connection {
    fn leave_client(&self) {
        // It may already be gone.
        let _ = self.client.shutdown(Shutdown::Both);
    }

    fn leave_broker(&self) {
        let _ = self.broker.shutdown(Shutdown::Both);
    }

    /// Forwards answers to the client until the broker hangs up. It continues reading when the client is gone, because a
    /// broker answers requests in order and stops reading while it cannot answer.
    fn pass_answers(&self, line: &Line) {
        let (mut answers, mut held) = (vec![0; 64 * 1024], 0);
        while let Ok(length) = (&self.broker).read(&mut answers[held..]) {
            line.wait_for_sound();
            if length == 0 {
                break;
            }
            let end = held + length;
            held = line.lock().damage(&mut answers[..end]);
            drop((&self.client).write_all(&answers[..end - held]));
            answers.copy_within(end - held..end, 0);
        }
        self.leave_client();
    }
}

impl Line {
    fn lock(&self) -> MutexGuard<'_, LineState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Connects a client to the broker. If the connection is cut, it closes the client's connection.
    fn connect(self: &Arc<Self>, client: TcpStream) -> io::Result<()> {
        let mut state = self.lock();
        let Some(broker) = state.broker.filter(|_| !state.is_cut) else { return Ok(()) };
        let connection = Arc::new(Connection { client, broker: TcpStream::connect(broker)? });
        connection.client.set_nodelay(true)?;
        connection.broker.set_nodelay(true)?;
        state.connections.push(Arc::clone(&connection));
        let (line, of_client) = (Arc::clone(self), Arc::clone(&connection));
        std::thread::spawn(move || {
            if line.pass_requests(&of_client).is_err() {
                of_client.leave_broker();
            }
        });
        let line = Arc::clone(self);
        std::thread::spawn(move || {
            connection.pass_answers(&line);
            line.lock().connections.retain(|known| !Arc::ptr_eq(known, &connection));
        });
        Ok(())
    }

    /// Waits as long as nothing is forwarded.
    fn wait_for_sound(&self) {
        let waited = self.sound.wait_while(self.lock(), |state| state.is_silent);
        let delay = waited.unwrap_or_else(PoisonError::into_inner).delay;
        if !delay.is_zero() {
            std::thread::sleep(delay);
        }
    }

    /// Forwards requests to the broker until one side hangs up or the last request has been sent.
    fn pass_requests(&self, connection: &Connection) -> io::Result<()> {
        loop {
            // A request starts with its length in four bytes and its kind in two; the rest does not matter here.
            let mut request = vec![0; 4];
            (&connection.client).read_exact(&mut request)?;
            let length = request.first_chunk().map_or(0, |length| i32::from_be_bytes(*length));
            request.resize(4 + usize::try_from(length).unwrap_or(0), 0);
            (&connection.client).read_exact(&mut request[4..])?;
            let kind = request[4..].first_chunk().map(|kind| RequestKind(i16::from_be_bytes(*kind)));
            self.wait_for_sound();
            let mut state = self.lock();
            let is_last = kind.is_some() && state.last_request == kind;
            if !is_last {
                drop(state);
                (&connection.broker).write_all(&request)?;
                continue;
            }
            // From here on, no answer is forwarded, but the broker gets the request and has time to read it.
            state.cut(Some(connection));
            let sent = (&connection.broker).write_all(&request);
            state.last_request = None;
            self.was_cut.notify_all();
            return sent;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A broker that answers each request with the request itself.
    fn echo() -> SocketAddr {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let address = listener.local_addr().expect("an address");
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                std::thread::spawn(move || io::copy(&mut &stream, &mut &stream));
            }
        });
        address
    }

    /// A request of that kind, with one more byte.
    fn request(kind: RequestKind) -> Vec<u8> {
        [&3_i32.to_be_bytes()[..], &kind.0.to_be_bytes(), &[7]].concat()
    }

    /// Sends a request, and returns whether it is answered.
    fn is_answered(mut client: &TcpStream, kind: RequestKind) -> bool {
        let mut answer = [0; 7];
        client.write_all(&request(kind)).and_then(|()| client.read_exact(&mut answer)).is_ok()
            && answer[..] == request(kind)
    }

    #[test]
    fn after_a_silence_what_was_sent_arrives_late() {
        let proxy = Proxy::new();
        proxy.lead_to(echo());
        let client = TcpStream::connect(proxy.address()).expect("somebody listens");
        assert!(is_answered(&client, RequestKind::JOIN_GROUP));
        proxy.silence();
        (&client).write_all(&request(RequestKind::SYNC_GROUP)).expect("sent");
        client.set_read_timeout(Some(Duration::from_millis(100))).expect("a timeout");
        assert!((&client).read_exact(&mut [0; 7]).is_err(), "no answer");
        client.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        proxy.heal();
        let mut answer = [0; 7];
        (&client).read_exact(&mut answer).expect("the answer");
        assert_eq!(answer[..], request(RequestKind::SYNC_GROUP));
        proxy.delay(Duration::from_millis(1));
        assert!(is_answered(&client, RequestKind::JOIN_GROUP), "later, but it comes");
    }

    #[test]
    fn bytes_are_damaged_only_in_answers_and_until_it_is_healed() {
        let proxy = Proxy::new();
        proxy.lead_to(echo());
        let client = TcpStream::connect(proxy.address()).expect("somebody listens");
        proxy.damage(&[7]);
        let damaged = [&request(RequestKind::JOIN_GROUP)[..6], &[6]].concat();
        let mut answer = [0; 7];
        (&client).write_all(&request(RequestKind::JOIN_GROUP)).expect("sent");
        (&client).read_exact(&mut answer).expect("an answer");
        assert_eq!((answer[..].to_vec(), proxy.damages()), (damaged, 1));
        proxy.heal();
        assert!(is_answered(&client, RequestKind::JOIN_GROUP), "as it is");
        assert_eq!(proxy.damages(), 1);
    }

    #[test]
    fn connections_are_cut_when_a_test_says_so() {
        let proxy = Proxy::new();
        proxy.lead_to(echo());
        let connect = || TcpStream::connect(proxy.address()).expect("somebody listens");
        let client = connect();
        assert!(is_answered(&client, RequestKind::JOIN_GROUP));
        proxy.cut_after(RequestKind::SYNC_GROUP);
        assert!(is_answered(&client, RequestKind::JOIN_GROUP), "another kind");
        assert!(!is_answered(&client, RequestKind::SYNC_GROUP), "the last one");
        proxy.wait_until_cut();
        assert!(!is_answered(&connect(), RequestKind::JOIN_GROUP), "cut");
        proxy.heal();
        let client = connect();
        assert!(is_answered(&client, RequestKind::SYNC_GROUP), "once");
        proxy.cut();
        assert!(!is_answered(&client, RequestKind::JOIN_GROUP), "cut");
    }
}
