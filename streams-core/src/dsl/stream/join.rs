//! Joins of a stream with a table, or with another stream within some time: `join`, `left_join` and `outer_join`.

use std::time::Duration;

use super::KStream;
use crate::dsl::{Data, Joinable, KTable, OuterJoinable, Shared, through};
use crate::operators::{grace_join, stream_table_join};
use crate::topology::program::{Call, TableJoin};
use crate::wire::{Nullable, NullableKey, Value};

impl<'t, K, V> KStream<'t, K, V> {
    /// Joins each record with what has the same key: a table's row, or the records of another stream
    /// [`within`](KStream::within) some time. Records without a match are left out.
    ///
    /// Records with a null key or value are dropped and counted. If the key of a stream may have changed, its records go
    /// through a repartition topic first. The topics of both sides need the same number of partitions, which is checked at
    /// startup.
    ///
    /// # With a table
    ///
    /// Only the stream's records produce results: each sees the row as it is when the record is processed. Of the records
    /// that wait, those with smaller timestamps are processed first. So a row that is stamped with the clock's time is not
    /// seen by records with older timestamps, even if it was sent before them: give it the time since when it is true.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::testing::TestDriver;
    ///
    /// const CLICKS: Topic<u64, String> = Topic::new("clicks");
    /// const COUNTRIES: Topic<u64, String> = Topic::new("countries");
    /// const LOCATED: Topic<u64, String> = Topic::new("located-clicks");
    ///
    /// let builder = StreamsBuilder::new();
    /// let countries = builder.table(COUNTRIES);
    /// builder.stream(CLICKS).join(countries, |page, country| format!("{page} from {country}")).to(LOCATED);
    ///
    /// let mut driver = TestDriver::new(builder.build()?);
    /// driver.pipe(&CLICKS, 1_u64, "/home");
    /// driver.pipe(&COUNTRIES, 1_u64, "Peru");
    /// driver.pipe(&CLICKS, 1_u64, "/cart");
    /// assert_eq!(driver.read(&LOCATED), [(1, "/cart from Peru".to_owned())]);
    /// # Ok::<(), TopologyError>(())
    /// ```
    ///
    /// If the table keeps versions of its rows, each record sees the row as it was at the record's time, and it may wait for
    /// rows that come late: see [`KTable::with_grace`].
    ///
    /// # With another stream
    ///
    /// Whichever record of a pair comes last produces the result, with the later timestamp of the two and its own
    /// headers. A record is joined with every other one within the time, also with several of the same timestamp. One
    /// that comes so late that nothing is kept from its time any more finds no match, and counts as late if it is not
    /// kept itself.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::testing::TestDriver;
    /// use std::time::Duration;
    ///
    /// const SHOWN: Topic<String, String> = Topic::new("ads-shown");
    /// const CLICKED: Topic<String, String> = Topic::new("ads-clicked");
    /// const SEEN: Topic<String, String> = Topic::new("ads-seen");
    ///
    /// // A click belongs to what was shown to the same user in the ten seconds before it.
    /// let soon_after = JoinWindows::of(Duration::from_secs(10)).before(Duration::ZERO).grace(Duration::from_secs(60));
    ///
    /// let builder = StreamsBuilder::new();
    /// let clicked = builder.stream(CLICKED);
    /// builder.stream(SHOWN).join(clicked.within(soon_after), |ad, place| format!("{ad} at {place}")).to(SEEN);
    ///
    /// let mut driver = TestDriver::new(builder.build()?);
    /// driver.pipe_at(&SHOWN, "ada", "shoes", Timestamp(1_000));
    /// driver.pipe_at(&CLICKED, "ada", "top", Timestamp(11_000));
    /// driver.pipe_at(&CLICKED, "ada", "left", Timestamp(11_001)); // too late after it
    /// driver.pipe_at(&SHOWN, "ada", "hats", Timestamp(5_000)); // out of order
    /// let expected = ["shoes at top", "hats at top", "hats at left"];
    /// assert_eq!(driver.read(&SEEN), expected.map(|seen| ("ada".to_owned(), seen.to_owned())));
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[track_caller]
    pub fn join<T, R>(
        self,
        other: impl Joinable<'t, K, T>,
        joiner: impl Fn(V::Inner, T) -> R + Shared,
    ) -> KStream<'t, K, R>
    where
        K: NullableKey,
        V: Nullable,
        T: Value,
        R: Data,
    {
        other.join_into(self, false, move |_, value, other| other.map(|other| joiner(value, other)))
    }

