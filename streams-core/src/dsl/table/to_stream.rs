//! `to_stream`.

use super::KTable;
use crate::dsl::{Data, KStream, Shared};
use crate::operators::{select_key, table_to_stream};
use crate::topology::program::Call;

impl<'t, K, V> KTable<'t, K, V> {
    /// The table's changes as records: the new row, or `None` if a row was deleted.
    ///
    /// So the stream's values are an `Option` even if the table never deletes a row, as with
    /// [`count`](crate::dsl::KGroupedStream::count). [`KStream::to`] accepts them as they are, and sends deletions as
    /// tombstones. Operations that need the rows themselves leave out deletions first, with
    /// [`filter_some`](KStream::filter_some):
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::testing::TestDriver;
    ///
    /// const VIEWS: Topic<String, String> = Topic::new("views");
    /// const POPULAR: Topic<String, i64> = Topic::new("popular-pages");
    ///
    /// let builder = StreamsBuilder::new();
    /// let counts = builder.stream(VIEWS).group_by_key().count().to_stream();
    /// counts.filter_some().filter(|_, count| *count > 1).to(POPULAR);
    ///
    /// let mut driver = TestDriver::new(builder.build()?);
    /// for page in ["/home", "/cart", "/home"] {
    ///     driver.pipe(&VIEWS, page, "viewed");
    /// }
    /// assert_eq!(driver.read(&POPULAR), [("/home".to_owned(), 2)]);
    /// # Ok::<(), TopologyError>(())
    /// ```
    ///
    /// If deletions matter too, match on the `Option`:
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::testing::TestDriver;
    ///
    /// const USERS: Topic<u64, Option<String>> = Topic::new("users");
    /// const NEWS: Topic<u64, String> = Topic::new("news");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder
    ///     .table(USERS)
    ///     .to_stream()
    ///     .map_values(|name| name.map_or("left".to_owned(), |name| format!("is called {name}")))
    ///     .to(NEWS);
    ///
    /// let mut driver = TestDriver::new(builder.build()?);
    /// driver.pipe(&USERS, 1_u64, Some("ada".to_owned()));
    /// driver.pipe(&USERS, 1_u64, None);
    /// assert_eq!(driver.read(&NEWS), [(1, "is called ada".to_owned()), (1, "left".to_owned())]);
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[track_caller]
    pub fn to_stream(self) -> KStream<'t, K, Option<V>>
    where
        K: Data,
        V: Data,
    {
        let call = Call::ToStream { input: self.step, recipe: table_to_stream::recipe::<K, V>(), select: None };
        KStream::new(self.builder, self.builder.add(call))
    }

    /// As [`KTable::to_stream`], under a key that the selector computes from the row's key and the new row, which is `None`
    /// if it was deleted. The next operation that depends on the key sends the records through a repartition topic first.
    ///
    /// A [name](KStream::named) is that of the node that makes the stream, as in Kafka Streams; the selector's node has a
    /// generated one.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::testing::TestDriver;
    ///
    /// const USERS: Topic<u64, Option<String>> = Topic::new("users");
    /// const NEWS: Topic<String, Option<String>> = Topic::new("news");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.table(USERS).to_stream_by(|id, name| format!("{id}/{}", if name.is_some() { "set" } else { "gone" })).to(NEWS);
    ///
    /// let mut driver = TestDriver::new(builder.build()?);
    /// driver.pipe(&USERS, 1_u64, Some("ada".to_owned()));
    /// driver.pipe(&USERS, 1_u64, None);
    /// assert_eq!(driver.read(&NEWS), [("1/set".to_owned(), Some("ada".to_owned())), ("1/gone".to_owned(), None)]);
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[track_caller]
    pub fn to_stream_by<K2>(self, selector: impl Fn(&K, Option<&V>) -> K2 + Shared) -> KStream<'t, K2, Option<V>>
    where
        K: Data,
        V: Data,
        K2: Data,
    {
        let select = select_key::recipe(move |key: &K, row: &Option<V>| selector(key, row.as_ref()));
        let recipe = table_to_stream::recipe::<K, V>();
        let call = Call::ToStream { input: self.step, recipe, select: Some(select) };
        KStream::new(self.builder, self.builder.add(call))
    }
}
