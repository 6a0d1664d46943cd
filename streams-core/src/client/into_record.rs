//! What [`Client::send_all`](super::Client::send_all) takes as records.

use super::Received;
use crate::record::{Headers, Record, Timestamp};
use crate::wire::IntoField;

/// A record to send: `(key, value)`, `(key, value, timestamp)`, a [`Record`] or a [`Received`] one. Without a timestamp, it
/// gets the clock's.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a record of a topic with keys of type `{K}` and values of type `{V}`",
    label = "expected `({K}, {V})`, `({K}, {V}, Timestamp)` or `Record<{K}, {V}>`",
    note = "a topic whose records have no key takes `((), value)`"
)]
pub trait IntoRecord<K, V> {
    /// Key, value, headers and, if it is set, the time.
    fn into_parts(self) -> (K, V, Headers, Option<Timestamp>);
}

impl<K, V, A: IntoField<K>, B: IntoField<V>> IntoRecord<K, V> for (A, B) {
    fn into_parts(self) -> (K, V, Headers, Option<Timestamp>) {
        (self.0.into_field(), self.1.into_field(), Headers::new(), None)
    }
}

impl<K, V, A: IntoField<K>, B: IntoField<V>> IntoRecord<K, V> for (A, B, Timestamp) {
    fn into_parts(self) -> (K, V, Headers, Option<Timestamp>) {
        (self.0.into_field(), self.1.into_field(), Headers::new(), Some(self.2))
    }
}

impl<K, V> IntoRecord<K, V> for Record<K, V> {
    fn into_parts(self) -> (K, V, Headers, Option<Timestamp>) {
        (self.key, self.value, self.headers, Some(self.timestamp))
    }
}

impl<K, V> IntoRecord<K, V> for Received<K, V> {
    fn into_parts(self) -> (K, V, Headers, Option<Timestamp>) {
        self.record.into_parts()
    }
}
