//! `to_stream`.

use super::KTable;
use crate::dsl::{Data, KStream};
use crate::operators::table_to_stream;
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
        let call = Call::ToStream { input: self.step, recipe: table_to_stream::recipe::<K, V>() };
        KStream::new(self.builder, self.builder.add(call))
    }
}
