//! What a request, and all of them together, may cost.

use std::time::Duration;

/// Limits of the server. They are not for users to tune: who needs others has a proxy in front of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Bytes of a request's body.
    pub(crate) body_bytes: usize,
    /// How long the head of a request may take to arrive, and again its body. A connection without a request is closed
    /// after this, too.
    pub(crate) read: Duration,
    /// Requests that are worked on at once.
    pub(crate) requests: usize,
    /// Streams of events that are open at once. Their connections are not closed for others, so there are fewer of them.
    pub(crate) streams: usize,
    /// Open connections. Beyond it, those are closed that have been idle for the longest.
    pub(crate) connections: usize,
    /// How long the server waits for requests in progress when it ends, and a connection that is closed for its answer.
    pub(crate) close: Duration,
}

impl Limits {
    pub(crate) const DEFAULT: Self = Self {
        body_bytes: 1 << 20,
        read: Duration::from_secs(5),
        requests: 64,
        streams: 128,
        connections: 256,
        close: Duration::from_millis(800),
    };
}

const _: () = assert!(Limits::DEFAULT.streams + Limits::DEFAULT.requests < Limits::DEFAULT.connections);
