//! `with_grace`: how long a stream's records wait for rows of a table that come late.

use std::fmt;
use std::time::Duration;

use super::KTable;

/// A table with versions of its rows, and how long the records of a stream wait for them; made by [`KTable::with_grace`].
#[must_use = "it does nothing until it is joined: `.join(rates.with_grace(..), ..)`"]
pub struct TableWithGrace<'t, K, V> {
    pub(in crate::dsl) table: KTable<'t, K, V>,
    pub(in crate::dsl) grace: Duration,
}

impl<'t, K, V> KTable<'t, K, V> {
    /// Lets the records of a stream wait for rows of this table that come late, where the stream is joined with it
    /// ([`KStream::join`](crate::dsl::KStream::join), [`KStream::left_join`](crate::dsl::KStream::left_join)). A record is
    /// joined with the row as it was at the record's time, so the table must be kept in a
    /// [`VersionedStore`](crate::state::VersionedStore) with a history at least as long.
    ///
    /// Records wait, in a store of the join with a changelog, until stream time is `grace` after their own, and are then
    /// joined in the order of their timestamps: so a record needs a later one of the stream in the same partition. Stream time
    /// is the largest timestamp of the stream's records there. A record that is already older than that when it comes is joined
    /// at once. Results have the timestamps and the headers of their records. (KIP-923)
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::testing::TestDriver;
    /// use std::time::Duration;
    ///
    /// const PAYMENTS: Topic<String, i64> = Topic::new("payments");
    /// const RATES: Topic<String, i64> = Topic::new("rates");
    /// const IN_CENTS: Topic<String, i64> = Topic::new("payments-in-cents");
    /// const KEPT: VersionedStore<String, i64> = VersionedStore::new("kept-rates", Duration::from_secs(60));
    ///
    /// let builder = StreamsBuilder::new();
    /// let rates = builder.table(RATES).stored_as(KEPT);
    /// builder
    ///     .stream(PAYMENTS)
    ///     .join(rates.with_grace(Duration::from_secs(10)), |amount, rate| amount * rate)
    ///     .to(IN_CENTS);
    ///
    /// let mut driver = TestDriver::new(builder.build()?);
    /// driver.pipe_at(&RATES, "yen", 2, Timestamp(0));
    /// driver.pipe_at(&PAYMENTS, "yen", 100, Timestamp(5_000)); // waits
    /// driver.pipe_at(&RATES, "yen", 3, Timestamp(4_000)); // comes late
    /// driver.pipe_at(&PAYMENTS, "yen", 200, Timestamp(14_999)); // 9.999 seconds after the first one
    /// assert_eq!(driver.read(&IN_CENTS), []);
    /// driver.pipe_at(&PAYMENTS, "yen", 300, Timestamp(15_000));
    /// assert_eq!(driver.read(&IN_CENTS), [("yen".to_owned(), 300)]);
    /// # Ok::<(), TopologyError>(())
    /// ```
    pub const fn with_grace(self, grace: Duration) -> TableWithGrace<'t, K, V> {
        TableWithGrace { table: self, grace }
    }
}

impl<K, V> fmt::Debug for TableWithGrace<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TableWithGrace").field("table", &self.table).field("grace", &self.grace).finish()
    }
}
