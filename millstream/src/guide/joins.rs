//! Joins: which one to take, when a result comes, and what late records, nulls and deletions do.
//!
//! | join | a result when | looks at | keeps |
//! | --- | --- | --- | --- |
//! | stream [`within`](crate::dsl::KStream::within) a time of another | a record of either comes | the other stream's records near it in time | both sides' records, as long as they can have a match |
//! | [stream with table](crate::dsl::KStream::join) | a record of the stream comes | the row of its key | the table |
//! | [stream with table, with grace](crate::dsl::KTable::with_grace) | a record of the stream has waited for the grace | the row that its key had at the record's time | the table's versions, and the records that wait |
//! | [stream with global table](crate::dsl::KStream::join_global) | a record of the stream comes | the row of a key made from the record | the whole table, in every process |
//! | [table with table](crate::dsl::KTable::join) | a row of either changes | the other table's row of its key | both tables |
//! | [table with table over a foreign key](crate::dsl::KTable::join_on) | a row of either changes | the row that it refers to, or all rows that refer to it | both tables, and who refers to what |
//!
//! In the pictures, time goes to the right, `l1` is the first record of the left side, and all records have the same key.
//!
//! Except over a foreign key or with a global table, both sides need the same number of partitions, and the same key must
//! mean the same partition: that is so for all topics that Kafka's clients or this library write. A stream whose key has
//! changed goes through a repartition topic first. [`TestDriver`](crate::testing::TestDriver) runs all of this without a
//! broker.
//!
//! # Two streams within a time
//!
//! ```text
//! left        l1 . . . . . . . l2 . . . . . . . . . . . .      at most 10 s apart
//!              \             /  .
//! right        r1 (3 s later)   . . . . . . . . . . . . r2
//!
//! inner        l1/r1           l2/r1
//! left         l1/r1           l2/r1                           (an l without an r: l/-)
//! outer        l1/r1           l2/r1                    -/r2   once its time is over
//! ```
//!
//! Whichever record of a pair comes last makes the result, with its own headers and the later of both timestamps. Records
//! are compared by their timestamps, not by when they arrive, and all pairs count: three records of the left and two of
//! the right make six results. [`JoinWindows`](crate::windows::JoinWindows) says how much earlier or later the other
//! record may be, and after how much **grace** a record gives up waiting.
//!
//! * **Without a match.** `join` leaves a record out. `left_join` and `outer_join` join it with `None`, but not before stream
//!   time, which both sides advance, is past the last moment at which a match could come, plus the grace. So such a result
//!   needs a later record of any key in the same partition, and sometimes one that is later still, as in Kafka Streams; it
//!   has the timestamp of its own record. A record that is already too old to wait when it comes is joined with `None` at
//!   once.
//! * **Late records.** Each side keeps its records for the length of the window plus the grace, measured by the newest
//!   record of that side. What comes later than that finds what the other side still has, but is not kept itself, and
//!   counts as dropped (`late`) once Kafka Streams would refuse it, too.
//! * **Nulls.** A record with a null value is dropped and counted, and so is one with a null key. But a side that may be
//!   without a match keeps its records with a null key: they are joined with `None` at once.
//! * **A stream with itself**: a record is its own match, too, as in a database.
//!
//! ```
//! use millstream::prelude::*;
//! use millstream::testing::TestDriver;
//! use std::time::Duration;
//!
//! const ORDERS: Topic<u64, String> = Topic::new("orders");
//! const PAYMENTS: Topic<u64, String> = Topic::new("payments");
//! const PAID: Topic<u64, String> = Topic::new("paid");
//! const BOTH: Topic<u64, String> = Topic::new("both");
//!
//! let span = JoinWindows::of(Duration::from_secs(10)).grace(Duration::from_secs(2));
//! let builder = StreamsBuilder::new();
//! let (orders, payments) = (builder.stream(ORDERS), builder.stream(PAYMENTS));
//! orders.join(payments.within(span), |order, payment| format!("{order}/{payment}")).to(PAID);
//! orders
//!     .outer_join(payments.within(span), |order, payment| {
//!         format!("{}/{}", order.as_deref().unwrap_or("-"), payment.as_deref().unwrap_or("-"))
//!     })
//!     .to(BOTH);
//!
//! let mut driver = TestDriver::new(builder.build()?);
//! driver.pipe_at(&ORDERS, 1_u64, "l1", Timestamp(0));
//! driver.pipe_at(&PAYMENTS, 1_u64, "r1", Timestamp(3_000));
//! driver.pipe_at(&ORDERS, 1_u64, "l2", Timestamp(13_000)); // ten seconds after r1, which is still close enough
//! driver.pipe_at(&PAYMENTS, 1_u64, "r2", Timestamp(30_000));
//! driver.pipe_at(&ORDERS, 2_u64, "l3", Timestamp(42_000)); // r2 could have had a match until now
//! driver.pipe_at(&ORDERS, 2_u64, "l4", Timestamp(42_001)); // and no longer has
//! let texts = |results: Vec<(u64, String)>| results.into_iter().map(|(_, text)| text).collect::<Vec<_>>();
//! assert_eq!(texts(driver.read(&PAID)), ["l1/r1", "l2/r1"]);
//! assert_eq!(texts(driver.read(&BOTH)), ["l1/r1", "l2/r1", "-/r2"]);
//! # Ok::<(), TopologyError>(())
//! ```
//!
//! # A stream with a table
//!
//! ```text
//! table     .  r1 . . . r2 . . deleted . . .
//! stream    l1 . . l2 . . . l3 . . . . . l4
//!
//! inner            l2/r1    l3/r2
//! left      l1/-   l2/r1    l3/r2        l4/-
//! ```
//!
//! Only the stream makes results: a change of the table changes nothing that was forwarded before. A record sees the row as
//! it is when the record is processed. Of the records that wait in a task's inputs, those with smaller timestamps are
//! processed first, so a row should have the time since when it is true.
//!
//! * **Late records** of the stream are joined with the row as it is now, and late rows of the table replace newer ones.
//! * **Nulls.** A record with a null value is dropped and counted. So is one with a null key, but `left_join` joins it with
//!   `None`. A null in the table's topic deletes the row.
//!
//! ```
//! use millstream::prelude::*;
//! use millstream::testing::TestDriver;
//!
//! const CLICKS: Topic<u64, String> = Topic::new("clicks");
//! const CITIES: Topic<u64, Option<String>> = Topic::new("cities");
//! const LOCATED: Topic<u64, String> = Topic::new("located");
//!
//! let builder = StreamsBuilder::new();
//! let cities = builder.table(CITIES);
//! builder
//!     .stream(CLICKS)
//!     .left_join(cities, |click, city| format!("{click}/{}", city.as_deref().unwrap_or("-")))
//!     .to(LOCATED);
//!
//! let mut driver = TestDriver::new(builder.build()?);
//! driver.pipe(&CLICKS, 1_u64, "l1");
//! driver.pipe(&CITIES, 1_u64, Some("r1".to_owned()));
//! driver.pipe(&CLICKS, 1_u64, "l2");
//! driver.pipe(&CITIES, 1_u64, Some("r2".to_owned()));
//! driver.pipe(&CLICKS, 1_u64, "l3");
//! driver.pipe(&CITIES, 1_u64, None);
//! driver.pipe(&CLICKS, 1_u64, "l4");
//! assert_eq!(driver.read(&LOCATED), ["l1/-", "l2/r1", "l3/r2", "l4/-"].map(|text| (1, text.to_owned())));
//! # Ok::<(), TopologyError>(())
//! ```
//!
//! # A stream with a table whose rows come late
//!
//! ```text
//! time      0 s        4 s        5 s        8 s                  15 s       18 s
//! table     r1 . . . . r2 . . . . . . . . . . . . . . . . . . . . . . . . .          r2 comes after l1 and l2
//! stream    . . . . . . . . . . . l1 . . . . l2 . . . . . . . . . l3 . . . . l4      they wait for ten seconds
//!
//! inner                                                           l1/r2      l2/r2
//! ```
//!
//! A table that keeps versions of its rows (a [`VersionedStore`](crate::state::VersionedStore)) can say what a row was at a
//! record's time. [`with_grace`](crate::dsl::KTable::with_grace) has the stream's records wait until stream time, the largest
//! timestamp of the stream in this partition, is so much later than their own. Rows of the past may come meanwhile. Records
//! that have waited long enough are joined by their timestamps, and each result has the timestamp and the headers of its
//! record. What waits is in a store with a changelog, so it is neither lost nor joined twice if a process ends.
//!
//! * **Late records** of the stream wait like others for what is left of the grace; one that is older than stream time minus
//!   the grace is joined at once. **Late rows** of the table are put where they belong, as far back as the table's history
//!   goes, but change no result that was forwarded.
//! * **Nulls.** As without a grace: a record with a null value is dropped and counted, and so is one with a null key, which
//!   `left_join` joins with `None` at once.
//! * **The end.** The last records wait until later ones come. If nothing comes any more, they wait for ever.
//!
//! ```
//! use millstream::prelude::*;
//! use millstream::testing::TestDriver;
//! use std::time::Duration;
//!
//! const ORDERS: Topic<u64, String> = Topic::new("orders");
//! const PRICES: Topic<u64, String> = Topic::new("prices");
//! const PRICED: Topic<u64, String> = Topic::new("priced");
//! const HISTORY: VersionedStore<u64, String> = VersionedStore::new("price-history", Duration::from_secs(60));
//!
//! let builder = StreamsBuilder::new();
//! let prices = builder.table(PRICES).stored_as(HISTORY).with_grace(Duration::from_secs(10));
//! builder.stream(ORDERS).join(prices, |order, price| format!("{order}/{price}")).to(PRICED);
//!
//! let mut driver = TestDriver::new(builder.build()?);
//! driver.pipe_at(&PRICES, 1_u64, "r1", Timestamp(0));
//! driver.pipe_at(&ORDERS, 1_u64, "l1", Timestamp(5_000));
//! driver.pipe_at(&ORDERS, 1_u64, "l2", Timestamp(8_000));
//! driver.pipe_at(&PRICES, 1_u64, "r2", Timestamp(4_000)); // late
//! assert_eq!(driver.read(&PRICED), []);
//! driver.pipe_at(&ORDERS, 1_u64, "l3", Timestamp(15_000)); // l1 has waited for ten seconds
//! driver.pipe_at(&ORDERS, 1_u64, "l4", Timestamp(18_000));
//! assert_eq!(driver.read(&PRICED), ["l1/r2", "l2/r2"].map(|text| (1, text.to_owned())));
//! # Ok::<(), TopologyError>(())
//! ```
//!
//! # A stream with a global table
//!
//! The picture is that of a stream and a table, but the row's key is made from the record, so neither the keys nor the
//! partitions of the two have to agree. Every process reads the whole table before it starts, and then follows it by
//! itself: records do not wait for rows with smaller timestamps. It is meant for small tables that change rarely.
//!
//! * **Nulls.** Where the closure makes no key, `join_global` drops and counts the record, and `left_join_global` joins it
//!   with `None`. A record with a null value is dropped and counted. The record's own key may be null.
//!
//! ```
//! use millstream::prelude::*;
//! use millstream::testing::TestDriver;
//!
//! const ORDERS: Topic<u64, String> = Topic::new("orders");
//! const PRICES: Topic<String, i64> = Topic::new("prices");
//! const PRICED: Topic<u64, i64> = Topic::new("priced");
//!
//! let builder = StreamsBuilder::new();
//! let prices = builder.global_table(PRICES);
//! builder
//!     .stream(ORDERS)
//!     .left_join_global(prices, |_, article| article.clone(), |_, cents| cents.unwrap_or(-1))
//!     .to(PRICED);
//!
//! let mut driver = TestDriver::new(builder.build()?);
//! driver.pipe(&PRICES, "tea", 250);
//! driver.pipe(&ORDERS, 1_u64, "tea");
//! driver.pipe(&ORDERS, 2_u64, "rum");
//! assert_eq!(driver.read(&PRICED), [(1, 250), (2, -1)]);
//! # Ok::<(), TopologyError>(())
//! ```
//!
//! # Two tables
//!
//! ```text
//! left      l1 . . . . l2 . . . . . deleted . . .
//! right     . . . r1 . . . . r2 . . . . . . . deleted
//!
//! inner           l1/r1 l2/r1 l2/r2 deleted
//! left      l1/-  l1/r1 l2/r1 l2/r2 deleted
//! outer     l1/-  l1/r1 l2/r1 l2/r2 -/r2      deleted
//! ```
//!
//! The result is a table: it always is what a join of the two tables in a database would give, and each change of a row of
//! either side is a change of the result, with the later timestamp of the two rows. Both topics need the same number of
//! partitions.
//!
//! * **Late rows** replace newer ones: what is written last to a partition is what is true. That is Kafka Streams' rule.
//! * **Nulls.** A null value deletes a row, and the result with it where a join needs both. A row of a topic with a null key is
//!   dropped and counted.
//!
//! ```
//! use millstream::prelude::*;
//! use millstream::testing::TestDriver;
//!
//! const NAMES: Topic<u64, Option<String>> = Topic::new("names");
//! const CITIES: Topic<u64, Option<String>> = Topic::new("cities");
//! const PEOPLE: Topic<u64, Option<String>> = Topic::new("people");
//!
//! let builder = StreamsBuilder::new();
//! let (names, cities) = (builder.table(NAMES), builder.table(CITIES));
//! names
//!     .outer_join(cities, |name, city| {
//!         format!("{}/{}", name.as_deref().unwrap_or("-"), city.as_deref().unwrap_or("-"))
//!     })
//!     .to_stream()
//!     .to(PEOPLE);
//!
//! let mut driver = TestDriver::new(builder.build()?);
//! let some = |text: &str| Some(text.to_owned());
//! driver.pipe(&NAMES, 1_u64, some("l1"));
//! driver.pipe(&CITIES, 1_u64, some("r1"));
//! driver.pipe(&NAMES, 1_u64, some("l2"));
//! driver.pipe(&CITIES, 1_u64, some("r2"));
//! driver.pipe(&NAMES, 1_u64, None);
//! driver.pipe(&CITIES, 1_u64, None);
//! let people = [some("l1/-"), some("l1/r1"), some("l2/r1"), some("l2/r2"), some("-/r2"), None];
//! assert_eq!(driver.read(&PEOPLE), people.map(|text| (1, text)));
//! # Ok::<(), TopologyError>(())
//! ```
//!
//! # Two tables over a foreign key
//!
//! ```text
//! books       b1 -> a . . . . . . b2 -> a . . . . . . b1 -> b . . .
//! authors     . . . . . a = Ann . . . . . . a = Eve . . . . . . . .
//!
//! inner                 b1/Ann    b2/Ann    b1/Eve    b1 deleted
//!                                           b2/Eve
//! left        b1/-      b1/Ann    b2/Ann    b1/Eve    b1/-
//!                                           b2/Eve
//! ```
//!
//! Each row of the left table refers to at most one row of the right one, and a row of the right one may be referred to by
//! any number of rows. The two are usually in different tasks, so they talk through two topics of the application, and
//! results come a little later than the change that causes them:
//!
//! ```text
//! books (left)                                       authors (right)
//! b1 -> a     -- "I refer to a", hash of the row -->   a: kept as a subscription
//!             <-- "a is Ann", the same hash ---------  a = Ann
//! b1/Ann
//!                                                      a = Eve   (an update)
//!             <-- "a is Eve", the hash ---------------  to all who have subscribed
//! b1/Eve
//! b1 -> b     -- "not a any more", "I refer to b" -->
//! ```
//!
//! An answer to a row that has changed in the meantime is recognised by the hash, and ignored; it is counted as
//! `stale-answer`, which is nothing to worry about. If a topic is not partitioned by its keys' bytes, say how:
//! [`partitioned_by`](crate::dsl::KTable::partitioned_by).
//!
//! * **Late rows** replace newer ones, as between two tables.
//! * **Nulls.** A row that refers to nothing (`None`) has no result in `join_on`, which counts it as dropped
//!   (`null-foreign-key`), and one with `None` in `left_join_on`. Where a row is deleted, so is its result; a deletion may be forwarded where there was none.
//!
//! ```
//! use millstream::prelude::*;
//! use millstream::testing::TestDriver;
//!
//! const BOOKS: Topic<String, String> = Topic::new("authors-of-books");
//! const AUTHORS: Topic<String, String> = Topic::new("authors");
//! const SHELF: Topic<String, String> = Topic::new("shelf");
//!
//! let builder = StreamsBuilder::new();
//! let (books, authors) = (builder.table(BOOKS), builder.table(AUTHORS));
//! books
//!     .left_join_on(authors, |_, author| author.clone(), |_, name| name.unwrap_or_else(|| "-".to_owned()))
//!     .to_stream()
//!     .to(SHELF);
//!
//! let mut driver = TestDriver::new(builder.build()?);
//! driver.pipe(&BOOKS, "b1", "a");
//! driver.pipe(&AUTHORS, "a", "Ann");
//! driver.pipe(&BOOKS, "b2", "a");
//! driver.pipe(&AUTHORS, "a", "Eve");
//! driver.pipe(&BOOKS, "b1", "b");
//! let shelf = [("b1", "-"), ("b1", "Ann"), ("b2", "Ann"), ("b1", "Eve"), ("b2", "Eve"), ("b1", "-")];
//! assert_eq!(driver.read(&SHELF), shelf.map(|(book, name)| (book.to_owned(), name.to_owned())));
//! # Ok::<(), TopologyError>(())
//! ```
