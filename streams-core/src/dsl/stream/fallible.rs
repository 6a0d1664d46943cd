//! `try_map`, `try_filter` and the others whose closures may refuse a record.

use std::error::Error;

use super::{KStream, Output};
use crate::dsl::{Data, Shared};
use crate::operators::fallible;
use crate::topology::names::prefix;
use crate::topology::program::Changes;

/// Operations whose closures return a `Result`. Kafka Streams has no such methods; its closures throw exceptions.
///
/// An error ends the application, as a record that cannot be read does: the record is not committed, and the error says
/// which one it was, which node refused it and why, with all causes. Any error type will do, and also a text.
impl<'t, K, V> KStream<'t, K, V> {
    /// As [`KStream::map`], but the mapper may refuse a record: then the application ends, and its error names the
    /// record and this node.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::testing::TestDriver;
    ///
    /// const LINES: Topic<(), String> = Topic::new("lines");
    /// const PRICES: Topic<String, u64> = Topic::new("prices");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder
    ///     .stream(LINES)
    ///     .try_map(|(), line| {
    ///         let (article, price) = line.split_once('=').ok_or("there is no price")?;
    ///         Ok::<_, Box<dyn std::error::Error + Send + Sync>>((article.to_owned(), price.parse::<u64>()?))
    ///     })
    ///     .to(PRICES);
    ///
    /// let mut driver = TestDriver::new(builder.build()?);
    /// driver.pipe(&LINES, (), "pen=120");
    /// assert_eq!(driver.read(&PRICES), [("pen".to_owned(), 120)]);
    /// let ink = Record::new((), "ink".to_owned(), Timestamp(0));
    /// let error = driver.error_after(&LINES, &ink).map(|error| error.to_string()).unwrap_or_default();
    /// assert_eq!(
    ///     error,
    ///     "task 0_0 failed at offset 1 of lines-0: KSTREAM-MAP-0000000001: the application refuses the record: there \
    ///      is no price; the record is not committed, so the next start processes it again: mend the code, or what \
    ///      sends such records, or set `processing.exception.handler` to `skip` or `dead-letter`"
    /// );
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[track_caller]
    pub fn try_map<K2, V2, E>(self, mapper: impl Fn(K, V) -> Result<(K2, V2), E> + Shared) -> KStream<'t, K2, V2>
    where
        K: Data,
        V: Data,
        K2: Data,
        V2: Data,
        E: Into<Box<dyn Error + Send + Sync>> + 'static,
    {
        let work = move |key, value| mapper(key, value).map(Some);
        self.operator("KSTREAM-MAP-", Changes::Keys, fallible::recipe(work))
    }

    /// As [`KStream::map_values`], but the mapper may refuse a record: then the application ends, and its error names
    /// the record and this node.
    ///
    /// ```
    /// use millstream::prelude::*;
    ///
    /// const TEXTS: Topic<u64, String> = Topic::new("texts");
    /// const NUMBERS: Topic<u64, i64> = Topic::new("numbers");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.stream(TEXTS).try_map_values(|text| text.parse::<i64>()).to(NUMBERS);
    /// builder.build()?;
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[track_caller]
    pub fn try_map_values<V2, E>(self, mapper: impl Fn(V) -> Result<V2, E> + Shared) -> KStream<'t, K, V2>
    where
        K: Data,
        V: Data,
        V2: Data,
        E: Into<Box<dyn Error + Send + Sync>> + 'static,
    {
        self.try_map_values_with_key(move |_, value| mapper(value))
    }

    /// As [`KStream::try_map_values`], but the mapper also gets the key.
    #[track_caller]
    pub fn try_map_values_with_key<V2, E>(self, mapper: impl Fn(&K, V) -> Result<V2, E> + Shared) -> KStream<'t, K, V2>
    where
        K: Data,
        V: Data,
        V2: Data,
        E: Into<Box<dyn Error + Send + Sync>> + 'static,
    {
        let work = move |key, value| mapper(&key, value).map(|value| Some((key, value)));
        self.operator("KSTREAM-MAPVALUES-", Changes::Values, fallible::recipe(work))
    }

