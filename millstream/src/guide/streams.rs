//! Streams: records one by one, where they go, and how they are grouped.
//!
//! A [`KStream`](crate::dsl::KStream) is what is read from a topic, record by record. Nothing is remembered from one record
//! to the next by the operators of the first sections here, so they cost little and have no state that could be lost. A
//! record keeps its timestamp and its headers on the way, and all records that are made of it get them, too.
//!
//! # One record, none, or several
//!
//! ```text
//! records                 a=3       b=-1      c=~       d=5
//!                          |         |         |         |
//! filter(value > 0)       a=3        .        (1)       d=5
//! map_values(2 * value)   a=6       b=-2      (1)       d=10
//! map(key of value)       3=a       -1=b      (1)       5=d       keys have changed (2)
//! flat_map(as often)      a a a      .        (1)       d d d d d keys have changed (2)
//! ```
//!
//! * (1) **Null values** are records like any other. Closures get an `Option` for the value if the topic's type is one; if it
//!   is not, a null is undecodable, and fails or is skipped and counted as the setting
//!   `deserialization.exception.handler` says. [`filter_some`](crate::dsl::KStream::filter_some) leaves nulls out and
//!   removes the `Option`.
//! * **Null keys** pass, too: a record need not have a key, unless it is looked up, joined or aggregated by it.
//! * **Late records** do not exist here. What comes later is processed later, whatever its timestamp.
//! * (2) Where keys may have changed (`map`, `flat_map`, `select_key`, `group_by`, `process`), the next operator that depends
//!   on keys is behind a repartition topic: see [below](#groups-and-repartition-topics). The calls that end in `_values` say
//!   that keys stay, so use them where you can.
//!
//! | call | each record becomes |
//! | --- | --- |
//! | [`filter`](crate::dsl::KStream::filter), [`filter_not`](crate::dsl::KStream::filter_not), [`filter_some`](crate::dsl::KStream::filter_some) | itself or nothing |
//! | [`map_values`](crate::dsl::KStream::map_values), [`map`](crate::dsl::KStream::map), [`select_key`](crate::dsl::KStream::select_key) | one record |
//! | [`flat_map_values`](crate::dsl::KStream::flat_map_values), [`flat_map`](crate::dsl::KStream::flat_map) | any number of records |
//! | [`try_map`](crate::dsl::KStream::try_map) and the other `try_` calls | the same, or an error that ends the application and names the record |
//! | [`peek`](crate::dsl::KStream::peek) | itself, after an action |
//! | [`for_each`](crate::dsl::KStream::for_each), [`print`](crate::dsl::KStream::print) | nothing: an action at the end |
//!
//! A closure that panics ends the application in front of the record, whose place is in the error. Actions are repeated if
//! records are processed again after a crash; what is sent to topics is not, under exactly-once.
//!
//! # Branches, and streams that come together
//!
//! ```text
//! orders        5      2000     90000     70
//!               |        |        |        |
//! small         5        .        .       70      first branch: below 1000
//! large         .      2000       .        .      second branch: below 10000
//! default       .        .      90000      .      everything else
//! ```
//!
//! [`split`](crate::dsl::KStream::split) gives each record to the first branch that wants it, and
//! [`merge`](crate::dsl::KStream::merge) makes one stream of two. There is no order between records of different topics or
//! partitions, but the records of one partition stay in theirs.
//!
//! ```
//! use millstream::prelude::*;
//! use millstream::testing::TestDriver;
//!
//! const SHOP: Topic<u64, i64> = Topic::new("orders-of-the-shop");
//! const PHONE: Topic<u64, i64> = Topic::new("orders-by-phone");
//! const SMALL: Topic<u64, i64> = Topic::new("small-orders");
//! const TO_CHECK: Topic<u64, i64> = Topic::new("orders-to-check");
//!
//! let builder = StreamsBuilder::new();
//! let by_size = builder.stream(SHOP).merge(builder.stream(PHONE)).split();
//! by_size.branch(|_, cents| *cents < 1_000).to(SMALL);
//! by_size.default_branch().to(TO_CHECK);
//!
//! let mut driver = TestDriver::new(builder.build()?);
//! driver.pipe(&SHOP, 1_u64, 500);
//! driver.pipe(&PHONE, 2_u64, 90_000);
//! assert_eq!(driver.read(&SMALL), [(1, 500)]);
//! assert_eq!(driver.read(&TO_CHECK), [(2, 90_000)]);
//! # Ok::<(), TopologyError>(())
//! ```
//!
//! # Where records go
//!
//! [`to`](crate::dsl::KStream::to) sends records to a topic, and [`to_with`](crate::dsl::KStream::to_with) to one that a
//! closure chooses for each record. The partition is that of the key (murmur2 of its bytes, as in Java), and records without
//! a key are spread over all partitions. [`partitioned_by`](crate::dsl::Sent::partitioned_by) chooses otherwise: one
//! partition by its number, several, or all.
//!
//! # Groups and repartition topics
//!
//! All records of a key must be in one partition before they can be counted or joined. With a new key, they are not:
//!
//! ```text
//!                    partition 0                partition 1
//! visits, by user    ada=/home    ada=/cart     bob=/home
//!                        |            |             |
//! group_by(page)     /home=ada    /cart=ada     /home=bob
//!
//! repartition topic  /home=ada    /home=bob     /cart=ada
//!                        |            |             |
//! count              /home=1      /home=2       /cart=1
//! ```
//!
//! [`group_by`](crate::dsl::KStream::group_by) computes a new key, [`group_by_key`](crate::dsl::KStream::group_by_key) keeps
//! the one there is; then
//! [`count`](crate::dsl::KGroupedStream::count), [`reduce`](crate::dsl::KGroupedStream::reduce) and
//! [`aggregate`](crate::dsl::KGroupedStream::aggregate) make a table of one row per key. Without windows it goes on for
//! ever, and no record is late; [`windows`](super::windows) is about the others. An application makes its repartition topics
//! itself, and deletes from them what has been processed. [`repartition`](crate::dsl::KStream::repartition) asks for one, to
//! choose how many partitions it has, and with it how many tasks share the work.
//!
//! * **Null keys** belong to no group: such records are dropped and counted (`null-key`).
//! * **Null values** are dropped and counted (`null-value`), also by `count`, as in Kafka Streams. Only in
//!   [windows](super::windows#late-records) do they count. Where they should without windows, make values of them first:
//!   `.map_values(|page| page.is_some())`.
//! * Records of several partitions meet in a repartition topic in any order. What is in order by time in each of them need
//!   not be so there: give windows a grace, and see [replays](super::running#replays).
//!
//! ```
//! use millstream::prelude::*;
//! use millstream::testing::TestDriver;
//!
//! const VISITS: Topic<String, String> = Topic::new("visits");
//! const PER_PAGE: Topic<String, i64> = Topic::new("visits-per-page");
//!
//! let builder = StreamsBuilder::new();
//! builder.stream(VISITS).group_by(|_, page| page.clone()).count().to_stream().to(PER_PAGE);
//!
//! let mut driver = TestDriver::configure(builder.build()?).partitions(2).start();
//! for (user, page) in [("ada", "/home"), ("ada", "/cart"), ("bob", "/home")] {
//!     driver.pipe(&VISITS, user, page);
//! }
//! let mut counts = driver.read(&PER_PAGE);
//! counts.sort();
//! assert_eq!(counts, [("/cart".to_owned(), 1), ("/home".to_owned(), 1), ("/home".to_owned(), 2)]);
//! # Ok::<(), TopologyError>(())
//! ```
