//! The windows that have not closed yet, in the order in which they do.
//!
//! Rows that lie by key tell nobody which of them close next. This is an index of those that still have to, in memory only:
//! after a start it is made from the store's rows. So it takes memory for each open window, whatever the caches may hold.

use std::collections::BTreeSet;

use super::runs::Place;
use crate::record::Timestamp;
use crate::wire::encoded_key::EncodedKey;

/// The places of all open windows of a store with their keys' bytes, in this order.
#[derive(Debug)]
pub(crate) struct OpenWindows<P>(BTreeSet<(P, EncodedKey)>);

impl<P: Place> OpenWindows<P> {
    pub(crate) const fn new() -> Self {
        Self(BTreeSet::new())
    }

    /// A key's window has a row.
    pub(crate) fn add(&mut self, key: &[u8], place: P) {
        self.0.insert((place, EncodedKey::new(key)));
    }

    /// A key's window has no row any more.
    pub(crate) fn remove(&mut self, key: &[u8], place: P) {
        self.0.remove(&(place, EncodedKey::new(key)));
    }

    /// The next window whose time is before a moment. It is not open any more.
    pub(crate) fn close_before(&mut self, time: Timestamp) -> Option<(P, EncodedKey)> {
        if self.0.first()?.0.time() >= time { None } else { self.0.pop_first() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::session_rows::SessionPlace;

    #[test]
    fn sessions_close_in_the_order_of_end_start_and_key() {
        let place = |start: i64, end: i64| SessionPlace { end: Timestamp(end), start: Timestamp(start) };
        let closed = |start: i64, end: i64, key: &str| Some((place(start, end), EncodedKey::new(key.as_bytes())));
        let mut open = OpenWindows::new();
        for (start, end, key) in [(5, 7, "a"), (1, 9, "a"), (5, 7, "B"), (0, 10, "a"), (6, 7, "a"), (4, 7, "z")] {
            open.add(key.as_bytes(), place(start, end));
        }
        open.add(b"a", place(5, 7));
        open.remove(b"a", place(6, 7));
        assert_eq!(open.close_before(Timestamp(7)), None);
        for expected in [closed(4, 7, "z"), closed(5, 7, "B"), closed(5, 7, "a"), closed(1, 9, "a"), None] {
            assert_eq!(open.close_before(Timestamp(10)), expected);
        }
        assert_eq!(open.close_before(Timestamp(11)), closed(0, 10, "a"));
        assert_eq!(open.close_before(Timestamp(i64::MAX)), None);
    }
}