    /// As [`KStream::filter`], but the predicate may refuse a record: then the application ends, and its error names
    /// the record and this node.
    #[track_caller]
    pub fn try_filter<E>(self, predicate: impl Fn(&K, &V) -> Result<bool, E> + Shared) -> Self
    where
        K: Data,
        V: Data,
        E: Into<Box<dyn Error + Send + Sync>> + 'static,
    {
        let work = move |key, value| predicate(&key, &value).map(|keeps| keeps.then_some((key, value)));
        self.operator(prefix::FILTER, Changes::Nothing, fallible::recipe(work))
    }

    /// As [`KStream::flat_map`], but the mapper may refuse a record: then the application ends, and its error names the
    /// record and this node. It sends nothing of a record that it refuses.
    #[track_caller]
    pub fn try_flat_map<K2, V2, E>(
        self,
        mapper: impl Fn(K, V) -> Result<Vec<(K2, V2)>, E> + Shared,
    ) -> KStream<'t, K2, V2>
    where
        K: Data,
        V: Data,
        K2: Data,
        V2: Data,
        E: Into<Box<dyn Error + Send + Sync>> + 'static,
    {
        self.operator("KSTREAM-FLATMAP-", Changes::Keys, fallible::recipe(mapper))
    }

    /// As [`KStream::flat_map_values`], but the mapper may refuse a record: then the application ends, and its error
    /// names the record and this node. It sends nothing of a record that it refuses.
    #[track_caller]
    pub fn try_flat_map_values<V2, E>(self, mapper: impl Fn(V) -> Result<Vec<V2>, E> + Shared) -> KStream<'t, K, V2>
    where
        K: Data,
        V: Data,
        V2: Data,
        E: Into<Box<dyn Error + Send + Sync>> + 'static,
    {
        self.try_flat_map_values_with_key(move |_, value| mapper(value))
    }

    /// As [`KStream::try_flat_map_values`], but the mapper also gets the key.
    #[track_caller]
    pub fn try_flat_map_values_with_key<V2, E>(
        self,
        mapper: impl Fn(&K, V) -> Result<Vec<V2>, E> + Shared,
    ) -> KStream<'t, K, V2>
    where
        K: Data,
        V: Data,
        V2: Data,
        E: Into<Box<dyn Error + Send + Sync>> + 'static,
    {
        let work = move |key: K, value| {
            let values = mapper(&key, value)?;
            Ok::<_, E>(values.into_iter().map(move |value| (key.clone(), value)))
        };
        self.operator("KSTREAM-FLATMAPVALUES-", Changes::Values, fallible::recipe(work))
    }

    /// As [`KStream::select_key`], but the mapper may refuse a record: then the application ends, and its error names
    /// the record and this node.
    #[track_caller]
    pub fn try_select_key<K2, E>(self, mapper: impl Fn(&K, &V) -> Result<K2, E> + Shared) -> KStream<'t, K2, V>
    where
        K: Data,
        V: Data,
        K2: Data,
        E: Into<Box<dyn Error + Send + Sync>> + 'static,
    {
        let work = move |key, value| mapper(&key, &value).map(|key| Some((key, value)));
        self.operator(prefix::KEY_SELECT, Changes::Keys, fallible::recipe(work))
    }

    /// As [`KStream::for_each`], but the action may refuse a record: then the application ends, and its error names the
    /// record and this node.
    #[track_caller]
    pub fn try_for_each<E>(self, action: impl Fn(&K, &V) -> Result<(), E> + Shared) -> Output<'t>
    where
        K: Data,
        V: Data,
        E: Into<Box<dyn Error + Send + Sync>> + 'static,
    {
        let work = move |key: K, value: V| action(&key, &value).map(|()| None::<(K, V)>);
        let end: Self = self.operator("KSTREAM-FOREACH-", Changes::Nothing, fallible::recipe(work));
        Output { builder: end.builder, step: end.step }
    }
}
