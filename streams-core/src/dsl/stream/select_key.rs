//! `select_key`.

use super::KStream;
use crate::dsl::{Data, Shared};
use crate::operators::select_key;
use crate::topology::names::prefix;
use crate::topology::program::Changes;

impl<'t, K, V> KStream<'t, K, V> {
    /// Replaces the key of each record and keeps the value. The next operation that depends on the key sends the records
    /// through a repartition topic first.
    ///
    /// ```
    /// use millstream::prelude::*;
    ///
    /// const LINES: Topic<(), String> = Topic::new("lines");
    /// const BY_LENGTH: Topic<u64, String> = Topic::new("lines-by-length");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.stream(LINES).select_key(|_, line| line.len() as u64).to(BY_LENGTH);
    /// builder.build()?;
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[track_caller]
    pub fn select_key<K2>(self, mapper: impl Fn(&K, &V) -> K2 + Shared) -> KStream<'t, K2, V>
    where
        K: Data,
        V: Data,
        K2: Data,
    {
        self.operator(prefix::KEY_SELECT, Changes::Keys, select_key::recipe(mapper))
    }
}