    /// As [`KStream::join`], with a joiner that also sees the key.
    ///
    /// ```
    /// use millstream::prelude::*;
    ///
    /// const CLICKS: Topic<u64, String> = Topic::new("clicks");
    /// const COUNTRIES: Topic<u64, String> = Topic::new("countries");
    /// const LOCATED: Topic<u64, String> = Topic::new("located-clicks");
    ///
    /// let builder = StreamsBuilder::new();
    /// let countries = builder.table(COUNTRIES);
    /// builder
    ///     .stream(CLICKS)
    ///     .join_with_key(countries, |user, page, country| format!("{page} by {user} from {country}"))
    ///     .to(LOCATED);
    /// builder.build()?;
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[track_caller]
    pub fn join_with_key<T, R>(
        self,
        other: impl Joinable<'t, K, T>,
        joiner: impl Fn(&K, V::Inner, T) -> R + Shared,
    ) -> KStream<'t, K, R>
    where
        K: NullableKey,
        V: Nullable,
        T: Value,
        R: Data,
    {
        other.join_into(self, false, move |key, value, other| other.map(|other| joiner(key, value, other)))
    }

    /// As [`KStream::join`], but a record without a match is joined with `None`, and so is one whose key is null.
    ///
    /// With a table, that is so if there is no row when the record is processed.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::testing::TestDriver;
    ///
    /// const CLICKS: Topic<u64, String> = Topic::new("clicks");
    /// const NAMES: Topic<u64, String> = Topic::new("names");
    /// const SEEN: Topic<u64, String> = Topic::new("seen");
    ///
    /// let builder = StreamsBuilder::new();
    /// let names = builder.table(NAMES);
    /// builder
    ///     .stream(CLICKS)
    ///     .left_join(names, |page, name| format!("{} at {page}", name.unwrap_or("a guest".to_owned())))
    ///     .to(SEEN);
    ///
    /// let mut driver = TestDriver::new(builder.build()?);
    /// driver.pipe(&CLICKS, 1_u64, "/home");
    /// driver.pipe(&NAMES, 1_u64, "Ada");
    /// driver.pipe(&CLICKS, 1_u64, "/cart");
    /// assert_eq!(driver.read(&SEEN), [(1, "a guest at /home".to_owned()), (1, "Ada at /cart".to_owned())]);
    /// # Ok::<(), TopologyError>(())
    /// ```
    ///
    /// With a stream, a record waits for a match until stream time, the largest timestamp of both streams, is past the
    /// time after it plus the grace. Then it is joined with `None`, with its own timestamp and the headers of the record
    /// that moved stream time. That is looked at when a record with a key and a value arrives at the head of stream time,
    /// and as in Kafka Streams it may be a later one than the first that moves stream time so far. A record whose time
    /// after it is over already when it comes does not wait: it is joined with `None` at once, even if it is within the
    /// grace, and a match may follow.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::testing::TestDriver;
    /// use std::time::Duration;
    ///
    /// const ORDERS: Topic<u64, String> = Topic::new("orders");
    /// const PAYMENTS: Topic<u64, i64> = Topic::new("payments");
    /// const STATES: Topic<u64, String> = Topic::new("order-states");
    ///
    /// let soon = JoinWindows::of(Duration::from_secs(60)).no_grace();
    /// let builder = StreamsBuilder::new();
    /// let payments = builder.stream(PAYMENTS);
    /// builder
    ///     .stream(ORDERS)
    ///     .left_join(payments.within(soon), |order, cents| match cents {
    ///         Some(cents) => format!("{order}: {cents}"),
    ///         None => format!("{order}: not paid"),
    ///     })
    ///     .to(STATES);
    ///
    /// let mut driver = TestDriver::new(builder.build()?);
    /// driver.pipe_at(&ORDERS, 1_u64, "pen", Timestamp(0));
    /// driver.pipe_at(&ORDERS, 2_u64, "ink", Timestamp(0));
    /// driver.pipe_at(&PAYMENTS, 2_u64, 750_i64, Timestamp(60_000));
    /// driver.pipe_at(&ORDERS, 3_u64, "paper", Timestamp(60_001));
    /// assert_eq!(driver.read(&STATES), [(2, "ink: 750".to_owned()), (1, "pen: not paid".to_owned())]);
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[track_caller]
    pub fn left_join<T, R>(
        self,
        other: impl Joinable<'t, K, T>,
        joiner: impl Fn(V::Inner, Option<T>) -> R + Shared,
    ) -> KStream<'t, K, R>
    where
        K: NullableKey,
        V: Nullable,
        T: Value,
        R: Data,
    {
        other.join_into(self, true, move |_, value, other| Some(joiner(value, other)))
    }

