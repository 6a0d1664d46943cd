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
    /// How many of them may wait for a record that is still to come. The others have something to do, and are kept from nothing.
    pub(crate) waits: usize,
    /// Streams of events that are open at once. Their connections are not closed for others, so there are fewer of them.
    pub(crate) streams: usize,
    /// Requests of other instances that are worked on at once, beside the others: they never wait for anybody else, so whatever
    /// two instances ask each other, both get on.
    pub(crate) peer_requests: usize,
    /// Streams that other instances follow.
    pub(crate) peer_streams: usize,
    /// Open connections. Beyond it, those are closed that have been idle for the longest.
    pub(crate) connections: usize,
    /// How long the server waits for requests in progress when it ends, and a connection that is closed for its answer.
    pub(crate) close: Duration,
}

impl Limits {
    /// As many as the process may have files for: a connection is one, and the application needs some for itself.
    pub(crate) fn of_this_process() -> Self {
        Self::DEFAULT.within(files_max())
    }

    fn within(self, files: usize) -> Self {
        let connections = self.connections.min(files / 3);
        let streams = connections.saturating_sub(self.requests + self.peer_requests + 1) / 2;
        let (streams, peer_streams) = (self.streams.min(streams), self.peer_streams.min(streams));
        Self { connections, streams, peer_streams, ..self }
    }

    pub(crate) const DEFAULT: Self = Self {
        body_bytes: 1 << 20,
        read: Duration::from_secs(5),
        requests: 64,
        waits: 32,
        streams: 1_024,
        peer_requests: 64,
        peer_streams: 1_024,
        connections: 2_304,
        close: Duration::from_millis(800),
    };
}

const _: () = {
    let limits = Limits::DEFAULT;
    let streams = limits.streams + limits.peer_streams;
    assert!(limits.waits < limits.requests);
    assert!(streams + limits.requests + limits.peer_requests < limits.connections);
};

/// How many files the process may have open.
fn files_max() -> usize {
    #[cfg(unix)]
    {
        let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
        limit.and_then(|files| usize::try_from(files).ok()).unwrap_or(usize::MAX)
    }
    #[cfg(not(unix))]
    usize::MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_may_have_few_files_has_few_connections() {
        for (files, connections, streams) in
            [(usize::MAX, 2_304, 1_024), (20_000, 2_304, 1_024), (1_024, 341, 106), (64, 21, 0)]
        {
            let limits = Limits::DEFAULT.within(files);
            assert_eq!((limits.connections, limits.streams, limits.peer_streams), (connections, streams, streams));
        }
    }
}
