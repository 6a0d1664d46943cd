//! `map`, `map_values` and `map_values_with_key`.

use super::KStream;
use crate::dsl::{Data, Shared};
use crate::operators::{map, map_values};
use crate::topology::program::Changes;

impl<'t, K, V> KStream<'t, K, V> {
    /// Replaces the key and value of each record.
    ///
    /// The key may have changed, so the next operation that depends on it (grouping, a join, `to_table`) sends the
    /// records through a repartition topic first. If only the value changes, use [`KStream::map_values`].
    ///
    /// ```
    /// use millstream::prelude::*;
    ///
    /// const USERS: Topic<u64, String> = Topic::new("users");
    /// const NAMES: Topic<String, u64> = Topic::new("names");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.stream(USERS).map(|id, name| (name, id)).to(NAMES);
    /// builder.build()?;
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[track_caller]
    pub fn map<K2, V2>(self, mapper: impl Fn(K, V) -> (K2, V2) + Shared) -> KStream<'t, K2, V2>
    where
        K: Data,
        V: Data,
        K2: Data,
        V2: Data,
    {
        self.operator("KSTREAM-MAP-", Changes::Keys, map::recipe(mapper))
    }

    /// Replaces the value of each record and keeps the key.
    ///
    /// ```
    /// use millstream::prelude::*;
    ///
    /// const LINES: Topic<(), String> = Topic::new("lines");
    /// const LENGTHS: Topic<(), u64> = Topic::new("lengths");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.stream(LINES).map_values(|line| line.len() as u64).to(LENGTHS);
    /// builder.build()?;
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[track_caller]
    pub fn map_values<V2>(self, mapper: impl Fn(V) -> V2 + Shared) -> KStream<'t, K, V2>
    where
        K: Data,
        V: Data,
        V2: Data,
    {
        self.map_values_with_key(move |_, value| mapper(value))
    }

    /// As [`KStream::map_values`], but the mapper also gets the key.
    #[track_caller]
    pub fn map_values_with_key<V2>(self, mapper: impl Fn(&K, V) -> V2 + Shared) -> KStream<'t, K, V2>
    where
        K: Data,
        V: Data,
        V2: Data,
    {
        self.operator("KSTREAM-MAPVALUES-", Changes::Values, map_values::recipe(mapper))
    }
}