    /// As [`KStream::left_join`], with a joiner that also sees the key.
    #[track_caller]
    pub fn left_join_with_key<T, R>(
        self,
        other: impl Joinable<'t, K, T>,
        joiner: impl Fn(&K, V::Inner, Option<T>) -> R + Shared,
    ) -> KStream<'t, K, R>
    where
        K: NullableKey,
        V: Nullable,
        T: Value,
        R: Data,
    {
        other.join_into(self, true, move |key, value, other| Some(joiner(key, value, other)))
    }

    /// Joins the records of two streams [`within`](KStream::within) some time. Records of either stream without a match
    /// are joined with `None`, as those of the left stream are in [`KStream::left_join`].
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::testing::TestDriver;
    /// use std::time::Duration;
    ///
    /// const SENT: Topic<u64, String> = Topic::new("sent");
    /// const RECEIVED: Topic<u64, String> = Topic::new("received");
    /// const AUDIT: Topic<u64, String> = Topic::new("audit");
    ///
    /// let builder = StreamsBuilder::new();
    /// let received = builder.stream(RECEIVED).within(JoinWindows::of(Duration::from_secs(10)).no_grace());
    /// builder
    ///     .stream(SENT)
    ///     .outer_join(received, |sent, received| match (sent, received) {
    ///         (Some(_), Some(_)) => "arrived".to_owned(),
    ///         (Some(sent), None) => format!("{sent} got lost"),
    ///         (None, received) => format!("who sent {received:?}?"),
    ///     })
    ///     .to(AUDIT);
    ///
    /// let mut driver = TestDriver::new(builder.build()?);
    /// driver.pipe_at(&SENT, 1_u64, "a letter", Timestamp(0));
    /// driver.pipe_at(&RECEIVED, 2_u64, "a parcel", Timestamp(0));
    /// driver.pipe_at(&SENT, 3_u64, "a card", Timestamp(5_000));
    /// driver.pipe_at(&RECEIVED, 3_u64, "a card", Timestamp(10_001));
    /// let expected = [(2, r#"who sent Some("a parcel")?"#), (1, "a letter got lost"), (3, "arrived")];
    /// assert_eq!(driver.read(&AUDIT), expected.map(|(id, text)| (id, text.to_owned())));
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[track_caller]
    pub fn outer_join<T, R>(
        self,
        other: impl OuterJoinable<'t, K, T>,
        joiner: impl Fn(Option<V::Inner>, Option<T>) -> R + Shared,
    ) -> KStream<'t, K, R>
    where
        K: NullableKey,
        V: Nullable,
        T: Value,
        R: Data,
    {
        other.outer_join_into(self, move |_, left, right| joiner(left, right))
    }

    /// As [`KStream::outer_join`], with a joiner that also sees the key.
    #[track_caller]
    pub fn outer_join_with_key<T, R>(
        self,
        other: impl OuterJoinable<'t, K, T>,
        joiner: impl Fn(&K, Option<V::Inner>, Option<T>) -> R + Shared,
    ) -> KStream<'t, K, R>
    where
        K: NullableKey,
        V: Nullable,
        T: Value,
        R: Data,
    {
        other.outer_join_into(self, joiner)
    }

    #[track_caller]
    pub(in crate::dsl) fn join_table<T, R>(
        self,
        (table, grace): (KTable<'t, K::Inner, T>, Option<Duration>),
        left: bool,
        joiner: impl Fn(&K, V::Inner, Option<T>) -> Option<R> + Shared,
    ) -> KStream<'t, K, R>
    where
        K: NullableKey,
        V: Nullable,
        T: Value,
        R: Data,
    {
        self.builder.expect_same(table.builder);
        let lookup = table.lookup();
        let call = Call::TableJoin(TableJoin {
            input: self.step,
            table: table.step,
            left,
            grace,
            through: through::<K, V>(),
            recipe: Box::new(move |store_of, buffer| {
                let rows = lookup?.view(store_of)?;
                Some(match buffer.zip(grace) {
                    Some((buffer, grace)) => grace_join::recipe::<K, V, T, R>((buffer, grace), rows, left, joiner),
                    None => stream_table_join::recipe::<K, V, T, R>(rows, left, joiner),
                })
            }),
        });
        KStream::new(self.builder, self.builder.add(call))
    }
}
